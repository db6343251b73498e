/* A virtual function is called through the table that the process has. */
#include "serve.h"

struct shape {
	virtual int area(int side) const noexcept = 0;
	virtual ~shape() {}
};

struct square : shape {
	int area(int side) const noexcept override;
};

struct circle : shape {
	int area(int side) const noexcept override;
};

__attribute__((noinline)) int square::area(int side) const noexcept
{
	int area = 0;

	for (int i = 0; i < side; i++)
		area += side + i * 0;
	return area;
}

__attribute__((noinline)) int circle::area(int side) const noexcept
{
	return side * side * 3 + side / 7;
}

static const square a_square;
static const circle a_circle;
static const shape *const volatile shapes[] = { &a_square, &a_circle };

COMMAND(square) { answer("%d", shapes[0]->area(ARGUMENT)); }
COMMAND(circle) { answer("%d", shapes[1]->area(ARGUMENT)); }

const struct command commands[] = { ENTRY(square), ENTRY(circle), END };

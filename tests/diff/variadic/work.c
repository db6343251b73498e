/* Variable arguments, structures by value, floating point. */
#include "serve.h"

struct point { double x, y; long tag; };

SEPARATE static int sum(int nr, ...)
{
	va_list list;
	double total = 0;

	va_start(list, nr);
	for (int i = 0; i < nr; i++)
		total += i & 1 ? va_arg(list, double) : va_arg(list, int);
	va_end(list);
	return (int)(total * 2);
}

SEPARATE static struct point move(struct point point, double by)
{
	point.x += by;
	point.tag++;
	return point;
}

COMMAND(sum) { answer("%d", sum(4, ARGUMENT, 0.5, 10, 2.25)); }
COMMAND(move)
{
	struct point p = move((struct point){ 1, 2, ARGUMENT }, 0.5);

	answer("%g %g %ld", p.x, p.y, p.tag);
}

const struct command commands[] = { ENTRY(sum), ENTRY(move), END };

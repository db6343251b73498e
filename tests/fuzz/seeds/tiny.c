/* Something of everything that a file of code can hold, and not much of it. */
struct point {
	int x, y;
	const char *name;
};

enum colour { RED, GREEN = 7 };

int counter = 3;
static int calls;
__thread int depth;
static const char *const names[] = { "red", "green" };
static struct point points[4] = { { 1, 2, "one" }, { 3, 4, "two" } };

extern int outside(const struct point *point);

static void leave(int *saved)
{
	depth = *saved;
}

__attribute__((noinline)) static int length(const char *text)
{
	int nr = 0;

	while (text[nr])
		nr++;
	return nr;
}

int choose(enum colour colour, int value)
{
	static int times;

	times++;
	switch (value) {
	case 0: return length(names[colour == RED]);
	case 1: return counter;
	case 2: return times + 5;
	case 3: return calls * 7;
	case 4: return -value;
	case 5: return depth;
	}
	return 0;
}

/* A landing pad and a frame that restores. */
int enter(struct point *point)
{
	int saved __attribute__((cleanup(leave))) = depth++;
	volatile char room[64] = { 0 };

	calls++;
	return outside(point) + outside(&points[saved & 3]) + room[depth & 63];
}

/* Nobody called it, as _start and clone say. */
__asm__(".globl first\n"
	".type first, @function\n"
	"first:\n"
	".cfi_startproc simple\n"
	".cfi_undefined rip\n"
	"	call enter\n"
	".cfi_def_cfa rsp, 16\n"
	".cfi_remember_state\n"
	"	hlt\n"
	".cfi_restore_state\n"
	".cfi_endproc\n"
	".size first, . - first\n");

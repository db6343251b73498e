/* One literal of many, in a function with two switch tables. */
#include "serve.h"

SEPARATE static const char *describe(int which, int a)
{
	switch (which) {
	case 0: return a > 0 ? "case 0 is over" : "case 0 is not";
	case 1: return a > 3 ? "case 1 is over" : "case 1 is not";
	case 2: return a > 6 ? "case 2 is over" : "case 2 is not";
	case 3: return a > 9 ? "case 3 is over" : "case 3 is not";
	case 4: return a > 12 ? "case 4 is over" : "case 4 is not";
	case 5: return a > 15 ? "case 5 is over" : "case 5 is not";
	case 6: return a > 18 ? "case 6 is over" : "case 6 is not";
	case 7: return a > 21 ? "case 7 is over" : "case 7 is not";
	case 8: return a > 24 ? "case 8 is over" : "case 8 is not";
	case 9: return a > 27 ? "case 9 is over" : "case 9 is not";
	case 10: return a > 30 ? "case 10 is over" : "case 10 is not";
	case 11: return a > 33 ? "case 11 is over" : "case 11 is not";
	case 12: return a > 36 ? "case 12 is over" : "case 12 is not";
	case 13: return a > 39 ? "case 13 is over" : "case 13 is not";
	case 14: return a > 42 ? "case 14 is over" : "case 14 is not";
	case 15: return a > 45 ? "case 15 is over" : "case 15 is not";
	case 16: return a > 48 ? "case 16 is over" : "case 16 is not";
	case 17: return a > 51 ? "case 17 is over" : "case 17 is not";
	case 18: return a > 54 ? "case 18 is over" : "case 18 is not";
	case 19: return a > 57 ? "case 19 is over" : "case 19 is not";
	case 20: return a > 60 ? "case 20 is over" : "case 20 is not";
	case 21: return a > 63 ? "case 21 is over" : "case 21 is not";
	case 22: return a > 66 ? "case 22 is over" : "case 22 is not";
	case 23: return a > 69 ? "case 23 is over" : "case 23 is not";
	case 24: return a > 72 ? "case 24 is over" : "case 24 is not";
	case 25: return a > 75 ? "case 25 is over" : "case 25 is not";
	case 26: return a > 78 ? "case 26 is over" : "case 26 is not";
	case 27: return a > 81 ? "case 27 is over" : "case 27 is not";
	case 28: return a > 84 ? "case 28 is over" : "case 28 is not";
	case 29: return a > 87 ? "case 29 is over" : "case 29 is not";
	case 30: return a > 90 ? "case 30 is over" : "case 30 is not";
	case 31: return a > 93 ? "case 31 is over" : "case 31 is not";
	case 32: return a > 96 ? "case 32 is over" : "case 32 is not";
	case 33: return a > 99 ? "case 33 is over" : "case 33 is not";
	case 34: return a > 102 ? "case 34 is over" : "case 34 is not";
	case 35: return a > 105 ? "case 35 is over" : "case 35 is not";
	case 36: return a > 108 ? "case 36 is over" : "case 36 is not";
	case 37: return a > 111 ? "case 37 is over" : "case 37 is not";
	case 38: return a > 114 ? "case 38 is over" : "case 38 is not";
	case 39: return a > 117 ? "case 39 is over" : "case 39 is not";
	}
	return "unknown";
}

SEPARATE static int weight(int which, int a)
{
	int total = 0;

	switch (which) {
	case 0: total += a * 3; /* fall through */
	case 1: total ^= 0x55 + a; break;
	case 2: total = describe(a, a)[5]; break;
	case 3: total -= 77; /* fall through */
	case 4: total *= a + 5; break;
	case 5: total = (int)strlen(describe(7, a)); break;
	case 6: answer("six"); break;
	case 7: total = a % 13; break;
	}
	return total;
}

COMMAND(describe) { answer("%s", describe(ARGUMENT, ARGUMENT2)); }
COMMAND(weight) { answer("%d", weight(ARGUMENT, ARGUMENT2)); }

const struct command commands[] = { ENTRY(describe), ENTRY(weight), END };

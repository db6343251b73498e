/*
 * What a replacement source includes. Depends on nothing else.
 *
 * A replacement is ordinary C, compiled into an ordinary shared object by
 * hotfix-build(1). Whatever it refers to and does not define lives in the
 * running program: the program's own functions and variables, static ones too,
 * and everything that its libraries export. Declare them as usual; `extern` is
 * enough even for what is `static` in the program:
 *
 *	#include "server.h"			// the program's own headers
 *	#include <hotfix/hotfix.h>
 *
 *	extern int nr_orders;			// static in src/order.c
 *	extern __thread char last_error[64];	// thread-local
 *	extern int check_card(const char *);	// a static function
 *
 *	int charge(struct order *order)
 *	{
 *		if (!check_card(order->card))
 *			return -1;
 *		return HOTFIX_ORIGINAL(charge)(order);
 *	}
 *	HOTFIX_REPLACE(charge);
 *
 * The records that these macros leave are read by hotfix-build.
 */
#ifndef HOTFIX_HOTFIX_H
#define HOTFIX_HOTFIX_H

#ifdef __cplusplus
#error "hotfix: replacements are written in C"
#endif

/* Read by hotfix-build from the section .hotfix.records. */
struct hotfix_record {
	unsigned long kind;   /* enum hotfix_record_kind */
	const char *name;     /* the target's name for it */
	const char *source;   /* source file in the target, "" when any */
	const char *local;    /* the name in this file */
	const void *address;  /* of the function in this file, or NULL */
};

enum hotfix_record_kind {
	HOTFIX_RECORD_REPLACE = 1,
	HOTFIX_RECORD_IMPORT = 2,
	HOTFIX_RECORD_PRE_APPLY = 3,
	HOTFIX_RECORD_POST_APPLY = 4,
	HOTFIX_RECORD_PRE_REVERT = 5,
	HOTFIX_RECORD_POST_REVERT = 6,
};

#define HOTFIX_PASTE_(a, b) a##b
#define HOTFIX_PASTE(a, b) HOTFIX_PASTE_(a, b)

#define HOTFIX_RECORD_(kind, name, source, local, address)                     \
	static const struct hotfix_record __attribute__((                      \
		used, section(".hotfix.records"), aligned(8)))                 \
	HOTFIX_PASTE(hotfix_record_, __COUNTER__) = { kind, name, source,      \
						      local, address }

/* The function `function` of this file replaces the target's of that name. */
#define HOTFIX_REPLACE(function)                                               \
	HOTFIX_RECORD_(HOTFIX_RECORD_REPLACE, #function, "", #function,        \
		       (const void *)&function)

/* The function `new` of this file replaces the target's `old`. */
#define HOTFIX_REPLACE_AS(old, new)                                            \
	HOTFIX_RECORD_(HOTFIX_RECORD_REPLACE, #old, "", #new,                  \
		       (const void *)&new)

/*
 * The same where several static functions of the target are named `old`:
 * the one of source file `source`, as much of its path as is needed.
 */
#define HOTFIX_REPLACE_IN(source, old, new)                                    \
	HOTFIX_RECORD_(HOTFIX_RECORD_REPLACE, #old, source, #new,              \
		       (const void *)&new)

/*
 * The code that `function`, a replacement of this file, replaces: call it like
 * the function itself. It is always the program's own code, even when another
 * patch of the same function is active.
 */
#define HOTFIX_ORIGINAL(function)                                              \
	(__extension__({                                                       \
		extern __typeof__(function) hotfix_original_##function         \
			__asm__("hotfix.original." #function);                 \
		&hotfix_original_##function;                                   \
	}))

/*
 * `name`, used in this file, means the one that source file `source` of the
 * target defines. For static functions and variables whose name is ambiguous.
 */
#define HOTFIX_IMPORT_FROM(source, name)                                       \
	HOTFIX_RECORD_(HOTFIX_RECORD_IMPORT, #name, source, #name, 0)

/*
 * `local`, declared extern in this file, stands for the target's `name` of
 * `source` ("" for any). Also for the static variables of functions:
 * HOTFIX_IMPORT_AS(nr_calls, "src/pay.c", charge.nr_calls).
 */
#define HOTFIX_IMPORT_AS(local, source, name)                                  \
	HOTFIX_RECORD_(HOTFIX_RECORD_IMPORT, #name, source, #local, 0)

/*
 * Functions to run inside the target: `int f(void)` before it is switched (not
 * 0 refuses and nothing changes), `void f(void)` after. They run on a borrowed
 * thread that may hold any lock, so they must be async-signal-safe, as a signal
 * handler (signal-safety(7)); they have a second.
 */
#define HOTFIX_PRE_APPLY(function)                                             \
	HOTFIX_RECORD_(HOTFIX_RECORD_PRE_APPLY, "", "", #function,             \
		       (const void *)(int (*)(void))&function)
#define HOTFIX_POST_APPLY(function)                                            \
	HOTFIX_RECORD_(HOTFIX_RECORD_POST_APPLY, "", "", #function,            \
		       (const void *)(void (*)(void))&function)
#define HOTFIX_PRE_REVERT(function)                                            \
	HOTFIX_RECORD_(HOTFIX_RECORD_PRE_REVERT, "", "", #function,            \
		       (const void *)(int (*)(void))&function)
#define HOTFIX_POST_REVERT(function)                                           \
	HOTFIX_RECORD_(HOTFIX_RECORD_POST_REVERT, "", "", #function,           \
		       (const void *)(void (*)(void))&function)

#endif

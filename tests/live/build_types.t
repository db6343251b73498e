#!/bin/bash
# A replacement's parameters and result must be the original's.
. "$(dirname "$0")/build_lib.sh"

target_with_types()
{
	source_of srv.c <<-'EOF'
		#include <stddef.h>
		#include <stdint.h>
		struct inner { short s; };
		struct order { int amount; struct inner inner; struct order *next; };
		typedef unsigned long size;
		enum color { RED, GREEN };
		typedef int (*handler)(struct order *, int);
		__attribute__((noinline)) long
		f(struct order *order, const char *name, size nr, enum color color)
		{
			return order->amount * 3 + name[nr] + color;
		}
		__attribute__((noinline)) double by_value(struct order o, float x)
		{
			return o.amount * x + 4;
		}
		__attribute__((noinline)) int many(handler h, int first, ...)
		{
			return h(NULL, first) * 5 + 7;
		}
		__attribute__((noinline)) void none(void) { __asm__ volatile("nop; nop; nop; nop; nop"); }
		static int handle(struct order *o, int a) { return o ? 1 : a; }
		int main(int c, char **v)
		{
			struct order o = { c };
			none();
			return f(&o, v[0], 0, RED) + by_value(o, 2) + many(handle, 1, 2);
		}
	EOF
	target srv srv.c
}

# fix.c: types of the target, then the function.
TYPES='struct inner { short s; }; enum color { RED, GREEN };
struct order { int amount; struct inner inner; struct order *next; };'

replaced() # NAME DEFINITION [TYPES]
{
	{
		echo '#include <hotfix/hotfix.h>'
		echo "${3:-$TYPES}"
		echo "$2"
		echo "HOTFIX_REPLACE($1);"
	} >"$TMP/fix.c"
}

accepted()
{
	replaced "$@"
	build srv fix.c
	note_says 'types equal'
}

mismatch() # OLD_PROTOTYPE NEW_PROTOTYPE NAME DEFINITION [TYPES]
{
	local old=$1 new=$2
	shift 2
	replaced "$@"
	build_refused type-mismatch srv fix.c
	stderr_says "in the target: +$old"
	stderr_says "the replacement: +$new"
}

F='long (int )?f\(struct order \*, const char \*, size, enum color\)'

test_equal()
{
	target_with_types
	accepted f 'long f(struct order *o, const char *n, unsigned long nr, enum color c) { return 1; }'
	# Another spelling of the same types; qualifiers change no bits.
	accepted f 'typedef struct order T; typedef unsigned long u;
		long int f(T *const o, char *n, const u nr, const enum color c) { return 1; }'
	# Opaque pointers are enough where nothing is read.
	accepted f 'struct order; long f(struct order *o, const char *n, unsigned long nr, enum color c) { return 1; }' \
		'enum color { RED, GREEN };'
	accepted by_value 'double by_value(struct order o, float x) { return x; }'
	accepted many 'int many(int (*h)(struct order *, int), int first, ...) { return 1; }'
	accepted none 'void none(void) { }'
}

test_parameters()
{
	target_with_types
	mismatch "$F" 'long (int )?f\(struct order \*, const char \*, (unsigned int|int), enum color\)' \
		f 'long f(struct order *o, const char *n, unsigned nr, enum color c) { return 1; }'
	mismatch "$F" 'long (int )?f\(struct order \*, const char \*, .*unsigned.*\)' \
		f 'long f(struct order *o, const char *n, unsigned long nr) { return 1; }'
	mismatch "$F" '.*' \
		f 'long f(struct order *o, const char *n, long nr, enum color c) { return 1; }'
	mismatch "$F" '.*struct inner \*' \
		f 'long f(struct inner *o, const char *n, unsigned long nr, enum color c) { return 1; }'
	mismatch 'double by_value\(struct order, float\)' 'double by_value\(struct order, double\)' \
		by_value 'double by_value(struct order o, double x) { return x; }'
	mismatch 'int many\(handler, int, ...\)' 'int many\(.*, int\)' \
		many 'int many(int (*h)(struct order *, int), int first) { return 1; }'
	mismatch 'void none\(void\)' 'void none\(int\)' none 'void none(int x) { }'
}

test_result()
{
	target_with_types
	mismatch "$F" 'int f\(.*' \
		f 'int f(struct order *o, const char *n, unsigned long nr, enum color c) { return 1; }'
	mismatch 'void none\(void\)' 'int none\(void\)' none 'int none(void) { return 1; }'
}

# Another layout of what is pointed to: the running data has the old one.
test_layout()
{
	target_with_types
	local definition='long f(struct order *o, const char *n, unsigned long nr, enum color c) { return o->amount; }'
	mismatch "$F" '.*' f "$definition" \
		'struct inner { short s; }; enum color { RED, GREEN };
		 struct order { long amount; struct inner inner; struct order *next; };'
	stderr_says '\(member amount of order has another type\)'
	mismatch "$F" '.*' f "$definition" \
		'struct inner { short s; }; enum color { RED, GREEN };
		 struct order { int added; int amount; struct inner inner; struct order *next; };'
	stderr_says 'has member amount where the replacement has added'
	mismatch "$F" '.*' f "$definition" \
		'struct inner { char s; }; enum color { RED, GREEN };
		 struct order { int amount; struct inner inner; struct order *next; };'
	stderr_says '\(member s of inner has another type\)'
	stderr_says 'hint: .*layout of its structures'
}

# The target's header has another layout with -DWITH_LOG, and nothing but the
# layouts in its debug information tells that it was built so.
macro_shop()
{
	source_of order.h <<-'EOF'
		#ifdef WITH_LOG
		enum { PLAIN };
		enum state { LOGGED, OPEN, PAID };
		#else
		enum state { OPEN, PAID };
		#endif
		struct item {
		#ifdef WITH_LOG
			long log;
		#endif
			int price;
		};
		struct order { struct item *item; };
		struct item *item_of(int number);
	EOF
	source_of srv.c <<-'EOF'
		#include "order.h"
		static struct item items[4];
		static struct order order = { items };
		enum state state = PAID;
		__attribute__((noinline)) struct item *item_of(int number)
		{
			items[number & 3].price++;
			return &items[number & 3];
		}
		__attribute__((noinline)) struct order *order_of(int number)
		{
			order.item = items + (number & 1);
			return &order;
		}
		__attribute__((noinline)) int charge(int number)
		{
			state = state == PAID ? OPEN : PAID;
			return item_of(number)->price * 3 +
			       order_of(number)->item->price + 1000;
		}
		int main(int c, char **v) { return charge(c) + charge(c + 1); }
	EOF
	target srv -DWITH_LOG srv.c
}

macro_fix() # BODY
{
	printf '%s\n' '#include "order.h"' '#include <hotfix/hotfix.h>' \
		'extern struct order *order_of(int number);' \
		"int charge(int number) { $1 }" 'HOTFIX_REPLACE(charge);' \
		>"$TMP/fix.c"
}

# Behind a function's result, behind two pointers, behind a cast.
test_structures_of_another_configuration()
{
	local body
	macro_shop
	for body in 'return item_of(number)->price;' \
		'return order_of(number)->item->price;' \
		'return ((struct item *)(long)number)->price;'; do
		macro_fix "$body"
		build_refused type-mismatch srv fix.c
		stderr_says 'struct item is another one than the target'
		stderr_says 'the target has member log where the replacement has price'
		stderr_says 'hint: compile with the macros of the target.s build'
		build srv fix.c -- -DWITH_LOG
		note_says 'structures, unions and enumerations equal the target'
	done
}

test_enumeration_of_another_configuration()
{
	macro_shop
	macro_fix 'enum state now = number ? OPEN : PAID; return now + 5;'
	build_refused type-mismatch srv fix.c
	stderr_says 'OPEN is 1 in the target, 0 in the replacement'
	build srv fix.c -- -DWITH_LOG
}

# What a fix adds to an enumeration, or calls as nothing in that source file is
# called, is its own affair.
test_types_of_its_own()
{
	macro_shop
	source_of fix.c <<-'EOF'
		#include <hotfix/hotfix.h>
		enum state { LOGGED, OPEN, PAID, REFUSED };
		struct mine { char name[12]; int number; };
		int charge(int number)
		{
			struct mine mine = { "x", number };
			enum state state = number > 3 ? REFUSED : PAID;
			__asm__("" : "+m"(mine), "+m"(state));
			return mine.number + state;
		}
		HOTFIX_REPLACE(charge);
	EOF
	build srv fix.c
}

test_prototype_of_called_function()
{
	macro_shop
	source_of fix.c <<-'EOF'
		#include <hotfix/hotfix.h>
		extern int item_of(int number, int how);
		int charge(int number) { return item_of(number, 1); }
		HOTFIX_REPLACE(charge);
	EOF
	build_refused type-mismatch srv fix.c
	stderr_says 'item_of\(\) is declared with another prototype'
	stderr_says 'in the target: +struct item \* ?item_of\(int\)'
	stderr_says 'the replacement: int item_of\(int, int\)'
	# One that says nothing about parameters cannot be wrong about them.
	sed -i 's/extern int item_of.*/extern void *item_of();/
		s/return item_of.*/return item_of(number) != 0; }/' "$TMP/fix.c"
	build srv fix.c
}

run_tests "$@"

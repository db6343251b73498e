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

run_tests "$@"

#!/bin/bash
# Names and types of stripped targets: where debug information is found.
. "$(dirname "$0")/build_lib.sh"

# The debug file's name is none that anybody would guess.
stripped_shop()
{
	shop
	target srv srv.c
	objcopy --only-keep-debug "$TMP/srv" "$TMP/dbg"
	cp "$TMP/srv" "$TMP/unstripped"
	strip "$TMP/srv"
}

# As good as with everything in one file.
check_complete()
{
	is "$(import_of nr_orders address)" "$(address_of unstripped nr_orders)"
	note_says 'parameter and return types equal'
	! grep -q 'no debug information' "$TMP/stderr" || fail "$STDERR"
}

test_stripped_without_any()
{
	stripped_shop
	build_refused function-missing srv fix.c
	stderr_says 'srv is stripped: give its debug file with'
}

# What is exported can be patched even so, and what was not checked is said.
test_stripped_exports_only()
{
	shop
	target srv -rdynamic srv.c
	strip "$TMP/srv"
	source_of plain.c <<-'EOF'
		#include <hotfix/hotfix.h>
		struct order;
		extern int limit;
		int charge(struct order *order, int fee) { return fee > limit; }
		HOTFIX_REPLACE(charge);
	EOF
	build srv plain.c
	stderr_says 'warning: srv has no debug information'
	note_says 'types and inlining not checked'
}

test_named_file()
{
	stripped_shop
	mv "$TMP/dbg" "$TMP/elsewhere"
	build srv fix.c --debuginfo elsewhere
	check_complete
}

test_file_of_another_build()
{
	stripped_shop
	target other -O1 srv.c
	build_refused debuginfo-mismatch srv fix.c --debuginfo other
	stderr_says 'build-id of the target: +[0-9a-f]{40}'
	build_exit 1 srv fix.c --debuginfo nowhere
	stderr_says 'cannot open nowhere: No such file'
}

test_debuglink()
{
	stripped_shop
	objcopy --add-gnu-debuglink="$TMP/dbg" "$TMP/srv"
	build srv fix.c
	check_complete
	mkdir "$TMP/.debug"
	mv "$TMP/dbg" "$TMP/.debug/dbg"
	build srv fix.c
	check_complete
}

test_build_id_directory()
{
	stripped_shop
	local id
	id=$(readelf -n "$TMP/srv" | awk '/Build ID/ { print $3 }')
	mkdir -p "$TMP/root/usr/lib/debug/.build-id/${id:0:2}"
	mv "$TMP/dbg" \
		"$TMP/root/usr/lib/debug/.build-id/${id:0:2}/${id:2}.debug"
	build srv fix.c --sysroot "$TMP/root"
	check_complete
	# Its libraries are not below that root: known by what srv imports.
	is "$(import_of fprintf version)" GLIBC_2.2.5
}

test_symbols_but_no_types()
{
	shop
	target srv srv.c
	strip --strip-debug "$TMP/srv"
	source_of fix2.c <<-'EOF'
		#include <hotfix/hotfix.h>
		struct order;
		extern int nr_orders, nr_calls, check_card(const char *);
		HOTFIX_IMPORT_AS(nr_calls, "srv.c", charge.nr_calls);
		int charge(struct order *order, int fee)
		{
			return nr_orders + nr_calls + check_card("x");
		}
		HOTFIX_REPLACE(charge);
	EOF
	build srv fix2.c
	stderr_says 'no debug information'
	stderr_says 'does not tell what compiler flags it was built with'
	case $(import_of nr_calls name) in
	nr_calls.*) ;;
	*) fail "$(import_of nr_calls name)" ;;
	esac
}

test_flags_of_the_target()
{
	shop
	source_of probe.c <<-'EOF'
		#include <hotfix/hotfix.h>
		struct order;
		#if __STDC_VERSION__ != 199901L || !defined __AVX2__ || \
			defined __STRICT_ANSI__ || __OPTIMIZE__ != 1
		#error other flags
		#endif
		int charge(struct order *order, int fee)
		{
			return sizeof(enum { SMALL }) == 1 && order ? fee : 0;
		}
		HOTFIX_REPLACE(charge);
	EOF
	(cd "$TMP" && gcc -g -O1 -std=gnu99 -mavx2 -fshort-enums -flto -fPIE \
		-fsanitize=undefined -fprofile-arcs -Wl,--build-id \
		-fno-lto -o srv srv.c)
	build srv probe.c
	note_says '"flags": ".*-fshort-enums'
	note >"$TMP/note.json"
	! grep -E '"flags": ".*(-fPIE|-flto|-fsanitize|-fprofile)' \
		"$TMP/note.json" || fail 'flags that a patch must not have'
}

# The unit whose function is replaced decides, not the first one.
test_flags_of_the_right_unit()
{
	source_of a.c <<-'EOF'
		__attribute__((noinline)) int f(int a) { return a * 3 + 77; }
	EOF
	source_of b.c <<-'EOF'
		int f(int a);
		__attribute__((noinline)) int g(int a) { return a * 5 + 99; }
		int main(int c, char **v) { return f(c) + g(c); }
	EOF
	(cd "$TMP" && gcc -g -O1 -c a.c && gcc -g -O2 -mavx2 -c b.c &&
		gcc -Wl,--build-id -o srv a.o b.o)
	source_of fix.c <<-'EOF'
		#include <hotfix/hotfix.h>
		#ifdef __AVX2__
		#error flags of the wrong unit
		#endif
		int f(int a) { return a; }
		HOTFIX_REPLACE(f);
	EOF
	build srv fix.c
	# Hidden from the first look at the text; the records tell later.
	source_of fix.c <<-'EOF'
		#include <hotfix/hotfix.h>
		#define PATCHED(name) HOTFIX_REPLACE(name)
		#ifdef __AVX2__
		int g(int a) { return a; }
		#else
		int g(int a) { return a + 1; }
		#endif
		PATCHED(g);
	EOF
	build srv fix.c
	note_says '"flags": ".*-mavx2'
}

test_compile_commands()
{
	shop
	mkdir -p "$TMP/include"
	echo '#define FROM_HEADER 42' >"$TMP/include/own.h"
	target srv srv.c
	cat >"$TMP/compile_commands.json" <<-EOF
		[{"directory": "$TMP", "file": "other.c", "command": "cc -c other.c"},
		 {"directory": "$TMP", "file": "srv.c", "command":
		  "gcc -O2 -g '-DGREETING=\"hello you\"' -Iinclude -flto -c -o srv.o srv.c"}]
	EOF
	source_of probe.c <<-'EOF'
		#include <hotfix/hotfix.h>
		#include <own.h>
		struct order;
		_Static_assert(sizeof GREETING == 10, "quoted words");
		int charge(struct order *order, int fee) { return FROM_HEADER; }
		HOTFIX_REPLACE(charge);
	EOF
	build srv probe.c --compile-commands compile_commands.json
	echo '[' >"$TMP/broken.json"
	build_exit 1 srv probe.c --compile-commands broken.json
	stderr_says 'broken.json: line'
}

test_extra_flags_and_compiler()
{
	shop
	target srv srv.c
	source_of probe.c <<-'EOF'
		#include <hotfix/hotfix.h>
		struct order;
		int charge(struct order *order, int fee) { return EXTRA; }
		HOTFIX_REPLACE(charge);
	EOF
	build srv probe.c -- -DEXTRA=1
	mkdir -p "$TMP/bin"
	printf '#!/bin/sh\nexec gcc -DEXTRA=2 "$@"\n' >"$TMP/bin/my-cc"
	chmod +x "$TMP/bin/my-cc"
	CC="$TMP/bin/my-cc -g0" build srv probe.c
	CC=no-such-compiler build_exit 1 srv probe.c
	stderr_says 'cannot run no-such-compiler: No such file'
	stderr_says 'hint: install it, or name another compiler with CC='
}

test_other_compiler_is_told()
{
	command -v clang >/dev/null || skip 'no clang'
	shop
	target srv srv.c
	CC=clang build srv fix.c
	stderr_says 'warning: the target was compiled by another compiler'
}

# Headers next to the target's source are found.
test_headers_of_the_target()
{
	mkdir -p "$TMP/src" "$TMP/fixes"
	echo 'struct order { int amount; };' >"$TMP/src/order.h"
	source_of src/srv.c <<-'EOF'
		#include "order.h"
		__attribute__((noinline)) int charge(struct order *order)
		{
			return order->amount * 3 + 900;
		}
		int main(int c, char **v)
		{
			struct order order = { c };
			return charge(&order);
		}
	EOF
	target srv src/srv.c
	source_of fixes/fix.c <<-'EOF'
		#include <hotfix/hotfix.h>
		#include "order.h"
		int charge(struct order *order) { return order->amount; }
		HOTFIX_REPLACE(charge);
	EOF
	build srv fixes/fix.c
}

# Distributions compress debug information: what several units have in common is
# in a unit of its own, which does not even tell its language.
test_compressed_by_dwz()
{
	local file
	command -v dwz >/dev/null || skip 'dwz is not installed'
	source_of order.h <<-'EOF'
		struct item { char name[17]; int prices[3][4]; struct item *next; };
		struct order { struct item first, *items; int totals[9]; };
		int charge(struct order *order, struct item *item);
		int other(struct order *order, struct item *item);
		int third(struct order *order, struct item *item);
	EOF
	for file in charge other third; do
		source_of $file.c <<-EOF
			#include "order.h"
			int $file(struct order *order, struct item *item)
			{
				order->items = item;
				return order->totals[2] + item->prices[1][2] + 1000;
			}
		EOF
	done
	source_of main.c <<-'EOF'
		#include "order.h"
		static struct order order;
		int main(int c, char **v)
		{
			return charge(&order, &order.first) +
			       other(&order, &order.first) +
			       third(&order, &order.first);
		}
	EOF
	target srv charge.c other.c third.c main.c
	objcopy --only-keep-debug "$TMP/srv" "$TMP/dbg"
	dwz "$TMP/dbg"
	readelf --debug-dump=info "$TMP/dbg" >"$TMP/dump" 2>/dev/null
	grep -q DW_TAG_partial_unit "$TMP/dump" || fail 'nothing was shared'
	strip "$TMP/srv"
	source_of fix.c <<-'EOF'
		#include "order.h"
		#include <hotfix/hotfix.h>
		extern int other(struct order *order, struct item *item);
		int charge(struct order *order, struct item *item)
		{
			return other(order, item) + item->prices[2][3];
		}
		HOTFIX_REPLACE(charge);
	EOF
	build srv fix.c --debuginfo dbg
	note_says 'parameter and return types equal'
	note_says '2 structures, unions and enumerations equal'
	sed -i 's/prices.3..4./prices[3][5]/' "$TMP/order.h"
	build_refused type-mismatch srv fix.c --debuginfo dbg
	stderr_says 'member prices of item has another type'
}

# Headers are in three places, one of which only a <app/...> names, and one has
# the name of a system header.
test_headers_of_the_target()
{
	mkdir -p "$TMP/tree/src" "$TMP/tree/include/app" "$TMP/tree/util"
	source_of tree/include/app/order.h <<-'EOF'
		#include "time.h"
		struct order { struct moment at; int amount; };
	EOF
	source_of tree/include/app/time.h <<-'EOF'
		struct moment { int day; };
	EOF
	source_of tree/util/clock.h <<-'EOF'
		#include <time.h>
		static inline int today(void) { return (int)(time(0) / 86400); }
	EOF
	source_of tree/src/srv.c <<-'EOF'
		#include <app/order.h>
		#include "clock.h"
		__attribute__((noinline)) int charge(struct order *order)
		{
			return order->amount + (order->at.day == today()) * 77;
		}
		int main(int c, char **v)
		{
			struct order order = { { c }, c };
			return charge(&order);
		}
	EOF
	source_of fix.c <<-'EOF'
		#include <app/order.h>
		#include "clock.h"
		#include <hotfix/hotfix.h>
		int charge(struct order *order)
		{
			return order->amount + today() + HOTFIX_ORIGINAL(charge)(order);
		}
		HOTFIX_REPLACE(charge);
	EOF
	(cd "$TMP/tree/src" && gcc $DISTRIBUTION_FLAGS -I../include -I../util \
		-o ../../srv srv.c)
	build srv fix.c
	note_says 'parameter and return types equal'
	mv "$TMP/tree" "$TMP/gone"
	build_exit 1 srv fix.c
	stderr_says 'hint: debug information has no macros'
}

run_tests "$@"

#!/bin/bash
# Objects of a program before and after become a patch of that program, whatever
# it was compiled for. The source is compiled twice, the second time with -DNEW;
# its work(n) answers line n.
. "$(dirname "$0")/build_lib.sh"

# name|compiler|compiler flags|linker flags
KINDS='
pie|gcc|-O2 -fPIE|-pie
fixed|gcc|-O2 -fno-pie|-no-pie
static|gcc|-O2 -fno-pie|-static
static-pie|gcc|-O3 -fPIE|-static-pie
pic|gcc|-O2 -fPIC|-pie
unoptimised|gcc|-O0 -fno-pie|-no-pie
clang-pie|clang|-O2 -fPIE|-pie
clang-fixed|clang|-O2 -fno-pie|-no-pie
clang-pic|clang|-O3 -fPIC|-pie
library|gcc|-O2 -fPIC|-shared
clang-library|clang|-O2 -fPIC|-shared
'
COMMON='-g -ffunction-sections -fdata-sections -Wl,--build-id'

compile() # DIRECTORY FLAG...
{
	local directory=$1 source
	shift
	mkdir -p "$TMP/$directory"
	for source in "$TMP"/*.c; do
		source=${source##*/}
		[ $source = serve.c ] || (cd "$TMP" && $CC $COMMON $FLAGS "$@" \
			-c -o "$directory/${source%.c}.o" "$source" 2>&1 |
			grep -v "'linker' input unused" || true)
	done
}

serve()
{
	source_of serve.c <<-'CODE'
		#include <stdio.h>
		#include <stdlib.h>
		const char *work(int n);
		int main(void)
		{
			char line[100];
			setvbuf(stdout, NULL, _IOLBF, 0);
			puts("ready");
			while (fgets(line, sizeof(line), stdin) && *line != 'q')
				puts(work(atoi(line)));
			return 0;
		}
	CODE
}

# Sets CC, FLAGS, TARGET and PROGRAM; objects are in old/ and new/.
build_kind() # KIND
{
	local kind link
	IFS='|' read -r kind CC FLAGS link <<<"$1"
	command -v $CC >/dev/null || return 1
	rm -rf "$TMP/old" "$TMP/new"
	compile old ${OLD_FLAGS:-}
	compile new -DNEW ${NEW_FLAGS:-}
	serve
	(
		cd "$TMP"
		case $link in
		-shared)
			$CC -shared $COMMON -Wl,-soname,libwork.so -o libwork.so old/*.o
			$CC -o srv serve.c -L. -lwork -Wl,-rpath,"$TMP"
			;;
		*) $CC $COMMON ${FLAGS##* } $link -o srv serve.c old/*.o ;;
		esac
	)
	TARGET=srv
	[ $link != -shared ] || TARGET=libwork.so
}

extract_exit() # STATUS [OBJECT]...
{
	local status=$1 object pairs=()
	for object in "$TMP"/new/*.o; do
		object=${object##*/}
		[ ! "${EXTRACT_ALL:-}" ] &&
			cmp -s "$TMP/old/$object" "$TMP/new/$object" ||
			pairs+=("$TMP/old/$object" "$TMP/new/$object")
	done
	rm -f "$TMP/fix.hotfix.so"
	program_exit $status "$HOTFIX_O/tests/tools/extract" "$TMP/$TARGET" \
		"$TMP/fix.hotfix.so" "${pairs[@]}"
	STDERR=$(<"$TMP/stderr")
}

# What every tool must think of it.
check_file()
{
	readelf -aW "$TMP/fix.hotfix.so" >"$TMP/readelf" 2>&1
	! grep -iE 'warning|error:' "$TMP/readelf" || fail 'readelf complains'
	! grep -E 'TEXTREL|NEEDED|INIT|FINI' "$TMP/readelf" ||
		fail 'a dynamic loader would be needed'
	objdump -d "$TMP/fix.hotfix.so" >"$TMP/objdump" 2>&1
	! grep -i warning "$TMP/objdump" || fail 'objdump complains'
}

# Questions before, and the same after.
check_patch() # QUESTIONS BEFORE AFTER
{
	local i questions=($1) before after
	IFS=, read -r -a before <<<"$2"
	IFS=, read -r -a after <<<"$3"
	start_program "$TMP/srv"
	for i in "${!questions[@]}"; do
		expect "${questions[i]}" "${before[i]}"
	done
	hotfix apply "$TMP/fix.hotfix.so" -p $PID
	for i in "${!questions[@]}"; do
		expect "${questions[i]}" "${after[i]}"
	done
	hotfix revert fix -p $PID
	ask "${questions[0]}"
	finish
}

# Every kind, or those that match WHICH.
check_all() # QUESTIONS BEFORE AFTER
{
	local kind
	for kind in $(tr ' ' '#' <<<"$KINDS"); do
		kind=${kind//#/ }
		[[ ${kind%%|*} =~ ${WHICH:-.} ]] || continue
		build_kind "$kind" || continue
		extract_exit 0
		check_file
		check_patch "$@" || fail "kind ${kind%%|*}"
		KIND=${kind%%|*}
	done
}

test_literals_data_and_new_functions()
{
	source_of work.c <<-'CODE'
		#include <stdio.h>
		#include <string.h>
		static int counter = 5;
		int limit = 3;
		static const char *const names[] = { "zero", "one", "two" };
		const int table[4] = { 1, 2, 3, 4 };
		static char text[100];
		__attribute__((noinline)) static int check(const char *card)
		{
			counter++;
			return strlen(card) > 3;
		}
		#ifdef NEW
		static int nr_bad;
		int new_global = 7;
		const char *new_pointer = "pointed";
		__attribute__((noinline)) static int helper(int n)
		{
			static long calls;
			nr_bad += n;
			return nr_bad + (int)++calls + new_global++;
		}
		#endif
		const char *work(int n)
		{
			static int nr_calls;
			nr_calls++;
			if (!check("12345"))
				return names[0];
		#ifdef NEW
			/* One the end of the other: linkers merge them. */
			int h = helper(n) + check("2345") * 2 + check("45");
			snprintf(text, sizeof(text), "new %s %d %d %s %s %d",
				 names[n % 3], h, table[n & 3], new_pointer,
				 __func__, counter);
		#else
			snprintf(text, sizeof(text), "old %s %d", names[n % 3],
				 counter);
		#endif
			return text;
		}
	CODE
	check_all '1 2' 'old one 6,old two 7' \
		'new one 11 2 pointed work 10,new two 15 3 pointed work 13'
}

test_jump_tables()
{
	source_of work.c <<-'CODE'
		#include <stdlib.h>
		#ifdef NEW
		# define WORD(x) "new " x
		#else
		# define WORD(x) x
		#endif
		int noise;
		const char *work(int n)
		{
			static const void *const labels[] = {
				&&one, &&two, &&three };
			switch (n) {
			case 1: noise += abs(n); return WORD("first");
			case 2: noise -= 7; return WORD("second");
			case 3: noise *= 3; return WORD("third");
			case 4: noise ^= 9; return WORD("fourth");
			case 5: noise = rand(); return WORD("fifth");
			case 6: noise |= 1; return WORD("sixth");
			}
			if (n < 10 || n > 12)
				return WORD("other");
			goto *labels[n - 10];
		one:
			return WORD("label one");
		two:
			return WORD("label two");
		three:
			return WORD("label three");
		}
	CODE
	check_all '1 3 6 8 10 12' \
		'first,third,sixth,other,label one,label three' \
		'new first,new third,new sixth,new other,new label one,new label three'
}

test_function_pointers()
{
	source_of work.c <<-'CODE'
		#include <stdio.h>
		#include <stdlib.h>
		#include <string.h>
		typedef const char *function(int);
		const char *work(int n);
		__attribute__((noinline)) static const char *same(int n)
		{
			return n ? "yes" : "no";
		}
		static function *const known[] = { work, same };
		void (*the_free)(void *) = free;
		int (*the_puts)(const char *) = puts;
		int compares(void)
		{
			return the_free == free && the_puts == puts;
		}
		extern void nobody_has_this(void) __attribute__((weak));
		#ifdef NEW
		__attribute__((noinline)) static const char *added(int n)
		{
			return n ? "added" : "zero";
		}
		function *new_table[] = { work, same, added };
		static function *const new_const_table[] = { work, same, added };
		#endif
		const char *work(int n)
		{
		#ifdef NEW
			switch (n) {
			case 1: return same(known[0] == new_table[0]);
			case 2: return same(known[1] == new_const_table[1]);
			case 3: return new_table[n - 1](n);
			case 4: return same(the_free == free);
			case 5: return same(the_puts == puts);
			case 6: return same(known[0] == work);
			case 7: return same(known[1] == same);
			case 8: if (nobody_has_this) nobody_has_this();
				return same(!nobody_has_this);
			case 9: return new_const_table[2](0);
			}
		#endif
			return same(known[n & 1] == work);
		}
	CODE
	check_all '0 1 2 3 4 5 6 7 8 9' yes,no,yes,no,yes,no,yes,no,yes,no \
		yes,yes,yes,added,yes,yes,yes,yes,yes,zero
}

test_cold_parts()
{
	source_of work.c <<-'CODE'
		#include <stdio.h>
		#include <stdlib.h>
		static char text[100];
		int errors;
		__attribute__((cold, noinline)) static void report(const char *what)
		{
			errors++;
			snprintf(text, sizeof(text), "bad %s %d", what, errors);
		}
		const char *work(int n)
		{
			snprintf(text, sizeof(text), "good %d", n);
			if (__builtin_expect(n > 5, 0)) {
				report("large");
				if (n > 8)
					report("very large");
		#ifdef NEW
				report("new");
		#endif
			}
			errors += n > 7;
			return text;
		}
	CODE
	check_all '1 6 9' 'good 1,bad large 1,bad very large 3' \
		'good 1,bad new 6,bad new 9'
	build_kind 'fixed|gcc|-O2 -fno-pie|-no-pie'
	nm "$TMP/srv" | grep -q ' work.cold$' || fail 'there is no cold part'
}

test_constants()
{
	source_of work.c <<-'CODE'
		#include <math.h>
		#include <stdio.h>
		static char text[100];
		double scale = 2;
		struct pair { long a, b, c, d; };
		__attribute__((noinline)) static long sum(struct pair *p)
		{
			return p->a + p->b * 2 + p->c * 3 + p->d * 4;
		}
		const char *work(int n)
		{
			struct pair p = { 1, 2, 3, 4 };
			double d = -(n * scale) + 0.25;
		#ifdef NEW
			d = fabs(d) * 1.5 + n / 3.0f;
			p.b = n;
		#endif
			snprintf(text, sizeof(text), "%.2f %ld", d, sum(&p));
			return text;
		}
	CODE
	check_all '1 3' '-1.75 30,-5.75 30' '2.96 28,9.62 32'
}

# Thread-local data of the target, in every way that compilers reach it.
thread_local()
{
	source_of work.c <<-'CODE'
		#include <stdio.h>
		static char text[100];
		static __thread int first = 10;
		__thread char pad[40];
		static __thread int second;
		__thread int third = 30;
		const char *work(int n)
		{
			first += n;
			second++;
		#ifdef NEW
			third += first * 100;
			pad[3]++;
			snprintf(text, sizeof(text), "new %d %d %d %d", first,
				 second, third, pad[3]);
		#else
			snprintf(text, sizeof(text), "old %d %d %d", first,
				 second, third + pad[3]);
		#endif
			return text;
		}
	CODE
}

test_thread_local()
{
	thread_local
	check_all '1 2' 'old 11 1 30,old 13 2 30' \
		'new 14 3 1430 1,new 16 4 3030 2'
}

test_thread_local_models()
{
	local model
	thread_local
	for model in global-dynamic local-dynamic initial-exec; do
		KINDS="
			$model|gcc|-O2 -fPIC -ftls-model=$model|-shared
			$model|clang|-O2 -fPIC -ftls-model=$model|-shared" \
			check_all '1 2' 'old 11 1 30,old 13 2 30' \
			'new 14 3 1430 1,new 16 4 3030 2'
	done
}

test_several_objects()
{
	source_of work.c <<-'CODE'
		#include <stdio.h>
		int other(int n);
		static char text[100];
		__attribute__((noinline)) static int twin(int n) { return n + 1; }
		#ifdef NEW
		extern int shared;
		int shared_function(int n);
		__attribute__((noinline)) static int extra(int n)
		{
			static int calls = 100;
			return n + calls++;
		}
		#endif
		const char *work(int n)
		{
			n = twin(n) + other(n);
		#ifdef NEW
			n = shared_function(n) + shared + extra(n);
		#endif
			snprintf(text, sizeof(text), "%d", n);
			return text;
		}
	CODE
	source_of other.c <<-'CODE'
		__attribute__((noinline)) static int twin(int n) { return n * 3; }
		#ifdef NEW
		int shared = 1000;
		__attribute__((noinline)) int shared_function(int n)
		{
			return n + shared++;
		}
		__attribute__((noinline)) static int extra(int n)
		{
			static int calls = 20000;
			return n + calls++;
		}
		int other(int n) { return twin(n) + extra(1); }
		#else
		int other(int n) { return twin(n); }
		#endif
	CODE
	# 1: twin 2, other 3 + 20001 = 20006; + 1000, + 1001, + 20106
	check_all '1 1' 5,5 42113,42118
}

# Far more than any diff changes: all of a program but main().
test_everything()
{
	source_of work.c <<-'CODE'
		#include <stdio.h>
		#include <string.h>
		int other(int n);
		static char text[100];
		typedef int function(int);
		function *const chosen[] = { other, other };
		__attribute__((noinline)) static int odd(int n);
		__attribute__((noinline)) static int even(int n)
		{
			return n ? odd(n - 1) : 1;
		}
		__attribute__((noinline)) static int odd(int n)
		{
			return n ? even(n - 1) : 0;
		}
		const char *work(int n)
		{
			const char *words[] = { "even", "odd", "none" };
			snprintf(text, sizeof(text), "%s %d", words[odd(n)],
				 chosen[n & 1](n));
			return text;
		}
		int again(int n) { return (int)strlen(work(n)); }
	CODE
	source_of other.c <<-'CODE'
		#include <stdlib.h>
		int again(int n);
		static int depth;
		int other(int n)
		{
			int r = n > 8 ? again(n - 1) : n;
			return abs(r) + depth++;
		}
	CODE
	EXTRACT_ALL=1 NEW_FLAGS=-DNEW check_all '1 4 9' \
		'odd 1,even 5,odd 10' 'odd 5,even 9,odd 14'
}

test_clones()
{
	source_of work.c <<-'CODE'
		#include <stdio.h>
		static char text[100];
		int sink;
		struct box { int a, b; };
		__attribute__((noinline)) static int scaled(struct box *b, int by, int unused)
		{
			sink += b->a;
			for (int i = 0; i < by; i++)
				sink ^= i;
		#ifdef NEW
			sink += 1000;
		#endif
			return b->a * by + sink;
		}
		const char *work(int n)
		{
			struct box b = { n, n };
			snprintf(text, sizeof(text), "%d",
				 scaled(&b, 7, 1) + scaled(&b, 7, 2));
			return text;
		}
	CODE
	WHICH='^(pie|fixed|library)$' check_all '1' 20 3020
	nm "$TMP/$TARGET" | grep -qE ' scaled\.(constprop|isra)' ||
		fail 'the compiler made no clone'
	nm "$TMP/fix.hotfix.so" | grep -qE ' scaled\.(constprop|isra)' ||
		fail 'the patch has no clone'
}

test_common_symbols()
{
	source_of work.c <<-'CODE'
		#include <stdio.h>
		static char text[100];
		int tentative[4];
		#ifdef NEW
		int new_tentative[3];
		#endif
		const char *work(int n)
		{
			tentative[n]++;
		#ifdef NEW
			new_tentative[n] += 10;
			snprintf(text, sizeof(text), "new %d %d", tentative[n],
				 *(new_tentative + n));
		#else
			snprintf(text, sizeof(text), "old %d", tentative[n]);
		#endif
			return text;
		}
	CODE
	OLD_FLAGS=-fcommon NEW_FLAGS=-fcommon check_all '1 1' 'old 1,old 2' \
		'new 3 10,new 4 20'
}

# Functions that share a section call each other without a relocation.
test_shared_sections()
{
	source_of work.c <<-'CODE'
		#include <stdio.h>
		#define HERE __attribute__((section(".text.mine"), noinline))
		static char text[100];
		int state;
		HERE static int before(int n) { return n + ++state; }
		HERE const char *work(int n);
		HERE static const char *inner(int n)
		{
		#ifdef NEW
			n += 100;
		#endif
			snprintf(text, sizeof(text), "%d", before(n));
			return text;
		}
		HERE const char *work(int n) { return inner(n + 1); }
		__attribute__((section(".data.mine"))) int placed = 3;
		#ifdef NEW
		__attribute__((section(".data.mine"))) int *placed_new = &placed;
		#endif
	CODE
	check_all '1 1' 3,4 105,106
}

test_assembler_in_the_source()
{
	source_of work.c <<-'CODE'
		#include <stdio.h>
		static char text[100];
		int counted;
		__asm__(".text\n.globl in_asm\n.type in_asm,@function\n"
			"in_asm: lea 1(%rdi), %eax\n ret\n.size in_asm, .-in_asm\n"
			".globl in_asm2\n.type in_asm2,@function\n"
			"in_asm2: call in_asm\n add $1, %eax\n ret\n.size in_asm2, .-in_asm2\n");
		int in_asm2(int);
		const char *work(int n)
		{
			long got;
			__asm__("movslq %1, %0" : "=r"(got) : "m"(counted));
			counted++;
		#ifdef NEW
			got += 50;
		#endif
			snprintf(text, sizeof(text), "%ld %d", got, in_asm2(n));
			return text;
		}
	CODE
	WHICH='^(pie|fixed|clang-.*)$' check_all '1 2' '0 3,1 4' '52 3,53 4'
}

# An executable's code may hold addresses where only 32 bits fit.
test_address_of_library_function()
{
	source_of work.c <<-'CODE'
		#include <stdlib.h>
		#include <string.h>
		static char text[200];
		const char *work(int n)
		{
			strcpy(text, n > 99 ? getenv("HOME") : "cba");
		#ifdef NEW
			text[0] = 'c' + (char)n;
			qsort(text, 3, 1, (int (*)(const void *, const void *))
			      strcoll);
		#endif
			return text;
		}
	CODE
	WHICH='^[^s]' check_all 1 cba abd
	is "$KIND" clang-library
	WHICH='^fixed$' check_all 1 cba abd
	extract_exit 0
	stderr_says 'strcoll.* another address'
	nm "$TMP/fix.hotfix.so" | grep -q hotfix.thunk.strcoll
	WHICH='^pie$' check_all 1 cba abd
	! nm "$TMP/fix.hotfix.so" | grep -q hotfix.thunk
}

test_library_functions_and_data()
{
	source_of work.c <<-'CODE'
		#include <errno.h>
		#include <stdio.h>
		#include <stdlib.h>
		#include <string.h>
		static char text[200];
		const char *work(int n)
		{
		#ifdef NEW
			/* Not imported before; some of them IFUNCs. */
			char *copy = strdup("abcdef");
			memmove(copy + 1, copy, (size_t)n - 2);
			errno = n;
			snprintf(text, sizeof(text), "%s %zu %c %d %d", copy,
				 strlen(copy), *strchr(copy, 'e'),
				 errno, stderr != NULL);
			free(copy);
		#else
			fprintf(stderr, "%d", n);
			snprintf(text, sizeof(text), "old %d", n);
		#endif
			return text;
		}
	CODE
	WHICH='^[^s]' check_all 5 'old 5' 'aabcef 6 e 5 1'
	# A static executable has what it was linked with.
	build_kind 'static|gcc|-O2 -fno-pie|-static'
	extract_exit 3
	stderr_says 'symbol-missing'
}

# The executable has no copy of it, so the code cannot reach it.
test_library_data_out_of_reach()
{
	source_of work.c <<-'CODE'
		#include <stdio.h>
		#include <stdlib.h>
		#include <unistd.h>
		static char text[100];
		const char *work(int n)
		{
			snprintf(text, sizeof(text), "%d", n);
		#ifdef NEW
			text[0] = (char)('a' + optind);
		#endif
			return text;
		}
	CODE
	build_kind 'pie|gcc|-O2 -fPIE|-pie'
	extract_exit 3
	stderr_says 'symbol-reach.*work\(\) addresses optind of libc.so.6'
	stderr_says 'mno-direct-extern-access'
	# A static executable has what it was linked with, and no more.
	build_kind 'static|gcc|-O2 -fno-pie|-static'
	extract_exit 3
	stderr_says 'symbol-missing.*uses optind'
	KINDS='pic|gcc|-O2 -fPIC|-pie' check_all 4 4 b
	KINDS='indirect|gcc|-O2 -fPIE -mno-direct-extern-access|-pie' \
		check_all 4 4 b
}

test_new_thread_local()
{
	source_of work.c <<-'CODE'
		#ifdef NEW
		static __thread int fresh;
		#endif
		const char *work(int n)
		{
		#ifdef NEW
			if (fresh++ == n)
				return "new";
		#endif
			return "old";
		}
	CODE
	build_kind 'pie|gcc|-O2 -fPIE|-pie'
	extract_exit 3
	stderr_says 'needs-tls.*fresh'
}

test_thread_local_descriptors()
{
	thread_local
	build_kind 'gnu2|gcc|-O2 -fPIC -mtls-dialect=gnu2|-shared'
	extract_exit 3
	stderr_says 'tls-unavailable'
}

# Debuggers see the patched source, and through the patch to its callers.
test_debuggers_read_it()
{
	command -v gdb >/dev/null || skip 'no gdb'
	source_of work.c <<-'CODE'
		#include <stdio.h>
		#include <stdlib.h>
		static char text[100];
		int calls;
		int unchanged(int n) { return n + calls; }
		__attribute__((noinline)) const char *inner(int n)
		{
			calls++;
		#ifdef NEW
			calls += 2;
			for (volatile int i = 0; n == 7;)
				i++;
		#endif
			snprintf(text, sizeof(text), "%d", unchanged(n));
			return text;
		}
		const char *work(int n) { return inner(n) + !calls; }
	CODE
	local kind
	for kind in 'pie|gcc|-O2 -fPIE|-pie' 'fixed|clang|-O2 -fno-pie|-no-pie'; do
		build_kind "$kind"
		extract_exit 0
		check_file
		! grep -q 'UND unchanged.*calls' "$TMP/readelf" || fail 'imports'
		gdb -nx -batch -ex 'info line inner' -ex 'ptype inner' \
			-ex 'list inner' "$TMP/fix.hotfix.so" >"$TMP/gdb" 2>&1
		grep -Eq 'Line [0-9]+ of "work.c"' "$TMP/gdb" || fail "$(<"$TMP/gdb")"
		grep -q 'type = const char \*(int)' "$TMP/gdb"
		start_program "$TMP/srv"
		expect 1 2
		hotfix apply "$TMP/fix.hotfix.so" -p $PID
		say 7
		await is_running
		base=$(awk -F'[- ]' '/hotfix:fix/ && /r-xp/ { print "0x" $1; exit }' \
			/proc/$PID/maps)
		text=$(readelf -SW "$TMP/fix.hotfix.so" |
			awk '$2 == ".text" || $3 == ".text" { sub(/.*\.text/, ""); print "0x" $2 }')
		page=$((text & ~4095))
		gdb -nx -batch -p $PID -ex "add-symbol-file $TMP/fix.hotfix.so -o $((base - page))" \
			-ex bt >"$TMP/gdb" 2>&1
		grep -Eq '^#0 .*inner \(n=7\) at .*work.c:' "$TMP/gdb" ||
			fail "$(<"$TMP/gdb")"
		grep -Eq '^#[12] .*main \(' "$TMP/gdb" || fail "$(<"$TMP/gdb")"
	done
}

is_running() { grep -q '^State:.R' /proc/$PID/status; }

# Frames whose clean-ups have a table: changed, they are refused; what needs
# none may change beside them.
with_cleanup() # CHANGED: a define
{
	source_of work.c <<-CODE
		#ifdef NEW
		#define $1
		#endif
	CODE
	cat >>"$TMP/work.c" <<-'CODE'
		#include <stdio.h>
		static char text[100];
		static int (*volatile flush)(FILE *) = fflush;
		__attribute__((noinline)) static void clean(int *p)
		{
			text[99] += (char)*p;
		}
		__attribute__((noinline)) static int guarded(int n)
		{
			int one __attribute__((cleanup(clean))) = 0;
			flush(stdout);
		#ifdef GUARDED
			n += 3;
		#endif
			one = n;
			flush(stdout);
			return n;
		}
		const char *work(int n)
		{
		#ifdef PLAIN
			n++;
		#endif
			snprintf(text, sizeof(text), "%d", guarded(n));
			return text;
		}
	CODE
}

EXCEPTION_KINDS="
	fixed|gcc|-O2 -fexceptions -fno-pie|-no-pie
	pie|gcc|-O3 -fexceptions -fPIE|-pie
	clang-pie|clang|-O2 -fexceptions -fPIE|-pie
	library|clang|-O2 -fexceptions -fPIC|-shared"

test_exception_tables_are_refused()
{
	local kind
	with_cleanup GUARDED
	for kind in $(tr ' ' '#' <<<"$EXCEPTION_KINDS"); do
		build_kind "${kind//#/ }" || continue
		readelf -SW "$TMP/new/work.o" | grep -q gcc_except_table ||
			fail "no table: ${kind//#/ }"
		extract_exit 3
		stderr_says 'work.o: guarded\(\) has clean-ups'
		stderr_says 'a replacement function without clean-ups'
		[ ! -e "$TMP/fix.hotfix.so" ] || fail 'there is a patch'
	done
}

test_exception_tables_beside()
{
	with_cleanup PLAIN
	KINDS=$EXCEPTION_KINDS check_all '2 4' 2,4 3,5
}

# Tables that nothing needs, since nothing that is called throws.
test_exceptions_enabled()
{
	source_of work.c <<-'CODE'
		#include <stdio.h>
		#include <stdlib.h>
		static char text[100];
		static void clean(int *p) { text[0] += (char)*p; }
		const char *work(int n)
		{
			int one __attribute__((cleanup(clean))) = 0;
			snprintf(text, sizeof(text), "%d", n);
		#ifdef NEW
			one = 1;
			snprintf(text, sizeof(text), "%d", n + atoi(text));
		#endif
			return text;
		}
	CODE
	KINDS="
		fixed|gcc|-O2 -fexceptions -fno-pie|-no-pie
		pie|gcc|-O2 -fexceptions -fPIE|-pie
		clang-fixed|clang|-O2 -fexceptions -fno-pie|-no-pie
		library|clang|-O2 -fexceptions -fPIC|-shared" check_all '2 4' 2,4 5,9
}

run_tests "$@"

#!/bin/bash
# Functions of an object, compiled with -ffunction-sections -fdata-sections, are
# proven to be those of a binary that was compiled without; what differs is not.
. "$(dirname "$0")/build_lib.sh"

PROVE_OBJECT=$HOTFIX_O/tests/tools/prove_object

# Everything that a reference can be.
sample()
{
	source_of lib.c <<-'EOF'
		int shared_value = 7;
		__thread int shared_tls;
		int hidden_value __attribute__((visibility("hidden"))) = 8;
		int __attribute__((visibility("hidden"))) hidden(int a)
		{
			return a + hidden_value;
		}
		__attribute__((weak)) int weakly(int a) { return a ^ 3; }
		static int counter;
		static int helper(int a) { return counter += a; }
		int other_file(int a) { return helper(a) * helper(a + 1); }
	EOF
	source_of a.c <<-'EOF'
		#include <errno.h>
		#include <stdio.h>
		#include <stdlib.h>
		#include <string.h>
		extern int shared_value, hidden(int), other_file(int), weakly(int);
		extern int hidden_value __attribute__((visibility("hidden")));
		extern __thread int shared_tls;
		extern void absent(void) __attribute__((weak));
		static int counter;
		int global = 3;
		static __thread int tls_data = 3, tls_zero;
		__thread int tls_global;
		static const char *const names[] = { "zero", "one", "two" };
		static char *words[] = { "ein", "zwei" };
		static const int table[] = { 1, 2, 3, 5, 8, 13, 21 };
		int (*hook)(int) = other_file;
		__attribute__((noinline)) static int helper(int a)
		{
			counter += a;
			return a * 3 + counter;
		}
		__attribute__((noinline)) static int helper2(int a)
		{
			counter += a;
			return a * 5 + counter;
		}
		int pick(int a)
		{
			switch (a) {
			case 0: return helper(1);
			case 1: return helper2(3) + 1;
			case 2: puts("two"); return 7;
			case 3: return tls_data++ + tls_zero;
			case 4: return tls_global++ + shared_tls;
			case 5: return errno;
			case 6: return strlen(getenv("X") ?: "none");
			case 7: global++; return shared_value;
			case 8: exit(5);
			}
			return -1;
		}
		char *german(int a)
		{
			switch (a) {
			case 1: return "eins";
			case 2: return "zwei";
			case 3: return "drei";
			case 4: return "vier";
			case 5: return "funf";
			}
			return words[a & 1];
		}
		int two_switches(int a, int b)
		{
			switch (a) {
			case 0: b += other_file(1); break;
			case 1: b += hidden(2); break;
			case 2: b *= helper(3); break;
			case 3: b -= helper2(4); break;
			case 4: b ^= weakly(5); break;
			case 5: puts("five"); break;
			}
			switch (b) {
			case 10: return other_file(1);
			case 11: return hidden(2) - 1;
			case 12: return helper(3) * 2;
			case 13: return helper2(4) / 3;
			case 14: return weakly(5) + 4;
			case 15: return puts("fifteen");
			}
			return hidden_value;
		}
		const char *name(int a)
		{
			static int calls;
			calls++;
			return names[a % 3];
		}
		int value(unsigned a) { return table[a % 7]; }
		int tail(int a) { return a > 3 ? helper(a) : helper2(a); }
		void conditional_tail(int a) { if (a > 3) absent(); else other_file(a); }
		int present(int a) { if (absent) absent(); return a; }
		double scale(double x) { return x * 2.5 + 1.25; }
		float negate(float x) { return -x; }
		int cold(int a)
		{
			if (__builtin_expect(a > 100, 0)) {
				fprintf(stderr, "bad %d at %s\n", a, __func__);
				abort();
			}
			return pick(a);
		}
		static int compare(const void *a, const void *b)
		{
			return *(int *)a - *(int *)b;
		}
		void sort(int *a, int n) { qsort(a, n, sizeof *a, compare); }
		int computed(int n)
		{
			static void *labels[] = { &&a, &&b, &&c };
			goto *labels[n];
		a:	return 1;
		b:	puts("b");
		c:	return 3;
		}
		void loop(int *a, int n)
		{
			for (int i = 0; i < n; i++) {
				a[i] = a[i] * 3 + 1;
				if (a[i] > 50)
					helper(i);
			}
		}
		struct big { int a[20]; };
		struct big constant(void)
		{
			struct big b = { { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
					   12, 13, 14, 15, 16, 17, 18 } };
			return b;
		}
		void *addresses(int a)
		{
			return a ? (void *)helper : a > 2 ? (void *)puts :
							    (void *)hook;
		}
		int recursive(int a) { return a ? recursive(a - 1) * a + 1 : 1; }
		int main(int argc, char **argv)
		{
			return pick(argc) + cold(argc) + tail(argc) +
			       (int)scale(argc) + value(argc) + *name(argc);
		}
	EOF
}

# prove CC CFLAGS [LDFLAGS]: every function of a.c is what runs.
prove()
{
	local cc=$1 cflags=$2 ldflags=${3:-}
	(
		cd "$TMP"
		$cc $cflags -g -c a.c -o a.o
		$cc $cflags -g -c lib.c -o lib.o
		# Another file with the same names before it.
		$cc $cflags $ldflags -Wl,--build-id -o target lib.o a.o 2>ld
		$cc $cflags -ffunction-sections -fdata-sections -c a.c -o a.o
		"$PROVE_OBJECT" target a.o >out
	) || fail "$cc $cflags, $ldflags"
	local all
	all=$(grep -c '^proven' "$TMP/out")
	is "$(tail -1 "$TMP/out")" "$all of $all" "$cc $cflags, $ldflags:
$(grep -v ^proven "$TMP/out")
"
	! grep -E '^(differs|missing|ambiguous)' "$TMP/out" || fail "$cc $cflags"
	[ $all -gt 15 ] || fail "only $all functions"
}

kinds() # CC FLAGS
{
	prove "$1" "$2 -fPIE" -pie
	prove "$1" "$2 -fno-pie" -no-pie
	prove "$1" "$2 -fPIC" -shared
	prove "$1" "$2 -fno-pie" -static
	prove "$1" "$2 -fPIE" -static-pie
}

levels()
{
	sample
	local level
	for level in -O0 -O1 -O2 -O3 -Os; do
		kinds $1 $level
	done
}

test_gcc() { levels gcc; }

test_clang()
{
	command -v clang >/dev/null || skip 'no clang'
	levels clang
}

test_plt_and_got()
{
	sample
	local cc
	for cc in gcc clang; do
		command -v $cc >/dev/null || continue
		prove $cc '-O2 -fPIE' '-pie -Wl,-z,now'
		prove $cc '-O2 -fPIE' '-pie -Wl,-z,lazy'
		prove $cc '-O2 -fPIE -fno-plt' '-pie'
		prove $cc '-O2 -fPIC -fno-plt' '-shared'
		prove $cc '-O2 -fPIC -fno-plt' '-no-pie'
		prove $cc '-O0 -fPIC -fno-plt' '-static'
		prove $cc '-O2 -fPIE' '-pie -Wl,--no-relax'
		prove $cc '-O2 -fPIC' '-shared -Wl,-Bsymbolic'
		prove $cc '-O2 -fPIE -fcf-protection' '-pie -Wl,-z,ibtplt'
		prove $cc '-O2 -fPIC -fcf-protection' '-shared -Wl,-z,ibtplt'
		prove $cc '-O2 -fPIE' '-pie -Wl,-z,pack-relative-relocs'
	done
}

test_thread_local_models()
{
	sample
	local model
	for model in global-dynamic local-dynamic initial-exec; do
		prove gcc "-O2 -fPIC -ftls-model=$model" -shared
		prove gcc "-O2 -fPIC -ftls-model=$model" -pie
		prove gcc "-O2 -fPIC -ftls-model=$model -fno-plt" -pie
		prove gcc "-O2 -fPIC -ftls-model=$model -fno-plt" -static
	done
	prove gcc '-O2 -fPIC -mtls-dialect=gnu2' -shared
	prove gcc '-O2 -fPIC -mtls-dialect=gnu2' -pie
	prove gcc '-O2 -fPIC -mtls-dialect=gnu2' -static
}

test_other_flags()
{
	sample
	prove gcc '-O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2'
	prove gcc '-O2 -march=x86-64-v3'
	prove gcc '-O3 -falign-functions=64 -falign-loops=32'
	prove gcc '-O2 -fpatchable-function-entry=8,3'
	prove gcc '-O2 -fno-reorder-blocks-and-partition'
	prove gcc '-O2 -mcmodel=medium -fno-pie' -no-pie
	prove gcc '-O2 -mcmodel=large -fno-pie' -no-pie
}

test_other_linkers()
{
	sample
	local linker tried=
	for linker in gold lld mold; do
		command -v ld.$linker >/dev/null || continue
		tried=yes
		prove gcc "-O2 -fPIE -fuse-ld=$linker" -pie
		prove gcc "-O2 -fPIC -fuse-ld=$linker" -shared
		prove gcc "-O2 -fno-pie -fuse-ld=$linker" -static
		prove gcc "-O2 -fPIC -fno-plt -fuse-ld=$linker" -no-pie
	done
	[ "$tried" ] || skip 'no other linker'
}

# --- what must not be proven ---------------------------------------------------

# differs FUNCTION REGEX SED-SCRIPT [FLAGS]: the target is made of a changed
# source; that function is not proven, and the difference says why.
differs()
{
	local name=$1 words=$2 script=$3 flags=${4:--O2}
	(
		cd "$TMP"
		sed -E "$script" a.c >changed.c
		! cmp -s a.c changed.c || fail "nothing changed: $script"
		mkdir -p changed
		cp changed.c changed/a.c
		gcc $flags -g -o target changed/a.c lib.c -Wl,--build-id
		gcc $flags -ffunction-sections -fdata-sections -c a.c -o a.o
		"$PROVE_OBJECT" target a.o >out
	)
	awk -v name="$name" '/^[a-z]/ { on = $1 == "differs" && $2 == name }
		on' "$TMP/out" >"$TMP/difference"
	[ -s "$TMP/difference" ] || fail "$name is proven after $script:
$(<"$TMP/out")"
	grep -qE -- "$words" "$TMP/difference" || fail "lacks '$words':
$(<"$TMP/difference")"
	grep -qE "rebuilt $name(\.cold)?\+" "$TMP/difference" ||
		fail "no instruction: $(<"$TMP/difference")"
	# Not all of them.
	grep -q '^proven' "$TMP/out"
}

each_kind() # FUNCTION REGEX SED-SCRIPT
{
	local flags
	for flags in '-O2' '-O2 -fno-pie -no-pie' '-O0' '-O2 -fPIC -static'; do
		differs "$1" "$2" "$3" "$flags"
	done
}

test_changed_constant()
{
	sample
	each_kind helper 'instructions differ' 's/return a \* 3 \+ c/return a * 9 + c/'
	each_kind scale '' 's/x \* 2\.5/x * 2.75/'
	each_kind loop 'instructions differ|\$0x' 's/a\[i\] > 50/a[i] > 60/'
	each_kind constant '' 's/12, 13, 14/12, 99, 14/'
}

test_swapped_call()
{
	sample
	each_kind conditional_tail 'refers to other_file.*refers to weakly' \
		's/else other_file\(a\)/else weakly(a)/'
	each_kind sort 'compare.*(helper|hidden)' 's/sizeof \*a, compare/sizeof *a, (void *)helper/'
}

test_swapped_library_call()
{
	sample
	each_kind computed 'refers to puts.*refers to (perror|what is)' 's/puts\("b"\)/perror("b")/'
}

test_another_literal()
{
	sample
	each_kind computed 'literal "b".*literal "d"' 's/puts\("b"\)/puts("d")/'
	each_kind cold 'literal "bad %d' 's/bad %d at/bat %d at/'
}

test_another_variable()
{
	sample
	each_kind name 'calls.*spare' \
		's/static int calls;/static int calls, spare;/; s/calls\+\+/spare++/'
	each_kind two_switches 'hidden_value' \
		's/return hidden_value/return shared_value/'
	each_kind pick 'tls' 's/return tls_data\+\+ \+ tls_zero/return tls_zero++ + tls_data/'
}

# The same with the compiler's output: only the lines of FUNCTION are edited.
differs_in_assembly() # FUNCTION REGEX PERL-SCRIPT FLAGS
{
	local name=$1 words=$2 script=$3 flags=$4
	(
		cd "$TMP"
		gcc $flags -g -S a.c -o a.s
		perl -0pe 's{(\n'"$name"':\n.*?\.size\s+'"$name"',)}{
			my $code = $1; '"$script"'; $code }se' a.s >changed.s
		! cmp -s a.s changed.s || fail "nothing changed: $script"
		gcc $flags -g -o target changed.s lib.c -Wl,--build-id
		gcc $flags -ffunction-sections -fdata-sections -c a.c -o a.o
		"$PROVE_OBJECT" target a.o >out
	)
	is "$(grep -v ^proven "$TMP/out" | grep -E '^[a-z]')" "differs $name"
	grep -qE -- "$words" "$TMP/out" || fail "lacks '$words':
$(grep -v ^proven "$TMP/out")"
}

each_assembly() # FUNCTION REGEX PERL-SCRIPT
{
	local flags
	for flags in '-O2' '-O2 -fno-pie -no-pie' '-O1 -fPIC -static'; do
		differs_in_assembly "$1" "$2" "$3" "$flags"
	done
}

test_changed_instructions()
{
	sample
	each_assembly tail 'refers to helper\(\).*refers to helper2\(\)' \
		'$code =~ s/helper\b/helper2/'
	each_assembly conditional_tail 'refers to other_file.*refers to weakly' \
		'$code =~ s/other_file/weakly/'
	each_assembly pick 'refers to exit.*refers to puts' \
		'$code =~ s/exit/puts/'
	each_assembly helper 'instructions differ' '$code =~ s/%eax/%ecx/'
	each_assembly loop 'refers to loop\(\)' \
		'my @labels = $code =~ /^(\.L\d+):/mg;
		$code =~ s/(\tj[a-z]+\t)(\.L\d+)/$1 . ($2 eq $labels[0] ? $labels[1] : $labels[0])/e'
	each_assembly value 'variable table.*variable table\+0x4|table' \
		'$code =~ s/table\b/4+table/'
	each_assembly scale 'constant|0x' '$code =~ s/\.LC(\d+)(.*)\.LC\d+/.LC$1$2.LC$1/s'
	each_assembly pick 'instructions differ' \
		'$code =~ s/\n\tret/\n\tnop\n\tpause\n\tret/'
	# Entries of the switch table.
	each_assembly pick 'in its entry at' \
		'$code =~ s/(\n\t\.(?:long|quad)\s+\.L\w+[^\n]*)(\n\t\.(?:long|quad)\s+\.L\w+[^\n]*)/$2$1/'
}

# The tables that only the function knows.
test_swapped_table_entries()
{
	sample
	local flags
	for flags in '-O2' '-O2 -fno-pie -no-pie' '-O1 -fPIC'; do
		differs computed 'labels|refers to' 's/&&a, &&b, &&c/\&\&b, \&\&a, \&\&c/' \
			"$flags"
		differs german 'CSWTCH|table|differ' 's/"drei"/"vier"/; s/case 4: return "vier"/case 4: return "drei"/' \
			"$flags"
		differs value 'table' 's/3, 5, 8, 13/3, 8, 5, 13/' "$flags"
		differs name 'names' 's/"zero", "one"/"one", "zero"/' "$flags"
	done
}

# Other register allocation, as another compiler version has.
test_other_flags_differ()
{
	sample
	cd "$TMP"
	gcc -O2 -g -o target a.c lib.c -Wl,--build-id
	gcc -O2 -fno-schedule-insns2 -fcall-used-rbx -ffixed-rax \
		-fno-tree-vrp -ffunction-sections -fdata-sections -c a.c -o a.o 2>/dev/null ||
		gcc -O2 -ffixed-r12 -ffixed-rbp -fno-schedule-insns2 \
			-ffunction-sections -fdata-sections -c a.c -o a.o
	"$PROVE_OBJECT" target a.o >out
	grep -q '^differs' out || fail 'all are proven'
	grep -q 'running [a-z_]*+0x' out
}

# The same names in two files, one of them twice in one path.
test_files_of_one_name()
{
	mkdir -p "$TMP/one" "$TMP/two"
	source_of one/util.c <<-'EOF'
		static int count;
		__attribute__((noinline)) static int step(int a) { return count += a; }
		int one(int a) { return step(a) + step(a + 1); }
	EOF
	source_of two/util.c <<-'EOF'
		static int count;
		__attribute__((noinline)) static int step(int a) { return count += a; }
		int two(int a) { return step(a) + step(a + 1); }
	EOF
	source_of main.c <<-'EOF'
		int one(int), two(int);
		int main(int argc, char **argv) { return one(argc) + two(argc); }
	EOF
	cd "$TMP"
	local debug
	for debug in '' -g; do
		gcc -O2 $debug -o target one/util.c two/util.c main.c -Wl,--build-id
		gcc -O2 -ffunction-sections -fdata-sections -c two/util.c -o two.o
		"$PROVE_OBJECT" target two.o "$TMP/two/util.c" "$TMP" >out
		is "$(tail -1 out)" '2 of 2' "$(<out)"
	done
}

test_stripped_target()
{
	sample
	cd "$TMP"
	gcc -O2 -rdynamic -o target a.c lib.c -Wl,--build-id -s
	gcc -O2 -ffunction-sections -fdata-sections -c a.c -o a.o
	"$PROVE_OBJECT" target a.o >out
	grep -q '^missing helper' out
	grep -q '^proven scale' out
	grep -q 'stripped: --debuginfo' out
}

test_separate_debug_file()
{
	sample
	cd "$TMP"
	gcc -O2 -g -o target a.c lib.c -Wl,--build-id
	objcopy --only-keep-debug target target.debug
	strip --strip-all target
	objcopy --add-gnu-debuglink=target.debug target
	gcc -O2 -ffunction-sections -fdata-sections -c a.c -o a.o
	"$PROVE_OBJECT" target a.o >out
	grep -q '^proven helper' out
	! grep -E '^(differs|missing|ambiguous)' out || fail 'not all'
}

# Static locals carry numbers, which need not be the same.
test_renumbered_static_local()
{
	sample
	cd "$TMP"
	gcc -O2 -g -o target a.c lib.c -Wl,--build-id
	gcc -O2 -g -ffunction-sections -fdata-sections -c a.c -o a.o
	local old
	old=$(nm a.o | grep -o 'calls\.[0-9]*$')
	objcopy --redefine-sym $old=calls.4711 a.o
	"$PROVE_OBJECT" target a.o >out
	grep -q '^proven name' out || fail "$(<out)"
	# Without the name of the function it could be any.
	objcopy --redefine-sym calls.4711=other.4711 a.o
	"$PROVE_OBJECT" target a.o >out
	grep -q '^differs name' out || fail "$(<out)"
}

# Static functions of three files that only tables refer to.
test_static_functions_in_tables()
{
	local i
	for i in 1 2 3; do
		mkdir -p "$TMP/m$i"
		source_of m$i/module.c <<-EOF
			static int count;
			static int init(int a) { return count += a; }
			static int done(void) { return count; }
			struct ops { int (*init)(int); int (*done)(void); };
			static const struct ops ops = { init, done };
			const struct ops *const module$i = &ops;
		EOF
	done
	source_of main.c <<-'EOF'
		struct ops { int (*init)(int); int (*done)(void); };
		extern struct ops *module1, *module2, *module3;
		int main(int argc, char **argv)
		{
			return module1->init(argc) + module2->init(argc) +
			       module3->init(argc);
		}
	EOF
	cd "$TMP"
	gcc -O2 -o target m1/module.c m2/module.c m3/module.c main.c -Wl,--build-id
	for i in 1 2 3; do
		gcc -O2 -ffunction-sections -fdata-sections -c m$i/module.c -o m.o
		"$PROVE_OBJECT" target m.o >out
		is "$(tail -1 out)" '2 of 2' "$(<out)"
	done
}

# Built in another directory: what holds its name is equal.
test_build_directory_in_literals()
{
	local where
	for where in here/x there/longer/x; do
		mkdir -p "$TMP/$where"
		source_of $where/a.c <<-'EOF'
			#include <stdio.h>
			void where(void) { puts(__FILE__); }
			void what(void) { puts("/usr/share/x"); }
			int main(void) { where(); what(); return 0; }
		EOF
	done
	sed -i s,/usr/share/x,/usr/lib/x, "$TMP/there/longer/x/a.c"
	cd "$TMP"
	gcc -O2 -g -o target "$TMP/there/longer/x/a.c" -Wl,--build-id
	gcc -O2 -ffunction-sections -fdata-sections -c "$TMP/here/x/a.c" -o a.o
	"$PROVE_OBJECT" target a.o "$TMP/here/x/a.c" "$TMP/here/x" >out
	grep -q '^proven where.*paths' out || fail "$(<out)"
	grep -q '^differs what' out
	# Nothing is known of where it was built.
	"$PROVE_OBJECT" target a.o >out
	grep -q '^differs where' out
}

# Thousands of instructions and literals, in much less than a second.
test_large_function_is_fast()
{
	"$PYTHON" - >"$TMP/a.c" <<-'EOF'
		print('#include <stdio.h>\nvoid large(int a) {')
		for i in range(600):
		    print(f'if (a & {1 << i % 30}) printf("line {i} %d\\n", a + {i}); a ^= {i * 7};')
		    print(f'switch (a) {{ case 1: puts("{i} one"); break; case 2: puts("{i} two"); }}')
		print('}\nint main(void) { large(3); return 0; }')
	EOF
	cd "$TMP"
	gcc -O2 -o target a.c -Wl,--build-id
	gcc -O2 -ffunction-sections -fdata-sections -c a.c -o a.o
	time timeout 20 "$PROVE_OBJECT" target a.o >out
	grep -q '^proven large' out || fail "$(<out)"
	is "$(tail -1 out)" '2 of 2'
}

run_tests "$@"

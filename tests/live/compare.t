#!/bin/bash
# Two versions of a source, compiled by real compilers: what is the same, what
# changed, and why. Each test is a source whose second version is made with
# -DFIXED; it is compiled by gcc and clang, -O2 and -O3, PIE and not.
. "$(dirname "$0")/lib.sh"

VERDICTS=$HOTFIX_O/tests/tools/verdicts
FLAGS=(-g -ffunction-sections -fdata-sections -fstack-protector-strong -w)
KINDS=("-O2 -fPIE" "-O2 -fno-pie" "-O3 -fPIE" "-O3 -fno-pie")
COMPILERS=(gcc clang)

source_is()
{
	cat >"$TMP/source.c"
}

# verdicts COMPILER FLAG...: into $TMP/verdicts
verdicts()
{
	"$@" "${FLAGS[@]}" -c -o "$TMP/before.o" "$TMP/source.c"
	"$@" "${FLAGS[@]}" -DFIXED -c -o "$TMP/after.o" "$TMP/source.c"
	"$VERDICTS" "$TMP/before.o" "$TMP/after.o" all ${TOUCHED-} \
		>"$TMP/verdicts"
}

# The differences of functions and variables, without the compiler's numbers.
differences()
{
	grep -E '^(CHANGED|ADDED|REMOVED) (function|variable) ' "$TMP/verdicts" |
		sed -E 's/^(\S+ \S+ \S+).*/\1/; s/\.[0-9]+//g' | sort
}

has() # REGEX
{
	grep -qE -- "$1" "$TMP/verdicts" || fail "no line like '$1' in:
$(<"$TMP/verdicts")"
}

# differ LINE...: exactly these differ, with all compilers; then `also` is run.
also() { :; }
differ()
{
	local compiler kind want
	want=$(printf '%s\n' "$@" | sort)
	[ $# -gt 0 ] || want=
	for compiler in "${COMPILERS[@]}"; do
		command -v "$compiler" >/dev/null || continue
		for kind in "${KINDS[@]}"; do
			verdicts "$compiler" $kind
			echo "$compiler $kind:"
			cat "$TMP/verdicts"
			is "$(differences)" "$want" "$compiler $kind"
			also
		done
	done
}

test_string()
{
	source_is <<-'EOF'
		int puts(const char *);
		void f(void) { puts("same"); }
		#ifdef FIXED
		void g(void) { puts("other"); }
		#else
		void g(void) { puts("one"); }
		#endif
	EOF
	also() { has '^CHANGED function g constant: the literal "other"$'; }
	differ "CHANGED function g"
}

# What stands behind a change moves; literals get other numbers.
test_numbers_of_literals()
{
	source_is <<-'EOF'
		int printf(const char *, ...);
		void f(int x)
		{
		#ifdef FIXED
			printf("new %d %s\n", x, "literal");
		#endif
			printf("f %d\n", x);
		}
		void g(int x) { printf("g %d %d\n", x, 1); }
		double h(double x) { return x * 1.25 + 17.5; }
	EOF
	also() { has '^CHANGED function f code$'; }
	differ "CHANGED function f"
}

test_lines_moved()
{
	source_is <<-'EOF'
		void fail(const char *, int);
		#ifdef FIXED



		#line 2
		#endif
		#line 10
		int f(int x) { if (x < 0) fail(__FILE__, __LINE__); return x; }
	EOF
	differ
}

test_static_locals_renumbered()
{
	source_is <<-'EOF'
		int f(void) {
		#ifdef FIXED
			static int calls; calls += 2; static int count;
		#else
			static int count;
		#endif
			return count++;
		}
		int g(void) { static int count; return count++; }
		int h(void) { static int count = 5; return count += 3; }
		int i(void) { static const int count[9] = { 1, 2, 3 };
			const int *volatile p = count; return p[1]; }
	EOF
	also()
	{
		has '^SAME variable (\S+\.)?count(\.[0-9]+)? of f'
		has '^SAME variable (\S+\.)?count(\.[0-9]+)? of g'
		has '^SAME variable (\S+\.)?count(\.[0-9]+)? of h'
		has '^SAME variable (\S+\.)?count(\.[0-9]+)? of i'
		has '^ADDED variable (\S+\.)?calls(\.[0-9]+)? of f'
		sed -E -i '/^ADDED variable/d' "$TMP/verdicts"
		is "$(differences)" "CHANGED function f"
	}
	COMPILERS=(gcc)
	differ "ADDED variable calls" "CHANGED function f"
	COMPILERS=(clang)
	differ "ADDED variable f.calls" "CHANGED function f"
}

# f and g change places, so gcc's numbers do. Values must not.
test_static_locals_change_places()
{
	source_is <<-'EOF'
		#define F int f(void) { static int n; return n += 3; }
		#define G int g(void) { static int n; return n += 5; }
		#ifdef FIXED
		G F
		#else
		F G
		#endif
	EOF
	differ
}

# clang may make several variables of one structure.
test_divided_structures()
{
	source_is <<-'EOF'
		static struct { int a; long b; char *c; } s;
		void use(long, char *);
		void f(int x) { s.a = x; s.b += x; s.c = x ? "x" : 0; }
		void g(void) { use(s.a + s.b, s.c); }
		#ifdef FIXED
		void h(void) { s.a++; s.b--; use(s.b, s.c); }
		#else
		void h(void) { s.a++; use(s.b, s.c); }
		#endif
	EOF
	differ "CHANGED function h"
}

# The value of one that is gone is never given to a new one.
test_static_local_gone()
{
	source_is <<-'EOF'
		int f(void) {
		#ifndef FIXED
			static int n; n++; return n;
		#endif
			return 1;
		}
		int g(void) {
		#ifdef FIXED
			static int n; n++; return n;
		#endif
			return 2;
		}
	EOF
	COMPILERS=(gcc)
	differ "CHANGED function f" "CHANGED function g" "REMOVED variable n" \
		"ADDED variable n"
}

test_new_data_and_functions()
{
	source_is <<-'EOF'
		int old = 1;
		static int seen[4];
		#ifdef FIXED
		int new_global = 7;
		static int new_static;
		__attribute__((noinline)) static int added(int x)
		{
			return x * new_global + new_static++;
		}
		#endif
		__attribute__((noinline)) int g(int x) { return seen[x & 3]++; }
		int f(int x)
		{
		#ifdef FIXED
			x = added(x);
		#endif
			return g(x) + old;
		}
	EOF
	differ "ADDED function added" "ADDED variable new_global" \
		"ADDED variable new_static" "CHANGED function f"
}

test_initial_value()
{
	source_is <<-'EOF'
		#ifdef FIXED
		int a = 2, b[5] = { 1, 2 }; long c[8]; int d = 1;
		char *s = "new";
		#else
		int a = 1, b[5] = { 1, 2 }; long c[4]; int d = 0;
		char *s = "old";
		#endif
		int f(int i) { return a + b[i] + c[i] + d + *s; }
	EOF
	also() { has '^CHANGED variable c size: 64 bytes, 32 before$'; }
	differ "CHANGED variable a" "CHANGED variable c" "CHANGED variable d" \
		"CHANGED variable s"
}

test_constant_table()
{
	source_is <<-'EOF'
		#ifdef FIXED
		static const int limits[] = { 10, 20, 31, 40, 50, 60, 70, 80 };
		#else
		static const int limits[] = { 10, 20, 30, 40, 50, 60, 70, 80 };
		#endif
		static const int other[] = { 1, 2, 3, 5, 8, 13, 21, 34, 55, 89 };
		int f(unsigned i) { return limits[i % 8]; }
		int g(unsigned i) { return other[i % 10]; }
		int h(unsigned i, int x) { return x > limits[i % 8] ? x : 0; }
	EOF
	also() { has '^CHANGED function f constant: variable limits$'; }
	differ "CHANGED function f" "CHANGED function h" \
		"CHANGED variable limits"
}

# A string in a table in a table that live data leads to.
test_constant_far_away()
{
	source_is <<-'EOF'
		struct word { const char *text; int n; };
		#ifdef FIXED
		static const struct word words[] = { { "a", 1 }, { "c", 2 } };
		#else
		static const struct word words[] = { { "a", 1 }, { "b", 2 } };
		#endif
		static const struct word *const lists[] = { words, 0 };
		const struct word *const *live = lists;
		const char *f(int i) { return lists[i]->text; }
		const char *g(int i) { return live[i]->text; }
	EOF
	also() { has '^CHANGED variable live reference: variable lists$'; }
	differ "CHANGED variable words" "CHANGED variable lists" \
		"CHANGED variable live" "CHANGED function f"
}

test_switch_tables()
{
	source_is <<-'EOF'
		int puts(const char *); void a(void), b(void), c(void), d(void);
		int f(int x)
		{
			switch (x) {
			case 0: a(); return 1;
			case 1: b(); return 7;
			case 2: c(); c(); return 3;
			case 3: d(); return 9;
			case 4: a(); b(); return 4;
		#ifdef FIXED
			case 5: d(); return 11;
		#else
			case 5: d(); d(); return 11;
		#endif
			}
			return 0;
		}
		int g(int x)
		{
			switch (x) {
			case 0: a(); return 1;
			case 1: b(); return 7;
			case 2: c(); c(); return 3;
			case 3: d(); return 9;
			case 4: a(); b(); return 4;
			case 5: d(); return 11;
			}
			return 0;
		}
		const char *h(int x)
		{
			switch (x) {
			case 0: return "zero";
			case 1: return "one";
			case 2: return "two";
			case 3: return "three";
			case 4: return "four";
			}
			return "many";
		}
		const char *i(int x)
		{
			switch (x) {
			case 0: return "null";
			case 1: return "eins";
		#ifdef FIXED
			case 2: return "zwei";
		#else
			case 2: return "zwo";
		#endif
			case 3: return "drei";
			case 4: return "vier";
			}
			return "viele";
		}
	EOF
	for compiler in gcc clang; do
		for kind in "${KINDS[@]}"; do
			verdicts $compiler $kind
			cat "$TMP/verdicts"
			is "$(differences | grep ' function ')" \
				"CHANGED function f
CHANGED function i"
			has '^SAME function h'
			! grep -E '^(ADDED|REMOVED) (table|variable)' \
				"$TMP/verdicts" || fail "without a partner"
		done
	done
}

test_cold_part()
{
	source_is <<-'EOF'
		void abort(void); int puts(const char *);
		__attribute__((cold, noinline)) void bad(const char *);
		int f(int x)
		{
			if (__builtin_expect(x < 0, 0)) {
		#ifdef FIXED
				bad("worse");
		#else
				bad("bad");
		#endif
				abort();
			}
			return x * 3;
		}
		int g(int x)
		{
			if (__builtin_expect(x < 0, 0)) {
				bad("bad");
				abort();
			}
			return x * 5;
		}
	EOF
	COMPILERS=(clang)
	differ "CHANGED function f"
	COMPILERS=(gcc)
	also()
	{
		has '^CHANGED function f (cold|constant)'
		has '^CHANGED cold f.cold'
		has '^SAME cold g.cold'
	}
	differ "CHANGED function f"
}

test_pointers_to_functions()
{
	source_is <<-'EOF'
		static int one(int x) { return x + 1; }
		#ifdef FIXED
		static int two(int x) { return x + 22; }
		static int three(int x) { return x + 3; }
		#else
		static int two(int x) { return x + 2; }
		#endif
		int (*table[])(int) = { one, two };
		int (*const fixed[])(int) = { two, one };
		int f(int i, int x) { return fixed[i](x); }
		int (*g(void))(int)
		{
		#ifdef FIXED
			return three;
		#endif
			return two;
		}
	EOF
	also() { has '^CHANGED function g reference: three\(\) in place of two\(\)$'; }
	differ "ADDED function three" "CHANGED function two" "CHANGED function g"
}

test_binding()
{
	source_is <<-'EOF'
		#ifdef FIXED
		static int shown = 4; int hidden = 5;
		static __attribute__((noinline)) int f(void) { return shown; }
		__attribute__((noinline)) int g(void) { return hidden; }
		#else
		int shown = 4; static int hidden = 5;
		__attribute__((noinline)) int f(void) { return shown; }
		static __attribute__((noinline)) int g(void) { return hidden; }
		#endif
		int h(void) { shown++; hidden++; return f() + g(); }
		int (*const fs[])(void) = { f, g };
	EOF
	# Without -fipa-ra: then what is static is called in its own way.
	FLAGS+=(-fno-ipa-ra)
	COMPILERS=(gcc)
	differ
}

test_clones_renumbered()
{
	source_is <<-'EOF'
		int puts(const char *);
		extern int v[];
		#define LONG(n) \
			for (int i = 0; i < b; i++) { v[i] += a * n + i; \
				if (v[i] > 7 * n) puts("x"); \
				v[i + 1] ^= v[i]; }
		__attribute__((noinline)) static int k(int a, int b)
		{
			LONG(3)
			return v[a];
		}
		int f(int b) {
		#ifdef FIXED
			if (b > 100) return 0;
		#endif
			return k(1, b); }
		int g(int b) { return k(2, b) + k(2, b + 1); }
		int h(int b) { return k(9, b); }
	EOF
	for compiler in gcc clang; do
		for kind in "${KINDS[@]}"; do
			verdicts $compiler $kind
			cat "$TMP/verdicts"
			is "$(differences)" "CHANGED function f"
		done
	done
}

test_labels_as_values()
{
	source_is <<-'EOF'
		int puts(const char *);
		int f(const unsigned char *p, int x)
		{
			static const void *const ops[] = { &&add, &&sub, &&out };
			goto *ops[*p++];
		add:	x += *p++; puts("add"); goto *ops[*p++];
		sub:	x -= *p++; puts("sub"); goto *ops[*p++];
		out:
		#ifdef FIXED
			return x + 1;
		#else
			return x;
		#endif
		}
		int g(const unsigned char *p, int x)
		{
			static const void *const ops[] = { &&add, &&sub, &&out };
			goto *ops[*p++];
		add:	x += *p++; puts("add"); goto *ops[*p++];
		sub:	x -= *p++; puts("sub"); goto *ops[*p++];
		out:	return x;
		}
	EOF
	COMPILERS=(gcc)
	differ "CHANGED function f" "CHANGED variable ops"
	COMPILERS=(clang)
	differ "CHANGED function f" "CHANGED variable f.ops"
}

# g was another name for f: whoever calls g from elsewhere calls f's entry.
test_alias_parted()
{
	source_is <<-'EOF'
		int f(int x) { return x * 77; }
		#ifdef FIXED
		int g(int x) { return x > 9 ? 9 : x * 77; }
		#else
		int g(int x) __attribute__((alias("f")));
		#endif
		int h(int x) { return x * 78; }
	EOF
	also() { has '^CHANGED function f binding: g does not name'; }
	differ "CHANGED function f" "ADDED function g"
}

# Equal code still, but not the table that it reads.
test_alias_parted_from_changed()
{
	source_is <<-'EOF'
		#ifdef FIXED
		static const int t[] = { 1, 2, 3, 5, 8, 13, 21, 34 };
		int g(int x) { return t[x]; }
		#else
		static const int t[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
		int g(int x) __attribute__((alias("f")));
		#endif
		int f(int x) { return t[x]; }
	EOF
	FLAGS+=(-fno-ipa-icf)
	COMPILERS=(gcc)
	also() { has '^CHANGED function f binding: g does not name'; }
	differ "CHANGED function f" "ADDED function g" "CHANGED variable t"
}

test_alias_made()
{
	source_is <<-'EOF'
		int f(int x) { return x * 77; }
		#ifdef FIXED
		int g(int x) __attribute__((alias("f")));
		#else
		int g(int x) { return x > 9 ? 9 : x * 77; }
		#endif
	EOF
	also() { has '^CHANGED function f binding: g does not name'; }
	differ "CHANGED function f" "REMOVED function g"
}

# Equal code under two names: either does.
test_alias_of_equal_code()
{
	source_is <<-'EOF'
		int f(int x) { return x * 77; }
		#ifdef FIXED
		int g(int x) __attribute__((alias("f")));
		#else
		int g(int x) { return x * 77; }
		#endif
	EOF
	FLAGS+=(-fno-ipa-icf)
	COMPILERS=(gcc)
	differ "REMOVED function g"
}

test_alias_kept()
{
	source_is <<-'EOF'
		int f(int x) {
		#ifdef FIXED
			if (x > 9) return 9;
		#endif
			return x * 77; }
		int g(int x) __attribute__((alias("f"), noinline));
		int h(int (**p)(int)) { *p = g; return 1; }
	EOF
	also() { has '^CHANGED function f code'; }
	differ "CHANGED function f"
}

test_thread_local()
{
	source_is <<-'EOF'
		__thread int depth; static __thread int calls = 3;
		__thread int max;
		#ifdef FIXED
		__thread int fresh;
		#endif
		int f(void) {
		#ifdef FIXED
			fresh++;
		#endif
			return depth++ + calls--; }
		int g(void) { return max; }
	EOF
	differ "ADDED variable fresh" "CHANGED function f"
}

test_common_and_moved()
{
	source_is <<-'EOF'
		#ifdef FIXED
		int x, y; extern int z;
		#else
		extern int x; int y; int z = 1;
		#endif
		int f(void) { return x + y; }
		int g(void) { return z; }
	EOF
	FLAGS+=(-fcommon -fno-pie)
	KINDS=(-O2)
	also()
	{
		has '^CHANGED variable x binding: was defined in another file'
		has '^CHANGED external z binding: is defined in another file now'
	}
	COMPILERS=(gcc)
	differ "CHANGED variable x"
}

test_inlined_callee()
{
	source_is <<-'EOF'
		static inline int limit(int x) {
		#ifdef FIXED
			return x > 10 ? 10 : x;
		#else
			return x > 11 ? 11 : x;
		#endif
		}
		int f(int x) { return limit(x) * 3; }
		int g(int x) { return limit(x + 1) * 5; }
		int h(int x) { return x * 5; }
	EOF
	differ "CHANGED function f" "CHANGED function g"
}

# Lines 3 to 6 are touched. f and g are not, but what is inlined into them is.
# h has something else inlined, and a macro that changed.
test_reason_inlined()
{
	source_is <<-'EOF'
		static inline int limit(int x)
		{
		#ifdef FIXED
			return x > 10 ? 10 : x;
		#else
			return x > 11 ? 11 : x;
		#endif
		}
		static inline int other(int x) { return x * 7; }
		int f(int x)
		{
			return limit(x) * 3;
		}
		static inline int deep(int x) { return limit(x) + 1; }
		int g(int x)
		{
			return deep(x + 1) * 5;
		}
		#ifdef FIXED
		#define SIX 66
		#else
		#define SIX 6
		#endif
		int h(int x)
		{
			return other(x) + SIX;
		}
	EOF
	TOUCHED="source.c 3 4"
	also()
	{
		has '^CHANGED function f inlined: limit\(\)$'
		has '^CHANGED function g inlined: limit\(\)$'
		has '^CHANGED function h code$'
		has '^REPLACES function f$'
		has '^REPLACES function h$'
	}
	differ "CHANGED function f" "CHANGED function g" "CHANGED function h"
	# All of it: f itself, for all we know.
	TOUCHED="source.c 1 30"
	also() { has '^CHANGED function f code$'; }
	differ "CHANGED function f" "CHANGED function g" "CHANGED function h"
	# Lines added before f's brace, and behind it.
	TOUCHED="source.c 12 0"
	also() { has '^CHANGED function f code$'; }
	differ "CHANGED function f" "CHANGED function g" "CHANGED function h"
}

test_selection()
{
	source_is <<-'EOF'
		void abort(void); int puts(const char *);
		extern int sink;
		#ifdef FIXED
		static int seen;
		__attribute__((noinline)) static int added(int x)
		{
			if (x < 0) { puts("new"); abort(); }
			return seen++;
		}
		int unused(void) { return 4; }
		#else
		int old(void) { return 3; }
		#endif
		static const char *const same[] = { "a", "b", "c", "d" };
		int f(int x)
		{
			sink = same[x & 3][0];
		#ifdef FIXED
			return added(x);
		#endif
			return x;
		}
	EOF
	TOUCHED="source.c 1 1"
	also()
	{
		is "$(grep -E '^(REPLACES|BRINGS [fv])' "$TMP/verdicts" | sort)" \
			"BRINGS function added
BRINGS variable seen
REPLACES function f"
		has '^BRINGS string'
		# Functions are told of by the judge.
		! grep -q '^LEAVES unused' "$TMP/verdicts" || fail 'told twice'
		has '^LEAVES old\(\) \(.*after.o\) is gone'
	}
	differ "ADDED function added" "ADDED function unused" \
		"ADDED variable seen" "CHANGED function f" \
		"REMOVED function old"
}

test_ifunc()
{
	source_is <<-'EOF'
		static int a(void) { return 1; }
		static int b(void) { return 2; }
		extern int flag;
		#ifdef FIXED
		static void *choose(void) { return flag > 1 ? a : b; }
		#else
		static void *choose(void) { return flag ? a : b; }
		#endif
		int f(void) __attribute__((ifunc("choose")));
		int g(void) { return f(); }
	EOF
	for compiler in gcc clang; do
		verdicts $compiler -O2 -fPIE
		cat "$TMP/verdicts"
		has '^CHANGED function f'
		has '^SAME function g'
	done
}

test_assembler()
{
	source_is <<-'EOF'
		extern int counter;
		int f(int x)
		{
			asm volatile("incl %0" : "+m"(counter));
		#ifdef FIXED
			asm volatile("movl %1, %0" : "=r"(x) : "m"(counter));
		#endif
			return x;
		}
		int g(int x) { asm("call f" : "+a"(x)); return x; }
	EOF
	differ "CHANGED function f"
}

run_tests "$@"

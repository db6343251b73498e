#!/bin/bash
# HOTFIX_ORIGINAL: the displaced instructions, as other tools see them.
. "$(dirname "$0")/build_lib.sh"

# f's first instructions are given; the rest is long enough.
assembly() # INSTRUCTIONS
{
	cat >"$TMP/srv.s" <<-EOF
		.globl f, main, value
		.data
		value: .long 7
		.text
		.type f, @function
		f:
		$1
		nopl 0(%rax)
		mov value(%rip), %eax
		1: ret
		.size f, . - f
		.type main, @function
		main: call f
		xor %eax, %eax
		ret
		.size main, . - main
		.section .note.GNU-stack,"",@progbits
	EOF
	(cd "$TMP" && gcc -Wl,--build-id -o srv srv.s)
	source_of fix.c <<-'EOF'
		#include <hotfix/hotfix.h>
		int f(void) { return HOTFIX_ORIGINAL(f)() + 1; }
		HOTFIX_REPLACE(f);
	EOF
}

code_of_original()
{
	objdump -d --no-show-raw-insn "$TMP/fix.hotfix.so" \
		--disassemble=hotfix.original.f |
		sed -n 's/^ *[0-9a-f]*:\t//p' | sed 's/ *[#<].*//; s/  */ /g; s/ *$//'
}

# The place in the target that relocation NR of the original leads to, counted
# from what objdump calls value.
pc_relocs()
{
	readelf -rW "$TMP/fix.hotfix.so" | awk '/R_X86_64_PC32/ { print $5, $6, $7 }'
}

test_rip_relative_first_instruction()
{
	assembly 'lea value(%rip), %rdx'
	build srv fix.c
	code_of_original >"$TMP/code"
	is "$(sed -n 1p "$TMP/code")" 'lea 0x0(%rip),%rdx'
	grep -q '^notrack jmp \*' "$TMP/code" || fail "$(<"$TMP/code")"
	# resume + addend - place must be value - (place + 4)
	local resume want got
	resume=$(import_of hotfix.resume.f address)
	want=$(($(address_of srv value) - 4 - resume))
	got=$(pc_relocs)
	is "$got" "hotfix.resume.f $([ $want -lt 0 ] && echo - || echo +) $(printf %x ${want#-})"
	is $resume $(($(address_of srv f) + 7))
	note_says '"calls_original": true'
}

test_short_branch_becomes_long()
{
	assembly 'test %edi, %edi
		je 1f
		push %rbx
		pop %rbx'
	build srv fix.c
	code_of_original >"$TMP/code"
	is "$(sed -n '1p' "$TMP/code")" 'test %edi,%edi'
	case $(sed -n '2p' "$TMP/code") in
	'je '*) ;;
	*) fail "$(<"$TMP/code")" ;;
	esac
	is "$(sed -n '3p' "$TMP/code")" 'push %rbx'
	objdump -d "$TMP/fix.hotfix.so" --disassemble=hotfix.original.f |
		grep -q '0f 84 00 00 00 00' || fail 'not the long form'
	is "$(pc_relocs | wc -l)" 1
}

test_landing_pad_comes_along()
{
	assembly 'endbr64
		push %rbp
		mov %rsp, %rbp
		pop %rbp'
	build srv fix.c
	is "$(code_of_original | head -4 | tr '\n' ';')" \
		'endbr64;push %rbp;mov %rsp,%rbp;pop %rbp;'
}

test_branches_without_long_form()
{
	assembly 'jrcxz 1f
		push %rbx
		push %rcx
		pop %rcx
		pop %rbx'
	build_refused original-short-branch srv fix.c
	stderr_says 'HOTFIX_ORIGINAL\(f\) cannot be given'
	# Replacing it without calling the original is fine.
	sed -i 's/HOTFIX_ORIGINAL(f)()/4/' "$TMP/fix.c"
	build srv fix.c
}

test_loop_back_to_the_entry()
{
	assembly 'dec %edi
		nopl 0(%rax)
		jg f'
	build_refused original-reentered srv fix.c
	stderr_says 'a loop in f\(\) leads back to its very first instruction'
}

test_of_what_is_not_replaced()
{
	assembly 'nopl 0(%rax,%rax,1)'
	cat >>"$TMP/fix.c" <<-'EOF'
		extern int main(void);
		int helper(void) { return HOTFIX_ORIGINAL(helper)(); }
	EOF
	build_refused original-unknown srv fix.c
	stderr_says 'but helper replaces nothing'
}

test_debugger_can_unwind_it()
{
	assembly 'push %rbx
		pop %rbx
		nopl 0(%rax)'
	build srv fix.c
	readelf --debug-dump=frames "$TMP/fix.hotfix.so" >"$TMP/frames" 2>&1
	local start
	start=$(nm "$TMP/fix.hotfix.so" | awk '/hotfix.original.f/ { print $1 }')
	grep -q "pc=$start" "$TMP/frames" || fail 'no unwind information'
}

run_tests "$@"

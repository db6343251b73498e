/*
 * The frame, read back through glibc's own picture of it, and by the kernel:
 * rt_sigreturn on a frame that was built here.
 */
#include "../../agent/sigframe.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "../tap.h"

#define BELOW 0x7ffd00001000ull
#define XSTATE_SIZE 832 /* x87, SSE and AVX */

static uint8_t xstate[16384];

static void xstate_make(uint64_t xcr0, uint64_t in_use)
{
	for (size_t i = 0; i < sizeof(xstate); i++)
		xstate[i] = (uint8_t)(i * 13);
	memcpy(xstate + 464, &xcr0, 8);
	memcpy(xstate + 512, &in_use, 8);
}

static const struct user_regs_struct regs = {
	.r15 = 1, .r14 = 2, .r13 = 3, .r12 = 4, .rbp = 5, .rbx = 6, .r11 = 7,
	.r10 = 8, .r9 = 9, .r8 = 10, .rax = 11, .rcx = 12, .rdx = 13,
	.rsi = 14, .rdi = 15, .orig_rax = UINT64_MAX, .rip = 17, .cs = 0x33,
	.eflags = 0x246, .rsp = BELOW + 128, .ss = 0x2b,
};

static const ucontext_t *context_of(const struct sigframe *frame)
{
	return (const void *)(frame->bytes + 8);
}

TEST(registers)
{
	static struct sigframe frame;
	const greg_t *got;

	xstate_make(7, 7);
	CHECK_EQ(sigframe_build(&regs, xstate, XSTATE_SIZE, 0xabcdef, BELOW,
				&frame), 0);
	got = context_of(&frame)->uc_mcontext.gregs;
	CHECK_EQ(got[REG_R15], 1);
	CHECK_EQ(got[REG_R14], 2);
	CHECK_EQ(got[REG_R13], 3);
	CHECK_EQ(got[REG_R12], 4);
	CHECK_EQ(got[REG_RBP], 5);
	CHECK_EQ(got[REG_RBX], 6);
	CHECK_EQ(got[REG_R11], 7);
	CHECK_EQ(got[REG_R10], 8);
	CHECK_EQ(got[REG_R9], 9);
	CHECK_EQ(got[REG_R8], 10);
	CHECK_EQ(got[REG_RAX], 11);
	CHECK_EQ(got[REG_RCX], 12);
	CHECK_EQ(got[REG_RDX], 13);
	CHECK_EQ(got[REG_RSI], 14);
	CHECK_EQ(got[REG_RDI], 15);
	CHECK_EQ(got[REG_RIP], 17);
	CHECK_EQ(got[REG_RSP], BELOW + 128);
	CHECK_EQ(got[REG_EFL], 0x246);
	CHECK_EQ(got[REG_CSGSFS], 0x33 | 0x2bull << 48);
	CHECK_EQ(context_of(&frame)->uc_flags, 7);
	CHECK_EQ(context_of(&frame)->uc_sigmask.__val[0], 0xabcdef);
	/* Neither ONSTACK, DISABLE nor 0: the kernel refuses to change it. */
	CHECK(context_of(&frame)->uc_stack.ss_flags > 2);
}

TEST(places)
{
	static struct sigframe frame;
	uint64_t fpstate;

	xstate_make(7, 7);
	for (hf_addr below = BELOW; below < BELOW + 200; below += 7) {
		CHECK_EQ(sigframe_build(&regs, xstate, XSTATE_SIZE, 0, below,
					&frame), 0);
		fpstate = (uint64_t)context_of(&frame)->uc_mcontext.fpregs;
		CHECK_EQ(frame.address + frame.size, below);
		CHECK_EQ(frame.address % 16, 8);
		CHECK_EQ(frame.stack_pointer, frame.address + 8);
		CHECK_EQ(fpstate % 64, 0);
		CHECK(fpstate >= frame.stack_pointer + sizeof(ucontext_t) -
					 sizeof(struct _libc_fpstate) - 32 - 128);
		CHECK(fpstate + XSTATE_SIZE + 4 <= below);
	}
}

TEST(xstate)
{
	static const uint32_t want[] = { 0x46505853, XSTATE_SIZE + 4, 7, 0,
					 XSTATE_SIZE };
	static const uint32_t magic2 = 0x46505845;
	static struct sigframe frame;
	const uint8_t *area;

	xstate_make(7, 7);
	CHECK_EQ(sigframe_build(&regs, xstate, XSTATE_SIZE, 0, BELOW, &frame),
		 0);
	area = frame.bytes +
	       ((uint64_t)context_of(&frame)->uc_mcontext.fpregs -
		frame.address);
	CHECK_BYTES(area, xstate, 464);
	CHECK_BYTES(area + 464, want, sizeof(want));
	CHECK_BYTES(area + 512, xstate + 512, XSTATE_SIZE - 512);
	CHECK_BYTES(area + XSTATE_SIZE, &magic2, 4);
}

/* On a machine with AMX every thread shows tiles, few have room for them. */
TEST(unused_tiles_left_out)
{
	static struct sigframe frame;
	const uint8_t *area;
	uint64_t xfeatures;
	uint32_t size;

	xstate_make(7 | 3ull << 17, 7);
	CHECK_EQ(sigframe_build(&regs, xstate, 11008, 0, BELOW, &frame), 0);
	area = frame.bytes +
	       ((uint64_t)context_of(&frame)->uc_mcontext.fpregs -
		frame.address);
	memcpy(&xfeatures, area + 472, 8);
	memcpy(&size, area + 480, 4);
	CHECK_EQ(xfeatures, 7);
	CHECK(size < 2700);
	/* In use: all of it. */
	xstate_make(7 | 3ull << 17, 7 | 3ull << 17);
	CHECK_EQ(sigframe_build(&regs, xstate, 11008, 0, BELOW, &frame), 0);
	area = frame.bytes +
	       ((uint64_t)context_of(&frame)->uc_mcontext.fpregs -
		frame.address);
	memcpy(&size, area + 480, 4);
	CHECK_EQ(size, 11008);
}

TEST(sizes)
{
	static struct sigframe frame;

	xstate_make(7, 7);
	CHECK_EQ(sigframe_build(&regs, xstate, 575, 0, BELOW, &frame), -EINVAL);
	CHECK_EQ(sigframe_build(&regs, xstate, 576, 0, BELOW, &frame), 0);
	CHECK_EQ(sigframe_build(&regs, xstate, sizeof(xstate), 0, BELOW,
				&frame), 0);
	static uint8_t large[32768];
	CHECK_EQ(sigframe_build(&regs, large, sizeof(large), 0, BELOW, &frame),
		 -E2BIG);
}

TEST(interrupted_system_call)
{
	static const struct { int64_t rax, orig_rax, rip, want_rax; } cases[] = {
		{ -512, 0, 98, 0 },	 /* ERESTARTSYS in read */
		{ -513, 202, 98, 202 },	 /* ERESTARTNOINTR in futex */
		{ -514, 232, 98, 232 },	 /* ERESTARTNOHAND in epoll_wait */
		{ -516, 35, 98, 35 },	 /* ERESTART_RESTARTBLOCK, nanosleep */
		{ -515, 35, 100, -515 }, /* ENOIOCTLCMD: no restart */
		{ -4, 232, 100, -4 },	 /* a real EINTR */
		{ -512, -1, 100, -512 }, /* a number in a register */
		{ 0, 0, 100, 0 },
	};
	static struct sigframe frame;

	xstate_make(7, 7);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct user_regs_struct from = regs;
		const greg_t *got;

		printf("# case %zu\n", i);
		from.rip = 100;
		from.rax = (uint64_t)cases[i].rax;
		from.orig_rax = (uint64_t)cases[i].orig_rax;
		CHECK_EQ(sigframe_build(&from, xstate, XSTATE_SIZE, 0, BELOW,
					&frame), 0);
		got = context_of(&frame)->uc_mcontext.gregs;
		CHECK_EQ(got[REG_RIP], cases[i].rip);
		CHECK_EQ(got[REG_RAX], cases[i].want_rax);
	}
}

/* --- the kernel's opinion ------------------------------------------------ */

static uint8_t stack[65536] __attribute__((aligned(64)));

/* rt_sigreturn at @stack_pointer; never returns here. */
__attribute__((noreturn)) static void return_to(hf_addr stack_pointer)
{
	__asm__ volatile("mov %0, %%rsp\n\t"
			 "mov $15, %%eax\n\t"
			 "syscall\n\t"
			 "ud2"
			 :: "r"(stack_pointer));
	__builtin_unreachable();
}

/* Where the frame leads: stop, for the parent to look at the registers. */
__attribute__((noreturn, naked)) static void arrived(void)
{
	__asm__("int3\n\thlt");
}

static void restore_itself(struct user_regs_struct *from)
{
	static struct sigframe frame;
	struct iovec part = { xstate, sizeof(xstate) };
	pid_t pid = getpid(), looker = fork();
	int status;

	/* Nobody can ask for his own XSAVE area but through another. */
	if (!looker) {
		size_t size;

		if (ptrace(PTRACE_ATTACH, pid, 0, 0))
			_exit(1);
		waitpid(pid, &status, 0);
		if (ptrace(PTRACE_GETREGSET, pid, 0x202, &part))
			_exit(1);
		size = part.iov_len;
		for (int i = 0; i < 16; i++) /* xmm registers */
			memset(xstate + 160 + 16 * i, 0x40 + i, 16);
		xstate[512] |= 7;
		if (sigframe_build(from, xstate, size, 0x4000,
				   (hf_addr)(uintptr_t)stack + 32768, &frame))
			_exit(1);
		part = (struct iovec){ frame.bytes, frame.size };
		if (process_vm_writev(pid, &part, 1,
				      &(struct iovec){
					      (void *)(uintptr_t)frame.address,
					      frame.size },
				      1, 0) != (ssize_t)frame.size)
			_exit(1);
		ptrace(PTRACE_DETACH, pid, 0, 0);
		_exit((int)((frame.stack_pointer -
			     (hf_addr)(uintptr_t)stack) / 256));
	}
	waitpid(looker, &status, 0);
	ptrace(PTRACE_TRACEME, 0, 0, 0);
	/* The frame lies on a 16-byte border within the 256 bytes told. */
	for (hf_addr at = (hf_addr)(uintptr_t)stack +
			  (hf_addr)WEXITSTATUS(status) * 256;; at += 16)
		if (*(uint64_t *)(uintptr_t)at == 7)
			return_to(at);
}

TEST(kernel_takes_it)
{
	struct user_regs_struct from = regs, got;
	uint8_t area[16384];
	struct iovec part = { area, sizeof(area) };
	uint64_t mask = 0;
	int status;
	pid_t pid;

	from.rip = (uint64_t)(uintptr_t)arrived;
	from.rsp = (uint64_t)(uintptr_t)stack + 40000;
	fflush(stdout);
	pid = fork();
	if (!pid)
		restore_itself(&from);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSTOPPED(status));
	CHECK_EQ(WSTOPSIG(status), SIGTRAP);
	CHECK_EQ(ptrace(PTRACE_GETREGS, pid, 0, &got), 0);
	CHECK_EQ(ptrace(PTRACE_GETSIGMASK, pid, 8, &mask), 0);
	CHECK_EQ(ptrace(PTRACE_GETREGSET, pid, 0x202, &part), 0);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	CHECK_EQ(got.rip, from.rip + 1);
	CHECK_EQ(got.rsp, from.rsp);
	CHECK_EQ(got.r15, 1);
	CHECK_EQ(got.rbx, 6);
	CHECK_EQ(got.r11, 7);
	CHECK_EQ(got.rcx, 12);
	CHECK_EQ(got.rax, 11);
	CHECK_EQ(got.rdi, 15);
	CHECK_EQ(got.eflags & 0xff, 0x46);
	CHECK_EQ(mask, 0x4000);
	for (int i = 0; i < 16; i++)
		CHECK_EQ(area[160 + 16 * i], 0x40 + i);
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}

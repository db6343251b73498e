/*
 * A complete rt_sigframe. See sigframe.h.
 *
 *   address ->  +------------------+  = 8 (mod 16), as the kernel places it
 *               | return address   |  never used
 *   sp ->       | struct ucontext  |
 *               | siginfo, zero    |
 *               +------------------+
 *               | XSAVE area       |  64-byte aligned, standard format; its
 *               |                  |  software bytes hold magic 1
 *               | magic 2          |
 *   below ->    +------------------+
 */
#include "sigframe.h"

#include <cpuid.h>
#include <errno.h>
#include <string.h>

#define FP_XSTATE_MAGIC1 0x46505853u
#define FP_XSTATE_MAGIC2 0x46505845u

#define UC_FP_XSTATE 1u
#define UC_SIGCONTEXT_SS 2u
#define UC_STRICT_RESTORE_SS 4u

/* Neither SS_ONSTACK nor SS_DISABLE nor 0: sigaltstack(2) refuses it. */
#define ALTSTACK_FLAGS_INVALID 0x55

#define FXSAVE_SIZE 512u
#define XSAVE_HEADER_SIZE 64u
#define SOFTWARE_OFFSET 464u /* in the FXSAVE area */
/* AMX tiles: a thread that never used them has no room for them. */
#define XFEATURE_TILES (3ull << 17)
#define CPUID_XSAVE 0xd

struct frame_context {
	uint64_t return_address;
	/* struct ucontext */
	uint64_t flags;
	uint64_t link;
	uint64_t stack_pointer;
	uint32_t stack_flags;
	uint32_t stack_padding;
	uint64_t stack_size;
	/* struct sigcontext */
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip;
	uint64_t eflags;
	uint16_t cs, gs, fs, ss;
	uint64_t error, trap, old_mask, cr2;
	uint64_t fpstate; /* address */
	uint64_t reserved[8];
	/* and again struct ucontext */
	uint64_t signal_mask;
	uint8_t siginfo[128];
};

/* At SOFTWARE_OFFSET of the XSAVE area in a frame. */
struct frame_software {
	uint32_t magic1;
	uint32_t extended_size; /* with magic 2 */
	uint64_t xfeatures;
	uint32_t xstate_size;
	uint32_t padding[7];
};

/* rax after an interrupted call that the kernel would make again by itself. */
static bool syscall_will_restart(const struct user_regs_struct *regs)
{
	if ((int64_t)regs->orig_rax < 0)
		return false;
	switch ((int64_t)regs->rax) {
	case -512: /* ERESTARTSYS */
	case -513: /* ERESTARTNOINTR */
	case -514: /* ERESTARTNOHAND */
	case -516: /* ERESTART_RESTARTBLOCK: from the start, with its full time,
		      because rt_sigreturn forgets how much was left */
		return true;
	default:
		return false;
	}
}

void regs_rewind_syscall(struct user_regs_struct *regs)
{
	regs->rip -= 2; /* syscall, 0f 05 */
	regs->rax = regs->orig_rax;
	regs->orig_rax = UINT64_MAX;
}

/* End of the given features in a standard XSAVE area. */
static size_t xstate_end(uint64_t xfeatures)
{
	size_t end = FXSAVE_SIZE + XSAVE_HEADER_SIZE;

	for (unsigned int i = 2; i < 63; i++) {
		unsigned int size, offset, c, d;

		if (!(xfeatures & (1ull << i)) ||
		    !__get_cpuid_count(CPUID_XSAVE, i, &size, &offset, &c, &d))
			continue;
		if (offset + size > end)
			end = offset + size;
	}
	return end;
}

/*
 * ptrace shows the area of the largest thread that this machine could have.
 * rt_sigreturn takes no more than this thread has room for, so the tiles are
 * left out where the thread has none in use.
 */
static size_t xstate_trim(const uint8_t *area, size_t size, uint64_t *xfeatures)
{
	uint64_t in_use;
	size_t end;

	memcpy(&in_use, area + FXSAVE_SIZE, sizeof(in_use));
	if (!(*xfeatures & XFEATURE_TILES) || in_use & XFEATURE_TILES)
		return size;
	*xfeatures &= ~XFEATURE_TILES;
	end = xstate_end(*xfeatures);
	return end < size ? end : size;
}

static void context_fill(struct frame_context *context,
			 const struct user_regs_struct *from,
			 uint64_t signal_mask, hf_addr fpstate)
{
	struct user_regs_struct regs = *from;

	if (syscall_will_restart(&regs))
		regs_rewind_syscall(&regs);
	*context = (struct frame_context){
		.flags = UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS,
		.stack_flags = ALTSTACK_FLAGS_INVALID,
		.r8 = regs.r8, .r9 = regs.r9, .r10 = regs.r10, .r11 = regs.r11,
		.r12 = regs.r12, .r13 = regs.r13, .r14 = regs.r14,
		.r15 = regs.r15, .rdi = regs.rdi, .rsi = regs.rsi,
		.rbp = regs.rbp, .rbx = regs.rbx, .rdx = regs.rdx,
		.rax = regs.rax, .rcx = regs.rcx, .rsp = regs.rsp,
		.rip = regs.rip, .eflags = regs.eflags,
		.cs = (uint16_t)regs.cs, .ss = (uint16_t)regs.ss,
		.fpstate = fpstate, .signal_mask = signal_mask,
	};
}

/* The XSAVE area as a frame has it: with both magics. */
static void xstate_fill(uint8_t *place, const uint8_t *area, size_t size,
			uint64_t xfeatures)
{
	static const uint32_t magic2 = FP_XSTATE_MAGIC2;
	struct frame_software software = {
		.magic1 = FP_XSTATE_MAGIC1,
		.extended_size = (uint32_t)(size + sizeof(magic2)),
		.xfeatures = xfeatures,
		.xstate_size = (uint32_t)size,
	};

	memcpy(place, area, size);
	memcpy(place + SOFTWARE_OFFSET, &software, sizeof(software));
	memcpy(place + size, &magic2, sizeof(magic2));
}

int sigframe_build(const struct user_regs_struct *regs, const void *xstate,
		   size_t xstate_size, uint64_t signal_mask, hf_addr below,
		   struct sigframe *ret_frame)
{
	struct frame_context context;
	uint64_t xfeatures;
	hf_addr fpstate, address;

	if (xstate_size < FXSAVE_SIZE + XSAVE_HEADER_SIZE)
		return -EINVAL;
	/* ptrace leaves XCR0 in the first of the software bytes. */
	memcpy(&xfeatures, (const uint8_t *)xstate + SOFTWARE_OFFSET,
	       sizeof(xfeatures));
	xstate_size = xstate_trim(xstate, xstate_size, &xfeatures);

	fpstate = align_down(below - xstate_size - sizeof(uint32_t), 64);
	address = align_down(fpstate - sizeof(context), 16) - 8;
	if (below - address > sizeof(ret_frame->bytes))
		return -E2BIG;

	context_fill(&context, regs, signal_mask, fpstate);
	ret_frame->address = address;
	ret_frame->stack_pointer = address + sizeof(context.return_address);
	ret_frame->size = below - address;
	memset(ret_frame->bytes, 0, ret_frame->size);
	memcpy(ret_frame->bytes, &context, sizeof(context));
	xstate_fill(ret_frame->bytes + (fpstate - address), xstate, xstate_size,
		    xfeatures);
	return 0;
}

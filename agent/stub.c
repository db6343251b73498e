/*
 * The stub at the main program's entry point. See stub.h.
 */
#include "stub.h"

#include <fcntl.h>
#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "../lib/io.h"

const uint8_t stub_code[STUB_SIZE] = {
	0xff, 0xd5,		/* call *%rbp */
	0x48, 0x89, 0xc7,	/* mov %rax,%rdi */
	0x48, 0x89, 0xdc,	/* mov %rbx,%rsp */
	0x6a, 0x0f,		/* push $15 */
	0x58,			/* pop %rax */
	0x0f, 0x05,		/* syscall */
	0xeb, 0xf6,		/* jmp -10, to mov %rbx,%rsp */
};

/* The program's own bytes at its entry, from the file that runs. */
static int stub_read_file(const struct process *process, uint64_t offset,
			  uint8_t *ret_own)
{
	owned(close_p) int fd =
		openat(process->dir, "exe", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return read_full_at(fd, ret_own, STUB_SIZE, (off_t)offset);
}

static int entry_unusable(const struct process *process, hf_addr entry,
			  const char *why, struct hf_diag *diag)
{
	return hf_refuse(diag, "entry-changed",
			 "the entry point %#llx of process %d (%s) cannot be "
			 "borrowed: %s",
			 (unsigned long long)entry, (int)process->pid,
			 process->command, why);
}

int stub_locate(const struct process *process, const struct mappings *mappings,
		struct stub *ret_stub, struct hf_diag *diag)
{
	struct stub stub = { 0 };
	uint8_t found[STUB_SIZE];
	const struct mapping *mapping;
	int r = auxv_read(process, AT_ENTRY, &stub.address);

	if (r)
		return hf_fail(diag, r == -ENOENT ? -ESRCH : r,
			       "process %d shows no entry point",
			       (int)process->pid);
	mapping = mappings_find(mappings, stub.address);
	if (!mapping || !(mapping->protection & PROT_EXEC) || mapping->shared ||
	    mapping->range.end - stub.address < STUB_SIZE)
		return entry_unusable(process, stub.address,
				      "it is not in private program code",
				      diag);
	r = process_read(process, stub.address, found, STUB_SIZE);
	if (!r)
		r = stub_read_file(process,
				   mapping->offset +
					   (stub.address - mapping->range.start),
				   stub.own);
	if (r)
		return hf_fail(diag, r, "cannot read the entry point of "
			       "process %d",
			       (int)process->pid);
	stub.present = !memcmp(found, stub_code, STUB_SIZE);
	if (!stub.present && memcmp(found, stub.own, STUB_SIZE))
		return entry_unusable(process, stub.address,
				      "its bytes differ from those in the file "
				      "(a packed program, or a breakpoint)",
				      diag);
	*ret_stub = stub;
	return 0;
}

int remote_stub_present(const struct process *process, bool *ret_present,
			struct hf_diag *diag)
{
	uint8_t found[STUB_SIZE];
	hf_addr entry;
	int r = auxv_read(process, AT_ENTRY, &entry);

	if (!r)
		r = process_read(process, entry, found, STUB_SIZE);
	if (r == -ENOENT || r == -EFAULT) {
		/* No entry point to speak of: nothing of ours is there. */
		*ret_present = false;
		return 0;
	}
	if (r)
		return hf_fail(diag, r, "cannot read the entry point of "
			       "process %d",
			       (int)process->pid);
	*ret_present = !memcmp(found, stub_code, STUB_SIZE);
	return 0;
}

/* --- not too early ------------------------------------------------------- */

#define START_STACK_WORDS 64
/* The call at the end of _start stands within this many bytes. */
#define START_CODE_SIZE 64

/*
 * _start of every C library ends in a call, and the address where that would
 * return stays on the oldest words of the main stack for good.
 */
static bool entry_was_executed(const struct process *process, hf_addr entry)
{
	uint64_t words[START_STACK_WORDS];
	struct process_stat stat;

	if (process_stat_read(process->dir, "stat", &stat) ||
	    stat.start_stack < sizeof(words) ||
	    process_read(process,
			 align_down(stat.start_stack, 8) - sizeof(words),
			 words, sizeof(words)))
		return false;
	for (size_t i = 0; i < START_STACK_WORDS; i++)
		if (words[i] > entry && words[i] <= entry + START_CODE_SIZE)
			return true;
	return false;
}

static bool is_in_interpreter(const struct process *process,
			      const struct mappings *mappings, hf_addr address)
{
	const struct mapping *base, *mapping = mappings_find(mappings, address);
	uint64_t interpreter;

	if (!mapping || auxv_read(process, AT_BASE, &interpreter))
		return false;
	base = mappings_find(mappings, interpreter);
	return base && base->inode && base->inode == mapping->inode &&
	       base->device == mapping->device;
}

/* One that has made threads has started. */
static bool has_threads(const struct process *process)
{
	owned(free_p) pid_t *tids = NULL;
	size_t nr;

	return !threads_read(process, &tids, &nr, NULL) && nr > 1;
}

int stub_check_started(const struct stub *stub, const struct tracee *tracee,
		       const struct thread *thread,
		       const struct mappings *mappings, struct hf_diag *diag)
{
	const struct process *process = tracee->process;
	bool at_entry = thread->regs.rip - stub->address < START_CODE_SIZE &&
			!stub->present;

	if (has_threads(process) ||
	    (!at_entry &&
	     !is_in_interpreter(process, mappings, thread->regs.rip)) ||
	    (!at_entry && entry_was_executed(process, stub->address)))
		return 0;
	hf_refuse(diag, "starting",
		  "process %d (%s) has not finished starting: the dynamic "
		  "loader still works",
		  (int)process->pid, process->command);
	hf_hint(diag, "try again in a moment");
	return -ECANCELED;
}

/* --- what a dead agent left ---------------------------------------------- */

/*
 * Inside the stub, or on the way back to it: from a function that was called,
 * or from a signal handler. The stub's own first address does not count on the
 * stack: it is the entry point, which the auxiliary vector there names too.
 */
static bool thread_needs_stub(const struct process *process,
			      const struct mappings *mappings,
			      const struct thread *thread, hf_addr stub)
{
	const struct mapping *mapping =
		mappings_find(mappings, thread->regs.rsp);
	owned(free_p) uint64_t *words = NULL;
	size_t size;

	if (thread->regs.rip - stub < STUB_SIZE)
		return true;
	if (!mapping)
		return false;
	size = mapping->range.end - align_down(thread->regs.rsp, 8);
	words = malloc(size);
	if (!words || process_read(process, align_down(thread->regs.rsp, 8),
				   words, size))
		return true; /* not known to be free */
	for (size_t i = 0; i < size / sizeof(*words); i++)
		if (words[i] > stub && words[i] < stub + STUB_SIZE)
			return true;
	return false;
}

/* With the stub present. Return: 0: nobody needs it; -EAGAIN; -errno. */
static int stub_require_unused(struct tracee *tracee, struct stub *ret_stub,
			       struct hf_diag *diag)
{
	const struct process *process = tracee->process;
	struct mappings mappings;
	int r = mappings_read(process, &mappings, diag);

	if (r)
		return r;
	r = stub_locate(process, &mappings, ret_stub, diag);
	for (size_t i = 0; !r && i < tracee->nr_threads; i++) {
		const struct thread *thread = &tracee->threads[i];

		if (thread->state != THREAD_HELD ||
		    !thread_needs_stub(process, &mappings, thread,
				       ret_stub->address))
			continue;
		r = hf_error(diag, -EAGAIN, "stub-in-use",
			     "thread %d still has to restore itself",
			     (int)thread->tid);
		hf_hint(diag, "try again: it may be running a hook of the "
			      "patch");
	}
	mappings_release(&mappings);
	return r;
}

int remote_drained(struct tracee *tracee, struct hf_diag *diag)
{
	struct stub stub;
	bool present;
	int r = remote_stub_present(tracee->process, &present, diag);

	return r || !present ? r : stub_require_unused(tracee, &stub, diag);
}

int remote_sweep(struct tracee *tracee, bool *ret_found, struct hf_diag *diag)
{
	const struct process *process = tracee->process;
	struct stub stub;
	bool present;
	int r = remote_stub_present(process, &present, diag);

	if (!r && !present)
		*ret_found = false;
	if (r || !present)
		return r;
	r = stub_require_unused(tracee, &stub, diag);
	if (r)
		return r;
	r = process_write(process, stub.address, stub.own, STUB_SIZE);
	if (r)
		return hf_fail(diag, r, "cannot clean the entry point of "
			       "process %d",
			       (int)process->pid);
	*ret_found = true;
	return 0;
}

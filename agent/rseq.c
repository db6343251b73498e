#include "rseq.h"

#include <linux/rseq.h>
#include <string.h>

static bool is_inside(const struct rseq_cs *sequence, hf_addr code)
{
	return code >= sequence->start_ip &&
	       code - sequence->start_ip < sequence->post_commit_offset;
}

/* The handler is known by the thread's signature in front of it. */
static bool is_handler(const struct process *process, hf_addr handler,
		       uint32_t signature)
{
	uint32_t found;

	return !process_read(process, handler - sizeof(found), &found,
			     sizeof(found)) &&
	       found == signature;
}

void rseq_abort(const struct process *process, const struct thread *thread,
		struct user_regs_struct *regs)
{
	struct rseq_cs sequence;
	uint32_t signature;
	hf_addr area, address;

	if (thread_get_rseq(thread, &area, &signature) ||
	    process_read(process, area + offsetof(struct rseq, rseq_cs),
			 &address, sizeof(address)) ||
	    !address ||
	    process_read(process, address, &sequence, sizeof(sequence)))
		return;
	if (!sequence.version && is_inside(&sequence, regs->rip) &&
	    !is_inside(&sequence, sequence.abort_ip) &&
	    is_handler(process, sequence.abort_ip, signature))
		regs->rip = sequence.abort_ip;
}

#include "gate.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* 140 cycles each on recent Intel processors, 40 on others. */
#define SPIN 30000

#define GATE_PUSHED 1 /* from here on %rcx is on the stack */
#define GATE_POPPED 11 /* and from here on no more */

/* notrack: where it leads to is no landing pad. */
static const uint8_t gate_code[] = {
	0x51,				       /* push %rcx */
	0xb9, SPIN & 0xff, SPIN >> 8, 0, 0,    /* mov $SPIN,%ecx */
	0xf3, 0x90,			       /* pause */
	0xe2, 0xfc,			       /* loop -4 */
	0x59,				       /* pop %rcx */
	0x3e, 0xff, 0x25, GATE_SLOT - 18, 0, 0, 0, /* notrack jmp *slot(%rip) */
};

static_assert(sizeof(gate_code) == 18);
static_assert(SPIN <= 0xffff);

void gates_encode(uint8_t ret_page[GATES_SIZE])
{
	memset(ret_page, 0, GATES_SIZE);
	for (size_t i = 0; i < NR_GATES; i++)
		memcpy(ret_page + i * GATE_SIZE, gate_code, sizeof(gate_code));
}

int gates_read(const struct process *process, hf_addr base,
	       struct gates *ret_gates)
{
	uint8_t page[GATES_SIZE];
	int r = process_read(process, base, page, sizeof(page));

	if (r < 0)
		return r;
	*ret_gates = (struct gates){ .process = process, .base = base };
	for (size_t i = 0; i < NR_GATES; i++) {
		const uint8_t *gate = page + i * GATE_SIZE;

		if (memcmp(gate, gate_code, sizeof(gate_code)))
			return -EBADMSG;
		memcpy(&ret_gates->leads_to[i], gate + GATE_SLOT,
		       sizeof(hf_addr));
	}
	return 0;
}

static hf_addr gate_address(const struct gates *gates, size_t i)
{
	return gates->base + i * GATE_SIZE;
}

void gates_prepare(const struct gates *gates)
{
	(void)process_write(gates->process, gate_address(gates, 0) + GATE_SLOT,
			    gates->leads_to, sizeof(*gates->leads_to));
}

int gates_find(struct gates *gates, hf_addr leads_to, hf_addr *ret_gate)
{
	size_t i = 0;
	int r;

	while (i < NR_GATES && gates->leads_to[i] &&
	       gates->leads_to[i] != leads_to)
		i++;
	if (i == NR_GATES)
		return -ENOSPC;
	*ret_gate = gate_address(gates, i);
	if (gates->leads_to[i])
		return 0;
	r = process_write(gates->process, *ret_gate + GATE_SLOT, &leads_to,
			  sizeof(leads_to));
	if (r == 0)
		gates->leads_to[i] = leads_to;
	return r;
}

/* From the last one on: the first says whether any is in use. */
void gates_clear(struct gates *gates)
{
	const hf_addr nowhere = 0;

	for (size_t i = NR_GATES; i-- > 0;)
		if (gates->leads_to[i] &&
		    !process_write(gates->process,
				   gate_address(gates, i) + GATE_SLOT, &nowhere,
				   sizeof(nowhere)))
			gates->leads_to[i] = 0;
}

int gate_leave(const struct gates *gates, struct thread *thread)
{
	struct user_regs_struct regs = thread->regs;
	uint64_t offset = regs.rip - gates->base;
	size_t i = offset / GATE_SIZE;
	int r;

	offset %= GATE_SIZE;
	if (regs.rip < gates->base || i >= NR_GATES || !gates->leads_to[i] ||
	    offset > GATE_POPPED)
		return -ENOENT;
	if (offset >= GATE_PUSHED && offset < GATE_POPPED) {
		r = process_read(gates->process, regs.rsp, &regs.rcx,
				 sizeof(regs.rcx));
		if (r < 0)
			return r;
		regs.rsp += sizeof(regs.rcx);
	}
	regs.rip = gates->leads_to[i];
	return thread_set_regs(thread, &regs, NULL);
}

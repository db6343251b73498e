/*
 * Return gates: where they lead, who stands in one, and what going through one
 * does to a thread (nothing).
 */
#include <errno.h>
#include <sys/mman.h>

#include "../../agent/gate.h"
#include "../tap.h"
#include "fake_memory.h"

#define BASE 0x7000

static struct process with_gates(struct gates *gates)
{
	struct process process = fake_memory();
	uint8_t page[GATES_SIZE];

	gates_encode(page);
	fake_write(&process, BASE, page, sizeof(page));
	gates_read(&process, BASE, gates);
	gates->process = NULL;
	return process;
}

TEST(one_gate_for_each_address)
{
	struct gates gates, again;
	struct process process = with_gates(&gates);
	hf_addr first, second, same;

	gates.process = &process;
	CHECK(!gates_used(&gates));
	CHECK_EQ(gates_find(&gates, 0x1111, &first), 0);
	CHECK_EQ(gates_find(&gates, 0x2222, &second), 0);
	CHECK_EQ(gates_find(&gates, 0x1111, &same), 0);
	CHECK_EQ(first, BASE);
	CHECK_EQ(second, BASE + GATE_SIZE);
	CHECK_EQ(same, first);
	/* What the next agent finds. */
	CHECK_EQ(gates_read(&process, BASE, &again), 0);
	CHECK(gates_used(&again));
	CHECK_EQ(again.leads_to[1], 0x2222);
	gates_clear(&again);
	CHECK_EQ(gates_read(&process, BASE, &again), 0);
	CHECK(!gates_used(&again));
	CHECK_EQ(again.leads_to[1], 0);
	fake_memory_close(&process);
}

TEST(no_more_than_there_are)
{
	struct gates gates;
	struct process process = with_gates(&gates);
	hf_addr gate;

	gates.process = &process;
	for (size_t i = 0; i < NR_GATES; i++)
		CHECK_EQ(gates_find(&gates, 0x1000 + i, &gate), 0);
	CHECK_EQ(gates_find(&gates, 0x5000, &gate), -ENOSPC);
	CHECK_EQ(gates_find(&gates, 0x1001, &gate), 0);
	fake_memory_close(&process);
}

TEST(something_else_stands_there)
{
	struct gates gates;
	struct process process = with_gates(&gates);

	fake_write(&process, BASE + 5 * GATE_SIZE + 3, "x", 1);
	CHECK_EQ(gates_read(&process, BASE, &gates), -EBADMSG);
	fake_memory_close(&process);
}

/* Returns through a gate of our own, with known values in all that it names. */
TEST(going_through_changes_nothing)
{
	uint64_t rcx = 0x1234, flags_before, flags_after, sp_before, sp_after;
	uint8_t *page = mmap(NULL, GATES_SIZE,
			     PROT_READ | PROT_WRITE | PROT_EXEC,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(page != MAP_FAILED);
	gates_encode(page);
	__asm__ volatile("lea 1f(%%rip), %[sp_after]\n"
			 "mov %[sp_after], %c[slot](%[page])\n"
			 "mov %%rsp, %[sp_before]\n"
			 "stc\n"
			 "pushfq\n"
			 "pop %[flags_before]\n"
			 "push %[page]\n"
			 "ret\n"
			 "1: pushfq\n"
			 "pop %[flags_after]\n"
			 "mov %%rsp, %[sp_after]\n"
			 : [sp_before] "=&r"(sp_before),
			   [sp_after] "=&r"(sp_after),
			   [flags_before] "=&r"(flags_before),
			   [flags_after] "=&r"(flags_after), "+c"(rcx)
			 : [page] "r"(page), [slot] "i"(GATE_SLOT)
			 : "memory", "cc");
	munmap(page, GATES_SIZE);
	CHECK_EQ(rcx, 0x1234);
	CHECK_EQ(sp_after, sp_before);
	CHECK_EQ(flags_after, flags_before);
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}

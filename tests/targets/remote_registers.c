/*
 * Two threads that keep known values in every register and look whether they
 * are still there: one in its own code all the time, one that sleeps in the
 * kernel with them. "report" on standard input prints "rounds A B",
 * "damaged A B", and "clobber ADDRESS" of a function that ruins everything that
 * a function may ruin.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "registers.h"

struct spinner {
	struct registers registers;
	atomic_ulong rounds, damaged;
};

static struct spinner spinners[2];

static void *spin(void *argument)
{
	struct spinner *spinner = argument;

	for (;;) {
		if (!registers_hold(&spinner->registers))
			spinner->damaged++;
		spinner->rounds++;
	}
	return NULL;
}

__attribute__((noinline, used)) static long clobber(long a, long b, long c,
						    long d, long e, long f)
{
	volatile long double sum = 0.1L;

	for (int i = 0; i < 6; i++)
		sum = sum * 1.5L + (long double)a;
	__asm__ volatile("fninit\n\t"
			 "fldpi\n\tfldpi\n\tfldpi\n\t"
			 "vpcmpeqd %%ymm0, %%ymm0, %%ymm0\n\t"
			 "vmovdqa %%ymm0, %%ymm1\n\t"
			 "vmovdqa %%ymm0, %%ymm7\n\t"
			 "vmovdqa %%ymm0, %%ymm14\n\t"
			 "vmovdqa %%ymm0, %%ymm15\n\t"
			 "mov $-1, %%r8\n\t"
			 "mov $-1, %%r9\n\t"
			 "mov $-1, %%r10\n\t"
			 "mov $-1, %%r11\n\t"
			 ::: "r8", "r9", "r10", "r11", "memory");
	return a + 10 * b + 100 * c + 1000 * d + 10000 * e + 100000 * f;
}

int main(void)
{
	pthread_t thread;
	char line[64];

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!registers_supported()) {
		puts("no avx2");
		return 0;
	}
	for (int i = 0; i < 2; i++) {
		struct spinner *spinner = &spinners[i];

		registers_fill(&spinner->registers, i + 1);
		spinner->registers.spins = 50;
		spinner->registers.nap.tv_nsec = 2000000;
		spinner->registers.sleeps = i;
		if (pthread_create(&thread, NULL, spin, spinner))
			return 1;
	}
	puts("ready");
	while (fgets(line, sizeof(line), stdin) && !strcmp(line, "report\n")) {
		printf("rounds %lu %lu\n", spinners[0].rounds,
		       spinners[1].rounds);
		printf("damaged %lu %lu\n", spinners[0].damaged,
		       spinners[1].damaged);
		printf("clobber %p\n", (void *)clobber);
	}
	return 0;
}

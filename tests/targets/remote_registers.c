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
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct spinner {
	uint8_t vectors[16][32];
	long double x87[6];
	struct timespec nap;
	long sleeps;
	long ignored[2];
	atomic_ulong rounds, damaged;
};

static struct spinner spinners[2];

#define LOAD(n) "vmovdqu " #n "*32(%%rdi), %%ymm" #n "\n\t"
/* ymm15 is the scratch register of the comparison. */
#define SAME(n)                                                                \
	"vpxor " #n "*32(%%rdi), %%ymm" #n ", %%ymm15\n\t"                     \
	"vptest %%ymm15, %%ymm15\n\t"                                          \
	"jnz 9f\n\t"
#define VALUE(reg, value) "mov $" value ", %%" reg "\n\t"
#define EQUAL(reg, value) "cmp $" value ", %%" reg "\n\tjne 9f\n\t"
#define PUSHX87(n) "fldt 512+16*" #n "(%%rdi)\n\t"
/* A copy of st(n) against memory; equal sets ZF and clears PF. */
#define SAMEX87(n, st)                                                         \
	"fld %%st(" #st ")\n\t"                                                \
	"fldt 512+16*" #n "(%%rdi)\n\t"                                        \
	"fucomip %%st(1), %%st\n\t"                                            \
	"fstp %%st(0)\n\t"                                                     \
	"jne 9f\n\tjp 9f\n\t"

/*
 * Returns 0 when all was as it should be, 1 otherwise. The frame pointer and
 * the red zone hold values too.
 */
__attribute__((noinline)) static int look_once(struct spinner *spinner)
{
	long result;

	__asm__ volatile(
		"lea -128(%%rsp), %%rsp\n\t" /* the compiler's red zone */
		"push %%rbp\n\t"
		LOAD(0) LOAD(1) LOAD(2) LOAD(3) LOAD(4) LOAD(5) LOAD(6) LOAD(7)
		LOAD(8) LOAD(9) LOAD(10) LOAD(11) LOAD(12) LOAD(13) LOAD(14)
		PUSHX87(0) PUSHX87(1) PUSHX87(2) PUSHX87(3) PUSHX87(4)
		PUSHX87(5)
		VALUE("rbx", "0x11111111") VALUE("rcx", "0x22222222")
		VALUE("rdx", "0x33333333") VALUE("rsi", "0x44444444")
		VALUE("rbp", "0x55555555") VALUE("r8", "-0x66666666")
		VALUE("r9", "-0x77777777") VALUE("r10", "0x12121212")
		VALUE("r11", "0x23232323") VALUE("r12", "0x34343434")
		VALUE("r13", "0x45454545") VALUE("r14", "0x56565656")
		VALUE("r15", "0x67676767") VALUE("rax", "0x71717171")
		"movq $0x1234567, -8(%%rsp)\n\t"
		"movq $0x7654321, -128(%%rsp)\n\t"
		"cmpq $0, %c[sleeps](%%rdi)\n\t"
		"je 1f\n\t"
		/* nanosleep(&nap, NULL) with everything loaded */
		"mov %%rdi, %%r14\n\t"
		"lea %c[nap](%%rdi), %%rdi\n\t"
		"xor %%esi, %%esi\n\t"
		"mov $35, %%eax\n\t"
		"syscall\n\t"
		"mov %%r14, %%rdi\n\t"
		"test %%rax, %%rax\n\t"
		"jnz 9f\n\t"
		VALUE("rcx", "0x22222222") VALUE("r11", "0x23232323")
		VALUE("rsi", "0x44444444") VALUE("r14", "0x56565656")
		VALUE("rax", "0x71717171")
		"1:\n\t"
		/* Carry, sign, parity: all set, for a while; direction too. */
		"std\n\t"
		"stc\n\t"
		".rept 400\n\tjnc 8f\n\t.endr\n\t"
		"cld\n\t"
		EQUAL("rbx", "0x11111111") EQUAL("rcx", "0x22222222")
		EQUAL("rdx", "0x33333333") EQUAL("rsi", "0x44444444")
		EQUAL("rbp", "0x55555555") EQUAL("r8", "-0x66666666")
		EQUAL("r9", "-0x77777777") EQUAL("r10", "0x12121212")
		EQUAL("r11", "0x23232323") EQUAL("r12", "0x34343434")
		EQUAL("r13", "0x45454545") EQUAL("r14", "0x56565656")
		EQUAL("r15", "0x67676767") EQUAL("rax", "0x71717171")
		"cmpq $0x1234567, -8(%%rsp)\n\tjne 9f\n\t"
		"cmpq $0x7654321, -128(%%rsp)\n\tjne 9f\n\t"
		SAME(0) SAME(1) SAME(2) SAME(3) SAME(4) SAME(5) SAME(6) SAME(7)
		SAME(8) SAME(9) SAME(10) SAME(11) SAME(12) SAME(13) SAME(14)
		SAMEX87(0, 5) SAMEX87(1, 4) SAMEX87(2, 3) SAMEX87(3, 2)
		SAMEX87(4, 1) SAMEX87(5, 0)
		"xor %%eax, %%eax\n\t"
		"jmp 7f\n\t"
		"8: cld\n\t"
		"9: mov $1, %%eax\n\t"
		"7: fninit\n\t"
		"vzeroupper\n\t"
		"pop %%rbp\n\t"
		"lea 128(%%rsp), %%rsp\n\t"
		: "=a"(result), "+D"(spinner)
		: [nap] "i"(__builtin_offsetof(struct spinner, nap)),
		  [sleeps] "i"(__builtin_offsetof(struct spinner, sleeps))
		: "rbx", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "r12",
		  "r13", "r14", "r15", "memory", "cc", "xmm0", "xmm1", "xmm2",
		  "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
		  "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
	return (int)result;
}

static void *spin(void *argument)
{
	struct spinner *spinner = argument;

	for (;;) {
		if (look_once(spinner))
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
	if (!__builtin_cpu_supports("avx2")) {
		puts("no avx2");
		return 0;
	}
	for (int i = 0; i < 2; i++) {
		struct spinner *spinner = &spinners[i];

		for (size_t b = 0; b < sizeof(spinner->vectors); b++)
			((uint8_t *)spinner->vectors)[b] =
				(uint8_t)(b * 7 + (size_t)i + 1);
		for (int n = 0; n < 6; n++)
			spinner->x87[n] = 1.25L * (n + 1) + i;
		spinner->nap.tv_nsec = 2000000;
		spinner->sleeps = i;
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

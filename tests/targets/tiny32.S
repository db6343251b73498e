/* A 32-bit process: waits for the end of its input. */
	.globl _start
_start:
	movl $4, %eax		/* write(1, "ready\n", 6) */
	movl $1, %ebx
	movl $ready, %ecx
	movl $6, %edx
	int $0x80
again:	movl $3, %eax		/* read(0, byte, 1) */
	xorl %ebx, %ebx
	movl $byte, %ecx
	movl $1, %edx
	int $0x80
	testl %eax, %eax
	jg again
	movl $1, %eax		/* exit(0) */
	xorl %ebx, %ebx
	int $0x80

	.data
ready:	.ascii "ready\n"
byte:	.byte 0
	.section .note.GNU-stack, "", @progbits

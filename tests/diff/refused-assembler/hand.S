	.text
	.globl hand_made
	.type hand_made, @function
hand_made:
	leal 3(%rdi,%rdi), %eax
	ret
	.size hand_made, .-hand_made
	.section .note.GNU-stack, "", @progbits

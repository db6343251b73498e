#!/bin/sh
# Assembly of 200,000 functions of 1 KiB, each with a symbol.
echo '	.text'
awk 'BEGIN {
	for (i = 0; i < 200000; i++)
		printf "\t.globl filler_%d\n\t.type filler_%d, @function\nfiller_%d:\n\t.fill 1023, 1, 0x90\n\tret\n\t.size filler_%d, 1024\n", i, i, i, i
}'
echo '	.section .note.GNU-stack,"",@progbits'

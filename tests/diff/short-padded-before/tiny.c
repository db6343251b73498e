/* Four bytes, the next function right behind them, padding before. */
__attribute__((noinline, aligned(64))) int tiny(int a)
{
	return a + 1;
}

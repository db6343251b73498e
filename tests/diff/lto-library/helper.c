extern int work_calls;
static int hidden_state = 7;

__attribute__((noinline, visibility("hidden"))) int helper(int a)
{
	return a + hidden_state++;
}

extern int work(int a);

int main(void)
{
	return work(1) == 2 ? 0 : 1;
}

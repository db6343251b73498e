extern int work(int a);

void sweep(int nr, char **args)
{
	(void)nr, (void)args;
}

int main(void)
{
	return work(1) == 2 ? 0 : 1;
}

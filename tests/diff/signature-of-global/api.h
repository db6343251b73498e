extern int compute(int a);

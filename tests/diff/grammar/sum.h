int yylex(void);
int sum_of(const char *text);
void sum_scan(const char *text);

/* A number of words: the actions are the program's code. */
%code requires {
#define YYSTYPE int
}
%{
#include "sum.h"

static int total;
static int yyerror(const char *text);
%}
%token NUMBER
%%
sum: NUMBER		{ total = $1; }
   | sum '+' NUMBER	{ total += $3; }
   | sum '-' NUMBER	{ total -= $3; }
   ;
%%
static int yyerror(const char *text)
{
	(void)text;
	return 0;
}

int sum_of(const char *text)
{
	sum_scan(text);
	total = 0;
	return yyparse() ? -1 : total;
}

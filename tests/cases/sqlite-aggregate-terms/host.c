/*
 * Answers a line of SQL with the first value of the first row, or with the
 * error.
 */
#include <sqlite3.h>

#include "serve.h"

static sqlite3 *database;

static void run(char *line, FILE *reply)
{
	sqlite3_stmt *statement = NULL;

	if (sqlite3_prepare_v2(database, line, -1, &statement, NULL) ||
	    sqlite3_step(statement) != SQLITE_ROW)
		fprintf(reply, "error: %s\n", sqlite3_errmsg(database));
	else
		fprintf(reply, "%s\n", sqlite3_column_text(statement, 0));
	sqlite3_finalize(statement);
}

int main(int argc, char **argv)
{
	if (sqlite3_open(":memory:", &database) ||
	    sqlite3_exec(database,
			 "CREATE TABLE t (a INTEGER);"
			 "INSERT INTO t VALUES (1), (2), (3)",
			 NULL, NULL, NULL))
		return 1;
	return serve(argc, argv, run);
}

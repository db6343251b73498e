/*
 * Answers what a JSON pointer finds in a fixed document: a line "/list/1" is
 * answered by the value there, which is "item 1", or by "none".
 */
#include <cJSON.h>
#include <cJSON_Utils.h>

#include "serve.h"

static cJSON *document;

static void find(char *line, FILE *reply)
{
	cJSON *found = cJSONUtils_GetPointerCaseSensitive(document, line);

	fprintf(reply, "%s\n", cJSON_IsString(found) ? found->valuestring
						     : "none");
}

int main(int argc, char **argv)
{
	cJSON *list = cJSON_CreateArray();
	char text[32];

	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "item %d", i);
		cJSON_AddItemToArray(list, cJSON_CreateString(text));
	}
	document = cJSON_CreateObject();
	cJSON_AddItemToObject(document, "list", list);
	return serve(argc, argv, find);
}

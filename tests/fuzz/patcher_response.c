/* Response files: gcc @objects.rsp. They may name themselves. */
#include "../../patcher/record/response_file.h"
#include "fuzz.h"

static bool read_response(const uint8_t *bytes, size_t size)
{
	struct strings list = { 0 };
	char argument[64];
	char *arguments[] = { argument, NULL };

	snprintf(argument, sizeof(argument), "@%s", fuzz_file(bytes, size));
	if (response_expand(arguments, &list))
		return false;
	for (size_t i = 0; i < list.nr; i++)
		PROMISE(list.items[i]);
	strings_release(&list);
	return true;
}

static const char *const files[] = {
	"-O2 -o 'a b.o' \"c \\\" d.c\"\t-DX=\\\"y\\\"\n\n-I/usr/include\r\n",
	"-Wl,--start-group liba.a @/nowhere.rsp @ '' \"\" -Wl,--end-group",
};

static void seeds(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		fuzz_seed(files[i], strlen(files[i]));
}

const struct fuzz_target fuzz_target = {
	.read = read_response, .seeds = seeds, .text = true,
};

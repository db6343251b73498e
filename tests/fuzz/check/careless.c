/* A reader with every fault that a fuzzer is to find: replay.t asks for them. */
#include <unistd.h>

#include "../fuzz.h"

static void *volatile lost;

static bool says(const uint8_t *bytes, size_t size, const char *word)
{
	return size == strlen(word) && !memcmp(bytes, word, size);
}

static bool read_carelessly(const uint8_t *bytes, size_t size)
{
	if (says(bytes, size, "die"))
		abort();
	while (says(bytes, size, "hang"))
		pause();
	if (says(bytes, size, "leak"))
		lost = malloc(10);
	lost = NULL;
	if (says(bytes, size, "beyond"))
		return ((const volatile uint8_t *)bytes)[size];
	return true;
}

/* As damage it comes near enough to "die" to meet it. */
static void seeds(void)
{
	fuzz_seed("dig", 3);
}

const struct fuzz_target fuzz_target = {
	.read = read_carelessly, .seeds = seeds,
};

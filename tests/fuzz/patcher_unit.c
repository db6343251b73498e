/* A relocatable object as a graph of items: each reference leads to one. */
#include "../../patcher/diff/unit.h"
#include "fuzz.h"

static void item_check(const struct item *item)
{
	char text[256];

	PROMISE(item_describe(item, text, sizeof(text)));
	for (size_t i = 0; i < item->nr_references; i++)
		PROMISE(item->references[i].to);
}

static bool read_unit(const uint8_t *bytes, size_t size)
{
	owned(unit_close_p) struct unit *unit = NULL;
	struct hf_diag diag = { 0 };

	if (unit_open(fuzz_file(bytes, size), &unit, &diag)) {
		PROMISE(diag.message[0]);
		return false;
	}
	for (size_t i = 0; i < unit->nr_items; i++)
		item_check(unit->items[i]);
	return true;
}

static void seeds(void)
{
	fuzz_seed_built("tiny.o");
}

const struct fuzz_target fuzz_target = {
	.read = read_unit, .seeds = seeds, .place = fuzz_place_elf,
};

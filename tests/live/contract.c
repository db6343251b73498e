/*
 * Two functions with a contract, called by 64 threads without pause, are
 * switched to and fro: at no time does anybody run one of the old pair with one
 * of the new. The agent's functions are called here, so that a switch costs no
 * program's start.
 *
 *   CONTRACT_SWITCHES=N   how many; 100 and 50 otherwise, in a full run 90,000 and
 *                         10,000, which takes more than an hour on two idle
 *                         processors
 */
#include "../../agent/operation.h"

#include "../../agent/clock.h"
#include "../tap.h"
#include "spawn.h"

/* 64 threads; after 256 calls each naps, for so many microseconds. */
#define MOST_ASLEEP "contract 64 30000\n"
#define MOST_AWAKE "contract 64 4000\n" /* the processors are overloaded */
#define WAIT_MS 60000

/* Each undoes what the other did, in a unit that only the two know. */
static const char source[] =
	"#include <hotfix/hotfix.h>\n"
	"extern volatile int contract_unit;\n"
	"extern void contract_between(int sum);\n"
	"int contract_take(int sum) { return sum - UNIT * contract_unit; }\n"
	"HOTFIX_REPLACE(contract_take);\n"
	"int contract_give(int sum)\n"
	"{\n"
	"	int given = sum + UNIT * contract_unit;\n"
	"	contract_between(sum);\n"
	"	return contract_take(given);\n"
	"}\n"
	"HOTFIX_REPLACE(contract_give);\n";

struct contract {
	struct child child;
	char directory[64];
	struct patch_file *patches[2]; /* units of 100 and 1,000 */
	unsigned long nr_switches, nr_wrong;
	uint64_t longest_ns, total_ns;
	char last[128];
};

static struct hf_diag diag;

static unsigned long nr_wanted(unsigned long full, unsigned long small)
{
	const char *text = getenv("CONTRACT_SWITCHES");

	return text ? strtoul(text, NULL, 0) : tap_is_full() ? full : small;
}

static struct patch_file *patch_build(struct contract *contract, int unit)
{
	const char *build = getenv("HOTFIX_O");
	struct patch_file *patch = NULL;
	char path[128], command[8192];
	FILE *file;

	snprintf(path, sizeof(path), "%s/unit%d.c", contract->directory, unit);
	file = fopen(path, "we");
	if (!file)
		return NULL;
	fprintf(file, "#define UNIT %d\n%s", unit, source);
	fclose(file);
	snprintf(command, sizeof(command),
		 "%s/hotfix-build --target %s --name unit%d -o %s.so %s >%s.log "
		 "2>&1", build ? build : "build", child_target_path("threads"),
		 unit, path, path, path);
	if (system(command))
		return NULL;
	strcat(path, ".so");
	if (patch_file_open(path, &patch, &diag))
		return NULL;
	return patch;
}

/* Return: whether all is there. */
static bool contract_open(struct contract *contract, const char *threads)
{
	char line[64];

	*contract = (struct contract){ .directory = "/tmp/contract.XXXXXX" };
	if (!mkdtemp(contract->directory))
		return false;
	contract->patches[0] = patch_build(contract, 100);
	contract->patches[1] = patch_build(contract, 1000);
	if (!contract->patches[0] || !contract->patches[1])
		return false;
	child_start(&contract->child, "threads");
	child_say(&contract->child, threads);
	return child_line(&contract->child, line, sizeof(line)) &&
	       !strcmp(line, "ok");
}

static void contract_close(struct contract *contract)
{
	char command[128];

	child_end(&contract->child);
	for (int i = 0; i < 2; i++)
		if (contract->patches[i])
			patch_file_free(contract->patches[i]);
	snprintf(command, sizeof(command), "rm -rf %s", contract->directory);
	if (system(command))
		printf("# %s stays\n", contract->directory);
}

/* Asks the target; the answer is in contract->last. */
static bool answers(struct contract *contract, const char *question,
		    const char *right)
{
	child_say(&contract->child, question);
	return child_line(&contract->child, contract->last,
			  sizeof(contract->last)) &&
	       !strcmp(contract->last, right);
}

static int switched(struct contract *contract, int r,
		    struct operation_report *report)
{
	contract->nr_switches += r == 0;
	contract->total_ns += report->total_ns;
	if (report->pause_ns > contract->longest_ns)
		contract->longest_ns = report->pause_ns;
	operation_report_release(report);
	return r;
}

static int to_patch(struct contract *contract, int which, bool replace)
{
	const struct operation_options options = {
		.wait_ms = WAIT_MS,
		.replace_active = replace,
	};
	struct operation_report report = { 0 };
	int r = operation_apply(contract->child.pid, contract->patches[which],
				&options, &report, &diag);

	return switched(contract, r, &report);
}

static int to_original(struct contract *contract, const char *name)
{
	const struct operation_options options = { .wait_ms = WAIT_MS };
	struct operation_report report = { 0 };
	int r = operation_revert(contract->child.pid, name, &options, &report,
				 &diag);

	return switched(contract, r, &report);
}

/* Original, units of 100, units of 1,000, original: each pair whole. */
static int round_play(struct contract *contract)
{
	int r = to_patch(contract, 0, false);

	if (!r && !answers(contract, "contract-now\n", "5 -95"))
		contract->nr_wrong++;
	if (!r)
		r = to_patch(contract, 1, true);
	if (!r && !answers(contract, "contract-now\n", "5 -995"))
		contract->nr_wrong++;
	if (!r)
		r = to_original(contract, "unit1000");
	if (!r && !answers(contract, "contract-now\n", "5 4"))
		contract->nr_wrong++;
	return r;
}

static void play(const char *threads, unsigned long wanted, const char *row)
{
	uint64_t began_ns = monotonic_ns();
	struct contract contract;
	bool unbroken;
	int r = 0;

	if (!contract_open(&contract, threads)) {
		contract_close(&contract);
		TAP_FAIL("no target: %s", diag.message);
	}
	while (!r && !contract.nr_wrong && contract.nr_switches < wanted)
		r = round_play(&contract);
	unbroken = answers(&contract, "rounds\n", "broken 0");
	printf("# %lu switches in %.1f s, the longest pause %.2f ms; then: %s\n",
	       contract.nr_switches,
	       (double)(monotonic_ns() - began_ns) / NS_PER_S,
	       (double)contract.longest_ns / NS_PER_MS, contract.last);
	tap_tried(row, contract.nr_switches, 0, contract.nr_wrong + !unbroken,
		  0);
	contract_close(&contract);
	if (r)
		TAP_FAIL("after %lu switches: %d %s", contract.nr_switches, r,
			 diag.message);
	CHECK(unbroken);
	CHECK_EQ(contract.nr_wrong, 0);
}

TEST(never_mixed)
{
	play(MOST_ASLEEP, nr_wanted(90000, 100),
	     "consistency: a contract, 64 threads");
}

TEST(never_mixed_overloaded)
{
	play(MOST_AWAKE, nr_wanted(10000, 50),
	     "consistency: a contract, 64 threads, overloaded");
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}

#include "status_kept.h"

#include <time.h>

#include "clock.h"
#include "pending.h"
#include "standing.h"
#include "watch_lock.h"

/* "at 12:34:56", or with the day where it is not today's. */
static void deadline_format(const struct pending *pending, char *text, size_t size)
{
	time_t seconds = (time_t)(pending->deadline_ns / (int64_t)NS_PER_S);
	time_t now = time(NULL);
	struct tm tm, today;

	*text = '\0';
	if (localtime_r(&seconds, &tm) && localtime_r(&now, &today))
		strftime(text, size,
			 tm.tm_yday == today.tm_yday && tm.tm_year == today.tm_year ?
				 "%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &tm);
}

static void pending_print(const struct pending *pending, struct output *output)
{
	bool guarded = pending_is_guarded(pending);
	const char *name = pending->name;
	char deadline[32];

	deadline_format(pending, deadline, sizeof(deadline));
	if (pending->state == PENDING_FAILED)
		output_warning(output, "%s was not confirmed by %s and could not "
			       "be taken back everywhere: hotfix revert %s --all",
			       name, deadline, name);
	else if (!guarded)
		output_warning(output, "%s waits to be confirmed, and its guard "
			       "(pid %d) is dead: it will not be taken back by "
			       "itself. hotfix confirm %s, or hotfix revert %s "
			       "--all", name, (int)pending->guard, name, name);
	else if (pending->state == PENDING_REVERTING)
		output_print(output, "%s was not confirmed by %s: it is being "
			     "taken back\n", name, deadline);
	else
		output_print(output, "%s is taken back at %s unless it is "
			     "confirmed: hotfix confirm %s\n", name, deadline,
			     name);
}

static void pending_add(const struct pending *pending, struct output *output)
{
	json_t *entry = json_object(), *pids = json_array();

	for (size_t i = 0; i < pending->pids.nr; i++)
		json_add(pids, json_integer(pending->pids.entries[i]));
	json_put(entry, "patch", json_text(pending->name));
	json_put(entry, "state", json_text(pending_state_name(pending->state)));
	json_put(entry, "until_ns", json_integer(pending->deadline_ns));
	json_put(entry, "guard", json_integer(pending->guard));
	json_put(entry, "guarded", json_boolean(pending_is_guarded(pending)));
	json_put(entry, "pids", pids);
	json_add(json_array_of(output->root, "pending"), entry);
}

static int pending_tell(void *context, struct pending *pending)
{
	struct output *output = context;

	pending_print(pending, output);
	if (output->json)
		pending_add(pending, output);
	return 0;
}

void status_pending(struct output *output)
{
	struct hf_diag diag = { 0 };

	/* Without a place for it nothing waits. */
	if (pending_each(pending_tell, output, &diag) && *diag.message)
		output_warning(output, "what waits to be confirmed is not known: "
			       "%s", diag.message);
}

/* --- standing fixes -------------------------------------------------------------- */

struct standing_told {
	struct output *output;
	size_t nr;
};

static int standing_tell(void *context, const struct standing *standing)
{
	struct standing_told *told = context;
	struct output *output = told->output;
	json_t *entry;

	told->nr++;
	if (standing->state == STANDING_LOCKED)
		output_warning(output, "%s is locked, and new processes do not "
			       "get it: %s", standing->name, standing->because);
	if (!output->json)
		return 0;
	entry = json_object();
	json_put(entry, "patch", json_text(standing->name));
	json_put(entry, "state",
		 json_text(standing_state_name(standing->state)));
	json_add(json_array_of(output->root, "standing"), entry);
	return 0;
}

void status_standing(struct output *output)
{
	struct standing_told told = { .output = output };
	bool runs;

	if (standing_each(standing_tell, &told, NULL) || !told.nr)
		return;
	runs = watch_is_running();
	if (output->json)
		json_put(output->root, "watched", json_boolean(runs));
	else if (!runs)
		output_warning(output, "%zu standing fix%s, and no watcher runs: "
			       "new processes do not get them", told.nr,
			       told.nr == 1 ? "" : "es");
}

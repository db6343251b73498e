#include "waves.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#define PROCESSES_MAX 4194304 /* PID_MAX_LIMIT of the kernel */

/* The share at @text; @ret_end is what follows it. */
static int share_parse(const char *text, struct share *ret_share,
		       const char **ret_end)
{
	unsigned long value;
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	value = strtoul(text, &end, 10);
	*ret_share = (struct share){ value, *end == '%' };
	*ret_end = end + ret_share->percent;
	if (errno || !value || value > PROCESSES_MAX ||
	    (ret_share->percent && value > 100))
		return -EINVAL;
	return 0;
}

int waves_parse_canary(const char *text, struct wave_plan *plan,
		       struct hf_diag *diag)
{
	struct share share;
	const char *end;

	if (share_parse(text, &share, &end) || *end)
		return hf_error(diag, -EINVAL, "usage",
				"--canary: \"%s\" is neither a number of "
				"processes nor a share like 5%%",
				text);
	plan->canary = share;
	return 0;
}

static int then_refuse(const char *text, struct hf_diag *diag)
{
	return hf_error(diag, -EINVAL, "usage",
			"--then: \"%s\" is no list of at most %d growing shares "
			"that ends with 100%%, like 10%%,50%%,100%%",
			text, WAVES_MAX);
}

int waves_parse_then(const char *text, struct wave_plan *plan,
		     struct hf_diag *diag)
{
	const char *at = text;
	struct share before = { 0 };

	plan->nr_then = 0;
	do {
		struct share share;

		at += at > text;
		if (share_parse(at, &share, &at) || (*at && *at != ',') ||
		    plan->nr_then == WAVES_MAX ||
		    (share.percent == before.percent &&
		     share.value <= before.value))
			return then_refuse(text, diag);
		plan->then[plan->nr_then++] = before = share;
	} while (*at);
	if (!before.percent || before.value != 100)
		return then_refuse(text, diag);
	return 0;
}

static size_t share_of(const struct share *share, size_t nr_processes)
{
	if (share->percent)
		return (nr_processes * share->value + 99) / 100;
	return share->value < nr_processes ? share->value : nr_processes;
}

size_t waves_ends(const struct wave_plan *plan, size_t nr_processes,
		  size_t ret_ends[WAVES_MAX + 2])
{
	size_t done = share_of(&plan->canary, nr_processes), nr = 0;

	if (done)
		ret_ends[nr++] = done;
	for (size_t i = 0; i < plan->nr_then; i++) {
		size_t end = share_of(&plan->then[i], nr_processes);

		if (end > done)
			ret_ends[nr++] = done = end;
	}
	if (done < nr_processes)
		ret_ends[nr++] = nr_processes;
	return nr;
}

#include "watch_fixes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "patch_load.h"
#include "patch_store.h"

bool watch_fix_works(const struct watch_fix *fix)
{
	return fix->patch && fix->standing.state == STANDING_ACTIVE;
}

static int copy_find(const struct standing *standing, char ret_path[PATH_MAX],
		     struct hf_diag *diag)
{
	if (!patch_store_find(standing->digest, ret_path))
		return 0;
	hf_error(diag, -ENOENT, "copy-missing",
		 "the copy of its patch file is gone");
	hf_hint(diag, "hotfix keep %s.hotfix.so", standing->name);
	return -ENOENT;
}

static int patch_read(struct watch_fix *fix, struct hf_diag *diag)
{
	char path[PATH_MAX];
	int r = copy_find(&fix->standing, path, diag);

	return r ? r : patch_file_open(path, &fix->patch, diag);
}

int watch_fix_load(const struct watch_fix *fix, struct policies *ret_policies,
		   struct patch_file **ret_patch, struct hf_diag *diag)
{
	struct signature_report signature;
	char path[PATH_MAX];
	int r = copy_find(&fix->standing, path, diag);

	if (r == 0)
		r = policies_load(NULL, ret_policies, diag);
	if (r)
		return r;
	r = patch_load(path, ret_policies, &signature, ret_patch, diag);
	if (r)
		policies_release(ret_policies);
	return r;
}

static struct watch_fix *same_fix(const struct watch_fixes *fixes,
				  const struct standing *standing)
{
	for (size_t i = 0; i < fixes->nr; i++)
		if (!strcmp(fixes->all[i].standing.name, standing->name) &&
		    !memcmp(fixes->all[i].standing.digest, standing->digest,
			    SHA256_SIZE) &&
		    fixes->all[i].standing.kept_at_ns == standing->kept_at_ns)
			return &fixes->all[i];
	return NULL;
}

struct refresh {
	struct watch_fixes *before, after;
	watch_tell_fn *tell;
	void *context;
};

static int fix_add(void *context, const struct standing *standing)
{
	struct refresh *refresh = context;
	struct watch_fixes *after = &refresh->after;
	struct watch_fix *known = same_fix(refresh->before, standing), *fix;
	struct hf_diag diag = { 0 };
	int r = 0;

	fix = reallocarray(after->all, after->nr + 1, sizeof(*fix));
	if (!fix)
		return -ENOMEM;
	after->all = fix;
	fix += after->nr++;
	*fix = (struct watch_fix){ 0 };
	if (known) {
		*fix = *known;
		known->patch = NULL;
	}
	fix->standing = *standing;
	if (!fix->patch)
		r = patch_read(fix, &diag);
	if (r)
		refresh->tell(refresh->context, standing, r, &diag);
	return 0;
}

int watch_fixes_refresh(struct watch_fixes *fixes, watch_tell_fn *tell,
			void *context, struct hf_diag *diag)
{
	struct refresh refresh = { .before = fixes, .tell = tell,
				   .context = context };
	uint64_t version = standing_version();
	int r;

	if (version == fixes->version)
		return 0;
	r = standing_each(fix_add, &refresh, diag);
	if (r) {
		watch_fixes_release(&refresh.after);
		return r;
	}
	refresh.after.version = version;
	watch_fixes_release(fixes);
	*fixes = refresh.after;
	return 1;
}

void watch_fixes_release(struct watch_fixes *fixes)
{
	for (size_t i = 0; i < fixes->nr; i++)
		patch_file_free(fixes->all[i].patch);
	free(fixes->all);
	*fixes = (struct watch_fixes){ 0 };
}

bool watch_fix_died(struct watch_fix *fix, const char *how)
{
	uint64_t now_ns = monotonic_ns();

	if (!fix->nr_deaths || now_ns - fix->first_death_ns > WATCH_DEATHS_NS) {
		fix->nr_deaths = 0;
		fix->first_death_ns = now_ns;
	}
	if (++fix->nr_deaths < WATCH_DEATHS_MAX)
		return false;
	fix->standing.state = STANDING_LOCKED;
	snprintf(fix->standing.because, sizeof(fix->standing.because), "%s",
		 how);
	return true;
}

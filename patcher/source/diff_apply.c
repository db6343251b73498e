#include "diff_apply.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "diff_name.h"
#include "section_apply.h"

/* What a section means at one level of stripping; NULL: no such file. */
struct meaning {
	struct overlay_file *old, *new; /* the same unless it is renamed */
};

static const char *strip(const struct diff_section *section, const char *name,
			 unsigned int level)
{
	if (!name || *name == '/')
		return NULL;
	/* git's names of renames have no a/. */
	return diff_name_strip(name, section->bare && level ? level - 1 :
							      level);
}

static size_t count_slashes(const char *name)
{
	size_t nr = 0;

	while ((name = strchr(name, '/'))) {
		nr++;
		name++;
	}
	return nr;
}

/* Of "a.c" and "a.c.orig", or "a.c" and "new/a.c": the shorter one. */
static bool is_better(const struct overlay_file *a,
		      const struct overlay_file *b)
{
	size_t nr_a, nr_b;

	if (a->exists != b->exists)
		return a->exists;
	nr_a = count_slashes(a->path);
	nr_b = count_slashes(b->path);
	return nr_a != nr_b ? nr_a < nr_b : strlen(a->path) < strlen(b->path);
}

static int look_up(struct overlay *overlay, const struct diff_section *section,
		   const char *name, unsigned int level,
		   struct overlay_file **ret_file, struct hf_diag *diag)
{
	const char *path = strip(section, name, level);

	*ret_file = NULL;
	return path ? overlay_file(overlay, path, ret_file, diag) : 0;
}

static int find_meaning(struct overlay *overlay,
			const struct diff_section *section, unsigned int level,
			struct meaning *ret_meaning, struct hf_diag *diag)
{
	struct overlay_file *old, *new;
	int r = look_up(overlay, section, section->old_name, level, &old, diag);

	if (!r)
		r = look_up(overlay, section, section->new_name, level, &new,
			    diag);
	if (r)
		return r;
	if (!section->renames && !section->copies) {
		if (!new || (old && is_better(old, new)))
			new = old;
		old = new;
	}
	*ret_meaning = (struct meaning){ old, new };
	return 0;
}

static bool has_meaning(const struct diff_section *section,
			const struct meaning *meaning)
{
	return meaning->old && meaning->new &&
	       (meaning->old->exists || section->creates);
}

/*
 * How many sections mean something at this level; those that make new files
 * say nothing about it. A name that leads outside counts as none: it is refused
 * when it is used.
 */
static int count_meanings(struct overlay *overlay, const struct diff_file *file,
			  unsigned int level, size_t *ret_nr,
			  struct hf_diag *diag)
{
	size_t nr = 0;

	for (size_t i = 0; i < file->nr_sections; i++) {
		struct meaning meaning;
		int r = find_meaning(overlay, &file->sections[i], level,
				     &meaning, diag);

		if (r && r != -ECANCELED)
			return r;
		nr += !r && meaning.old && meaning.old->exists;
	}
	*ret_nr = nr;
	return 0;
}

static bool of_git(const struct diff_file *file)
{
	for (size_t i = 0; i < file->nr_sections; i++) {
		const char *old = file->sections[i].old_name;
		const char *new = file->sections[i].new_name;

		if (file->sections[i].bare ||
		    ((!old || !strncmp(old, "a/", 2)) &&
		     (!new || !strncmp(new, "b/", 2))))
			return true;
	}
	return false;
}

static int find_level(struct overlay *overlay, const struct diff_file *file,
		      unsigned int *ret_level, struct hf_diag *diag)
{
	size_t nr_one, nr_zero;
	int r = count_meanings(overlay, file, 1, &nr_one, diag);

	if (!r)
		r = count_meanings(overlay, file, 0, &nr_zero, diag);
	if (r)
		return r;
	if (nr_one == nr_zero)
		*ret_level = of_git(file);
	else
		*ret_level = nr_one > nr_zero;
	return 0;
}

static int no_such_file(const struct diff_file *file,
			const struct diff_section *section,
			struct hf_diag *diag)
{
	const char *name = section->old_name ?: section->new_name;

	if ((section->old_name && *section->old_name == '/') ||
	    (section->new_name && *section->new_name == '/')) {
		hf_refuse(diag, "diff-outside",
			  "%s, line %u: %s is an absolute name", file->path,
			  section->line, name);
		hf_hint(diag, "make the names relative to the source "
			      "directory; nothing was changed");
		return -ECANCELED;
	}
	hf_refuse(diag, "diff-does-not-apply",
		  "%s, line %u: the source has no file %s", file->path,
		  section->line, name ?: "(without a name)");
	hf_hint(diag, "--source must be the directory that the diff was made "
		      "in: names are tried as they are and without their "
		      "first directory");
	hf_hint(diag, "if the fix does not concern that file here, take it out "
		      "of the diff: filterdiff -x");
	return -ECANCELED;
}

static int check_mode(const struct diff_file *file,
		      const struct diff_section *section, struct hf_diag *diag)
{
	mode_t modes[] = { section->old_mode, section->new_mode };

	for (size_t i = 0; i < 2; i++) {
		if (!modes[i] || S_ISREG(modes[i]))
			continue;
		hf_refuse(diag, "diff-malformed",
			  "%s, line %u: %s is a symbolic link or a submodule, "
			  "which is not supported", file->path, section->line,
			  section->new_name ?: section->old_name);
		hf_hint(diag, "make that change in the source and in the "
			      "target's build, or take it out of the diff: "
			      "filterdiff -x");
		return -ECANCELED;
	}
	return 0;
}

static int refuse_existing(const struct diff_file *file,
			   const struct diff_section *section,
			   const struct overlay_file *target,
			   const struct buffer *made, struct hf_diag *diag)
{
	const struct buffer *there = overlay_content(target);

	if (there->size == made->size &&
	    (!made->size || !memcmp(there->data, made->data, made->size)))
		hf_refuse(diag, "diff-applied-already",
			  "%s is in the source already: %s is there",
			  file->path, target->path);
	else
		hf_refuse(diag, "diff-does-not-apply",
			  "%s, line %u: makes the file %s, but there is one "
			  "already", file->path, section->line, target->path);
	hf_hint(diag, "--source must hold the source that the running program "
		      "was built from, without the fix");
	return -ECANCELED;
}

static int copy_content(const struct overlay_file *from,
			struct buffer *ret_content, struct hf_diag *diag)
{
	const struct buffer *content = overlay_content(from);
	uint8_t *data = malloc(content->size + 1);

	if (!data)
		return hf_fail(diag, -ENOMEM, "cannot copy %s", from->path);
	if (content->size)
		memcpy(data, content->data, content->size);
	data[content->size] = '\0';
	*ret_content = (struct buffer){ data, content->size };
	return 0;
}

static int new_content(const struct scratch *scratch,
		       const struct diff_file *file,
		       const struct diff_section *section,
		       const struct overlay_file *old, bool makes,
		       struct buffer *ret_content, struct strings *warnings,
		       struct hf_diag *diag)
{
	static const struct buffer nothing = { 0 };

	if (!section->nr_hunks)
		return copy_content(old, ret_content, diag);
	return section_apply(scratch, file, section, old->path,
			     makes ? &nothing : overlay_content(old),
			     ret_content, warnings, diag);
}

static int refuse_rest(const struct diff_file *file,
		       const struct overlay_file *target, struct hf_diag *diag)
{
	hf_refuse(diag, "diff-does-not-apply",
		  "%s removes %s, but the file holds more than the diff knows",
		  file->path, target->path);
	hf_hint(diag, "get the fix for this version of the source");
	return -ECANCELED;
}

static void set_mode(struct overlay_file *target,
		     const struct diff_section *section, mode_t inherited)
{
	target->mode = section->new_mode ? section->new_mode & 07777 :
					   inherited;
}

/* Puts what a section has made where it belongs. */
static int put(const struct diff_file *file, const struct diff_section *section,
	       struct meaning *meaning, struct buffer *content,
	       struct hf_diag *diag)
{
	mode_t mode = meaning->old->exists ? meaning->old->mode : 0644;

	if (section->removes) {
		if (content->size && section->nr_hunks)
			return refuse_rest(file, meaning->old, diag);
		overlay_remove(meaning->old);
		return 0;
	}
	if (meaning->new != meaning->old && meaning->new->exists)
		return refuse_existing(file, section, meaning->new, content,
				       diag);
	overlay_put(meaning->new, content);
	set_mode(meaning->new, section, mode);
	if (section->renames)
		overlay_remove(meaning->old);
	return 0;
}

static int apply_section(struct overlay *overlay,
			 const struct scratch *scratch,
			 const struct diff_file *file,
			 const struct diff_section *section,
			 unsigned int level, struct strings *warnings,
			 struct hf_diag *diag)
{
	struct buffer content = { 0 };
	struct meaning meaning;
	bool makes;
	int r = check_mode(file, section, diag);

	if (!r)
		r = find_meaning(overlay, section, level, &meaning, diag);
	if (r)
		return r;
	if (!has_meaning(section, &meaning))
		return no_such_file(file, section, diag);
	makes = section->creates && !section->renames && !section->copies;
	r = new_content(scratch, file, section, meaning.old, makes, &content,
			warnings, diag);
	if (!r && makes && meaning.old->exists && overlay_content(meaning.old)->size)
		r = refuse_existing(file, section, meaning.old, &content, diag);
	if (!r)
		r = put(file, section, &meaning, &content, diag);
	buffer_release(&content);
	return r;
}

int diff_apply(struct overlay *overlay, const struct scratch *scratch,
	       const struct diff_file *file, struct strings *warnings,
	       struct hf_diag *diag)
{
	unsigned int level = 0;
	int r = find_level(overlay, file, &level, diag);

	for (size_t i = 0; i < file->nr_sections && !r; i++)
		r = apply_section(overlay, scratch, file, &file->sections[i],
				  level, warnings, diag);
	return r;
}

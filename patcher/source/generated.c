#include "generated.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../../lib/cleanup.h"
#include "../../lib/io.h"
#include "c_lexer.h"
#include "line_map.h"
#include "numbering.h"
#include "renumber.h"
#include "scratch.h"

#define SOURCE_SIZE_MAX (1u << 30)

/* Behind a source that has its numbers back: a second compile of the same
   source (libtool has two) must not move them again. */
static const char mark[] = "/* hotfix: numbers of #line restored */\n";

/* A generated source, and what each of its lines was generated from. */
struct generated {
	const char *directory;
	const char *before; /* its counterpart of the original build; NULL */
	const struct line_map *map;
	struct buffer text;
	struct c_lines lines;
	unsigned int *numbers; /* by the text's own #line */
	struct line_want *wants;
	char *rewritten;
	size_t rewritten_size;
	bool changed;
};

static void generated_release(struct generated *source)
{
	buffer_release(&source->text);
	c_lines_release(&source->lines);
	free(source->numbers);
	free(source->wants);
	free(source->rewritten);
}

/* What of a real path is below the tree; NULL: it is elsewhere. */
static const char *below_tree(const struct line_map *map, char *path)
{
	struct stat st;
	char *slash = path + strlen(path);

	while ((slash = memrchr(path, '/', (size_t)(slash - path)))) {
		*slash = '\0';
		if (!stat(slash == path ? "/" : path, &st) &&
		    st.st_dev == map->device && st.st_ino == map->inode)
			return slash + 1;
		*slash = '/';
	}
	return NULL;
}

static const struct source_change *file_named(const struct line_map *map,
					      const char *path)
{
	for (size_t i = 0; i < map->files.nr; i++)
		if (!strcmp(map->files.items[i].path, path))
			return &map->files.items[i];
	return NULL;
}

/* Some generators write a name that leads nowhere. */
static const struct source_change *only_file_called(const struct line_map *map,
						    const char *name)
{
	const struct source_change *found = NULL;
	const char *slash = strrchr(name, '/');
	const char *base = slash ? slash + 1 : name;

	for (size_t i = 0; i < map->files.nr; i++) {
		const char *path = map->files.items[i].path;

		slash = strrchr(path, '/');
		if (strcmp(slash ? slash + 1 : path, base))
			continue;
		if (found)
			return NULL;
		found = &map->files.items[i];
	}
	return found;
}

static int find_file(const struct generated *source, const char *name,
		     const struct source_change **ret_file)
{
	owned(free_p) char *path = NULL, *real = NULL;
	const char *below;

	path = *name == '/' ? strdup(name) :
			      text_format("%s/%s", source->directory, name);
	if (!path)
		return -ENOMEM;
	real = realpath(path, NULL);
	if (!real) {
		*ret_file = only_file_called(source->map, name);
		return 0;
	}
	below = below_tree(source->map, real);
	*ret_file = below ? file_named(source->map, below) : NULL;
	return 0;
}

static int find_file_of(const struct generated *source,
			const struct c_line *line,
			const struct source_change **file)
{
	owned(free_p) char *name = NULL;

	/* `#line 5` stays in the file where it is. */
	if (!line->name.size)
		return 0;
	name = strndup((const char *)source->text.data + line->name.at,
		       line->name.size);
	return name ? find_file(source, name, file) : -ENOMEM;
}

static struct line_want want_of(const struct source_change *file,
				unsigned int number)
{
	struct line_want want = { 0 };
	unsigned int old;

	if (!file || !number)
		return want;
	old = line_map_old(file, number);
	want.moved = (long)number - (long)old;
	want.number = line_map_is_new(file, number) ? 0 : old;
	return want;
}

static void put_directive(FILE *out, struct generated *source,
			  const struct c_line *line, size_t end,
			  unsigned int number)
{
	const char *text = (const char *)source->text.data;
	size_t behind = line->digits.at + line->digits.size;

	fwrite(text + line->start, 1, line->digits.at - line->start, out);
	fprintf(out, "%u", number);
	fwrite(text + behind, 1, end - behind, out);
	source->changed |= number != line->number;
}

/* Fills in wants[] and copies the text with its own directives corrected. */
static int rewrite_lines(struct generated *source, FILE *out)
{
	const struct source_change *file = NULL;
	int r = 0;

	for (size_t i = 0; i < source->lines.nr && !r; i++) {
		const struct c_line *line = &source->lines.items[i];
		size_t end = i + 1 < source->lines.nr ? line[1].start :
							source->text.size;
		struct line_want *want = &source->wants[i];

		*want = want_of(file, source->numbers[i]);
		if (line->directive == C_LINE)
			r = find_file_of(source, line, &file);
		if (line->directive == C_LINE && line->number && file) {
			/* From here on what the directive says counts. */
			*want = want_of(file, line->number);
			put_directive(out, source, line, end,
				      line_map_old(file, line->number));
			continue;
		}
		fwrite((const char *)source->text.data + line->start, 1,
		       end - line->start, out);
	}
	return r;
}

static int rewrite(struct generated *source)
{
	FILE *out;
	int r;

	source->wants = calloc(source->lines.nr + 1, sizeof(*source->wants));
	if (!source->wants)
		return -ENOMEM;
	out = open_memstream(&source->rewritten, &source->rewritten_size);
	if (!out)
		return -ENOMEM;
	r = rewrite_lines(source, out);
	if (fclose(out) && !r)
		r = -ENOMEM;
	return r;
}

/* Lines that moved within one piece of a grammar: the rest of an action, of an
   epilogue. */
static int renumber_rest(struct generated *source, struct buffer *ret_text)
{
	struct c_lines lines;
	size_t nr_put;
	int r = c_lex(source->rewritten, source->rewritten_size, &lines);

	if (r)
		return r;
	r = renumber(source->rewritten, source->rewritten_size, &lines,
		     source->wants, ret_text, &nr_put);
	c_lines_release(&lines);
	source->changed |= nr_put > 0;
	return r;
}

static int generated_open(struct generated *source)
{
	int r = c_lex((const char *)source->text.data, source->text.size,
		      &source->lines);

	return r ? r : presented_numbers(&source->lines, &source->numbers);
}

static bool is_restored(const struct buffer *text)
{
	size_t size = sizeof(mark) - 1;

	return text->size >= size &&
	       !memcmp(text->data + text->size - size, mark, size);
}

static int write_marked(int fd, const struct buffer *text)
{
	bool ended = text->size && text->data[text->size - 1] == '\n';
	off_t end = (off_t)text->size;
	int r = write_full_at(fd, text->data, text->size, 0);

	if (!r && !ended)
		r = write_full_at(fd, "\n", 1, end++);
	return r ? r : write_full_at(fd, mark, sizeof(mark) - 1, end);
}

/* As if it had always been so: same mode, same times. */
static int put_in_place(const char *path, const struct buffer *text,
			const struct stat *st)
{
	const struct timespec times[] = { st->st_atim, st->st_mtim };
	owned(free_p) char *new = text_format("%s.hotfix-XXXXXX", path);
	owned(close_p) int fd = -1;
	int r;

	if (!new)
		return -ENOMEM;
	fd = mkostemp(new, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = write_marked(fd, text);
	if (!r && (fchmod(fd, st->st_mode & 07777) < 0 ||
		   futimens(fd, times) < 0 || rename(new, path) < 0))
		r = -errno;
	if (r)
		unlink(new);
	return r;
}

static int keep_numbers(const struct buffer *before, const struct buffer *now,
			struct buffer *ret_text)
{
	owned(free_p) struct line_change *changes = NULL;
	struct scratch scratch;
	size_t nr = 0;
	int r = scratch_open(&scratch, NULL);

	if (r)
		return r;
	r = scratch_line_changes(&scratch, before, now, &changes, &nr, NULL);
	scratch_close(&scratch);
	return r ?: numbering_keep(before, now, changes, nr, ret_text);
}

static bool is_equal(const struct buffer *a, const struct buffer *b)
{
	return a->size == b->size &&
	       (!a->size || !memcmp(a->data, b->data, a->size));
}

static int renumber_from(struct generated *source, const struct buffer *before,
			 struct buffer *text)
{
	struct buffer kept;
	int r;

	if (is_equal(before, text))
		return 0;
	r = keep_numbers(before, text, &kept);
	if (r)
		return r;
	source->changed |= !is_equal(&kept, text);
	buffer_release(text);
	*text = kept;
	return 0;
}

/* Lines that moved, and nothing says from where: by the file itself, as the
   original build has made it. */
static int renumber_by_counterpart(struct generated *source,
				   struct buffer *text)
{
	struct buffer before;
	int r;

	if (!source->before || access(source->before, F_OK) < 0)
		return 0;
	r = file_read(AT_FDCWD, source->before, SOURCE_SIZE_MAX, &before,
		      NULL);
	if (r)
		return r;
	r = renumber_from(source, &before, text);
	buffer_release(&before);
	return r;
}

static int restore(struct generated *source, const char *path,
		   const struct stat *st)
{
	struct buffer text = { 0 };
	int r = generated_open(source);

	if (!r)
		r = rewrite(source);
	if (!r)
		r = renumber_rest(source, &text);
	if (!r)
		r = renumber_by_counterpart(source, &text);
	if (!r && source->changed)
		r = put_in_place(path, &text, st);
	buffer_release(&text);
	return r;
}

static bool is_newer(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec :
					a->tv_nsec > b->tv_nsec;
}

static int read_and_restore(const char *path, const struct stat *st,
			    struct generated *source, struct hf_diag *diag)
{
	int r = file_read(AT_FDCWD, path, SOURCE_SIZE_MAX, &source->text, diag);

	if (r || is_restored(&source->text) ||
	    !numbering_fits(path, &source->text))
		return r;
	r = restore(source, path, st);
	return r ? hf_fail(diag, r, "cannot restore the line numbers of %s",
			   path) :
		   0;
}

/* Below the tree as everybody sees it; NULL: elsewhere, or ENOMEM. */
static char *counterpart_of(const struct line_map *map, const char *generated,
			    const char *path)
{
	owned(free_p) char *copy = generated ? strdup(path) : NULL;
	const char *below = copy ? below_tree(map, copy) : NULL;

	return below ? text_format("%s/%s", generated, below) : NULL;
}

static int restore_by_map(const char *path, const struct stat *st,
			  const char *directory,
			  const struct generated_origin *origin,
			  struct hf_diag *diag)
{
	struct generated generated = { .directory = directory };
	owned(free_p) char *before = NULL;
	struct line_map map;
	int r = line_map_read(origin->line_map, &map, diag);

	if (r)
		return r;
	before = counterpart_of(&map, origin->generated, path);
	generated.before = before;
	generated.map = &map;
	if (map.files.nr || before)
		r = read_and_restore(path, st, &generated, diag);
	generated_release(&generated);
	line_map_release(&map);
	return r;
}

int generated_restore_lines(const char *source, const char *directory,
			    const struct generated_origin *origin,
			    struct hf_diag *diag)
{
	owned(free_p) char *path = realpath(source, NULL);
	struct stat st, map_st;

	if (!path || stat(path, &st) < 0)
		return hf_fail(diag, -errno, "cannot look at %s", source);
	/* The usual case: it was not generated since. */
	if (!stat(origin->line_map, &map_st) &&
	    !is_newer(&st.st_mtim, &map_st.st_mtim))
		return 0;
	return restore_by_map(path, &st, directory, origin, diag);
}

static size_t count_lines(const struct buffer *text)
{
	size_t nr = 0;

	for (size_t i = 0; i < text->size; i++)
		nr += text->data[i] == '\n';
	return nr;
}

static bool has_other_lines(const char *path, const char *before)
{
	struct buffer old = { 0 }, new = { 0 };
	bool moved;

	moved = !file_read(AT_FDCWD, before, SOURCE_SIZE_MAX, &old, NULL) &&
		!file_read(AT_FDCWD, path, SOURCE_SIZE_MAX, &new, NULL) &&
		!is_restored(&new) && count_lines(&old) != count_lines(&new);
	buffer_release(&old);
	buffer_release(&new);
	return moved;
}

bool generated_lines_moved(const char *path, const char *name,
			   const struct generated_origin *origin)
{
	owned(free_p) char *before =
		text_format("%s/%s", origin->generated, name);
	struct stat st, map_st;

	return before && !stat(path, &st) && !stat(origin->line_map, &map_st) &&
	       is_newer(&st.st_mtim, &map_st.st_mtim) &&
	       has_other_lines(path, before);
}

/*
 * The whole place is taken by one read-only mapping, so that nobody else can
 * come in between and the control block is there before anything else. Then the
 * runs of pages that want another protection are mapped over it, each with its
 * final one:
 *
 *	memfd_create   we: see that it is, ftruncate, pwrite: /proc/PID/fd/N
 *	mmap r--       |control|r--|   |   |   |
 *	mmap r-x       |           |r-x|   |   |
 *	mmap rw-       |               |r--|rw-|
 *	close
 *
 * Every remote call costs the borrowed thread some microseconds; there are
 * only these. What was mapped is unmapped again when one of them fails.
 */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "../lib/io.h"
#include "control.h"
#include "pin.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010u
#endif
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

#define NR_LEFTOVERS_MAX 1024
#define MEMFD_LINK_PREFIX "/memfd:" CONTROL_MAPPING_PREFIX

/* A stretch of pages of one protection; offsets from the image's base. */
struct run {
	uint64_t start, end;
	int protection;
};

struct mapper {
	struct remote *remote;
	const struct process *process;
	const struct image *image;
	char name[80]; /* "hotfix:NAME" */
	bool reserved;	 /* [base, base + total_size) is ours */
	int remote_fd;	 /* -1: anonymous memory */
};

/* --- the target's kernel ------------------------------------------------------ */

static bool is_error(int64_t value)
{
	return value < 0 && value >= -4095;
}

static int remote_close(struct remote *remote, int fd, struct hf_diag *diag)
{
	const uint64_t arguments[6] = { (uint64_t)fd };
	int64_t value = 0;
	int r;

	r = remote_syscall(remote, SYS_close, arguments, &value, diag);
	if (!r && is_error(value))
		r = hf_fail(diag, (int)value,
			    "cannot close descriptor %d in process %d", fd,
			    remote_process(remote)->pid);
	return r;
}

/* Puts @mapper->name where the target's kernel can read it. */
static int name_write(const struct mapper *mapper, struct hf_diag *diag)
{
	int r = process_write(mapper->process, remote_scratch(mapper->remote),
			      mapper->name, sizeof(mapper->name));

	if (r)
		return hf_fail(diag, r, "cannot write to process %d",
			       mapper->process->pid);
	return 0;
}

/* --- runs of pages ---------------------------------------------------------- */

/* The protection of the page at @offset from the base of the image. */
static int page_protection(const struct image *image, uint64_t offset)
{
	const struct patch_file *patch = image->patch;
	uint64_t page = offset - image->control_size;
	int protection = 0;

	if (offset < image->control_size)
		return PROT_READ;
	if (offset >= image->total_size - image->gates_size)
		return PROT_READ | PROT_EXEC;
	for (size_t i = 0; i < patch->nr_segments; i++) {
		const struct patch_segment *segment = &patch->segments[i];

		if (segment->vaddr < page + HF_PAGE_SIZE &&
		    segment->vaddr + segment->memory_size > page)
			protection |= segment->protection;
	}
	/* Whole pages only, as every loader does it. */
	if (page >= align_down(patch->relro_start, HF_PAGE_SIZE) &&
	    page + HF_PAGE_SIZE <= align_down(patch->relro_end, HF_PAGE_SIZE))
		protection &= ~PROT_WRITE;
	/* Between segments too: one call less than to forbid it. */
	return protection ? protection : PROT_READ;
}

/* The longest run of equal pages from @start on. */
static struct run run_at(const struct image *image, uint64_t start)
{
	struct run run = { start, start, page_protection(image, start) };

	do
		run.end += HF_PAGE_SIZE;
	while (run.end < image->total_size &&
	       page_protection(image, run.end) == run.protection);
	return run;
}

static int runs_check(const struct image *image, struct hf_diag *diag)
{
	struct run run = { 0 };

	if (!image->total_size || image->total_size % HF_PAGE_SIZE ||
	    image->control_size % HF_PAGE_SIZE || image->base % HF_PAGE_SIZE)
		return hf_fail(diag, -EINVAL, "an image is not made of pages");
	for (uint64_t at = 0; at < image->total_size; at = run.end) {
		run = run_at(image, at);
		if ((run.protection & PROT_WRITE) &&
		    (run.protection & PROT_EXEC))
			return hf_error(diag, -EBADMSG, "patch-malformed",
					"a page of the patch would be both writable and executable");
	}
	return 0;
}

static const char *mmap_reason(int error)
{
	switch (error) {
	case -EEXIST:
		return "the target has mapped something there meanwhile; try again";
	case -ENOMEM:
		return "it is at its limit of memory or of mappings (RLIMIT_AS, RLIMIT_DATA, vm.max_map_count)";
	case -EAGAIN:
		return "it locks its memory (mlockall) and may not lock more (RLIMIT_MEMLOCK)";
	case -EPERM:
	case -EACCES:
		return "the system forbids it to map new code (SELinux or seccomp policy)";
	default:
		return "its kernel refused";
	}
}

static int refuse_map(const struct mapper *mapper, int error, hf_addr address,
		      uint64_t size, struct hf_diag *diag)
{
	hf_fail(diag, error,
		"process %d cannot map %" PRIu64 " bytes at %#" PRIx64,
		mapper->process->pid, size, address);
	hf_detail(diag, "%s", mmap_reason(error));
	return error;
}

/* Return: 0; -errno; the kernel may have chosen another address. */
static int run_mmap(const struct mapper *mapper, const struct run *run,
		    int flags, hf_addr *ret_address, struct hf_diag *diag)
{
	hf_addr address = mapper->image->base + run->start;
	uint64_t size = run->end - run->start;
	bool anonymous = mapper->remote_fd < 0;
	const uint64_t arguments[6] = {
		address,
		size,
		(uint64_t)run->protection,
		(uint64_t)(flags | MAP_PRIVATE |
			   (anonymous ? MAP_ANONYMOUS : 0)),
		(uint64_t)(int64_t)mapper->remote_fd,
		anonymous ? 0 : run->start,
	};
	int64_t value = 0;
	int r;

	r = remote_syscall(mapper->remote, SYS_mmap, arguments, &value, diag);
	if (r)
		return r;
	if (is_error(value))
		return refuse_map(mapper, (int)value, address, size, diag);
	*ret_address = (hf_addr)value;
	return 0;
}

/* Where the kernel has names for anonymous memory. Not having one does no
 * harm; a target that does not answer is noticed by the next call. */
static void run_name(struct mapper *mapper, const struct run *run)
{
	const uint64_t arguments[6] = {
		PR_SET_VMA,
		PR_SET_VMA_ANON_NAME,
		mapper->image->base + run->start,
		run->end - run->start,
		remote_scratch(mapper->remote),
	};
	int64_t value;

	remote_syscall(mapper->remote, SYS_prctl, arguments, &value, NULL);
}

/* Takes the place of the whole image. */
static int image_reserve(struct mapper *mapper, struct hf_diag *diag)
{
	const struct image *image = mapper->image;
	const struct run all = { 0, image->total_size, PROT_READ };
	struct range elsewhere;
	int r;

	r = run_mmap(mapper, &all, MAP_FIXED_NOREPLACE, &elsewhere.start, diag);
	if (r)
		return r;
	/* A kernel before 4.17 takes the address for a mere wish. */
	if (elsewhere.start != image->base) {
		elsewhere.end = elsewhere.start + image->total_size;
		r = image_unmap(mapper->remote, elsewhere, diag);
		return r ? r : refuse_map(mapper, -EEXIST, image->base,
					  image->total_size, diag);
	}
	mapper->reserved = true;
	return 0;
}

/*
 * The block's page comes last: should we be killed in between, which can only
 * be between two pages, there is a whole block or none.
 */
static int run_fill(const struct mapper *mapper, const struct run *run,
		    struct hf_diag *diag)
{
	const struct image *image = mapper->image;
	uint64_t behind = run->start + HF_PAGE_SIZE;
	int r;

	r = process_write(mapper->process, image->base + behind,
			  image->bytes + behind, run->end - behind);
	if (!r)
		r = process_write(mapper->process, image->base + run->start,
				  image->bytes + run->start, HF_PAGE_SIZE);
	if (r)
		return hf_fail(diag, r, "cannot write the image into process %d",
			       mapper->process->pid);
	return 0;
}

static int run_place(struct mapper *mapper, const struct run *run,
		     struct hf_diag *diag)
{
	const struct run all = { 0, mapper->image->total_size, PROT_READ };
	hf_addr address;
	int r = 0;

	if (run->protection != PROT_READ)
		r = run_mmap(mapper, run, MAP_FIXED, &address, diag);
	if (r || mapper->remote_fd >= 0)
		return r;
	/* A write is sooner done than a call: by its block it is known first. */
	r = run_fill(mapper, run, diag);
	if (!r && run->start == 0)
		run_name(mapper, &all);
	else if (!r && run->protection != PROT_READ)
		run_name(mapper, run);
	return r;
}

/* Takes back what was mapped. Says so when that fails. */
static void image_give_back(struct mapper *mapper, struct hf_diag *diag)
{
	struct range range = { mapper->image->base,
			       mapper->image->base + mapper->image->total_size };
	struct hf_diag why;

	if (!mapper->reserved)
		return;
	if (image_unmap(mapper->remote, range, &why))
		hf_detail(diag, "and could not be taken back: %s", why.message);
	mapper->reserved = false;
}

static int image_place(struct mapper *mapper, struct hf_diag *diag)
{
	struct run run = { 0 };
	int r;

	r = image_reserve(mapper, diag);
	while (!r && run.end < mapper->image->total_size) {
		run = run_at(mapper->image, run.end);
		r = run_place(mapper, &run, diag);
	}
	if (r)
		image_give_back(mapper, diag);
	return r;
}

/* --- the memfd ---------------------------------------------------------------- */

static int memfd_create_remotely(struct mapper *mapper, struct hf_diag *diag)
{
	uint64_t arguments[6] = { remote_scratch(mapper->remote),
				  MFD_CLOEXEC | MFD_EXEC };
	int64_t value = 0;
	int r;

	r = remote_syscall(mapper->remote, SYS_memfd_create, arguments, &value,
			   diag);
	/* Kernels before 6.3 do not know MFD_EXEC: executable is the default. */
	if (!r && value == -EINVAL) {
		arguments[1] = MFD_CLOEXEC;
		r = remote_syscall(mapper->remote, SYS_memfd_create, arguments,
				   &value, diag);
	}
	if (r)
		return r;
	if (value < 0 || value > INT_MAX)
		return hf_fail(diag, is_error(value) ? (int)value : -EBADF,
			       "process %d cannot make a memfd",
			       mapper->process->pid);
	mapper->remote_fd = (int)value;
	return 0;
}

static int refuse_swapped(const struct mapper *mapper, struct hf_diag *diag)
{
	hf_refuse(diag, "descriptor-swapped",
		  "descriptor %d of process %d is not the memfd that was made "
		  "for the image: the process has put another file in its "
		  "place",
		  mapper->remote_fd, mapper->process->pid);
	hf_hint(diag, "nothing was written to that file; the process closes or "
		      "replaces descriptors it does not own: try again, and if "
		      "this comes back, do not trust the process");
	return -ECANCELED;
}

/*
 * The other threads run and may put any file under that number, also one that
 * only we may write: it is written only if it is the new memfd.
 */
static int memfd_open(const struct mapper *mapper, const char *path,
		      int *ret_fd, struct hf_diag *diag)
{
	owned(close_p) int pinned = -1;
	struct stat status;
	int fd;

	pinned = file_pin(mapper->process->dir, path, &status);
	if (pinned == -EMEDIUMTYPE || pinned == -ENOENT ||
	    (pinned >= 0 &&
	     !pinned_is_new_memfd(pinned, &status, mapper->name)))
		return refuse_swapped(mapper, diag);
	fd = pinned < 0 ? pinned : file_unpin(pinned, O_RDWR);
	if (fd < 0)
		return hf_fail(diag, fd, "cannot open /proc/%d/%s",
			       mapper->process->pid, path);
	*ret_fd = fd;
	return 0;
}

static int memfd_fill(const struct mapper *mapper, struct hf_diag *diag)
{
	const struct image *image = mapper->image;
	owned(close_p) int fd = -1;
	char path[32];
	int r;

	snprintf(path, sizeof(path), "fd/%d", mapper->remote_fd);
	r = memfd_open(mapper, path, &fd, diag);
	if (r)
		return r;
	if (ftruncate(fd, (off_t)image->total_size))
		r = -errno;
	else
		r = write_full_at(fd, image->bytes, image->total_size, 0);
	if (r)
		return hf_fail(diag, r, "cannot write /proc/%d/%s",
			       mapper->process->pid, path);
	return 0;
}

/* Between the calls the process may have put another file there again. */
static int image_compare(const struct mapper *mapper, struct hf_diag *diag)
{
	const struct image *image = mapper->image;
	owned(free_p) void *found = malloc(image->total_size);
	int r;

	if (!found)
		return hf_fail(diag, -ENOMEM, "cannot check the image");
	r = process_read(mapper->process, image->base, found,
			 image->total_size);
	if (r == -ESRCH)
		return hf_fail(diag, r, "process %d has ended",
			       mapper->process->pid);
	if (r || memcmp(found, image->bytes, image->total_size))
		return refuse_swapped(mapper, diag);
	return 0;
}

/* Closes the memfd in the target, whatever became of it. */
static int memfd_close(struct mapper *mapper, struct hf_diag *diag)
{
	int fd = mapper->remote_fd;

	mapper->remote_fd = -1;
	return remote_close(mapper->remote, fd, diag);
}

static int image_map_memfd(struct mapper *mapper, struct hf_diag *diag)
{
	struct hf_diag why;
	int r, closed;

	r = memfd_create_remotely(mapper, diag);
	if (r)
		return r;
	r = memfd_fill(mapper, diag);
	if (!r)
		r = image_place(mapper, diag);
	if (!r)
		r = image_compare(mapper, diag);
	if (r)
		image_give_back(mapper, diag);
	closed = memfd_close(mapper, r ? &why : diag);
	if (r && closed)
		hf_detail(diag, "%s", why.message);
	if (!r && closed)
		image_give_back(mapper, diag);
	return r ? r : closed;
}

/* Whether anonymous memory is worth a try after a memfd has failed. */
static bool is_forbidden(int error)
{
	return error == -EPERM || error == -EACCES || error == -ENOSYS ||
	       error == -EINVAL || error == -EMFILE || error == -ENFILE ||
	       error == -EFBIG || error == -ENOSPC || error == -ENODEV;
}

int image_map(struct remote *remote, const struct image *image,
	      struct hf_diag *diag)
{
	struct mapper mapper = {
		.remote = remote,
		.process = remote_process(remote),
		.image = image,
		.remote_fd = -1,
	};
	int r;

	snprintf(mapper.name, sizeof(mapper.name), CONTROL_MAPPING_PREFIX "%s",
		 image->patch->manifest->name);
	r = runs_check(image, diag);
	if (!r)
		r = name_write(&mapper, diag);
	if (r)
		return r;
	r = image_map_memfd(&mapper, diag);
	if (!is_forbidden(r))
		return r;

	return image_place(&mapper, diag);
}

int image_unmap(struct remote *remote, struct range range, struct hf_diag *diag)
{
	const uint64_t arguments[6] = { range.start, range.end - range.start };
	int64_t value = 0;
	int r;

	r = remote_syscall(remote, SYS_munmap, arguments, &value, diag);
	if (!r && is_error(value))
		r = hf_fail(diag, (int)value,
			    "cannot unmap %#" PRIx64 "-%#" PRIx64
			    " in process %d",
			    range.start, range.end, remote_process(remote)->pid);
	return r;
}

/* --- leftovers ---------------------------------------------------------------- */

static bool fd_is_ours(int dir, const char *name)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);

	if (n < 0)
		return false;
	target[n] = '\0';
	return !strncmp(target, MEMFD_LINK_PREFIX, strlen(MEMFD_LINK_PREFIX));
}

/* The next descriptor of ours. Return: 1: @ret_fd; 0: none; -errno. */
static int leftover_find(const struct process *process, int *ret_fd,
			 struct hf_diag *diag)
{
	owned(closedir_p) DIR *dir = NULL;
	struct dirent *entry;
	int fd;

	fd = openat(process->dir, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return hf_fail(diag, -errno, "cannot list /proc/%d/fd",
			       process->pid);
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return hf_fail(diag, -ENOMEM, "cannot list /proc/%d/fd",
			       process->pid);
	}
	while ((entry = readdir(dir))) {
		if (!fd_is_ours(dirfd(dir), entry->d_name))
			continue;
		*ret_fd = atoi(entry->d_name);
		return 1;
	}
	return 0;
}

int image_leftovers_present(const struct process *process, bool *ret_present,
			    struct hf_diag *diag)
{
	int fd, r;

	r = leftover_find(process, &fd, diag);
	if (r < 0)
		return r;
	*ret_present = r > 0;
	return 0;
}

int image_close_leftovers(struct remote *remote, size_t *ret_nr_closed,
			  struct hf_diag *diag)
{
	const struct process *process = remote_process(remote);
	size_t nr_closed = 0;
	int fd, r;

	/* An end to it, for a target that opens as fast as we close. */
	while ((r = leftover_find(process, &fd, diag)) > 0 &&
	       nr_closed < NR_LEFTOVERS_MAX) {
		r = remote_close(remote, fd, diag);
		if (r < 0)
			return r;
		nr_closed++;
	}
	if (r >= 0)
		*ret_nr_closed = nr_closed;
	return r < 0 ? r : 0;
}

/*
 * Images mapped into a running process of several threads, and taken out again
 * without a trace.
 */
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#include "../../agent/borrow.h"
#include "../../agent/control.h"
#include "../../agent/gate.h"
#include "../../agent/image.h"
#include "../../agent/link.h"
#include "../../agent/operation.h"
#include "../../agent/place.h"
#include "../../lib/arch/arch.h"
#include "../../lib/io.h"
#include "../tap.h"
#include "program.h"

#define STR(text) ((char *)(uintptr_t)(text))

/*
 *   0x0000 r--  header     0x2000 rw-, relro: read-only once relocated
 *   0x1000 r-x  text       0x3000 rw-  data, most of it not in the file
 */
static struct patch_segment segments[] = {
	{ 0x0000, 0x0000, 0x1000, 0x1000, PROT_READ },
	{ 0x1000, 0x1000, 0x0010, 0x0010, PROT_READ | PROT_EXEC },
	{ 0x2000, 0x1010, 0x1010, 0x2000, PROT_READ | PROT_WRITE },
};
static struct manifest manifest = { .name = STR("img") };
static uint8_t file[0x3000];
static const struct patch_file patch = {
	.bytes = { file, sizeof(file) }, .arch = &arch_x86_64,
	.manifest = &manifest, .manifest_json = "{}", .manifest_json_size = 2,
	.segments = segments, .nr_segments = ARRAY_SIZE(segments),
	.relro_start = 0x2000, .relro_end = 0x3000, .image_size = 0x4000,
};

/* mov $42, %eax; ret */
static const uint8_t answer_42[] = { 0xb8, 0x2a, 0, 0, 0, 0xc3 };

static uint8_t image_bytes[0x6000];

static void image_build(const struct program *program, struct image *image)
{
	const struct control_block block = { .sequence = 1 };
	const struct link_values none = { 0 };

	memcpy(file + 0x1000, answer_42, sizeof(answer_42));
	memset(file + 0x2010, 0x77, 0x10);
	*image = (struct image){
		.control_size = control_size(&patch), .patch = &patch,
		.bytes = image_bytes,
		.total_size = control_total_size(&patch),
		.gates_size = GATES_SIZE,
	};
	place_find(&program->mappings, program->modules.entries[0].range,
		   PLACE_REACH, image->total_size, UINT64_MAX, &image->base,
		   NULL);
	link_relocate(&patch, &none, image->base + image->control_size,
		      image_bytes + image->control_size, NULL);
	gates_encode(image_bytes + image->total_size - GATES_SIZE);
	control_encode(&patch, image->base, &block, NULL, 0, NULL, 0,
		       image_bytes, NULL);
}

/* What must be as before: mappings and descriptors. */
struct snapshot {
	struct buffer maps;
	char fds[1024];
};

static void snapshot_take(const struct program *program,
			  struct snapshot *snapshot)
{
	owned(closedir_p) DIR *dir = NULL;
	struct dirent *entry;
	char path[32];

	snapshot->fds[0] = '\0';
	file_read(program->process->dir, "maps", 1 << 20, &snapshot->maps,
		  NULL);
	snprintf(path, sizeof(path), "/proc/%d/fd", program->pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		strcat(snapshot->fds, entry->d_name);
		strcat(snapshot->fds, " ");
	}
}

static bool snapshot_equal(const struct program *program,
			   struct snapshot *before)
{
	struct snapshot after;
	bool equal;

	snapshot_take(program, &after);
	equal = !strcmp((char *)before->maps.data, (char *)after.maps.data) &&
		!strcmp(before->fds, after.fds);
	if (!equal)
		printf("# before:\n%s%s\n# after:\n%s%s\n",
		       before->maps.data, before->fds, after.maps.data,
		       after.fds);
	buffer_release(&before->maps);
	buffer_release(&after.maps);
	return equal;
}

static int map_work(struct remote *remote, void *image, struct hf_diag *diag)
{
	return image_map(remote, image, diag);
}

static int unmap_work(struct remote *remote, void *range, struct hf_diag *diag)
{
	return image_unmap(remote, *(const struct range *)range, diag);
}

static int call_work(struct remote *remote, void *address, struct hf_diag *diag)
{
	static const uint64_t arguments[6];

	return remote_call(remote, *(hf_addr *)address, arguments, 1000,
			   address, diag);
}

static int map(const struct program *program, struct image *image,
	       struct hf_diag *diag)
{
	return borrow_thread(program->process, map_work, image, diag);
}

static int unmap(const struct program *program, struct range range)
{
	return borrow_thread(program->process, unmap_work, &range, NULL);
}

static void reread(struct program *program)
{
	mappings_release(&program->mappings);
	mappings_read(program->process, &program->mappings, NULL);
}

/* Protections and bytes of an image that stands. */
static void check_standing(struct program *program, const struct image *image,
			   const char *name)
{
	static const int protections[] = {
		PROT_READ, PROT_READ, PROT_READ | PROT_EXEC, PROT_READ,
		PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC,
	};
	uint8_t found[sizeof(image_bytes)];

	reread(program);
	for (size_t i = 0; i < ARRAY_SIZE(protections); i++) {
		const struct mapping *mapping =
			mappings_find(&program->mappings,
				      image->base + i * HF_PAGE_SIZE);

		CHECK(mapping);
		CHECK_EQ(mapping->protection, protections[i]);
		CHECK(!mapping->shared);
		if (name)
			CHECK_STR(mapping->path, name);
	}
	CHECK_EQ(process_read(program->process, image->base, found,
			      sizeof(found)), 0);
	CHECK_BYTES(found, image_bytes, sizeof(found));
	CHECK_EQ(found[0x4000 + 0x1000 - 1], 0);
	CHECK_EQ(found[0x4000], 0x77);
}

/* The control block is found, and the text runs. */
static void check_alive(const struct program *program,
			const struct image *image)
{
	hf_addr function = image->base + image->control_size + 0x1000;
	struct controls controls;

	CHECK_EQ(controls_read(program->process, &program->mappings, &controls,
			       NULL), 0);
	CHECK_EQ(controls.nr, 1);
	CHECK(!controls.entries[0].damaged);
	CHECK_STR(controls.entries[0].block.name, "img");
	CHECK_EQ(controls.entries[0].mapped.start, image->base);
	CHECK_EQ(controls.entries[0].mapped.end,
		 image->base + image->total_size);
	CHECK_EQ(control_set_state(program->process, controls.entries,
				   CONTROL_ACTIVE, NULL), 0);
	controls_release(&controls);
	CHECK_EQ(controls_read(program->process, &program->mappings, &controls,
			       NULL), 0);
	CHECK_EQ(controls.entries[0].block.state, CONTROL_ACTIVE);
	controls_release(&controls);
	CHECK_EQ(borrow_thread(program->process, call_work, &function, NULL), 0);
	CHECK_EQ(function, 42);
}

static void check_round_trip(const char *target, const char *name,
			     bool no_descriptors)
{
	struct program program;
	struct snapshot before;
	struct hf_diag diag = { 0 };
	struct image image;
	struct range range;

	CHECK(program_start(&program, target));
	if (no_descriptors)
		prlimit(program.pid, RLIMIT_NOFILE, &(struct rlimit){ 0, 0 },
			NULL);
	image_build(&program, &image);
	range = (struct range){ image.base, image.base + image.total_size };
	snapshot_take(&program, &before);
	if (map(&program, &image, &diag))
		TAP_FAIL("not mapped: %s", diag.message);
	check_standing(&program, &image, name);
	check_alive(&program, &image);
	CHECK_EQ(unmap(&program, range), 0);
	if (!snapshot_equal(&program, &before))
		TAP_FAIL("the process is not as before");
	program_stop(&program);
}

TEST(pie)
{
	check_round_trip("modules", "/memfd:hotfix:img (deleted)", false);
}

TEST(non_pie)
{
	check_round_trip("modules_lazy", "/memfd:hotfix:img (deleted)", false);
}

TEST(musl)
{
	check_round_trip("modules_musl", "/memfd:hotfix:img (deleted)", false);
}

TEST(static_program)
{
	check_round_trip("modules_static", "/memfd:hotfix:img (deleted)",
			 false);
}

static bool kernel_names_memory(void)
{
	void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	bool named = !prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, page, 4096,
			    "test");

	munmap(page, 4096);
	return named;
}

/* No descriptor is free: the target cannot make a memfd. */
TEST(anonymous)
{
	check_round_trip("modules",
			 kernel_names_memory() ? "[anon:hotfix:img]" : "",
			 true);
}

/* The hole was taken since: all of it, or its second page. */
TEST(place_taken)
{
	struct program program;
	struct hf_diag diag = { 0 };
	struct snapshot before;
	struct image image;

	CHECK(program_start(&program, "modules"));
	image_build(&program, &image);
	for (int i = 0; i < 2; i++) {
		image.base = program.modules.entries[0].range.start -
			     (uint64_t)i * 0x2000;
		snapshot_take(&program, &before);
		CHECK_EQ(map(&program, &image, &diag), -EEXIST);
		CHECK_CONTAINS(diag.message, "meanwhile");
		CHECK(snapshot_equal(&program, &before));
	}
	program_stop(&program);
}

/* The last run, the writable one, is one too many. */
TEST(refused_half_way)
{
	struct program program;
	struct hf_diag diag = { 0 };
	struct snapshot before;
	struct image image;

	CHECK(program_start(&program, "modules"));
	image_build(&program, &image);
	snapshot_take(&program, &before);
	prlimit(program.pid, RLIMIT_DATA, &(struct rlimit){ 4096, 4096 }, NULL);
	CHECK_EQ(map(&program, &image, &diag), -ENOMEM);
	CHECK_CONTAINS(diag.message, "RLIMIT_DATA");
	CHECK(snapshot_equal(&program, &before));
	program_stop(&program);
}

/* A page that belongs to text and to data is refused before anything moves. */
TEST(never_writable_and_executable)
{
	struct program program;
	struct snapshot before;
	struct hf_diag diag = { 0 };
	struct image image;
	struct patch_segment mixed[] = {
		{ 0, 0, 0x100, 0x100, PROT_READ | PROT_EXEC },
		{ 0x200, 0x200, 0x100, 0x100, PROT_READ | PROT_WRITE },
	};
	struct patch_file bad = patch;

	CHECK(program_start(&program, "modules"));
	image_build(&program, &image);
	bad.segments = mixed;
	bad.nr_segments = 2;
	bad.relro_start = bad.relro_end = 0;
	image.patch = &bad;
	snapshot_take(&program, &before);
	CHECK_EQ(map(&program, &image, &diag), -EBADMSG);
	CHECK(snapshot_equal(&program, &before));
	program_stop(&program);
}

/* What an agent leaves that dies between memfd_create and close. */
static int leave_work(struct remote *remote, void *unused, struct hf_diag *diag)
{
	uint64_t arguments[6] = { remote_scratch(remote), MFD_CLOEXEC };
	int64_t fd;

	(void)unused;
	process_write(remote_process(remote), remote_scratch(remote),
		      "hotfix:dead", 12);
	remote_syscall(remote, SYS_memfd_create, arguments, &fd, diag);
	return remote_syscall(remote, SYS_memfd_create, arguments, &fd, diag);
}

static int close_work(struct remote *remote, void *nr, struct hf_diag *diag)
{
	return image_close_leftovers(remote, nr, diag);
}

TEST(leftovers)
{
	struct program program;
	struct snapshot before;
	bool present = true;
	size_t nr = 9;

	CHECK(program_start(&program, "modules"));
	snapshot_take(&program, &before);
	CHECK_EQ(image_leftovers_present(program.process, &present, NULL), 0);
	CHECK(!present);
	CHECK_EQ(borrow_thread(program.process, leave_work, NULL, NULL), 0);
	CHECK_EQ(image_leftovers_present(program.process, &present, NULL), 0);
	CHECK(present);
	CHECK_EQ(borrow_thread(program.process, close_work, &nr, NULL), 0);
	CHECK_EQ(nr, 2);
	CHECK(snapshot_equal(&program, &before));
	program_stop(&program);
}

static void spin_until(const struct timespec *start, long ns)
{
	struct timespec now;

	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while ((now.tv_sec - start->tv_sec) * 1000000000L + now.tv_nsec -
		       start->tv_nsec < ns);
}

/* An agent that maps @image and is killed @ns later. Return: it was done. */
static bool map_and_die(const struct program *program, struct image *image,
			long ns)
{
	struct timespec start;
	int begun[2];
	int status = 0;
	pid_t agent;
	char byte;

	if (pipe2(begun, O_CLOEXEC))
		return true;
	agent = fork();
	if (agent == 0) {
		if (write(begun[1], "", 1) == 1)
			map(program, image, NULL);
		_exit(0);
	}
	close(begun[1]);
	if (read(begun[0], &byte, 1) == 1 &&
	    !clock_gettime(CLOCK_MONOTONIC, &start))
		spin_until(&start, ns);
	kill(agent, SIGKILL);
	waitpid(agent, &status, 0);
	close(begun[0]);
	return WIFEXITED(status);
}

/* Where anonymous memory has no name, a reservation without a byte in it is
 * nobody's: it stays, and costs nothing. */
static bool is_empty_reservation(const struct program *program,
				 const struct image *image)
{
	const struct mapping *mapping =
		mappings_find(&program->mappings, image->base);
	uint64_t magic = 1;

	return mapping && mapping->protection == PROT_READ &&
	       mapping->range.end - mapping->range.start == image->total_size &&
	       !process_read(program->process, image->base, &magic, 8) &&
	       !magic;
}

/* Killed at any instant, it leaves what `recover` takes away. */
static void check_killed_agents(bool no_descriptors)
{
	const struct operation_options options = { .wait_ms = 5000 };
	unsigned int nr_staged = 0;
	unsigned int nr_done = 0;
	struct hf_diag diag = { 0 };
	struct program program;
	struct image image;

	CHECK(program_start(&program, "modules"));
	if (no_descriptors)
		prlimit(program.pid, RLIMIT_NOFILE, &(struct rlimit){ 0, 0 },
			NULL);
	/* Later and later, until some had the time to finish. */
	for (long ns = 0; nr_done < 10 && ns < 1000000000;
	     ns += 10000 + ns / 32) {
		struct operation_report report = { 0 };
		struct snapshot before;
		struct controls controls;

		image_build(&program, &image);
		snapshot_take(&program, &before);
		nr_done += map_and_die(&program, &image, ns);
		reread(&program);
		CHECK_EQ(controls_read(program.process, &program.mappings,
				       &controls, NULL), 0);
		CHECK(!controls.nr || !controls.entries[0].damaged);
		nr_staged += controls.nr > 0;
		controls_release(&controls);
		if (operation_recover(program.pid, &options, &report, &diag))
			TAP_FAIL("%ld ns: %s", ns, diag.message);
		operation_report_release(&report);
		reread(&program);
		if (no_descriptors && is_empty_reservation(&program, &image)) {
			buffer_release(&before.maps);
			continue;
		}
		CHECK(snapshot_equal(&program, &before));
	}
	printf("# killed %u times with an image in the target\n", nr_staged);
	CHECK(nr_done && nr_staged);
	program_stop(&program);
}

TEST(agent_killed)
{
	check_killed_agents(false);
}

TEST(agent_killed_anonymous)
{
	check_killed_agents(true);
}

/* What a patch refers to, against what the process says of itself. */
TEST(resolve)
{
	static const struct { const char *name, *version; } exported[] = {
		{ "printf", "GLIBC_2.2.5" }, { "stdout", NULL },
		{ "memcpy", "GLIBC_2.14" }, { "strlen", NULL },
		{ "modules_data", NULL },
	};
	struct manifest_import import = { 0 };
	struct manifest wanted = { .name = STR("img"), .imports = &import,
				   .nr_imports = 1 };
	struct patch_file asking = { .manifest = &wanted };
	struct link_values values;
	struct link_target target;
	struct hf_diag diag = { 0 };
	struct program program;

	CHECK(program_start(&program, "modules"));
	target = (struct link_target){ .process = program.process,
				       .modules = &program.modules,
				       .module = program.modules.entries };
	for (size_t i = 0; i < ARRAY_SIZE(exported); i++) {
		import.name = STR(exported[i].name);
		import.version = STR(exported[i].version);
		/* Not exported by a program that was linked as usual. */
		if (i == ARRAY_SIZE(exported) - 1) {
			import.in_module = true;
			import.vaddr = answer_of(&program, import.name) -
				       program.modules.entries[0].bias;
		}
		CHECK_EQ(link_resolve(&asking, &target, &values, &diag), 0);
		CHECK_EQ(values.values[0], answer_of(&program, import.name));
		link_values_release(&values);
	}
	import = (struct manifest_import){ .name = STR("no_such_symbol"),
					   .library = STR("libnone.so.1") };
	CHECK_EQ(link_resolve(&asking, &target, &values, &diag), -ECANCELED);
	CHECK_STR(diag.code, "symbol-missing");
	CHECK_CONTAINS(diag.message, "libnone.so.1");
	program_stop(&program);
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	return tap_main(argc, argv);
}

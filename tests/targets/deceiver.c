/*
 * A process whose memory is not what it should be: `lie NAME` makes one thing of
 * it false, or begins to change it without pause. The next lie comes on top.
 */
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "target.h"

#define PAGE 4096ul

extern char __ehdr_start[];

static volatile int value_base = 1;

PATCHABLE int value(void)
{
	return value_base;
}

static void do_value(int nr, char **args)
{
	(void)nr, (void)args;
	answer("%d", value());
}

/* --- the module: program headers, notes, dynamic section, hash tables -------- */

static void writable(const void *at, size_t size)
{
	uintptr_t start = (uintptr_t)at & -PAGE;

	mprotect((void *)start, (uintptr_t)at + size - start,
		 PROT_READ | PROT_WRITE);
}

static ElfW(Phdr) *header(unsigned int type)
{
	const ElfW(Ehdr) *ehdr = (void *)__ehdr_start;
	ElfW(Phdr) *phdr = (void *)(__ehdr_start + ehdr->e_phoff);

	writable(__ehdr_start, PAGE);
	while (phdr->p_type != type)
		phdr++;
	return phdr;
}

static char *segment(unsigned int type)
{
	char *at = __ehdr_start + header(type)->p_vaddr;

	writable(at, header(type)->p_memsz);
	return at;
}

static void note_outside(void) { header(PT_NOTE)->p_vaddr = 1ul << 46; }
static void note_endless(void) { header(PT_NOTE)->p_memsz = -1ul; }

static void notes_false(void)
{
	ElfW(Phdr) *phdr = header(PT_NOTE);

	for (; phdr->p_type != PT_NULL &&
	       (char *)phdr < __ehdr_start + 0x300;
	     phdr++)
		if (phdr->p_type == PT_NOTE)
			memset(__ehdr_start + phdr->p_vaddr, 0xff, 8);
}

static void dynamic_endless(void) { header(PT_DYNAMIC)->p_memsz = -1ul; }
static void unwind_outside(void) { header(PT_GNU_EH_FRAME)->p_vaddr = 1ul << 45; }
static void unwind_endless(void) { header(PT_GNU_EH_FRAME)->p_memsz = -1ul; }
static void unwind_false(void) { memset(segment(PT_GNU_EH_FRAME), 0xff, 64); }
static void text_everywhere(void)
{
	for (ElfW(Phdr) *phdr = header(PT_LOAD); phdr->p_type == PT_LOAD; phdr++)
		phdr->p_memsz = 1ul << 47;
}
static void headers_many(void)
{
	header(PT_LOAD);
	((ElfW(Ehdr) *)(void *)__ehdr_start)->e_phnum = 0xffff;
}

static void dynamic_set(int64_t tag, uint64_t value)
{
	for (ElfW(Dyn) *entry = (void *)segment(PT_DYNAMIC); entry->d_tag; entry++)
		if (entry->d_tag == tag)
			entry->d_un.d_val = value;
}

static uint64_t dynamic_get(int64_t tag)
{
	for (ElfW(Dyn) *entry = (void *)segment(PT_DYNAMIC); entry->d_tag; entry++)
		if (entry->d_tag == tag)
			return entry->d_un.d_val;
	return 0;
}

static void strings_endless(void) { dynamic_set(DT_STRSZ, -1ul); }
static void relocations_endless(void) { dynamic_set(DT_RELASZ, -24ul); }
static void symbols_are_code(void) { dynamic_set(DT_SYMTAB, (uint64_t)(void *)value); }
static void soname_outside(void) { dynamic_set(DT_DEBUG, 0x1234); }

/* Every bucket leads into a chain that has no end. */
static void hash_endless(void)
{
	uint64_t at = dynamic_get(DT_GNU_HASH);
	uint32_t *hash;

	if (at < (uint64_t)__ehdr_start)
		at += (uint64_t)__ehdr_start;
	hash = (void *)at;
	writable(hash, 128);
	hash[0] = 0xffffffff;
	memset(hash + 4, 0xfe, 64);
}

static void libraries_cycle(void)
{
	for (struct link_map *map = _r_debug.r_map; map; map = map->l_next)
		if (!map->l_next) {
			map->l_next = _r_debug.r_map;
			return;
		}
}

/* A breakpoint that nobody set. */
static void text_differs(void)
{
	uintptr_t page = (uintptr_t)(void *)value & -PAGE;

	mprotect((void *)page, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
	((char *)(void *)value)[2] = (char)0xcc;
	mprotect((void *)page, PAGE, PROT_READ | PROT_EXEC);
}

/* --- mappings that change without pause -------------------------------------- */

static void *mappings_run(void *unused)
{
	(void)unused;
	for (;;) {
		char *at = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		at = mremap(at, 16 * PAGE, 32 * PAGE, MREMAP_MAYMOVE);
		mprotect(at + PAGE, PAGE, PROT_READ);
		munmap(at, 32 * PAGE);
	}
	return NULL;
}

/* The page of value() becomes an anonymous copy of itself, again and again. */
static void *text_run(void *unused)
{
	char *page = (char *)((uintptr_t)(void *)value & -PAGE);
	static char bytes[PAGE];

	(void)unused;
	memcpy(bytes, page, PAGE);
	for (;;) {
		char *copy = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		memcpy(copy, bytes, PAGE);
		mprotect(copy, PAGE, PROT_READ | PROT_EXEC);
		syscall(SYS_mremap, copy, PAGE, PAGE,
			MREMAP_MAYMOVE | MREMAP_FIXED, page);
	}
	return NULL;
}

/* What lies below the stack of the main thread comes and goes. */
static char *stack_below;

static void *stack_run(void *unused)
{
	(void)unused;
	for (;;) {
		mprotect(stack_below, 4 * PAGE, PROT_NONE);
		mprotect(stack_below, 4 * PAGE, PROT_READ | PROT_WRITE);
	}
	return NULL;
}

static void begin(void *(*run)(void *))
{
	pthread_t thread;

	pthread_create(&thread, NULL, run, NULL);
}

static void mappings_change(void) { begin(mappings_run); }
static void text_changes(void) { begin(text_run); }
static void stack_comes_and_goes(void)
{
	stack_below = (char *)((uintptr_t)__builtin_frame_address(0) & -PAGE) -
		      8 * PAGE;
	begin(stack_run);
}

/* As many as the kernel allows. */
static void mappings_many(void)
{
	char *at = mmap(NULL, 140000 * PAGE, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	for (size_t i = 0; i < 32000; i++)
		if (mprotect(at + 2 * i * PAGE, PAGE, PROT_READ))
			return;
}

/* --- stacks ------------------------------------------------------------------- */

/* A thread that sleeps for ever, its stack pointer and frame as given. */
static void *stand_at(void *pointer)
{
	__asm__ volatile("mov %0, %%rsp\n\t"
			 "mov %0, %%rbp\n"
			 "1: mov $34, %%eax\n\t" /* pause */
			 "syscall\n\t"
			 "jmp 1b" ::"r"(pointer)
			 : "memory");
	return NULL;
}

static void stand(void *pointer)
{
	pthread_t thread;

	pthread_create(&thread, NULL, stand_at, pointer);
	usleep(10000);
}

static void stack_nowhere(void) { stand((void *)0x1000); }
static void stack_noncanonical(void) { stand((void *)(1ul << 62)); }
static void stack_forbidden(void)
{
	stand(mmap(NULL, 16 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		   0) + 8 * PAGE);
}

static void stack_large(void)
{
	size_t size = 1ul << 30;
	char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	for (size_t at = 0; at < size; at += 64 * PAGE)
		stack[at] = 1;
	stand(stack + PAGE);
}

/* Frames that lead to themselves, in the function that is to be replaced. */
static void stack_endless(void)
{
	static uint64_t stack[512];

	for (int i = 0; i < 510; i += 2) {
		stack[i] = (uint64_t)&stack[i];
		stack[i + 1] = (uint64_t)(void *)value + 4;
	}
	stand(stack);
}

static void stack_is_code(void) { stand((void *)((uintptr_t)(void *)value & -8ul)); }

/* --- memory that a file lends, or that nobody fills ----------------------------- */

/* The page of value() is another file's, with the same bytes. */
static void text_is_anothers(void)
{
	char *page = (char *)((uintptr_t)(void *)value & -PAGE);
	int fd = memfd_create("another", 0);

	if (write(fd, page, PAGE) == (ssize_t)PAGE)
		mmap(page, PAGE, PROT_READ | PROT_EXEC,
		     MAP_PRIVATE | MAP_FIXED, fd, 0);
	close(fd);
}

/* Mapped behind the file's end: whoever reads there gets SIGBUS. */
static void stack_behind_file(void)
{
	int fd = memfd_create("short", 0);
	char *at = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			0);

	close(fd);
	stand(at + 8 * PAGE);
}

/* Pages that somebody else would have to bring, and never does. */
static void stand_on_awaited(int flags)
{
	struct uffdio_api api = { .api = UFFD_API };
	char *at = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffdio_register pages = {
		.range = { (uintptr_t)at, 16 * PAGE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | flags);

	if (fd < 0) {
		answer("forbidden"); /* by a container, or the kernel lacks it */
		for (;;)
			pause();
	}
	if (ioctl(fd, UFFDIO_API, &api) ||
	    ioctl(fd, UFFDIO_REGISTER, &pages))
		_exit(4);
	stand(at + 8 * PAGE);
}

/* Another process that reads there gets an error, or waits. */
static void stack_awaited(void) { stand_on_awaited(UFFD_USER_MODE_ONLY); }
static void stack_awaited_by_all(void) { stand_on_awaited(0); }

/* In a file of a file system that does not answer (tests/live/silent_fs.py). */
static void stack_silent(void)
{
	const size_t size = 4 << 20;
	int fd = open("silent/file", O_RDWR);
	char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

	if (fd < 0 || at == MAP_FAILED)
		_exit(4);
	stand(at + size / 2);
}

/* ------------------------------------------------------------------------------ */

static const struct lie {
	const char *name;
	void (*tell)(void);
} lies[] = {
#define LIE(name) { #name, name }
	LIE(note_outside), LIE(note_endless), LIE(notes_false),
	LIE(dynamic_endless), LIE(unwind_outside), LIE(unwind_endless),
	LIE(unwind_false), LIE(text_everywhere), LIE(headers_many),
	LIE(strings_endless), LIE(relocations_endless), LIE(symbols_are_code),
	LIE(soname_outside), LIE(hash_endless), LIE(libraries_cycle),
	LIE(text_differs), LIE(mappings_change), LIE(text_changes), LIE(stack_comes_and_goes),
	LIE(mappings_many), LIE(stack_nowhere), LIE(stack_noncanonical),
	LIE(stack_forbidden), LIE(stack_large), LIE(stack_endless),
	LIE(stack_is_code), LIE(text_is_anothers), LIE(stack_behind_file),
	LIE(stack_awaited), LIE(stack_awaited_by_all),
	LIE(stack_silent),
};

static void do_lie(int nr, char **args)
{
	for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++)
		if (nr > 1 && !strcmp(args[1], lies[i].name)) {
			lies[i].tell();
			answer("ok");
			return;
		}
	answer("no such lie");
}

int main(void)
{
	static const struct command commands[] = {
		{ "value", do_value },
		{ "lie", do_lie },
		{ NULL, NULL },
	};

	return target_main(commands);
}

/*
 * libunwind is asked for one thing only: given a frame and the table entry that
 * covers it, where is the caller's frame. Before each step we look the entry up
 * ourselves (cfi.h). That tells three things that libunwind keeps to itself:
 * whether there is an entry at all, whether this frame is the outermost one,
 * and whether it is a signal frame, after which the pc is not a return address.
 * libunwind then gets a table with just that entry.
 *
 * Its own cache of rows stays off: it is keyed by the pc alone, but the row
 * for a pc at which a thread was interrupted and for the same pc as a return
 * address can differ (a call that never returns, at a function's end). Pages of
 * the target are cached instead: those of tables for the unwinder's life, those
 * of stacks for one thread.
 */
#include "unwind.h"

#include <elf.h>
#include <errno.h>
#include <libunwind-x86_64.h>
#include <string.h>

#include "cfi.h"

#define TABLE_PAGES 128
#define STACK_PAGES 16
#define NO_PAGE	    1 /* never the address of a page */
#define IMAGE_PHDRS_MAX 64
#define RED_ZONE    128
/*
 * Reads of the target for one thread; the deepest stack takes a fraction.
 * Tables come from the target, and the expressions in them can loop.
 */
#define READS_MAX   1000000
/* The same for making a table, once. */
#define MAKE_READS_MAX 50000000
/* Below vm.mmap_min_addr nothing is mapped, and so little is used above. */
#define MADE_HEADER 0x1000

/* Exported for debuggers and declared in no header. */
int UNW_OBJ(dwarf_search_unwind_table)(unw_addr_space_t space, unw_word_t ip,
				       unw_dyn_info_t *info,
				       unw_proc_info_t *ret_info,
				       int need_unwind_info, void *context);

struct page {
	hf_addr address;
	uint8_t bytes[HF_PAGE_SIZE];
};

struct pages {
	int (*read)(const struct process *process, hf_addr address, void *data,
		    size_t size);
	struct page *entries;
	size_t nr;
};

/* Unwind tables of a piece of code. */
struct table {
	struct range code;
	hf_addr header; /* .eh_frame_hdr */
	size_t header_size;
};

struct unwinder {
	const struct process *process;
	struct table *tables; /* modules, then images */
	size_t nr_tables;
	unw_addr_space_t space;
	struct pages table_pages;
	struct pages stack_pages;
	/* A .eh_frame_hdr of ours, thought to stand at MADE_HEADER. */
	uint8_t *made_header;
	size_t made_header_size;

	/* While a thread is walked: */
	const struct thread *thread;
	const struct unwind_copy *copy; /* NULL: its memory as it is */
	struct cfi_entry entry; /* of the frame that is being stepped */
	hf_addr entry_header;
	bool entry_known;
	unsigned int reads_left;
	bool lost; /* libunwind wanted another entry than that */
};

static int pages_init(struct pages *pages, size_t nr,
		      int (*read)(const struct process *process,
				  hf_addr address, void *data, size_t size))
{
	pages->read = read;
	pages->entries = calloc(nr, sizeof(*pages->entries));
	if (!pages->entries)
		return -ENOMEM;
	pages->nr = nr;
	return 0;
}

/* Frames were written: their pages are there, or nobody waits for them. */
static int stack_page_read(const struct process *process, hf_addr address,
			   void *data, size_t size)
{
	const struct range range = { address, address + size };

	return pages_present(process, &range) ?
		       process_peek(process, address, data, size) : -EFAULT;
}

static void pages_forget(struct pages *pages)
{
	for (size_t i = 0; i < pages->nr; i++)
		pages->entries[i].address = NO_PAGE;
}

static int pages_get(struct pages *pages, const struct process *process,
		     hf_addr address, const struct page **ret_page)
{
	struct page *page =
		&pages->entries[address / HF_PAGE_SIZE % pages->nr];
	int r;

	if (page->address != address) {
		page->address = NO_PAGE;
		r = pages->read(process, address, page->bytes, HF_PAGE_SIZE);
		if (r < 0)
			return r;
		page->address = address;
	}
	*ret_page = page;
	return 0;
}

static int pages_read(struct pages *pages, const struct process *process,
		      hf_addr address, void *data, size_t size)
{
	while (size) {
		size_t offset = address % HF_PAGE_SIZE;
		size_t piece = HF_PAGE_SIZE - offset;
		const struct page *page;
		int r;

		r = pages_get(pages, process, address - offset, &page);
		if (r < 0)
			return r;
		if (piece > size)
			piece = size;
		memcpy(data, page->bytes + offset, piece);
		data = (uint8_t *)data + piece;
		address += piece;
		size -= piece;
	}
	return 0;
}

/* What is ours to say. Return: false: it is the target's. */
static bool made_header_read(const struct unwinder *unwinder, hf_addr address,
			     void *data, size_t size)
{
	size_t made = unwinder->made_header_size;

	if (address < MADE_HEADER || address - MADE_HEADER > made ||
	    size > made - (address - MADE_HEADER))
		return false;
	memcpy(data, unwinder->made_header + (address - MADE_HEADER), size);
	return true;
}

static int read_table(void *context, hf_addr address, void *data, size_t size)
{
	struct unwinder *unwinder = context;

	if (!unwinder->reads_left)
		return -EBADMSG;
	unwinder->reads_left--;
	if (made_header_read(unwinder, address, data, size))
		return 0;
	return pages_read(&unwinder->table_pages, unwinder->process, address,
			  data, size);
}

static const struct table *table_find(const struct unwinder *unwinder,
				      hf_addr address)
{
	for (size_t i = 0; i < unwinder->nr_tables; i++)
		if (range_contains(&unwinder->tables[i].code, address))
			return &unwinder->tables[i];
	return NULL;
}

/* --- what libunwind asks for ---------------------------------------------- */

static int on_find_proc_info(unw_addr_space_t space, unw_word_t ip,
			     unw_proc_info_t *ret_info, int need_unwind_info,
			     void *context)
{
	struct unwinder *unwinder = context;
	const struct cfi_entry *entry = &unwinder->entry;
	unw_dyn_info_t info = { 0 };
	int r;

	if (!unwinder->entry_known || !range_contains(&entry->code, ip)) {
		unwinder->lost = true;
		return -UNW_ENOINFO;
	}
	info.start_ip = entry->code.start;
	info.end_ip = entry->code.end;
	info.format = UNW_INFO_FORMAT_REMOTE_TABLE;
	info.u.rti.segbase = unwinder->entry_header;
	info.u.rti.table_data = entry->table_entry;
	info.u.rti.table_len = 1; /* in words; a line is two halves of one */
	r = UNW_OBJ(dwarf_search_unwind_table)(space, ip, &info, ret_info,
					       need_unwind_info, context);
	if (r < 0)
		unwinder->lost = true;
	return r;
}

static void on_put_unwind_info(unw_addr_space_t space, unw_proc_info_t *info,
			       void *context)
{
	(void)space, (void)info, (void)context;
}

static int on_get_dyn_info_list_addr(unw_addr_space_t space,
				     unw_word_t *ret_address, void *context)
{
	(void)space, (void)ret_address, (void)context;
	return -UNW_ENOINFO;
}

static bool copy_read(const struct unwind_copy *copy, hf_addr address,
		      void *data, size_t size)
{
	if (address < copy->start || address - copy->start > copy->size ||
	    size > copy->size - (address - copy->start))
		return false;
	memcpy(data, copy->bytes + (address - copy->start), size);
	return true;
}

static int on_access_mem(unw_addr_space_t space, unw_word_t address,
			 unw_word_t *value, int write, void *context)
{
	struct unwinder *unwinder = context;
	struct pages *pages = &unwinder->stack_pages;

	(void)space;
	if (write || !unwinder->reads_left)
		return -UNW_EINVAL;
	unwinder->reads_left--;
	if (made_header_read(unwinder, address, value, sizeof(*value)))
		return 0;
	if (table_find(unwinder, address))
		pages = &unwinder->table_pages;
	else if (unwinder->copy)
		return copy_read(unwinder->copy, address, value,
				 sizeof(*value)) ? 0 : -UNW_EINVAL;
	return pages_read(pages, unwinder->process, address, value,
			  sizeof(*value)) < 0 ? -UNW_EINVAL : 0;
}

static int on_access_reg(unw_addr_space_t space, unw_regnum_t reg,
			 unw_word_t *value, int write, void *context)
{
	static const size_t offsets[] = {
#define AT(name) offsetof(struct user_regs_struct, name)
		[UNW_X86_64_RAX] = AT(rax), [UNW_X86_64_RDX] = AT(rdx),
		[UNW_X86_64_RCX] = AT(rcx), [UNW_X86_64_RBX] = AT(rbx),
		[UNW_X86_64_RSI] = AT(rsi), [UNW_X86_64_RDI] = AT(rdi),
		[UNW_X86_64_RBP] = AT(rbp), [UNW_X86_64_RSP] = AT(rsp),
		[UNW_X86_64_R8] = AT(r8),   [UNW_X86_64_R9] = AT(r9),
		[UNW_X86_64_R10] = AT(r10), [UNW_X86_64_R11] = AT(r11),
		[UNW_X86_64_R12] = AT(r12), [UNW_X86_64_R13] = AT(r13),
		[UNW_X86_64_R14] = AT(r14), [UNW_X86_64_R15] = AT(r15),
		[UNW_X86_64_RIP] = AT(rip),
#undef AT
	};
	struct unwinder *unwinder = context;

	(void)space;
	if (write || reg < 0 || (size_t)reg >= ARRAY_SIZE(offsets))
		return -UNW_EBADREG;
	memcpy(value, (const uint8_t *)&unwinder->thread->regs + offsets[reg],
	       sizeof(*value));
	return 0;
}

static int on_access_fpreg(unw_addr_space_t space, unw_regnum_t reg,
			   unw_fpreg_t *value, int write, void *context)
{
	(void)space, (void)reg, (void)value, (void)write, (void)context;
	return -UNW_EBADREG;
}

static int on_resume(unw_addr_space_t space, unw_cursor_t *cursor,
		     void *context)
{
	(void)space, (void)cursor, (void)context;
	return -UNW_EINVAL;
}

static int on_get_proc_name(unw_addr_space_t space, unw_word_t address,
			    char *buffer, size_t size, unw_word_t *ret_offset,
			    void *context)
{
	(void)space, (void)address, (void)buffer, (void)size;
	(void)ret_offset, (void)context;
	return -UNW_ENOINFO;
}

static unw_accessors_t accessors = {
	.find_proc_info = on_find_proc_info,
	.put_unwind_info = on_put_unwind_info,
	.get_dyn_info_list_addr = on_get_dyn_info_list_addr,
	.access_mem = on_access_mem,
	.access_reg = on_access_reg,
	.access_fpreg = on_access_fpreg,
	.resume = on_resume,
	.get_proc_name = on_get_proc_name,
};

/* --- making one ----------------------------------------------------------- */

static int tables_add(struct unwinder *unwinder, const struct table *table)
{
	struct table *tables;

	tables = reallocarray(unwinder->tables, unwinder->nr_tables + 1,
			      sizeof(*tables));
	if (!tables)
		return -ENOMEM;
	tables[unwinder->nr_tables++] = *table;
	unwinder->tables = tables;
	return 0;
}

/*
 * A program without .eh_frame_hdr is a static one that stands where it was
 * linked, so that the addresses below it are free for the one that we make.
 */
static void header_make(struct unwinder *unwinder, const struct module *module,
			struct table *table)
{
	const struct cfi_memory memory = { read_table, unwinder };
	uint8_t *header;
	size_t size;

	if (unwinder->made_header)
		return;
	unwinder->reads_left = MAKE_READS_MAX;
	if (cfi_make_header(&memory, module->eh_frame, MADE_HEADER, &header,
			    &size))
		return;
	if (module->range.start < MADE_HEADER + size) {
		free(header);
		return;
	}
	unwinder->made_header = header;
	unwinder->made_header_size = size;
	table->header = MADE_HEADER;
	table->header_size = size;
}

static int tables_add_modules(struct unwinder *unwinder,
			      const struct modules *modules)
{
	for (size_t i = 0; i < modules->nr; i++) {
		const struct module *module = &modules->entries[i];
		struct table table = { module->range, module->eh_frame_hdr,
				       module->eh_frame_hdr_size };
		int r;

		if (!table.header && module->eh_frame.end)
			header_make(unwinder, module, &table);
		if (!table.header)
			continue;
		r = tables_add(unwinder, &table);
		if (r < 0)
			return r;
	}
	return 0;
}

int unwinder_new(const struct process *process, const struct modules *modules,
		 struct unwinder **ret_unwinder, struct hf_diag *diag)
{
	owned(unwinder_free_p) struct unwinder *unwinder = NULL;

	unwinder = calloc(1, sizeof(*unwinder));
	if (!unwinder)
		return hf_fail(diag, -ENOMEM, "cannot prepare to unwind");
	unwinder->process = process;
	unwinder->space = unw_create_addr_space(&accessors, 0);
	if (!unwinder->space ||
	    pages_init(&unwinder->table_pages, TABLE_PAGES, process_read) < 0 ||
	    pages_init(&unwinder->stack_pages, STACK_PAGES,
		       stack_page_read) < 0)
		return hf_fail(diag, -ENOMEM, "cannot prepare to unwind");
	unw_set_caching_policy(unwinder->space, UNW_CACHE_NONE);
	pages_forget(&unwinder->table_pages);
	if (tables_add_modules(unwinder, modules) < 0)
		return hf_fail(diag, -ENOMEM, "cannot prepare to unwind");

	*ret_unwinder = take_ptr(unwinder);
	return 0;
}

void unwinder_free(struct unwinder *unwinder)
{
	if (!unwinder)
		return;
	if (unwinder->space)
		unw_destroy_addr_space(unwinder->space);
	free(unwinder->table_pages.entries);
	free(unwinder->stack_pages.entries);
	free(unwinder->made_header);
	free(unwinder->tables);
	free(unwinder);
}

/* Code and tables of the image, from its program headers. */
static void table_from_phdrs(struct table *table, hf_addr elf,
			     const Elf64_Phdr *phdrs, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		hf_addr start = elf + phdrs[i].p_vaddr;
		hf_addr end = start + phdrs[i].p_memsz;

		if (phdrs[i].p_type == PT_GNU_EH_FRAME) {
			table->header = start;
			table->header_size = phdrs[i].p_memsz;
		}
		if (phdrs[i].p_type != PT_LOAD)
			continue;
		if (!table->code.end || start < table->code.start)
			table->code.start = start;
		if (end > table->code.end)
			table->code.end = end;
	}
}

int unwinder_add_image(struct unwinder *unwinder, hf_addr elf,
		       struct hf_diag *diag)
{
	Elf64_Phdr phdrs[IMAGE_PHDRS_MAX];
	struct table table = { 0 };
	Elf64_Ehdr header;
	int r;

	r = process_read(unwinder->process, elf, &header, sizeof(header));
	if (r < 0)
		return hf_fail(diag, r, "cannot read the image at 0x%llx",
			       (unsigned long long)elf);
	if (memcmp(header.e_ident, ELFMAG, SELFMAG) ||
	    header.e_ident[EI_CLASS] != ELFCLASS64 ||
	    header.e_phentsize != sizeof(*phdrs) ||
	    header.e_phnum > ARRAY_SIZE(phdrs))
		return hf_error(diag, -EBADMSG, "image-damaged",
				"no ELF image stands at 0x%llx",
				(unsigned long long)elf);
	r = process_read(unwinder->process, elf + header.e_phoff, phdrs,
			 header.e_phnum * sizeof(*phdrs));
	if (r < 0)
		return hf_fail(diag, r, "cannot read the image at 0x%llx",
			       (unsigned long long)elf);
	table_from_phdrs(&table, elf, phdrs, header.e_phnum);
	if (!table.header)
		return hf_error(diag, -ENOENT, "image-no-unwind-tables",
				"the image at 0x%llx has no unwind tables",
				(unsigned long long)elf);
	return tables_add(unwinder, &table);
}

/* --- walking -------------------------------------------------------------- */

/* The entry of the frame that runs at @code, or false: lost. */
static bool frame_look_up(struct unwinder *unwinder, hf_addr code,
			  bool *ret_outermost)
{
	const struct cfi_memory memory = { read_table, unwinder };
	const struct table *table = table_find(unwinder, code);

	unwinder->entry_known = false;
	if (!table)
		return false;
	if (cfi_find(&memory, table->header, table->header_size, code,
		     &unwinder->entry) < 0)
		return false;
	if (cfi_is_outermost(&memory, &unwinder->entry, code, ret_outermost) <
	    0)
		return false;
	unwinder->entry_header = table->header;
	unwinder->entry_known = true;
	return true;
}

/*
 * Takes note of the way from one frame to its caller. Stacks grow down, so
 * within one stack the caller's pointer is higher, or the tables are wrong.
 */
static bool spans_extend(struct unwind_frames *frames, bool signal_frame,
			 hf_addr stack_pointer)
{
	struct range *span = &frames->spans[frames->nr_spans - 1];

	if (!signal_frame) {
		if (stack_pointer <= span->end)
			return false;
		span->end = stack_pointer;
		return true;
	}
	if (frames->nr_spans == UNWIND_SPANS_MAX)
		return false;
	frames->spans[frames->nr_spans++] =
		(struct range){ stack_pointer - RED_ZONE, stack_pointer };
	return true;
}

static bool frame_add(struct unwind_frames *frames, unw_cursor_t *cursor,
		      bool is_return)
{
	size_t i = frames->nr;
	unw_word_t pc, stack_pointer;

	if (i == UNWIND_FRAMES_MAX ||
	    unw_get_reg(cursor, UNW_X86_64_RIP, &pc) < 0 ||
	    unw_get_reg(cursor, UNW_X86_64_RSP, &stack_pointer) < 0)
		return false;
	frames->pcs[i] = pc;
	frames->stack_pointers[i] = stack_pointer;
	frames->returns[i] = is_return;
	frames->has_handler[i] = false;
	frames->nr++;
	return true;
}

static void frames_walk(struct unwinder *unwinder, unw_cursor_t *cursor,
			struct unwind_frames *frames)
{
	bool outermost, signal_frame = true; /* the first pc is exact too */
	size_t i;

	while (frame_add(frames, cursor, !signal_frame)) {
		i = frames->nr - 1;
		if (i && !spans_extend(frames, signal_frame,
				       frames->stack_pointers[i]))
			return;
		if (!frame_look_up(unwinder, unwind_frame_code(frames, i),
				   &outermost))
			return;
		frames->has_handler[i] = unwinder->entry.has_handler;
		if (outermost) {
			frames->complete = true;
			return;
		}
		signal_frame = unwinder->entry.signal_frame;
		unwinder->lost = false;
		if (unw_step(cursor) <= 0 || unwinder->lost)
			return;
	}
}

int unwinder_walk(struct unwinder *unwinder, const struct thread *thread,
		  struct unwind_frames *ret_frames, struct hf_diag *diag)
{
	hf_addr stack_pointer = thread->regs.rsp;
	unw_cursor_t cursor;
	int r;

	ret_frames->nr = 0;
	ret_frames->complete = false;
	ret_frames->spans[0] =
		(struct range){ stack_pointer - RED_ZONE, stack_pointer };
	ret_frames->nr_spans = 1;

	unwinder->thread = thread;
	unwinder->entry_known = false;
	unwinder->reads_left = READS_MAX;
	pages_forget(&unwinder->stack_pages);
	r = unw_init_remote(&cursor, unwinder->space, unwinder);
	if (r == -UNW_ENOMEM)
		return hf_fail(diag, -ENOMEM, "cannot unwind thread %d",
			       thread->tid);
	if (r == 0)
		frames_walk(unwinder, &cursor, ret_frames);
	return 0;
}

int unwinder_walk_copy(struct unwinder *unwinder, const struct thread *thread,
		       const struct unwind_copy *copy,
		       struct unwind_frames *ret_frames, struct hf_diag *diag)
{
	int r;

	unwinder->copy = copy;
	r = unwinder_walk(unwinder, thread, ret_frames, diag);
	unwinder->copy = NULL;
	return r;
}

int unwind_thread(const struct process *process, const struct modules *modules,
		  const struct thread *thread, struct unwind_frames *ret_frames,
		  struct hf_diag *diag)
{
	owned(unwinder_free_p) struct unwinder *unwinder = NULL;
	int r;

	r = unwinder_new(process, modules, &unwinder, diag);
	if (r < 0)
		return r;
	return unwinder_walk(unwinder, thread, ret_frames, diag);
}

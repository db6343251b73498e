#include "vouch.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "../lib/arch/arch.h"
#include "../lib/io.h"
#include "../lib/site.h"
#include "pin.h"

/* One look at a process, and the file that was read last. */
struct vouch {
	const struct target *target;
	const struct arch *arch;
	const struct mapping *opened; /* NULL: none yet */
	int fd; /* of it, or -errno */
	dev_t memfds; /* 0: unknown */
};

static bool within(struct range outer, hf_addr start, uint64_t size)
{
	return start >= outer.start && start <= outer.end &&
	       size <= outer.end - start;
}

static const struct mapping *mapping_at(const struct vouch *vouch,
					hf_addr address)
{
	return mappings_find(&vouch->target->mappings, address);
}

/* --- the image --------------------------------------------------------------- */

static bool is_write_exec(const struct mapping *mapping)
{
	const int both = PROT_WRITE | PROT_EXEC;

	return (mapping->protection & both) == both;
}

static bool mapping_is_ours(const struct control *control,
			    const struct mapping *first,
			    const struct mapping *mapping)
{
	const struct control_block *block = &control->block;
	uint64_t offset = mapping->range.start - control->mapped.start;

	if (mapping->shared || is_write_exec(mapping))
		return false;
	if (offset < block->control_size && mapping->protection != PROT_READ)
		return false;
	return mapping->inode == first->inode &&
	       mapping->device == first->device &&
	       (!mapping->inode || mapping->offset == offset);
}

/* The kernel has one place for all memfds; any file may be called like one. */
static dev_t memfd_device(void)
{
	owned(close_p) int fd = memfd_create("hotfix-compare", MFD_CLOEXEC);
	struct stat status;

	return fd < 0 || fstat(fd, &status) ? 0 : status.st_dev;
}

/* Its owner can cut it short under a mapping: what is behind is no memory. */
static bool is_cut_short(const struct vouch *vouch,
			 const struct mapping *mapping,
			 const struct control *control)
{
	owned(close_p) int pinned = -1;
	struct stat status;

	pinned = mapping_pin(vouch->target->process, mapping, &status);
	return pinned >= 0 &&
	       (uint64_t)status.st_size < control->block.total_size;
}

static const char *file_fault(const struct vouch *vouch,
			      const struct mapping *first,
			      const struct control *control)
{
	if (!first->inode)
		return NULL;
	if (vouch->memfds && first->device != vouch->memfds)
		return "it is mapped from a file";
	return is_cut_short(vouch, first, control) ?
		       "its memfd has been cut short" :
		       NULL;
}

static const char *image_fault(const struct vouch *vouch,
			       const struct control *control)
{
	const struct mapping *first = mapping_at(vouch, control->mapped.start);
	hf_addr at = control->mapped.start;

	while (at < control->mapped.end) {
		const struct mapping *mapping = mapping_at(vouch, at);

		if (!mapping || !mapping_is_ours(control, first, mapping))
			return "its mappings are not as hotfix makes them";
		at = mapping->range.end;
	}
	return file_fault(vouch, first, control);
}

static bool is_executable(const struct vouch *vouch, hf_addr address)
{
	const struct mapping *mapping = mapping_at(vouch, address);

	return mapping && (mapping->protection & PROT_EXEC);
}

static const char *hooks_fault(const struct vouch *vouch,
			       const struct control *control)
{
	for (size_t i = 0; i < NR_HOOKS; i++) {
		hf_addr hook = control->block.hooks[i];

		if (hook && (!range_contains(&control->mapped, hook) ||
			     !is_executable(vouch, hook)))
			return "a hook of it is not in its own code";
	}
	return NULL;
}

/* --- its functions ----------------------------------------------------------- */

static const struct module *module_of(const struct vouch *vouch,
				      const struct control_block *block)
{
	const struct modules *modules = &vouch->target->modules;

	for (size_t i = 0; i < modules->nr; i++) {
		const struct module *module = &modules->entries[i];

		if (module->bias == block->module_bias &&
		    module->build_id.size == block->build_id_size &&
		    !memcmp(module->build_id.bytes, block->build_id,
			    block->build_id_size))
			return module;
	}
	return NULL;
}

/* Padding behind the last function is text, too. */
static struct range text_pages(const struct module *module)
{
	return (struct range){ module->text.start,
			       align_up(module->text.end, HF_PAGE_SIZE) };
}

/*
 * The program headers that say where text is are the target's as well: what is
 * really mapped there counts. Text that was copied to huge pages has no file.
 */
static bool is_code_of(const struct vouch *vouch, const struct module *module,
		       const struct mapping *mapping)
{
	const struct mapping *head = mapping_at(vouch, module->range.start);

	if (!mapping || !head || mapping->shared ||
	    !(mapping->protection & PROT_EXEC) || mapping->path[0] == '[')
		return false;
	return !mapping->inode || !head->inode ||
	       (mapping->inode == head->inode &&
		mapping->device == head->device);
}

/* Up to @size bytes of the file that is mapped at @address. */
static int file_bytes(struct vouch *vouch, const struct mapping *mapping,
		      hf_addr address, uint8_t *bytes, size_t size)
{
	if (vouch->opened != mapping) {
		if (vouch->opened && vouch->fd >= 0)
			close(vouch->fd);
		vouch->fd = mapping_open(vouch->target->process, mapping);
		vouch->opened = mapping;
	}
	if (vouch->fd < 0)
		return vouch->fd;
	return read_full_at(vouch->fd, bytes, size,
			    (off_t)(mapping->offset + address -
				    mapping->range.start));
}

/* Whether the file contradicts; where it cannot be read, it does not. */
static bool file_contradicts(struct vouch *vouch, const struct mapping *mapping,
			     hf_addr address, const uint8_t *bytes, size_t size)
{
	uint8_t found[sizeof(((struct control_write *)0)->old_bytes)];
	int r;

	if (!mapping->inode)
		return false;
	r = file_bytes(vouch, mapping, address, found, size);
	if (r < 0)
		return r == -EMEDIUMTYPE || r == -EIO;
	return memcmp(found, bytes, size) != 0;
}

static const char *store_fault(struct vouch *vouch, const struct module *module,
			       const struct control_write *write)
{
	size_t size;

	if (!within(text_pages(module), write->address, write->size))
		return "a store of it is not in the module's code";
	for (size_t at = 0; at < write->size; at += size) {
		hf_addr address = write->address + at;
		const struct mapping *mapping = mapping_at(vouch, address);

		size = write->size - at;
		if (!is_code_of(vouch, module, mapping))
			return "a store of it is not in the module's code";
		if (size > mapping->range.end - address)
			size = mapping->range.end - address;
		if (file_contradicts(vouch, mapping, address,
				     write->old_bytes + at, size))
			return "what it would put back is not what the "
			       "module's file has";
	}
	return NULL;
}

/* The one or two jumps that site_plan_encode() makes. */
static bool stores_lead(const struct arch *arch,
			const struct control_site *site)
{
	const struct control_write *far = &site->writes[0];
	const struct control_write *near = &site->writes[1];
	uint8_t bytes[sizeof(far->new_bytes)];

	if (site->nr_writes > 2 || far->size != arch->jump_size ||
	    arch->encode_jump(far->address, site->replacement, bytes) < 0 ||
	    memcmp(far->new_bytes, bytes, far->size))
		return false;
	if (site->nr_writes == 1)
		return true;
	return near->size == arch->short_jump_size &&
	       arch->encode_short_jump(near->address, far->address, bytes) >=
		       0 &&
	       !memcmp(near->new_bytes, bytes, near->size);
}

static const char *site_fault(struct vouch *vouch,
			      const struct control *control,
			      const struct module *module,
			      const struct control_site *site)
{
	const char *fault = NULL;

	if (!within(text_pages(module), site->function, site->function_size))
		return "a function of it is not in the module's code";
	if (!within(control->mapped, site->replacement,
		    site->replacement_size) ||
	    !is_executable(vouch, site->replacement) || !vouch->arch ||
	    !stores_lead(vouch->arch, site))
		return "a store of it is no jump into its own code";
	for (size_t i = 0; i < site->nr_writes && !fault; i++)
		fault = store_fault(vouch, module, &site->writes[i]);
	return fault;
}

static const char *sites_fault(struct vouch *vouch,
			       const struct control *control,
			       const struct module *module)
{
	const struct control_block *block = &control->block;
	const char *fault = NULL;

	for (size_t i = 0; i < block->nr_old_ranges; i++)
		if (!within(text_pages(module), control->old_ranges[i].start,
			    control->old_ranges[i].end -
				    control->old_ranges[i].start))
			return "a part of a function is not in the module's "
			       "code";
	for (size_t i = 0; i < block->nr_sites && !fault; i++)
		fault = site_fault(vouch, control, module, &control->sites[i]);
	return fault;
}

/* Whether some store of it stands in memory, wherever that is. */
static bool leads_here(const struct vouch *vouch, const struct control *control)
{
	for (size_t i = 0; i < control->block.nr_sites; i++) {
		const struct control_write *far = &control->sites[i].writes[0];
		uint8_t found[sizeof(far->new_bytes)];

		if (!process_read(vouch->target->process, far->address, found,
				  far->size) &&
		    !memcmp(found, far->new_bytes, far->size))
			return true;
	}
	return false;
}

/* --- the verdict ------------------------------------------------------------- */

/* Nothing is in force that such a block says: perhaps it is half mapped. */
static bool is_out_of_force(const struct control *control)
{
	return control->block.state == CONTROL_STAGED ||
	       control->block.state == CONTROL_RETIRED;
}

/* Its library was unloaded, and the stores went with it. */
static void orphan(struct control *control)
{
	control_forget_functions(control);
	control->orphaned = true;
	control->block.state = CONTROL_RETIRED;
}

static const char *functions_fault(struct vouch *vouch, struct control *control)
{
	const struct module *module = module_of(vouch, &control->block);
	const char *fault = hooks_fault(vouch, control);

	if (!fault && module)
		fault = sites_fault(vouch, control, module);
	else if (!fault)
		fault = "the module that it names is not there, and a function "
			"leads to it";
	if (!fault || leads_here(vouch, control))
		return fault;
	if (is_out_of_force(control))
		control_forget_functions(control);
	else if (!module)
		orphan(control);
	else
		return fault;
	return NULL;
}

static const char *control_fault(struct vouch *vouch, struct control *control)
{
	const char *fault;

	/* An image whose block was never written has nothing to prove but its
	 * name. */
	if (!control->block.control_size)
		return NULL;
	fault = image_fault(vouch, control);
	return fault ? fault : functions_fault(vouch, control);
}

void controls_vouch(struct target *target)
{
	struct vouch vouch = {
		.target = target,
		.arch = arch_find(target->process->machine),
		.fd = -1,
	};

	if (target->controls.nr)
		vouch.memfds = memfd_device();
	for (size_t i = 0; i < target->controls.nr; i++) {
		struct control *control = &target->controls.entries[i];
		const char *fault = NULL;

		if (!control->damaged)
			fault = control_fault(&vouch, control);
		if (fault)
			control_disbelieve(control, fault);
	}
	if (vouch.fd >= 0)
		close(vouch.fd);
}

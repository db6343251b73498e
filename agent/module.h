/*
 * The ELF modules of a process, read from its memory.
 *
 * Never from the path: the file on disk may have been replaced since. A module
 * is found by its ELF header at a mapping's start; build-id, dynamic section
 * and symbols are read where the loader put them.
 */
#pragma once

#include "../lib/build_id.h"
#include "procfs.h"

/*
 * Where a module's dynamic section says its tables are: addresses in the
 * process, each inside the module, 0 when absent. The sizes are what the target
 * says; whoever walks a table bounds the walk.
 */
struct module_tables {
	hf_addr symbols;
	hf_addr strings;
	uint64_t strings_size;
	hf_addr gnu_hash;
	hf_addr hash;
	hf_addr versym;
	hf_addr verdef;
	hf_addr verneed;
	hf_addr rela;
	uint64_t rela_size;
	uint64_t nr_relative; /* the first entries of rela: RELATIVE */
	hf_addr jmprel;
	uint64_t jmprel_size;
	hf_addr debug; /* the loader's struct r_debug; may be anywhere */
};

struct module {
	const char *path; /* borrowed from the mappings; "[vdso]" possible */
	hf_addr bias;	  /* added to the file's virtual addresses */
	struct range range; /* first to last byte of its PT_LOAD segments */
	struct range text;  /* its executable segments, hull */
	struct build_id build_id; /* size 0: none */
	bool is_executable; /* the main program */
	uint16_t machine;
	uint16_t type;	    /* ET_EXEC, ET_DYN */
	hf_addr entry;	    /* e_entry + bias */
	/* Program headers as loaded: */
	hf_addr dynamic;	/* PT_DYNAMIC, 0: none */
	size_t dynamic_size;
	hf_addr eh_frame_hdr;	/* PT_GNU_EH_FRAME, 0: none */
	size_t eh_frame_hdr_size;
	/* The main program's .eh_frame when it has no PT_GNU_EH_FRAME, as gcc
	 * -static leaves it; from the section headers of its file. */
	struct range eh_frame;
	bool has_tls;
	uint64_t tls_size, tls_alignment;
	char soname[96]; /* DT_SONAME, "" when none */
	struct module_tables tables;
};

struct modules {
	struct module *entries; /* ascending by address */
	size_t nr;
	/* Indices in the order in which the loader searches them for a symbol;
	 * the vdso is not among them. */
	size_t *search;
	size_t nr_search;
};

/**
 * modules_read() - the modules of a process
 * @mappings: borrowed; must outlive the result
 *
 * Mappings that are no sane ELF module are left out, and so are files that are
 * mapped to be read and not to be run.
 *
 * Return: 0; -ESRCH; -ENOMEM.
 */
int modules_read(const struct process *process, const struct mappings *mappings,
		 struct modules *ret_modules, struct hf_diag *diag);
void modules_release(struct modules *modules);

/**
 * module_build_id_at() - the build-id of the module whose ELF header is at
 * @mapping's start, without looking at anything else of it
 *
 * Return: 0; -ENOENT: no ELF module, or one without a build-id.
 */
int module_build_id_at(const struct process *process,
		       const struct mapping *mapping,
		       struct build_id *ret_id);

/* Finds @module->eh_frame, if that can be had. Called by modules_read(). */
void module_find_eh_frame(const struct process *process, struct module *module);

/**
 * modules_match() - the module that a build-id names
 * @name: soname or file name the patch was built for; for messages
 *
 * Return: 0; -ECANCELED: "build-id-mismatch" when a module of that name has
 * another build (both spelled), "module-absent" when there is none at all,
 * "module-twice" when it is loaded more than once (dlmopen).
 */
int modules_match(const struct modules *modules, const struct build_id *id,
		  const char *name, const struct module **ret_module,
		  struct hf_diag *diag);

/**
 * modules_loaded() - whether the loader has done its work at the start
 *
 * By its struct r_debug, which tells debuggers (<link.h>): before, not every module is
 * there, and none can be relied on. Also false for the moment of a dlopen(3). A static
 * program has no loader to wait for.
 */
bool modules_loaded(const struct process *process,
		    const struct modules *modules);

const struct module *modules_find(const struct modules *modules,
				  hf_addr address);

/* A defined dynamic symbol. */
struct module_symbol {
	hf_addr address; /* in the process; for STT_TLS the offset instead */
	uint64_t size;
	unsigned char type; /* STT_* */
	unsigned char binding;
};

/**
 * modules_lookup() - what the process binds an exported name to
 * @version: symbol version, or NULL for the default one
 *
 * Searches in the loader's order (the main program's link map), through each
 * module's hash table in memory (DT_GNU_HASH, DT_HASH).
 *
 * Return: 0; -ENOENT when no module exports it.
 */
int modules_lookup(const struct process *process, const struct modules *modules,
		   const char *name, const char *version,
		   struct module_symbol *ret_symbol,
		   const struct module **ret_module, struct hf_diag *diag);

/**
 * modules_resolved_slot() - the address that the loader bound a name to
 * @version: symbol version the slot must ask for, or NULL for any
 *
 * Looks for a GLOB_DAT, JUMP_SLOT or 64 relocation against @name in any module
 * whose slot is already bound (not still leading back into its own module). It
 * is how an IFUNC is resolved without running its resolver.
 *
 * Return: 0; -ENOENT; -ENOMEM.
 */
int modules_resolved_slot(const struct process *process,
			  const struct modules *modules, const char *name,
			  const char *version, hf_addr *ret_address,
			  struct hf_diag *diag);

/**
 * module_resolved_ifunc() - what a module's own use of its IFUNC was bound to
 * @resolver: address of the IFUNC's resolver, in @module
 *
 * Looks for an IRELATIVE relocation with that resolver: the loader has called
 * it at start and left the answer in the slot.
 *
 * Return: 0; -ENOENT.
 */
int module_resolved_ifunc(const struct process *process,
			  const struct module *module, hf_addr resolver,
			  hf_addr *ret_address);

/**
 * process_find_all() - every process that maps a module, by build-id
 * @ret_pids: owned by the caller (free), ascending; our own PID is left out
 *
 * Looks into the memory of each process: files that were replaced or deleted
 * since, other mount namespaces and copies under any name are all found.
 *
 * Processes that end meanwhile or may not be read are passed over; those that
 * could not be read are counted in @ret_nr_unreadable.
 */
int process_find_all(const struct build_id *id, pid_t **ret_pids,
		     size_t *ret_nr, size_t *ret_nr_unreadable,
		     struct hf_diag *diag);

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
	bool has_tls;
	uint64_t tls_size, tls_alignment;
};

struct modules {
	struct module *entries; /* ascending by address */
	size_t nr;
};

/**
 * modules_read() - the modules of a process
 * @mappings: borrowed; must outlive the result
 *
 * Mappings that are no sane ELF module are left out.
 *
 * Return: 0; -ESRCH; -ENOMEM.
 */
int modules_read(const struct process *process, const struct mappings *mappings,
		 struct modules *ret_modules, struct hf_diag *diag);
void modules_release(struct modules *modules);

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
 *
 * Looks for a GLOB_DAT, JUMP_SLOT or 64 relocation against @name in any module
 * whose slot is already bound (not still leading back into its own PLT). It is
 * how an IFUNC is resolved without running its resolver.
 *
 * Return: 0; -ENOENT.
 */
int modules_resolved_slot(const struct process *process,
			  const struct modules *modules, const char *name,
			  hf_addr *ret_address, struct hf_diag *diag);

/**
 * process_find_all() - every process that maps a module, by build-id
 * @ret_pids: owned by the caller (free), ascending; our own PID is left out
 *
 * Processes that end meanwhile or may not be read are passed over; those that
 * could not be read are counted in @ret_nr_unreadable.
 */
int process_find_all(const struct build_id *id, pid_t **ret_pids,
		     size_t *ret_nr, size_t *ret_nr_unreadable,
		     struct hf_diag *diag);

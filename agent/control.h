/*
 * The control block: the first page(s) of an image, and the only record of a
 * patch inside the target. What it says is what is so; no file on the host is
 * needed to list, revert or recover, and a core dump describes itself.
 *
 *   image base -> +----------------------------------+ r--
 *                 | struct control_block             |
 *                 | sites[nr_sites]                  |
 *                 | old_ranges[nr_old_ranges]        |
 *                 | manifest JSON                    |
 *   + control_size+----------------------------------+
 *                 | the patch's segments             | r--, r-x, rw-
 *                 +----------------------------------+
 *                 | return gates (gate.h)            | r-x
 *   + total_size  +----------------------------------+
 *
 * Life of a state; each arrow is one 4-byte store made after what it claims:
 *
 *   STAGED --> SWITCHING --> ACTIVE --> REVERTING --> RETIRED --> unmapped
 *   (mapped,   (sites are     (sites     (sites are    (sites are old again,
 *    no site    being          lead       being put     but something may
 *    touched)   written)       here)      back)         still point here)
 *
 * STAGED, SWITCHING and REVERTING seen while no agent is at work mean that one
 * died: `hotfix recover`.
 *
 * Several patches of one function: a site's bytes are determined by the set of
 * ACTIVE blocks alone: the jump of the one with the highest `sequence`, or the
 * function's own bytes (`old`), which every block on that site records alike.
 * So they can be taken away in any order.
 */
#pragma once

#include "../lib/patch_file.h"
#include "process.h"
#include "procfs.h"

#define CONTROL_MAGIC "HOTFIX\r\n"
#define CONTROL_VERSION 1
#define CONTROL_STATE_OFFSET 12

enum control_state {
	CONTROL_STAGED = 1,
	CONTROL_SWITCHING = 2,
	CONTROL_ACTIVE = 3,
	CONTROL_REVERTING = 4,
	CONTROL_RETIRED = 5,
};

/* Written to the target as it is; fixed-width members only, no padding. */
struct control_write {
	uint64_t address;
	uint8_t size;
	uint8_t old_bytes[15]; /* of the unpatched function */
	uint8_t new_bytes[15];
	uint8_t reserved;
};

struct control_site {
	uint64_t function;	  /* address of the replaced function */
	uint64_t function_size;
	uint64_t replacement;
	uint64_t replacement_size;
	uint32_t strategy;	  /* enum site_strategy */
	uint32_t nr_writes;
	struct control_write writes[SITE_WRITES_MAX];
	char name[128];		  /* of the function, NUL-terminated */
};

/* Code of replaced functions that stands apart from their entry (.cold). */
struct control_range {
	uint64_t start;
	uint64_t end;
	uint32_t site; /* index of the function that it belongs to */
	uint32_t reserved;
};

struct control_block {
	char magic[8];
	uint32_t version;
	uint32_t state;	       /* at CONTROL_STATE_OFFSET */
	uint64_t base;	       /* its own address */
	uint64_t control_size; /* page-aligned */
	uint64_t total_size;   /* page-aligned */
	uint64_t sequence;     /* order of activation in this process, from 1 */
	int64_t applied_at_ns; /* CLOCK_REALTIME; until active: of the staging */
	uint64_t pause_ns;     /* of the switch */
	uint64_t wait_ns;      /* from the first try to the switch */
	uint64_t module_bias;
	uint32_t mode;	       /* enum switch_mode */
	uint32_t agent_uid;
	uint32_t agent_pid;
	uint32_t nr_sites;
	uint32_t nr_old_ranges;
	uint32_t manifest_size;
	uint64_t sites_offset;	    /* from base, as the next two */
	uint64_t old_ranges_offset;
	uint64_t manifest_offset;
	uint64_t hooks[NR_HOOKS];   /* addresses, 0: none */
	uint8_t digest[SHA256_SIZE]; /* of the patch file */
	uint32_t build_id_size;
	uint8_t build_id[BUILD_ID_SIZE_MAX]; /* of the target module */
	char name[64];
	uint32_t gates_size; /* of the last bytes of the image; 0: no gates */
};

/* A control block read back into our memory and checked. */
struct control {
	/* Of a damaged one only `base` and `total_size` (what is mapped) and,
	 * where the mapping has it, `name` are set. */
	struct control_block block;
	struct control_site *sites;
	struct control_range *old_ranges;
	struct manifest *manifest; /* NULL when unreadable: nothing depends on it */
	bool damaged; /* a mapping of ours without a valid control block */
	const char *damage; /* what it could not prove, see vouch.h; or NULL */
	/* Its library was unloaded: RETIRED here, whatever its word is. */
	bool orphaned;
	struct range mapped; /* what really is mapped of it, hull */
};

#define CONTROL_MAPPING_PREFIX "hotfix:"

struct controls {
	struct control *entries; /* ascending by sequence */
	size_t nr;
};

const char *control_state_name(enum control_state state);

/* Bytes that the control pages of @patch take, page-aligned; and its image. */
uint64_t control_size(const struct patch_file *patch);
uint64_t control_total_size(const struct patch_file *patch);

/* Where the return gates of an image stand; 0: it has none. */
hf_addr control_gates(const struct control *control);

/**
 * control_encode() - the control pages of a patch about to be mapped
 * @block: members that only the caller knows are taken from here (sequence,
 *         mode, module_bias, agent_*); what @patch says (name, digest,
 *         build-id, hooks), sizes and offsets are filled in; the state is STAGED
 * @sites, @ranges: at most one per function and per part of the manifest
 * @ret_pages: control_size() bytes
 *
 * Return: 0; -EINVAL when they are more than control_size() has room for.
 */
int control_encode(const struct patch_file *patch, hf_addr base,
		   const struct control_block *block,
		   const struct control_site *sites, size_t nr_sites,
		   const struct control_range *ranges, size_t nr_ranges,
		   uint8_t *ret_pages, struct hf_diag *diag);

/**
 * controls_read() - every patch that a process carries, whatever its state
 *
 * Found by the name of the mapping ("/memfd:hotfix:NAME (deleted)",
 * "[anon:hotfix:NAME]") or, for unnamed anonymous read-only mappings, by the
 * magic. Every count and offset is checked against what is mapped: a block that
 * lies is reported as `damaged`, with nothing of it believed but its extent;
 * and so is one that comes after more than a process can reasonably have. What
 * is not damaged still has to prove what it asks for: vouch.h.
 * Anonymous memory that has our name and not a byte in it is STAGED: its agent
 * died before it could write the block.
 *
 * Return: 0; -ESRCH; -ENOMEM.
 */
int controls_read(const struct process *process,
		  const struct mappings *mappings, struct controls *ret_controls,
		  struct hf_diag *diag);
void controls_release(struct controls *controls);

/* Makes it a damaged one. @why: a literal. */
void control_disbelieve(struct control *control, const char *why);

/* What is wrong with a damaged one. */
const char *control_damage(const struct control *control);

/* The same as a reason why nothing can be done. Return: -EUCLEAN. */
int control_explain_damage(const struct control *control, struct hf_diag *diag);

/* Drops what it says of functions and hooks. */
void control_forget_functions(struct control *control);

/* By patch name; NULL when there is none. */
struct control *controls_find(const struct controls *controls, const char *name);

/* Stores the state in the target and, on success, in @control. */
int control_set_state(const struct process *process, struct control *control,
		      enum control_state state, struct hf_diag *diag);

/* The highest sequence in use, 0: none. */
uint64_t controls_last_sequence(const struct controls *controls);

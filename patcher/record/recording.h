/*
 * A build that was watched: which compiler runs made which objects, and which
 * objects were linked into what.
 *
 *	make ── execve(cc …)        record/preload.c, in LD_PRELOAD, sees every
 *	          │                 start of a compiler or linker, by any path
 *	          ▼
 *	        hotfix-cc cc …      record/wrapper_main.c runs it with
 *	          │                 -ffunction-sections -fdata-sections -g added
 *	          ▼
 *	        DIR/compiles/N.json   what was asked, where, what came out
 *	        DIR/links/N.json      the result and every object that went in
 *	        DIR/optimisers/N.json what gcc's link-time optimiser made of some
 *	        DIR/objects/SHA256.o  a copy of each of those objects
 *
 * Objects are known by their digest: an object that was archived, moved,
 * copied or overwritten by another program's of the same name is still found.
 * Nothing here knows what a patch is.
 */
#pragma once

#include <stdbool.h>

#include "../../lib/digest.h"
#include "../../lib/diag.h"
#include "../array.h"

/* One source file, compiled once. Response files are read into `arguments`;
   compilers that were only tried out by a configure script are not here. Paths are absolute and normalised. */
struct compile {
	char *directory; /* the compiler's working directory */
	char *compiler;	 /* as it was called: "/usr/bin/gcc-12" */
	struct strings arguments; /* as the build gave them, without argv[0] */
	char *source;
	char *output;
	char *digest; /* SHA-256 of the object, hexadecimal */
	bool lto;     /* the object holds no machine code */
	bool assembler; /* the source is .s or .S */
};

/* One object of a link. */
struct link_input {
	char *name;   /* "/src/a.o", "/src/liba.a(b.o)" */
	char *object; /* the copy of it, below the recording's directory */
	char *digest;
	/* Who made it; NULL: not seen (it came with the source, or from a
	   program that is no compiler that we know). */
	const struct compile *compile;
	/* It went into the link-time optimiser: the link has what came out. */
	bool optimised;
};

/* A program or shared library that was linked; partial links (-r) are resolved:
   their inputs stand in the place of their result. */
struct link_step {
	char *directory;
	char *output;
	struct strings arguments;
	/* Those below the source directory; not the C library's start files. */
	struct link_input *inputs;
	size_t nr_inputs;
	/* Copies of what gcc's link-time optimiser (-flto) made of those inputs
	   that say so: code, and their debug information. In its order. */
	struct strings optimised;
	struct compile *optimiser; /* how it ran; no source. NULL: it did not */
};

struct recording {
	char *directory;
	struct compile *compiles;
	size_t nr_compiles;
	struct link_step *links; /* in the order they were made */
	size_t nr_links;
	/* Of the build that this one continues, see recording_continue(). */
	struct compile *earlier;
	size_t nr_earlier;
	/* What could not be recorded, in words. Missing compiles and links may
	   be among it. */
	struct strings failures;
};

/**
 * recording_continue() - this build only makes anew what has changed
 * @directory: of its recording, as recording_environment() has made it
 * @earlier:   of the recording of the build that went before, in the same tree
 *
 * An object that is linked again, but was not compiled again, has its compile
 * there (recording->earlier); so has a partial link its inputs.
 *
 * Return: 0; -errno.
 */
int recording_continue(const char *directory, const char *earlier,
		       struct hf_diag *diag);

/**
 * recording_read() - what a finished build has left in @directory
 *
 * Return: 0; -EBADMSG when a record is damaged; -ENOMEM; -errno.
 */
int recording_read(const char *directory, struct recording *ret_recording,
		   struct hf_diag *diag);
void recording_release(struct recording *recording);

/**
 * recording_environment() - the variables under which a build is recorded
 * @directory:   empty or new; made
 * @prefix_map:  "OLD=NEW" for -ffile-prefix-map, or NULL
 * @line_map:    a file of source/line_map.h that compilers of generated sources
 *		 are to obey, or NULL
 * @generated:   with it: what generated_files.h has kept of the build before,
 *		 or NULL
 *
 * Adds "NAME=VALUE" lines (LD_PRELOAD, CCACHE_DISABLE=1, HOTFIX_RECORD_...).
 * Objects below /usr or /lib are taken for the system's; a caller whose source
 * lies there adds HOTFIX_RECORD_TREE=DIRECTORY.
 *
 * Return: 0; -ENOENT when hotfix-cc or hotfix-record.so are not where they were
 * installed; -EINVAL when their path cannot stand in LD_PRELOAD; -ENOMEM;
 * -errno.
 */
int recording_environment(const char *directory, const char *prefix_map,
			  const char *line_map, const char *generated,
			  struct strings *environment, struct hf_diag *diag);

/**
 * recording_command() - the command to start under these variables
 *
 * A compiler is seen when a program that is watched starts it: make, sh. One
 * that is the build command itself gets env(1) before it.
 *
 * Return: 0; -ENOMEM.
 */
int recording_command(const struct strings *build_command,
		      struct strings *ret_command);

/*
 * The JSON form is described once, by tables of members; reading, writing and
 * releasing walk the same tables and so cannot disagree. What a table cannot
 * say (how values depend on each other) is checked in manifest_check().
 *
 * Addresses are written as "0x..." strings: a JSON number keeps 53 bits in
 * most readers.
 */
#include "manifest.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "cleanup.h"
#include "digest.h"

#define FUNCTIONS_MAX 4096
#define PARTS_MAX 64
#define IMPORTS_MAX 65536
#define PROOF_MAX 4096
#define DIFFS_MAX 1024
#define STRING_MAX 4096
#define JSON_SIZE_MAX (16u << 20)
/* No user address is higher, so that address plus size never overflows. */
#define ADDRESS_MAX ((UINT64_C(1) << 48) - 1)
#define SIZE_LIMIT (INT64_C(1) << 30)
#define GAP_MAX 65536

enum value_type {
	VALUE_END, /* of a table */
	VALUE_STRING,
	VALUE_ADDRESS, /* uint64_t, "0x..." */
	VALUE_NUMBER,
	VALUE_BOOL,
	VALUE_ENUM,
	VALUE_SHA256,
	VALUE_BUILD_ID,
	VALUE_OBJECT, /* @of: a table; its offsets count from ours */
	VALUE_LIST,   /* @of: the description of one element */
};

struct member {
	enum value_type type;
	const char *key;
	size_t offset, size; /* of the field */
	bool optional; /* NULL, 0, or an object that begins with NULL */
	int64_t min, max;    /* VALUE_NUMBER, and elements of VALUE_LIST */
	bool (*valid)(const char *text); /* VALUE_STRING */
	const char *const *names;	 /* VALUE_ENUM, ends with NULL */
	const struct member *of;
	size_t nr_offset, element_size; /* VALUE_LIST */
	/* Whether a member belongs to this object, by what stands before it. */
	bool (*applies)(const void *object);
};

/* Where in the JSON we are, for messages. */
struct place {
	const struct place *up;
	const char *key; /* NULL: an element, @index */
	size_t index;
};

/* --- strings --- */

/* They are shown on terminals, which obey control characters (C0, DEL, C1). */
static bool is_printable(const char *text, const char *but)
{
	for (const char *c = text; *c; c++) {
		uint8_t byte = (uint8_t)*c;

		if ((byte < 0x20 || byte == 0x7f) && !strchr(but, byte))
			return false;
		if (byte == 0xc2 && (uint8_t)c[1] < 0xa0)
			return false;
	}
	return true;
}

static bool is_text(const char *text)
{
	return is_printable(text, "\n\t");
}

static bool is_line(const char *text)
{
	return is_printable(text, "");
}

static bool is_name(const char *text)
{
	return *text && is_line(text);
}

/* One row and what follows it: "1a40:42". Return: NULL: it is none. */
static const char *row_read(const char *text, uint64_t *ret_vaddr,
			    unsigned int *ret_line)
{
	size_t digits = strspn(text, "0123456789abcdef");
	const char *line = text + digits + 1;
	size_t line_digits;

	if (!digits || digits > 12 || text[digits] != ':')
		return NULL;
	line_digits = strspn(line, "0123456789");
	if (!line_digits || line_digits > 9)
		return NULL;
	*ret_vaddr = strtoull(text, NULL, 16);
	*ret_line = (unsigned int)strtoul(line, NULL, 10);
	return line + line_digits;
}

static bool is_rows(const char *text)
{
	unsigned int line;
	uint64_t vaddr;

	while ((text = row_read(text, &vaddr, &line)) && *text)
		if (*text++ != ' ')
			return false;
	return text;
}

/* 2026-11-22T19:00:00Z */
static bool is_time(const char *text)
{
	static const char form[] = "0000-00-00T00:00:00Z";

	if (strlen(text) != strlen(form))
		return false;
	for (size_t i = 0; form[i]; i++) {
		bool digit = text[i] >= '0' && text[i] <= '9';

		if (form[i] == '0' ? !digit : text[i] != form[i])
			return false;
	}
	return true;
}

static bool is_alphanumeric(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9');
}

bool manifest_name_valid(const char *name)
{
	size_t length = strlen(name);

	if (!is_alphanumeric(name[0]) || length > MANIFEST_NAME_MAX)
		return false;
	for (size_t i = 1; i < length; i++)
		if (!is_alphanumeric(name[i]) && !strchr("._-", name[i]))
			return false;
	return true;
}

/* --- the tables --- */

/* clang-format off */
#define FIELD(type, field)                                                     \
	.offset = offsetof(type, field), .size = sizeof(((type *)0)->field)
#define STRING(name, type, field, check)                                       \
	{ VALUE_STRING, name, FIELD(type, field), .valid = check }
#define OPTIONAL(name, type, field, check)                                     \
	{ VALUE_STRING, name, FIELD(type, field), .valid = check,              \
	  .optional = true }
#define ADDRESS(name, type, field)                                             \
	{ VALUE_ADDRESS, name, FIELD(type, field) }
#define NUMBER(name, type, field, from, to)                                    \
	{ VALUE_NUMBER, name, FIELD(type, field), .min = from, .max = to }
#define BOOL(name, type, field)                                                \
	{ VALUE_BOOL, name, FIELD(type, field) }
#define ENUM(name, type, field, texts)                                         \
	{ VALUE_ENUM, name, FIELD(type, field), .names = texts }
#define SHA256(name, type, field)                                              \
	{ VALUE_SHA256, name, FIELD(type, field) }
#define OBJECT(name, type, field, table)                                       \
	{ VALUE_OBJECT, name, FIELD(type, field), .of = table }
/* An object in the JSON whose members are the struct's own. */
#define GROUP(name, table) { VALUE_OBJECT, name, .of = table }
#define HOOK(name, kind)                                                       \
	{ VALUE_OBJECT, name, .offset = (kind) * sizeof(struct manifest_hook), \
	  .of = hook_members, .optional = true }
#define LIST(name, type, field, element, from, to)                             \
	{ VALUE_LIST, name, FIELD(type, field),                                \
	  .nr_offset = offsetof(type, nr_##field), .of = &(element),           \
	  .element_size = sizeof(*((type *)0)->field), .min = from,            \
	  .max = to }
#define END { VALUE_END }
/* clang-format on */

static const char *const strategy_names[] = { "nop-room", "jump", "short-jump",
					      NULL };
static const char *const import_kind_names[] = { "function", "object", "ifunc",
						 "tls", NULL };
static const char *const tls_names[] = { "executable", "thread-pointer-slot",
					 "module-slot", NULL };
static const char *const target_kind_names[] = { "executable", "library",
						 NULL };
static const char *const identity_names[] = { "not-compared", "proven",
					      "unproven", NULL };
static const char *const hook_names[] = { "pre-apply", "post-apply",
					  "pre-revert", "post-revert", NULL };

static const struct member plan_members[] = {
	ENUM("strategy", struct site_plan, strategy, strategy_names),
	NUMBER("entry", struct site_plan, entry, 0, SIZE_LIMIT),
	NUMBER("size", struct site_plan, size, 0, SIZE_LIMIT),
	NUMBER("resume", struct site_plan, resume, 0, SIZE_LIMIT),
	NUMBER("relay", struct site_plan, relay, -GAP_MAX, SIZE_LIMIT),
	BOOL("reentered", struct site_plan, reentered),
	END,
};

static const struct member part_members[] = {
	STRING("name", struct manifest_part, name, is_name),
	ADDRESS("address", struct manifest_part, vaddr),
	NUMBER("size", struct manifest_part, size, 1, SIZE_LIMIT),
	SHA256("sha256", struct manifest_part, sha256),
	END,
};
static const struct member one_part = GROUP(NULL, part_members);

static const struct member lines_members[] = {
	STRING("file", struct manifest_lines, file, is_name),
	STRING("rows", struct manifest_lines, rows, is_rows),
	END,
};
static const struct member one_lines = GROUP(NULL, lines_members);

static const struct member replacement_members[] = {
	STRING("symbol", struct manifest_function, replacement, is_name),
	ADDRESS("address", struct manifest_function, replacement_vaddr),
	NUMBER("size", struct manifest_function, replacement_size, 1,
	       SIZE_LIMIT),
	BOOL("calls_original", struct manifest_function, calls_original),
	END,
};

static bool identity_was_compared(const void *object)
{
	const struct manifest_function *function = object;

	return function->identity != IDENTITY_NOT_COMPARED;
}

static const struct member function_members[] = {
	STRING("name", struct manifest_function, name, is_name),
	OPTIONAL("source", struct manifest_function, source, is_line),
	ADDRESS("address", struct manifest_function, vaddr),
	NUMBER("size", struct manifest_function, size, 1, SIZE_LIMIT),
	SHA256("sha256", struct manifest_function, sha256),
	NUMBER("gap_before", struct manifest_function, gap_before, 0, GAP_MAX),
	NUMBER("gap_behind", struct manifest_function, gap_behind, 0, GAP_MAX),
	OBJECT("plan", struct manifest_function, plan, plan_members),
	LIST("parts", struct manifest_function, parts, one_part, 0, PARTS_MAX),
	{ VALUE_LIST, "lines", FIELD(struct manifest_function, lines),
	  .optional = true,
	  .nr_offset = offsetof(struct manifest_function, nr_lines),
	  .of = &one_lines, .element_size = sizeof(struct manifest_lines),
	  .min = 1, .max = MANIFEST_LINES_MAX },
	GROUP("replacement", replacement_members),
	OPTIONAL("why", struct manifest_function, why, is_line),
	ENUM("identity", struct manifest_function, identity, identity_names),
	{ VALUE_NUMBER, "identity_instructions",
	  FIELD(struct manifest_function, identity_instructions), .min = 0,
	  .max = UINT32_MAX, .applies = identity_was_compared },
	{ VALUE_NUMBER, "identity_references",
	  FIELD(struct manifest_function, identity_references), .min = 0,
	  .max = UINT32_MAX, .applies = identity_was_compared },
	OPTIONAL("difference", struct manifest_function, difference, is_text),
	END,
};
static const struct member one_function = GROUP(NULL, function_members);

static bool import_is_in_module(const void *object)
{
	return ((const struct manifest_import *)object)->in_module;
}

static bool import_is_tls(const void *object)
{
	return ((const struct manifest_import *)object)->kind == IMPORT_TLS;
}

static bool tls_is_executable(const void *object)
{
	const struct manifest_import *import = object;

	return import->tls == IMPORT_TLS_EXECUTABLE;
}

static bool tls_has_slot(const void *object)
{
	return !tls_is_executable(object);
}

static const struct member tls_members[] = {
	ENUM("model", struct manifest_import, tls, tls_names),
	{ VALUE_NUMBER, "offset", FIELD(struct manifest_import, tls_offset),
	  .min = -SIZE_LIMIT, .max = SIZE_LIMIT, .applies = tls_is_executable },
	{ VALUE_ADDRESS, "slot", FIELD(struct manifest_import, tls_slot),
	  .applies = tls_has_slot },
	{ VALUE_NUMBER, "slot_offset",
	  FIELD(struct manifest_import, tls_slot_offset), .min = -SIZE_LIMIT,
	  .max = SIZE_LIMIT, .applies = tls_has_slot },
	END,
};

static const struct member import_members[] = {
	STRING("symbol", struct manifest_import, symbol, is_name),
	ENUM("kind", struct manifest_import, kind, import_kind_names),
	BOOL("in_module", struct manifest_import, in_module),
	STRING("name", struct manifest_import, name, is_name),
	OPTIONAL("source", struct manifest_import, source, is_line),
	{ VALUE_ADDRESS, "address", FIELD(struct manifest_import, vaddr),
	  .applies = import_is_in_module },
	{ VALUE_ADDRESS, "slot", FIELD(struct manifest_import, slot),
	  .optional = true, .applies = import_is_in_module },
	NUMBER("size", struct manifest_import, size, 0, INT64_C(1) << 40),
	OPTIONAL("version", struct manifest_import, version, is_name),
	OPTIONAL("library", struct manifest_import, library, is_name),
	{ VALUE_OBJECT, "tls", .of = tls_members, .applies = import_is_tls },
	END,
};
static const struct member one_import = GROUP(NULL, import_members);

static const struct member hook_members[] = {
	STRING("symbol", struct manifest_hook, symbol, is_name),
	ADDRESS("address", struct manifest_hook, vaddr),
	END,
};

static const struct member hooks_members[] = {
	HOOK("pre-apply", HOOK_PRE_APPLY),
	HOOK("post-apply", HOOK_POST_APPLY),
	HOOK("pre-revert", HOOK_PRE_REVERT),
	HOOK("post-revert", HOOK_POST_REVERT),
	END,
};

static const struct member target_members[] = {
	STRING("name", struct manifest_target, name, is_name),
	ENUM("kind", struct manifest_target, kind, target_kind_names),
	{ VALUE_BUILD_ID, "build_id", FIELD(struct manifest_target, build_id) },
	NUMBER("machine", struct manifest_target, machine, 1, UINT16_MAX),
	END,
};

static const struct member one_line = { VALUE_STRING, .size = sizeof(char *),
					.valid = is_line };

static const struct member diff_members[] = {
	STRING("name", struct manifest_diff, name, is_line),
	SHA256("sha256", struct manifest_diff, sha256),
	END,
};
static const struct member one_diff = GROUP(NULL, diff_members);

static const struct member manifest_members[] = {
	STRING("name", struct manifest, name, manifest_name_valid),
	OPTIONAL("reason", struct manifest, reason, is_text),
	OPTIONAL("ticket", struct manifest, ticket, is_line),
	OPTIONAL("author", struct manifest, author, is_line),
	STRING("created", struct manifest, created, is_time),
	STRING("tool", struct manifest, tool, is_line),
	OPTIONAL("compiler", struct manifest, compiler, is_line),
	OPTIONAL("flags", struct manifest, flags, is_text),
	OBJECT("target", struct manifest, target, target_members),
	LIST("functions", struct manifest, functions, one_function, 1,
	     FUNCTIONS_MAX),
	LIST("imports", struct manifest, imports, one_import, 0, IMPORTS_MAX),
	OBJECT("hooks", struct manifest, hooks, hooks_members),
	LIST("proof", struct manifest, proof, one_line, 0, PROOF_MAX),
	LIST("overrides", struct manifest, overrides, one_line, 0, PROOF_MAX),
	LIST("diffs", struct manifest, diffs, one_diff, 0, DIFFS_MAX),
	OPTIONAL("build_command", struct manifest, build_command, is_text),
	END,
};

const char *hook_kind_name(enum hook_kind kind)
{
	return hook_names[kind];
}

/* --- fields --- */

static void *field_of(const struct member *member, void *object)
{
	return (uint8_t *)object + member->offset;
}

static const void *field_const(const struct member *member, const void *object)
{
	return (const uint8_t *)object + member->offset;
}

/* Lists point to elements of any type: the pointer is copied, not cast. */
static void list_set(const struct member *member, void *object, void *elements,
		     size_t nr)
{
	memcpy(field_of(member, object), &elements, sizeof(elements));
	*(size_t *)((uint8_t *)object + member->nr_offset) = nr;
}

static uint8_t *list_get(const struct member *member, const void *object,
			 size_t *ret_nr)
{
	uint8_t *elements;

	memcpy(&elements, field_const(member, object), sizeof(elements));
	*ret_nr =
		*(const size_t *)((const uint8_t *)object + member->nr_offset);
	return elements;
}

static void number_set(const struct member *member, void *field, int64_t value)
{
	switch (member->size) {
	case 2:
		*(uint16_t *)field = (uint16_t)value;
		break;
	case 4:
		*(uint32_t *)field = (uint32_t)value;
		break;
	default:
		*(uint64_t *)field = (uint64_t)value;
	}
}

static int64_t number_get(const struct member *member, const void *field)
{
	switch (member->size) {
	case 2:
		return *(const uint16_t *)field;
	case 4:
		return member->min < 0 ? *(const int32_t *)field
				       : (int64_t) * (const uint32_t *)field;
	default:
		return *(const int64_t *)field;
	}
}

/* --- reading --- */

static void place_format(const struct place *place, char *text, size_t size)
{
	size_t used;

	if (!place) {
		text[0] = '\0';
		return;
	}
	place_format(place->up, text, size);
	used = strlen(text);
	if (!place->key)
		snprintf(text + used, size - used, "[%zu]", place->index);
	else
		snprintf(text + used, size - used, "%s%s", used ? "." : "",
			 place->key);
}

static int malformed(struct hf_diag *diag, const struct place *place,
		     const char *what)
{
	char text[256];

	place_format(place, text, sizeof(text));
	return hf_error(diag, -EBADMSG, "patch-malformed",
			"the manifest is malformed: %s%s%s", text,
			text[0] ? ": " : "", what);
}

static int value_parse(const struct member *member, const json_t *json,
		       const struct place *place, void *object,
		       struct hf_diag *diag);

static int string_parse(const struct member *member, const json_t *json,
			const struct place *place, char **field,
			struct hf_diag *diag)
{
	if (!json_is_string(json))
		return malformed(diag, place, "not a string");
	if (json_string_length(json) > STRING_MAX)
		return malformed(diag, place, "too long");
	if (!member->valid(json_string_value(json)))
		return malformed(diag, place,
				 "empty, or characters that may "
				 "not stand there");
	*field = strdup(json_string_value(json));
	if (!*field)
		return hf_fail(diag, -ENOMEM, "cannot read the manifest");
	return 0;
}

static int address_parse(const json_t *json, const struct place *place,
			 uint64_t *field, struct hf_diag *diag)
{
	const char *text = json_string_value(json);
	uint64_t value;

	/* strtoull() alone would take signs and spaces. */
	if (!text || strncmp(text, "0x", 2) || !text[2] ||
	    strlen(text) > 2 + 16 ||
	    strspn(text + 2, "0123456789abcdefABCDEF") != strlen(text + 2))
		return malformed(diag, place, "not an address (\"0x...\")");
	value = strtoull(text, NULL, 16);
	if (value > ADDRESS_MAX)
		return malformed(diag, place, "address out of range");
	*field = value;
	return 0;
}

static int number_parse(const struct member *member, const json_t *json,
			const struct place *place, void *field,
			struct hf_diag *diag)
{
	if (!json_is_integer(json))
		return malformed(diag, place, "not an integer");
	if (json_integer_value(json) < member->min ||
	    json_integer_value(json) > member->max)
		return malformed(diag, place, "number out of range");
	number_set(member, field, json_integer_value(json));
	return 0;
}

static int bool_parse(const json_t *json, const struct place *place,
		      bool *field, struct hf_diag *diag)
{
	if (!json_is_boolean(json))
		return malformed(diag, place, "neither true nor false");
	*field = json_is_true(json);
	return 0;
}

static int enum_parse(const struct member *member, const json_t *json,
		      const struct place *place, uint32_t *field,
		      struct hf_diag *diag)
{
	const char *text = json_string_value(json);

	for (uint32_t i = 0; text && member->names[i]; i++) {
		if (strcmp(text, member->names[i]))
			continue;
		*field = i;
		return 0;
	}
	return malformed(diag, place, "an unknown word");
}

static int bytes_parse(const json_t *json, const struct place *place,
		       size_t least, size_t capacity, uint8_t *bytes,
		       size_t *ret_size, struct hf_diag *diag)
{
	const char *text = json_string_value(json);

	if (!text || hex_decode(text, capacity, bytes, ret_size) < 0 ||
	    *ret_size < least)
		return malformed(diag, place,
				 "not the hexadecimal digits expected");
	return 0;
}

/* Whatever @json holds that the table does not is an error. */
static int object_check_keys(const struct member *members, json_t *json,
			     const struct place *place, const void *object,
			     struct hf_diag *diag)
{
	const char *key;
	json_t *value;

	json_object_foreach(json, key, value)
	{
		const struct member *member = members;

		while (member->type != VALUE_END && strcmp(member->key, key))
			member++;
		if (member->type == VALUE_END ||
		    (member->applies && !member->applies(object)))
			return malformed(diag, &(struct place){ place, key, 0 },
					 "not expected there");
	}
	return 0;
}

static int object_parse(const struct member *members, const json_t *json,
			const struct place *place, void *object,
			struct hf_diag *diag)
{
	if (!json_is_object(json))
		return malformed(diag, place, "not an object");
	for (const struct member *member = members; member->type != VALUE_END;
	     member++) {
		const struct place here = { place, member->key, 0 };
		const json_t *value = json_object_get(json, member->key);
		int r;

		if (member->applies && !member->applies(object))
			continue;
		if (!value && member->optional)
			continue;
		if (!value)
			return malformed(diag, &here, "missing");
		r = value_parse(member, value, &here, object, diag);
		if (r < 0)
			return r;
	}
	return object_check_keys(members, (json_t *)json, place, object, diag);
}

static int list_parse(const struct member *member, const json_t *json,
		      const struct place *place, void *object,
		      struct hf_diag *diag)
{
	size_t nr = json_array_size(json);
	uint8_t *elements;

	if (!json_is_array(json))
		return malformed(diag, place, "not an array");
	if (nr < (size_t)member->min || nr > (size_t)member->max)
		return malformed(diag, place, "too few or too many elements");
	if (!nr)
		return 0;
	elements = calloc(nr, member->element_size);
	if (!elements)
		return hf_fail(diag, -ENOMEM, "cannot read the manifest");
	/* The object owns them from here on, read or not. */
	list_set(member, object, elements, nr);

	for (size_t i = 0; i < nr; i++) {
		const struct place here = { place, NULL, i };
		int r = value_parse(member->of, json_array_get(json, i), &here,
				    elements + i * member->element_size, diag);

		if (r < 0)
			return r;
	}
	return 0;
}

static int value_parse(const struct member *member, const json_t *json,
		       const struct place *place, void *object,
		       struct hf_diag *diag)
{
	void *field = field_of(member, object);
	struct build_id *id = field;
	size_t size;

	switch (member->type) {
	case VALUE_STRING:
		return string_parse(member, json, place, field, diag);
	case VALUE_ADDRESS:
		return address_parse(json, place, field, diag);
	case VALUE_NUMBER:
		return number_parse(member, json, place, field, diag);
	case VALUE_BOOL:
		return bool_parse(json, place, field, diag);
	case VALUE_ENUM:
		return enum_parse(member, json, place, field, diag);
	case VALUE_SHA256:
		return bytes_parse(json, place, SHA256_SIZE, SHA256_SIZE, field,
				   &size, diag);
	case VALUE_BUILD_ID:
		return bytes_parse(json, place, 1, BUILD_ID_SIZE_MAX, id->bytes,
				   &id->size, diag);
	case VALUE_OBJECT:
		return object_parse(member->of, json, place, field, diag);
	case VALUE_LIST:
		return list_parse(member, json, place, object, diag);
	case VALUE_END:
		break;
	}
	return -EBADMSG;
}

/* --- what depends on each other --- */

static const char *plan_fault(const struct manifest_function *function)
{
	const struct site_plan *plan = &function->plan;
	const int64_t size = (int64_t)function->size, relay = plan->relay;
	const uint64_t end = (uint64_t)plan->entry + plan->size;

	if (end > function->size || plan->resume < end ||
	    plan->resume > function->size)
		return "reaches beyond the function";
	if (plan->strategy == SITE_SHORT_JUMP &&
	    !(relay < 0 && relay >= -(int64_t)function->gap_before) &&
	    !(relay >= size && relay < size + function->gap_behind))
		return "its relay stands outside the padding";
	return NULL;
}

static bool functions_overlap(const struct manifest_function *a,
			      const struct manifest_function *b)
{
	return a->vaddr < b->vaddr + b->size && b->vaddr < a->vaddr + a->size;
}

static int function_check(const struct manifest *manifest, size_t index,
			  struct hf_diag *diag)
{
	const struct manifest_function *functions = manifest->functions;
	const struct place list = { NULL, "functions", 0 };
	const struct place here = { &list, NULL, index };
	const char *fault = plan_fault(&functions[index]);

	if (fault)
		return malformed(diag, &(struct place){ &here, "plan", 0 },
				 fault);
	for (size_t i = 0; i < index; i++)
		if (functions_overlap(&functions[i], &functions[index]))
			return malformed(diag, &here,
					 "overlaps another function");
	return 0;
}

static int manifest_check(const struct manifest *manifest, struct hf_diag *diag)
{
	for (size_t i = 0; i < manifest->nr_functions; i++) {
		int r = function_check(manifest, i, diag);

		if (r < 0)
			return r;
	}
	return 0;
}

/* --- source lines --- */

unsigned int manifest_line(const struct manifest_function *function,
			   uint64_t vaddr, const char **ret_file)
{
	unsigned int found = 0, line;
	uint64_t best = 0, at;

	for (size_t i = 0; i < function->nr_lines; i++) {
		const char *text = function->lines[i].rows;

		while ((text = row_read(text, &at, &line))) {
			if (at <= vaddr && at >= best) {
				best = at;
				found = line;
				*ret_file = function->lines[i].file;
			}
			if (*text++ != ' ')
				break;
		}
	}
	return found;
}

/* --- reading all of it --- */

static void json_decref_p(json_t **json)
{
	json_decref(*json);
}

DEFINE_CLEANUP(struct manifest, manifest_free)

/* Comes first: of another schema, nothing else is known. */
static int schema_take(json_t *root, struct hf_diag *diag)
{
	const struct place here = { NULL, "schema", 0 };
	json_t *schema = json_object_get(root, "schema");
	json_int_t value = json_integer_value(schema);

	if (!json_is_integer(schema) || value < 1)
		return malformed(diag, &here, "missing, or not a number");
	if (value != MANIFEST_SCHEMA) {
		hf_refuse(diag, "patch-too-new",
			  "the manifest has schema %lld and this hotfix knows "
			  "only schema %d",
			  (long long)value, MANIFEST_SCHEMA);
		hf_hint(diag, "update hotfix on this host, or build the patch "
			      "with hotfix-build " HOTFIX_VERSION);
		return -ECANCELED;
	}
	json_object_del(root, "schema");
	return 0;
}

int manifest_parse(const char *json, size_t size,
		   struct manifest **ret_manifest, struct hf_diag *diag)
{
	owned(json_decref_p) json_t *root = NULL;
	owned(manifest_free_p) struct manifest *manifest = NULL;
	json_error_t error;
	int r;

	if (size > JSON_SIZE_MAX)
		return malformed(diag, NULL, "larger than 16 MiB");
	root = json_loadb(json, size, JSON_REJECT_DUPLICATES, &error);
	if (!root)
		return hf_error(diag, -EBADMSG, "patch-malformed",
				"the manifest is malformed: line %d: %s",
				error.line, error.text);
	r = schema_take(root, diag);
	if (r < 0)
		return r;

	manifest = calloc(1, sizeof(*manifest));
	if (!manifest)
		return hf_fail(diag, -ENOMEM, "cannot read the manifest");
	r = object_parse(manifest_members, root, NULL, manifest, diag);
	if (r < 0)
		return r;
	r = manifest_check(manifest, diag);
	if (r < 0)
		return r;
	*ret_manifest = take_ptr(manifest);
	return 0;
}

/* --- writing --- */

static json_t *value_format(const struct member *member, const void *object);

static json_t *hex_format(const uint8_t *bytes, size_t size)
{
	char text[HEX_SIZE(BUILD_ID_SIZE_MAX)];

	hex_encode(bytes, size, text);
	return json_string(text);
}

/* NULL, or an object that begins with NULL. */
static bool is_absent(const struct member *member, const void *object)
{
	return member->optional && !*(char *const *)field_const(member, object);
}

static json_t *object_format(const struct member *members, const void *object)
{
	owned(json_decref_p) json_t *json = json_object();

	for (const struct member *member = members; member->type != VALUE_END;
	     member++) {
		if ((member->applies && !member->applies(object)) ||
		    is_absent(member, object))
			continue;
		/* Takes the value over, and fails for NULL. */
		if (json_object_set_new(json, member->key,
					value_format(member, object)) < 0)
			return NULL;
	}
	return take_ptr(json);
}

static json_t *list_format(const struct member *member, const void *object)
{
	owned(json_decref_p) json_t *json = json_array();
	size_t nr;
	const uint8_t *elements = list_get(member, object, &nr);

	for (size_t i = 0; i < nr; i++) {
		const uint8_t *element = elements + i * member->element_size;

		if (json_array_append_new(
			    json, value_format(member->of, element)) < 0)
			return NULL;
	}
	return take_ptr(json);
}

static json_t *value_format(const struct member *member, const void *object)
{
	const void *field = field_const(member, object);
	const struct build_id *id = field;

	switch (member->type) {
	case VALUE_STRING:
		return json_string(*(char *const *)field);
	case VALUE_ADDRESS:
		return json_sprintf("0x%" PRIx64, *(const uint64_t *)field);
	case VALUE_NUMBER:
		return json_integer(number_get(member, field));
	case VALUE_BOOL:
		return json_boolean(*(const bool *)field);
	case VALUE_ENUM:
		return json_string(member->names[*(const uint32_t *)field]);
	case VALUE_SHA256:
		return hex_format(field, SHA256_SIZE);
	case VALUE_BUILD_ID:
		return hex_format(id->bytes, id->size);
	case VALUE_OBJECT:
		return object_format(member->of, field);
	case VALUE_LIST:
		return list_format(member, object);
	case VALUE_END:
		break;
	}
	return NULL;
}

int manifest_format(const struct manifest *manifest, char **ret_json,
		    struct hf_diag *diag)
{
	owned(json_decref_p) json_t *root = json_object();
	owned(json_decref_p) json_t *members = NULL;
	char *text;

	/* The only other reason is a string that is NULL or not UTF-8. */
	members = object_format(manifest_members, manifest);
	if (!members)
		return hf_error(diag, -EINVAL, "manifest-unwritable",
				"cannot write the manifest: a string is "
				"missing or is not UTF-8");
	if (json_object_set_new(root, "schema",
				json_integer(MANIFEST_SCHEMA)) ||
	    json_object_update(root, members) < 0)
		return hf_fail(diag, -ENOMEM, "cannot write the manifest");
	text = json_dumps(root, JSON_INDENT(2));
	if (!text)
		return hf_fail(diag, -ENOMEM, "cannot write the manifest");
	*ret_json = text;
	return 0;
}

/* --- releasing --- */

static void value_release(const struct member *member, void *object);

static void object_release(const struct member *members, void *object)
{
	for (; members->type != VALUE_END; members++)
		value_release(members, object);
}

static void list_release(const struct member *member, void *object)
{
	size_t nr;
	uint8_t *elements = list_get(member, object, &nr);

	for (size_t i = 0; i < nr; i++)
		value_release(member->of, elements + i * member->element_size);
	free(elements);
}

static void value_release(const struct member *member, void *object)
{
	if (member->type == VALUE_STRING)
		free(*(char **)field_of(member, object));
	else if (member->type == VALUE_OBJECT)
		object_release(member->of, field_of(member, object));
	else if (member->type == VALUE_LIST)
		list_release(member, object);
}

void manifest_free(struct manifest *manifest)
{
	if (!manifest)
		return;
	object_release(manifest_members, manifest);
	free(manifest);
}

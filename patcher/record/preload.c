/*
 * hotfix-record.so: sees every start of a compiler or linker.
 *
 * Lives in all programs of a recorded build (LD_PRELOAD) and stands before the
 * functions that start programs. When the program would be a compiler or a
 * linker, hotfix-cc is started in its place:
 *
 *	execve("/usr/bin/gcc", { "gcc", "-c", "a.c" })
 *	  becomes
 *	execve(HOTFIX_RECORD_WRAPPER,
 *	       { "hotfix-cc", "/usr/bin/gcc", "gcc", "-c", "a.c" })
 *
 * so that neither PATH, nor CC=, nor a build system's idea of the compiler has
 * to change. Everything else is started as it was asked for. Programs that
 * clean the environment of their children would be lost from sight: what is
 * missing there of our variables is put back.
 *
 * A compiler run by hotfix-cc must not be wrapped again (cc may be a script
 * that runs gcc); HOTFIX_RECORD_ACTIVE says so: "compiler": linkers are still
 * wrapped, which is how the objects of a link are seen even when the compiler
 * driver made them in /tmp; "linker": only the link-time optimiser that the
 * linker's plugin runs; "optimiser": nothing is.
 *
 * Runs in children of vfork(2) and in programs that hotfix knows nothing of:
 * after start-up no memory is allocated but on the stack, no lock is taken,
 * errno is only changed by what fails. Depends on libc alone, and in that only
 * on what musl has as well.
 */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program_name.h"

extern char **environ;

#define EXPORTED __attribute__((visibility("default")))
#define ACTIVE "HOTFIX_RECORD_ACTIVE"

typedef int execve_fn(const char *, char *const[], char *const[]);
typedef int spawn_fn(pid_t *, const char *, const posix_spawn_file_actions_t *,
		     const posix_spawnattr_t *, char *const[], char *const[]);

static execve_fn *real_execve, *real_execvpe;
static spawn_fn *real_spawn, *real_spawnp;

/* Our variables, as this process got them: copies, "NAME=VALUE". */
#define MAX_SAVED 16
static char *saved[MAX_SAVED + 1]; /* the last is NULL */
static size_t nr_saved;
static const char *wrapper, *library; /* NULL: nothing is recorded */

/* --- variables ------------------------------------------------------------ */

static bool is_named(const char *variable, const char *name, size_t size)
{
	return !strncmp(variable, name, size) && variable[size] == '=';
}

/* The value of NAME, or of the NAME before the '=' in it; NULL. */
static const char *value_in(char *const envp[], const char *name)
{
	size_t size = strcspn(name, "=");

	for (; envp && *envp; envp++)
		if (is_named(*envp, name, size))
			return *envp + size + 1;
	return NULL;
}

static bool is_ours(const char *variable)
{
	return !strncmp(variable, "HOTFIX_RECORD_", 14) ||
	       is_named(variable, "CCACHE_DISABLE", 14);
}

static void find_real_functions(void)
{
	*(void **)&real_execve = dlsym(RTLD_NEXT, "execve");
	*(void **)&real_execvpe = dlsym(RTLD_NEXT, "execvpe");
	*(void **)&real_spawn = dlsym(RTLD_NEXT, "posix_spawn");
	*(void **)&real_spawnp = dlsym(RTLD_NEXT, "posix_spawnp");
}

__attribute__((constructor)) static void set_up(void)
{
	find_real_functions();
	for (char **variable = environ; variable && *variable; variable++)
		if (is_ours(*variable) && nr_saved < MAX_SAVED) {
			saved[nr_saved] = strdup(*variable);
			nr_saved += saved[nr_saved] != NULL;
		}
	library = value_in(saved, "HOTFIX_RECORD_LIBRARY");
	if (library)
		wrapper = value_in(saved, "HOTFIX_RECORD_WRAPPER");
}

/* --- what is started instead ---------------------------------------------- */

/*
 * One start of a program. `spawn` has what posix_spawn() got besides; NULL:
 * it replaces this process.
 */
struct spawn {
	pid_t *pid;
	const posix_spawn_file_actions_t *actions;
	const posix_spawnattr_t *attributes;
};

struct request {
	const char *program;
	bool search; /* in PATH */
	char *const *argv;
	char *const *envp;
	const struct spawn *spawn;
};

static int start_really(const struct request *request)
{
	const struct spawn *spawn = request->spawn;

	if (!real_execve)
		find_real_functions();
	if (spawn)
		return (request->search ? real_spawnp : real_spawn)(
			spawn->pid, request->program, spawn->actions,
			spawn->attributes, request->argv, request->envp);
	return (request->search ? real_execvpe : real_execve)(
		request->program, request->argv, request->envp);
}

/* What libc will find in PATH. Return: whether it fits and can be executed. */
static bool find_in_path(const char *name, char *buffer, size_t size)
{
	const char *path = value_in(environ, "PATH") ?: "/bin:/usr/bin";
	size_t name_size = strlen(name) + 1;

	for (;; path++) {
		size_t length = strcspn(path, ":");

		if (length + 1 + name_size <= size) {
			memcpy(buffer, path, length);
			/* An empty entry is the working directory. */
			if (length)
				buffer[length] = '/';
			memcpy(buffer + length + !!length, name, name_size);
			if (!access(buffer, X_OK))
				return true;
		}
		path += length;
		if (!*path)
			return false;
	}
}

static bool is_wanted(enum program_kind kind, char *const envp[])
{
	const char *active = value_in(envp, ACTIVE) ?: value_in(saved, ACTIVE);

	switch (kind) {
	case PROGRAM_COMPILER:
		return !active;
	case PROGRAM_LINKER:
		return !active || !strcmp(active, "compiler");
	case PROGRAM_OPTIMISER:
		return active && !strcmp(active, "linker");
	default:
		return false;
	}
}

/* The program to be recorded, by a path; NULL: none of ours, or not there. */
static const char *recorded_program(const struct request *request, char *buffer,
				    size_t size)
{
	const char *name = request->program;
	int error = errno;
	bool found;

	if (!wrapper || !name || !request->argv || !request->argv[0] ||
	    !is_wanted(program_kind(name), request->envp))
		return NULL;
	if (!request->search || strchr(name, '/')) {
		found = !access(name, X_OK);
		buffer = (char *)name;
	} else {
		found = find_in_path(name, buffer, size);
	}
	/* In a chroot there may be no wrapper: rather unseen than broken. */
	found = found && !access(wrapper, X_OK);
	errno = error;
	return found ? buffer : NULL;
}

static size_t count(char *const *list)
{
	size_t nr = 0;

	while (list && list[nr])
		nr++;
	return nr;
}

static bool is_preloaded(const char *value)
{
	return value && strstr(value, library);
}

/* Whether a child with this environment will be recorded as it is. */
static bool is_complete(char *const envp[])
{
	for (size_t i = 0; i < nr_saved; i++)
		if (!value_in(envp, saved[i]))
			return false;
	return is_preloaded(value_in(envp, "LD_PRELOAD"));
}

/* "NAME=library:rest"; @line has room for it. */
static void preload_line(char *line, const char *name, const char *rest)
{
	line = stpcpy(stpcpy(line, name), "=");
	if (is_preloaded(rest)) {
		strcpy(line, rest);
		return;
	}
	line = stpcpy(line, library);
	if (rest && *rest)
		strcpy(stpcpy(line, ":"), rest);
}

/* @list has room for all of @envp, MAX_SAVED and two more. */
static void complete(char **list, char *const envp[], char *preload)
{
	size_t nr = 0;

	for (; envp && *envp; envp++)
		if (!is_named(*envp, "LD_PRELOAD", 10))
			list[nr++] = *envp;
	for (size_t i = 0; i < nr_saved; i++)
		if (!value_in(envp, saved[i]))
			list[nr++] = saved[i];
	list[nr++] = preload;
	list[nr] = NULL;
}

/* hotfix-cc PROGRAM ARGV[0] ARGV[1] … */
static void wrap(char **list, const char *program, char *const *argv)
{
	*list++ = (char *)"hotfix-cc";
	*list++ = (char *)program;
	while ((*list++ = *argv++))
		;
}

/*
 * hotfix-cc itself does not need this library, and the sanitizers of a test
 * build do not want it in front: it gets the value of LD_PRELOAD under another
 * name and sets it for the compiler.
 */
static int start(const struct request *asked)
{
	struct request request = *asked;
	char path[PATH_MAX];
	const char *program = recorded_program(asked, path, sizeof(path));
	const char *preload = value_in(asked->envp, "LD_PRELOAD");
	char **list, *line;

	if (!wrapper || (!program && is_complete(asked->envp)))
		return start_really(asked);
	list = alloca((count(asked->envp) + MAX_SAVED + 2) * sizeof(*list));
	line = alloca(strlen("HOTFIX_RECORD_PRELOAD=") + strlen(library) + 2 +
		      strlen(preload ?: ""));
	preload_line(line, program ? "HOTFIX_RECORD_PRELOAD" : "LD_PRELOAD",
		     preload);
	complete(list, asked->envp, line);
	request.envp = list;
	if (program) {
		list = alloca((count(asked->argv) + 3) * sizeof(*list));
		wrap(list, program, asked->argv);
		request.argv = list;
		request.program = wrapper;
		request.search = false;
	}
	return start_really(&request);
}

/* --- the functions that programs call ------------------------------------- */

EXPORTED int execve(const char *path, char *const argv[], char *const envp[])
{
	return start(&(struct request){ path, false, argv, envp, NULL });
}

EXPORTED int execv(const char *path, char *const argv[])
{
	return start(&(struct request){ path, false, argv, environ, NULL });
}

EXPORTED int execvp(const char *file, char *const argv[])
{
	return start(&(struct request){ file, true, argv, environ, NULL });
}

EXPORTED int execvpe(const char *file, char *const argv[], char *const envp[])
{
	return start(&(struct request){ file, true, argv, envp, NULL });
}

EXPORTED int posix_spawn(pid_t *pid, const char *path,
			 const posix_spawn_file_actions_t *actions,
			 const posix_spawnattr_t *attributes,
			 char *const argv[], char *const envp[])
{
	const struct spawn spawn = { pid, actions, attributes };

	return start(&(struct request){ path, false, argv, envp, &spawn });
}

EXPORTED int posix_spawnp(pid_t *pid, const char *file,
			  const posix_spawn_file_actions_t *actions,
			  const posix_spawnattr_t *attributes,
			  char *const argv[], char *const envp[])
{
	const struct spawn spawn = { pid, actions, attributes };

	return start(&(struct request){ file, true, argv, envp, &spawn });
}

static size_t count_arguments(const char *first, va_list *arguments)
{
	size_t nr = 0;

	for (const char *next = first; next; nr++)
		next = va_arg(*arguments, const char *);
	return nr;
}

/* Reads as many as were counted, the NULL too. */
static void list_arguments(char **list, const char *first, size_t nr,
			   va_list *arguments)
{
	list[0] = (char *)first;
	for (size_t i = 1; i <= nr; i++)
		list[i] = va_arg(*arguments, char *);
}

/*
 * execl() and its kin; @environment is an expression that may take one more
 * argument from `arguments`. A macro, because the list must live on the stack
 * of the function that goes on to the real one.
 */
#define EXEC_LIST(program_, search_, environment)                              \
	do {                                                                   \
		struct request request_ = { program_, search_, NULL, NULL,     \
					    NULL };                            \
		va_list arguments;                                             \
		size_t nr_;                                                    \
		char **list_;                                                  \
                                                                               \
		va_start(arguments, first);                                    \
		nr_ = count_arguments(first, &arguments);                      \
		va_end(arguments);                                             \
		list_ = alloca((nr_ + 1) * sizeof(*list_));                    \
		va_start(arguments, first);                                    \
		list_arguments(list_, first, nr_, &arguments);                 \
		request_.argv = list_;                                         \
		request_.envp = environment;                                   \
		va_end(arguments);                                             \
		return start(&request_);                                       \
	} while (0)

EXPORTED int execl(const char *path, const char *first, ...)
{
	EXEC_LIST(path, false, environ);
}

EXPORTED int execlp(const char *file, const char *first, ...)
{
	EXEC_LIST(file, true, environ);
}

EXPORTED int execle(const char *path, const char *first, ...)
{
	EXEC_LIST(path, false, va_arg(arguments, char *const *));
}

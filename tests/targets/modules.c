/*
 * Tells where its own dynamic loader found things, one "NAME ADDRESS" a line,
 * then "ready", and waits for the end of its input. Built several ways, see
 * targets.mk: the answers are what the agent's own lookups must find.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#ifndef MODULES_STATIC
#include <dlfcn.h>
#endif

__thread int modules_tls = 42;
int modules_data = 7;

static void tell(const char *name, const void *address)
{
	printf("%s %llx\n", name, (unsigned long long)(size_t)address);
}

#ifndef MODULES_STATIC
static void tell_symbols(void)
{
	static const char *const names[] = { "printf", "malloc", "memcpy",
					     "strlen", "qsort" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		tell(names[i], dlsym(RTLD_DEFAULT, names[i]));
	/* Loaded later and for itself: the end of the link map. */
	if (dlopen("libm.so.6", RTLD_NOW | RTLD_LOCAL))
		tell("libm", "");
}
#else
static void tell_symbols(void)
{
}
#endif

/* As a debugger reads a file. */
static void map_to_read(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	tell("mapped", mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0));
	close(fd);
}

static void *thread_sleep(void *unused)
{
	pause();
	return unused;
}

int main(int argc, char **argv)
{
	char buffer[4096];
	pthread_t thread;

	for (int i = 0; i < 3; i++)
		pthread_create(&thread, NULL, thread_sleep, NULL);
	tell("main", (const void *)(size_t)main);
	tell("stdout", &stdout);
	tell("modules_data", &modules_data);
	tell("modules_tls", &modules_tls);
	tell_symbols();
	map_to_read(argv[0]);
	/* Through the PLT or GOT, so that the slots are bound. */
	memcpy(buffer, argv[0], strlen(argv[argc - 1]));
	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, buffer, sizeof(buffer)) > 0)
		;
	return 0;
}

#include "build_environment.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/cleanup.h"

int build_environment_start(struct strings *environment)
{
	int r = 0;

	for (char **variable = environ; *variable && !r; variable++)
		r = strings_add(environment, *variable);
	return r;
}

static char **find(const struct strings *environment, const char *line)
{
	size_t size = strcspn(line, "=") + 1;

	for (size_t i = 0; i < environment->nr; i++)
		if (!strncmp(environment->items[i], line, size))
			return &environment->items[i];
	return NULL;
}

int build_environment_put(struct strings *environment, const char *line)
{
	char **place = find(environment, line), *copy;

	if (!place)
		return strings_add(environment, line);
	copy = strdup(line);
	if (!copy)
		return -ENOMEM;
	free(*place);
	*place = copy;
	return 0;
}

int build_environment_put_jobs(struct strings *environment, unsigned int jobs)
{
	char **flags = find(environment, "MAKEFLAGS=");
	owned(free_p) char *make =
		text_format("%s%s-j%u", flags ? *flags : "MAKEFLAGS=",
			    flags && (*flags)[strlen("MAKEFLAGS=")] ? " " : "",
			    jobs);
	owned(free_p) char *cmake =
		text_format("CMAKE_BUILD_PARALLEL_LEVEL=%u", jobs);
	int r = make && cmake ? build_environment_put(environment, make) :
				-ENOMEM;

	return r ? r : build_environment_put(environment, cmake);
}

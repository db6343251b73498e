/*
 * The variables under which a build runs: ours, and what is added to them.
 */
#pragma once

#include "../array.h"

/* The present environment. Return: 0; -ENOMEM. */
int build_environment_start(struct strings *environment);
/* Puts "NAME=VALUE" into the place of what NAME was. Return: 0; -ENOMEM. */
int build_environment_put(struct strings *environment, const char *line);
/* What tells make and CMake how many jobs are wanted. Return: 0; -ENOMEM. */
int build_environment_put_jobs(struct strings *environment, unsigned int jobs);

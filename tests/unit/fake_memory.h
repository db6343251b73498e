/*
 * The memory of a process that never was: a sparse memfd in the place of
 * /proc/PID/mem, so that the most hostile contents can be tried. Reads beyond
 * what was written fail or give zeros.
 */
#pragma once

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../agent/procfs.h"

static struct process fake_memory(void)
{
	/* The life of it is ours: some errors depend on it. */
	return (struct process){
		.pid = getpid(),
		.dir = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		.task = open("/proc/self/task",
			     O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		.mem = memfd_create("memory", MFD_CLOEXEC),
	};
}

static inline void fake_memory_close(struct process *process)
{
	close(process->dir);
	close(process->task);
	close(process->mem);
}

static inline void fake_write(struct process *process, hf_addr address,
			      const void *data, size_t size)
{
	if (pwrite(process->mem, data, size, (off_t)address) != (ssize_t)size)
		perror("# fake memory");
}

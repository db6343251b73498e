/*
 * What an agent of root may still do. It reads what strangers have made: should
 * one of them get the better of it, this is what they get.
 *
 *   CAP_SYS_PTRACE    processes of others
 *   CAP_SYS_ADMIN     suspending a seccomp filter (PTRACE_O_SUSPEND_SECCOMP)
 *   CAP_SYS_NICE      the short stop runs before everything else
 *   CAP_KILL          stops that are sent again, and kept signals
 *   CAP_DAC_OVERRIDE  their /proc/PID/mem; files that their owners hide
 */
#pragma once

#include <stdbool.h>

/*
 * @listens: keeps CAP_NET_ADMIN, for proc_events_open(); to be called again after that
 *
 * Gives up all other capabilities, those that a new program could bring, and
 * core files, which would hold memory of the processes that were patched. What
 * cannot be given up was not there.
 */
void privileges_reduce(bool listens);

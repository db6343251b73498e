#!/bin/bash
# With how little hotfix works, and what it says when that is not enough.
. "$(dirname "$0")/lib.sh"

need_root() { [ "$(id -u)" = 0 ] || skip 'must be root to give up privileges'; }

nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)

# Its own process: everything works, without a single capability.
test_owner_without_privileges()
{
	need_root
	"${nobody[@]}" test -x "$TARGETS/calc" ||
		skip 'nobody may not read the build directory'
	start_program "${nobody[@]}" "$TARGETS/calc"
	fix_value two calc 2
	AGENT=("${nobody[@]}" --bounding-set=-all "$BIN/hotfix")
	snapshot
	hotfix check "$FIX" -p $PID
	hotfix apply "$FIX" -p $PID
	expect value 2
	hotfix status -p $PID
	stdout_says two
	hotfix revert two -p $PID
	expect value 1
	hotfix recover -p $PID
	unchanged
}

# With exactly those that privileges.h names, on somebody else's process.
test_five_are_enough()
{
	need_root
	"${nobody[@]}" test -x "$TARGETS/calc" ||
		skip 'nobody may not read the build directory'
	start_program "${nobody[@]}" "$TARGETS/calc"
	fix_value two calc 2
	AGENT=(setpriv --bounding-set=-all,+sys_ptrace,+sys_admin,+sys_nice,+kill,+dac_override
		"$BIN/hotfix")
	snapshot
	hotfix apply "$FIX" -p $PID
	expect value 2
	hotfix revert two -p $PID
	unchanged
}

field() { sed -n "s/^$1:[[:space:]]*//p" /proc/$AGENT_PID/status; }

# It gives the others up by itself, for as long as it works.
test_the_others_are_given_up()
{
	need_root
	start_target threads
	fix_value two threads 2
	fix hold threads <<-'EOF'
		int hold(int x) { return x; }
		HOTFIX_REPLACE(hold);
	EOF
	expect 'hold 1' 'inside 1'
	"$BIN/hotfix" apply "$FIX" -p $PID --wait 30s \
		>"$TMP/stdout" 2>"$TMP/stderr" &
	AGENT_PID=$!
	await is_traced
	is $(($(field CapPrm | sed s/^/0x/) & ~0xa80022)) 0 'too many are permitted'
	is $(($(field CapEff | sed s/^/0x/) & 0x80000)) $((0x80000)) 'CAP_SYS_PTRACE'
	is "$(field NoNewPrivs)" 1 no_new_privs
	grep -q '^Max core file size *0  *0 ' /proc/$AGENT_PID/limits ||
		fail 'it may leave a core file'
	kill -INT $AGENT_PID
	hotfix_wait 4
}

# Each that is missing is named.
test_missing_capabilities_are_named()
{
	need_root
	start_program "${nobody[@]}" "$TARGETS/calc"
	fix_value two calc 2
	AGENT=(setpriv --bounding-set=-all,+dac_override "$BIN/hotfix")
	refused 1 'runs as user 65534 and we are user 0 without CAP_SYS_PTRACE' \
		apply "$FIX" -p $PID
	stderr_says 'give it CAP_SYS_PTRACE'
	AGENT=(setpriv --bounding-set=-all,+sys_ptrace "$BIN/hotfix")
	refused 1 'belongs to user 65534, and CAP_DAC_OVERRIDE is missing' \
		apply "$FIX" -p $PID
}

# Other processes are not to be seen in this /proc: not "there is none".
test_hidden_processes()
{
	need_root
	start_target calc
	fix_value two calc 2
	# Before Linux 5.8 that would change everybody's /proc.
	[ "$(uname -r | cut -d. -f1)" -ge 6 ] ||
		skip 'this kernel may have one hidepid for all'
	unshare --mount mount -t proc -o hidepid=2 proc /proc 2>/dev/null ||
		skip 'no /proc with hidepid'
	AGENT=(unshare --mount sh -c 'mount -t proc -o hidepid=2 proc /proc && exec "$@"' sh
		"${nobody[@]}" "$BIN/hotfix")
	"${nobody[@]}" test -x "$BIN/hotfix" ||
		skip 'nobody may not read the build directory'
	snapshot
	hotfix_exit 1 status -p $PID
	stderr_says 'hidepid'
	unchanged
}

# What the kernel does with proc_mem.force_override=never: a write to memory that
# the process itself may not write to is an EIO. Nothing else is different.
obedient_kernel()
{
	cat >"$TMP/obedient.c" <<-'EOF'
		#define _GNU_SOURCE
		#include <errno.h>
		#include <stdio.h>
		#include <string.h>
		#include <sys/syscall.h>
		#include <unistd.h>

		static int writable(const char *mem, unsigned long at)
		{
			char name[300], line[600], mode[5] = "-w";
			unsigned long from, to;
			FILE *maps;

			snprintf(name, sizeof(name), "%.*smaps",
				 (int)strlen(mem) - 3, mem);
			maps = fopen(name, "re");
			while (maps && fgets(line, sizeof(line), maps))
				if (sscanf(line, "%lx-%lx %4s", &from, &to, mode) == 3 &&
				    at >= from && at < to)
					break;
			if (maps)
				fclose(maps);
			return mode[1] == 'w';
		}

		ssize_t pwrite64(int fd, const void *data, size_t size, off_t at)
		{
			char link[64], mem[256];
			ssize_t n;

			snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
			n = readlink(link, mem, sizeof(mem) - 1);
			mem[n > 0 ? n : 0] = 0;
			if (n > 4 && !strcmp(mem + n - 4, "/mem") &&
			    !writable(mem, (unsigned long)at)) {
				errno = EIO;
				return -1;
			}
			return syscall(SYS_pwrite64, fd, data, size, at);
		}
		ssize_t pwrite(int, const void *, size_t, off_t)
			__attribute__((alias("pwrite64")));
	EOF
	gcc -O2 -fPIC -shared -o "$TMP/obedient.so" "$TMP/obedient.c" || fail 'no shim'
	AGENT=(env ASAN_OPTIONS="$ASAN_OPTIONS:verify_asan_link_order=0"
		LD_PRELOAD="$TMP/obedient.so" "$BIN/hotfix")
}

test_code_that_nobody_may_write()
{
	start_target calc
	fix_value two calc 2
	obedient_kernel
	refused 1 'does not let the code of process .* be written' \
		apply "$FIX" -p $PID
	stderr_says 'hint: .*proc_mem.force_override'
	expect value 1
	hotfix status -p $PID
}

run_tests "$@"

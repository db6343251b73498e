#include "privileges.h"

#include <linux/capability.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NEEDED                                                                 \
	(1ull << CAP_SYS_PTRACE | 1ull << CAP_SYS_ADMIN |                      \
	 1ull << CAP_SYS_NICE | 1ull << CAP_KILL | 1ull << CAP_DAC_OVERRIDE)

static void capabilities_reduce(uint64_t wanted)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data))
		return;
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		uint32_t needed = (uint32_t)(wanted >> 32 * i);

		data[i].permitted &= needed;
		data[i].effective &= needed;
		data[i].inheritable = 0;
	}
	(void)syscall(SYS_capset, &header, data);
}

void privileges_reduce(bool listens)
{
	uint64_t wanted = NEEDED | (listens ? 1ull << CAP_NET_ADMIN : 0);
	static const struct rlimit none;

	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)setrlimit(RLIMIT_CORE, &none);
	capabilities_reduce(wanted);
}

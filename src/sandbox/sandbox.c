/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox/sandbox.c — see sandbox.h. */
#include "sandbox/sandbox.h"

#include <errno.h>
#include <sys/prctl.h>

#include "sandbox/sandbox_priv.h"

#define ALL_PROMISES \
	(P_STDIO | P_INET | P_UNIX | P_READ | P_QUEUE | P_MAILBOX | P_IDENTITY | P_EXEC | P_FDPASS)

bool sandbox_is_active(void)
{
#ifdef POSTROAD_SANITIZED
	return false; /* sanitizers make system calls of their own */
#else
	return true;
#endif
}

int sandbox_enter(const struct sandbox_settings *s, struct why *why)
{
	if ((s->promises & ~(unsigned)ALL_PROMISES) != 0 || (s->promises & P_STDIO) == 0)
		return why_set(why, -EINVAL, "sandbox: impossible promises %#x", s->promises);
	if (!sandbox_is_active() || (s->promises & P_EXEC) != 0)
		return 0;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return why_errno(why, -errno, "prctl PR_SET_NO_NEW_PRIVS");

	int r = sandbox_landlock(s, why);

	return r < 0 ? r : sandbox_seccomp(s, why);
}

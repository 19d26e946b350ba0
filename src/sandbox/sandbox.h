/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/sandbox.h — what a process promises to do, and the kernel holds it to.
 *
 * Order (service/ calls this in one place): chroot, groups, ids, no_new_privs, landlock, seccomp.
 * Off under sanitizers and where the kernel lacks the feature (noted, not fatal). Called before the
 * first thread is made: landlock and no_new_privs bind the calling thread and what it starts.
 *
 * What a process starts inherits all of it, and no_new_privs disables set-group-id programs such as
 * postdrop. Hence a process that promises P_EXEC gets no filter of any kind.
 */
#pragma once

#include <sys/types.h>

#include "base/why.h"

/** Promises, like pledge(2): what remains allowed. */
enum sandbox_promise {
	P_STDIO = 1 << 0,    /* read, write, poll, time, memory, threads, sockets that are open */
	P_INET = 1 << 1,     /* make IPv4/IPv6 sockets (and netlink ones, for address selection) */
	P_UNIX = 1 << 2,     /* make UNIX sockets; also needed to log */
	P_READ = 1 << 3,     /* open files for reading (configuration, tables, queue) */
	P_QUEUE = 1 << 4,    /* create, write, rename, unlink below write_paths */
	P_MAILBOX = 1 << 5,  /* write anywhere, lock, change owner and mode */
	P_IDENTITY = 1 << 6, /* set user and group ids */
	P_EXEC = 1 << 7,     /* fork and execve; see above */
	P_FDPASS =
		1
		<< 8, /* send and receive descriptors; no filter can see it, so it is for readers */
};

struct sandbox_settings {
	unsigned promises;
	const char *const
		*write_paths; /* for landlock; NULL-terminated; with P_QUEUE; NULL: anywhere */
	const char *const *read_paths; /* NULL: reading is not restricted by path */
	bool trap;                     /* seccomp: raise SIGSYS instead of EPERM (tests) */
	const struct notes *notes;
};

/** True when this build enforces promises (not under sanitizers). */
bool sandbox_is_active(void);
/**
 * Enter the sandbox; cannot be left.
 *
 * Paths that do not exist are left out. Does nothing with P_EXEC or when not active.
 * @return 0; -EINVAL unknown promise, or no P_STDIO; negative errno when a feature that the kernel
 *         has cannot be set up
 */
_must_use_ int sandbox_enter(const struct sandbox_settings *s, struct why *why);
/**
 * chroot(dir), supplementary groups, gid, uid; verified: there is no way back to root. Only as root.
 *
 * @param chroot_dir   NULL: none
 * @param user         whose supplementary groups are taken; NULL: only chroot, ids do not change
 * @return 0; -EPERM not root; negative errno
 * Blocks: on the name service, before chroot.
 */
_must_use_ int sandbox_identity(const char *chroot_dir, const char *user, uid_t uid, gid_t gid,
	struct why *why);

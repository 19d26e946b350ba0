/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/sandbox.h — what a process promises to do, and the kernel holds it to.
 *
 * Order (service/ calls this in one place): chroot, groups, ids, no_new_privs, landlock, seccomp.
 * Off under sanitizers and where the kernel lacks the feature (noted, not fatal).
 */
#pragma once

#include <sys/types.h>

#include "base/why.h"

/** Promises, like pledge(2): what remains allowed. */
enum sandbox_promise {
	P_STDIO = 1 << 0,       /* read, write, poll, time, memory, threads */
	P_INET = 1 << 1,        /* IPv4/IPv6 sockets */
	P_UNIX = 1 << 2,        /* UNIX sockets */
	P_READ = 1 << 3,        /* open files for reading (configuration, tables, queue) */
	P_QUEUE = 1 << 4,       /* create, write, rename, unlink below the queue and data directories */
	P_MAILBOX = 1 << 5,     /* write anywhere, lock */
	P_IDENTITY = 1 << 6,    /* set user and group ids */
	P_EXEC = 1 << 7,        /* fork and execve */
	P_FDPASS = 1 << 8,      /* send and receive descriptors */
};

struct sandbox_settings {
	unsigned promises;
	const char *const *write_paths; /* for landlock; NULL-terminated; with P_QUEUE */
	const char *const *read_paths;  /* NULL: reading is not restricted by path */
	bool trap;                      /* seccomp: raise SIGSYS instead of EPERM (tests) */
	const struct notes *notes;
};

/** True when this build enforces promises (not under sanitizers). */
bool sandbox_is_active(void);
/**
 * Enter the sandbox; cannot be left.
 *
 * @return 0; negative errno when a feature that the kernel has cannot be set up
 */
_must_use_ int sandbox_enter(const struct sandbox_settings *s, struct why *why);
/** chroot(dir), supplementary groups, gid, uid; verified. Only as root. */
_must_use_ int sandbox_identity(const char *chroot_dir, const char *user, uid_t uid, gid_t gid,
	struct why *why);

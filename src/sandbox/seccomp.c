/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/seccomp.c — system calls by promise, as allow lists; everything else is EPERM.
 *
 * Snags that this file knows of:
 * - clone3() takes its flags from memory, where a filter cannot look: it fails with ENOSYS, and glibc
 *   falls back to clone(), which is allowed for threads only. Likewise openat2().
 * - NSS modules and gconv are loaded with dlopen(), JIT code of PCRE2 is made executable: mappings
 *   with PROT_EXEC stay allowed.
 * - getaddrinfo() asks a netlink socket for the addresses of the host.
 * - abort() sends itself a signal with tgkill(): allowed for the own process only.
 * - io_uring would go round the filter and is never allowed.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sandbox/sandbox_priv.h"

/* Names that this machine or this version of the library does not have are left out. */
static const char *const stdio_calls[] = { "read", "write", "readv", "writev", "pread64",
	"pwrite64", "preadv", "pwritev", "preadv2", "pwritev2", "close", "close_range", "fstat",
	"newfstatat", "fstatat64", "statx", "lseek", "_llseek", "poll", "ppoll", "select",
	"pselect6", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait",
	"epoll_pwait2", "eventfd2", "timerfd_create", "timerfd_settime", "timerfd_gettime",
	"signalfd4", "pipe", "pipe2", "dup", "dup2", "dup3", "fcntl", "fcntl64", "ioctl", "mmap",
	"mmap2", "munmap", "mprotect", "mremap", "madvise", "brk", "mlock", "munlock", "membarrier",
	"futex", "set_robust_list", "get_robust_list", "rseq", "set_tid_address", "arch_prctl",
	"exit", "exit_group", "restart_syscall", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",
	"rt_sigtimedwait", "rt_sigsuspend", "rt_sigpending", "sigaltstack", "sigreturn",
	"nanosleep", "clock_nanosleep", "clock_gettime", "clock_getres", "gettimeofday", "time",
	"times", "alarm", "setitimer", "getitimer", "getpid", "gettid", "getppid", "getpgrp",
	"getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid", "getgroups",
	"getrandom", "sysinfo", "uname", "sched_yield", "sched_getscheduler", "sched_setscheduler",
	"sched_getaffinity", "getcpu", "getrlimit", "ugetrlimit", "getrusage", "umask", "fsync",
	"fdatasync", "sync_file_range", "ftruncate", "ftruncate64", "fallocate", "flock",
	"fadvise64", "sendfile", "sendfile64", "splice", "copy_file_range", "sendto", "recvfrom",
	"sendmsg", "recvmsg", "sendmmsg", "recvmmsg", "shutdown", "getsockname", "getpeername",
	"getsockopt", "setsockopt", "accept", "accept4", NULL };

static const char *const socket_calls[] = { "connect", "bind", "listen", NULL };

static const char *const read_calls[] = { "access", "faccessat", "faccessat2", "readlink",
	"readlinkat", "stat", "stat64", "lstat", "lstat64", "getdents", "getdents64", "statfs",
	"statfs64", "fstatfs", "fstatfs64", "getcwd", "chdir", "fchdir", NULL };

static const char *const queue_calls[] = { "open", "openat", "creat", "rename", "renameat",
	"renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "link", "linkat", "chmod",
	"fchmod", "fchmodat", "truncate", "truncate64", "utime", "utimes", "utimensat", "futimesat",
	"syncfs", NULL };

static const char *const mailbox_calls[] = { "chown", "fchown", "fchownat", "lchown", NULL };

static const char *const identity_calls[] = { "setuid", "setgid", "setreuid", "setregid",
	"setresuid", "setresgid", "setgroups", "setfsuid", "setfsgid", NULL };

static int allow_names(scmp_filter_ctx f, const char *const *names)
{
	for (; *names != NULL; names++) {
		int nr = seccomp_syscall_resolve_name(*names);
		int r = nr == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(f, SCMP_ACT_ALLOW, nr, 0);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Calls that libraries replace by older ones when they hear ENOSYS. */
static int add_missing(scmp_filter_ctx f)
{
	static const char *const names[] = { "clone3", "openat2", "futex_waitv", NULL };
	int r = 0;

	for (size_t i = 0; r == 0 && names[i] != NULL; i++) {
		int nr = seccomp_syscall_resolve_name(names[i]);

		if (nr != __NR_SCMP_ERROR)
			r = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), nr, 0);
	}
	return r;
}

/* Threads, limits as far as they are only read, names of threads, abort(). */
static int add_process(scmp_filter_ctx f)
{
	int r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
		SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM));

	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1,
			SCMP_A2(SCMP_CMP_EQ, 0));
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
			SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
	/* PR_SET_VMA: glibc names its mappings. */
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
			SCMP_A0(SCMP_CMP_EQ, 0x53564d41));
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
			SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	return r;
}

static int allow_family(scmp_filter_ctx f, int family)
{
	int r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
		SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family));

	return r < 0 ? r
		     : seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 1,
			       SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family));
}

static int add_sockets(scmp_filter_ctx f, unsigned promises)
{
	int r = 0;

	if ((promises & (P_INET | P_UNIX)) != 0)
		r = allow_names(f, socket_calls);
	if (r == 0 && (promises & P_UNIX) != 0)
		r = allow_family(f, AF_UNIX);
	if (r == 0 && (promises & P_INET) != 0)
		r = allow_family(f, AF_INET);
	if (r == 0 && (promises & P_INET) != 0)
		r = allow_family(f, AF_INET6);
	if (r == 0 && (promises & P_INET) != 0)
		r = allow_family(f, AF_NETLINK);
	return r;
}

/* open() and openat() with O_RDONLY and nothing that creates or empties. */
static int add_read(scmp_filter_ctx f)
{
	const scmp_datum_t mask = O_ACCMODE | O_CREAT | O_TRUNC;
	int r = allow_names(f, read_calls);

	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, mask, O_RDONLY));
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(open), 1,
			SCMP_A1(SCMP_CMP_MASKED_EQ, mask, O_RDONLY));
	return r;
}

static int add_rules(scmp_filter_ctx f, unsigned promises)
{
	int r = allow_names(f, stdio_calls);

	if (r == 0)
		r = add_missing(f);
	if (r == 0)
		r = add_process(f);
	if (r == 0)
		r = add_sockets(f, promises);
	if (r == 0 && (promises & (P_QUEUE | P_MAILBOX)) != 0) {
		r = allow_names(f, read_calls);
		if (r == 0)
			r = allow_names(f, queue_calls);
	} else if (r == 0 && (promises & P_READ) != 0) {
		r = add_read(f);
	}
	if (r == 0 && (promises & P_MAILBOX) != 0)
		r = allow_names(f, mailbox_calls);
	if (r == 0 && (promises & P_IDENTITY) != 0)
		r = allow_names(f, identity_calls);
	return r;
}

int sandbox_seccomp(const struct sandbox_settings *s, struct why *why)
{
	scmp_filter_ctx f = seccomp_init(s->trap ? SCMP_ACT_TRAP : SCMP_ACT_ERRNO(EPERM));

	if (f == NULL)
		return why_set(why, -ENOMEM, "sandbox: seccomp_init failed");

	/* All threads of the process, in case a library has started one. */
	int r = seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);

	if (r == 0)
		r = add_rules(f, s->promises);
	if (r == 0)
		r = seccomp_load(f);
	seccomp_release(f);
	return r < 0 ? why_errno(why, r, "sandbox: seccomp") : 0;
}

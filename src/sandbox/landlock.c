/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/landlock.c — file access by path, through raw system calls: glibc has no wrappers.
 *
 * The headers of Debian 12 know two versions of the interface; the kernel is asked for its own and
 * only rights that it knows are handled.
 *
 * Snag: under any ruleset, moving or linking a file from one directory to another is refused (EXDEV)
 * unless it is allowed by LANDLOCK_ACCESS_FS_REFER, which is version 2. Under version 1 a process that
 * writes gets no ruleset.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/sandbox_priv.h"

/* Newer than the headers. */
#define ACCESS_TRUNCATE ((uint64_t)1 << 14)

#define ACCESS_READ ((uint64_t)(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR))
#define ACCESS_MAKE                                                                  \
	((uint64_t)(LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | \
		    LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |     \
		    LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |     \
		    LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |   \
		    LANDLOCK_ACCESS_FS_MAKE_SYM))
/* Rights that make sense for something that is not a directory. */
#define ACCESS_FILE                                                              \
	((uint64_t)(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | \
		    LANDLOCK_ACCESS_FS_READ_FILE) |                              \
		ACCESS_TRUNCATE)

static int abi_version(void)
{
	long r = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return r < 0 ? 0 : (int)r;
}

static uint64_t write_rights(int abi)
{
	uint64_t rights = LANDLOCK_ACCESS_FS_WRITE_FILE | ACCESS_MAKE | LANDLOCK_ACCESS_FS_REFER;

	if (abi >= 3)
		rights |= ACCESS_TRUNCATE;
	return rights;
}

/* Allow rights below a path; what does not exist needs no permission. */
static int allow(int ruleset, const char *path, uint64_t rights, const struct notes *n,
	struct why *why)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = rights };
	struct stat st;
	int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0) {
		note(n, NOTE_DEBUG, "sandbox: %s: %s", path, strerror(errno));
		return errno == ENOENT ? 0 : why_errno(why, -errno, "sandbox: open %s", path);
	}
	if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
		rule.allowed_access &= ACCESS_FILE;
	rule.parent_fd = fd;

	/* A rule that allows nothing is an error to the kernel. */
	long r = rule.allowed_access == 0 ? 0
					  : syscall(SYS_landlock_add_rule, ruleset,
						    LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	int err = errno;

	fd_close(fd);
	return r < 0 ? why_errno(why, -err, "sandbox: landlock rule for %s", path) : 0;
}

static int allow_all(int ruleset, const char *const *paths, uint64_t rights, const struct notes *n,
	struct why *why)
{
	int r = 0;

	for (size_t i = 0; r == 0 && paths != NULL && paths[i] != NULL; i++)
		r = allow(ruleset, paths[i], rights, n, why);
	return r;
}

static bool writes_anywhere(const struct sandbox_settings *s)
{
	return (s->promises & P_MAILBOX) != 0 ||
	       ((s->promises & P_QUEUE) != 0 && s->write_paths == NULL);
}

static int fill(int ruleset, const struct sandbox_settings *s, uint64_t handled, int abi,
	struct why *why)
{
	uint64_t readable = handled & ACCESS_READ;
	uint64_t writable = handled & (write_rights(abi) | ACCESS_READ);
	int r = 0;

	if (readable != 0)
		r = allow_all(ruleset, s->read_paths, readable, s->notes, why);
	if (r == 0 && (s->promises & P_QUEUE) != 0)
		r = allow_all(ruleset, s->write_paths, writable, s->notes, why);
	if (r == 0 && writes_anywhere(s))
		r = allow(ruleset, "/", LANDLOCK_ACCESS_FS_REFER, s->notes, why);
	/* Everybody may throw away. */
	if (r == 0)
		r = allow(ruleset, "/dev/null", writable, s->notes, why);
	return r;
}

int sandbox_landlock(const struct sandbox_settings *s, struct why *why)
{
	int abi = abi_version();
	uint64_t handled = LANDLOCK_ACCESS_FS_EXECUTE;

	if (abi < 1 || (abi < 2 && (s->promises & (P_QUEUE | P_MAILBOX)) != 0)) {
		note(s->notes, NOTE_INFO, "sandbox: this kernel has no landlock, or an old one");
		return 0;
	}
	if (writes_anywhere(s))
		handled |= LANDLOCK_ACCESS_FS_REFER;
	else if (abi < 2)
		handled |= write_rights(abi) & ~(uint64_t)LANDLOCK_ACCESS_FS_REFER;
	else
		handled |= write_rights(abi);
	if (s->read_paths != NULL)
		handled |= ACCESS_READ;

	struct landlock_ruleset_attr attr = { .handled_access_fs = handled };
	long fd = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);

	if (fd < 0)
		return why_errno(why, -errno, "sandbox: landlock_create_ruleset");

	_cleanup_close_ int ruleset = (int)fd;
	int r = fill(ruleset, s, handled, abi, why);

	if (r < 0)
		return r;
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		return why_errno(why, -errno, "sandbox: landlock_restrict_self");
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crash/shim.c — preloaded into every program of a mail system: writes down what it does to files, with
 * content, in one order for all processes; and makes calls fail or slow on demand. See shim.h.
 *
 * Only what changes the disk below the header's root counts. Calls go to the kernel by syscall(2) with the
 * numbers that glibc uses, so the sandbox lets them pass. The log is mapped before main(), hence before any
 * change of root directory or identity. Calls that the crash model does not know are written down as odd,
 * and the audit refuses the run.
 */
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define MAX_FD 65536

static struct shim_header *log_head;
static char cwd[1024];
static unsigned char is_below[MAX_FD / 8]; /* files opened below root, for faults */
static uint64_t dice = 88172645463325252ULL;
static __thread bool is_dead; /* ends when it lets go of the lock */

/* ---- the log ---- */

static struct shim_header *map_log(const char *path, size_t size)
{
	int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
	struct shim_header *h;

	if (fd < 0)
		return NULL;
	if (size == 0) {
		uint64_t head[2];

		if (syscall(SYS_pread64, fd, head, sizeof(head), 0) != (ssize_t)sizeof(head))
			return NULL;
		size = head[1];
	}
	h = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	return h == MAP_FAILED || h->magic != SHIM_MAGIC ? NULL : h;
}

/** For the test: make a log of `size` bytes (the file exists and has this size); 0 or -1. */
EXPORT int shim_create(const char *path, size_t size, const char *root);
/** For the test: write a note; its number. */
EXPORT uint32_t shim_note(const char *text);

EXPORT int shim_create(const char *path, size_t size, const char *root)
{
	int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
	pthread_mutexattr_t attr;
	struct shim_header *h;
	struct stat st;

	if (fd < 0 || stat(root, &st) < 0 || strlen(root) >= sizeof(h->root))
		return -1;
	h = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	if (h == MAP_FAILED)
		return -1;
	*h = (struct shim_header){ .magic = SHIM_MAGIC,
		.size = size,
		.used = SHIM_START,
		.dev = st.st_dev,
		.is_logged = 1 };
	h->root_len = (uint32_t)strlen(root);
	memcpy(h->root, root, h->root_len + 1);
	(void)pthread_mutexattr_init(&attr);
	(void)pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	(void)pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	(void)pthread_mutex_init(&h->lock, &attr);
	log_head = h;
	return 0;
}

static void lock(void)
{
	if (pthread_mutex_lock(&log_head->lock) == EOWNERDEAD)
		(void)pthread_mutex_consistent(&log_head->lock);
}

static void unlock(void)
{
	(void)pthread_mutex_unlock(&log_head->lock);
	if (is_dead)
		(void)syscall(SYS_exit_group,
			137); /* a sandbox lets this pass, and nothing is tidied up */
}

/* With the lock: an operation was made; is it this process's last one? */
static void count_down(void)
{
	struct shim_header *h = log_head;

	if (h->countdown == 0 || strcmp(h->victim, program_invocation_short_name) != 0 ||
		--h->countdown > 0)
		return;
	h->died++;
	is_dead = true;
}

static bool is_logged(void)
{
	return log_head != NULL && log_head->is_logged != 0;
}

/* Append a record; the lock is held. */
static uint32_t put(struct shim_record r, const void *s1, size_t n1, const char *s2)
{
	size_t n2 = s2 != NULL ? strlen(s2) : 0;
	size_t size = (sizeof(r) + n1 + n2 + 7) & ~(size_t)7;
	struct shim_header *h = log_head;
	char *p = (char *)h + h->used;

	if (h->used + size > h->size) {
		h->is_full = 1;
		return 0;
	}
	r.size = (uint32_t)size;
	r.pid = (uint32_t)getpid();
	r.number = h->count++;
	r.len1 = (uint32_t)n1;
	r.len2 = (uint32_t)n2;
	memcpy(p, &r, sizeof(r));
	if (n1 > 0)
		memcpy(p + sizeof(r), s1, n1);
	if (n2 > 0)
		memcpy(p + sizeof(r) + n1, s2, n2);
	h->used += size;
	if (r.type != SHIM_NOTE && r.type != SHIM_PROCESS)
		count_down();
	return r.number;
}

static void put_text(enum shim_type type, const char *text)
{
	(void)put((struct shim_record){ .type = type }, text, strlen(text), NULL);
}

EXPORT uint32_t shim_note(const char *text)
{
	uint32_t n;

	if (!is_logged())
		return 0;
	lock();
	n = put((struct shim_record){ .type = SHIM_NOTE }, text, strlen(text), NULL);
	unlock();
	return n;
}

static void odd(const char *what)
{
	if (!is_logged())
		return;
	lock();
	put_text(SHIM_ODD, what);
	unlock();
}

__attribute__((constructor)) static void start(void)
{
	const char *path = getenv("POSTROAD_CRASH_LOG");

	if (path == NULL)
		return;
	log_head = map_log(path, 0);
	if (log_head == NULL)
		return;
	if (getcwd(cwd, sizeof(cwd)) == NULL)
		cwd[0] = '\0';
	dice ^= (uint64_t)getpid() * 0x9e3779b97f4a7c15ULL;
	if (is_logged()) {
		lock();
		put_text(SHIM_PROCESS, program_invocation_short_name);
		unlock();
	}
}

/* ---- names and files ---- */

/* Absolute path; NULL when it is not below root. */
static const char *below(int dir, const char *path, char *out, size_t room)
{
	char base[1024];
	int n;

	if (log_head == NULL || path == NULL)
		return NULL;
	(void)snprintf(base, sizeof(base), "%s", cwd);
	if (path[0] != '/' && dir != AT_FDCWD) {
		char link[64];
		ssize_t len;

		(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", dir);
		len = syscall(SYS_readlinkat, AT_FDCWD, link, base, sizeof(base) - 1);
		if (len < 0)
			return NULL;
		base[len] = '\0';
	}
	while (path[0] == '.' && path[1] == '/')
		path += 2;
	n = path[0] == '/' ? snprintf(out, room, "%s", path)
			   : snprintf(out, room, "%s/%s", base, path);
	if (n < 0 || (size_t)n >= room || strncmp(out, log_head->root, log_head->root_len) != 0 ||
		out[log_head->root_len] != '/')
		return NULL;
	return out;
}

static uint64_t ino_of(const char *path, int flags)
{
	struct stat st;

	return fstatat(AT_FDCWD, path, &st,
		       (flags & AT_SYMLINK_FOLLOW) != 0 ? 0 : AT_SYMLINK_NOFOLLOW) == 0
		       ? st.st_ino
		       : 0;
}

/* Something on the file system of root: 0, with what it is. */
static int stat_ours(int fd, struct stat *st)
{
	int saved = errno;
	bool ok = log_head != NULL && fstat(fd, st) == 0 && st->st_dev == log_head->dev;

	errno = saved;
	return ok ? 0 : -1;
}

/* A regular file on the file system of root: its inode, or 0. */
static uint64_t ino_of_fd(int fd)
{
	struct stat st;

	return stat_ours(fd, &st) == 0 && S_ISREG(st.st_mode) ? st.st_ino : 0;
}

static uint64_t owner_of(const struct stat *st)
{
	return (uint64_t)st->st_uid << 32 | st->st_gid;
}

static void mark_fd(int fd, bool yes)
{
	unsigned char bit = (unsigned char)(1U << (fd & 7));

	if (fd < 0 || fd >= MAX_FD)
		return;
	if (yes)
		__atomic_or_fetch(&is_below[fd / 8], bit, __ATOMIC_RELAXED);
	else
		__atomic_and_fetch(&is_below[fd / 8], (unsigned char)~bit, __ATOMIC_RELAXED);
}

static bool is_marked(int fd)
{
	return fd >= 0 && fd < MAX_FD &&
	       (__atomic_load_n(&is_below[fd / 8], __ATOMIC_RELAXED) >> (fd & 7) & 1) != 0;
}

/* ---- faults ---- */

/* True, with errno, when this call is to fail. */
static bool fails(enum shim_call call)
{
	int error;
	uint64_t x;

	if (log_head == NULL || (log_head->fail_calls & (unsigned)call) == 0)
		return false;
	x = __atomic_add_fetch(&dice, 0x9e3779b97f4a7c15ULL, __ATOMIC_RELAXED);
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	/* The fault may end here: a call that fails without saying why would break any caller. */
	error = (int)__atomic_load_n(&log_head->fail_errno, __ATOMIC_RELAXED);
	if (error == 0 || (x >> 33) % 1000 >= log_head->fail_per_mille)
		return false;
	__atomic_add_fetch(&log_head->failed, 1, __ATOMIC_RELAXED);
	errno = error;
	return true;
}

/* ---- opening ---- */

static int do_open(int dir, const char *path, int flags, mode_t mode)
{
	char full[1500];
	const char *p = below(dir, path, full, sizeof(full));
	struct stat st;
	bool is_new;
	int fd;

	if (p != NULL && fails((flags & O_CREAT) != 0 ? SHIM_ON_OPEN : SHIM_ON_READ))
		return -1;
	if (p == NULL || !is_logged() ||
		((flags & (O_CREAT | O_TRUNC)) == 0 && (flags & O_TMPFILE) != O_TMPFILE)) {
		fd = (int)syscall(SYS_openat, dir, path, flags, mode);
		mark_fd(fd, p != NULL);
		return fd;
	}
	lock();
	is_new = (flags & O_TMPFILE) == O_TMPFILE || ino_of(p, 0) == 0;
	fd = (int)syscall(SYS_openat, dir, path, flags, mode);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		if (is_new)
			(void)put((struct shim_record){ .type = SHIM_CREATE,
					  .ino = st.st_ino,
					  .a = st.st_mode & 07777,
					  .b = owner_of(&st) },
				p, (flags & O_TMPFILE) == O_TMPFILE ? 0 : strlen(p), NULL);
		else if ((flags & O_TRUNC) != 0)
			(void)put((struct shim_record){ .type = SHIM_TRUNCATE, .ino = st.st_ino },
				NULL, 0, NULL);
	}
	unlock();
	mark_fd(fd, true);
	return fd;
}

#define OPEN_MODE(flags)                              \
	mode_t mode = 0;                              \
	if (((flags) & (O_CREAT | O_TMPFILE)) != 0) { \
		va_list ap;                           \
		va_start(ap, flags);                  \
		mode = va_arg(ap, mode_t);            \
		va_end(ap);                           \
	}

EXPORT int open(const char *path, int flags, ...)
{
	OPEN_MODE(flags)
	return do_open(AT_FDCWD, path, flags, mode);
}

EXPORT int openat(int dir, const char *path, int flags, ...)
{
	OPEN_MODE(flags)
	return do_open(dir, path, flags, mode);
}

/* glibc's other names of the same calls. */
EXPORT int __open_2(const char *path, int flags);
EXPORT int __open_2(const char *path, int flags)
{
	return do_open(AT_FDCWD, path, flags, 0);
}

EXPORT int __openat_2(int dir, const char *path, int flags);
EXPORT int __openat_2(int dir, const char *path, int flags)
{
	return do_open(dir, path, flags, 0);
}

#define ALIAS(name, of) \
	extern __typeof__(of) name __attribute__((alias(#of), visibility("default")))
#undef open64
#undef openat64
ALIAS(open64, open);
ALIAS(openat64, openat);
ALIAS(__open64_2, __open_2);
ALIAS(__openat64_2, __openat_2);

EXPORT int creat(const char *path, mode_t mode)
{
	return do_open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

/* ---- writing ---- */

static bool is_zero(const char *p, size_t n)
{
	return n > 0 && p[0] == '\0' && memcmp(p, p + 1, n - 1) == 0;
}

static void put_write(uint64_t ino, uint64_t off, const void *p, size_t n)
{
	(void)put((struct shim_record){ .type = SHIM_WRITE, .ino = ino, .a = off, .b = n }, p,
		is_zero(p, n) ? 0 : n, NULL);
}

/* A reply that accepts a message is written down before it leaves. */
static void watch_reply(const char *p, size_t n)
{
	static const char mark[] = "queued as ";
	const char *at = n >= sizeof(mark) ? memmem(p, n, mark, sizeof(mark) - 1) : NULL;

	while (at != NULL) {
		char text[64] = "reply ";
		size_t len = 6;

		at += sizeof(mark) - 1;
		while (at<p + n && * at> ' ' && len < sizeof(text) - 1)
			text[len++] = *at++;
		text[len] = '\0';
		(void)shim_note(text);
		at = memmem(at, (size_t)(p + n - at), mark, sizeof(mark) - 1);
	}
}

EXPORT ssize_t write(int fd, const void *p, size_t n)
{
	uint64_t ino = ino_of_fd(fd);
	ssize_t r;

	if (ino == 0) {
		if (is_logged())
			watch_reply(p, n);
		return syscall(SYS_write, fd, p, n);
	}
	if (is_marked(fd) && fails(SHIM_ON_WRITE))
		return -1;
	if (!is_logged())
		return syscall(SYS_write, fd, p, n);
	lock();
	r = syscall(SYS_write, fd, p, n);
	if (r > 0) {
		off_t end = lseek(fd, 0, SEEK_CUR);

		put_write(ino, (uint64_t)end - (uint64_t)r, p, (size_t)r);
	}
	unlock();
	return r;
}

EXPORT ssize_t pwrite(int fd, const void *p, size_t n, off_t off)
{
	uint64_t ino = ino_of_fd(fd);
	ssize_t r;

	if (ino != 0 && is_marked(fd) && fails(SHIM_ON_WRITE))
		return -1;
	if (ino == 0 || !is_logged())
		return syscall(SYS_pwrite64, fd, p, n, off);
	lock();
	r = syscall(SYS_pwrite64, fd, p, n, off);
	if (r > 0)
		put_write(ino, (uint64_t)off, p, (size_t)r);
	unlock();
	return r;
}
ALIAS(pwrite64, pwrite);

static ssize_t write_vector(int fd, const struct iovec *v, int count, off_t off)
{
	uint64_t ino = ino_of_fd(fd);
	ssize_t r;

	if (ino != 0 && is_marked(fd) && fails(SHIM_ON_WRITE))
		return -1;
	if (is_logged())
		lock();
	r = off < 0 ? syscall(SYS_writev, fd, v, count)
		    : syscall(SYS_pwritev, fd, v, count, off, 0);
	if (is_logged()) {
		size_t left = r > 0 ? (size_t)r : 0;
		off_t at = off < 0 && ino != 0 ? lseek(fd, 0, SEEK_CUR) - (off_t)left : off;

		for (int i = 0; ino != 0 && left > 0 && i < count; i++) {
			size_t n = v[i].iov_len < left ? v[i].iov_len : left;

			if (n > 0)
				put_write(ino, (uint64_t)at, v[i].iov_base, n);
			at += (off_t)n;
			left -= n;
		}
		unlock();
	}
	return r;
}

EXPORT ssize_t writev(int fd, const struct iovec *v, int count)
{
	if (ino_of_fd(fd) == 0) {
		for (int i = 0; is_logged() && i < count; i++)
			watch_reply(v[i].iov_base, v[i].iov_len);
		return syscall(SYS_writev, fd, v, count);
	}
	return write_vector(fd, v, count, -1);
}

EXPORT ssize_t pwritev(int fd, const struct iovec *v, int count, off_t off)
{
	return write_vector(fd, v, count, off);
}
ALIAS(pwritev64, pwritev);

EXPORT ssize_t send(int fd, const void *p, size_t n, int flags)
{
	if (is_logged())
		watch_reply(p, n);
	return syscall(SYS_sendto, fd, p, n, flags, NULL, 0);
}

EXPORT int ftruncate(int fd, off_t len)
{
	uint64_t ino = is_logged() ? ino_of_fd(fd) : 0;
	int r;

	if (ino != 0)
		lock();
	r = (int)syscall(SYS_ftruncate, fd, len);
	if (ino != 0) {
		if (r == 0)
			(void)put((struct shim_record){ .type = SHIM_TRUNCATE,
					  .ino = ino,
					  .a = (uint64_t)len },
				NULL, 0, NULL);
		unlock();
	}
	return r;
}
ALIAS(ftruncate64, ftruncate);

EXPORT int truncate(const char *path, off_t len)
{
	char full[1500];

	if (below(AT_FDCWD, path, full, sizeof(full)) != NULL)
		odd("truncate");
	return (int)syscall(SYS_truncate, path, len);
}
ALIAS(truncate64, truncate);

EXPORT int fallocate(int fd, int mode, off_t off, off_t len)
{
	uint64_t ino = is_logged() ? ino_of_fd(fd) : 0;
	int r;

	if (ino != 0 && mode != 0)
		odd("fallocate with a mode");
	if (ino != 0 && is_marked(fd) && fails(SHIM_ON_WRITE))
		return -1;
	if (ino != 0)
		lock();
	r = (int)syscall(SYS_fallocate, fd, mode, off, len);
	if (ino != 0) {
		if (r == 0)
			(void)put((struct shim_record){ .type = SHIM_ALLOCATE,
					  .ino = ino,
					  .a = (uint64_t)off,
					  .b = (uint64_t)len },
				NULL, 0, NULL);
		unlock();
	}
	return r;
}
ALIAS(fallocate64, fallocate);

EXPORT int posix_fallocate(int fd, off_t off, off_t len)
{
	int saved = errno;
	int r = fallocate(fd, 0, off, len) < 0 ? errno : 0;

	errno = saved;
	return r;
}
ALIAS(posix_fallocate64, posix_fallocate);

EXPORT void *mmap(void *at, size_t len, int prot, int flags, int fd, off_t off)
{
	if (fd >= 0 && (flags & MAP_SHARED) != 0 && (prot & PROT_WRITE) != 0 && is_marked(fd) &&
		is_logged()) {
		uint64_t ino = ino_of_fd(fd);

		if (ino != 0) {
			lock();
			(void)put((struct shim_record){ .type = SHIM_MAP, .ino = ino }, NULL, 0,
				NULL);
			unlock();
		}
	}
	// NOLINTNEXTLINE(performance-no-int-to-ptr): what mmap returns
	return (void *)syscall(SYS_mmap, at, len, prot, flags, fd, off);
}
ALIAS(mmap64, mmap);

EXPORT ssize_t copy_file_range(int in, off_t *in_off, int out, off_t *out_off, size_t n,
	unsigned flags)
{
	if (is_marked(out))
		odd("copy_file_range");
	return syscall(SYS_copy_file_range, in, in_off, out, out_off, n, flags);
}

EXPORT ssize_t sendfile(int out, int in, off_t *off, size_t n)
{
	if (ino_of_fd(out) != 0 && is_marked(out))
		odd("sendfile");
	return syscall(SYS_sendfile, out, in, off, n);
}
ALIAS(sendfile64, sendfile);

/* ---- flushing ---- */

static int flush(int fd, enum shim_sync kind, long nr)
{
	struct shim_record r = { .type = SHIM_SYNC_BEGIN, .a = kind };
	struct stat st;
	int result;
	bool known = stat_ours(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode));

	if (!known)
		return (int)syscall(nr, fd);
	if (is_marked(fd) && fails(SHIM_ON_SYNC))
		return -1;
	if (log_head->sync_delay_ms > 0 && is_marked(fd)) {
		struct timespec t = { .tv_sec = log_head->sync_delay_ms / 1000,
			.tv_nsec = (long)(log_head->sync_delay_ms % 1000) * 1000000 };

		(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
	}
	if (!is_logged())
		return (int)syscall(nr, fd);
	r.ino = kind == SHIM_SYNCFS ? 0 : st.st_ino;
	lock();
	r.b = put(r, NULL, 0, NULL);
	unlock();
	result = (int)syscall(nr, fd);
	r.type = SHIM_SYNC_END;
	if (result == 0) {
		lock();
		(void)put(r, NULL, 0, NULL);
		unlock();
	}
	return result;
}

EXPORT int fsync(int fd)
{
	return flush(fd, SHIM_FSYNC, SYS_fsync);
}

EXPORT int fdatasync(int fd)
{
	return flush(fd, SHIM_FDATASYNC, SYS_fdatasync);
}

EXPORT int syncfs(int fd)
{
	return flush(fd, SHIM_SYNCFS, SYS_syncfs);
}

EXPORT void sync(void)
{
	(void)syscall(SYS_sync); /* counted as nothing: nobody may rely on it */
}

/* sync_file_range(2) promises nothing about a power cut: it passes, uncounted. */

/* ---- names ---- */

static int two_names(enum shim_type type, int d1, const char *from, int d2, const char *to, long nr,
	long arg)
{
	char f1[1500], f2[1500];
	const char *p1 = below(d1, from, f1, sizeof(f1)), *p2 = below(d2, to, f2, sizeof(f2));
	uint64_t ino;
	int r;

	if (p1 == NULL && p2 != NULL && (arg & AT_SYMLINK_FOLLOW) != 0 && type == SHIM_LINK)
		p1 = from; /* a file without a name, by /proc/self/fd */
	if (p1 == NULL && p2 == NULL)
		return (int)syscall(nr, d1, from, d2, to, arg);
	if (fails(SHIM_ON_NAME))
		return -1;
	if (!is_logged())
		return (int)syscall(nr, d1, from, d2, to, arg);
	if (p1 == NULL || p2 == NULL)
		odd("rename or link across the root");
	lock();
	ino = p1 != NULL ? ino_of(p1, p1 == from ? AT_SYMLINK_FOLLOW : 0) : 0;
	r = (int)syscall(nr, d1, from, d2, to, arg);
	if (r == 0 && p1 != NULL && p2 != NULL)
		(void)put((struct shim_record){ .type = type, .ino = ino }, p1, strlen(p1), p2);
	unlock();
	return r;
}

EXPORT int renameat2(int d1, const char *from, int d2, const char *to, unsigned flags)
{
	return two_names(SHIM_RENAME, d1, from, d2, to, SYS_renameat2, flags);
}

EXPORT int renameat(int d1, const char *from, int d2, const char *to)
{
	return two_names(SHIM_RENAME, d1, from, d2, to, SYS_renameat, 0);
}

EXPORT int rename(const char *from, const char *to)
{
	return two_names(SHIM_RENAME, AT_FDCWD, from, AT_FDCWD, to, SYS_renameat, 0);
}

EXPORT int linkat(int d1, const char *from, int d2, const char *to, int flags)
{
	return two_names(SHIM_LINK, d1, from, d2, to, SYS_linkat, flags);
}

EXPORT int link(const char *from, const char *to)
{
	return two_names(SHIM_LINK, AT_FDCWD, from, AT_FDCWD, to, SYS_linkat, 0);
}

EXPORT int symlink(const char *target, const char *path)
{
	char full[1500];

	if (below(AT_FDCWD, path, full, sizeof(full)) != NULL)
		odd("symlink");
	return (int)syscall(SYS_symlink, target, path);
}

static int remove_name(int dir, const char *path, int flags)
{
	char full[1500];
	const char *p = below(dir, path, full, sizeof(full));
	struct stat st;
	int r;

	if (p == NULL || !is_logged())
		return (int)syscall(SYS_unlinkat, dir, path, flags);
	lock();
	if (lstat(p, &st) < 0)
		st.st_mode = 0;
	r = (int)syscall(SYS_unlinkat, dir, path, flags);
	if (r == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
		(void)put((struct shim_record){ .type = S_ISDIR(st.st_mode) ? SHIM_RMDIR
									    : SHIM_UNLINK,
				  .ino = st.st_ino },
			p, strlen(p), NULL);
	unlock();
	return r;
}

EXPORT int unlinkat(int dir, const char *path, int flags)
{
	return remove_name(dir, path, flags);
}

EXPORT int unlink(const char *path)
{
	return remove_name(AT_FDCWD, path, 0);
}

EXPORT int rmdir(const char *path)
{
	return remove_name(AT_FDCWD, path, AT_REMOVEDIR);
}

EXPORT int remove(const char *path)
{
	odd("remove");
	return remove_name(AT_FDCWD, path, 0);
}

EXPORT int mkdirat(int dir, const char *path, mode_t mode)
{
	char full[1500];
	const char *p = below(dir, path, full, sizeof(full));
	struct stat st;
	int r;

	if (p != NULL && fails(SHIM_ON_NAME))
		return -1;
	if (p == NULL || !is_logged())
		return (int)syscall(SYS_mkdirat, dir, path, mode);
	lock();
	r = (int)syscall(SYS_mkdirat, dir, path, mode);
	if (r == 0 && lstat(p, &st) == 0)
		(void)put((struct shim_record){ .type = SHIM_MKDIR,
				  .ino = st.st_ino,
				  .a = st.st_mode & 07777,
				  .b = owner_of(&st) },
			p, strlen(p), NULL);
	unlock();
	return r;
}

EXPORT int mkdir(const char *path, mode_t mode)
{
	return mkdirat(AT_FDCWD, path, mode);
}

/* ---- attributes: made first, then written down as they are ---- */

static void put_attributes(const struct stat *st, enum shim_type type)
{
	struct shim_record r = { .type = type, .ino = st->st_ino, .b = owner_of(st) };

	r.a = type == SHIM_UTIMES ? (uint64_t)st->st_mtim.tv_sec : st->st_mode & 07777;
	(void)put(r, NULL, 0, NULL);
}

static int on_fd(int fd, enum shim_type type, long nr, long a, long b, long c)
{
	struct stat st;
	bool is_ours = is_logged() && stat_ours(fd, &st) == 0;
	int r;

	if (is_ours)
		lock();
	r = (int)syscall(nr, fd, a, b, c);
	if (is_ours) {
		if (r == 0 && fstat(fd, &st) == 0)
			put_attributes(&st, type);
		unlock();
	}
	return r;
}

static int on_path(int dir, const char *path, enum shim_type type, long nr, long a, long b, long c)
{
	char full[1500];
	const char *p = below(dir, path, full, sizeof(full));
	bool is_ours = p != NULL && is_logged();
	struct stat st;
	int r;

	if (is_ours)
		lock();
	r = (int)syscall(nr, dir, path, a, b, c);
	if (is_ours) {
		if (r == 0 && lstat(p, &st) == 0)
			put_attributes(&st, type);
		unlock();
	}
	return r;
}

EXPORT int fchmod(int fd, mode_t mode)
{
	return on_fd(fd, SHIM_CHMOD, SYS_fchmod, mode, 0, 0);
}

EXPORT int chmod(const char *path, mode_t mode)
{
	return on_path(AT_FDCWD, path, SHIM_CHMOD, SYS_fchmodat, mode, 0, 0);
}

EXPORT int fchmodat(int dir, const char *path, mode_t mode, int flags)
{
	(void)flags;
	return on_path(dir, path, SHIM_CHMOD, SYS_fchmodat, mode, 0, 0);
}

EXPORT int fchown(int fd, uid_t uid, gid_t gid)
{
	return on_fd(fd, SHIM_CHOWN, SYS_fchown, (long)uid, (long)gid, 0);
}

EXPORT int chown(const char *path, uid_t uid, gid_t gid)
{
	return on_path(AT_FDCWD, path, SHIM_CHOWN, SYS_fchownat, (long)uid, (long)gid, 0);
}

EXPORT int futimens(int fd, const struct timespec t[2])
{
	return on_fd(fd, SHIM_UTIMES, SYS_utimensat, 0, (long)t, 0);
}

EXPORT int utimensat(int dir, const char *path, const struct timespec t[2], int flags)
{
	return on_path(dir, path, SHIM_UTIMES, SYS_utimensat, (long)t, flags, 0);
}

/* ---- where we are; sockets ---- */

EXPORT int chdir(const char *path)
{
	int r = (int)syscall(SYS_chdir, path);

	if (r == 0 && log_head != NULL) {
		int saved = errno;

		if (path[0] == '/')
			(void)snprintf(cwd, sizeof(cwd), "%s", path);
		else if (getcwd(cwd, sizeof(cwd)) == NULL)
			cwd[0] = '\0';
		errno = saved;
	}
	return r;
}

EXPORT int fchdir(int fd)
{
	int r = (int)syscall(SYS_fchdir, fd);

	if (r == 0 && log_head != NULL && getcwd(cwd, sizeof(cwd)) == NULL)
		cwd[0] = '\0';
	return r;
}

EXPORT int socket(int family, int type, int protocol)
{
	return fails(SHIM_ON_SOCKET) ? -1 : (int)syscall(SYS_socket, family, type, protocol);
}

EXPORT int accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	return fails(SHIM_ON_SOCKET) ? -1 : (int)syscall(SYS_accept4, fd, addr, len, flags);
}

EXPORT int accept(int fd, struct sockaddr *addr, socklen_t *len)
{
	return fails(SHIM_ON_SOCKET) ? -1 : (int)syscall(SYS_accept, fd, addr, len);
}

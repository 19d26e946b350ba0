/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log/sink.c — datagrams to postlogd or syslog, or one write to a file; see sink_priv.h.
 *
 * Many threads write at the same time under the read lock; who has to open a sink anew takes the
 * write lock. A datagram waits at most two seconds for room.
 */
#include "log/sink_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"

#define SEND_SECONDS 2
#define SLOW_TIME    (5 * USEC_PER_SEC)

struct sinks {
	pthread_rwlock_t lock;
	char *postlog; /* path of the socket, or NULL */
	char *file;
	char *host; /* first label */
	int facility;
	bool syslog;
	int postlog_fd;
	int syslog_fd;
	int file_fd;
	bool file_owned;
	_Atomic uint64_t dropped;
	_Atomic uint64_t unreported; /* dropped, and no line has said so yet */
	_Atomic usec_t slow_until;   /* a reader did not keep up: do not wait for it before then */
};

static const struct {
	const char *name;
	int code;
} the_facilities[] = {
	{ "auth", LOG_AUTH },
	{ "authpriv", LOG_AUTHPRIV },
	{ "cron", LOG_CRON },
	{ "daemon", LOG_DAEMON },
	{ "ftp", LOG_FTP },
	{ "kern", LOG_KERN },
	{ "lpr", LOG_LPR },
	{ "mail", LOG_MAIL },
	{ "news", LOG_NEWS },
	{ "security", LOG_AUTH },
	{ "syslog", LOG_SYSLOG },
	{ "user", LOG_USER },
	{ "uucp", LOG_UUCP },
	{ "local0", LOG_LOCAL0 },
	{ "local1", LOG_LOCAL1 },
	{ "local2", LOG_LOCAL2 },
	{ "local3", LOG_LOCAL3 },
	{ "local4", LOG_LOCAL4 },
	{ "local5", LOG_LOCAL5 },
	{ "local6", LOG_LOCAL6 },
	{ "local7", LOG_LOCAL7 },
};

bool log_facility_ok(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(the_facilities); i++) {
		if (str_eq(str_of(name), str_of(the_facilities[i].name)))
			return true;
	}
	return false;
}

static int facility_code(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(the_facilities); i++) {
		if (str_eq(str_of(name), str_of(the_facilities[i].name)))
			return the_facilities[i].code;
	}
	return LOG_MAIL;
}

/* A connected datagram socket, or -1. */
static int connect_dgram(const char *path)
{
	struct timeval limit = { .tv_sec = SEND_SECONDS };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	size_t len = strlen(path);
	int fd;

	if (len >= sizeof un.sun_path)
		return -1;
	memcpy(un.sun_path, path, len + 1);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)&un, sizeof un) < 0) {
		fd_close(fd);
		return -1;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	return fd;
}

/*
 * Connect to postlogd. A process in a jail does not see the absolute path; it stands in the queue
 * directory, so that the last two parts of the path ("public/postlog") lead there.
 */
static int connect_postlog(const char *path)
{
	int fd = connect_dgram(path);
	int slashes = 0;

	for (size_t i = strlen(path); fd < 0 && i-- > 0;) {
		if (path[i] == '/' && ++slashes == 2)
			return connect_dgram(path + i + 1);
	}
	return fd;
}

static int connect_syslog(void)
{
	return connect_dgram("/dev/log");
}

/* Open the log file: descriptor or -1; a pipe or terminal behind /dev/stdout is used as it is. */
static int open_file(const char *path, bool *ret_owned)
{
	*ret_owned = false;
	if (str_eq(str_of(path), STR("/dev/stdout")))
		return STDOUT_FILENO;
	if (str_eq(str_of(path), STR("/dev/stderr")))
		return STDERR_FILENO;
	*ret_owned = true;
	return open(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
}

struct sinks *sinks_new(const struct log_settings *s)
{
	struct sinks *k = mem_new(struct sinks);
	struct str host = str_of(s->hostname);
	ptrdiff_t dot = str_chr(host, '.');

	check(pthread_rwlock_init(&k->lock, NULL) == 0);
	k->postlog = mem_strdup(s->postlog_socket);
	k->file = mem_strdup(s->file);
	k->host = str_dup(dot < 0 ? host : str_head(host, (size_t)dot));
	k->facility = facility_code(s->facility);
	k->syslog = !s->no_syslog;
	k->postlog_fd = k->postlog == NULL ? -1 : connect_postlog(k->postlog);
	k->file_fd = k->file == NULL ? -1 : open_file(k->file, &k->file_owned);
	k->syslog_fd = -1;
	/* A jail hides /dev/log: it is opened now where it may be needed. */
	if (k->syslog && k->postlog == NULL && k->file == NULL)
		k->syslog_fd = connect_syslog();
	return k;
}

void sinks_free(struct sinks *k)
{
	if (k == NULL)
		return;
	fd_close(k->postlog_fd);
	fd_close(k->syslog_fd);
	if (k->file_owned)
		fd_close(k->file_fd);
	free(k->postlog);
	free(k->file);
	free(k->host);
	(void)pthread_rwlock_destroy(&k->lock);
	free(k);
}

/*
 * Send one datagram. When the reader has not made room within the limit of the socket, lines of the
 * next seconds are dropped at once rather than waited for: mail goes on.
 */
static bool send_dgram(struct sinks *k, int fd, struct str data)
{
	bool wait = atomic_load(&k->slow_until) == 0 || clock_now() >= atomic_load(&k->slow_until);

	while (fd >= 0) {
		if (send(fd, data.ptr, data.len, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT)) >= 0)
			return true;
		if (errno == EAGAIN && wait)
			atomic_store(&k->slow_until, clock_now() + SLOW_TIME);
		if (errno != EINTR)
			return false;
	}
	return false;
}

/*
 * Send over a socket that may have to be connected again.
 *
 * Called with the read lock held, and returns with it held.
 */
static bool send_again(struct sinks *k, int *fd, struct str data)
{
	int seen = *fd;
	bool sent;

	if (send_dgram(k, seen, data))
		return true;
	if (seen >= 0 && errno != ECONNREFUSED && errno != ENOTCONN && errno != ECONNRESET &&
		errno != EPIPE)
		return false;
	(void)pthread_rwlock_unlock(&k->lock);
	(void)pthread_rwlock_wrlock(&k->lock);
	if (*fd == seen) {
		fd_close(seen);
		*fd = fd == &k->postlog_fd ? connect_postlog(k->postlog) : connect_syslog();
	}
	sent = send_dgram(k, *fd, data);
	(void)pthread_rwlock_unlock(&k->lock);
	(void)pthread_rwlock_rdlock(&k->lock);
	return sent;
}

static bool write_file(int fd, struct str line)
{
	while (fd >= 0) {
		ssize_t n = write(fd, line.ptr, line.len);

		if (n == (ssize_t)line.len)
			return true;
		if (n >= 0 || errno != EINTR)
			return false;
	}
	return false;
}

/* "<22>Nov  3 09:00:00 tag[1]: text": syslog wants the day padded with a blank. */
static bool to_syslog(struct sinks *k, struct str stamp, struct str line, int priority)
{
	_cleanup_buf_ struct buf b = BUF(BUF_SMALL);
	size_t day;

	buf_putf(&b, "<%d>", k->facility | priority);
	day = b.len + 4;
	buf_put(&b, stamp);
	if (day < b.len && b.ptr[day] == '0')
		b.ptr[day] = ' ';
	buf_putc(&b, ' ');
	buf_put(&b, line);
	return send_again(k, &k->syslog_fd, buf_str(&b));
}

/* To the first sink that takes it; the read lock is held. */
static bool write_line(struct sinks *k, struct str stamp, struct str line, int priority)
{
	_cleanup_buf_ struct buf b = BUF(BUF_SMALL);

	buf_put(&b, stamp);
	buf_putf(&b, " %s ", k->host[0] == '\0' ? "localhost" : k->host);
	buf_put(&b, line);
	if (k->postlog != NULL && send_again(k, &k->postlog_fd, buf_str(&b)))
		return true;
	buf_putc(&b, '\n');
	if (k->file_fd >= 0 && write_file(k->file_fd, buf_str(&b)))
		return true;
	return k->syslog && to_syslog(k, stamp, line, priority);
}

/* Say how many lines were lost, now that a sink works again. */
static void report_drops(struct sinks *k, struct str stamp, struct str line)
{
	_cleanup_buf_ struct buf b = BUF(BUF_SMALL);
	uint64_t n = atomic_exchange(&k->unreported, 0);
	ptrdiff_t colon = str_find(line, STR(": "));

	buf_put(&b, str_head(line, colon < 0 ? 0 : (size_t)colon + 2));
	buf_putf(&b, "warning: %llu log lines were lost", (unsigned long long)n);
	if (!write_line(k, stamp, buf_str(&b), LOG_WARNING))
		atomic_fetch_add(&k->unreported, n);
}

void sinks_write(struct sinks *k, struct str stamp, struct str line, int priority)
{
	(void)pthread_rwlock_rdlock(&k->lock);
	if (!write_line(k, stamp, line, priority)) {
		atomic_fetch_add(&k->dropped, 1);
		atomic_fetch_add(&k->unreported, 1);
	} else if (atomic_load(&k->unreported) > 0) {
		report_drops(k, stamp, line);
	}
	(void)pthread_rwlock_unlock(&k->lock);
}

uint64_t sinks_dropped(const struct sinks *k)
{
	return atomic_load(&k->dropped);
}

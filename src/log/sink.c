/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log/sink.c — datagrams to postlogd or syslog, or one write to a file; see sink_priv.h.
 *
 * Lines for postlogd are gathered: who finds nobody sending sends, his own line and what others add
 * meanwhile, as datagrams of up to BATCH_MAX bytes with newlines between lines. So a thread whose
 * line finds postlogd busy goes on with its work. A datagram waits at most two seconds for room.
 * File and syslog take a line at a time, under the read lock; who has to open a sink anew takes the
 * write lock.
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
/* Most bytes of a datagram of several lines: Postfix's postlogd takes 4,096. */
#define BATCH_MAX 4000
/* Lines that wait for the sender; beyond that a writer waits too. */
#define PENDING_MAX ((size_t)256 * 1024)

struct sinks {
	pthread_mutex_t gather_lock;
	pthread_cond_t gather_idle;
	struct buf pending;    /* whole lines, each with its newline */
	struct buf priorities; /* one byte a line */
	struct buf out;        /* what the sender took out of pending; his alone */
	struct buf out_priorities;
	bool sending; /* a thread takes lines out of pending */
	bool held;    /* lines wait for sinks_flush() or a full datagram */
	pthread_rwlock_t lock;
	char *postlog; /* path of the socket, or NULL */
	char *file;
	char *host; /* first label */
	int facility;
	bool syslog;
	bool no_wait;
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
	check(pthread_mutex_init(&k->gather_lock, NULL) == 0);
	check(pthread_cond_init(&k->gather_idle, NULL) == 0);
	k->pending = BUF(PENDING_MAX + BUF_SMALL);
	k->priorities = BUF(PENDING_MAX + BUF_SMALL);
	k->out = BUF(PENDING_MAX + BUF_SMALL);
	k->out_priorities = BUF(PENDING_MAX + BUF_SMALL);
	k->postlog = mem_strdup(s->postlog_socket);
	k->file = mem_strdup(s->file);
	host = dot < 0 ? host : str_head(host, (size_t)dot);
	k->host = str_dup(host.len == 0 ? STR("localhost") : host);
	k->facility = facility_code(s->facility);
	k->syslog = !s->no_syslog;
	k->no_wait = s->no_wait;
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
	sinks_flush(k);
	fd_close(k->postlog_fd);
	fd_close(k->syslog_fd);
	if (k->file_owned)
		fd_close(k->file_fd);
	free(k->postlog);
	free(k->file);
	free(k->host);
	buf_done(&k->pending);
	buf_done(&k->priorities);
	buf_done(&k->out);
	buf_done(&k->out_priorities);
	(void)pthread_cond_destroy(&k->gather_idle);
	(void)pthread_mutex_destroy(&k->gather_lock);
	(void)pthread_rwlock_destroy(&k->lock);
	free(k);
}

/*
 * Send one datagram. When the reader has not made room within the limit of the socket, lines of the
 * next seconds are dropped at once rather than waited for: mail goes on.
 */
static bool send_dgram(struct sinks *k, int fd, struct str data)
{
	bool wait = !k->no_wait && (atomic_load(&k->slow_until) == 0 ||
					   clock_now() >= atomic_load(&k->slow_until));

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
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
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

/* What follows the time stamp and host in a whole line. */
static struct str after_host(struct str whole, struct str *ret_stamp)
{
	ptrdiff_t end;

	*ret_stamp = str_head(whole, MIN(whole.len, SINK_STAMP));
	whole = str_skip(whole, MIN(whole.len, SINK_STAMP + 1));
	end = str_chr(whole, ' ');
	return end < 0 ? whole : str_skip(whole, (size_t)end + 1);
}

/* A whole line ("stamp host tag[1]: text", newline) to file or syslog; the read lock is held. */
static bool write_other(struct sinks *k, struct str whole, int priority)
{
	struct str stamp;
	struct str line;

	if (k->file_fd >= 0 && write_file(k->file_fd, whole))
		return true;
	line = after_host(str_head(whole, whole.len - 1), &stamp);
	return k->syslog && to_syslog(k, stamp, line, priority);
}

static void drop(struct sinks *k)
{
	atomic_fetch_add(&k->dropped, 1);
	atomic_fetch_add(&k->unreported, 1);
}

/* Lines to postlogd as one datagram, or else each where it can go; the read lock is held. */
static bool write_lines(struct sinks *k, struct str lines, const char *priorities)
{
	bool all = true;

	if (k->postlog != NULL && send_again(k, &k->postlog_fd, str_head(lines, lines.len - 1)))
		return true;
	while (lines.len > 0) {
		struct str whole = str_head(lines, (size_t)str_chr(lines, '\n') + 1);

		lines = str_skip(lines, whole.len);
		if (!write_other(k, whole, (unsigned char)*priorities++)) {
			drop(k);
			all = false;
		}
	}
	return all;
}

static void whole_line(const struct sinks *k, struct buf *b, struct str stamp, struct str line)
{
	buf_put(b, stamp);
	buf_putc(b, ' ');
	buf_puts(b, k->host);
	buf_putc(b, ' ');
	buf_put(b, line);
	buf_putc(b, '\n');
}

/* Say how many lines were lost, now that a sink works again; the read lock is held. */
static void report_drops(struct sinks *k, struct str whole)
{
	_cleanup_buf_ struct buf text = BUF_LOCAL(BUF_SMALL);
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
	uint64_t n = atomic_exchange(&k->unreported, 0);
	const char priority = LOG_WARNING;
	struct str stamp;
	struct str line = after_host(whole, &stamp);
	ptrdiff_t colon = str_find(line, STR(": "));

	buf_put(&text, str_head(line, colon < 0 ? 0 : (size_t)colon + 2));
	buf_putf(&text, "warning: %llu log lines were lost", (unsigned long long)n);
	whole_line(k, &b, stamp, buf_str(&text));
	if (!write_lines(k, buf_str(&b), &priority))
		atomic_fetch_add(&k->unreported, n - 1);
}

static void write_out(struct sinks *k, struct str lines, const char *priorities)
{
	(void)pthread_rwlock_rdlock(&k->lock);
	if (write_lines(k, lines, priorities) && atomic_load(&k->unreported) > 0)
		report_drops(k, str_head(lines, (size_t)str_chr(lines, '\n')));
	(void)pthread_rwlock_unlock(&k->lock);
}

/* As many whole lines as a datagram takes, one at least. */
static struct str first_batch(struct str lines, size_t *ret_n)
{
	size_t used = 0;

	*ret_n = 0;
	while (used < lines.len) {
		size_t len = (size_t)str_chr(str_skip(lines, used), '\n') + 1;

		if (*ret_n > 0 && used + len > BATCH_MAX)
			break;
		used += len;
		(*ret_n)++;
	}
	return str_head(lines, used);
}

/* Send what is pending until nothing is; gather_lock is held, but not while sending. */
static void send_pending(struct sinks *k)
{
	k->sending = true;
	while (k->pending.len > 0) {
		struct str rest;
		size_t sent = 0;

		buf_swap(&k->pending, &k->out);
		buf_swap(&k->priorities, &k->out_priorities);
		rest = buf_str(&k->out);
		(void)pthread_cond_broadcast(&k->gather_idle);
		(void)pthread_mutex_unlock(&k->gather_lock);
		while (rest.len > 0) {
			size_t n;
			struct str batch = first_batch(rest, &n);

			write_out(k, batch, k->out_priorities.ptr + sent);
			rest = str_skip(rest, batch.len);
			sent += n;
		}
		buf_clear(&k->out);
		buf_clear(&k->out_priorities);
		(void)pthread_mutex_lock(&k->gather_lock);
	}
	k->sending = false;
	(void)pthread_cond_broadcast(&k->gather_idle);
}

static void gather(struct sinks *k, struct str stamp, struct str line, int priority)
{
	(void)pthread_mutex_lock(&k->gather_lock);
	while (k->sending && k->pending.len + line.len > PENDING_MAX)
		(void)pthread_cond_wait(&k->gather_idle, &k->gather_lock);
	whole_line(k, &k->pending, stamp, line);
	buf_putc(&k->priorities, (char)priority);
	if (!k->sending && !(k->held && k->pending.len < BATCH_MAX))
		send_pending(k);
	(void)pthread_mutex_unlock(&k->gather_lock);
}

void sinks_write(struct sinks *k, struct str stamp, struct str line, int priority)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
	const char one = (char)priority;

	if (k->postlog != NULL) {
		gather(k, stamp, line, priority);
		return;
	}
	whole_line(k, &b, stamp, line);
	write_out(k, buf_str(&b), &one);
}

void sinks_hold(struct sinks *k, bool on)
{
	k->held = on;
	if (!on)
		sinks_flush(k);
}

void sinks_flush(struct sinks *k)
{
	(void)pthread_mutex_lock(&k->gather_lock);
	while (k->sending)
		(void)pthread_cond_wait(&k->gather_idle, &k->gather_lock);
	if (k->pending.len > 0)
		send_pending(k);
	(void)pthread_mutex_unlock(&k->gather_lock);
}

uint64_t sinks_dropped(const struct sinks *k)
{
	return atomic_load(&k->dropped);
}

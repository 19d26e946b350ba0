/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postlogd — writes maillog_file for everybody.
 *
 * Datagrams are complete lines without a last line end, made by log/; several lines in one have newlines
 * between. What has arrived is taken in batches and written with one write; while lines come fast,
 * postlogd rests a moment between batches, so that not every line wakes it. Nothing is flushed. The file is opened anew when it was moved away
 * (logrotate), checked once a second. Without maillog_file the lines go to syslog, so that a client
 * that still knows this socket loses nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/num.h"
#include "log/log.h"
#include "sandbox/sandbox.h"
#include "service/service.h"

/* Longest datagram, and how many are written at once. */
#define RECORD_MAX 4096
#define BATCH      64
/* The rest after a batch of several datagrams. */
#define REST_NSEC 400000

struct postlogd_conf {
	const char *maillog_file;
	const char *maillog_file_prefixes;
	const char *maillog_file_permissions;
};

static struct postlogd_conf the_conf;
static int the_file = -1;
static mode_t the_mode;
static usec_t the_checked;
static uint64_t the_lost;

static const struct conf_var vars[] = {
	CV_STR(struct postlogd_conf, maillog_file),
	CV_STR(struct postlogd_conf, maillog_file_prefixes),
	CV_STR(struct postlogd_conf, maillog_file_permissions),
	CV_END,
};

static bool has_prefix(struct str path, struct str prefixes)
{
	struct str p;

	while (str_word(&prefixes, ", \t\r\n", &p))
		if (str_starts(path, p))
			return true;
	return false;
}

static int open_file(struct why *why)
{
	int fd;

	fd_close(TAKE_FD(the_file));
	if (strcmp(the_conf.maillog_file, "/dev/stdout") == 0) {
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
		fd = fd < 0 ? -errno : fd;
	} else {
		fd = fd_open(the_conf.maillog_file, O_WRONLY | O_APPEND | O_CREAT, the_mode);
	}
	if (fd < 0)
		return why_errno(why, fd, "open maillog_file %s", the_conf.maillog_file);
	/* The umask of master may have taken bits from a new file; one of somebody else stays. */
	if (strncmp(the_conf.maillog_file, "/dev/", 5) != 0 && fchmod(fd, the_mode) < 0 &&
		errno != EPERM) {
		int r = -errno;

		fd_close(fd);
		return why_errno(why, r, "set permissions of %s", the_conf.maillog_file);
	}
	the_file = fd;
	the_checked = clock_now();
	return 0;
}

/* Opened before the jail, as root where we are root: the file may lie where only root can write. */
static int pre_jail(struct service_ctx *ctx, struct why *why)
{
	uint64_t mode;

	ctx->max_use = 0;
	if (*the_conf.maillog_file == '\0')
		return 0;
	if (!has_prefix(str_of(the_conf.maillog_file), str_of(the_conf.maillog_file_prefixes)))
		return why_set(why, -EINVAL,
			"maillog_file '%s' does not match any directory in maillog_file_prefixes '%s'",
			the_conf.maillog_file, the_conf.maillog_file_prefixes);
	if (num_octal(str_of(the_conf.maillog_file_permissions), 0777, &mode) < 0 ||
		(mode != 0600 && mode != 0640 && mode != 0644))
		return why_set(why, -EINVAL,
			"bad maillog_file_permissions '%s': use 0600, 0640 or 0644",
			the_conf.maillog_file_permissions);
	the_mode = (mode_t)mode;
	return open_file(why);
}

/* The file was moved away: open the new one. Past the jail that may fail; then the process ends and
 * its successor opens it with the privileges of the start. */
static void follow(struct service_ctx *ctx)
{
	struct stat now, open;
	struct why why;

	if (clock_now() - the_checked < USEC_PER_SEC ||
		strncmp(the_conf.maillog_file, "/dev/", 5) == 0)
		return;
	the_checked = clock_now();
	if (fstat(the_file, &open) == 0 && stat(the_conf.maillog_file, &now) == 0 &&
		open.st_ino == now.st_ino && open.st_dev == now.st_dev)
		return;
	if (open_file(&why) < 0)
		service_end(ctx, why.text);
}

static void forward(struct str lines)
{
	while (lines.len > 0) {
		ptrdiff_t end = str_chr(lines, '\n');
		struct str line = str_head(lines, end < 0 ? lines.len : (size_t)end);

		log_info(STR_FMT, STR_ARG(line));
		lines = str_skip(lines, MIN(lines.len, line.len + 1));
	}
}

/* A full disk must not stop the mail: records are counted, and the loss is told when it is over. */
static void write_out(struct str lines)
{
	if (the_file < 0 || fd_write_all(the_file, lines) < 0) {
		for (ptrdiff_t end; (end = str_chr(lines, '\n')) >= 0; the_lost++)
			lines = str_skip(lines, (size_t)end + 1);
	} else if (the_lost > 0) {
		log_warn("%llu log records could not be written", (unsigned long long)the_lost);
		the_lost = 0;
	}
}

static void datagram(struct service_ctx *ctx, int fd)
{
	static char text[BATCH * (RECORD_MAX + 1)];
	static const struct timespec rest = { .tv_nsec = REST_NSEC };
	size_t datagrams = 0;
	size_t len = 0;

	for (int n = 0; n < BATCH; n++) {
		ssize_t got = recv(fd, text + len, RECORD_MAX, MSG_DONTWAIT);

		if (got <= 0)
			break;
		for (ssize_t i = 0; i < got; i++)
			if (text[len + (size_t)i] == '\0')
				text[len + (size_t)i] = ' ';
		datagrams++;
		if (*the_conf.maillog_file == '\0') {
			forward(str_from(text + len, (size_t)got));
			continue;
		}
		len += (size_t)got;
		text[len++] = '\n';
	}
	if (len > 0) {
		if (the_file >= 0)
			follow(ctx);
		write_out(str_from(text, len));
	}
	if (datagrams > 1)
		(void)nanosleep(&rest, NULL);
}

int main(int argc, char **argv)
{
	static const struct service postlogd = {
		.name = "postlogd",
		.kind = SERVICE_DGRAM,
		.flags = SERVICE_SOLITARY,
		.vars = vars,
		.conf_base = &the_conf,
		.promises = P_STDIO | P_READ | P_MAILBOX | P_UNIX,
		.watchdog_param = "postlogd_watchdog_timeout",
		.pre_jail = pre_jail,
		.datagram = datagram,
	};

	service_main(argc, argv, &postlogd);
}

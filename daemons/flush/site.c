/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flush/site.c — the logs of the fast flush service.
 */
#include "site.h"

#include <errno.h>
#include <fcntl.h>
#include <idn2.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/map.h"
#include "log/log.h"
#include "queue/message.h"

/* Ids of one log that are compared with those that went before. */
#define MAX_SEEN 10000
/* Longest log that is read; a site with more waiting mail is served by the next flush. */
#define MAX_LOG ((size_t)64 * 1024 * 1024)

int site_file_name(struct str site, struct buf *ret)
{
	_cleanup_free_ char *text = str_dup(site);
	char *ascii = NULL;

	if (site.len == 0 || site.len > QUEUE_ID_MAX)
		return -EINVAL;
	if (str_has_8bit(site) && idn2_to_ascii_8z(text, &ascii, IDN2_NONTRANSITIONAL) != IDN2_OK)
		return -EINVAL;
	for (const char *p = ascii != NULL ? ascii : text; *p != '\0'; p++)
		buf_putc(ret,
			is_alnum((unsigned char)*p) ? (char)ascii_lower((unsigned char)*p) : '_');
	idn2_free(ascii);
	return queue_id_ok(buf_str(ret)) ? 0 : -EINVAL;
}

enum flush_status site_add(const struct queue_settings *q, struct str file, struct str id)
{
	_cleanup_buf_ struct buf line = BUF_LOCAL(BUF_SMALL);
	int fd = queue_open(q, STR(QUEUE_FLUSH), file, O_CREAT | O_APPEND | O_WRONLY, 0600);
	int r = fd;

	if (r >= 0)
		r = fd_flock(fd, LOCK_EX);
	if (r >= 0) {
		buf_put(&line, id);
		buf_putc(&line, '\n');
		r = fd_write_all(fd, buf_str(&line));
	}
	if (r >= 0)
		r = fd_close_checked(TAKE_FD(fd));
	if (r < 0)
		log_warn("flush/" STR_FMT ": %s", STR_ARG(file), strerrordesc_np(-r));
	fd_close(fd);
	return r < 0 ? FLUSH_FAIL : FLUSH_OK;
}

/* Now as time stamp, and the hint if it is wanted: 0, -ENOENT, other errno. */
static int touch(const struct queue_settings *q, const char *queue, struct str id, bool hint)
{
	_cleanup_(queue_message_closep) struct queue_message *m = NULL;
	int r = queue_message_open(q, str_of(queue), id, true, &m, NULL);

	if (r < 0)
		return r;
	if (hint && fchmod(queue_message_fd(m), queue_message_mode(m) | QUEUE_MODE_FLUSH) < 0)
		return -errno;
	return futimens(queue_message_fd(m), NULL) < 0 ? -errno : 0;
}

enum flush_status site_flush_one(const struct queue_settings *q, struct str id, bool hint)
{
	struct why why = { "" };
	int r = touch(q, QUEUE_DEFERRED, id, hint);

	if (r == 0)
		r = queue_move(q, id, STR(QUEUE_DEFERRED), STR(QUEUE_INCOMING), &why);
	if (r == -ENOENT)
		r = touch(q, QUEUE_INCOMING, id, hint);
	if (r == 0 || r == -ENOENT)
		return r == 0 ? FLUSH_OK : FLUSH_FAIL;
	log_warn(STR_FMT ": %s", STR_ARG(id), why.text[0] != '\0' ? why.text : strerrordesc_np(-r));
	return FLUSH_FAIL;
}

static void flush_ids(const struct queue_settings *q, struct str log)
{
	_cleanup_map_ struct map *seen = map_new(NULL);
	struct str id;

	while (str_word(&log, "\n", &id)) {
		if (!queue_id_ok(id)) {
			log_warn("bad queue id \"" STR_FMT "\" in a flush log", STR_ARG(id));
			continue;
		}
		if (map_has(seen, id))
			continue;
		if (map_count(seen) < MAX_SEEN)
			map_set(seen, id, NULL);
		(void)site_flush_one(q, id, false);
	}
}

enum flush_status site_flush(const struct queue_settings *q, struct str file)
{
	_cleanup_close_ int fd = queue_open(q, STR(QUEUE_FLUSH), file, O_RDWR, 0);
	_cleanup_buf_ struct buf log = BUF_LOCAL(MAX_LOG);
	int r;

	if (fd < 0)
		return fd == -ENOENT ? FLUSH_OK : FLUSH_FAIL;
	r = fd_flock(fd, LOCK_EX);
	if (r == 0)
		r = fd_read_all(fd, &log);
	if (r == 0 || r == -EMSGSIZE) {
		flush_ids(q, buf_str(&log));
		r = ftruncate(fd, 0) < 0 || futimens(fd, NULL) < 0 ? -errno : 0;
	}
	if (r < 0)
		log_warn("flush/" STR_FMT ": %s", STR_ARG(file), strerrordesc_np(-r));
	return r < 0 ? FLUSH_FAIL : FLUSH_OK;
}

bool site_refresh(const struct queue_settings *q, int64_t refresh, int64_t purge)
{
	_cleanup_(queue_scan_closep) struct queue_scan *s = NULL;
	bool any = false;
	struct str file;

	if (queue_scan_open(STR(QUEUE_FLUSH), &s) < 0)
		return false;
	while (queue_scan_next(s, &file) == 1) {
		struct stat st;
		int64_t now = time(NULL);

		if (lstat(queue_scan_path(s), &st) < 0 || !S_ISREG(st.st_mode))
			continue;
		if (st.st_size > 0 && st.st_atime + refresh <= now)
			any = site_flush(q, file) == FLUSH_OK || any;
		else if (st.st_size == 0 && st.st_mtime + purge <= now)
			IGNORE(queue_remove(q, STR(QUEUE_FLUSH), file));
	}
	return any;
}

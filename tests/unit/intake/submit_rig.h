/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Submissions for tests: records as text in ("T data", one a line; \0, \r and \n by escape), the file
 * of the maildrop as text out.
 */
#pragma once

#include <errno.h>

#include "../queue/spool.h"
#include "base/fd.h"
#include "intake/submit_priv.h"

static struct buf srig_log = BUF(BUF_MEDIUM);

static inline void srig_take_note(void *ctx, enum note_level level, const char *text)
{
	(void)ctx;
	buf_putf(&srig_log, "%s%s\n", level >= NOTE_WARN ? "warning: " : "", text);
}

static const struct notes srig_notes = { srig_take_note, NULL };
static const struct table_settings srig_tables = {
	.default_database_type = "inline",
	.queue_directory = "/",
	.notes = &srig_notes,
};

/* The defaults of the parameters. */
static inline struct submit_settings srig_settings(void)
{
	return (struct submit_settings){
		.authorized_submit_users = "static:anyone",
		.local_login_sender_maps = "static:*",
		.empty_address_local_login_sender_maps_lookup_key = "<>",
		.recipient_delimiter = "",
		.message_size_limit = 10240000,
		.tables = &srig_tables,
		.log = &srig_notes,
	};
}

struct srig_result {
	int end;         /* of the last record: 1, 0, or negative errno */
	unsigned status; /* of submit_finish(), when E came */
	char reason[600];
	char why[512];
	bool stored;     /* there is a complete file */
	struct buf file; /* dump, without T */
};

static inline void srig_unescape(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (c == '\\' && i + 1 < s.len) {
			c = s.ptr[++i];
			c = c == '0' ? '\0' : c == 'r' ? '\r' : c == 'n' ? '\n' : c;
		}
		buf_putc(b, c);
	}
}

static inline int srig_feed(struct submit *m, struct str rest, struct why *why)
{
	int r = 1;

	while (r > 0 && rest.len > 0) {
		_cleanup_buf_ struct buf data = BUF(BUF_MEDIUM);
		ptrdiff_t nl = str_chr(rest, '\n');
		struct str line = nl < 0 ? rest : str_head(rest, (size_t)nl);

		srig_unescape(&data, str_skip(line, MIN((size_t)2, line.len)));
		r = submit_record(m, line.ptr[0] == '?' ? 0 : line.ptr[0], buf_str(&data), why);
		rest = nl < 0 ? STR_EMPTY : str_skip(rest, (size_t)nl + 1);
	}
	return r;
}

static inline void srig_dump(struct buf *ret, struct str bytes)
{
	bool first = true;

	while (bytes.len > 0) {
		struct str data;
		int type;
		ssize_t n = rec_get(bytes, 0, &type, &data);

		assert_true(n > 0);
		assert_true(!first || type == REC_TIME);
		if (!first)
			buf_putf(ret, "%c%s" STR_FMT "\n", type, data.len > 0 ? " " : "",
				STR_ARG(data));
		first = false;
		bytes = str_skip(bytes, (size_t)n);
	}
}

/* One message through a conf; the file is looked at and removed. */
static inline struct srig_result srig_run(const struct submit_conf *c, const char *login,
	bool on_behalf, const char *script)
{
	struct srig_result res = { .file = BUF(BUF_MEDIUM) };
	struct submit_user u = { .uid = 1234 };
	struct str reason = STR_EMPTY;
	struct stat st;
	struct submit *m;
	struct why why = { "" };
	char path[300];

	buf_clear(&srig_log);
	(void)snprintf(u.login, sizeof u.login, "%s", login);
	assert_int_equal(submit_open(c, &u, on_behalf, &m, &why), 0);
	(void)snprintf(path, sizeof path, "maildrop/%s", submit_id(m));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0100, 0);
	res.end = srig_feed(m, str_of(script), &why);
	(void)snprintf(res.why, sizeof res.why, "%s", why.text);
	if (res.end == 0)
		res.status = submit_finish(m, &reason);
	assert_true(reason.len < sizeof res.reason);
	memcpy(res.reason, reason.ptr, reason.len);
	submit_free(m);
	res.stored = stat(path, &st) == 0;
	if (res.stored) {
		_cleanup_buf_ struct buf bytes = BUF(BUF_MEDIUM);

		assert_int_equal(st.st_mode & 07777, 0744);
		assert_int_equal(fd_read_file(path, &bytes), 0);
		srig_dump(&res.file, buf_str(&bytes));
		assert_int_equal(unlink(path), 0);
	}
	return res;
}

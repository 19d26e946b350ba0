/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages through intake for tests: records as text in, the queue file as text out.
 *
 * A script is lines "T data", one a record. The dump has the same form; queue ids become QID, the
 * stamps of message ids STAMP, and create_time has no value. What the expectations say was seen in
 * Postfix 3.7 on the same input unless a comment says otherwise.
 */
#pragma once

#include <errno.h>

#include "../queue/spool.h"
#include "base/fd.h"
#include "base/mem.h"
#include "intake/intake_priv.h"

static struct buf rig_log = BUF(BUF_MEDIUM);

static inline void rig_take_note(void *ctx, enum note_level level, const char *text)
{
	(void)ctx;
	buf_putf(&rig_log, "%s%s\n", level >= NOTE_WARN ? "warning: " : "", text);
}

static const struct notes rig_notes = { rig_take_note, NULL };
static const struct table_settings rig_tables = {
	.default_database_type = "inline",
	.queue_directory = "/",
	.notes = &rig_notes,
};
static const struct queue_settings rig_queue;

static inline struct router_settings rig_router_settings(void)
{
	return (struct router_settings){
		.myhostname = "mail.example.test",
		.mydomain = "example.test",
		.myorigin = "example.test",
		.mydestination = "example.test, localhost",
		.empty_address_recipient = "MAILER-DAEMON",
		.recipient_delimiter = "+",
		.double_bounce_sender = "double-bounce",
		.append_at_myorigin = true,
		.swap_bangpath = true,
		.allow_percent_hack = true,
		.remote_header_rewrite_domain = "",
		.resolve_dequoted_address = true,
		.virtual_alias_domains = "",
		.virtual_mailbox_domains = "",
		.relay_domains = "",
		.local_transport = "local",
		.virtual_transport = "virtual",
		.relay_transport = "relay",
		.default_transport = "smtp",
		.error_transport = "error",
		.relayhost = "",
		.transport_maps = "",
		.relocated_maps = "",
		.sender_dependent_relayhost_maps = "",
		.sender_dependent_default_transport_maps = "",
		.empty_address_relayhost_maps_lookup_key = "<>",
		.empty_address_default_transport_maps_lookup_key = "<>",
		.smtputf8_enable = true,
		.propagate_unmatched_extensions = "canonical, virtual",
		.parent_domain_matches_subdomains = "",
		.tables = &rig_tables,
	};
}

/* The defaults of the parameters. */
static inline struct intake_settings rig_settings(void)
{
	return (struct intake_settings){
		.myhostname = "mail.example.test",
		.myorigin = "example.test",
		.mail_name = "Postroad",
		.always_bcc = "",
		.sender_bcc_maps = "",
		.recipient_bcc_maps = "",
		.canonical_maps = "",
		.sender_canonical_maps = "",
		.recipient_canonical_maps = "",
		.canonical_classes =
			"envelope_sender, envelope_recipient, header_sender, header_recipient",
		.sender_canonical_classes = "envelope_sender, header_sender",
		.recipient_canonical_classes = "envelope_recipient, header_recipient",
		.masquerade_domains = "",
		.masquerade_exceptions = "",
		.masquerade_classes = "envelope_sender, header_sender, header_recipient",
		.virtual_alias_maps = "",
		.virtual_alias_recursion_limit = 1000,
		.virtual_alias_expansion_limit = 1000,
		.virtual_alias_address_length_limit = 1000,
		.propagate_unmatched_extensions = "canonical, virtual",
		.header_checks = "",
		.mime_header_checks = "",
		.nested_header_checks = "",
		.body_checks = "",
		.body_checks_size_limit = 51200,
		.message_drop_headers = "bcc, content-length, resent-bcc, return-path",
		.empty_address_recipient = "MAILER-DAEMON",
		.undisclosed_recipients_header = "",
		.remote_header_rewrite_domain = "",
		.header_from_format = "standard",
		.message_reject_characters = "",
		.message_strip_characters = "",
		.full_name_encoding_charset = "utf-8",
		.header_size_limit = 102400,
		.header_address_token_limit = 10240,
		.hopcount_limit = 50,
		.mime_boundary_length_limit = 2048,
		.mime_nesting_limit = 100,
		.queue_file_attribute_count_limit = 100,
		.message_size_limit = 10240000,
		.line_length_limit = 2048,
		.duplicate_filter_limit = 1000,
		.enable_original_recipient = true,
		.detect_8bit_encoding_header = true,
		.cleanup_replace_stray_cr_lf = true,
		.smtputf8_enable = true,
		.tls_required_enable = true,
		.requiretls_enable = true,
		.requiretls_esmtp_header = true,
		.non_empty_end_of_header_action = "fix_quietly",
		.verp_delimiter_filter = "-=+",
		.queue = &rig_queue,
		.tables = &rig_tables,
		.log = &rig_notes,
	};
}

/* Outcome of one message. */
struct rig_result {
	unsigned status;
	char reason[200];
	const char *queue; /* where the file is: "incoming", "hold", "" */
	struct buf file;   /* dump */
};

static inline void rig_replace(struct buf *b, const char *what, size_t len, const char *with)
{
	_cleanup_buf_ struct buf out = BUF(BUF_MEDIUM);
	struct str rest = buf_str(b);
	ptrdiff_t at;

	while (len > 0 && (at = str_find(rest, str_from(what, len))) >= 0) {
		buf_put(&out, str_head(rest, (size_t)at));
		buf_puts(&out, with);
		rest = str_skip(rest, (size_t)at + len);
	}
	buf_put(&out, rest);
	buf_clear(b);
	buf_put(b, buf_str(&out));
}

static inline void rig_dump(struct buf *ret, struct str bytes, const char *id)
{
	while (bytes.len > 0) {
		struct str data;
		int type;
		ssize_t n = rec_get(bytes, 0, &type, &data);

		assert_true(n > 0);
		if (type == REC_ATTR && str_starts(data, STR("create_time=")))
			data = STR("create_time");
		buf_putf(ret, "%c", type);
		if (data.len > 0)
			buf_putc(ret, ' ');
		buf_put(ret, data);
		buf_putc(ret, '\n');
		bytes = str_skip(bytes, (size_t)n);
	}
	rig_replace(ret, id, strlen(id), "QID");
}

/* "<20261121...QID@" has a stamp of fourteen digits. */
static inline void rig_mask_stamps(struct buf *b)
{
	for (size_t i = 0; i + 19 < b->len; i++) {
		size_t n = 0;

		while (b->ptr[i] == '<' && n < 14 && is_digit((unsigned char)b->ptr[i + 1 + n]))
			n++;
		if (n == 14 && strncmp(b->ptr + i + 15, ".QID@", 5) == 0)
			rig_replace(b, b->ptr + i + 1, 14, "STAMP");
	}
}

static inline void rig_feed(struct intake *it, const char *script)
{
	struct str rest = str_of(script);

	while (rest.len > 0) {
		ptrdiff_t nl = str_chr(rest, '\n');
		struct str line = nl < 0 ? rest : str_head(rest, (size_t)nl);

		(void)intake_record(it, line.ptr[0], str_skip(line, 2));
		rest = nl < 0 ? STR_EMPTY : str_skip(rest, (size_t)nl + 1);
	}
}

static inline void rig_load(struct rig_result *r, const char *id)
{
	static const char *const queues[] = { "incoming", "hold" };
	_cleanup_buf_ struct buf bytes = BUF(BUF_MEDIUM);

	r->queue = "";
	for (size_t i = 0; i < ARRAY_LEN(queues); i++) {
		char path[QUEUE_PATH_MAX];
		struct stat st;

		(void)snprintf(path, sizeof(path), "%s/%s", queues[i], id);
		if (stat(path, &st) < 0)
			continue;
		assert_int_equal(st.st_mode & 07777, 0700);
		assert_int_equal(fd_read_file(path, &bytes), 0);
		r->queue = queues[i];
		assert_int_equal(unlink(path), 0);
	}
	rig_dump(&r->file, buf_str(&bytes), id);
}

/* Settings made ready. */
struct rig {
	struct intake_settings set;
	struct router *router;
	struct intake_conf *conf;
};

static inline void rig_begin(struct rig *rig, const struct intake_settings *s)
{
	struct router_settings rs = rig_router_settings();
	struct why why = { "" };

	rs.remote_header_rewrite_domain = s->remote_header_rewrite_domain;
	rig->set = *s;
	assert_int_equal(router_new(&rs, &rig->router, &why), 0);
	rig->set.router = rig->router;
	if (intake_conf_new(&rig->set, &rig->conf, &why) < 0)
		fail_msg("%s", why.text);
}

static inline void rig_end(struct rig *rig)
{
	intake_conf_free(rig->conf);
	router_free(rig->router);
}

/* Run a script; the log is in rig_log. */
static inline void rig_message(struct rig *rig, unsigned flags, const char *script,
	struct rig_result *ret)
{
	struct intake *it;
	struct why why = { "" };
	struct str reason;
	char id[QUEUE_ID_MAX + 1];

	buf_clear(&rig_log);
	*ret = (struct rig_result){ .file = BUF(BUF_MEDIUM) };
	if (intake_open(rig->conf, flags, &it, &why) < 0)
		fail_msg("%s", why.text);
	(void)snprintf(id, sizeof(id), "%s", intake_id(it));
	rig_feed(it, script);
	ret->status = intake_finish(it, &reason);
	reason = str_head(reason, sizeof(ret->reason) - 1);
	if (reason.len > 0)
		memcpy(ret->reason, reason.ptr, reason.len);
	ret->reason[reason.len] = '\0';
	intake_free(it);
	rig_load(ret, id);
	rig_replace(&rig_log, id, strlen(id), "QID");
	rig_mask_stamps(&ret->file);
	rig_mask_stamps(&rig_log);
}

/* The same with settings of its own. */
static inline void rig_run(const struct intake_settings *s, unsigned flags, const char *script,
	struct rig_result *ret)
{
	struct rig rig;

	rig_begin(&rig, s);
	rig_message(&rig, flags, script, ret);
	rig_end(&rig);
}

/* A message whose outcome is 0, or a failure whose status and reason matter. */
struct rig_case {
	const char *script;
	const char *want; /* part of the dump that must be there; NULL: not looked at */
	const char *log;  /* part of the log that must be there; NULL: not looked at */
	unsigned status;
	const char *reason; /* NULL: none */
};

/* Text around what a case is about. */
#define RIG_ENV  "T 1700000000 123456\nA rewrite_context=local\nS s@example.test\n"
#define RIG_RCPT "R r@example.test\n"
#define RIG_HEAD RIG_ENV RIG_RCPT "M\nN Received: x\n"
#define RIG_TAIL "X\nE\n"
#define RIG_BODY "M\nN Received: x\nN \nN body\n" RIG_TAIL

static inline void rig_check(const struct intake_settings *s, unsigned flags,
	const struct rig_case *c, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct rig_result r;

		rig_run(s, flags, c[i].script, &r);
		if (r.status != c[i].status ||
			strcmp(r.reason, c[i].reason == NULL ? "" : c[i].reason) != 0)
			fail_msg("case %zu:\n%s\nstatus %u reason %s\n%s", i, c[i].script, r.status,
				r.reason, buf_cstr(&rig_log));
		if (c[i].want != NULL && str_find(buf_str(&r.file), str_of(c[i].want)) < 0)
			fail_msg("case %zu:\n%s\ngives\n%s\nwanted in it\n%s", i, c[i].script,
				buf_cstr(&r.file), c[i].want);
		if (c[i].log != NULL && str_find(buf_str(&rig_log), str_of(c[i].log)) < 0)
			fail_msg("case %zu:\n%s\nlogs\n%s\nwanted in it\n%s", i, c[i].script,
				buf_cstr(&rig_log), c[i].log);
		buf_done(&r.file);
	}
	buf_done(&rig_log);
}

/* main() of a test program. */
#define RIG_MAIN(...)                                                              \
	int main(void)                                                             \
	{                                                                          \
		const struct CMUnitTest tests[] = { __VA_ARGS__ };                 \
                                                                                   \
		(void)setenv("TZ", "UTC", 1);                                      \
		return cmocka_run_group_tests(tests, spool_setup, spool_teardown); \
	}                                                                          \
	struct rig_main_needs_semicolon

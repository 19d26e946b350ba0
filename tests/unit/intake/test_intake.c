/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of intake/intake.c: whole messages.
 */
#include "rig.h"

static void test_states(void **state)
{
	static const struct rig_case cases[] = {
		{ RIG_HEAD "N \nN body\n" RIG_TAIL, "C ", NULL, 0, NULL },
		{ RIG_HEAD "N body\nX\n", NULL, NULL, 1, NULL },
		{ RIG_ENV, NULL, NULL, 1, NULL },
		{ "", NULL, NULL, 1, NULL },
		{ RIG_HEAD "w x\n" RIG_TAIL, NULL, "record type 119 not allowed", 1, NULL },
		{ "m 0\n" RIG_HEAD "N \n" RIG_TAIL, NULL, NULL, 0, NULL },
		{ "m 2\n" RIG_HEAD "N \n" RIG_TAIL, NULL, "hand-over of milters is not supported",
			1, NULL },
		{ RIG_HEAD "N \n" RIG_TAIL "S x\nE\n", "E\n", NULL, 0, NULL },
	};
	struct intake_settings s = rig_settings();

	(void)state;
	rig_check(&s, INTAKE_INTERNAL, cases, ARRAY_LEN(cases));
}

/* Sizes and offsets, as Postfix has them for the same message but for its missing message_id. */
static void test_size_record(void **state)
{
	struct intake_settings s = rig_settings();
	struct rig_result r;

	(void)state;
	rig_run(&s, INTAKE_INTERNAL, RIG_HEAD "N \nN a\n" RIG_TAIL, &r);
	assert_int_equal(r.status, 0);
	assert_string_equal(r.queue, "incoming");
	assert_true(str_starts(buf_str(&r.file),
		STR("C             145             250               1               0"
		    "             145               0\n")));
	buf_done(&r.file);
	rig_run(&s, INTAKE_INTERNAL | INTAKE_HOLD, RIG_HEAD "N a\n" RIG_TAIL, &r);
	assert_string_equal(r.queue, "hold");
	buf_done(&r.file);
	rig_run(&s, INTAKE_INTERNAL | INTAKE_DISCARD, RIG_HEAD "N a\n" RIG_TAIL, &r);
	assert_int_equal(r.status, 0);
	assert_string_equal(r.queue, "");
	buf_done(&r.file);
	buf_done(&rig_log);
}

static int note_bounce(void *ctx, const struct intake_bounce *b)
{
	char path[QUEUE_PATH_MAX];
	struct stat st;

	/* The file is there for the bounce service, unfinished. */
	(void)snprintf(path, sizeof(path), "incoming/%s", b->id);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_true(st.st_size > 97);
	buf_putf(ctx, STR_FMT "|" STR_FMT "|" STR_FMT, STR_ARG(b->sender), STR_ARG(b->dsn),
		STR_ARG(b->reason));
	return 0;
}

static int fail_bounce(void *ctx, const struct intake_bounce *b)
{
	(void)ctx;
	(void)b;
	return -EIO;
}

static void test_bounce(void **state)
{
	static const struct {
		const char *script;
		unsigned status;
		const char *bounced;
	} cases[] = {
		{ RIG_HEAD "N X: rj\nN \n" RIG_TAIL, 0, "s@example.test|5.7.1|no" },
		{ RIG_HEAD "N X: rj4\nN \n" RIG_TAIL, INTAKE_STAT_DEFER, "" },
		{ RIG_HEAD "N Received: y\nN Received: y\nN Received: y\n" RIG_TAIL, 0,
			"s@example.test|5.4.0|too many hops" },
		{ RIG_ENV RIG_TAIL, INTAKE_STAT_BAD, "" },
	};
	_cleanup_buf_ struct buf seen = BUF(BUF_SMALL);
	struct intake_settings s = rig_settings();
	struct rig_result r;

	(void)state;
	s.header_checks = "regexp:{ {/^X: rj$/ REJECT no} {/^X: rj4$/ REJECT 4.0.0 x} }";
	s.hopcount_limit = 3;
	s.bounce = note_bounce;
	s.bounce_ctx = &seen;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		buf_clear(&seen);
		rig_run(&s, INTAKE_INTERNAL | INTAKE_FILTER | INTAKE_BOUNCE, cases[i].script, &r);
		if (r.status != cases[i].status || strcmp(buf_cstr(&seen), cases[i].bounced) != 0)
			fail_msg("case %zu: %u %s", i, r.status, buf_cstr(&seen));
		assert_string_equal(r.queue, "");
		buf_done(&r.file);
	}
	s.bounce = fail_bounce;
	rig_run(&s, INTAKE_INTERNAL | INTAKE_FILTER | INTAKE_BOUNCE, cases[0].script, &r);
	assert_int_equal(r.status, INTAKE_STAT_DEFER);
	buf_done(&r.file);
	buf_done(&rig_log);
}

static void test_size_limit(void **state)
{
	struct intake_settings s = rig_settings();
	struct rig_result r;

	(void)state;
	s.message_size_limit = 400;
	rig_run(&s, INTAKE_INTERNAL, RIG_HEAD "N \n" RIG_TAIL, &r);
	assert_int_equal(r.status, INTAKE_STAT_SIZE);
	assert_true(str_find(buf_str(&rig_log), STR("QID: queue file size limit exceeded")) >= 0);
	assert_string_equal(r.queue, "");
	buf_done(&r.file);
	s.message_size_limit = 0;
	rig_run(&s, INTAKE_INTERNAL, RIG_HEAD "N \n" RIG_TAIL, &r);
	assert_int_equal(r.status, 0);
	buf_done(&r.file);
	buf_done(&rig_log);
}

/* ---- one message after the other ---- */

#define ALL_FLAGS                                                                            \
	(INTAKE_FILTER | INTAKE_BCC_OK | INTAKE_MAP_OK | INTAKE_SMTPUTF8 | INTAKE_AUTOUTF8 | \
		INTAKE_REQUIRETLS)

/* Messages that leave as much behind as they can. */
static const struct {
	unsigned flags;
	const char *script;
} before[] = {
	{ INTAKE_EXTERNAL, RIG_BODY },
	{ INTAKE_INTERNAL, "" },
	{ ALL_FLAGS,
		RIG_ENV "A dsn_orig_rcpt=rfc822;x@y\nA notify_flags=1\nO orig@example.test\n" },
	{ ALL_FLAGS | INTAKE_HOLD,
		"T 1700000001 1\nA rewrite_context=remote\nA encoding=8bit\nA log_helo_name=h\n"
		"A log_message_origin=o[1.2.3.4]\nA log_protocol_name=P\nA envelope_id=e\n"
		"A ret_flags=1\nF Full Name\nS other@example.test\nV +=\nW 5\n"
		"A dsn_orig_rcpt=rfc822;x@y\nA notify_flags=2\n" RIG_RCPT
		"R r2@example.test\nR r3@example.test\nR r4@example.test\nR r5@example.test\n"
		"A x=y\nM\nN Received: x\nN Resent-From: a\nN Resent-Message-Id: <r@x>\n"
		"N Message-Id: <m@x>\nN To: b\nN Date: c\nN TLS-Required: no\n"
		"N X: filter\nN X: redirect\nN X: bcc\nN Content-Transfer-Encoding: 8bit\n"
		"N Content-Type: multipart/mixed; boundary=body\nN \nN --body\nN \nN x\n" RIG_TAIL },
	{ INTAKE_INTERNAL | INTAKE_DISCARD, RIG_BODY },
	{ ALL_FLAGS, RIG_HEAD "N Subject: \344\nN X: reject\nN \n" RIG_TAIL },
	{ ALL_FLAGS, RIG_HEAD "N Received: y\nN Received: z\nN Received: a\nN \n" RIG_TAIL },
	{ ALL_FLAGS, RIG_HEAD "N Content-Type: multipart/x; boundary=body\nL Subject: open" },
	{ ALL_FLAGS, RIG_HEAD "N X: warn\nN \nN --body\nL half a line" },
	{ INTAKE_INTERNAL, RIG_ENV RIG_BODY RIG_BODY "\001 x\n" },
};

static struct intake_settings settings_of_all(void)
{
	struct intake_settings s = rig_settings();

	s.header_checks = "regexp:{ {/^X: reject/ REJECT no} {/^X: filter/ FILTER a:b} "
			  "{/^X: redirect/ REDIRECT c@d} {/^X: bcc/ BCC e@f} {/^X: warn/ WARN w} }";
	s.hopcount_limit = 3;
	s.queue_file_attribute_count_limit = 9;
	s.always_add_missing_headers = true;
	s.undisclosed_recipients_header = "To: undisclosed-recipients:;";
	s.delay_warning_time = USEC_PER_SEC;
	s.strict_8bitmime = true;
	s.recipient_canonical_maps = "inline:{ r2@example.test=mapped@example.test }";
	return s;
}

/* What became of a message: all that anybody sees. */
static void put_outcome(struct buf *b, struct rig *rig, unsigned flags, const char *script)
{
	struct rig_result r;

	rig_message(rig, flags, script, &r);
	buf_putf(b, "%u|%s|%s\n", r.status, r.reason, r.queue);
	buf_put(b, buf_str(&r.file));
	buf_put(b, buf_str(&rig_log));
	buf_done(&r.file);
}

/* Whatever was before it in the same memory, a message is what it is alone. */
static void test_next(void **state)
{
	static const char *const plain[] = {
		RIG_BODY,
		RIG_HEAD "N \nN --body\nN X: y\n" RIG_TAIL,
		"T 1700000000 0\nS \n" RIG_RCPT RIG_RCPT "R r3@example.test\n" RIG_BODY,
		RIG_ENV "M\nN Received: x\nN \nN body\nX\nR r2@example.test\nE\n",
		RIG_ENV RIG_BODY,
		RIG_ENV "A a=b\nA c=d\n" RIG_RCPT
			"M\nN Received: x\nN Received: y\nN X: warn\nN \n" RIG_TAIL,
	};
	struct intake_settings s = settings_of_all();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(plain) * ARRAY_LEN(before); i++) {
		_cleanup_buf_ struct buf alone = BUF(BUF_MEDIUM), next = BUF(BUF_MEDIUM);
		_cleanup_buf_ struct buf drop = BUF(BUF_MEDIUM);
		size_t b = i % ARRAY_LEN(before), p = i / ARRAY_LEN(before);
		struct rig rig;

		rig_begin(&rig, &s);
		put_outcome(&alone, &rig, INTAKE_EXTERNAL, plain[p]);
		rig_end(&rig);
		rig_begin(&rig, &s);
		put_outcome(&drop, &rig, before[b].flags, before[b].script);
		put_outcome(&next, &rig, INTAKE_EXTERNAL, plain[p]);
		rig_end(&rig);
		if (!str_eq(buf_str(&next), buf_str(&alone)))
			fail_msg("plain %zu after %zu:\n%s\nalone:\n%s", p, b, buf_cstr(&next),
				buf_cstr(&alone));
	}
	buf_done(&rig_log);
}

/* As many messages at once as there may be: what is more than is kept is freed. */
static void test_many(void **state)
{
	static struct intake *it[250];
	struct intake_settings s = rig_settings();
	struct rig rig;
	struct why why;

	(void)state;
	rig_begin(&rig, &s);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < ARRAY_LEN(it); i++)
			assert_int_equal(intake_open(rig.conf, 0, &it[i], &why), 0);
		for (size_t i = 0; i < ARRAY_LEN(it); i++)
			intake_free(it[i]);
	}
	rig_end(&rig);
}

#ifdef __SANITIZE_ADDRESS__

/* Of <sanitizer/allocator_interface.h>, which gcc 12 has not. */
int __sanitizer_install_malloc_and_free_hooks(void (*alloc)(const volatile void *, size_t),
	void (*release)(const volatile void *));
size_t __sanitizer_get_current_allocated_bytes(void);

static void no_text(void *ctx, enum note_level level, const char *text)
{
	(void)ctx;
	(void)level;
	(void)text;
}

static int the_allocations;

static void count_malloc(const volatile void *p, size_t n)
{
	(void)p;
	(void)n;
	the_allocations++;
}

static void count_free(const volatile void *p)
{
	(void)p;
}

/* A message without a look at its file. */
static unsigned pass(struct rig *rig, const char *script)
{
	char path[QUEUE_PATH_MAX];
	struct intake *it;
	struct why why;
	unsigned status;

	if (intake_open(rig->conf, INTAKE_EXTERNAL, &it, &why) < 0)
		fail_msg("%s", why.text);
	(void)snprintf(path, sizeof(path), "incoming/%s", intake_id(it));
	rig_feed(it, script);
	status = intake_finish(it, NULL);
	intake_free(it);
	IGNORE(unlink(path) < 0);
	return status;
}

/* The first two messages of a kind make the memory that all others use. */
static void test_allocations(void **state)
{
	static const struct notes notes = { no_text, NULL };
	_cleanup_buf_ struct buf multi = BUF(BUF_MEDIUM);
	struct intake_settings s = rig_settings();
	struct rig rig;

	(void)state;
	assert_true(__sanitizer_install_malloc_and_free_hooks(count_malloc, count_free) > 0);
	s.log = &notes;
	for (int i = 0; i < 20; i++)
		buf_putf(&multi, "A dsn_orig_rcpt=rfc822;r%d@example.test\nR r%d@example.test\n", i,
			i);
	buf_puts(&multi, "M\nN Received: x\nN From: \"A B\" <a@b>\nN To: c@example.test\n"
			 "N Content-Type: multipart/mixed;\nN  boundary=\"=-abc\"\nN \n");
	for (int i = 0; i < 200; i++)
		buf_puts(&multi, "N --=-abc\nN \nN a line of text of some length, as they are\n");
	buf_puts(&multi, RIG_TAIL);
	rig_begin(&rig, &s);
	for (int i = 0; i < 6; i++) {
		_cleanup_buf_ struct buf script = BUF(BUF_MEDIUM);

		buf_puts(&script, RIG_ENV);
		if (i % 2 == 0)
			buf_puts(&script, RIG_RCPT RIG_BODY);
		else
			buf_put(&script, buf_str(&multi));
		the_allocations = 0;
		assert_int_equal(pass(&rig, buf_cstr(&script)), 0);
		if (i >= 4 && the_allocations != 0)
			fail_msg("message %d: %d allocations", i, the_allocations);
	}
	rig_end(&rig);
}

/* What a huge message took is given back. */
static void test_given_back(void **state)
{
	static const struct notes notes = { no_text, NULL };
	_cleanup_buf_ struct buf huge = BUF(BUF_MEDIUM);
	struct intake_settings s = rig_settings();
	size_t at_rest;
	struct rig rig;

	(void)state;
	s.log = &notes;
	buf_puts(&huge, RIG_ENV);
	for (int i = 0; i < 900; i++)
		buf_putf(&huge,
			"A dsn_orig_rcpt=rfc822;recipient%d@example.test\n"
			"R recipient%d@example.test\n",
			i, i);
	buf_puts(&huge, "M\nN Received: x\nN To: a@example.test");
	for (int i = 0; i < 3000; i++)
		buf_putf(&huge, ",\nN  somebody%d@example.test", i);
	buf_puts(&huge, "\n");
	for (int i = 0; i < 90; i++)
		buf_putf(&huge,
			"N Content-Type: multipart/x; boundary=\"%0500d\"\nN \nN --%0500d\n", i, i);
	for (int i = 0; i < 30000; i++)
		buf_puts(&huge, "N a line of text of some length, as they are\n");
	buf_puts(&huge, RIG_TAIL);
	rig_begin(&rig, &s);
	assert_int_equal(pass(&rig, RIG_ENV RIG_RCPT RIG_BODY), 0);
	at_rest = __sanitizer_get_current_allocated_bytes();
	assert_int_equal(pass(&rig, buf_cstr(&huge)), 0);
	assert_true(__sanitizer_get_current_allocated_bytes() < at_rest + (size_t)20 * 1024);
	rig_end(&rig);
}

#else

/* Only the sanitizer's allocator can be asked. */
static void test_allocations(void **state)
{
	(void)state;
	skip();
}

static void test_given_back(void **state)
{
	(void)state;
	skip();
}

#endif

RIG_MAIN(cmocka_unit_test(test_states), cmocka_unit_test(test_size_record),
	cmocka_unit_test(test_bounce), cmocka_unit_test(test_size_limit),
	cmocka_unit_test(test_next), cmocka_unit_test(test_many),
	cmocka_unit_test(test_allocations), cmocka_unit_test(test_given_back));

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of daemons/pipe/expand.c; tests/system/test_pipe.py has the same side by side with Postfix.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pipe.h"

static struct recipient rcpt[2];

static struct delivery_request request(void)
{
	rcpt[0] = (struct recipient){ .address = STR("User+Ext@Dom.Test"),
		.orig_addr = STR("Orig@X") };
	rcpt[1] = (struct recipient){ .address = STR("$sender b@Y") };
	return (struct delivery_request){ .rcpt = rcpt,
		.n_rcpt = 2,
		.sender = STR("S s@x"),
		.nexthop = STR("Hop"),
		.data_size = 17,
		.queue_id = STR("ID"),
		.dsn_envid = STR("env"),
		.client_addr = STR("1.2.3.4") };
}

static const struct expand_case {
	unsigned flags;
	const char *word;
	const char *want; /* joined by '|'; NULL: refused, for the reason in why */
	const char *why;
} cases[] = {
	{ 0, "plain", "plain", NULL },
	{ 0, "", "", NULL },
	{ 0, "$$", "$", NULL },
	{ 0, "$sender", "S s@x", NULL },
	{ 0, "a${sender}b$(nexthop)c$size", "aS s@xbHopc17", NULL },
	{ 0, "$envid$queue_id$client_address$client_port", "envID1.2.3.4", NULL },
	{ 0, "$recipient", "User+Ext@Dom.Test|$sender b@Y", NULL },
	{ 0, "<$user>", "<User>|<$sender b>", NULL },
	{ 0, "$extension", "Ext|", NULL },
	{ 0, "$mailbox@$domain", "User+Ext@Dom.Test|$sender b@Y", NULL },
	{ 0, "$original_recipient", "Orig@X|", NULL },
	{ PIPE_FOLD_USER, "$recipient", "user+ext@Dom.Test|$sender b@Y", NULL },
	{ PIPE_FOLD_HOST, "$recipient $nexthop", "User+Ext@dom.test hop|$sender b@y hop", NULL },
	{ PIPE_QUOTE, "$recipient", "User+Ext@Dom.Test|\"$sender b\"@Y", NULL },
	{ PIPE_QUOTE, "$sender", "\"S s\"@x", NULL },
	{ 0, "$", NULL, "empty macro name: \"$\"" },
	{ 0, "${}", NULL, "empty macro name: \"${}\"" },
	{ 0, "a$-", NULL, "empty macro name: \"a$-\"" },
	{ 0, "${sender", NULL, "truncated macro reference: \"${sender\"" },
	{ 0, "${a{b}", NULL, "truncated macro reference: \"${a{b}\"" },
	{ 0, "$(sender}", NULL, "truncated macro reference: \"$(sender}\"" },
	{ 0, "$nope", NULL, "here: unknown macro name: \"nope\"" },
	{ 0, "${a{b}c}", NULL, "here: unknown macro name: \"a{b}c\"" },
};

static void test_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_arena_ struct arena *a = arena_new(0);
		_cleanup_buf_ struct buf got = BUF(BUF_SMALL);
		struct pipe_expand x = { .flags = cases[i].flags,
			.delimiters = STR("+"),
			.where = "here" };
		struct delivery_request rq = request();
		char *words[] = { arena_cstr(a, str_of(cases[i].word)), NULL };
		struct why why = { "" };
		char **v = NULL;
		int e = pipe_expand(&x, words, &rq, a, &v, &why);

		if (cases[i].want == NULL) {
			if (e != -EINVAL || strcmp(why.text, cases[i].why) != 0)
				fail_msg("%s: %d %s", cases[i].word, e, why.text);
			continue;
		}
		if (e < 0)
			fail_msg("%s: %s", cases[i].word, why.text);
		for (size_t j = 0; v[j] != NULL; j++)
			buf_putf(&got, "%s%s", j > 0 ? "|" : "", v[j]);
		if (strcmp(buf_cstr(&got), cases[i].want) != 0)
			fail_msg("%s: %s", cases[i].word, buf_cstr(&got));
	}
}

/* More than any kernel takes is refused before it is built. */
static void test_too_much(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_buf_ struct buf b = BUF(BUF_MEDIUM);
	struct pipe_expand x = { .where = "here" };
	struct delivery_request rq = request();
	char macro[] = "$recipient";
	char *words[] = { macro, macro, macro, NULL };
	struct why why = { "" };
	char **v = NULL;

	(void)state;
	for (int i = 0; i < 2000000; i++)
		buf_putc(&b, 'a');
	rcpt[0].address = rcpt[1].address = buf_str(&b);
	assert_int_equal(pipe_expand(&x, words, &rq, a, &v, &why), -E2BIG);
	words[1] = NULL;
	assert_int_equal(pipe_expand(&x, words, &rq, a, &v, &why), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_too_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

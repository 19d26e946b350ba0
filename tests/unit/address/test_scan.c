/* SPDX-License-Identifier: Apache-2.0 */
/* The token scanner. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "address/tokens_priv.h"

/* Tokens as "A:text" with '_' for white space before them. */
static void show(struct buf *b, const struct tok *t)
{
	for (; t != NULL; t = t->next)
		if (t->type == TOK_SPECIAL)
			buf_putf(b, "%s%c|", t->space ? "_" : "", t->ch);
		else
			buf_putf(b, "%s%c:" STR_FMT "|", t->space ? "_" : "", (char)t->type,
				STR_ARG(t->text));
}

static void test_scan(void **state)
{
	static const struct {
		const char *in, *want;
	} cases[] = {
		{ "", "" },
		{ " \t\n", "" },
		{ "a@b.c", "A:a|@|A:b|.|A:c|" },
		{ "a (c (d) \\)) b", "A:a|_C:(c (d) \\))|_A:b|" },
		{ "(open (two", "C:(open (two))|" },
		{ "\"a\\\"b\" \"open", "Q:a\"b|_Q:open|" },
		{ "\"fold\n ed\"", "Q:fold ed|" },
		{ "\"a\\\nb\" (c\r\n d\\\n) e\\\nf", "Q:ab|_C:(c d\\)|_Q:ef|" },
		{ "[1.2\\].3] [x", "L:1.2].3|_L:x|" },
		{ "<@a,@b:c>;", "<|@|A:a|,|@|A:b|:|A:c|>|;|" },
		{ "a\\@b", "Q:a@b|" },
		{ "a\\", "Q:a\\|" },
		{ "\"", "Q:|" },
		{ ")", "A:)|" },
		{ "\"x\\", "Q:x\\|" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena *a = arena_new(0);
		struct buf b = BUF(1000);
		struct toks l;

		tok_scan(str_of(cases[i].in), 100, a, &l);
		show(&b, l.head);
		if (!str_eq(buf_str(&b), str_of(cases[i].want)))
			fail_msg("%s: got %s, want %s", cases[i].in, buf_cstr(&b), cases[i].want);
		buf_done(&b);
		arena_free(a);
	}
}

static void test_limit(void **state)
{
	struct arena *a = arena_new(0);
	struct toks l;

	(void)state;
	tok_scan(STR("a b c"), 3, a, &l);
	assert_int_equal(l.count, 3);
	tok_scan(STR("a b c d"), 3, a, &l);
	assert_int_equal(l.count, 3);
	arena_free(a);
}

/* Memory stays in proportion to the text. */
static void test_cost(void **state)
{
	struct arena *a = arena_new((size_t)64 << 20);
	struct buf b = BUF(1 << 20);
	struct toks l;

	(void)state;
	for (size_t i = 0; i < 100000; i++)
		buf_puts(&b, "\"[(");
	tok_scan(buf_str(&b), SIZE_MAX, a, &l);
	assert_true(arena_used(a) < ((size_t)32 << 20));
	buf_done(&b);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scan),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_cost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

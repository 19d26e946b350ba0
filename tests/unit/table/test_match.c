/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of table/match.c.
 */
#include "table/match.h"

#include "table_test.h"

struct row {
	enum match_kind kind;
	bool parent;
	const char *list;
	const char *name; /* or subject */
	const char *addr; /* NULL: match_str() */
	enum lookup want;
};

static const struct row rows[] = {
	{ MATCH_STRING, false, "a, b", "b", NULL, LOOKUP_FOUND },
	{ MATCH_STRING, false, "a, B", "b", NULL, LOOKUP_FOUND },
	{ MATCH_STRING, false, "a, !b c", "b", NULL, LOOKUP_NONE },
	{ MATCH_STRING, false, "!b static:all", "b", NULL, LOOKUP_NONE },
	{ MATCH_STRING, false, "!b static:all", "c", NULL, LOOKUP_FOUND },
	{ MATCH_STRING, false, "fail:x", "c", NULL, LOOKUP_TEMPFAIL },
	{ MATCH_STRING, false, "c fail:x", "c", NULL, LOOKUP_FOUND },
	{ MATCH_STRING, false, "!", "c", NULL, LOOKUP_TEMPFAIL },
	{ MATCH_STRING, false, "", "c", NULL, LOOKUP_NONE },
	{ MATCH_STRING, false, "inline:{ {a=1}, {c = 2 } }", "C", NULL, LOOKUP_FOUND },
	{ MATCH_STRING, false, "/no/such/file", "c", NULL, LOOKUP_TEMPFAIL },
	{ MATCH_DOMAIN, false, "example.com", "example.com", NULL, LOOKUP_FOUND },
	{ MATCH_DOMAIN, false, "example.com", "a.example.com", NULL, LOOKUP_NONE },
	{ MATCH_DOMAIN, true, "example.com", "a.example.com", NULL, LOOKUP_FOUND },
	{ MATCH_DOMAIN, true, "example.com", "aexample.com", NULL, LOOKUP_NONE },
	{ MATCH_DOMAIN, false, ".example.com", "a.b.EXAMPLE.com", NULL, LOOKUP_FOUND },
	{ MATCH_DOMAIN, false, ".example.com", "example.com", NULL, LOOKUP_NONE },
	{ MATCH_DOMAIN, false, "inline:{.example.com=x}", "a.example.com", NULL, LOOKUP_FOUND },
	{ MATCH_DOMAIN, false, "inline:{example.com=x}", "a.example.com", NULL, LOOKUP_NONE },
	{ MATCH_DOMAIN, true, "inline:{example.com=x}", "a.example.com", NULL, LOOKUP_FOUND },
	{ MATCH_DOMAIN, true, "regexp:{{/^com$/ x}}", "a.com", NULL, LOOKUP_NONE },
	{ MATCH_NAMADR, false, "10.0.0.0/8", "unknown", "10.1.2.3", LOOKUP_FOUND },
	{ MATCH_NAMADR, false, "10.0.0.0/8", "unknown", "11.1.2.3", LOOKUP_NONE },
	{ MATCH_NAMADR, false, "!10.1.0.0/16 10.0.0.0/8", "unknown", "10.1.2.3", LOOKUP_NONE },
	{ MATCH_NAMADR, false, "[2001:db8::]/32", "unknown", "2001:db8::1", LOOKUP_FOUND },
	{ MATCH_NAMADR, false, "[::1]", "unknown", "::1", LOOKUP_FOUND },
	{ MATCH_NAMADR, false, "10.1.1.1/8", "unknown", "10.1.2.3", LOOKUP_TEMPFAIL },
	{ MATCH_NAMADR, false, "1.2.3.4 10.1.1.1/8", "unknown", "1.2.3.4", LOOKUP_FOUND },
	{ MATCH_NAMADR, false, "host.example", "host.example", "1.2.3.4", LOOKUP_FOUND },
	{ MATCH_NAMADR, false, "unknown", "unknown", "1.2.3.4", LOOKUP_NONE },
	{ MATCH_NAMADR, false, "cidr:{{1.2.3.0/24 x}}", "unknown", "1.2.3.4", LOOKUP_FOUND },
	{ MATCH_NAMADR, false, "static:all", "unknown", "1.2.3.4", LOOKUP_FOUND },
	{ MATCH_ADDRESS, false, "user@example.com", "User@Example.com", NULL, LOOKUP_FOUND },
	{ MATCH_ADDRESS, false, "example.com", "user@example.com", NULL, LOOKUP_FOUND },
	{ MATCH_ADDRESS, false, "user@", "user@other.example", NULL, LOOKUP_FOUND },
	{ MATCH_ADDRESS, false, "example.com", "user@a.example.com", NULL, LOOKUP_NONE },
	{ MATCH_ADDRESS, true, "example.com", "user@a.example.com", NULL, LOOKUP_FOUND },
	{ MATCH_STRING, false, "/tmp-list-1", "x", NULL, LOOKUP_TEMPFAIL },
};

static enum lookup ask(const struct row *row, const char *list)
{
	struct match_list *m = match_new(&tt_settings, "title", row->kind, row->parent,
		str_of(list));
	struct why why = { "" };
	enum lookup r = row->addr == NULL
				? match_str(m, str_of(row->name), &why)
				: match_client(m, str_of(row->name), str_of(row->addr), &why);

	assert_null(match_changed(m));
	match_free(m);
	return r;
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		enum lookup got = ask(&rows[i], rows[i].list);

		if (got != rows[i].want)
			fail_msg("row %zu: \"%s\" %s: got %d, want %d", i, rows[i].list,
				rows[i].name, got, rows[i].want);
	}
}

static void test_file(void **state)
{
	char dir[512], list[600];
	struct row row = { MATCH_STRING, false, "", "b", NULL, LOOKUP_FOUND };

	(void)state;
	assert_non_null(getcwd(dir, sizeof(dir)));
	tt_file("match-list", "# comment\na\n  b, c\n");
	(void)snprintf(list, sizeof(list), "x %s/match-list", dir);
	assert_int_equal(ask(&row, list), LOOKUP_FOUND);
	(void)snprintf(list, sizeof(list), "x !%s/match-list static:all", dir);
	assert_int_equal(ask(&row, list), LOOKUP_NONE);
	row.name = "d";
	assert_int_equal(ask(&row, list), LOOKUP_FOUND);
	/* A file that names itself. */
	tt_file("match-list", list);
	(void)snprintf(list, sizeof(list), "%s/match-list", dir);
	tt_file("match-list", list);
	assert_int_equal(ask(&row, list), LOOKUP_TEMPFAIL);
	(void)unlink("match-list");
}

static void test_failed(void **state)
{
	struct match_list *m = match_new(&tt_settings, "title", MATCH_STRING, false, STR("a ! b"));

	(void)state;
	assert_string_equal(match_failed(m), "title: no pattern after '!'");
	match_free(m);
	m = match_new(&tt_settings, "title", MATCH_STRING, false, STR("inline:{a=b"));
	assert_non_null(match_failed(m));
	match_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_failed),
	};
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	buf_done(&tt_notes);
	return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry against a list of documented names and defaults, lookup, nearest names.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/fd.h"

#include "conf/conf.h"

/** Defaults that differ on purpose; NULL: the place is chosen when the tree is configured. */
static const struct {
	const char *name;
	const char *def;
	const char *reason;
} differences[] = {
	{ "mail_name", "Postroad", "our name" },
	{ "mail_version", NULL, "begins with the release we match, then our own version" },
	{ "mail_release_date", NULL, "our own release" },
	{ "default_database_type", "lmdb", "kept up, in every build; Berkeley DB is a module" },
	{ "default_cache_db_type", "lmdb", "as default_database_type" },
	{ "command_directory", NULL, "installation" },
	{ "config_directory", NULL, "installation" },
	{ "daemon_directory", NULL, "installation" },
	{ "data_directory", NULL, "installation" },
	{ "mail_owner", NULL, "installation" },
	{ "mailq_path", NULL, "installation" },
	{ "manpage_directory", NULL, "installation" },
	{ "meta_directory", NULL, "installation" },
	{ "newaliases_path", NULL, "installation" },
	{ "queue_directory", NULL, "installation" },
	{ "sample_directory", NULL, "installation" },
	{ "sendmail_path", NULL, "installation" },
	{ "setgid_group", NULL, "installation" },
	{ "shlib_directory", NULL, "installation: tables as modules" },
};

static const char *type_name(enum conf_type t)
{
	static const char *const names[] = {
		[CONF_STR] = "string",
		[CONF_RAW] = "raw",
		[CONF_INT] = "int",
		[CONF_NINT] = "nint",
		[CONF_LONG] = "long",
		[CONF_BOOL] = "bool",
		[CONF_NBOOL] = "nbool",
		[CONF_TIME] = "time",
	};

	return names[t];
}

static bool differs(struct str name, struct str def)
{
	for (size_t i = 0; i < ARRAY_LEN(differences); i++)
		if (str_eq(name, str_of(differences[i].name)))
			return differences[i].def == NULL ||
			       str_eq(def, str_of(differences[i].def));
	return false;
}

static bool check_line(struct str line)
{
	const struct conf_param *p;
	struct str name, def, type;
	ptrdiff_t tab = str_chr(line, '\t'), last = str_rchr(line, '\t');

	assert_true(tab > 0 && last > tab);
	name = str_head(line, (size_t)tab);
	def = str_from(line.ptr + tab + 1, (size_t)(last - tab - 1));
	type = str_skip(line, (size_t)last + 1);
	p = conf_param_find(name);
	if (p == NULL) {
		print_error("%.*s: not in the registry\n", STR_ARG(name));
		return false;
	}
	if (str_eq(def, STR("(computed)")))
		def = STR_EMPTY;
	if (!str_eq(def, str_of(p->def)) && !differs(name, str_of(p->def))) {
		print_error("%.*s: default \"%s\", documented \"%.*s\"\n", STR_ARG(name), p->def,
			STR_ARG(def));
		return false;
	}
	if (!str_eq(type, str_of(type_name(p->type)))) {
		print_error("%.*s: type %s, documented %.*s\n", STR_ARG(name), type_name(p->type),
			STR_ARG(type));
		return false;
	}
	return true;
}

static void documented(void **state)
{
	_cleanup_buf_ struct buf text = BUF(BUF_MEDIUM);
	_cleanup_buf_ struct buf path = BUF(BUF_SMALL);
	struct str rest, line;
	size_t n = 0, bad = 0;

	(void)state;
	buf_putf(&path, "%s/tests/unit/conf/defaults.tsv", getenv("POSTROAD_SOURCE"));
	assert_int_equal(fd_read_file(buf_cstr(&path), &text), 0);
	rest = buf_str(&text);
	while (str_word(&rest, "\n", &line)) {
		if (line.ptr[0] == '#')
			continue;
		bad += !check_line(line);
		n++;
	}
	assert_int_equal(bad, 0);
	assert_int_equal(n, 1019);
}

static void sorted_and_described(void **state)
{
	size_t n = 0;
	const struct conf_param *p = conf_params(&n);

	(void)state;
	assert_true(n > 900);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && str_cmp(str_of(p[i - 1].name), str_of(p[i].name)) >= 0)
			fail_msg("%s stands before %s", p[i - 1].name, p[i].name);
		if (p[i].about[0] == '\0' || strlen(p[i].about) > 100)
			fail_msg("%s: no good description", p[i].name);
		if ((p[i].type == CONF_TIME) != (p[i].unit != 0))
			fail_msg("%s: a unit belongs to times", p[i].name);
		if (conf_param_find(str_of(p[i].name)) != &p[i])
			fail_msg("%s is not found", p[i].name);
	}
}

static void transports(void **state)
{
	static const struct {
		const char *name;
		const char *entry;
		const char *service;
	} cases[] = {
		{ "smtp_recipient_limit", "transport_recipient_limit", "smtp" },
		{ "my_own_destination_recipient_limit", "transport_destination_recipient_limit",
			"my_own" },
		{ "maildrop_time_limit", "transport_time_limit", "maildrop" },
		{ "local_destination_concurrency_limit", "local_destination_concurrency_limit",
			"local" },
		{ "relay_transport_rate_delay", "transport_transport_rate_delay", "relay" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct conf_param *p = conf_param_find(str_of(cases[i].name));
		struct str service = STR_EMPTY;

		if (p == NULL || strcmp(p->name, cases[i].entry) != 0)
			fail_msg("%s: found %s", cases[i].name, p == NULL ? "nothing" : p->name);
		assert_non_null(conf_param_of_transport(str_of(cases[i].name), &service));
		assert_true(str_eq(service, str_of(cases[i].service)));
	}
	assert_null(conf_param_find(STR("_recipient_limit")));
	assert_null(conf_param_find(STR("recipient_limit")));
	assert_string_equal(conf_param_find(STR("smtpd_recipient_limit"))->def, "1000");
}

static void nearest(void **state)
{
	static const struct {
		const char *name;
		const char *want;
	} cases[] = {
		{ "smtpd_bannner", "smtpd_banner" },
		{ "myhostnmae", "myhostname" },
		{ "relay_host", "relayhost" },
		{ "my_destination", "mydestination" },
		{ "biff", "biff" },
		{ "zzz", NULL },
		{ "completely_different_from_all", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *got = conf_param_nearest(str_of(cases[i].name));

		if ((got == NULL) != (cases[i].want == NULL) ||
			(got != NULL && strcmp(got, cases[i].want) != 0))
			fail_msg("%s: %s", cases[i].name, got == NULL ? "nothing" : got);
	}
}

static void old_names(void **state)
{
	(void)state;
	assert_int_equal(conf_old_find(STR("smtp_use_tls"))->kind, CONF_OLD_DEPRECATED);
	assert_int_equal(conf_old_find(STR("virtual_maps"))->kind, CONF_OLD_LEGACY);
	assert_int_equal(conf_old_find(STR("sender_based_routing"))->kind, CONF_OLD_REMOVED);
	assert_null(conf_old_find(STR("myhostname")));
	assert_string_equal(conf_param_find(STR("virtual_maps"))->def, "");
	assert_null(conf_param_find(STR("sender_based_routing")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documented),
		cmocka_unit_test(sorted_and_described),
		cmocka_unit_test(transports),
		cmocka_unit_test(nearest),
		cmocka_unit_test(old_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

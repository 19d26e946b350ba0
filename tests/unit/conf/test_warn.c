/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Remarks on settings that do nothing.
 */
#include "dir.h"

#include "conf/conf.h"

static void remarks(void **state)
{
	struct dir d = dir_make(
		"smtpd_bannner = x\nzzz = 1\nsender_based_routing = no\n"
		"smtp_use_tls = yes\nmine = x\nswap_bangpath = yes\nsun_mailtool_compatibility = no\nrelayhost = $mine\n",
		"smtp inet n - n - - smtpd -o myhostnam=y -o { sun_mailtool_compatibility = yes }\n");
	_cleanup_(conf_freep) struct conf *c = NULL;
	_cleanup_buf_ struct buf said = BUF(BUF_SMALL);
	struct notes n = { collect, &said };
	struct why why = { "" };
	static const char *const want[] = {
		"/main.cf: unused parameter: smtpd_bannner=x (did you mean \"smtpd_banner\"?)\n",
		"/main.cf: unused parameter: zzz=1\n",
		"/main.cf: support for parameter \"sender_based_routing\" was removed in 2.1; use "
		"sender_dependent_relayhost_maps\n",
		"/main.cf: support for parameter \"smtp_use_tls\" will be removed; use "
		"smtp_tls_security_level\n",
		"/master.cf: smtp/inet: unused parameter: myhostnam=y (did you mean "
		"\"myhostname\"?)\n",
		"/master.cf: smtp/inet: parameter \"sun_mailtool_compatibility\" is set, but "
		"nothing in Postroad heeds it\n",
	};

	(void)state;
	assert_int_equal(conf_load(d.path, &n, &c, &why), 0);
	conf_warn_unheeded(c, &n);
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		if (strstr(buf_cstr(&said), want[i]) == NULL)
			fail_msg("not said: %s said: %s", want[i], buf_cstr(&said));
	assert_null(strstr(buf_cstr(&said), "mine"));
	assert_null(strstr(buf_cstr(&said), "main.cf: parameter \"sun_mailtool_compatibility\""));
	dir_remove(&d);
}

static void no_master_cf(void **state)
{
	struct dir d = dir_make("zzz = 1\n", NULL);
	_cleanup_(conf_freep) struct conf *c = NULL;
	_cleanup_buf_ struct buf said = BUF(BUF_SMALL);
	struct notes n = { collect, &said };

	(void)state;
	assert_int_equal(conf_load(d.path, &n, &c, NULL), 0);
	conf_warn_unheeded(c, &n);
	assert_non_null(strstr(buf_cstr(&said), "unused parameter: zzz=1"));
	dir_remove(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(remarks),
		cmocka_unit_test(no_master_cf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

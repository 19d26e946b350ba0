/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/report_settings.c — see report_settings.h.
 */
#include "service/report_settings.h"

#include <errno.h>

#include "base/buf.h"
#include "service/table_settings.h"

struct params {
	const char *bounce_service_name, *defer_service_name, *trace_service_name;
	const char *flush_service_name, *address_verify_service_name;
	usec_t ipc_timeout;
	bool soft_bounce, address_verify_negative_cache, smtp_log_tls_feature_status;
	const char *info_log_address_format, *fast_flush_domains;
	const char *parent_domain_matches_subdomains;
	int64_t delay_logging_resolution_limit;
};

static const struct conf_var vars[] = {
	CV_STR(struct params, bounce_service_name),
	CV_STR(struct params, defer_service_name),
	CV_STR(struct params, trace_service_name),
	CV_STR(struct params, flush_service_name),
	CV_STR(struct params, address_verify_service_name),
	CV_TIME(struct params, ipc_timeout),
	CV_BOOL(struct params, soft_bounce),
	CV_BOOL(struct params, address_verify_negative_cache),
	CV_BOOL(struct params, smtp_log_tls_feature_status),
	CV_STR(struct params, info_log_address_format),
	CV_STR(struct params, fast_flush_domains),
	CV_STR(struct params, parent_domain_matches_subdomains),
	CV_INT(struct params, delay_logging_resolution_limit),
	CV_END,
};

static char *socket_path(const char *class, const char *name)
{
	struct buf b = BUF(BUF_SMALL);

	buf_putf(&b, "%s/%s", class, name);
	return buf_take(&b);
}

static bool list_has(const char *list, struct str word)
{
	struct str rest = str_of(list), w;

	while (str_word(&rest, ", \t\r\n", &w))
		if (str_ieq(w, word))
			return true;
	return false;
}

static int address_format(const char *value, bool *ret_internal, struct why *why)
{
	bool internal = str_ieq(str_of(value), STR("internal"));

	if (!internal && !str_ieq(str_of(value), STR("external")))
		return why_set(why, -EINVAL,
			"bad value \"%s\" of info_log_address_format: specify external or internal",
			value);
	*ret_internal = internal;
	return 0;
}

static int fill(struct conf *c, const char *agent, const struct notes *n, struct report_params *ret,
	struct why *why)
{
	_cleanup_buf_ struct buf name = BUF_LOCAL(BUF_SMALL);
	struct params p = { 0 };
	int e = conf_fill(c, vars, &p, why);

	if (e == 0)
		e = table_settings_from_conf(c, n, &ret->tables, why);
	buf_putf(&name, "%s_delivery_status_filter", agent == NULL ? "default" : agent);
	if (e == 0)
		e = conf_str(c, buf_cstr(&name), &ret->filter, why);
	if (e == 0)
		e = address_format(p.info_log_address_format, &ret->s.info_address_internal, why);
	if (e < 0)
		return e;
	ret->paths[0] = socket_path("private", p.bounce_service_name);
	ret->paths[1] = socket_path("private", p.defer_service_name);
	ret->paths[2] = socket_path("private", p.trace_service_name);
	ret->paths[3] = socket_path("public", p.flush_service_name);
	ret->paths[4] = socket_path("private", p.address_verify_service_name);
	ret->s.bounce_path = ret->paths[0];
	ret->s.defer_path = ret->paths[1];
	ret->s.trace_path = ret->paths[2];
	ret->s.flush_path = ret->paths[3];
	ret->s.verify_path = ret->paths[4];
	ret->s.ipc_timeout = p.ipc_timeout;
	ret->s.soft_bounce = p.soft_bounce;
	ret->s.verify_negative_cache = p.address_verify_negative_cache;
	ret->s.smtp_log_tls_feature_status = p.smtp_log_tls_feature_status;
	ret->s.delay_logging_resolution_limit = p.delay_logging_resolution_limit;
	ret->s.delivery_status_filter = ret->filter;
	ret->s.fast_flush_domains = p.fast_flush_domains;
	ret->s.fast_flush_parent = list_has(p.parent_domain_matches_subdomains,
		STR("fast_flush_domains"));
	ret->s.tables = &ret->tables;
	ret->s.log = n;
	return 0;
}

int report_params_open(struct conf *c, const char *agent, const struct notes *n,
	struct report_params *ret, struct report_conf **ret_conf, struct why *why)
{
	int e;

	*ret = (struct report_params){ 0 };
	e = fill(c, agent, n, ret, why);
	if (e == 0)
		e = report_conf_new(&ret->s, ret_conf, why);
	if (e < 0)
		report_params_done(ret);
	return e;
}

void report_params_done(struct report_params *p)
{
	for (size_t i = 0; i < ARRAY_LEN(p->paths); i++)
		free(p->paths[i]);
	free(p->filter);
	*p = (struct report_params){ 0 };
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qmgr/params.c — what main.cf says: the daemon's own parameters, per-transport ones, the router.
 */
#include <errno.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "log/log.h"
#include "qmgr.h"
#include "service/router_settings.h"

/* Tables are looked at this often for changes. */
#define TABLE_CHECK_TIME USEC_PER_SEC

const struct conf_var qmgr_vars[] = {
	CV_STR(struct qmgr_conf, hash_queue_names),
	CV_INT(struct qmgr_conf, hash_queue_depth),
	CV_BOOL(struct qmgr_conf, enable_long_queue_ids),
	CV_STR(struct qmgr_conf, defer_transports),
	CV_STR(struct qmgr_conf, default_filter_nexthop),
	CV_STR(struct qmgr_conf, double_bounce_sender),
	CV_STR(struct qmgr_conf, recipient_delimiter),
	CV_STR(struct qmgr_conf, bounce_service_name),
	CV_STR(struct qmgr_conf, defer_service_name),
	CV_STR(struct qmgr_conf, trace_service_name),
	CV_STR(struct qmgr_conf, error_service_name),
	CV_STR(struct qmgr_conf, address_verify_service_name),
	CV_STR(struct qmgr_conf, info_log_address_format),
	CV_BOOL(struct qmgr_conf, disable_verp_bounces),
	CV_BOOL(struct qmgr_conf, confirm_delay_cleared),
	CV_BOOL(struct qmgr_conf, helpful_warnings),
	CV_INT(struct qmgr_conf, address_verify_pending_request_limit),
	CV_INT(struct qmgr_conf, delay_logging_resolution_limit),
	CV_INT(struct qmgr_conf, qmgr_message_active_limit),
	CV_INT(struct qmgr_conf, qmgr_message_recipient_limit),
	CV_INT(struct qmgr_conf, qmgr_message_recipient_minimum),
	CV_TIME(struct qmgr_conf, bounce_queue_lifetime),
	CV_TIME(struct qmgr_conf, daemon_timeout),
	CV_TIME(struct qmgr_conf, maximal_backoff_time),
	CV_TIME(struct qmgr_conf, maximal_queue_lifetime),
	CV_TIME(struct qmgr_conf, minimal_backoff_time),
	CV_TIME(struct qmgr_conf, qmgr_clog_warn_time),
	CV_TIME(struct qmgr_conf, qmgr_ipc_timeout),
	CV_TIME(struct qmgr_conf, queue_run_delay),
	CV_TIME(struct qmgr_conf, transport_retry_time),
	CV_END,
};

/* The name of a transport's own parameter when the registry knows it, else the default's. */
static const char *param_name(struct buf *b, struct str transport, const char *suffix,
	const char *fallback)
{
	buf_clear(b);
	buf_putf(b, STR_FMT "%s", STR_ARG(transport), suffix);
	return conf_param_find(buf_str(b)) != NULL ? buf_cstr(b) : fallback;
}

static int get_int(const struct conf *c, struct str transport, const char *suffix,
	const char *fallback, unsigned *ret, struct why *why)
{
	_cleanup_buf_ struct buf name = BUF_LOCAL(BUF_SMALL);
	int64_t v = 0;
	int r = conf_int(c, param_name(&name, transport, suffix, fallback), &v, why);

	if (r == 0)
		*ret = (unsigned)MIN(v, (int64_t)INT32_MAX);
	return r;
}

static int get_time(const struct conf *c, struct str transport, const char *suffix,
	const char *fallback, usec_t *ret, struct why *why)
{
	_cleanup_buf_ struct buf name = BUF_LOCAL(BUF_SMALL);

	return conf_time(c, param_name(&name, transport, suffix, fallback), ret, why);
}

static int get_feedback(const struct conf *c, struct str transport, const char *suffix,
	const char *fallback, struct feedback *ret, struct why *why)
{
	_cleanup_buf_ struct buf name = BUF_LOCAL(BUF_SMALL);
	_cleanup_free_ char *text = NULL;
	int r = conf_str(c, param_name(&name, transport, suffix, fallback), &text, why);

	return r < 0 ? r : feedback_parse(str_of(text), ret, why);
}

int qmgr_params(const struct qmgr *q, struct str t, struct sched_params *ret, struct why *why)
{
	const struct conf *c = q->ctx->conf;
	struct sched_params p = { 0 };
	int r = get_int(c, t, "_initial_destination_concurrency", "initial_destination_concurrency",
		&p.initial_concurrency, why);

	if (r == 0)
		r = get_int(c, t, "_destination_concurrency_limit",
			"default_destination_concurrency_limit", &p.concurrency_limit, why);
	if (r == 0)
		r = get_int(c, t, "_destination_recipient_limit",
			"default_destination_recipient_limit", &p.recipient_limit, why);
	if (r == 0)
		r = get_int(c, t, "_destination_concurrency_failed_cohort_limit",
			"default_destination_concurrency_failed_cohort_limit",
			&p.failed_cohort_limit, why);
	if (r == 0)
		r = get_feedback(c, t, "_destination_concurrency_positive_feedback",
			"default_destination_concurrency_positive_feedback", &p.positive, why);
	if (r == 0)
		r = get_feedback(c, t, "_destination_concurrency_negative_feedback",
			"default_destination_concurrency_negative_feedback", &p.negative, why);
	if (r == 0)
		r = get_time(c, t, "_destination_rate_delay", "default_destination_rate_delay",
			&p.destination_rate_delay, why);
	if (r == 0)
		r = get_time(c, t, "_transport_rate_delay", "default_transport_rate_delay",
			&p.transport_rate_delay, why);
	if (r == 0)
		*ret = p;
	return r;
}

static int open_routing(struct qmgr *q, struct routing **ret, struct why *why)
{
	struct routing *n = mem_new(struct routing);
	int r;

	n->users = 1;
	r = router_new(&q->router_conf->s, &n->router, why);
	if (r < 0)
		routing_drop(n);
	else
		*ret = n;
	return r;
}

struct routing *routing_take(struct qmgr *q)
{
	q->routing->users++;
	return q->routing;
}

void routing_drop(struct routing *r)
{
	if (--r->users > 0)
		return;
	router_free(r->router);
	free(r);
}

/* In a chroot tables are out of reach: there / and . are the queue directory. */
static bool is_jailed(void)
{
	struct stat root;
	struct stat here;

	return stat("/", &root) < 0 || stat(".", &here) < 0 ||
	       (root.st_ino == here.st_ino && root.st_dev == here.st_dev);
}

void routing_refresh(struct qmgr *q)
{
	usec_t now = clock_now();
	struct routing *fresh;
	const char *table;
	struct why why;

	if (q->tables_checked != 0 && now < q->tables_checked + TABLE_CHECK_TIME)
		return;
	q->tables_checked = now;
	table = router_changed(q->routing->router);
	if (table == NULL)
		return;
	if (is_jailed()) {
		log_info("table %s has changed -- restarting", table);
		service_end(q->ctx, NULL);
		return;
	}
	log_info("table %s has changed -- opening it anew", table);
	if (open_routing(q, &fresh, &why) < 0) {
		log_warn("%s", why.text);
		return;
	}
	routing_drop(q->routing);
	q->routing = fresh;
}

static int configure_report(struct qmgr *q, struct why *why)
{
	const struct report_settings rs = {
		.delivery_status_filter = "",
		.fast_flush_domains = "",
		.info_address_internal = strcmp(q->conf.info_log_address_format, "internal") == 0,
		.delay_logging_resolution_limit = q->conf.delay_logging_resolution_limit,
		.tables = &q->router_conf->tables,
		.log = &log_notes,
	};

	return report_conf_new(&rs, &q->report, why);
}

int qmgr_configure(struct qmgr *q, struct why *why)
{
	const struct qmgr_conf *c = &q->conf;
	int r;

	if (c->minimal_backoff_time > c->maximal_backoff_time)
		return why_set(why, -EINVAL,
			"maximal_backoff_time is less than minimal_backoff_time");
	strv_split(&q->hashed, str_of(c->hash_queue_names), ", \t\r\n");
	strv_split(&q->defer_transports, str_of(c->defer_transports), ", \t\r\n");
	q->queues = (struct queue_settings){
		.hashed = q->hashed.n > 0 ? (const char *const *)q->hashed.v : NULL,
		.hash_depth = (unsigned)c->hash_queue_depth,
		.long_ids = c->enable_long_queue_ids,
	};
	r = journal_params_fill(q->ctx->conf, &q->queues, &log_notes, &q->journal_params, why);
	if (r == 0)
		r = qmgr_params(q, STR_EMPTY, &q->default_params, why);
	if (r < 0)
		return r;
	q->router_conf = mem_new(struct router_conf);
	r = router_settings_from_conf(q->ctx->conf, &log_notes, q->router_conf, why);
	if (r == 0)
		r = open_routing(q, &q->routing, why);
	return r < 0 ? r : configure_report(q, why);
}

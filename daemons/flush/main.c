/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flush — keeps a log of deferred mail per destination and makes it due when it is asked for (ETRN,
 * postqueue -s and -i).
 */
#include <errno.h>

#include "ipc/attr.h"
#include "ipc/client.h"
#include "log/log.h"
#include "net/addr.h"
#include "sandbox/sandbox.h"
#include "service/service.h"
#include "service/table_settings.h"
#include "site.h"
#include "table/match.h"

/* Most bytes of a request. */
#define REQUEST_LIMIT   ((size_t)64 * 1024)
#define TRIGGER_TIMEOUT (10 * USEC_PER_SEC)

struct flush_conf {
	const char *hash_queue_names;
	int64_t hash_queue_depth;
	const char *fast_flush_domains;
	const char *parent_domain_matches_subdomains;
	const char *queue_service_name;
	usec_t fast_flush_refresh_time;
	usec_t fast_flush_purge_time;
};

static const struct conf_var vars[] = {
	CV_STR(struct flush_conf, hash_queue_names),
	CV_INT(struct flush_conf, hash_queue_depth),
	CV_STR(struct flush_conf, fast_flush_domains),
	CV_STR(struct flush_conf, parent_domain_matches_subdomains),
	CV_STR(struct flush_conf, queue_service_name),
	CV_TIME(struct flush_conf, fast_flush_refresh_time),
	CV_TIME(struct flush_conf, fast_flush_purge_time),
	CV_END,
};

static struct flush_conf the_conf;
static struct table_settings the_tables;
static struct match_list *the_domains;
static struct queue_settings the_queues;
static struct strv the_hashed;

/* Tell qmgr to look at incoming/; F before it: forget what it knows of dead places. */
static void wake_qmgr(const char *request)
{
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);
	int r;

	buf_putf(&path, "public/%s", the_conf.queue_service_name);
	r = ipc_trigger(buf_cstr(&path), str_of(request), TRIGGER_TIMEOUT);
	if (r < 0)
		log_warn("trigger %s: %s", buf_cstr(&path), strerrordesc_np(-r));
}

/* A host name, or an address in brackets. */
static bool site_ok(struct str site)
{
	struct net_addr a;

	if (site.len > 1 && site.ptr[0] == '[')
		return net_addr_parse(site, 0, &a) == 0;
	return str_has_8bit(site) || net_hostname_ok(site);
}

/* May the site be flushed? Sets *ret_file when it may. */
static enum flush_status admit(struct str site, struct buf *ret_file)
{
	struct why why;

	if (!site_ok(site) || site_file_name(site, ret_file) < 0)
		return FLUSH_BAD;
	switch (match_str(the_domains, site, &why)) {
	case LOOKUP_FOUND:
		return FLUSH_OK;
	case LOOKUP_NONE:
		return FLUSH_DENY;
	case LOOKUP_TEMPFAIL:
		log_warn("fast_flush_domains: %s", why.text);
		break;
	}
	return FLUSH_FAIL;
}

static enum flush_status on_add(struct attr_list *l)
{
	_cleanup_buf_ struct buf file = BUF_LOCAL(BUF_SMALL);
	enum flush_status s;
	struct str site;
	struct str id;

	if (attr_str(l, "site", &site) < 0 || attr_str(l, "queue_id", &id) < 0 || !queue_id_ok(id))
		return FLUSH_BAD;
	s = admit(site, &file);
	return s == FLUSH_OK ? site_add(&the_queues, buf_str(&file), id) : s;
}

static enum flush_status on_send_site(struct attr_list *l)
{
	_cleanup_buf_ struct buf file = BUF_LOCAL(BUF_SMALL);
	enum flush_status s;
	struct str site;

	if (attr_str(l, "site", &site) < 0)
		return FLUSH_BAD;
	s = admit(site, &file);
	if (s == FLUSH_OK)
		s = site_flush(&the_queues, buf_str(&file));
	if (s == FLUSH_OK)
		wake_qmgr("FI");
	return s;
}

static enum flush_status on_send_file(struct attr_list *l)
{
	enum flush_status s;
	struct str id;

	if (attr_str(l, "queue_id", &id) < 0 || !queue_id_ok(id))
		return FLUSH_BAD;
	s = site_flush_one(&the_queues, id, true);
	if (s == FLUSH_OK)
		wake_qmgr("I");
	return s;
}

static void refresh(bool all)
{
	int64_t age = all ? 0 : the_conf.fast_flush_refresh_time / USEC_PER_SEC;

	if (site_refresh(&the_queues, age, the_conf.fast_flush_purge_time / USEC_PER_SEC))
		wake_qmgr("I");
}

static void answer(struct stream *s, enum flush_status status)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);

	check(attr_put_int(&b, ATTR_NUL, "status", (int)status) == 0 &&
		attr_put_end(&b, ATTR_NUL) == 0);
	if (stream_write(s, buf_str(&b)) < 0 || stream_flush(s) < 0)
		log_debug("the client has gone");
}

static void on_request(struct stream *s, struct attr_list *l)
{
	struct str request = STR_EMPTY;

	IGNORE(attr_str(l, "request", &request));
	if (str_eq(request, STR("add"))) {
		answer(s, on_add(l));
	} else if (str_eq(request, STR("send_site"))) {
		answer(s, on_send_site(l));
	} else if (str_eq(request, STR("send_file"))) {
		answer(s, on_send_file(l));
	} else if (str_eq(request, STR("rfrsh")) || str_eq(request, STR("purge"))) {
		answer(s, FLUSH_OK);
		refresh(str_eq(request, STR("purge")));
	} else {
		answer(s, FLUSH_BAD);
	}
}

static void serve(struct service_ctx *ctx, struct service_client *client)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
	struct stream *s = client->stream;
	struct attr_list l;

	(void)ctx;
	check(attr_put_greeting(&b, ATTR_NUL, "queue_flush_protocol") == 0);
	if (stream_write(s, buf_str(&b)) < 0 || stream_fill(s) < 0)
		return;
	/* Master's wake-up call is one letter, and perhaps a NUL. */
	if (stream_buffered(s).len <= 2 && stream_buffered(s).ptr[0] == 'W') {
		refresh(false);
		return;
	}
	if (attr_list_read(s, ATTR_NUL, REQUEST_LIMIT, client->arena, &l) == 0)
		on_request(s, &l);
}

static int pre_jail(struct service_ctx *ctx, struct why *why)
{
	bool parent = strstr(the_conf.parent_domain_matches_subdomains, "fast_flush_domains") !=
		      NULL;
	int r = table_settings_from_conf(ctx->conf, &log_notes, &the_tables, why);

	if (r < 0)
		return r;
	strv_split(&the_hashed, str_of(the_conf.hash_queue_names), ", \t\r\n");
	the_queues.hashed = the_hashed.n > 0 ? (const char *const *)the_hashed.v : NULL;
	the_queues.hash_depth = (unsigned)the_conf.hash_queue_depth;
	the_domains = match_new(&the_tables, "fast_flush_domains", MATCH_DOMAIN, parent,
		str_of(the_conf.fast_flush_domains));
	return 0;
}

static const char *changed(struct service_ctx *ctx)
{
	(void)ctx;
	return match_changed(the_domains);
}

int main(int argc, char **argv)
{
	static const struct service flush = {
		.name = "flush",
		.kind = SERVICE_SINGLE,
		.flags = SERVICE_UNLIMITED,
		.vars = vars,
		.conf_base = &the_conf,
		.promises = P_STDIO | P_UNIX | P_READ | P_QUEUE | P_INET,
		.pre_jail = pre_jail,
		.pre_accept = changed,
		.serve = serve,
	};

	service_main(argc, argv, &flush);
}

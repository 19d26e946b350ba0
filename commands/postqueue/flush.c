/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postqueue/flush.c — ask for delivery attempts now.
 */
#include <errno.h>

#include "ipc/client.h"
#include "log/log.h"
#include "net/addr.h"
#include "postqueue.h"
#include "queue/dir.h"

#define TIMEOUT        (100 * USEC_PER_SEC)
#define SYSTEM_IS_DOWN "Cannot flush mail queue - mail system is down"
/* Status of the flush service for sites that are not listed in fast_flush_domains. */
#define FLUSH_BAD  3
#define FLUSH_DENY 4

_noreturn_ static void system_is_down(void)
{
	log_fatal_status(EX_UNAVAILABLE);
	log_fatal(SYSTEM_IS_DOWN);
}

void flush_all(void)
{
	_cleanup_buf_ struct buf qmgr = BUF(BUF_SMALL);
	_cleanup_buf_ struct buf pickup = BUF(BUF_SMALL);

	buf_putf(&qmgr, "public/%s", the_conf.queue_service_name);
	buf_putf(&pickup, "public/%s", the_conf.pickup_service_name);
	if (ipc_trigger(buf_cstr(&qmgr), STR("FADI"), TIMEOUT) < 0 ||
		ipc_trigger(buf_cstr(&pickup), STR("W"), TIMEOUT) < 0)
		system_is_down();
}

/* One request to the flush service: its status, or negative errno. */
static int ask(const char *request, const char *name, const char *value, int *ret_status)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_buf_ struct buf b = BUF(BUF_SMALL);
	_cleanup_buf_ struct buf path = BUF(BUF_SMALL);
	struct ipc_client_settings s = { .protocol = "queue_flush_protocol",
		.enc = ATTR_NUL,
		.timeout = TIMEOUT };
	struct ipc_client *c;
	struct attr_list l;
	int r;

	buf_putf(&path, "public/%s", the_conf.flush_service_name);
	s.path = buf_cstr(&path);
	c = ipc_client_new(&s);
	if (attr_put_str(&b, ATTR_NUL, "request", str_of(request)) < 0 ||
		attr_put_str(&b, ATTR_NUL, name, str_of(value)) < 0 ||
		attr_put_end(&b, ATTR_NUL) < 0)
		r = -EMSGSIZE;
	else
		r = ipc_call(c, buf_str(&b), BUF_SMALL, a, &l, NULL);
	if (r == 0)
		r = attr_int(&l, "status", ret_status);
	ipc_client_free(c);
	return r;
}

static bool site_ok(struct str site)
{
	struct net_addr a;

	if (site.len > 1 && site.ptr[0] == '[')
		return site.ptr[site.len - 1] == ']' && net_addr_parse(site, 0, &a) == 0;
	return str_has_8bit(site) || net_hostname_ok(site);
}

void flush_site(const char *site)
{
	int status = 0;

	if (!site_ok(str_of(site))) {
		log_fatal_status(EX_USAGE);
		log_fatal("Cannot flush mail queue - invalid destination: \"%.100s%s\"", site,
			strlen(site) > 100 ? "..." : "");
	}
	if (ask("send_site", "site", site, &status) < 0)
		system_is_down();
	if (status == 0)
		return;
	log_fatal_status(status == FLUSH_BAD ? EX_USAGE : EX_UNAVAILABLE);
	if (status == FLUSH_BAD)
		log_fatal("Invalid request: \"%s\"", site);
	if (status == FLUSH_DENY)
		log_fatal("Flush service is not configured for destination \"%s\"", site);
	log_fatal(SYSTEM_IS_DOWN);
}

void flush_file(const char *id)
{
	int status = 0;

	if (!queue_id_ok(str_of(id))) {
		log_fatal_status(EX_USAGE);
		log_fatal("Cannot flush queue ID - invalid name: \"%.100s%s\"", id,
			strlen(id) > 100 ? "..." : "");
	}
	if (ask("send_file", "queue_id", id, &status) < 0)
		system_is_down();
	if (status == 0)
		return;
	log_fatal_status(status == FLUSH_BAD ? EX_USAGE : EX_UNAVAILABLE);
	if (status == FLUSH_BAD)
		log_fatal("Invalid request: \"%s\"", id);
	log_fatal(SYSTEM_IS_DOWN);
}

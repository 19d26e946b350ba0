/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/queue_request.c — triggers, and requests to the flush service; see queue_request.h.
 */
#include "service/queue_request.h"

#include <errno.h>
#include <sysexits.h>

#include "ipc/client.h"
#include "net/addr.h"
#include "queue/dir.h"

#define TIMEOUT (100 * USEC_PER_SEC)
/* Status of the flush service: a request that makes no sense; a site not in fast_flush_domains. */
#define FLUSH_BAD  3
#define FLUSH_DENY 4

/* A name that a user gave, for messages. */
#define NAME_FMT     "\"%.100s%s\""
#define NAME_ARG(nm) (nm), strlen(nm) > 100 ? "..." : ""

static int system_is_down(struct why *why)
{
	(void)why_set(why, 0, "Cannot flush mail queue - mail system is down");
	return EX_UNAVAILABLE;
}

int queue_request_flush(const struct queue_request *q, struct why *why)
{
	_cleanup_buf_ struct buf qmgr = BUF_LOCAL(BUF_SMALL);
	_cleanup_buf_ struct buf pickup = BUF_LOCAL(BUF_SMALL);

	buf_putf(&qmgr, "public/%s", q->queue_service);
	buf_putf(&pickup, "public/%s", q->pickup_service);
	if (ipc_trigger(buf_cstr(&qmgr), STR("FADI"), TIMEOUT) < 0 ||
		ipc_trigger(buf_cstr(&pickup), STR("W"), TIMEOUT) < 0)
		return system_is_down(why);
	return EX_OK;
}

/* One request to the flush service: its status, or negative errno. */
static int ask(const struct queue_request *q, const char *request, const char *name,
	const char *value)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);
	struct ipc_client_settings s = { .protocol = "queue_flush_protocol",
		.enc = ATTR_NUL,
		.timeout = TIMEOUT };
	struct ipc_client *c;
	struct attr_list l;
	int status = 0;
	int r;

	buf_putf(&path, "public/%s", q->flush_service);
	s.path = buf_cstr(&path);
	c = ipc_client_new(&s);
	if (attr_put_str(&b, ATTR_NUL, "request", str_of(request)) < 0 ||
		attr_put_str(&b, ATTR_NUL, name, str_of(value)) < 0 ||
		attr_put_end(&b, ATTR_NUL) < 0)
		r = -EMSGSIZE;
	else
		r = ipc_call(c, buf_str(&b), BUF_SMALL, a, &l, NULL);
	if (r == 0)
		r = attr_int(&l, "status", &status);
	ipc_client_free(c);
	return r < 0 ? r : status;
}

static bool site_ok(struct str site)
{
	struct net_addr a;

	if (site.len > 1 && site.ptr[0] == '[')
		return site.ptr[site.len - 1] == ']' && net_addr_parse(site, 0, &a) == 0;
	return str_has_8bit(site) || net_hostname_ok(site);
}

static int bad_request(struct why *why, const char *name)
{
	(void)why_set(why, 0, "Invalid request: \"%s\"", name);
	return EX_USAGE;
}

int queue_request_site(const struct queue_request *q, const char *site, struct why *why)
{
	int status;

	if (!site_ok(str_of(site))) {
		(void)why_set(why, 0, "Cannot flush mail queue - invalid destination: " NAME_FMT,
			NAME_ARG(site));
		return EX_USAGE;
	}
	status = ask(q, "send_site", "site", site);
	if (status == FLUSH_BAD)
		return bad_request(why, site);
	if (status == FLUSH_DENY) {
		(void)why_set(why, 0, "Flush service is not configured for destination \"%s\"",
			site);
		return EX_UNAVAILABLE;
	}
	return status == 0 ? EX_OK : system_is_down(why);
}

int queue_request_file(const struct queue_request *q, const char *id, struct why *why)
{
	int status;

	if (!queue_id_ok(str_of(id))) {
		(void)why_set(why, 0, "Cannot flush queue ID - invalid name: " NAME_FMT,
			NAME_ARG(id));
		return EX_USAGE;
	}
	status = ask(q, "send_file", "queue_id", id);
	if (status == FLUSH_BAD)
		return bad_request(why, id);
	return status == 0 ? EX_OK : system_is_down(why);
}

int queue_request_allowed(const struct match_list *users, uid_t uid, const char *login,
	const char *action, struct why *why)
{
	const char *name = login == NULL || login[0] == '\0' ? "unknown" : login;
	struct why cause = { "" };
	enum lookup found = uid == 0 ? LOOKUP_FOUND : match_str(users, str_of(name), &cause);

	if (found == LOOKUP_FOUND)
		return EX_OK;
	(void)why_set(why, 0, "User %s(%ld) is not allowed to %s the mail queue%s%s", name,
		(long)uid, action, found == LOOKUP_TEMPFAIL ? ": " : "", cause.text);
	return EX_NOPERM;
}

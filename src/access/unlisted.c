/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access/unlisted.c — addresses in our domains that are in no table.
 */
#include "access/access_priv.h"
#include "address/address.h"

struct unlisted {
	struct eval *ev;
	struct str address;
	const char *class;
	struct dsn_code dsn; /* when nothing better is known */
	struct resolve_reply to;
};

/* 1 listed or no opinion; 0 not in this table; -1 *res is set. */
static int in_maps(struct unlisted *u, const struct tables *t, enum result *res)
{
	_cleanup_buf_ struct buf value = BUF_LOCAL(BUF_MEDIUM);
	struct why why;

	switch (address_lookup(u->ev->a->s.router, t, u->to.recipient, AL_LOCAL_PART | AL_DOMAIN,
		&value, NULL, &why)) {
	case LOOKUP_FOUND:
		return 1;
	case LOOKUP_TEMPFAIL:
		*res = access_lookup_error(u->ev, u->address, &why);
		return -1;
	case LOOKUP_NONE:
		break;
	}
	return 0;
}

/* "5.1.1 User unknown" from the resolver. */
static enum result refused_by_route(struct unlisted *u, int code, unsigned short class)
{
	struct dsn_code d = u->dsn;
	struct str text = u->to.nexthop;
	size_t n = dsn_code_parse(text, &d);

	d.class = class;
	text = str_trim(str_skip(text, n));
	return access_reject_dsn(u->ev, REJECT_POLICY, code, d, u->class,
		"<" STR_FMT ">: %s rejected: " STR_FMT, STR_ARG(u->address), u->class,
		STR_ARG(text));
}

static enum result unknown(struct unlisted *u, int64_t code, const char *table)
{
	bool name = u->ev->a->s.show_user_unknown_table_name;

	return access_reject_dsn(u->ev, REJECT_POLICY, (int)code, u->dsn, u->class,
		"<" STR_FMT ">: %s rejected: User unknown%s%s", STR_ARG(u->address), u->class,
		name ? " in " : "", name ? table : "");
}

/* Local parts that are always there. */
static bool is_special_local(const struct unlisted *u)
{
	struct str local = address_split(u->to.recipient).local;

	return str_ieq(local, STR("postmaster")) || str_ieq(local, STR("mailer-daemon")) ||
	       str_ieq(local, str_of(u->ev->a->s.double_bounce_sender));
}

static enum result check_class(struct unlisted *u)
{
	const struct access *a = u->ev->a;
	const struct tables *t = NULL;
	const char *name = NULL;
	int64_t code = 0;
	enum result res = RES_DUNNO;
	int r;

	if (u->to.flags & RESOLVE_LOCAL) {
		if (is_special_local(u))
			return RES_DUNNO;
		t = &a->local_rcpt;
		name = "local recipient table";
		code = a->s.unknown_local_recipient_reject_code;
	} else if (u->to.flags & RESOLVE_VIRTUAL) {
		t = &a->virtual_mailbox;
		name = "virtual mailbox table";
		code = a->s.unknown_virtual_mailbox_reject_code;
	} else if (u->to.flags & RESOLVE_RELAY) {
		t = &a->relay_rcpt;
		name = "relay recipient table";
		code = a->s.unknown_relay_recipient_reject_code;
	}
	if (t == NULL || t->n == 0)
		return RES_DUNNO;
	r = in_maps(u, t, &res);
	return r != 0 ? res : unknown(u, code, name);
}

static enum result unlisted(struct eval *ev, struct str address, const char *class,
	unsigned short detail)
{
	const struct access *a = ev->a;
	struct unlisted u = {
		.ev = ev,
		.address = address,
		.class = class,
		.dsn = { .class = 5, .subject = 1, .detail = detail },
	};
	const struct tables *maps[] = { &a->canonical,
		detail == 0 ? &a->sender_canonical : &a->recipient_canonical, &a->virtual_alias };
	enum result res = RES_DUNNO;

	if (!access_resolve(ev, address, &u.to, &res))
		return res;
	for (size_t i = 0; i < ARRAY_LEN(maps); i++)
		if (maps[i]->n > 0 && in_maps(&u, maps[i], &res) != 0)
			return res;
	if (str_eq(u.to.transport, STR("error")))
		return refused_by_route(&u,
			u.to.flags & RESOLVE_ALIAS ? (int)a->s.unknown_virtual_alias_reject_code
						   : 550,
			5);
	if (str_eq(u.to.transport, STR("retry")))
		return refused_by_route(&u, 450, 4);
	return check_class(&u);
}

enum result r_unlisted_sender(struct eval *ev, const struct item *it)
{
	(void)it;
	if (!ev->warn)
		ev->unlisted_sender_done = true;
	if (!ev->rq->has_sender || ev->rq->sender.len == 0)
		return RES_DUNNO;
	return unlisted(ev, ev->rq->sender, CLASS_SENDER, 0);
}

enum result r_unlisted_recipient(struct eval *ev, const struct item *it)
{
	(void)it;
	if (!ev->warn)
		ev->unlisted_recipient_done = true;
	if (!ev->rq->has_recipient || ev->rq->recipient.len == 0)
		return RES_DUNNO;
	return unlisted(ev, ev->rq->recipient, CLASS_RECIPIENT, 1);
}

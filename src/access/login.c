/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access/login.c — who may use which sender address (smtpd_sender_login_maps).
 */
#include "access/access_priv.h"

/* 1 listed, owned; 2 listed, owned by others; 0 not listed; -1 *res is set. */
static int owner(struct eval *ev, enum result *res)
{
	_cleanup_buf_ struct buf value = BUF_LOCAL(BUF_MEDIUM);
	struct str rest, word, login = ev->rq->sasl_username;
	struct resolve_reply to;
	struct why why;

	if (!access_resolve(ev, ev->rq->sender, &to, res))
		return -1;
	switch (address_lookup(ev->a->s.router, &ev->a->login, to.recipient,
		AL_LOCAL_PART | AL_DOMAIN, &value, NULL, &why)) {
	case LOOKUP_TEMPFAIL:
		*res = access_lookup_error(ev, ev->rq->sender, &why);
		return -1;
	case LOOKUP_NONE:
		return 0;
	case LOOKUP_FOUND:
		break;
	}
	rest = buf_str(&value);
	while (str_word(&rest, ", \t\r\n", &word))
		if (login.len > 0 && str_ieq(word, login))
			return 1;
	return 2;
}

static bool applies(const struct eval *ev)
{
	return ev->a->login.n > 0 && ev->rq->has_sender && ev->rq->sender.len > 0;
}

static enum result not_logged_in(struct eval *ev)
{
	return access_reject(ev, REJECT_POLICY, 553, "5.7.1",
		"<" STR_FMT ">: Sender address rejected: not logged in", STR_ARG(ev->rq->sender));
}

static enum result not_owner(struct eval *ev)
{
	return access_reject(ev, REJECT_POLICY, 553, "5.7.1",
		"<" STR_FMT ">: Sender address rejected: not owned by user " STR_FMT,
		STR_ARG(ev->rq->sender), STR_ARG(ev->rq->sasl_username));
}

enum result r_auth_login_mismatch(struct eval *ev, const struct item *it)
{
	enum result res = RES_DUNNO;
	int r;

	(void)it;
	if (!applies(ev) || ev->rq->sasl_username.len == 0)
		return RES_DUNNO;
	r = owner(ev, &res);
	return r == 0 || r == 2 ? not_owner(ev) : res;
}

enum result r_unauth_login_mismatch(struct eval *ev, const struct item *it)
{
	enum result res = RES_DUNNO;
	int r;

	(void)it;
	if (!applies(ev) || ev->rq->sasl_username.len > 0)
		return RES_DUNNO;
	r = owner(ev, &res);
	return r == 1 || r == 2 ? not_logged_in(ev) : res;
}

enum result r_known_login_mismatch(struct eval *ev, const struct item *it)
{
	enum result res = RES_DUNNO;
	int r;

	(void)it;
	if (!applies(ev))
		return RES_DUNNO;
	r = owner(ev, &res);
	if (r != 2)
		return res;
	return ev->rq->sasl_username.len > 0 ? not_owner(ev) : not_logged_in(ev);
}

enum result r_login_mismatch(struct eval *ev, const struct item *it)
{
	if (ev->rq->sasl_username.len > 0)
		return r_auth_login_mismatch(ev, it);
	return r_unauth_login_mismatch(ev, it);
}

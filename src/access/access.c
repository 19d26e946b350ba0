/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access/access.c — compiling all lists, and the points of the dialogue where they are asked.
 */
#include "access/access.h"

#include <errno.h>

#include "access/access_priv.h"
#include "base/map.h"
#include "base/mem.h"

/* Bytes that one check may use for resolve results and the like. */
#define SCRATCH_MAX ((size_t)8 * 1024 * 1024)
/* Memory of a reply and of checks that the next session uses again. */
#define KEEP_BYTES ((size_t)2 * 1024)

static int add_classes(struct access *a, struct why *why)
{
	struct str rest = str_of(a->s.smtpd_restriction_classes), name;
	struct map_iter it = { 0 };
	struct str key;
	void *value;

	while (str_word(&rest, ", \t\r\n", &name)) {
		struct access_class *c = arena_obj(a->arena, struct access_class);

		c->name = arena_cstr(a->arena, name);
		map_set(a->classes, name, c);
	}
	while (map_next(a->classes, &it, &key, &value)) {
		struct access_class *c = value;
		const char *text = a->s.class_list == NULL
					   ? NULL
					   : a->s.class_list(a->s.class_ctx, c->name);

		if (text == NULL || str_trim(str_of(text)).len == 0)
			return why_set(why, -EINVAL, "restriction class `%s' needs a definition",
				c->name);
		for (int id = 0; id < LIST_REWRITE; id++) {
			int r = access_compile(a, a, a->arena, (enum list_id)id, str_of(text),
				&c->lists[id], why);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int add_lists(struct access *a, struct why *why)
{
	const struct access_settings *s = &a->s;
	const char *const texts[LIST_COUNT] = {
		[LIST_CLIENT] = s->smtpd_client_restrictions,
		[LIST_HELO] = s->smtpd_helo_restrictions,
		[LIST_SENDER] = s->smtpd_sender_restrictions,
		[LIST_RELAY] = s->smtpd_relay_restrictions,
		[LIST_RECIPIENT] = s->smtpd_recipient_restrictions,
		[LIST_DATA] = s->smtpd_data_restrictions,
		[LIST_END_OF_DATA] = s->smtpd_end_of_data_restrictions,
		[LIST_ETRN] = s->smtpd_etrn_restrictions,
		[LIST_REWRITE] = s->local_header_rewrite_clients,
	};

	for (int id = 0; id < LIST_COUNT; id++) {
		int r = access_compile(a, a, a->arena, (enum list_id)id, str_of(texts[id]),
			&a->lists[id], why);

		if (r < 0)
			return r;
	}
	return 0;
}

/* local_header_rewrite_clients knows few words. */
static void limit_rewrite(struct access *a)
{
	static const restriction_fn allowed[] = { r_inet_interfaces, r_mynetworks,
		r_sasl_authenticated, r_dunno, r_check_address_map };
	struct list_of_items *l = &a->lists[LIST_REWRITE];

	for (size_t i = 0; i < l->n; i++) {
		struct item *it = &l->v[i];
		bool ok = false;

		for (size_t k = 0; k < ARRAY_LEN(allowed); k++)
			ok = ok || (it->kind == ITEM_CALL && it->def->fn == allowed[k]);
		if (ok || it->kind == ITEM_ERROR)
			continue;
		it->error = arena_fmt(a->arena,
			"restriction \"%s\" is invalid for "
			"local_header_rewrite_clients",
			it->name)
				    .ptr;
		it->kind = ITEM_ERROR;
		note(a->s.log, NOTE_WARN, "%s", it->error);
	}
}

static int open_maps(struct access *a, struct why *why)
{
	const struct access_settings *s = &a->s;
	const struct {
		const char *title, *text;
		struct tables *ret;
	} maps[] = {
		{ "smtpd_sender_login_maps", s->smtpd_sender_login_maps, &a->login },
		{ "canonical_maps", s->canonical_maps, &a->canonical },
		{ "sender_canonical_maps", s->sender_canonical_maps, &a->sender_canonical },
		{ "recipient_canonical_maps", s->recipient_canonical_maps,
			&a->recipient_canonical },
		{ "virtual_alias_maps", s->virtual_alias_maps, &a->virtual_alias },
		{ "virtual_mailbox_maps", s->virtual_mailbox_maps, &a->virtual_mailbox },
		{ "local_recipient_maps", s->local_recipient_maps, &a->local_rcpt },
		{ "relay_recipient_maps", s->relay_recipient_maps, &a->relay_rcpt },
	};
	unsigned flags = TABLE_FOLD_FIX | (s->smtputf8_enable ? TABLE_UTF8 : 0);

	for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
		int r;

		if (maps[i].text == NULL)
			continue;
		r = tables_open(s->tables, maps[i].title, str_of(maps[i].text), flags, maps[i].ret,
			why);
		if (r < 0)
			return r;
	}
	return 0;
}

static int tempfail_action(const char *param, const char *text, bool *ret_now, struct why *why)
{
	struct str s = str_trim(str_of(text));

	*ret_now = str_ieq(s, STR("defer"));
	if (*ret_now || str_ieq(s, STR("defer_if_permit")) || s.len == 0)
		return 0;
	return why_set(why, -EINVAL, "bad configuration: %s = %s: use defer or defer_if_permit",
		param, text);
}

static bool names_access_maps(const char *list)
{
	struct str rest = str_of(list), word;

	while (str_word(&rest, ", \t\r\n", &word))
		if (str_ieq(word, STR("smtpd_access_maps")))
			return true;
	return false;
}

static bool names_mynetworks(const char *list)
{
	struct str rest = str_of(list), word;

	while (str_word(&rest, ", \t\r\n", &word))
		if (str_ieq(word, STR("mynetworks")))
			return true;
	return false;
}

static int fill(struct access *a, bool need_relay, struct why *why)
{
	const struct access_settings *s = &a->s;
	int r;

	a->access_parent_style = names_access_maps(s->parent_domain_matches_subdomains);
	a->mynetworks = match_new(s->tables, "mynetworks", MATCH_NAMADR,
		names_mynetworks(s->parent_domain_matches_subdomains), str_of(s->mynetworks));
	if (str_trim(str_of(s->smtpd_log_access_permit_actions)).len > 0)
		a->permit_log = match_new(s->tables, "smtpd_log_access_permit_actions",
			MATCH_STRING, false, str_of(s->smtpd_log_access_permit_actions));
	r = tempfail_action("unknown_helo_hostname_tempfail_action",
		s->unknown_helo_hostname_tempfail_action, &a->helo_tempfail_defer, why);
	if (r == 0)
		r = tempfail_action("unknown_address_tempfail_action",
			s->unknown_address_tempfail_action, &a->address_tempfail_defer, why);
	if (r == 0)
		r = open_maps(a, why);
	if (r == 0)
		r = add_classes(a, why);
	if (r == 0)
		r = add_lists(a, why);
	if (r < 0)
		return r;
	limit_rewrite(a);
	if (need_relay && !access_guards(&a->lists[LIST_RELAY]) &&
		!access_guards(&a->lists[LIST_RECIPIENT]))
		return why_set(why, -EINVAL,
			"in parameter smtpd_relay_restrictions or smtpd_recipient_restrictions, specify at "
			"least one working instance of: reject_unauth_destination, "
			"defer_unauth_destination, reject, defer, defer_if_permit or check_relay_domains");
	return 0;
}

int access_new(const struct access_settings *s, bool need_relay, struct access **ret,
	struct why *why)
{
	struct access *a = mem_new(struct access);
	int r;

	a->s = *s;
	a->arena = arena_new(0);
	a->classes = map_new_nocase(NULL);
	r = fill(a, need_relay, why);
	if (r < 0) {
		access_free(a);
		return r;
	}
	*ret = a;
	return 0;
}

static struct tables *const *all_maps(struct access *a, size_t *ret_n, struct tables *v[8])
{
	v[0] = &a->login;
	v[1] = &a->canonical;
	v[2] = &a->sender_canonical;
	v[3] = &a->recipient_canonical;
	v[4] = &a->virtual_alias;
	v[5] = &a->virtual_mailbox;
	v[6] = &a->local_rcpt;
	v[7] = &a->relay_rcpt;
	*ret_n = 8;
	return v;
}

void access_free(struct access *a)
{
	struct tables *v[8];
	size_t n;

	if (a == NULL)
		return;
	all_maps(a, &n, v);
	for (size_t i = 0; i < n; i++)
		tables_done(v[i]);
	for (const struct opened *o = a->opened; o != NULL; o = o->next)
		table_unref(o->table);
	match_free(a->mynetworks);
	match_free(a->permit_log);
	map_free(a->classes);
	arena_free(a->arena);
	free(a);
}

const char *access_changed(const struct access *a)
{
	const struct tables *v[] = { &a->login, &a->canonical, &a->sender_canonical,
		&a->recipient_canonical, &a->virtual_alias, &a->virtual_mailbox, &a->local_rcpt,
		&a->relay_rcpt };
	const char *name = match_changed(a->mynetworks);

	for (size_t i = 0; name == NULL && i < ARRAY_LEN(v); i++)
		name = tables_changed(v[i]);
	for (const struct opened *o = a->opened; name == NULL && o != NULL; o = o->next)
		name = tables_changed(&o->list);
	if (name == NULL && a->permit_log != NULL)
		name = match_changed(a->permit_log);
	return name;
}

/* ---- state ---- */

static void deferral_done(struct access_deferral *d)
{
	free(d->reply);
	d->reply = NULL;
}

void access_state_end_mail(struct access_state *st)
{
	free(st->actions.filter);
	free(st->actions.redirect);
	strv_done(&st->actions.bcc);
	strv_done(&st->actions.prepend);
	st->actions = (struct access_actions){ .hold = false };
	deferral_done(&st->saved[2]);
}

void access_state_end_helo(struct access_state *st)
{
	deferral_done(&st->saved[1]);
}

static void forget(struct access_state *st)
{
	access_state_end_mail(st);
	access_state_end_helo(st);
	deferral_done(&st->saved[0]);
}

void access_state_done(struct access_state *st)
{
	forget(st);
	buf_done(&st->reply);
	arena_free(st->scratch);
	*st = (struct access_state){ .hangup = false };
}

void access_state_reset(struct access_state *st)
{
	forget(st);
	buf_trim(&st->reply, KEEP_BYTES);
	if (st->scratch != NULL)
		arena_trim(st->scratch, KEEP_BYTES);
	*st = (struct access_state){ .reply = st->reply, .scratch = st->scratch };
}

/* ---- points ---- */

static enum result run_list(struct eval *ev, enum list_id id, struct str subject, const char *class)
{
	enum result r;

	deferral_done(&ev->dir);
	ev->list = id;
	ev->subject = subject;
	ev->class = class;
	ev->depth = 0;
	ev->warn = false;
	r = access_run(ev, &ev->a->lists[id]);
	return r == RES_REJECT ? RES_REJECT : RES_DUNNO;
}

static enum result client_list(struct eval *ev)
{
	return run_list(ev, LIST_CLIENT, ev->rq->client, CLASS_CLIENT);
}

static enum result helo_list(struct eval *ev)
{
	if (ev->rq->helo.len == 0)
		return RES_DUNNO;
	return run_list(ev, LIST_HELO, ev->rq->helo, CLASS_HELO);
}

static enum result sender_list(struct eval *ev)
{
	enum result r;

	if (!ev->rq->has_sender)
		return RES_DUNNO;
	r = run_list(ev, LIST_SENDER, ev->rq->sender, CLASS_SENDER);
	if (r == RES_DUNNO && ev->a->s.smtpd_reject_unlisted_sender && !ev->unlisted_sender_done &&
		!ev->st->actions.discard)
		r = r_unlisted_sender(ev, NULL);
	return r;
}

/* What client, helo and sender lists left behind counts here too. */
static void inherit(struct eval *ev, int stages)
{
	for (int i = 0; i < stages && ev->dip.reply == NULL; i++)
		ev->dip.reply = mem_strdup(ev->st->saved[i].reply);
}

static void save(struct eval *ev, int stage)
{
	deferral_done(&ev->st->saved[stage]);
	ev->st->saved[stage].reply = mem_strdup(ev->dip.reply);
}

/* Mail that the legacy default lets pass is named in the log. */
static void legacy_relay(struct eval *ev)
{
	struct resolve_reply to;
	struct why why;

	if (!ev->a->s.relay_restrictions_legacy || ev->rq->sasl_username.len > 0 ||
		match_client(ev->a->mynetworks, ev->rq->name, ev->rq->addr, &why) == LOOKUP_FOUND)
		return;
	router_resolve_raw(ev->a->s.router, ev->rq->sender, ev->rq->recipient, ev->scratch, &to);

	if (!(to.flags & (RESOLVE_LOCAL | RESOLVE_ALIAS | RESOLVE_VIRTUAL | RESOLVE_RELAY)) ||
		((to.flags & RESOLVE_ROUTED) && !(to.flags & RESOLVE_LOCAL)))
		note(ev->a->s.log, NOTE_INFO,
			"using backwards-compatible default setting \"smtpd_relay_restrictions = (empty)\" "
			"to avoid \"Relay access denied\" error for recipient \"" STR_FMT
			"\" from client \"" STR_FMT "\"",
			STR_ARG(ev->rq->recipient), STR_ARG(ev->rq->client));
}

static enum result recipient_lists(struct eval *ev)
{
	const enum list_id order[2] = {
		ev->a->s.smtpd_relay_before_recipient_restrictions ? LIST_RELAY : LIST_RECIPIENT,
		ev->a->s.smtpd_relay_before_recipient_restrictions ? LIST_RECIPIENT : LIST_RELAY,
	};
	enum result r = RES_DUNNO;

	for (int i = 0; i < 2 && r == RES_DUNNO && !ev->st->actions.discard; i++) {
		r = run_list(ev, order[i], ev->rq->recipient, CLASS_RECIPIENT);
		if (r == RES_REJECT && i == 0 && ev->a->s.relay_order_legacy)
			note(ev->a->s.log, NOTE_INFO,
				"using backwards-compatible default setting "
				"smtpd_relay_before_recipient_restrictions=no to reject recipient \"" STR_FMT
				"\" from client \"" STR_FMT "\"",
				STR_ARG(ev->rq->recipient), STR_ARG(ev->rq->client));
	}
	if (r != RES_DUNNO || ev->st->actions.discard)
		return r;
	legacy_relay(ev);
	deferral_done(&ev->dir);
	if (ev->a->s.smtpd_reject_unlisted_recipient && !ev->unlisted_recipient_done)
		r = r_unlisted_recipient(ev, NULL);
	return r;
}

static enum result at_rcpt(struct eval *ev)
{
	enum result r = RES_DUNNO;

	if (str_ieq(ev->rq->recipient, STR("postmaster")))
		return RES_DUNNO;
	if (ev->a->s.smtpd_delay_reject) {
		r = client_list(ev);
		if (r == RES_DUNNO && !ev->st->actions.discard)
			r = helo_list(ev);
		if (r == RES_DUNNO && !ev->st->actions.discard)
			r = sender_list(ev);
	} else {
		inherit(ev, 3);
	}
	if (r == RES_DUNNO && !ev->st->actions.discard)
		r = recipient_lists(ev);
	return r;
}

static enum result at_etrn(struct eval *ev)
{
	enum result r = RES_DUNNO;

	if (ev->a->s.smtpd_delay_reject) {
		r = client_list(ev);
		if (r == RES_DUNNO)
			r = helo_list(ev);
	} else {
		inherit(ev, 2);
	}
	if (r == RES_DUNNO)
		r = run_list(ev, LIST_ETRN, ev->rq->etrn, CLASS_ETRN);
	return r;
}

/* Points where a deferral only waits. */
static enum result early(struct eval *ev)
{
	enum result r = RES_DUNNO;

	if (ev->a->s.smtpd_delay_reject)
		return RES_DUNNO;
	if (ev->point == ACCESS_CONNECT) {
		r = client_list(ev);
		save(ev, 0);
	} else if (ev->point == ACCESS_HELO) {
		inherit(ev, 1);
		r = helo_list(ev);
		save(ev, 1);
	} else {
		inherit(ev, 2);
		r = sender_list(ev);
		save(ev, 2);
	}
	return r;
}

static enum result at_point(struct eval *ev)
{
	enum result r = RES_DUNNO;

	switch (ev->point) {
	case ACCESS_CONNECT:
	case ACCESS_HELO:
	case ACCESS_MAIL:
		return early(ev);
	case ACCESS_RCPT:
		r = at_rcpt(ev);
		break;
	case ACCESS_DATA:
		r = run_list(ev, LIST_DATA, STR("DATA"), CLASS_DATA);
		break;
	case ACCESS_END_OF_DATA:
		r = run_list(ev, LIST_END_OF_DATA, STR("END-OF-MESSAGE"), CLASS_EOD);
		break;
	case ACCESS_ETRN:
		r = at_etrn(ev);
		break;
	}
	if (r != RES_REJECT && ev->dip.reply != NULL && !ev->st->actions.discard)
		r = access_reject_stored(ev, &ev->dip);
	return r;
}

/* Made at the first check of a session. */
static struct arena *scratch_of(struct access_state *st)
{
	if (st->scratch == NULL)
		st->scratch = arena_new(SCRATCH_MAX);
	return st->scratch;
}

enum access_verdict access_check(const struct access *a, enum access_point point,
	struct access_state *st, const struct access_request *rq, struct str *ret_reply)
{
	struct eval ev = { .a = a, .st = st, .rq = rq, .point = point };
	enum result r;

	if (st->actions.discard)
		return ACCESS_PERMIT;
	st->hangup = false;
	ev.scratch = scratch_of(st);
	r = at_point(&ev);
	deferral_done(&ev.dip);
	deferral_done(&ev.dir);
	arena_clear(ev.scratch);
	if (st->hangup)
		return ACCESS_HANGUP;
	if (r != RES_REJECT)
		return ACCESS_PERMIT;
	*ret_reply = buf_str(&st->reply);
	return ACCESS_REJECT;
}

enum lookup access_rewrite_local(const struct access *a, struct access_state *st,
	const struct access_request *rq, struct str *ret_reply)
{
	struct eval ev = { .a = a, .st = st, .rq = rq, .point = ACCESS_MAIL, .rewrite = true };
	enum result r;

	ev.scratch = scratch_of(st);
	ev.list = LIST_REWRITE;
	ev.subject = rq->client;
	ev.class = CLASS_CLIENT;
	r = access_run(&ev, &a->lists[LIST_REWRITE]);
	deferral_done(&ev.dip);
	deferral_done(&ev.dir);
	arena_clear(ev.scratch);
	if (r == RES_REJECT) {
		*ret_reply = buf_str(&st->reply);
		return LOOKUP_TEMPFAIL;
	}
	return r == RES_OK ? LOOKUP_FOUND : LOOKUP_NONE;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access/compile.c — from the text of a restriction list to items.
 *
 * What is wrong with a list becomes an item that answers 451 4.3.5, as documented: the daemon
 * starts, and mail is deferred until the mistake is mended.
 */
#include <errno.h>

#include "access/access_priv.h"
#include "base/map.h"
#include "base/num.h"

static const struct restriction restrictions[] = {
	/* any list */
	{ .name = "permit", .fn = r_permit },
	{ .name = "reject", .fn = r_reject, .guards_relay = true },
	{ .name = "defer", .fn = r_defer, .guards_relay = true },
	{ .name = "defer_if_permit", .fn = r_defer_if_permit, .guards_relay = true },
	{ .name = "defer_if_reject", .fn = r_defer_if_reject },
	{ .name = "reject_unauth_pipelining", .fn = r_unauth_pipelining },
	{ .name = "reject_plaintext_session", .fn = r_plaintext_session },
	{ .name = "sleep", .fn = r_sleep, .arg = ARG_WORD, .min = 0, .max = 3600 },
	{ .name = "check_policy_service", .arg = ARG_WORD },
	/* client */
	{ .name = "reject_unknown_client_hostname",
		.alias = "reject_unknown_client",
		.fn = r_unknown_client },
	{ .name = "reject_unknown_reverse_client_hostname", .fn = r_unknown_reverse_client },
	{ .name = "permit_inet_interfaces", .fn = r_inet_interfaces },
	{ .name = "permit_mynetworks", .fn = r_mynetworks },
	{ .name = "permit_sasl_authenticated", .fn = r_sasl_authenticated },
	{ .name = "permit_tls_clientcerts", .fn = r_dunno }, /* no TLS session, no certificate */
	{ .name = "permit_tls_all_clientcerts", .fn = r_dunno }, /* the same */
	{ .name = "check_ccert_access", .fn = r_dunno, .arg = ARG_TABLE },
	{ .name = "check_sasl_access", .fn = r_check_sasl, .arg = ARG_TABLE },
	{ .name = "check_client_access", .fn = r_check_client, .arg = ARG_TABLE },
	{ .name = "check_reverse_client_hostname_access",
		.fn = r_check_reverse_client,
		.arg = ARG_TABLE },
	{ .name = "check_client_a_access", .arg = ARG_TABLE },
	{ .name = "check_client_mx_access", .arg = ARG_TABLE },
	{ .name = "check_client_ns_access", .arg = ARG_TABLE },
	{ .name = "check_reverse_client_hostname_a_access", .arg = ARG_TABLE },
	{ .name = "check_reverse_client_hostname_mx_access", .arg = ARG_TABLE },
	{ .name = "check_reverse_client_hostname_ns_access", .arg = ARG_TABLE },
	{ .name = "reject_rbl_client", .alias = "reject_rbl", .arg = ARG_WORD },
	{ .name = "permit_dnswl_client", .arg = ARG_WORD },
	{ .name = "reject_rhsbl_client", .arg = ARG_WORD },
	{ .name = "reject_rhsbl_reverse_client", .arg = ARG_WORD },
	{ .name = "permit_rhswl_client", .arg = ARG_WORD },
	/* helo */
	{ .name = "check_helo_access", .fn = r_check_helo, .arg = ARG_TABLE },
	{ .name = "reject_invalid_helo_hostname",
		.alias = "reject_invalid_hostname",
		.fn = r_invalid_helo },
	{ .name = "reject_non_fqdn_helo_hostname",
		.alias = "reject_non_fqdn_hostname",
		.fn = r_non_fqdn_helo },
	{ .name = "reject_unknown_helo_hostname",
		.alias = "reject_unknown_hostname",
		.fn = r_unknown_helo },
	{ .name = "check_helo_a_access", .arg = ARG_TABLE },
	{ .name = "check_helo_mx_access", .arg = ARG_TABLE },
	{ .name = "check_helo_ns_access", .arg = ARG_TABLE },
	{ .name = "reject_rhsbl_helo", .arg = ARG_WORD },
	/* sender */
	{ .name = "check_sender_access", .fn = r_check_sender, .arg = ARG_TABLE },
	{ .name = "reject_unknown_sender_domain",
		.alias = "reject_unknown_address",
		.fn = r_unknown_sender_domain },
	{ .name = "reject_non_fqdn_sender", .fn = r_non_fqdn_sender },
	{ .name = "reject_unlisted_sender", .fn = r_unlisted_sender },
	{ .name = "reject_unverified_sender" },
	{ .name = "reject_sender_login_mismatch", .fn = r_login_mismatch },
	{ .name = "reject_authenticated_sender_login_mismatch", .fn = r_auth_login_mismatch },
	{ .name = "reject_unauthenticated_sender_login_mismatch", .fn = r_unauth_login_mismatch },
	{ .name = "reject_known_sender_login_mismatch", .fn = r_known_login_mismatch },
	{ .name = "check_sender_a_access", .arg = ARG_TABLE },
	{ .name = "check_sender_mx_access", .arg = ARG_TABLE },
	{ .name = "check_sender_ns_access", .arg = ARG_TABLE },
	{ .name = "reject_rhsbl_sender", .arg = ARG_WORD },
	/* recipient */
	{ .name = "check_recipient_access", .fn = r_check_recipient, .arg = ARG_TABLE },
	{ .name = "reject_unauth_destination", .fn = r_unauth_destination, .guards_relay = true },
	{ .name = "defer_unauth_destination",
		.fn = r_defer_unauth_destination,
		.guards_relay = true },
	{ .name = "permit_auth_destination", .fn = r_auth_destination },
	{ .name = "permit_mx_backup" },
	{ .name = "reject_unknown_recipient_domain", .fn = r_unknown_recipient_domain },
	{ .name = "reject_non_fqdn_recipient", .fn = r_non_fqdn_recipient },
	{ .name = "reject_unlisted_recipient",
		.alias = "check_recipient_maps",
		.fn = r_unlisted_recipient },
	{ .name = "reject_unverified_recipient" },
	{ .name = "reject_multi_recipient_bounce", .fn = r_multi_recipient_bounce },
	{ .name = "check_recipient_a_access", .arg = ARG_TABLE },
	{ .name = "check_recipient_mx_access", .arg = ARG_TABLE },
	{ .name = "check_recipient_ns_access", .arg = ARG_TABLE },
	{ .name = "reject_rhsbl_recipient", .arg = ARG_WORD },
	/* etrn, rewriting */
	{ .name = "check_etrn_access", .fn = r_check_etrn, .arg = ARG_TABLE },
	{ .name = "check_address_map", .fn = r_check_address_map, .arg = ARG_TABLE },
};

static const struct {
	const char *name, *instead;
	bool guards_relay;
} removed[] = {
	{ "permit_naked_ip_address", "permit_mynetworks or permit_sasl_authenticated", false },
	{ "reject_maps_rbl", "reject_rbl_client domain-name", false },
	{ "check_relay_domains", "permit_mynetworks, reject_unauth_destination", true },
};

static const char *const list_class[LIST_COUNT] = {
	[LIST_CLIENT] = CLASS_CLIENT,
	[LIST_HELO] = CLASS_HELO,
	[LIST_SENDER] = CLASS_SENDER,
	[LIST_RELAY] = CLASS_RECIPIENT,
	[LIST_RECIPIENT] = CLASS_RECIPIENT,
	[LIST_DATA] = CLASS_DATA,
	[LIST_END_OF_DATA] = CLASS_EOD,
	[LIST_ETRN] = CLASS_ETRN,
	[LIST_REWRITE] = CLASS_CLIENT,
};

/* What a bare type:table stands for. */
static const char *const default_check[LIST_COUNT] = {
	[LIST_CLIENT] = "check_client_access",
	[LIST_HELO] = "check_helo_access",
	[LIST_SENDER] = "check_sender_access",
	[LIST_RELAY] = "check_recipient_access",
	[LIST_RECIPIENT] = "check_recipient_access",
	[LIST_ETRN] = "check_etrn_access",
	[LIST_REWRITE] = "check_address_map",
};

const struct restriction *access_restriction(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(restrictions); i++) {
		const struct restriction *r = &restrictions[i];

		if (str_ieq(name, str_of(r->name)) ||
			(r->alias != NULL && str_ieq(name, str_of(r->alias))))
			return r;
	}
	return NULL;
}

/*
 * Split at separators outside braces; a word that is all one pair of braces loses it, so that
 * "inline:{{a=b c}}" stays whole and "{check_x_access type:name}" can be split again.
 */
static int split(struct strv *words, struct str text)
{
	size_t i = 0;

	for (;;) {
		size_t start, depth = 0, closed = 0;
		struct str word;

		while (i < text.len && strchr(", \t\r\n", text.ptr[i]) != NULL)
			i++;
		if (i == text.len)
			return 0;
		for (start = i; i < text.len; i++) {
			char c = text.ptr[i];

			if (depth == 0 && strchr(", \t\r\n", c) != NULL)
				break;
			if (c == '{')
				depth++;
			else if (c == '}' && depth > 0 && --depth == 0)
				closed++;
		}
		if (depth > 0)
			return -EINVAL;
		word = str_from(text.ptr + start, i - start);
		if (word.ptr[0] == '{' && word.ptr[word.len - 1] == '}' && closed == 1)
			word = str_trim(str_from(word.ptr + 1, word.len - 2));
		if (word.len > 0)
			strv_add(words, word);
	}
}

struct compile {
	struct access *a; /* opens tables; NULL: none may be named */
	const struct access *known;
	struct arena *arena;
	enum list_id id;
	char **words;
	size_t n, pos;
};

static void item_error(struct compile *c, struct item *it, const char *fmt, ...) _printf_(3, 4);
static void item_error(struct compile *c, struct item *it, const char *fmt, ...)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
	va_list ap;

	va_start(ap, fmt);
	if (buf_addv(&b, fmt, ap) < 0)
		buf_puts(&b, "bad restriction");
	va_end(ap);
	it->kind = ITEM_ERROR;
	it->error = arena_cstr(c->arena, buf_str(&b));
	if (c->a != NULL)
		note(c->a->s.log, NOTE_WARN, "%s", it->error);
}

/* A table, opened once however often it is named. */
static struct tables *table_for(struct access *a, const char *spec)
{
	unsigned flags = TABLE_FOLD_FIX | (a->s.smtputf8_enable ? TABLE_UTF8 : 0);
	struct opened *o;

	for (o = a->opened; o != NULL; o = o->next)
		if (strcmp(table_spec(o->table), spec) == 0)
			return &o->list;
	o = arena_obj(a->arena, struct opened);
	o->table = table_open(a->s.tables, str_of(spec), flags);
	o->list = (struct tables){ .v = &o->table, .n = 1, .title = "access table" };
	o->next = a->opened;
	a->opened = o;
	return &o->list;
}

static void take_table(struct compile *c, struct item *it, const char *spec)
{
	if (strchr(spec, ':') == NULL) {
		item_error(c, it, "restriction %s: bad argument \"%s\": need maptype:mapname",
			it->name, spec);
	} else if (c->a == NULL) {
		item_error(c, it, "do not specify lookup tables inside SMTPD access maps");
	} else {
		it->table = table_for(c->a, spec);
	}
}

/* The argument of a known restriction. */
static void take_argument(struct compile *c, struct item *it)
{
	const struct restriction *r = it->def;
	const char *word;
	uint64_t n;

	if (r->arg == ARG_NONE)
		return;
	if (c->pos == c->n) {
		item_error(c, it, "restriction %s requires %s", it->name,
			r->arg == ARG_TABLE ? "maptype:mapname argument" : "domain name argument");
		return;
	}
	word = c->words[c->pos++];
	it->word = arena_str(c->arena, str_of(word));
	if (r->arg == ARG_TABLE && r->fn != NULL)
		take_table(c, it, word);
	else if (r->max > 0 && num_u64(it->word, (uint64_t)r->max, &n) < 0)
		item_error(c, it, "restriction %s: bad argument \"%s\": need a number up to %lld",
			it->name, word, (long long)r->max);
}

static void compile_known(struct compile *c, struct item *it)
{
	take_argument(c, it);
	if (it->kind != ITEM_ERROR && it->def->fn == NULL)
		item_error(c, it, "restriction \"%s\" is not supported by this version of Postroad",
			it->name);
}

static void compile_item(struct compile *c, struct item *it)
{
	const char *word = c->words[c->pos++];
	struct access_class *class;

	it->name = arena_cstr(c->arena, str_of(word));
	if (str_ieq(str_of(word), STR("warn_if_reject"))) {
		it->kind = ITEM_WARN_IF_REJECT;
		return;
	}
	class = map_get(c->known->classes, str_of(word));
	if (class != NULL) {
		it->kind = ITEM_CLASS;
		it->list = &class->lists[c->id];
		return;
	}
	it->kind = ITEM_CALL;
	it->def = access_restriction(str_of(word));
	if (it->def != NULL) {
		compile_known(c, it);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(removed); i++)
		if (str_ieq(str_of(word), str_of(removed[i].name))) {
			item_error(c, it,
				"support for restriction \"%s\" has been removed in Postfix 3.9; "
				"instead, specify \"%s\"",
				word, removed[i].instead);
			return;
		}
	if (strchr(word, ':') == NULL) {
		item_error(c, it, "unknown smtpd restriction: \"%s\"", word);
	} else if (default_check[c->id] == NULL) {
		item_error(c, it,
			"specify one of (check_client_access, check_reverse_client_hostname_access, "
			"check_helo_access, check_sender_access, check_recipient_access, "
			"check_etrn_access) before %s restriction \"%s\"",
			list_class[c->id], word);
	} else {
		it->def = access_restriction(str_of(default_check[c->id]));
		it->name = it->def->name;
		take_table(c, it, word);
	}
}

int access_compile(struct access *a, const struct access *known, struct arena *arena,
	enum list_id id, struct str text, struct list_of_items *ret, struct why *why)
{
	_cleanup_strv_ struct strv words = { 0 };
	struct compile c = { .a = a, .known = known, .arena = arena, .id = id };
	struct list_of_items l = { 0 };

	if (split(&words, text) < 0)
		return why_set(why, -EINVAL, "unbalanced braces in restriction list: " STR_FMT,
			STR_ARG(text));
	c.words = words.v;
	c.n = words.n;
	if (words.n > 0)
		l.v = arena_array(arena, words.n, sizeof(*l.v));
	while (c.pos < c.n) {
		struct item *it = &l.v[l.n++];

		compile_item(&c, it);
		if (it->kind == ITEM_CALL && it->def->fn == r_permit && c.pos < c.n && a != NULL &&
			(l.n < 2 || l.v[l.n - 2].kind != ITEM_WARN_IF_REJECT))
			note(a->s.log, NOTE_WARN, "restriction `%s' after `permit' is ignored",
				c.words[c.pos]);
	}
	*ret = l;
	return 0;
}

static bool guards(const struct list_of_items *l, int depth)
{
	for (size_t i = 0; depth < 100 && i < l->n; i++) {
		const struct item *it = &l->v[i];

		switch (it->kind) {
		case ITEM_WARN_IF_REJECT:
			i++;
			break;
		case ITEM_CLASS:
			if (guards(it->list, depth + 1))
				return true;
			break;
		case ITEM_CALL:
			if (it->def->guards_relay)
				return true;
			if (it->def->fn == r_permit)
				return false;
			break;
		case ITEM_ERROR:
			for (size_t k = 0; k < ARRAY_LEN(removed); k++)
				if (removed[k].guards_relay &&
					str_ieq(str_of(it->name), str_of(removed[k].name)))
					return true;
			break;
		}
	}
	return false;
}

bool access_guards(const struct list_of_items *l)
{
	return guards(l, 0);
}

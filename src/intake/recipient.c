/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/recipient.c — from one recipient as given to the recipients that are written.
 *
 * A written recipient is up to four records: notify_flags, dsn_orig_rcpt, O (as given), R (where mail
 * goes). The same four are written once.
 */
#include "base/text.h"
#include "intake/intake_priv.h"

/* What all addresses that come from one recipient have in common. */
struct origin {
	struct str orig;
	struct str dsn_orcpt;
	int dsn_notify;
};

/* True when this combination was not seen before; beyond the limit nothing is remembered. */
static bool is_new(struct intake *it, const struct origin *o, struct str rcpt)
{
	_cleanup_buf_ struct buf key = BUF_LOCAL(BUF_MEDIUM);
	int r;

	if (it->s->enable_original_recipient)
		r = buf_addf(&key, STR_FMT "%c%d%c" STR_FMT "%c", STR_ARG(o->dsn_orcpt), 0,
			o->dsn_notify, 0, STR_ARG(o->orig), 0);
	else
		r = 0;
	if (r == 0)
		r = buf_add(&key, rcpt);
	if (r < 0)
		return true;
	for (size_t i = 0; i < key.len; i++)
		key.ptr[i] = (char)ascii_lower((unsigned char)key.ptr[i]);
	return dups_add(&it->dups, it->arena, buf_str(&key), it->s->duplicate_filter_limit);
}

static void write_rcpt(struct intake *it, const struct origin *o, struct str rcpt)
{
	if (!is_new(it, o, rcpt))
		return;
	if (o->dsn_notify != 0)
		intake_put_attr(it, "notify_flags", arena_fmt(it->scratch, "%d", o->dsn_notify));
	if (o->dsn_orcpt.len > 0)
		intake_put_attr(it, "dsn_orig_rcpt", o->dsn_orcpt);
	intake_put(it, REC_ORCP, o->orig);
	intake_put(it, REC_RCPT, rcpt);
	it->n_rcpts++;
}

static void write_expanded(struct intake *it, const struct origin *o, struct str rcpt)
{
	struct address_list list;

	if ((it->flags & INTAKE_MAP_OK) == 0) {
		write_rcpt(it, o, rcpt);
		return;
	}
	if (!alias_expand(it, rcpt, it->scratch, &list))
		return;
	for (size_t i = 0; i < list.n; i++)
		write_rcpt(it, o, list.v[i]);
}

/* recipient_bcc_maps and sender_bcc_maps: one address. */
static void bcc_lookup(struct intake *it, const struct tables *t, struct str key)
{
	_cleanup_buf_ struct buf value = BUF_LOCAL(BUF_MEDIUM);
	struct why why = { "" };

	if ((it->flags & INTAKE_BCC_OK) == 0 || t->n == 0 || key.len == 0)
		return;
	switch (address_lookup(it->s->router, t, key, AL_LOCAL_PART | AL_DOMAIN, &value, NULL,
		&why)) {
	case LOOKUP_FOUND:
		recipient_bcc(it, arena_str(it->scratch, buf_str(&value)));
		break;
	case LOOKUP_NONE:
		break;
	case LOOKUP_TEMPFAIL:
		intake_lookup_failed(it, t->title, key, &why);
		break;
	}
}

void recipient_add(struct intake *it, struct str orig, struct str rcpt, struct str dsn_orcpt,
	int dsn_notify)
{
	struct origin o = { .orig = orig, .dsn_orcpt = dsn_orcpt, .dsn_notify = dsn_notify };

	if (rcpt.len == 0)
		rcpt = str_of(it->s->empty_address_recipient);
	rcpt = mapping_rewrite(it, rcpt, it->scratch);
	(void)mapping_apply(it, CLASS_ENV_RCPT, &rcpt, it->scratch);
	it->has_rcpt = true;
	buf_clear(&it->last_rcpt);
	buf_put(&it->last_rcpt, str_head(rcpt, 1000));
	if (str_has_8bit(rcpt) && it->s->smtputf8_enable && (it->flags & INTAKE_AUTOUTF8) != 0)
		it->sendopts |= SENDOPT_SMTPUTF8_REQUESTED;
	if (o.dsn_orcpt.len == 0)
		o.dsn_orcpt = arena_fmt(it->scratch, "%s;" STR_FMT,
			str_has_8bit(rcpt) && (it->sendopts & SENDOPT_SMTPUTF8_REQUESTED) != 0
				? "utf-8"
				: "rfc822",
			STR_ARG(rcpt));
	write_expanded(it, &o, rcpt);
	bcc_lookup(it, &it->c->recipient_bcc, rcpt);
}

void recipient_bcc(struct intake *it, struct str address)
{
	struct origin o = { .dsn_notify = DSN_NOTIFY_NEVER, .dsn_orcpt = STR_EMPTY };
	struct address_list list;

	address_list_parse(address, 1000, it->scratch, &list);
	if (list.n == 0)
		return;
	if (list.n > 1)
		intake_warn(it, "BCC address \"" STR_FMT "\" names more than one address",
			STR_ARG(address));
	o.orig = mapping_rewrite(it, list.v[0], it->scratch);
	(void)mapping_apply(it, CLASS_ENV_RCPT, &o.orig, it->scratch);
	write_expanded(it, &o, o.orig);
}

void recipient_sender_bcc(struct intake *it)
{
	bcc_lookup(it, &it->c->sender_bcc, it->sender);
}

void recipient_extra_bcc(struct intake *it)
{
	for (size_t i = 0; i < it->bcc.n && !intake_is_stopped(it); i++)
		recipient_bcc(it, str_of(it->bcc.v[i]));
	if ((it->flags & INTAKE_BCC_OK) != 0 && it->s->always_bcc[0] != '\0')
		recipient_bcc(it, str_of(it->s->always_bcc));
}

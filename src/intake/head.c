/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/head.c — the header of the message itself: rewriting, dropping, counting, what is missing.
 */
#include "intake/intake_priv.h"

static bool seen(const struct intake *it, enum header_id id)
{
	return (it->seen >> id & 1) != 0;
}

/* True: local rules. False: those of remote_header_rewrite_domain, or none. */
static bool is_local_context(const struct intake *it)
{
	return !str_eq(it->attr.rewrite_context, STR("remote"));
}

static bool rewrites_headers(const struct intake *it)
{
	return is_local_context(it) || it->s->remote_header_rewrite_domain[0] != '\0';
}

/* ---- addresses ---- */

/* Rewrite and map one address of a header: true when it changed. */
static bool rewrite_address(struct intake *it, struct tok *addr, enum addr_class cls)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_MEDIUM);
	struct str external = address_of_tok_external(addr, it->scratch);
	struct str internal;
	bool changed = false;

	if (external.len == 0)
		return false;
	if (router_rewrite(it->s->router, is_local_context(it) ? REWRITE_LOCAL : REWRITE_REMOTE,
		    external, &b) == 0 &&
		!str_eq(buf_str(&b), external)) {
		address_set_tok_external(addr, buf_str(&b), it->scratch);
		changed = true;
	}
	internal = address_of_tok(addr, it->scratch);
	if (mapping_apply(it, cls, &internal, it->scratch)) {
		address_set_tok(addr, internal, it->scratch);
		changed = true;
	}
	return changed;
}

/* A header of addresses; only a change makes it look different. */
static void put_addresses(struct intake *it, const struct header_def *def, struct str text)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_MEDIUM);
	struct str body = STR_EMPTY;
	size_t name = header_name(text, &body);
	struct tok_tree tree;
	bool changed = false;

	address_tokens(body, (size_t)it->s->header_address_token_limit, it->scratch, &tree);
	for (struct tok *t = address_next(tree.head); t != NULL; t = address_next(t->next))
		if (rewrite_address(it, t,
			    (def->flags & HDR_RECIP) != 0 ? CLASS_HDR_RCPT : CLASS_HDR_FROM))
			changed = true;
	if (intake_is_stopped(it))
		return;
	if (changed && buf_addf(&b, STR_FMT ": ", STR_ARG(str_head(text, name))) == 0 &&
		address_tokens_format(&b, &tree) == 0)
		content_put_header(it, buf_str(&b));
	else
		content_put_header(it, text);
}

/* ---- single headers ---- */

static bool is_dropped(const struct intake *it, struct str name)
{
	const struct strv *drop = &it->c->drop_headers;

	for (size_t i = 0; i < drop->n; i++)
		if (str_ieq(name, str_of(drop->v[i])))
			return true;
	return false;
}

static void message_id_header(struct intake *it, const char *word, struct str value)
{
	intake_log(it, "%s=" STR_FMT, word, STR_ARG(str_head(value, 1000)));
	if (strcmp(word, "message-id") != 0)
		return;
	it->id_logged = true;
	if (it->message_id.len == 0)
		it->message_id = arena_str(it->arena, str_head(value, 1000));
}

/* What a header teaches about the message. */
static void study(struct intake *it, const struct header_def *def, struct str value)
{
	it->seen |= (uint64_t)1 << def->id;
	if ((def->flags & HDR_RESENT) != 0)
		it->resent = true;
	if (def->id == HDR_RECEIVED) {
		if (++it->hops == it->s->hopcount_limit) {
			intake_warn(it, "message rejected: hopcount exceeded");
			intake_fail(it, INTAKE_STAT_HOPS, STR_EMPTY);
		}
	} else if (def->id == HDR_MESSAGE_ID) {
		message_id_header(it, "message-id", value);
	} else if (def->id == HDR_RESENT_MESSAGE_ID) {
		message_id_header(it, "resent-message-id", value);
	} else if (def->id == HDR_TLS_REQUIRED) {
		if (it->s->tls_required_enable && str_ieq(value, STR("no")))
			it->sendopts |= SENDOPT_TLS_OPTIONAL;
	} else if (def->id == HDR_REQUIRE_TLS_ESMTP) {
		if (it->s->requiretls_enable && it->s->requiretls_esmtp_header &&
			str_ieq(value, STR("yes")))
			it->sendopts |= SENDOPT_REQUIRETLS;
	}
}

void head_primary(struct intake *it, const struct header_def *def, struct str text)
{
	struct str body = STR_EMPTY;
	size_t name;

	name = header_name(text, &body);
	if (it->s->smtputf8_enable && str_has_8bit(text))
		it->sendopts |= (it->flags & INTAKE_AUTOUTF8) != 0
					? SENDOPT_SMTPUTF8_HEADER | SENDOPT_SMTPUTF8_REQUESTED
					: SENDOPT_SMTPUTF8_HEADER;
	if (def != NULL)
		study(it, def, str_trim(body));
	if (intake_is_stopped(it) || is_dropped(it, str_head(text, name)))
		return;
	if (def != NULL && (def->flags & (HDR_SENDER | HDR_RECIP)) != 0 && rewrites_headers(it))
		put_addresses(it, def, text);
	else
		content_put_header(it, text);
}

/* ---- missing headers ---- */

static void put_field(struct intake *it, const char *name, struct str value)
{
	content_put_header(it, arena_fmt(it->scratch, "%s%s: " STR_FMT, it->resent ? "Resent-" : "",
				       name, STR_ARG(value)));
}

static void add_message_id(struct intake *it)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
	struct timeval created = writer_created(it->w);

	header_message_id(&b, str_of(intake_id(it)), it->s->queue->long_ids, created.tv_sec,
		str_of(it->s->myhostname));
	put_field(it, "Message-Id", buf_str(&b));
	message_id_header(it, it->resent ? "resent-message-id" : "message-id", buf_str(&b));
}

static void add_date(struct intake *it)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);

	clock_rfc5322(&b, it->arrival.tv_sec);
	put_field(it, "Date", buf_str(&b));
}

static void add_from(struct intake *it)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_MEDIUM);
	_cleanup_buf_ struct buf addr = BUF_LOCAL(BUF_MEDIUM);
	bool standard = strcmp(it->s->header_from_format, "standard") == 0;

	if (it->sender.len == 0) {
		put_field(it, "From", STR("MAILER-DAEMON"));
		return;
	}
	if (address_quote(&addr, it->sender) < 0)
		return;
	if (it->fullname.len == 0) {
		buf_put(&b, buf_str(&addr));
	} else if (standard) {
		fullname_format(&b, it->fullname, it->s->full_name_encoding_charset);
		buf_putf(&b, " <" STR_FMT ">", STR_ARG(buf_str(&addr)));
	} else {
		buf_put(&b, buf_str(&addr));
		buf_puts(&b, " (");
		fullname_comment(&b, it->fullname, it->s->full_name_encoding_charset);
		buf_putc(&b, ')');
	}
	put_field(it, "From", buf_str(&b));
}

static void add_recipients(struct intake *it)
{
	if (it->s->undisclosed_recipients_header[0] == '\0' || seen(it, HDR_TO) ||
		seen(it, HDR_CC) || seen(it, HDR_RESENT_TO) || seen(it, HDR_RESENT_CC))
		return;
	content_put_header(it, str_of(it->s->undisclosed_recipients_header));
}

void head_missing(struct intake *it)
{
	bool add = is_local_context(it) || rewrites_headers(it) ||
		   it->s->always_add_missing_headers;

	if (!seen(it, HDR_RECEIVED)) {
		intake_bad(it, "no Received: header");
		return;
	}
	if (add) {
		if (!seen(it, it->resent ? HDR_RESENT_MESSAGE_ID : HDR_MESSAGE_ID))
			add_message_id(it);
		if (!seen(it, it->resent ? HDR_RESENT_DATE : HDR_DATE))
			add_date(it);
		if (!seen(it, it->resent ? HDR_RESENT_FROM : HDR_FROM))
			add_from(it);
		add_recipients(it);
	}
	if ((it->flags & INTAKE_REQUIRETLS) != 0 && it->s->requiretls_esmtp_header &&
		!seen(it, HDR_REQUIRE_TLS_ESMTP))
		content_put_header(it, STR("Require-TLS-ESMTP: yes"));
	if ((mime_errors(it->mime) & MIME_ERR_NO_EMPTY_LINE) != 0 &&
		strcmp(it->s->non_empty_end_of_header_action, "add_header") == 0)
		content_put_header(it,
			STR("MIME-Error: message header was not terminated by empty line"));
	if (!it->id_logged)
		intake_log(it, "message-id=<>");
}

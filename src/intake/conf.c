/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/conf.c — settings made ready: tables open, lists split, sets of bytes.
 */
#include <errno.h>

#include "base/mem.h"
#include "intake/intake_priv.h"
#include "ipc/client.h"

/* How long the queue manager may take to accept a connection. */
#define TRIGGER_TIMEOUT (10 * USEC_PER_SEC)
/* Messages whose memory is kept for later ones: as many as mostly wait for the disk together. */
#define SPARES 100

static unsigned propagate_parse(const char *text)
{
	struct str rest = str_of(text);
	struct str word;
	unsigned ret = 0;

	while (str_word(&rest, ", \t\r\n", &word)) {
		if (str_ieq(word, STR("canonical")))
			ret |= PROPAGATE_CANONICAL;
		else if (str_ieq(word, STR("virtual")))
			ret |= PROPAGATE_VIRTUAL;
	}
	return ret;
}

static int open_tables(struct intake_conf *c, struct why *why)
{
	const struct intake_settings *s = c->s;
	const unsigned fold = TABLE_FOLD_FIX | (s->smtputf8_enable ? TABLE_UTF8 : 0);
	const struct {
		const char *title;
		const char *list;
		unsigned flags;
		struct tables *ret;
	} all[] = {
		{ "canonical_maps", s->canonical_maps, fold, &c->canonical },
		{ "sender_canonical_maps", s->sender_canonical_maps, fold, &c->sender_canonical },
		{ "recipient_canonical_maps", s->recipient_canonical_maps, fold,
			&c->recipient_canonical },
		{ "virtual_alias_maps", s->virtual_alias_maps, fold, &c->virtual_alias },
		{ "sender_bcc_maps", s->sender_bcc_maps, fold, &c->sender_bcc },
		{ "recipient_bcc_maps", s->recipient_bcc_maps, fold, &c->recipient_bcc },
		{ "header_checks", s->header_checks, 0, &c->header_checks },
		{ "mime_header_checks", s->mime_header_checks, 0, &c->mime_checks },
		{ "nested_header_checks", s->nested_header_checks, 0, &c->nested_checks },
		{ "body_checks", s->body_checks, 0, &c->body_checks },
	};

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		int r = tables_open(s->tables, all[i].title, str_of(all[i].list), all[i].flags,
			all[i].ret, why);

		if (r < 0)
			return r;
	}
	return 0;
}

static int parse_classes(struct intake_conf *c, struct why *why)
{
	const struct intake_settings *s = c->s;
	const struct {
		const char *title;
		const char *text;
		unsigned *ret;
	} all[] = {
		{ "canonical_classes", s->canonical_classes, &c->canonical_classes },
		{ "sender_canonical_classes", s->sender_canonical_classes,
			&c->sender_canonical_classes },
		{ "recipient_canonical_classes", s->recipient_canonical_classes,
			&c->recipient_canonical_classes },
		{ "masquerade_classes", s->masquerade_classes, &c->masquerade_classes },
	};

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		int r = mapping_classes(all[i].title, all[i].text, all[i].ret, why);

		if (r < 0)
			return r;
	}
	return 0;
}

static int check_words(const struct intake_settings *s, struct why *why)
{
	static const char *const actions[] = { "fix_quietly", "add_header", "reject" };

	if (strcmp(s->header_from_format, "standard") != 0 &&
		strcmp(s->header_from_format, "obsolete") != 0)
		return why_set(why, -EINVAL, "invalid setting: header_from_format = %s",
			s->header_from_format);
	for (size_t i = 0; i < ARRAY_LEN(actions); i++)
		if (strcmp(s->non_empty_end_of_header_action, actions[i]) == 0)
			return 0;
	return why_set(why, -EINVAL, "invalid setting: non_empty_end_of_header_action = %s",
		s->non_empty_end_of_header_action);
}

static struct mime_settings mime_settings(const struct intake_settings *s)
{
	unsigned options = MIME_OPT_REPORT_NESTING;

	if (s->strict_8bitmime || s->strict_7bit_headers)
		options |= MIME_OPT_REPORT_8BIT_IN_HEADER;
	if (s->strict_8bitmime || s->strict_8bitmime_body)
		options |= MIME_OPT_REPORT_8BIT_IN_7BIT;
	if (s->strict_mime_encoding_domain)
		options |= MIME_OPT_REPORT_DOMAIN;
	if (strcmp(s->non_empty_end_of_header_action, "reject") == 0)
		options |= MIME_OPT_REPORT_NO_EMPTY_LINE;
	if (s->disable_mime_input_processing)
		options = MIME_OPT_DISABLE;
	else if (s->force_mime_input_conversion)
		options |= MIME_OPT_DOWNGRADE;
	return (struct mime_settings){
		.options = options,
		.header_size_limit = (size_t)s->header_size_limit,
		.boundary_length_limit = (size_t)s->mime_boundary_length_limit,
		.nesting_limit = (size_t)s->mime_nesting_limit,
	};
}

int intake_conf_new(const struct intake_settings *s, struct intake_conf **ret, struct why *why)
{
	struct intake_conf *c = mem_new(struct intake_conf);
	int r;

	c->s = s;
	r = check_words(s, why);
	if (r == 0)
		r = parse_classes(c, why);
	if (r == 0)
		r = open_tables(c, why);
	if (r < 0) {
		intake_conf_free(c);
		return r;
	}
	c->propagate = propagate_parse(s->propagate_unmatched_extensions);
	strv_split(&c->masquerade_domains, str_of(s->masquerade_domains), ", \t\r\n");
	strv_split(&c->masquerade_exceptions, str_of(s->masquerade_exceptions), ", \t\r\n");
	strv_split(&c->drop_headers, str_of(s->message_drop_headers), ", \t\r\n");
	byteset_parse(&c->reject_bytes, str_of(s->message_reject_characters));
	byteset_parse(&c->strip_bytes, str_of(s->message_strip_characters));
	byteset_parse(&c->stray_bytes, s->cleanup_replace_stray_cr_lf ? STR("\\r\\n") : STR_EMPTY);
	c->mime = mime_settings(s);
	c->spares = spares_new(SPARES, intake_discard);
	if (s->qmgr_path != NULL)
		c->qmgr = ipc_bell_new(s->qmgr_path, STR("W"), TRIGGER_TIMEOUT);
	*ret = c;
	return 0;
}

void intake_conf_free(struct intake_conf *c)
{
	if (c == NULL)
		return;
	tables_done(&c->canonical);
	tables_done(&c->sender_canonical);
	tables_done(&c->recipient_canonical);
	tables_done(&c->virtual_alias);
	tables_done(&c->sender_bcc);
	tables_done(&c->recipient_bcc);
	tables_done(&c->header_checks);
	tables_done(&c->mime_checks);
	tables_done(&c->nested_checks);
	tables_done(&c->body_checks);
	strv_done(&c->masquerade_domains);
	strv_done(&c->masquerade_exceptions);
	strv_done(&c->drop_headers);
	ipc_bell_free(c->qmgr);
	spares_free(c->spares);
	free(c);
}

const char *intake_conf_changed(const struct intake_conf *c)
{
	const struct tables *const all[] = { &c->canonical, &c->sender_canonical,
		&c->recipient_canonical, &c->virtual_alias, &c->sender_bcc, &c->recipient_bcc,
		&c->header_checks, &c->mime_checks, &c->nested_checks, &c->body_checks };

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		const char *name = tables_changed(all[i]);

		if (name != NULL)
			return name;
	}
	return NULL;
}

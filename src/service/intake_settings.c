/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/intake_settings.c — see intake_settings.h.
 */
#include "service/intake_settings.h"

#include <errno.h>

#include "service/intake_bounce.h"

#define S struct intake_settings

static const struct conf_var vars[] = {
	CV_STR(S, myhostname),
	CV_STR(S, myorigin),
	CV_STR(S, mail_name),
	CV_STR(S, always_bcc),
	CV_STR(S, sender_bcc_maps),
	CV_STR(S, recipient_bcc_maps),
	CV_STR(S, canonical_maps),
	CV_STR(S, sender_canonical_maps),
	CV_STR(S, recipient_canonical_maps),
	CV_STR(S, canonical_classes),
	CV_STR(S, sender_canonical_classes),
	CV_STR(S, recipient_canonical_classes),
	CV_STR(S, masquerade_domains),
	CV_STR(S, masquerade_exceptions),
	CV_STR(S, masquerade_classes),
	CV_STR(S, virtual_alias_maps),
	CV_INT(S, virtual_alias_recursion_limit),
	CV_INT(S, virtual_alias_expansion_limit),
	CV_INT(S, virtual_alias_address_length_limit),
	CV_STR(S, propagate_unmatched_extensions),
	CV_STR(S, header_checks),
	CV_STR(S, mime_header_checks),
	CV_STR(S, nested_header_checks),
	CV_STR(S, body_checks),
	CV_INT(S, body_checks_size_limit),
	CV_STR(S, message_drop_headers),
	CV_STR(S, empty_address_recipient),
	CV_STR(S, undisclosed_recipients_header),
	CV_STR(S, remote_header_rewrite_domain),
	CV_STR(S, header_from_format),
	CV_STR(S, message_reject_characters),
	CV_STR(S, message_strip_characters),
	CV_STR(S, full_name_encoding_charset),
	CV_INT(S, header_size_limit),
	CV_INT(S, header_address_token_limit),
	CV_INT(S, hopcount_limit),
	CV_INT(S, mime_boundary_length_limit),
	CV_INT(S, mime_nesting_limit),
	CV_INT(S, queue_file_attribute_count_limit),
	CV_INT(S, message_size_limit),
	CV_INT(S, line_length_limit),
	CV_INT(S, duplicate_filter_limit),
	CV_TIME(S, delay_warning_time),
	CV_BOOL(S, always_add_missing_headers),
	CV_BOOL(S, enable_original_recipient),
	CV_BOOL(S, strict_7bit_headers),
	CV_BOOL(S, strict_8bitmime),
	CV_BOOL(S, strict_8bitmime_body),
	CV_BOOL(S, strict_mime_encoding_domain),
	CV_BOOL(S, disable_mime_input_processing),
	CV_BOOL(S, detect_8bit_encoding_header),
	CV_BOOL(S, force_mime_input_conversion),
	CV_BOOL(S, cleanup_replace_stray_cr_lf),
	CV_BOOL(S, smtputf8_enable),
	CV_BOOL(S, tls_required_enable),
	CV_BOOL(S, requiretls_enable),
	CV_BOOL(S, requiretls_esmtp_header),
	CV_STR(S, non_empty_end_of_header_action),
	CV_STR(S, verp_delimiter_filter),
	CV_END,
};

struct other {
	const char *hash_queue_names;
	int64_t hash_queue_depth;
	bool enable_long_queue_ids;
	const char *queue_service_name;
};

static const struct conf_var other_vars[] = {
	CV_STR(struct other, hash_queue_names),
	CV_INT(struct other, hash_queue_depth),
	CV_BOOL(struct other, enable_long_queue_ids),
	CV_STR(struct other, queue_service_name),
	CV_END,
};

static int fill(struct conf *c, const struct notes *n, struct intake_params *p, struct why *why)
{
	struct other o = { 0 };
	struct buf path = BUF(BUF_SMALL);
	int r = conf_fill(c, vars, &p->s, why);

	if (r == 0)
		r = conf_fill(c, other_vars, &o, why);
	if (r < 0)
		return r;
	strv_split(&p->hashed, str_of(o.hash_queue_names), ", \t\r\n");
	p->queue = (struct queue_settings){
		.hashed = (const char *const *)p->hashed.v,
		.hash_depth = (unsigned)o.hash_queue_depth,
		.long_ids = o.enable_long_queue_ids,
		.creating = &p->creating,
	};
	check(pthread_mutex_init(&p->creating, NULL) == 0);
	buf_putf(&path, "public/%s", o.queue_service_name);
	p->qmgr_path = buf_take(&path);
	p->s.queue = &p->queue;
	p->s.qmgr_path = p->qmgr_path;
	r = journal_params_fill(c, &p->queue, n, &p->journal, why);
	if (r == 0 && p->journal.is_on)
		p->s.journal = journal_writer_new(&p->journal.s);
	return r;
}

static int open_router(struct conf *c, struct router *router, const struct notes *n,
	struct intake_params *p, struct why *why)
{
	int r = router_settings_from_conf(c, n, &p->router_conf, why);

	if (r == 0 && router == NULL)
		r = router_new(&p->router_conf.s, &p->own_router, why);
	p->router = router != NULL ? router : p->own_router;
	return r;
}

int intake_params_open(struct conf *c, struct router *router, const struct notes *n,
	struct intake_params *ret, struct why *why)
{
	int r;

	memset(ret, 0, sizeof(*ret));
	r = fill(c, n, ret, why);
	if (r == 0)
		r = open_router(c, router, n, ret, why);
	if (r == 0)
		r = report_params_open(c, NULL, n, &ret->report_params, &ret->report, why);
	if (r == 0) {
		ret->s.router = ret->router;
		ret->s.tables = &ret->router_conf.tables;
		ret->s.log = n;
		ret->s.info_address_internal = ret->report_params.s.info_address_internal;
		ret->s.bounce = intake_bounce;
		ret->s.bounce_ctx = ret;
		r = intake_conf_new(&ret->s, &ret->conf, why);
	}
	if (r < 0)
		intake_params_done(ret);
	return r;
}

void intake_params_done(struct intake_params *p)
{
	intake_conf_free(p->conf);
	journal_writer_free(p->s.journal);
	journal_params_done(&p->journal);
	if (p->report != NULL) {
		report_conf_free(p->report);
		report_params_done(&p->report_params);
	}
	router_free(p->own_router);
	strv_done(&p->hashed);
	free(p->qmgr_path);
	memset(p, 0, sizeof(*p));
}

const char *intake_params_changed(const struct intake_params *p)
{
	const char *name = intake_conf_changed(p->conf);

	return name != NULL || p->own_router == NULL ? name : router_changed(p->own_router);
}

int intake_override_flags(const char *receive_override_options, unsigned flags, unsigned *ret,
	struct why *why)
{
	static const struct {
		const char *name;
		unsigned clears;
	} options[] = {
		{ "no_unknown_recipient_checks", 0 },
		{ "no_address_mappings", INTAKE_MAP_OK | INTAKE_BCC_OK },
		{ "no_header_body_checks", INTAKE_FILTER },
		{ "no_milters", INTAKE_MILTER },
	};
	struct str rest = str_of(receive_override_options);
	struct str word;

	while (str_word(&rest, ", \t\r\n", &word)) {
		size_t i = 0;

		while (i < ARRAY_LEN(options) && !str_ieq(word, str_of(options[i].name)))
			i++;
		if (i == ARRAY_LEN(options))
			return why_set(why, -EINVAL,
				"unknown receive_override_options value \"" STR_FMT "\"",
				STR_ARG(word));
		flags &= ~options[i].clears;
	}
	*ret = flags;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * generic.c — smtp_generic_maps: addresses as the outside should see them, in envelope and header.
 */
#include "address/address.h"
#include "client.h"
#include "log/log.h"

static bool propagates(const struct client *c)
{
	struct str list = str_of(c->router_conf.s.propagate_unmatched_extensions), word;

	while (str_word(&list, ", \t\r\n", &word))
		if (str_ieq(word, STR("generic")))
			return true;
	return false;
}

struct str generic_map(struct delivery *d, struct str internal)
{
	const struct client *c = d->c;
	struct address_list list = { 0 };
	struct why why = { 0 };

	if (c->generic.n == 0 || internal.len == 0)
		return internal;
	switch (address_map(c->router, &c->generic, internal, propagates(c), d->a, &list, &why)) {
	case LOOKUP_FOUND:
		return list.n > 0 ? list.v[0] : internal;
	case LOOKUP_TEMPFAIL:
		log_warn(STR_FMT ": %s", STR_ARG(d->rq->queue_id), why.text);
		d->map_failed = true;
		break;
	case LOOKUP_NONE:
		break;
	}
	return internal;
}

bool generic_header(struct delivery *d, const struct header_def *def, struct str text,
	struct buf *ret)
{
	struct tok_tree tree;
	struct str body;
	size_t name;
	bool changed = false;

	if (d->c->generic.n == 0 || def == NULL || (def->flags & (HDR_SENDER | HDR_RECIP)) == 0)
		return false;
	name = header_name(text, &body);
	if (name == 0)
		return false;
	address_tokens(body, (size_t)d->c->p.header_address_token_limit, d->a, &tree);
	for (struct tok *t = tree.head; t != NULL; t = t->next) {
		struct str old, new;

		if (t->type != TOK_ADDR)
			continue;
		old = address_of_tok(t, d->a);
		new = generic_map(d, old);
		if (str_eq(old, new))
			continue;
		address_set_tok(t, new, d->a);
		changed = true;
	}
	return changed && !d->map_failed &&
	       buf_addf(ret, STR_FMT ": ", STR_ARG(str_head(text, name))) == 0 &&
	       address_tokens_format(ret, &tree) == 0;
}

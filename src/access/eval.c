/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access/eval.c — walking a compiled list.
 */
#include "access/access_priv.h"

/* Classes and table results may nest this deep. */
#define MAX_DEPTH 100

static enum result run_item(struct eval *ev, const struct item *it)
{
	enum result r = RES_DUNNO;

	switch (it->kind) {
	case ITEM_CALL:
		r = it->def->fn(ev, it);
		break;
	case ITEM_CLASS:
		r = access_run(ev, it->list);
		break;
	case ITEM_ERROR:
		r = access_config_error(ev, "%s", it->error);
		break;
	case ITEM_WARN_IF_REJECT:
		break;
	}
	if (r != RES_REJECT && ev->dip.reply != NULL && ev->dir.reply != NULL)
		r = access_reject_stored(ev, &ev->dip);
	return r;
}

enum result access_run(struct eval *ev, const struct list_of_items *l)
{
	enum result r = RES_DUNNO;
	bool warn = ev->warn;

	if (++ev->depth > MAX_DEPTH) {
		r = access_config_error(ev,
			"SMTPD access map or restriction class nesting exceeds %d levels",
			MAX_DEPTH);
		ev->depth--;
		return r;
	}
	for (size_t i = 0; i < l->n && r == RES_DUNNO && !ev->st->hangup; i++) {
		if (l->v[i].kind == ITEM_WARN_IF_REJECT) {
			ev->warn = true;
			continue;
		}
		r = run_item(ev, &l->v[i]);
		ev->warn = warn;
		if (ev->st->actions.discard)
			r = RES_OK;
	}
	ev->warn = warn;
	ev->depth--;
	return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/warn.c — settings that do nothing are named, with what was probably meant.
 */
#include "conf/conf_priv.h"
#include "conf/names.h"

/** Everything the remarks are made from. */
struct context {
	const struct conf *conf;
	const struct notes *notes;
	struct map *used;
	const struct master_cf *services;
};

static void remark(const struct context *x, const char *where, struct str name, const char *value)
{
	const struct conf_old *old = conf_old_find(name);
	const struct conf_param *p;
	const char *near;

	if (old != NULL && old->kind == CONF_OLD_REMOVED) {
		note(x->notes, NOTE_WARN,
			"%s: support for parameter \"%.*s\" was removed in %s; %s", where,
			STR_ARG(name), old->since, old->advice);
		return;
	}
	if (old != NULL)
		note(x->notes, NOTE_WARN, "%s: support for parameter \"%.*s\" will be removed; %s",
			where, STR_ARG(name), old->advice);
	switch (conf_name_kind(name, x->used, x->services)) {
	case CONF_NAME_PARAM:
	case CONF_NAME_TRANSPORT:
		p = conf_param_find(name);
		/* What says the default changes nothing. */
		if (p != NULL && !p->heeded && strcmp(p->def, value) != 0)
			note(x->notes, NOTE_WARN,
				"%s: parameter \"%.*s\" is set, but nothing in Postroad heeds it",
				where, STR_ARG(name));
		break;
	case CONF_NAME_USER:
		break;
	case CONF_NAME_UNUSED:
		near = conf_param_nearest(name);
		if (near != NULL)
			note(x->notes, NOTE_WARN,
				"%s: unused parameter: %.*s=%s (did you mean \"%s\"?)", where,
				STR_ARG(name), value, near);
		else
			note(x->notes, NOTE_WARN, "%s: unused parameter: %.*s=%s", where,
				STR_ARG(name), value);
		break;
	}
}

/** The -o settings of one service. */
static void remark_service(const struct context *x, const char *file, const struct master_entry *e)
{
	_cleanup_buf_ struct buf where = BUF_LOCAL(BUF_SMALL);
	struct str name, value;

	buf_putf(&where, "%s: %s/%s", file, e->name, master_type_name(e->type));
	for (size_t i = 0; master_entry_option(e, &i, &name, &value);) {
		_cleanup_free_ char *copy = str_dup(value);

		remark(x, buf_cstr(&where), name, copy);
	}
}

void conf_warn_unheeded(const struct conf *c, const struct notes *n)
{
	_cleanup_buf_ struct buf path = BUF_LOCAL(strlen(c->dir) + sizeof("/master.cf"));
	struct master_cf services = { 0 };
	struct context x = { .conf = c, .notes = n, .services = &services };
	const char *name, *value;
	size_t pos = 0;

	buf_putf(&path, "%s/master.cf", c->dir);
	if (master_cf_load(buf_cstr(&path), false, NULL, &services, NULL) < 0)
		services = (struct master_cf){ 0 };
	x.used = conf_names_used(c, &services);
	while (conf_settings_next(c, &pos, &name, &value))
		remark(&x, c->file, str_of(name), value);
	for (size_t i = 0; i < services.n; i++)
		remark_service(&x, buf_cstr(&path), &services.v[i]);
	map_free(x.used);
	master_cf_done(&services);
}

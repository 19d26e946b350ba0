/* SPDX-License-Identifier: Apache-2.0 */
/*
 * warn.c — what is likely a mistake: unused and undefined names, deprecated ones, a #comment that
 * became part of a value.
 */
#include "postconf.h"

#include "log/log.h"

static bool is_known(const struct context *x, struct str name)
{
	_cleanup_free_ char *copy = str_dup(name);

	return conf_setting(x->conf, copy) != NULL || conf_old_find(name) != NULL ||
	       conf_name_kind(name, x->used, &x->services) <= CONF_NAME_TRANSPORT;
}

/** $names in a value that nothing sets; `e` adds the -o settings of one service. */
static void warn_undefined(const struct context *x, const char *file, struct str value,
	const struct master_entry *e)
{
	_cleanup_map_ struct map *names = map_new(NULL);
	struct map_iter it = { 0 };
	struct str name, ignored;

	conf_names_in_text(names, value);
	while (map_next(names, &it, &name, NULL)) {
		if (is_known(x, name) || str_eq(name, STR("domain_to_ascii")))
			continue;
		if (e != NULL && master_entry_find_option(e, name, &ignored))
			continue;
		log_warn("%s: undefined parameter: %.*s", file, STR_ARG(name));
	}
}

static void warn_comment(const char *file, const char *name, struct str value)
{
	for (size_t i = 1; i < value.len; i++) {
		struct str rest = str_skip(value, i + 1);

		if (value.ptr[i] != '#' || !is_space((unsigned char)value.ptr[i - 1]))
			continue;
		if (rest.len > 0 && !is_space((unsigned char)rest.ptr[0]) &&
			!is_alpha((unsigned char)rest.ptr[0]))
			continue;
		log_warn("%s: #comment after other text is not allowed: %s = %.*s", file, name,
			STR_ARG(value));
		return;
	}
}

static void warn_old(const char *file, struct str name)
{
	const struct conf_old *old = conf_old_find(name);

	if (old == NULL)
		return;
	if (old->kind == CONF_OLD_REMOVED)
		log_warn("%s: support for parameter \"%s\" was removed in %s; instead, %s", file,
			old->name, old->since, old->advice);
	else
		log_warn("%s: support for parameter \"%s\" will be removed; instead, %s", file,
			old->name, old->advice);
}

static void warn_main(const struct context *x)
{
	const char *name, *value;
	size_t pos = 0;

	while (conf_settings_next(x->conf, &pos, &name, &value)) {
		warn_undefined(x, x->main_cf, str_of(value), NULL);
		warn_comment(x->main_cf, name, str_of(value));
		if (!x->req->quiet)
			warn_old(x->main_cf, str_of(name));
		if (x->req->object == 'p' && !x->req->quiet &&
			conf_old_find(str_of(name)) == NULL &&
			conf_name_kind(str_of(name), x->used, &x->services) == CONF_NAME_UNUSED)
			log_warn("%s: unused parameter: %s=%s", x->main_cf, name, value);
	}
}

/** True when another -o value of the same service refers to the name. */
static bool is_used_by(const struct master_entry *e, struct str name)
{
	_cleanup_map_ struct map *names = map_new(NULL);

	for (size_t i = 0; i < e->args.n; i++)
		conf_names_in_text(names, str_of(e->args.v[i]));
	return map_has(names, name);
}

static void warn_service(const struct context *x, const struct master_entry *e)
{
	struct str name, value;
	size_t pos = 0;

	while (master_entry_option(e, &pos, &name, &value)) {
		warn_undefined(x, x->master_cf, value, e);
		if (x->req->quiet)
			continue;
		warn_old(x->master_cf, name);
		if (conf_old_find(name) == NULL && !is_used_by(e, name) &&
			conf_name_kind(name, x->used, &x->services) == CONF_NAME_UNUSED)
			log_warn("%s: unused parameter: %.*s=%.*s", x->master_cf, STR_ARG(name),
				STR_ARG(value));
	}
}

void warn_names(const struct context *x)
{
	for (size_t i = 0; i < x->services.n; i++)
		warn_service(x, &x->services.v[i]);
	if (!x->req->defaults)
		warn_main(x);
}

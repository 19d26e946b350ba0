/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show_main.c — main.cf parameters: actual, default, expanded.
 */
#include "postconf.h"

#include "log/log.h"

/** True when a name is one of the chosen classes and known. */
static bool is_chosen(const struct context *x, struct str name)
{
	switch (conf_name_kind(name, x->used, &x->services)) {
	case CONF_NAME_PARAM:
		return x->req->builtin;
	case CONF_NAME_TRANSPORT:
		return x->req->service;
	case CONF_NAME_USER:
		return x->req->user && conf_setting(x->conf, name.ptr) != NULL;
	case CONF_NAME_UNUSED:
		break;
	}
	return false;
}

static bool is_set(const struct context *x, const char *name)
{
	if (strcmp(name, "config_directory") == 0)
		return x->req->dir_given || conf_setting(x->conf, name) != NULL;
	return conf_setting(x->conf, name) != NULL;
}

static void show_one(const struct context *x, const char *name)
{
	_cleanup_buf_ struct buf value = BUF_LOCAL(BUF_MEDIUM);
	const struct conf_param *p = conf_param_find(str_of(name));
	struct why why = { "" };
	int r;

	if (x->req->set_only && !is_set(x, name))
		return;
	if (strcmp(name, "service_name") == 0 && !is_set(x, name))
		r = 1; /* nobody serves here */
	else if (x->req->expand && (p == NULL || p->type != CONF_RAW))
		r = conf_expand(x->conf, name, &value, &why);
	else
		r = conf_unexpanded(x->conf, str_of(name), &value, &why);
	if (r < 0)
		log_fatal("%s", why.text);
	print_setting(x->req, str_of(name), buf_str(&value));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/** Names of service parameters: every delivery service with every suffix. */
static void add_service_names(const struct context *x, struct strv *names)
{
	size_t n = 0;
	const struct conf_param *p = conf_params_transport(&n);

	for (size_t s = 0; s < x->services.n; s++) {
		const struct master_entry *e = &x->services.v[s];

		for (size_t i = 0; i < n; i++) {
			_cleanup_buf_ struct buf name = BUF_LOCAL(BUF_SMALL);

			if (!conf_transport_has(e, &p[i]))
				continue;
			buf_putf(&name, "%s%s", e->name, p[i].name + strlen("transport"));
			if (conf_param_find(buf_str(&name)) == &p[i])
				strv_add(names, buf_str(&name));
		}
	}
}

static void add_names(const struct context *x, struct strv *names)
{
	const char *name, *value;
	size_t n = 0, pos = 0;
	const struct conf_param *p = conf_params(&n);

	for (size_t i = 0; i < n; i++)
		strv_add(names, str_of(p[i].name));
	add_service_names(x, names);
	while (!x->req->defaults && conf_settings_next(x->conf, &pos, &name, &value))
		if (conf_param_find(str_of(name)) == NULL || conf_old_find(str_of(name)) != NULL ||
			conf_name_kind(str_of(name), x->used, &x->services) == CONF_NAME_USER)
			strv_add(names, str_of(name));
}

int show_main(const struct context *x)
{
	_cleanup_strv_ struct strv names = { 0 };

	if (x->req->nargs > 0) {
		for (int i = 0; i < x->req->nargs; i++) {
			struct str name = str_of(x->req->args[i]);

			if (is_chosen(x, name))
				show_one(x, name.ptr);
			else
				log_warn("%s: unknown parameter", name.ptr);
		}
		return 0;
	}
	add_names(x, &names);
	qsort(names.v, names.n, sizeof names.v[0], by_name);
	for (size_t i = 0; i < names.n; i++) {
		if (i > 0 && strcmp(names.v[i - 1], names.v[i]) == 0)
			continue;
		if (is_chosen(x, str_of(names.v[i])))
			show_one(x, names.v[i]);
	}
	return 0;
}

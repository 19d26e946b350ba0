/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/fill.c — a program's parameters into its structure.
 */
#include <string.h>

#include "conf/conf_priv.h"

/** True when the registry's type goes with the field's. */
static bool agrees(enum conf_type type, enum conf_bind bind)
{
	switch (type) {
	case CONF_STR:
	case CONF_RAW:
		return bind == CONF_BIND_STR;
	case CONF_INT:
	case CONF_NINT:
	case CONF_LONG:
		return bind == CONF_BIND_INT;
	case CONF_BOOL:
	case CONF_NBOOL:
		return bind == CONF_BIND_BOOL;
	case CONF_TIME:
		return bind == CONF_BIND_TIME;
	}
	return false;
}

static int fill_one(struct conf *c, const struct conf_var *v, void *field, struct why *why)
{
	_cleanup_free_ char *text = NULL;
	int r = 0;

	switch (v->bind) {
	case CONF_BIND_STR:
		r = conf_str(c, v->name, &text, why);
		if (r < 0)
			return r;
		strv_add(&c->filled, str_of(text));
		*(const char **)field = c->filled.v[c->filled.n - 1];
		break;
	case CONF_BIND_INT:
		r = conf_int(c, v->name, field, why);
		break;
	case CONF_BIND_TIME:
		r = conf_time(c, v->name, field, why);
		break;
	case CONF_BIND_BOOL:
		r = conf_bool(c, v->name, field, why);
		break;
	}
	return r;
}

int conf_fill(struct conf *c, const struct conf_var *vars, void *base, struct why *why)
{
	int r = conf_compat_check(c, why);

	for (const struct conf_var *v = vars; r == 0 && v->name != NULL; v++) {
		const struct conf_param *p = conf_param_find(str_of(v->name));

		check(p != NULL && agrees(p->type, v->bind));
		r = fill_one(c, v, (char *)base + v->offset, why);
	}
	return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/conf.c — main.cf and overrides as a map of settings.
 */
#include "conf/conf.h"

#include <errno.h>
#include <fcntl.h>

#include "base/fd.h"
#include "base/mem.h"

#include "conf/conf_priv.h"
#include "conf/level.h"
#include "conf/lines.h"

/** No sane main.cf comes near. */
#define FILE_MAX ((size_t)16 * 1024 * 1024)

static void set_free(void *p)
{
	struct conf_set *s = p;

	free(s->name);
	free(s->value);
	free(s);
}

struct conf *conf_new(const char *dir)
{
	/* The name may be a user's (MAIL_CONFIG), and of any length: opening it will fail. */
	struct buf file = BUF(strlen(dir) + sizeof("/main.cf"));
	struct conf *c = mem_new(struct conf);

	c->dir = str_dup(str_of(dir));
	buf_putf(&file, "%s/main.cf", dir);
	c->file = buf_take(&file);
	c->settings = map_new(set_free);
	return c;
}

void conf_free(struct conf *c)
{
	if (c == NULL)
		return;
	map_free(c->settings);
	strv_done(&c->filled);
	free(c->file);
	free(c->dir);
	free(c->origin);
	free(c);
}

/** True for names whose value is the program's, not main.cf's. */
static bool is_read_only(struct str name)
{
	return str_eq(name, STR("process_id")) || str_eq(name, STR("process_name")) ||
	       str_eq(name, STR("service_name"));
}

static void put(struct conf *c, struct str name, struct str value, int line)
{
	struct conf_set *s = mem_new(struct conf_set);

	s->name = str_dup(name);
	s->value = str_dup(value);
	s->line = line;
	s->override = line == 0;
	map_set(c->settings, name, s);
}

static int parse(struct conf *c, struct str text, const struct notes *n, struct why *why)
{
	_cleanup_buf_ struct buf line = BUF_LOCAL(FILE_MAX);
	struct conf_lines lines = { text, 0 };
	const struct conf_set *old;
	const char *wrong;
	struct str name, value;
	int at = 0;

	while (conf_lines_next(&lines, &line, &at) > 0) {
		if (is_space((unsigned char)line.ptr[0])) {
			note(n, NOTE_WARN,
				"%s: logical line must not start with whitespace: \"%s\"", c->file,
				line.ptr);
			continue;
		}
		wrong = conf_split_setting(buf_str(&line), &name, &value);
		if (wrong != NULL)
			return why_set(why, -EINVAL, "%s, line %d: %s: \"%s\"", c->file, at, wrong,
				line.ptr);
		if (is_read_only(name)) {
			note(n, NOTE_WARN, "%s, line %d: ignoring read-only parameter: %.*s",
				c->file, at, STR_ARG(name));
			continue;
		}
		old = map_get(c->settings, name);
		if (old != NULL)
			note(n, NOTE_WARN, "%s, line %d: overriding earlier entry: %s=%s", c->file,
				at, old->name, old->value);
		put(c, name, value, at);
	}
	return 0;
}

int conf_load(const char *dir, const struct notes *n, struct conf **ret, struct why *why)
{
	_cleanup_(conf_freep) struct conf *c = conf_new(dir);
	_cleanup_buf_ struct buf text = BUF_LOCAL(FILE_MAX);
	_cleanup_close_ int fd = open(c->file, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return why_errno(why, -errno, "open %s", c->file);
	r = fd_read_all(fd, &text);
	if (r < 0)
		return why_errno(why, r, "read %s", c->file);
	r = parse(c, buf_str(&text), n, why);
	if (r < 0)
		return r;
	*ret = TAKE(c);
	return 0;
}

int conf_override(struct conf *c, struct str setting, struct why *why)
{
	struct str name, value;
	const char *wrong = conf_split_setting(setting, &name, &value);

	if (wrong != NULL)
		return why_set(why, -EINVAL, "%s: \"%.*s\"", wrong, STR_ARG(setting));
	put(c, name, value, 0);
	return 0;
}

void conf_override_origin(struct conf *c, const char *text)
{
	free(c->origin);
	c->origin = str_dup(str_of(text));
}

const char *conf_setting(const struct conf *c, const char *name)
{
	const struct conf_set *s = map_get(c->settings, str_of(name));

	return s == NULL ? NULL : s->value;
}

bool conf_settings_next(const struct conf *c, size_t *pos, const char **ret_name,
	const char **ret_value)
{
	struct map_iter it = { *pos };
	const struct conf_set *s;
	struct str key;
	void *value;

	if (!map_next(c->settings, &it, &key, &value))
		return false;
	*pos = it.pos;
	s = value;
	*ret_name = s->name;
	*ret_value = s->value;
	return true;
}

const char *conf_dir(const struct conf *c)
{
	return c->dir;
}

int conf_text(const struct conf *c, struct str name, int depth, struct buf *tmp, struct str *ret,
	struct why *why)
{
	const struct conf_set *s = map_get(c->settings, name);
	const struct conf_param *p;
	int r;

	if (str_eq(name, STR("config_directory"))) {
		*ret = str_of(c->dir);
		return 1;
	}
	if (s != NULL) {
		*ret = str_of(s->value);
		return 1;
	}
	p = conf_param_find(name);
	if (p == NULL)
		return 0;
	r = conf_compute(c, name, depth, tmp, why);
	if (r < 0)
		return r;
	*ret = r > 0 ? buf_str(tmp) : str_of(p->def);
	return 1;
}

int conf_unexpanded(const struct conf *c, struct str name, struct buf *ret, struct why *why)
{
	_cleanup_buf_ struct buf tmp = BUF_LOCAL(BUF_MEDIUM);
	struct str text = STR_EMPTY;
	int r = conf_text(c, name, 0, &tmp, &text, why);

	if (r > 0 && buf_add(ret, text) < 0)
		return why_set(why, -EINVAL, "%.*s: the value is too long", STR_ARG(name));
	return r;
}

bool conf_compat_at_least(const struct conf *c, const char *level)
{
	_cleanup_buf_ struct buf text = BUF_LOCAL(BUF_SMALL);
	uint64_t have = 0, want = 0;

	check(conf_level_parse(str_of(level), &want) == 0);
	if (conf_expand(c, "compatibility_level", &text, NULL) < 0 ||
		conf_level_parse(buf_str(&text), &have) < 0)
		return false;
	return have >= want;
}

int conf_compat_check(const struct conf *c, struct why *why)
{
	_cleanup_buf_ struct buf text = BUF_LOCAL(BUF_SMALL);
	uint64_t level = 0;
	int r = conf_expand(c, "compatibility_level", &text, why);

	if (r < 0)
		return r;
	if (conf_level_parse(buf_str(&text), &level) < 0)
		return why_set(why, -EINVAL, "malformed compatibility level syntax: \"%s\"",
			buf_cstr(&text));
	return 0;
}

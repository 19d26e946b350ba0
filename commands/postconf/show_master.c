/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show_master.c — services, their fields, their -o settings.
 */
#include <errno.h>
#include <fcntl.h>

#include "postconf.h"

#include "base/fd.h"
#include "base/mem.h"
#include "conf/lines.h"
#include "log/log.h"

#define FILE_MAX ((size_t)16 * 1024 * 1024)

const char *const field_names[8] = { "service", "type", "private", "unprivileged", "chroot",
	"wakeup", "process_limit", "command" };

int load_services(const char *path, struct master_cf *ret, struct why *why)
{
	_cleanup_buf_ struct buf text = BUF_LOCAL(FILE_MAX);
	_cleanup_buf_ struct buf line = BUF_LOCAL(FILE_MAX);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct conf_lines lines = { STR_EMPTY, 0 };
	struct master_cf m = { 0 };
	struct why inner = { "" };
	int at = 0, r;

	if (fd < 0)
		return why_errno(why, -errno, "open %s", path);
	r = fd_read_all(fd, &text);
	if (r < 0)
		return why_errno(why, r, "read %s", path);
	lines.rest = buf_str(&text);
	while (conf_lines_next(&lines, &line, &at) > 0) {
		struct master_entry e = { 0 };

		if (is_space((unsigned char)line.ptr[0])) {
			log_warn("%s: logical line must not start with whitespace: \"%s\"", path,
				line.ptr);
			continue;
		}
		if (master_entry_parse(buf_str(&line), false, &e, &inner) < 0) {
			master_cf_done(&m);
			return why_set(why, -EINVAL, "%s: line %d: %s", path, at, inner.text);
		}
		m.v = mem_resize(m.v, m.n + 1, sizeof m.v[0]);
		m.v[m.n++] = e;
	}
	*ret = m;
	return 0;
}

size_t split_request(struct str arg, struct str *ret, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < max; i++)
		ret[i] = STR("*");
	for (;;) {
		ptrdiff_t slash = str_chr(arg, '/');

		if (n == max)
			return 0;
		ret[n++] = slash < 0 ? arg : str_head(arg, (size_t)slash);
		if (slash < 0)
			return n;
		arg = str_skip(arg, (size_t)slash + 1);
	}
}

static bool part_matches(struct str part, struct str text)
{
	return str_eq(part, STR("*")) || str_eq(part, text);
}

bool entry_matches(const struct master_entry *e, const struct str *parts)
{
	return part_matches(parts[0], str_of(e->fields[0])) &&
	       part_matches(parts[1], str_of(e->fields[1]));
}

static void show_fields(const struct context *x, const struct master_entry *e, struct str field)
{
	for (size_t i = 0; i < 8; i++) {
		_cleanup_buf_ struct buf name = BUF_LOCAL(BUF_SMALL);

		if (!part_matches(field, str_of(field_names[i])))
			continue;
		buf_putf(&name, "%s/%s/%s", e->fields[0], e->fields[1], field_names[i]);
		if (i == 7)
			print_command(x, e, buf_str(&name));
		else
			print_setting(x->req, buf_str(&name), str_of(e->fields[i]));
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void show_params(const struct context *x, const struct master_entry *e, struct str param)
{
	_cleanup_strv_ struct strv names = { 0 };
	struct str name, value = STR_EMPTY;
	size_t pos = 0;

	while (master_entry_option(e, &pos, &name, &value))
		if (part_matches(param, name) && !strv_has(&names, name))
			strv_add(&names, name);
	if (names.n > 0)
		qsort(names.v, names.n, sizeof names.v[0], by_name);
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_buf_ struct buf label = BUF_LOCAL(BUF_SMALL);
		_cleanup_buf_ struct buf expanded = BUF_LOCAL(BUF_MEDIUM);
		struct why why = { "" };

		if (!master_entry_find_option(e, str_of(names.v[i]), &value))
			continue;
		if (x->req->expand) {
			if (conf_expand_text(x->conf, value, &expanded, &why) < 0)
				log_fatal("%s", why.text);
			value = buf_str(&expanded);
		}
		buf_putf(&label, "%s/%s/%s", e->fields[0], e->fields[1], names.v[i]);
		print_setting(x->req, buf_str(&label), value);
	}
}

static void show_entry(const struct context *x, const struct master_entry *e, struct str third)
{
	if (x->req->object == 'M')
		print_service(x, e);
	else if (x->req->object == 'F')
		show_fields(x, e, third);
	else
		show_params(x, e, third);
}

static bool is_field(struct str name)
{
	for (size_t i = 0; i < 8; i++)
		if (part_matches(name, str_of(field_names[i])))
			return true;
	return false;
}

static void check_request(const struct request *req, size_t n, const struct str *parts)
{
	if (n == 0 && req->object == 'M')
		log_fatal("-M option requires service_name[/type]");
	if (n == 0)
		log_fatal("-%c option requires service_name[/type[/%s]]", req->object,
			req->object == 'F' ? "field" : "parameter");
	if (req->object == 'F' && !is_field(parts[2]))
		log_fatal("invalid service attribute name: \"%.*s\"", STR_ARG(parts[2]));
}

int show_master(const struct context *x)
{
	const struct request *req = x->req;

	for (size_t i = 0; req->nargs == 0 && i < x->services.n; i++)
		show_entry(x, &x->services.v[i], STR("*"));
	for (int a = 0; a < req->nargs; a++) {
		struct str parts[3];
		bool found = false;

		parts[2] = STR("*");
		check_request(req,
			split_request(str_of(req->args[a]), parts, req->object == 'M' ? 2 : 3),
			parts);
		for (size_t i = 0; i < x->services.n; i++) {
			if (!entry_matches(&x->services.v[i], parts))
				continue;
			found = true;
			show_entry(x, &x->services.v[i], parts[2]);
		}
		if (!found)
			log_warn("unmatched request: \"%s\"", req->args[a]);
	}
	return 0;
}

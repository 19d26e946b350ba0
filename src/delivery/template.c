/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery/template.c — built-in templates, the template file, special names.
 */
#include "delivery/template.h"

#include <errno.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/mem.h"

static const char *const names[TEMPLATES] = { "failure_template", "delay_template",
	"success_template", "verify_template" };

#define HELP                                                                           \
	"If you need help, please write to postmaster and include this report; your\n" \
	"own text need not be part of it.\n"
#define SIGNATURE "\n                   The mail system at $myhostname\n"

static const struct {
	const char *subject, *postmaster_subject, *body;
} builtin[TEMPLATES] = {
	[TEMPLATE_FAILURE] = { .subject = "Undelivered Mail Returned to Sender",
		.postmaster_subject = "Postmaster Copy: Undelivered Mail",
		.body = "This is the mail server of $myhostname.\n\n"
			"Your message could not be delivered to the recipients listed below. "
			"This is\n"
			"final: no further attempt will be made. What was sent is attached.\n\n" HELP
				SIGNATURE },
	[TEMPLATE_DELAY] = { .subject = "Delayed Mail (still being retried)",
		.postmaster_subject = "Postmaster Warning: Delayed Mail",
		.body = "This is the mail server of $myhostname.\n\n"
			"**********************************************************************\n"
			"** THIS IS ONLY A WARNING: PLEASE DO NOT SEND YOUR MESSAGE AGAIN    **\n"
			"**********************************************************************\n\n"
			"For more than $delay_warning_time_hours hour(s) your message could not "
			"be delivered to the\n"
			"recipients listed below. It will be tried again until it is\n"
			"$maximal_queue_lifetime_days day(s) old.\n\n" HELP SIGNATURE },
	[TEMPLATE_SUCCESS] = { .subject = "Successful Mail Delivery Report",
		.body = "This is the mail server of $myhostname.\n\n"
			"Your message was delivered to the destinations listed below. Where this "
			"is a\n"
			"mailbox, nothing more will be reported; other systems that took the "
			"message\n"
			"over may still report problems of their own.\n" SIGNATURE },
	[TEMPLATE_VERIFY] = { .subject = "Mail Delivery Status Report",
		.body = "This is the mail server of $myhostname.\n\n"
			"Here is the delivery status report that you asked for.\n" SIGNATURE },
};

const char *template_name(enum template_id id)
{
	return names[id];
}

void templates_dump(struct buf *b, const struct templates *ts)
{
	for (size_t i = 0; i < TEMPLATES; i++) {
		const struct template *t = &ts->t[i];

		buf_putf(b, "%s%s = <<EOF\nCharset: %s\nFrom: %s\nSubject: %s\n", i > 0 ? "\n" : "",
			names[i], t->charset, t->from, t->subject);
		if (t->postmaster_subject != NULL)
			buf_putf(b, "Postmaster-Subject: %s\n", t->postmaster_subject);
		buf_putf(b, "\n%sEOF\n", t->body);
	}
}

void templates_init(struct templates *ts, bool obsolete_from)
{
	for (size_t i = 0; i < TEMPLATES; i++)
		ts->t[i] = (struct template){
			.charset = mem_strdup("us-ascii"),
			.from = mem_strdup(obsolete_from ? "MAILER-DAEMON (Mail Delivery System)"
							 : "Mail Delivery System <MAILER-DAEMON>"),
			.subject = mem_strdup(builtin[i].subject),
			.postmaster_subject = mem_strdup(builtin[i].postmaster_subject),
			.body = mem_strdup(builtin[i].body),
		};
}

static void template_done(struct template *t)
{
	free(t->charset);
	free(t->from);
	free(t->subject);
	free(t->postmaster_subject);
	free(t->body);
	*t = (struct template){ .charset = NULL };
}

void templates_done(struct templates *ts)
{
	for (size_t i = 0; i < TEMPLATES; i++)
		template_done(&ts->t[i]);
}

/* One line without its end; false at the end of the text. */
static bool next_line(struct str *rest, struct str *ret)
{
	ptrdiff_t nl = str_chr(*rest, '\n');

	if (rest->len == 0)
		return false;
	*ret = nl < 0 ? *rest : str_head(*rest, (size_t)nl);
	*rest = str_skip(*rest, nl < 0 ? rest->len : (size_t)nl + 1);
	return true;
}

static void set_text(char **field, struct str value)
{
	free(*field);
	*field = str_dup(value);
}

/* A header line of a template: NULL when it was taken, or what is wrong with it. */
static const char *take_header(struct template *t, struct str line)
{
	ptrdiff_t colon = str_chr(line, ':');
	struct str name, value;

	if (colon <= 0)
		return "missing header name or colon";
	name = str_head(line, (size_t)colon);
	value = str_trim(str_skip(line, (size_t)colon + 1));
	if (value.len == 0)
		return "empty header value";
	if (str_has_8bit(line) || memchr(line.ptr, '\0', line.len) != NULL)
		return "header is not ASCII text";
	if (str_ieq(name, STR("Charset")))
		set_text(&t->charset, value);
	else if (str_ieq(name, STR("From")))
		set_text(&t->from, value);
	else if (str_ieq(name, STR("Subject")))
		set_text(&t->subject, value);
	else if (str_ieq(name, STR("Postmaster-Subject")) && t->postmaster_subject != NULL)
		set_text(&t->postmaster_subject, value);
	else
		return "unknown or unexpected header";
	return NULL;
}

static void copy(struct template *to, const struct template *from)
{
	*to = (struct template){ mem_strdup(from->charset), mem_strdup(from->from),
		mem_strdup(from->subject), mem_strdup(from->postmaster_subject), NULL };
}

/* The text between the markers: taken as a whole or not at all. */
static void take_template(struct template *t, struct str text, const char *file, const char *name,
	const struct notes *notes)
{
	const char *wrong = NULL;
	struct template new;
	struct str line = STR_EMPTY;

	copy(&new, t);
	while (wrong == NULL && next_line(&text, &line) && str_trim(line).len > 0)
		wrong = take_header(&new, line);
	while (wrong == NULL && next_line(&text, &line))
		if (str_trim(line).len > 0) {
			text = str_from(line.ptr, (size_t)(text.ptr + text.len - line.ptr));
			break;
		}
	if (wrong == NULL && text.len == 0)
		wrong = "no message text";
	if (wrong == NULL && str_has_8bit(text) && str_ieq(str_of(new.charset), STR("us-ascii")))
		wrong = "8-bit message text, but Charset is us-ascii";
	if (wrong != NULL) {
		note(notes, NOTE_WARN, "%s: %s: %s: ignoring this template: " STR_FMT, file, name,
			wrong, STR_ARG(str_head(line, 100)));
		template_done(&new);
		return;
	}
	new.body = str_dup(text);
	template_done(t);
	*t = new;
}

/* "name = <<MARKER": the marker, or "name = value": the value, which is a template of one line. */
static bool split_assignment(struct str line, struct str *ret_name, struct str *ret_value)
{
	ptrdiff_t eq = str_chr(line, '=');

	if (eq < 0)
		return false;
	*ret_name = str_trim(str_head(line, (size_t)eq));
	*ret_value = str_trim(str_skip(line, (size_t)eq + 1));
	return ret_name->len > 0;
}

/* Lines up to one that is `marker`; false when it does not come. */
static bool read_here(struct str *rest, struct str marker, struct str *ret)
{
	const char *start = rest->ptr;
	struct str line;

	while (next_line(rest, &line))
		if (str_eq(line, marker)) {
			*ret = str_from(start, (size_t)(line.ptr - start));
			return true;
		}
	return false;
}

void templates_parse(struct templates *ts, struct str text, const char *file,
	const struct notes *notes)
{
	struct str line, name, value;

	while (next_line(&text, &line)) {
		size_t i = 0;

		line = str_trim(line);
		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		if (!split_assignment(line, &name, &value)) {
			note(notes, NOTE_WARN, "%s: missing '=' in \"" STR_FMT "\"", file,
				STR_ARG(str_head(line, 100)));
			continue;
		}
		if (str_starts(value, STR("<<"))) {
			struct str marker = str_trim(str_skip(value, 2));

			if (marker.len == 0 || !is_alnum((unsigned char)marker.ptr[0]) ||
				!read_here(&text, marker, &value)) {
				note(notes, NOTE_WARN, "%s: no end of the text of " STR_FMT, file,
					STR_ARG(name));
				return;
			}
		}
		while (i < TEMPLATES && !str_eq(name, str_of(names[i])))
			i++;
		if (i < TEMPLATES)
			take_template(&ts->t[i], value, file, names[i], notes);
		else
			note(notes, NOTE_WARN, "%s: unknown template name: " STR_FMT, file,
				STR_ARG(name));
	}
}

int templates_load(struct templates *ts, const char *path, const struct notes *notes,
	struct why *why)
{
	_cleanup_buf_ struct buf text = BUF_LOCAL(BUF_MEDIUM);
	int r = fd_read_file(path, &text);

	if (r < 0)
		return why_errno(why, r, "bounce_template_file: open %s", path);
	templates_parse(ts, buf_str(&text), path, notes);
	return 0;
}

bool template_is_8bit(const struct template *t)
{
	return !str_ieq(str_of(t->charset), STR("us-ascii"));
}

/* A time in the unit that the end of its name says: true when the name is one of these. */
static bool put_time(struct buf *b, struct str name, struct str prefix, usec_t value)
{
	static const struct {
		const char *suffix;
		int64_t seconds;
	} units[] = { { "_seconds", 1 }, { "_minutes", 60 }, { "_hours", 3600 }, { "_days", 86400 },
		{ "_weeks", 604800 } };

	if (!str_starts(name, prefix))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (str_eq(str_skip(name, prefix.len), str_of(units[i].suffix))) {
			buf_putf(b, "%lld", (long long)(value / USEC_PER_SEC / units[i].seconds));
			return true;
		}
	return false;
}

static bool put_special(struct buf *b, struct str name, const struct template_values *v)
{
	if (put_time(b, name, STR("delay_warning_time"), v->delay_warning_time) ||
		put_time(b, name, STR("maximal_queue_lifetime"), v->maximal_queue_lifetime))
		return true;
	if (str_eq(name, STR("myhostname")))
		buf_put(b, v->myhostname);
	else if (str_eq(name, STR("mydomain")))
		buf_put(b, v->mydomain);
	else
		return false;
	return true;
}

/* The name after a '$': its length with braces, 0 when there is none. */
static size_t find_name(struct str s, struct str *ret)
{
	char close = s.len > 0 && s.ptr[0] == '{' ? '}' : s.len > 0 && s.ptr[0] == '(' ? ')' : '\0';
	size_t n = close != '\0', start = n;

	while (n < s.len && (is_alnum((unsigned char)s.ptr[n]) || s.ptr[n] == '_'))
		n++;
	*ret = str_from(s.ptr + start, n - start);
	if (close != '\0')
		return n < s.len && s.ptr[n] == close ? n + 1 : 0;
	return n;
}

void template_expand(struct buf *b, const struct template *t, const struct template_values *v)
{
	struct str rest = str_of(t->body), name;

	while (rest.len > 0) {
		ptrdiff_t dollar = str_chr(rest, '$');
		size_t n;

		if (dollar < 0) {
			buf_put(b, rest);
			return;
		}
		buf_put(b, str_head(rest, (size_t)dollar));
		rest = str_skip(rest, (size_t)dollar + 1);
		if (str_starts(rest, STR("$"))) {
			buf_puts(b, "$$");
			rest = str_skip(rest, 1);
			continue;
		}
		n = find_name(rest, &name);
		if (n == 0 || !put_special(b, name, v)) {
			buf_putc(b, '$');
			buf_put(b, str_head(rest, n));
		}
		rest = str_skip(rest, n);
	}
}

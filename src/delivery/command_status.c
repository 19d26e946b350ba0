/* SPDX-License-Identifier: Apache-2.0 */
/* delivery/command_status.c — see command_status.h. */
#include "delivery/command_status.h"

#include <sysexits.h>

#include "base/text.h"
#include "smtp/reply.h"

static const struct exit_meaning {
	int code;
	const char *status;
	const char *text;
} meanings[] = {
	{ EX_USAGE, "5.3.0", "command line usage error" },
	{ EX_DATAERR, "5.6.0", "data format error" },
	{ EX_NOINPUT, "5.3.0", "cannot open input" },
	{ EX_NOUSER, "5.1.1", "user unknown" },
	{ EX_NOHOST, "5.1.2", "host name unknown" },
	{ EX_UNAVAILABLE, "5.3.0", "service unavailable" },
	{ EX_SOFTWARE, "5.3.0", "internal software error" },
	{ EX_OSERR, "4.3.0", "system resource problem" },
	{ EX_OSFILE, "5.3.0", "critical OS file missing" },
	{ EX_CANTCREAT, "5.2.0", "can't create user output file" },
	{ EX_IOERR, "5.3.0", "input/output error" },
	{ EX_TEMPFAIL, "4.3.0", "temporary failure" },
	{ EX_PROTOCOL, "5.5.0", "remote error in protocol" },
	{ EX_NOPERM, "5.7.0", "permission denied" },
	{ EX_CONFIG, "5.3.5", "local configuration error" },
};

/* Bytes of the character at the start of s; 0: not a valid one. */
static size_t char_length(struct str s)
{
	for (size_t n = 2; n <= 4 && n <= s.len; n++)
		if (utf8_is_valid(str_head(s, n)))
			return n;
	return 0;
}

void command_output_text(struct buf *b, struct str output, bool utf8)
{
	size_t n;

	for (; output.len > 0 && *output.ptr != '\0'; output = str_skip(output, n)) {
		unsigned char c = (unsigned char)*output.ptr;

		n = 1;
		if (c == '\n' || c == '\t') {
			buf_putc(b, ' ');
		} else if (c < 0x80) {
			buf_putc(b, is_print(c) ? (char)c : '_');
		} else if (utf8 && char_length(output) > 0) {
			n = char_length(output);
			buf_put(b, str_head(output, n));
		} else {
			buf_putc(b, '_');
		}
	}
}

static const struct exit_meaning *find(int code)
{
	for (size_t i = 0; i < ARRAY_LEN(meanings); i++)
		if (meanings[i].code == code)
			return &meanings[i];
	return NULL;
}

static void finish(struct str reason, const char *detail, struct str text, struct arena *a,
	struct dsn *ret)
{
	ret->reason = reason;
	ret->dtype = STR("x-unix");
	ret->dtext = str_of(detail);
	if (text.len > 0) {
		ret->dtext = arena_str(a, text);
		ret->reason = arena_fmt(a, STR_FMT ". Command output: " STR_FMT, STR_ARG(reason),
			STR_ARG(text));
	}
}

/* Output that says it all: "5.1.1 text". */
static bool has_own_status(struct str text, struct arena *a, struct dsn *ret)
{
	struct dsn_code code;
	size_t n = dsn_code_parse(text, &code);

	if (n == 0 || (n < text.len && text.ptr[n] != ' '))
		return false;
	ret->status = arena_str(a, str_head(text, n));
	text = str_skip(text, n);
	while (text.len > 0 && *text.ptr == ' ')
		text = str_skip(text, 1);
	ret->dtype = STR("x-unix");
	ret->dtext = ret->reason = arena_str(a, text);
	return true;
}

void command_verdict(const struct command_result *r, const char *name, struct str text,
	struct arena *a, struct dsn *ret)
{
	const struct exit_meaning *m = r->end == COMMAND_EXITED ? find(r->code) : NULL;
	struct dsn d = { 0 };
	struct str said;

	switch (r->end) {
	case COMMAND_TIMEOUT:
		d.status = STR("5.3.0");
		finish(arena_fmt(a, "Command time limit exceeded: \"%s\"", name),
			"internal software error", text, a, &d);
		break;
	case COMMAND_SIGNALED:
		d.status = STR("4.3.0");
		finish(arena_fmt(a, "Command died with signal %d: \"%s\"", r->code, name),
			"internal software error", text, a, &d);
		break;
	case COMMAND_EXITED:
	default:
		if (has_own_status(text, a, &d))
			break;
		d.status = m != NULL ? str_of(m->status) : STR("5.3.0");
		said = m != NULL
			       ? str_of(m->text)
			       : arena_fmt(a, "Command died with status %d: \"%s\"", r->code, name);
		finish(said,
			m != NULL ? m->text
				  : arena_fmt(a, "unknown mail system error %d", r->code).ptr,
			text, a, &d);
		break;
	}
	*ret = d;
}

void command_not_run(struct str text, struct arena *a, struct dsn *ret)
{
	struct dsn d = { .status = STR("4.3.0") };

	finish(STR("temporary failure"), "temporary failure", text, a, &d);
	*ret = d;
}

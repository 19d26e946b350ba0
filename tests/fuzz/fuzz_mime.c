/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_mime.c — messages through the MIME machine with small limits, every option on and off. The
 * first byte chooses options; a line that ends in '\\' is a piece. Without downgrade every byte must
 * come out again, in order, unless a header was cut; blanks before a colon need not.
 */
#include "mime/mime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct trace {
	struct buf out;
	bool ended;
};

static int on_header(void *ctx, enum mime_class cls, const struct header_def *def, struct str text)
{
	struct trace *t = ctx;

	(void)def;
	check((cls == MIME_PRIMARY) == !t->ended);
	check(header_name(text, NULL) > 0);
	buf_put(&t->out, text);
	return 0;
}

static int on_header_end(void *ctx)
{
	struct trace *t = ctx;

	check(!t->ended);
	t->ended = true;
	return 0;
}

static int on_body(void *ctx, struct str line, bool partial, int64_t offset)
{
	struct trace *t = ctx;

	(void)partial;
	check(t->ended && offset >= 0);
	buf_put(&t->out, line);
	return 0;
}

static void on_error(void *ctx, enum mime_error err, struct str text)
{
	(void)ctx;
	(void)text;
	check(mime_error_text(err, NULL) != NULL);
}

static const struct mime_callbacks callbacks = {
	.header = on_header,
	.header_end = on_header_end,
	.body = on_body,
	.error = on_error,
};

/* The place of the next byte that is no blank. */
static size_t skip_blanks(struct str s, size_t at)
{
	while (at < s.len && (s.ptr[at] == '\n' || s.ptr[at] == ' ' || s.ptr[at] == '\t'))
		at++;
	return at;
}

/* What comes out, without the line ends within headers and the blanks behind their names. */
static void check_same(struct str out, struct str want)
{
	size_t o = skip_blanks(out, 0);

	for (size_t i = skip_blanks(want, 0); i < want.len; i = skip_blanks(want, i + 1)) {
		check(o < out.len && out.ptr[o] == want.ptr[i]);
		o = skip_blanks(out, o + 1);
	}
	check(o == out.len);
}

static void run(struct str in, const struct mime_settings *set)
{
	struct trace t = { BUF((size_t)1 << 30), false };
	_cleanup_buf_ struct buf want = BUF((size_t)1 << 30);
	struct mime *m = mime_new(set, &callbacks, &t);

	while (in.len > 0) {
		ptrdiff_t nl = str_chr(in, '\n');
		struct str line = nl < 0 ? in : str_head(in, (size_t)nl);
		bool partial = str_ends(line, STR("\\"));

		if (partial)
			line.len--;
		check(mime_line(m, line, partial) == 0);
		buf_put(&want, line);
		in = nl < 0 ? STR_EMPTY : str_skip(in, (size_t)nl + 1);
	}
	check(mime_end(m) == 0);
	check(t.ended);
	if ((set->options & MIME_OPT_DOWNGRADE) == 0 &&
		(mime_errors(m) & MIME_ERR_TRUNC_HEADER) == 0)
		check_same(buf_str(&t.out), buf_str(&want));
	mime_free(m);
	buf_done(&t.out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mime_settings set = {
		.header_size_limit = 200,
		.boundary_length_limit = 20,
		.nesting_limit = 3,
	};

	if (size == 0)
		return 0;
	set.options = data[0];
	run(str_from((const char *)data + 1, size - 1), &set);
	return 0;
}

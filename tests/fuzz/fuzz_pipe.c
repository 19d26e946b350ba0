/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_pipe.c — the words of a pipe service and the macros in them (threats A11): whatever an address
 * holds, a word of the administrator's stays one argument for each recipient, and text around a macro
 * stays around it.
 *
 * First byte: flags. Then texts that end with NUL: word, sender, next hop, recipients' addresses.
 */
#include "pipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_RCPT 8

static struct str take(struct str *rest)
{
	ptrdiff_t end = str_chr(*rest, '\0');
	struct str s = end < 0 ? *rest : str_head(*rest, (size_t)end);

	*rest = str_skip(*rest, s.len + 1);
	return s;
}

static size_t count(char **v)
{
	size_t n = 0;

	while (v[n] != NULL)
		n++;
	return n;
}

static void check_words(const struct pipe_expand *x, const struct delivery_request *rq)
{
	static const char *const names[] = { "<${recipient}>", "<$user>", "<$(extension)>",
		"<$mailbox>", "<$domain>", "<$original_recipient>" };
	_cleanup_arena_ struct arena *a = arena_new(0);

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char *words[] = { arena_cstr(a, str_of(names[i])), NULL };
		struct why why;
		char **v;

		check(pipe_expand(x, words, rq, a, &v, &why) == 0);
		check(count(v) == rq->n_rcpt);
		for (size_t r = 0; r < rq->n_rcpt; r++)
			check(v[r][0] == '<' && str_ends(str_of(v[r]), STR(">")));
		if (i == 0 && x->flags == 0)
			check(str_eq(str_head(str_skip(str_of(v[0]), 1), rq->rcpt[0].address.len),
				rq->rcpt[0].address));
	}
}

static void check_attr(struct str word)
{
	_cleanup_free_ char *text = str_dup(word);
	char argv[] = "argv=/bin/true", user[] = "user=nobody";
	char *words[] = { text, user, argv, NULL };
	struct command_owner owner = { .name = "o", .setgid_name = "g" };
	struct pipe_attr attr;
	struct why why;

	if (pipe_attr_parse(words, &owner, &attr, &why) == 0) {
		check(attr.argv != NULL && attr.size >= 0 && attr.id.uid != 0);
		pipe_attr_done(&attr);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct str rest = str_from((const char *)data, size);
	struct recipient rcpt[MAX_RCPT] = { 0 };
	struct delivery_request rq = { .rcpt = rcpt, .data_size = 1 };
	struct pipe_expand x = { .null_sender = STR("MAILER-DAEMON"),
		.delimiters = STR("+-"),
		.owner_request_special = true,
		.where = "x" };
	struct str word;
	struct why why;
	char **v;

	if (size == 0 || size > 4096)
		return 0;
	x.flags = data[0] & (PIPE_FOLD_HOST | PIPE_QUOTE);
	x.flags |= (data[0] & 1) != 0 ? PIPE_FOLD_USER | PIPE_QUOTE : 0;
	x.utf8 = (data[0] & 2) != 0;
	rest = str_skip(rest, 1);
	word = take(&rest);
	rq.sender = take(&rest);
	rq.nexthop = take(&rest);
	do {
		rcpt[rq.n_rcpt].address = take(&rest);
		rcpt[rq.n_rcpt].orig_addr = rcpt[rq.n_rcpt].address;
		rq.n_rcpt++;
	} while (rest.len > 0 && rq.n_rcpt < MAX_RCPT);
	check_words(&x, &rq);
	check_attr(word);

	char *words[] = { arena_cstr(a, word), NULL };

	if (pipe_expand(&x, words, &rq, a, &v, &why) == 0)
		check(count(v) == 1 || count(v) == rq.n_rcpt);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_addrlist.c — address lists of message headers (threats P2, P3).
 *
 * What is written must be read as the same addresses.
 */
#include "address/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LIMIT 10000

static size_t count(const struct tok_tree *t)
{
	size_t n = 0;

	for (struct tok *a = address_next(t->head); a != NULL; a = address_next(a->next))
		n++;
	return n;
}

/* A domain without specials: such an address stands for itself. */
static bool is_plain(struct str internal)
{
	struct address_parts p = address_split(internal);

	for (size_t i = 0; i < p.domain.len; i++)
		if (!is_alnum((unsigned char)p.domain.ptr[i]) && p.domain.ptr[i] != '.')
			return false;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new((size_t)1 << 30);
	struct buf b = BUF(1 << 24);
	struct address_list list;
	struct tok_tree t, again;

	if (size <= 65536) {
		struct str in = str_from((const char *)data, size);

		address_tokens(in, LIMIT, a, &t);
		check(t.count <= LIMIT);
		for (struct tok *d = address_next(t.head); d != NULL; d = address_next(d->next)) {
			struct str internal = address_of_tok(d, a);

			address_set_tok(d, internal, a);
			check(!is_plain(internal) || str_eq(address_of_tok(d, a), internal));
		}
		check(address_tokens_format(&b, &t) == 0);
		address_tokens(buf_str(&b), SIZE_MAX, a, &again);
		check(count(&again) <= 2 * count(&t) + LIMIT);
		address_list_parse(in, LIMIT, a, &list);
		for (size_t i = 0; i < list.n; i++)
			check(list.v[i].len > 0);
	}
	buf_done(&b);
	arena_free(a);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/param.c — values of the parameters of MAIL and RCPT.
 */
#include "smtp/command.h"

#include <errno.h>

#include "base/encode.h"
#include "base/num.h"

int smtp_notify_parse(struct str value)
{
	static const struct {
		const char *name;
		int bit;
	} words[] = { { "NEVER", 1 }, { "SUCCESS", 2 }, { "FAILURE", 4 }, { "DELAY", 8 } };
	struct str rest = value, word;
	int mask = 0;

	while (str_word(&rest, ",", &word)) {
		size_t i;

		for (i = 0; i < ARRAY_LEN(words); i++)
			if (str_ieq(word, str_of(words[i].name)))
				break;
		if (i == ARRAY_LEN(words))
			return -EINVAL;
		mask |= words[i].bit;
	}
	if (mask == 0 || ((mask & 1) && mask != 1))
		return -EINVAL;
	return mask;
}

int smtp_ret_parse(struct str value)
{
	if (str_ieq(value, STR("FULL")))
		return 1;
	if (str_ieq(value, STR("HDRS")))
		return 2;
	return -EINVAL;
}

static bool clean(struct str s, bool ascii)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c < 0x20 || c == 0x7f || (ascii && c > 0x7f))
			return false;
	}
	return true;
}

static bool is_type_char(unsigned char c)
{
	return c > ' ' && c < 0x7f && c != '+' && c != '=';
}

int smtp_orcpt_parse(struct str value, bool smtputf8, struct arena *a, struct str *ret)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(SMTP_PATH_MAX);
	ptrdiff_t semi = str_chr(value, ';');
	struct str type, addr;
	int r;

	if (semi <= 0 || (size_t)semi + 1 == value.len)
		return -EINVAL;
	type = str_head(value, (size_t)semi);
	addr = str_skip(value, (size_t)semi + 1);
	for (size_t i = 0; i < type.len; i++)
		if (!is_type_char((unsigned char)type.ptr[i]))
			return -EINVAL;
	if (buf_add(&b, str_head(value, (size_t)semi + 1)) < 0)
		return -EINVAL;
	if (smtputf8 && str_ieq(type, STR("utf-8")))
		r = uxtext_decode(&b, addr);
	else
		r = xtext_decode(&b, addr);
	if (r < 0 || !clean(buf_str(&b), false))
		return -EINVAL;
	*ret = arena_str(a, buf_str(&b));
	return 0;
}

int smtp_envid_parse(struct str value, struct arena *a, struct str *ret)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(SMTP_PATH_MAX);

	if (xtext_decode(&b, value) < 0 || b.len == 0 || !clean(buf_str(&b), true))
		return -EINVAL;
	*ret = arena_str(a, buf_str(&b));
	return 0;
}

int smtp_size_parse(struct str value, int64_t *ret)
{
	uint64_t n;
	int r;

	if (!str_all_digits(value))
		return -EINVAL;
	r = num_u64(value, INT64_MAX, &n);
	if (r < 0)
		return r;
	*ret = (int64_t)n;
	return 0;
}

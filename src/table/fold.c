/* SPDX-License-Identifier: Apache-2.0 */
/* table/fold.c — see fold.h. */
#include "table/fold.h"

#include <errno.h>
#include <unicase.h>

#include "base/text.h"

int table_fold(struct buf *b, struct str s, bool utf8)
{
	if (!utf8 || !str_has_8bit(s))
		return text_lower(b, s);
	if (!utf8_is_valid(s))
		return -EILSEQ;

	uint8_t local[512];
	size_t len = sizeof(local);
	uint8_t *out = u8_casefold((const uint8_t *)s.ptr, s.len, NULL, NULL, local, &len);

	if (out == NULL)
		return errno == ENOMEM ? -EMSGSIZE : -EILSEQ;

	int r = buf_add(b, str_from((const char *)out, len));

	if (out != local)
		free(out);
	return r;
}

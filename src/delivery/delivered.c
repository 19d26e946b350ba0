/* SPDX-License-Identifier: Apache-2.0 */
/* delivery/delivered.c — see delivered.h. */
#include "delivery/delivered.h"

#include <errno.h>

#include "address/address.h"
#include "mime/header.h"
#include "table/fold.h"

/* Longer than any address that was accepted. */
#define ADDR_MAX ((size_t)64 * 1024)

/* Folded for comparison; what is not UTF-8 as bytes. */
static int fold(struct buf *b, struct str s, bool utf8)
{
	if (utf8 && table_fold(b, s, true) == 0)
		return 0;
	buf_clear(b);
	return table_fold(b, s, false);
}

static bool is_same(struct str value, struct str folded, bool utf8)
{
	_cleanup_buf_ struct buf plain = BUF_LOCAL(ADDR_MAX);
	_cleanup_buf_ struct buf key = BUF_LOCAL(ADDR_MAX);

	if (address_unquote(&plain, str_trim(value)) < 0 || fold(&key, buf_str(&plain), utf8) < 0)
		return false;
	return str_eq(buf_str(&key), folded);
}

/* One line of the header: 1 it is ours; 0 go on; -ENODATA the header has ended. */
static int look(struct str line, struct str folded, bool utf8)
{
	struct str body;
	size_t n;

	if (line.len > 0 && (*line.ptr == ' ' || *line.ptr == '\t'))
		return 0;
	n = header_name(line, &body);
	if (n == 0)
		return -ENODATA;
	return str_ieq(str_head(line, n), STR("Delivered-To")) && is_same(body, folded, utf8);
}

static int search(struct queue_reader *r, struct str folded, bool utf8, struct why *why)
{
	struct str data;
	bool at_start = true;

	for (;;) {
		int type = queue_reader_next(r, &data);
		int found = 0;

		if (type == REC_XTRA)
			return 0;
		if (type < 0 && type != -EBADMSG)
			return why_errno(why, type, "read message");
		if (type != REC_NORM && type != REC_CONT)
			return why_set(why, -EBADMSG, "unexpected end or record in the message");
		if (at_start)
			found = look(data, folded, utf8);
		if (found != 0)
			return found == 1 ? 1 : 0;
		at_start = type == REC_NORM;
	}
}

int delivered_before(const struct delivery_request *rq, struct str address, bool utf8,
	struct why *why)
{
	_cleanup_buf_ struct buf folded = BUF_LOCAL(ADDR_MAX);
	struct queue_reader r;
	int e = fold(&folded, address, utf8);

	/* An address that does not fit was never written into a header by us. */
	if (e < 0)
		return 0;
	queue_reader_init(&r, rq->msg, rq->data_offset, false);
	e = search(&r, buf_str(&folded), utf8, why);
	queue_reader_done(&r);
	return e;
}

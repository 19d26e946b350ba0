/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/recread.h — records from a stream, one at a time, bounded.
 */
#pragma once

#include "io/stream.h"
#include "queue/record.h"

/**
 * Read one record.
 *
 * @param max        longest data accepted; also the room that `slow` must have
 * @param slow       holds data that is not whole in the stream's buffer
 * @param ret_data   borrowed from the stream or `slow` until the next call
 * @return the type; -ENODATA at end of file between records; -EPIPE within one; -EBADMSG type 0;
 *         -EMSGSIZE longer than max, or a length of more than 4 bytes; the stream's error
 * Blocks: on the stream.
 */
_must_use_ int recread(struct stream *s, size_t max, struct buf *slow, struct str *ret_data);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery/delivered.h — has a message been delivered to this recipient before? (threats L1)
 */
#pragma once

#include "delivery/request.h"

/**
 * Look for "Delivered-To: address" in the header of a stored message.
 *
 * Addresses are compared unquoted and without regard to case. Only the first line of a header
 * counts, up to the first line that is neither header nor continuation.
 * @param address   internal form
 * @param utf8      compare as Unicode
 * @return 1 it is there; 0 it is not; -EBADMSG the queue file is damaged; errno of read(2)
 * Blocks: on the queue file.
 */
_must_use_ int delivered_before(const struct delivery_request *rq, struct str address, bool utf8,
	struct why *why);

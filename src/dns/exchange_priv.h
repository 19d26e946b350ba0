/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns/exchange_priv.h — send a query, wait for its answer.
 */
#pragma once

#include "dns/config_priv.h"
#include "dns/packet_priv.h"

/**
 * Ask the servers in turn until one gives an answer.
 *
 * @param q       id is chosen here
 * @param flags   enum dns_query_flags; EDNS is given up for servers that do not know it
 * @param turn    which server is first
 * @return 0 with any rcode; -EINVAL the name cannot be asked for; -EBADMSG malformed answer;
 *         -ETIMEDOUT no server answers
 */
_must_use_ int dns_exchange(const struct dns_config *c, struct dns_question *q, unsigned flags,
	unsigned turn, const struct notes *notes, struct arena *a, struct dns_packet *ret);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/known_ports.h — port names that are known without the services database.
 */
#pragma once

#include "base/str.h"

/**
 * The number of a port name, by known_tcp_ports.
 *
 * @param known   "lmtp=24, smtps=submissions=465": names that share a number, then the number
 * @param name    "smtp"
 * @return the text of the number, borrowed from known; name itself when it is not in the list
 * Source: postconf(5), known_tcp_ports.
 */
struct str known_port(struct str known, struct str name);

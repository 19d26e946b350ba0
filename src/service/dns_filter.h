/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/dns_filter.h — tables that leave out records of DNS answers (smtp_dns_reply_filter,
 * smtpd_dns_reply_filter), for dns_settings.
 */
#pragma once

#include "dns/dns.h"
#include "table/table.h"

/**
 * Ask a `struct tables` about a record; dns_filter_fn with the tables as ctx.
 *
 * IGNORE is the only action; anything else is a configuration error and a temporary failure.
 */
enum dns_filter dns_filter_ask(void *ctx, struct str text, struct why *why);
/** Have `s` ask these tables, unless there are none. */
void dns_filter_use(struct dns_settings *s, struct tables *t);

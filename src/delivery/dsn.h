/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery/dsn.h — the outcome of a delivery attempt for one recipient.
 */
#pragma once

#include "base/str.h"

/** All strings borrowed; empty when not available. */
struct dsn {
	struct str status; /* "5.1.1" */
	struct str
		action; /* "failed", "delayed", "delivered", "relayed", "expanded"; "" by status */
	struct str reason; /* human text */
	struct str dtype;  /* diagnostic type: "smtp", "x-unix" */
	struct str dtext;  /* "550 5.1.1 ..." */
	struct str mtype;  /* "dns", "unix" */
	struct str mname;  /* remote host */
};

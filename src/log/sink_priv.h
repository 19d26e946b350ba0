/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log/sink_priv.h — the places a log line can go; used by log.c only.
 *
 * A sink_write() sends one line to the first sink that takes it: postlogd, file, syslog.
 */
#pragma once

#include "base/str.h"
#include "log/log.h"

/** Length of "Nov 03 09:00:00". */
#define SINK_STAMP ((size_t)15)

struct sinks;

/** Sinks for settings; copies what it needs and opens what can be opened. */
_alloc_ struct sinks *sinks_new(const struct log_settings *s);
/** Close all. NULL is accepted. */
void sinks_free(struct sinks *k);
/**
 * Send one line.
 *
 * @param stamp     "Mmm dd hh:mm:ss"
 * @param line      "tag[pid]: text", clean, without newline
 * @param priority  syslog priority without facility
 */
void sinks_write(struct sinks *k, struct str stamp, struct str line, int priority);
/** While held, lines for postlogd wait for sinks_flush() or for a full datagram. One thread only. */
void sinks_hold(struct sinks *k, bool on);
/** Send what waits, and wait for a thread that is sending. */
void sinks_flush(struct sinks *k);
/** Lines that no sink took. */
uint64_t sinks_dropped(const struct sinks *k);

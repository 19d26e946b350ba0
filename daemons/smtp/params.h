/* SPDX-License-Identifier: Apache-2.0 */
/*
 * params.h — parameters of smtp(8) and lmtp(8), one structure for both.
 *
 * Fields have the names of the smtp_ parameters without the prefix; the program's name decides
 * whether they are filled from smtp_... or lmtp_... parameters.
 */
#pragma once

#include "conf/conf.h"

struct client_params {
	usec_t connect_timeout, helo_timeout, xforward_timeout, mail_timeout, rcpt_timeout;
	usec_t data_init_timeout, data_xfer_timeout, data_done_timeout, rset_timeout, quit_timeout;
	usec_t connection_cache_time_limit, connection_reuse_time_limit;
	usec_t pix_workaround_delay_time, pix_workaround_threshold_time;
	int64_t mx_address_limit, mx_session_limit, line_length_limit, min_data_rate;
	int64_t connection_reuse_count_limit;
	const char *helo_name, *tcp_port, *fallback_relay, *bind_address, *bind_address6;
	const char *address_preference, *address_verify_target, *discard_ehlo_keywords;
	const char *discard_ehlo_keyword_address_maps, *pix_workarounds, *pix_workaround_maps;
	const char *generic_maps, *header_checks, *mime_header_checks, *nested_header_checks;
	const char *body_checks, *host_lookup, *reply_filter, *connection_cache_destinations;
	const char *dns_resolver_options, *dns_support_level, *dns_reply_filter;
	const char *tls_security_level, *tls_policy_maps, *tls_per_site, *sasl_password_maps;
	const char *requiretls_policy;
	bool randomize_addresses, balance_inet_protocols, bind_address_enforce;
	bool connection_cache_on_demand, defer_if_no_mx_address_found, quote_rfc821_envelope;
	bool send_xforward_command, skip_5xx_greeting, skip_quit_response;
	bool cname_overrides_servername, per_request_deadline, sasl_auth_enable, enforce_tls;
	bool tls_wrappermode;
	/* One of the two programs only. */
	bool always_send_ehlo, never_send_ehlo, assume_final;
	/* Of the system. */
	const char *relayhost, *myhostname, *best_mx_transport, *inet_interfaces, *dns_servers,
		*dnssec_probe, *known_tcp_ports;
	const char *notify_classes, *error_notice_recipient, *double_bounce_sender, *mail_name;
	const char *cleanup_service_name;
	const char *use_srv_lookup;
	bool allow_srv_lookup_fallback, ignore_srv_lookup_error;
	bool ignore_mx_lookup_error, disable_dns_lookups, disable_mime_output_conversion;
	bool smtputf8_enable, soft_bounce, tls_required_enable;
	int64_t mime_nesting_limit, mime_boundary_length_limit, header_size_limit;
	int64_t header_address_token_limit, body_checks_size_limit;
	usec_t ipc_timeout;
};

/** Table for a program: "lmtp", anything else is smtp. */
const struct conf_var *client_params_table(bool lmtp);

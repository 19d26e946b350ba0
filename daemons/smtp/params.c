/* SPDX-License-Identifier: Apache-2.0 */
/*
 * params.c — see params.h.
 *
 * Names that the COMMON macro composes:
 * heeds: smtp_connect_timeout lmtp_connect_timeout smtp_xforward_timeout lmtp_xforward_timeout
 * smtp_mail_timeout lmtp_mail_timeout smtp_rcpt_timeout lmtp_rcpt_timeout
 * smtp_data_init_timeout lmtp_data_init_timeout smtp_data_xfer_timeout lmtp_data_xfer_timeout
 * smtp_data_done_timeout lmtp_data_done_timeout smtp_rset_timeout lmtp_rset_timeout
 * smtp_quit_timeout lmtp_quit_timeout smtp_connection_cache_time_limit
 * lmtp_connection_cache_time_limit smtp_connection_reuse_time_limit
 * lmtp_connection_reuse_time_limit smtp_pix_workaround_delay_time
 * lmtp_pix_workaround_delay_time smtp_pix_workaround_threshold_time
 * lmtp_pix_workaround_threshold_time smtp_mx_address_limit lmtp_mx_address_limit
 * smtp_mx_session_limit lmtp_mx_session_limit smtp_line_length_limit lmtp_line_length_limit
 * smtp_min_data_rate lmtp_min_data_rate smtp_connection_reuse_count_limit
 * lmtp_connection_reuse_count_limit smtp_tcp_port lmtp_tcp_port smtp_fallback_relay
 * lmtp_fallback_relay smtp_bind_address lmtp_bind_address smtp_bind_address6
 * lmtp_bind_address6 smtp_address_preference lmtp_address_preference
 * smtp_address_verify_target lmtp_address_verify_target smtp_pix_workarounds
 * lmtp_pix_workarounds smtp_pix_workaround_maps lmtp_pix_workaround_maps smtp_generic_maps
 * lmtp_generic_maps smtp_header_checks lmtp_header_checks smtp_mime_header_checks
 * lmtp_mime_header_checks smtp_nested_header_checks lmtp_nested_header_checks smtp_body_checks
 * lmtp_body_checks smtp_host_lookup lmtp_host_lookup smtp_reply_filter lmtp_reply_filter
 * smtp_connection_cache_destinations lmtp_connection_cache_destinations
 * smtp_dns_resolver_options lmtp_dns_resolver_options smtp_dns_support_level
 * lmtp_dns_support_level smtp_dns_reply_filter lmtp_dns_reply_filter smtp_tls_security_level
 * lmtp_tls_security_level smtp_tls_policy_maps lmtp_tls_policy_maps smtp_tls_per_site
 * lmtp_tls_per_site smtp_requiretls_policy lmtp_requiretls_policy smtp_sasl_password_maps lmtp_sasl_password_maps smtp_randomize_addresses
 * lmtp_randomize_addresses smtp_balance_inet_protocols lmtp_balance_inet_protocols
 * smtp_bind_address_enforce lmtp_bind_address_enforce smtp_connection_cache_on_demand
 * lmtp_connection_cache_on_demand smtp_defer_if_no_mx_address_found
 * lmtp_defer_if_no_mx_address_found smtp_quote_rfc821_envelope lmtp_quote_rfc821_envelope
 * smtp_send_xforward_command lmtp_send_xforward_command smtp_skip_5xx_greeting
 * lmtp_skip_5xx_greeting smtp_skip_quit_response lmtp_skip_quit_response
 * smtp_cname_overrides_servername lmtp_cname_overrides_servername smtp_per_request_deadline
 * lmtp_per_request_deadline smtp_sasl_auth_enable lmtp_sasl_auth_enable smtp_enforce_tls
 * lmtp_enforce_tls smtp_tls_wrappermode lmtp_tls_wrappermode
 */
#include "params.h"

#define ROW(name, field, bind)                                    \
	{                                                         \
		name, bind, offsetof(struct client_params, field) \
	}
#define S(name, field) ROW(name, field, CONF_BIND_STR)
#define I(name, field) ROW(name, field, CONF_BIND_INT)
#define T(name, field) ROW(name, field, CONF_BIND_TIME)
#define B(name, field) ROW(name, field, CONF_BIND_BOOL)

/* What both programs have under a name that differs in the prefix only. */
#define COMMON(p)                                                                                 \
	T(p "_connect_timeout", connect_timeout), T(p "_xforward_timeout", xforward_timeout),     \
		T(p "_mail_timeout", mail_timeout), T(p "_rcpt_timeout", rcpt_timeout),           \
		T(p "_data_init_timeout", data_init_timeout),                                     \
		T(p "_data_xfer_timeout", data_xfer_timeout),                                     \
		T(p "_data_done_timeout", data_done_timeout), T(p "_rset_timeout", rset_timeout), \
		T(p "_quit_timeout", quit_timeout),                                               \
		T(p "_connection_cache_time_limit", connection_cache_time_limit),                 \
		T(p "_connection_reuse_time_limit", connection_reuse_time_limit),                 \
		T(p "_pix_workaround_delay_time", pix_workaround_delay_time),                     \
		T(p "_pix_workaround_threshold_time", pix_workaround_threshold_time),             \
		I(p "_mx_address_limit", mx_address_limit),                                       \
		I(p "_mx_session_limit", mx_session_limit),                                       \
		I(p "_line_length_limit", line_length_limit),                                     \
		I(p "_min_data_rate", min_data_rate),                                             \
		I(p "_connection_reuse_count_limit", connection_reuse_count_limit),               \
		S(p "_tcp_port", tcp_port), S(p "_fallback_relay", fallback_relay),               \
		S(p "_bind_address", bind_address), S(p "_bind_address6", bind_address6),         \
		S(p "_address_preference", address_preference),                                   \
		S(p "_address_verify_target", address_verify_target),                             \
		S(p "_pix_workarounds", pix_workarounds),                                         \
		S(p "_pix_workaround_maps", pix_workaround_maps),                                 \
		S(p "_generic_maps", generic_maps), S(p "_header_checks", header_checks),         \
		S(p "_mime_header_checks", mime_header_checks),                                   \
		S(p "_nested_header_checks", nested_header_checks),                               \
		S(p "_body_checks", body_checks), S(p "_host_lookup", host_lookup),               \
		S(p "_reply_filter", reply_filter),                                               \
		S(p "_connection_cache_destinations", connection_cache_destinations),             \
		S(p "_dns_resolver_options", dns_resolver_options),                               \
		S(p "_dns_support_level", dns_support_level),                                     \
		S(p "_dns_reply_filter", dns_reply_filter),                                       \
		S(p "_tls_security_level", tls_security_level),                                   \
		S(p "_tls_policy_maps", tls_policy_maps), S(p "_tls_per_site", tls_per_site),     \
		S(p "_sasl_password_maps", sasl_password_maps),                                   \
		S(p "_requiretls_policy", requiretls_policy),                                     \
		B(p "_randomize_addresses", randomize_addresses),                                 \
		B(p "_balance_inet_protocols", balance_inet_protocols),                           \
		B(p "_bind_address_enforce", bind_address_enforce),                               \
		B(p "_connection_cache_on_demand", connection_cache_on_demand),                   \
		B(p "_defer_if_no_mx_address_found", defer_if_no_mx_address_found),               \
		B(p "_quote_rfc821_envelope", quote_rfc821_envelope),                             \
		B(p "_send_xforward_command", send_xforward_command),                             \
		B(p "_skip_5xx_greeting", skip_5xx_greeting),                                     \
		B(p "_skip_quit_response", skip_quit_response),                                   \
		B(p "_cname_overrides_servername", cname_overrides_servername),                   \
		B(p "_per_request_deadline", per_request_deadline),                               \
		B(p "_sasl_auth_enable", sasl_auth_enable), B(p "_enforce_tls", enforce_tls),     \
		B(p "_tls_wrappermode", tls_wrappermode)

#define SYSTEM                                                                              \
	S("use_srv_lookup", use_srv_lookup),                                                \
		B("allow_srv_lookup_fallback", allow_srv_lookup_fallback),                  \
		B("ignore_srv_lookup_error", ignore_srv_lookup_error),                      \
		S("notify_classes", notify_classes),                                        \
		S("error_notice_recipient", error_notice_recipient),                        \
		S("double_bounce_sender", double_bounce_sender), S("mail_name", mail_name), \
		S("cleanup_service_name", cleanup_service_name), S("relayhost", relayhost), \
		S("myhostname", myhostname), S("best_mx_transport", best_mx_transport),     \
		S("inet_interfaces", inet_interfaces), S("dns_servers", dns_servers),       \
		S("dnssec_probe", dnssec_probe), S("known_tcp_ports", known_tcp_ports),     \
		B("ignore_mx_lookup_error", ignore_mx_lookup_error),                        \
		B("disable_dns_lookups", disable_dns_lookups),                              \
		B("disable_mime_output_conversion", disable_mime_output_conversion),        \
		B("smtputf8_enable", smtputf8_enable), B("soft_bounce", soft_bounce),       \
		B("tls_required_enable", tls_required_enable),                              \
		I("mime_nesting_limit", mime_nesting_limit),                                \
		I("mime_boundary_length_limit", mime_boundary_length_limit),                \
		I("header_size_limit", header_size_limit),                                  \
		I("header_address_token_limit", header_address_token_limit),                \
		I("body_checks_size_limit", body_checks_size_limit), T("ipc_timeout", ipc_timeout)

static const struct conf_var smtp_vars[] = {
	COMMON("smtp"),
	SYSTEM,
	T("smtp_helo_timeout", helo_timeout),
	S("smtp_helo_name", helo_name),
	S("smtp_discard_ehlo_keywords", discard_ehlo_keywords),
	S("smtp_discard_ehlo_keyword_address_maps", discard_ehlo_keyword_address_maps),
	B("smtp_always_send_ehlo", always_send_ehlo),
	B("smtp_never_send_ehlo", never_send_ehlo),
	CV_END,
};

static const struct conf_var lmtp_vars[] = {
	COMMON("lmtp"),
	SYSTEM,
	T("lmtp_lhlo_timeout", helo_timeout),
	S("lmtp_lhlo_name", helo_name),
	S("lmtp_discard_lhlo_keywords", discard_ehlo_keywords),
	S("lmtp_discard_lhlo_keyword_address_maps", discard_ehlo_keyword_address_maps),
	B("lmtp_assume_final", assume_final),
	CV_END,
};

const struct conf_var *client_params_table(bool lmtp)
{
	return lmtp ? lmtp_vars : smtp_vars;
}

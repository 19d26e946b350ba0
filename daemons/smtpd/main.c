/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtpd/main.c — the SMTP server: parameters and what it is to the service skeleton.
 */
#include "sandbox/sandbox.h"
#include "smtpd.h"

static struct smtpd the_smtpd;

#define C struct smtpd_conf

static const struct conf_var vars[] = {
	CV_STR(C, myhostname),
	CV_STR(C, mail_name),
	CV_STR(C, myorigin),
	CV_STR(C, config_directory),
	CV_STR(C, command_directory),
	CV_STR(C, smtpd_banner),
	CV_STR(C, smtpd_discard_ehlo_keywords),
	CV_STR(C, smtpd_discard_ehlo_keyword_address_maps),
	CV_STR(C, smtpd_noop_commands),
	CV_STR(C, smtpd_forbidden_commands),
	CV_STR(C, smtpd_command_filter),
	CV_STR(C, smtpd_reject_footer),
	CV_STR(C, smtpd_reject_footer_maps),
	CV_STR(C, smtpd_reject_filter_maps),
	CV_STR(C, smtpd_expansion_filter),
	CV_STR(C, smtpd_forbid_bare_newline),
	CV_STR(C, smtpd_forbid_bare_newline_exclusions),
	CV_STR(C, smtpd_client_event_limit_exceptions),
	CV_STR(C, smtpd_authorized_xclient_hosts),
	CV_STR(C, smtpd_authorized_xforward_hosts),
	CV_STR(C, smtpd_authorized_verp_clients),
	CV_STR(C, content_filter),
	CV_STR(C, receive_override_options),
	CV_STR(C, smtputf8_autodetect_classes),
	CV_STR(C, cleanup_service_name),
	CV_STR(C, flush_service_name),
	CV_STR(C, address_verify_sender),
	CV_STR(C, double_bounce_sender),
	CV_STR(C, default_verp_delimiters),
	CV_STR(C, verp_delimiter_filter),
	CV_STR(C, notify_classes),
	CV_STR(C, error_notice_recipient),
	CV_STR(C, dns_servers),
	CV_STR(C, smtpd_dns_reply_filter),
	CV_STR(C, mail_owner),
	CV_STR(C, parent_domain_matches_subdomains),
	CV_STR(C, smtpd_tls_security_level),
	CV_STR(C, smtpd_milters),
	CV_STR(C, smtpd_milter_maps),
	CV_STR(C, smtpd_proxy_filter),
	CV_STR(C, smtpd_upstream_proxy_protocol),
	CV_INT(C, line_length_limit),
	CV_INT(C, message_size_limit),
	CV_INT(C, queue_minfree),
	CV_INT(C, smtpd_recipient_limit),
	CV_INT(C, smtpd_recipient_overshoot_limit),
	CV_INT(C, smtpd_soft_error_limit),
	CV_INT(C, smtpd_hard_error_limit),
	CV_INT(C, smtpd_junk_command_limit),
	CV_INT(C, smtpd_min_data_rate),
	CV_INT(C, smtpd_history_flush_threshold),
	CV_INT(C, smtpd_forbid_bare_newline_reject_code),
	CV_INT(C, smtpd_client_connection_count_limit),
	CV_INT(C, smtpd_client_connection_rate_limit),
	CV_INT(C, smtpd_client_message_rate_limit),
	CV_INT(C, smtpd_client_recipient_rate_limit),
	CV_INT(C, smtpd_client_ipv4_prefix_length),
	CV_INT(C, smtpd_client_ipv6_prefix_length),
	CV_TIME(C, smtpd_timeout),
	CV_TIME(C, smtpd_error_sleep_time),
	CV_TIME(C, ipc_timeout),
	CV_BOOL(C, smtpd_helo_required),
	CV_BOOL(C, disable_vrfy_command),
	CV_BOOL(C, smtpd_delay_open_until_valid_rcpt),
	CV_BOOL(C, smtputf8_enable),
	CV_BOOL(C, strict_smtputf8),
	CV_BOOL(C, strict_rfc821_envelopes),
	CV_BOOL(C, smtpd_peername_lookup),
	CV_BOOL(C, smtpd_client_port_logging),
	CV_BOOL(C, smtpd_forbid_unauth_pipelining),
	CV_BOOL(C, smtpd_per_request_deadline),
	CV_BOOL(C, soft_bounce),
	CV_BOOL(C, smtpd_hide_client_session),
	CV_BOOL(C, smtpd_sasl_auth_enable),
	CV_BOOL(C, smtpd_tls_wrappermode),
	CV_BOOL(C, smtpd_enforce_tls),
	CV_BOOL(C, smtpd_use_tls),
	CV_BOOL(C, smtpd_delay_reject),
	CV_END,
};

static int pre_jail(struct service_ctx *ctx, struct why *why)
{
	ctx->user = &the_smtpd;
	return smtpd_pre_jail(ctx, why);
}

static const struct service definition = {
	.name = "smtpd",
	.kind = SERVICE_THREADED,
	.vars = vars,
	.conf_base = &the_smtpd.c,
	.promises = P_STDIO | P_INET | P_UNIX | P_READ | P_QUEUE | P_FDPASS,
	.pre_jail = pre_jail,
	.post_jail = smtpd_post_jail,
	.pre_accept = smtpd_pre_accept,
	.serve = smtpd_serve,
};

int main(int argc, char **argv)
{
	service_main(argc, argv, &definition);
}

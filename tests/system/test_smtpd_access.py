# SPDX-License-Identifier: Apache-2.0
"""Who may send what to whom: relaying, restriction lists and tables in running systems."""

import pytest

from instance import free_port, wait_until

OUTSIDE = {"mynetworks": "192.0.2.0/24", "mydestination": "here.example", "relay_domains": "relay.example",
           "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination", "smtpd_error_sleep_time": "0",
           "smtpd_hard_error_limit": "1000", "smtpd_peername_lookup": "no"}

# A1: the forms by which strangers have tried to relay; each must be refused with 554.
FORMS = ["u@victim.example", "u%victim.example@here.example", "u%victim.example@[127.0.0.1]", "u%victim.example",
         "victim.example!u", "victim.example!u@here.example", "victim.example!u@[127.0.0.1]", "u@victim.example@here.example",
         "\"u@victim.example\"@here.example", "\"u%victim.example\"@here.example", "@here.example:u@victim.example",
         "@here.example,@relay.example:u@victim.example", "u%victim.example@relay.example", "u@victim.example@relay.example",
         "victim.example!u@relay.example", "u@[192.0.2.77]", "u@victim.example.", "u@here.example.victim.example",
         "u@xhere.example", "u%victim.example%here.example@here.example"]
OURS = ["u@here.example", "u@HERE.example", "u@here.example.", "u@relay.example", "u@sub.relay.example", "postmaster"]


def test_relay_matrix(either):
    m = either(OUTSIDE)
    lines = ["EHLO x", "MAIL FROM:<s@elsewhere.example>"] + [f"RCPT TO:<{f}>" for f in FORMS + OURS]
    replies = m.dialogue(lines)[3:]
    for form, reply in zip(FORMS, replies):
        assert reply.startswith("554 5.7.1 <") and reply.endswith(": Relay access denied"), (form, reply)
    for form, reply in zip(OURS, replies[len(FORMS):]):
        assert reply == "250 2.1.5 Ok", form


def test_default_is_deferral(either):
    m = either({**OUTSIDE, "smtpd_relay_restrictions": "permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination"})
    r = m.dialogue(["EHLO h", "MAIL FROM:<s@x.example>", "RCPT TO:<u@victim.example>"])
    assert r[3] == "454 4.7.1 <u@victim.example>: Relay access denied"
    m.wait_log(r"NOQUEUE: reject: RCPT from unknown\[127\.0\.0\.1\]: 454 4\.7\.1 <u@victim\.example>: Relay access denied; "
               r"from=<s@x\.example> to=<u@victim\.example> proto=ESMTP helo=<h>$")


def test_no_relay_protection(mta):
    """The server refuses to start; nobody gets as far as a greeting."""
    m = mta({**OUTSIDE, "smtpd_relay_restrictions": "permit_mynetworks", "smtpd_recipient_restrictions": "permit_mynetworks"},
            start=False)
    m.run("postfix", "-c", m.config, "start")
    m.started = True
    wait_until(m.listening, "the port is open")
    m.wait_log(r"fatal: in parameter smtpd_relay_restrictions or smtpd_recipient_restrictions, specify at least one working instance of")


LISTS = [
    # list, RCPT reply
    ("smtpd_client_restrictions", "reject", "554 5.7.1 <unknown[127.0.0.1]>: Client host rejected: Access denied"),
    ("smtpd_helo_restrictions", "reject", "554 5.7.1 <h>: Helo command rejected: Access denied"),
    ("smtpd_sender_restrictions", "reject", "554 5.7.1 <s@x.example>: Sender address rejected: Access denied"),
    ("smtpd_recipient_restrictions", "reject", "554 5.7.1 <u@here.example>: Recipient address rejected: Access denied"),
    ("smtpd_recipient_restrictions", "defer", "450 4.3.2 <u@here.example>: Recipient address rejected: Try again later"),
    ("smtpd_client_restrictions", "defer_if_permit",
     "450 4.7.0 <unknown[127.0.0.1]>: Client host rejected: defer_if_permit requested"),
    ("smtpd_recipient_restrictions", "defer_if_reject, reject",
     "450 4.7.0 <u@here.example>: Recipient address rejected: defer_if_reject requested"),
    ("smtpd_helo_restrictions", "reject_non_fqdn_helo_hostname",
     "504 5.5.2 <h>: Helo command rejected: need fully-qualified hostname"),
    ("smtpd_helo_restrictions", "reject_invalid_helo_hostname", "250 2.1.5 Ok"),
    ("smtpd_sender_restrictions", "reject_non_fqdn_sender", "250 2.1.5 Ok"),
    ("smtpd_client_restrictions", "reject_unknown_client_hostname",
     "450 4.7.25 Client host rejected: cannot find your hostname, [127.0.0.1]"),
    ("smtpd_client_restrictions", "reject_unknown_reverse_client_hostname",
     "450 4.7.1 Client host rejected: cannot find your reverse hostname, [127.0.0.1]"),
    ("smtpd_recipient_restrictions", "reject_plaintext_session", "450 4.7.1 Session encryption is required"),
    ("smtpd_client_restrictions", "check_client_access inline:{{127.0.0=REJECT go away}}",
     "554 5.7.1 <unknown[127.0.0.1]>: Client host rejected: go away"),
    ("smtpd_sender_restrictions", "check_sender_access inline:{{x.example=550 5.1.1 gone}}",
     "550 5.1.7 <s@x.example>: Sender address rejected: gone"),
    ("smtpd_recipient_restrictions", "check_recipient_access inline:{{u@=REJECT 5.1.8 gone}}",
     "554 5.1.2 <u@here.example>: Recipient address rejected: gone"),
    ("smtpd_recipient_restrictions", "check_recipient_access fail:x",
     "451 4.3.5 <u@here.example>: Recipient address rejected: Server configuration error"),
    ("smtpd_recipient_restrictions", "no_such_thing", "451 4.3.5 Server configuration error"),
    ("smtpd_recipient_restrictions", "warn_if_reject reject", "250 2.1.5 Ok"),
    ("smtpd_recipient_restrictions", "inline:{{here.example=DEFER_IF_PERMIT 4.2.0 busy}}",
     "450 4.2.0 <u@here.example>: Recipient address rejected: busy"),
]


def test_lists(either):
    """The same reply from both, one service a list."""
    m = either(OUTSIDE, start=False)
    ports = [free_port(m.address) for _ in LISTS]
    text = ""
    for port, (name, value, _) in zip(ports, LISTS):
        text += f"{m.address}:{port} inet n - n - - smtpd\n -o {{ {name} = {value} }}\n"
    m.master_text += text
    m._write()
    m.start()
    problems = []
    for port, (name, value, want) in zip(ports, LISTS):
        m.smtp_port = port
        got = m.dialogue(["EHLO h", "MAIL FROM:<s@x.example>", "RCPT TO:<u@here.example>"])[3]
        if got != want:
            problems.append(f"{name} = {value}: {got!r}, want {want!r}")
    assert not problems, "\n".join(problems)


def test_unsupported_is_named(mta):
    m = mta({**OUTSIDE, "smtpd_recipient_restrictions": "reject_rbl_client zen.example"})
    r = m.dialogue(["EHLO h", "MAIL FROM:<s@x.example>", "RCPT TO:<u@here.example>"])
    assert r[3] == "451 4.3.5 Server configuration error"
    m.wait_log(r'warning: restriction "reject_rbl_client" is not supported')


def test_reject_at_connect(either):
    """smtpd_delay_reject = no: the greeting is the refusal, and so is all that follows."""
    m = either({**OUTSIDE, "smtpd_delay_reject": "no", "smtpd_client_restrictions": "reject"})
    r = m.dialogue(["EHLO x", "MAIL FROM:<a@b>", "QUIT"])
    assert r == ["554 5.7.1 <unknown[127.0.0.1]>: Client host rejected: Access denied",
                 "503 5.7.0 Error: access denied for unknown[127.0.0.1]",
                 "503 5.7.0 Error: access denied for unknown[127.0.0.1]", "221 2.0.0 Bye"]
    m.wait_log(r"NOQUEUE: reject: CONNECT from unknown\[127\.0\.0\.1\]: 554 5\.7\.1 .*Access denied; proto=SMTP$")


def test_reject_421(either):
    m = either({**OUTSIDE, "smtpd_recipient_restrictions": "check_client_access inline:{{127.0.0.1=421 4.7.1 bye}}"})
    r = m.dialogue(["EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<u@here.example>", "NOOP"])
    assert r[3] == "421 4.7.1 <unknown[127.0.0.1]>: Client host rejected: bye"
    assert len(r) == 5 and r[4] == ""


def test_unlisted(either):
    m = either({**OUTSIDE, "virtual_mailbox_domains": "box.example", "virtual_mailbox_maps": "inline:{{u@box.example=u/}}",
                "virtual_alias_domains": "alias.example", "virtual_alias_maps": "inline:{{u@alias.example=u@box.example}}",
                "relay_recipient_maps": "inline:{{u@relay.example=x}}"})
    r = m.dialogue(["EHLO h", "MAIL FROM:<s@x.example>"] + [f"RCPT TO:<{a}>" for a in (
        "u@box.example", "no@box.example", "u+x@box.example", "u@alias.example", "no@alias.example", "u@relay.example",
        "no@relay.example")])
    tail = "Recipient address rejected: User unknown in"
    assert r[3:] == ["250 2.1.5 Ok", f"550 5.1.1 <no@box.example>: {tail} virtual mailbox table",
                     f"550 5.1.1 <u+x@box.example>: {tail} virtual mailbox table",
                     "250 2.1.5 Ok", f"550 5.1.1 <no@alias.example>: {tail} virtual alias table", "250 2.1.5 Ok",
                     f"550 5.1.1 <no@relay.example>: {tail} relay recipient table"]


@pytest.mark.parametrize("host", ["good.example", "none.example", "null.example"])
def test_dns(mta, nameserver, host):
    ns = nameserver({("good.example", "A"): ["192.0.2.1"], ("null.example", "MX"): ["0 ."]})
    m = mta({**OUTSIDE, "dns_servers": ns.servers, "smtpd_sender_restrictions": "reject_unknown_sender_domain"})
    r = m.dialogue(["EHLO h", f"MAIL FROM:<s@{host}>", "RCPT TO:<u@here.example>"])[3]
    assert r == {"good.example": "250 2.1.5 Ok",
                 "none.example": "450 4.1.8 <s@none.example>: Sender address rejected: Domain not found",
                 "null.example": "550 5.7.27 <s@null.example>: Sender address rejected: Domain null.example does not accept "
                                 "mail (nullMX)"}[host]


def test_legacy_defaults(either):
    """What passes or fails because of compatibility_level is named in the log."""
    m = either({**OUTSIDE, "compatibility_level": "2", "smtpd_recipient_restrictions": "reject"})
    m.dialogue(["EHLO h", "MAIL FROM:<s@x.example>", "RCPT TO:<u@here.example>"])
    m.wait_log(r'using backwards-compatible default setting smtpd_relay_before_recipient_restrictions=no to reject recipient '
               r'"u@here\.example" from client "unknown\[127\.0\.0\.1\]"$')
    m = either({**{k: v for k, v in OUTSIDE.items() if k != "smtpd_relay_restrictions"}, "compatibility_level": "0",
                "smtpd_recipient_restrictions": "check_client_access static:OK, reject_unauth_destination"})
    assert m.dialogue(["EHLO h", "MAIL FROM:<s@x.example>", "RCPT TO:<u@victim.example>"])[3] == "250 2.1.5 Ok"
    m.wait_log(r'using backwards-compatible default setting "smtpd_relay_restrictions = \(empty\)" to avoid "Relay access denied" '
               r'error for recipient "u@victim\.example" from client "unknown\[127\.0\.0\.1\]"$')


def test_stages(either):
    """smtpd_delay_reject = no: each list speaks at its command, and a deferral waits for RCPT."""
    m = either({**OUTSIDE, "smtpd_delay_reject": "no", "smtpd_helo_restrictions": "reject_non_fqdn_helo_hostname",
                "smtpd_sender_restrictions": "check_sender_access inline:{{x.example=REJECT}, {y.example=DEFER_IF_PERMIT 4.3.1 wait}}"})
    r = m.dialogue(["EHLO h", "HELO h", "EHLO h.example", "MAIL FROM:<s@x.example>", "RCPT TO:<u@here.example>", "MAIL FROM:<s@y.example>",
                    "RCPT TO:<u@here.example>", "RCPT TO:<u@victim.example>", "RSET", "MAIL FROM:<s@z.example>", "RCPT TO:<u@here.example>"])
    assert r[1] == r[2] == "504 5.5.2 <h>: Helo command rejected: need fully-qualified hostname"
    assert r[3].startswith("250-")
    assert r[4] == "554 5.7.1 <s@x.example>: Sender address rejected: Access denied"
    assert r[5] == "503 5.5.1 Error: need MAIL command" and r[6] == "250 2.1.0 Ok"
    assert r[7] == "450 4.3.1 <s@y.example>: Sender address rejected: wait"
    assert r[8] == "554 5.7.1 <u@victim.example>: Relay access denied"
    assert r[10:] == ["250 2.1.0 Ok", "250 2.1.5 Ok"]
    m.wait_log(r"NOQUEUE: reject: HELO from unknown\[127\.0\.0\.1\]: 504 5\.5\.2 <h>: .*; proto=SMTP helo=<h>$")
    m.wait_log(r"NOQUEUE: reject: MAIL from unknown\[127\.0\.0\.1\]: 554 5\.7\.1 <s@x\.example>: .*; from=<s@x\.example> proto=ESMTP helo=<h\.example>$")


def test_data_restrictions(either):
    m = either({**OUTSIDE, "smtpd_data_restrictions": "reject_multi_recipient_bounce, check_sender_access inline:{{bad@x.example=REJECT no}}"})
    r = m.dialogue(["EHLO h", "MAIL FROM:<>", "RCPT TO:<u@here.example>", "RCPT TO:<v@here.example>", "DATA", "RSET",
                    "MAIL FROM:<bad@x.example>", "RCPT TO:<u@here.example>", "DATA", b"BDAT 3 LAST\r\nabc", "NOOP"])
    assert r[5] == "550 5.5.3 <DATA>: Data command rejected: Multi-recipient bounce"
    assert r[9] == r[10] == "554 5.7.1 <bad@x.example>: Sender address rejected: no"
    assert r[11] == "250 2.0.0 Ok"


def test_etrn_restrictions(either):
    m = either({**OUTSIDE, "smtpd_etrn_restrictions": "check_etrn_access inline:{{bad.example=REJECT}}", "fast_flush_domains": "good.example"})
    r = m.dialogue(["EHLO h", "ETRN sub.bad.example", "ETRN good.example", "ETRN other.example", "MAIL FROM:<a@b>", "ETRN good.example"])
    assert r[2] == "554 5.7.1 <sub.bad.example>: Etrn command rejected: Access denied"
    assert r[3] == "250 Queuing started" and r[4] == "459 <other.example>: service unavailable"
    assert r[6] == "503 Error: MAIL transaction in progress"

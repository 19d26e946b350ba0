# SPDX-License-Identifier: Apache-2.0
"""Notices: who gets which, how much of the message comes back, templates."""

import re

import mailboxes
from instance import wait_until

ALICE = f"alice@{mailboxes.DOMAIN}"
POSTMASTER = f"bob@{mailboxes.DOMAIN}"


def started(either, **conf):
    m = either(start=False)
    m.setting(**{**mailboxes.settings(m.dir), "default_transport": "error:5.1.2 gone",
                 "smtpd_reject_unlisted_recipient": "no", "virtual_alias_maps": f"inline:{{postmaster={POSTMASTER}}}",
                 **conf})
    return m.start()


def mails(m, box, count=1):
    wait_until(lambda: len(mailboxes.maildir(m.dir, box)) >= count, f"{count} mails for {box}")
    return mailboxes.maildir(m.dir, box)


def parts(n):
    text, report, original = n.get_payload()
    return text, report, original


def test_postmaster_copy(either):
    m = started(either, notify_classes="bounce")
    qid = m.send(ALICE, "x@gone.example", "Subject: original\n\nthe body\n")
    m.wait_log(rf"{qid}: sender non-delivery notification: \w+")
    m.wait_log(rf"{qid}: postmaster non-delivery notification: \w+")
    n = mails(m, "alice")[0]
    assert n["Auto-Submitted"] == "auto-replied" and "the body" in str(parts(n)[2])
    copy = mails(m, "bob")[0]
    assert copy["Subject"] == "Postmaster Copy: Undelivered Mail"
    assert copy["Auto-Submitted"] == "auto-generated"
    assert copy["Return-Path"].startswith("<double-bounce@")
    text, report, original = parts(copy)
    assert text.get_payload().strip() == "<x@gone.example>: gone"
    assert original.get_content_type() == "text/rfc822-headers" and "the body" not in str(original)


def test_double_bounce(either):
    m = started(either, notify_classes="2bounce")
    qid = m.send("", "x@gone.example", "Subject: original\n\nthe body\n")
    m.wait_log(rf"{qid}: postmaster non-delivery notification: \w+")
    n = mails(m, "bob")[0]
    assert n["Return-Path"].startswith("<double-bounce@")
    assert "the body" in str(parts(n)[2])
    assert re.search(r"^X-\w+-Sender: rfc822; MAILER-DAEMON@mail.test.example$", str(parts(n)[1]), re.M)


def test_notice_that_bounces_ends_there(either):
    """Nobody is told that the postmaster's notice could not be delivered."""
    m = started(either, notify_classes="2bounce, bounce", virtual_alias_maps="inline:{postmaster=pm@gone.example}")
    qid = m.send("", "x@gone.example")
    m.wait_log(rf"{qid}: postmaster non-delivery notification: (\w+)")
    m.wait_log(r": undeliverable postmaster notification discarded|sent \(undeliverable postmaster notification discarded\)")
    m.wait_empty()
    assert len(re.findall("notification: ", m.log())) == 1


def test_verp(either):
    m = started(either, smtpd_authorized_verp_clients="$mynetworks", recipient_delimiter="+")
    qid = m.send(ALICE, ["x@gone.example", "u+v@gone.example"], mail_options=["XVERP=+="])
    m.wait_log(rf"{qid}: sender non-delivery notification: \w+", count=2)
    got = {n["To"]: str(parts(n)[1]) for n in mails(m, "alice", 2)}
    assert set(got) == {f"alice+x=gone.example@{mailboxes.DOMAIN}", f"alice+u+v=gone.example@{mailboxes.DOMAIN}"}
    for report in got.values():
        assert report.count("Final-Recipient:") == 1


def test_smtputf8(either):
    m = started(either)
    with m.smtp() as s:
        s.ehlo()
        s.mail(ALICE, ["SMTPUTF8", "BODY=8BITMIME"])
        s.command_encoding = "utf-8"
        assert s.rcpt("\u00e4@gone.example")[0] == 250
        s.data("Subject: \u00fc\n\nGr\u00fc\u00dfe\n".encode())
    text, report, original = parts(mails(m, "alice")[0])
    assert report.get_content_type() == "message/global-delivery-status"
    assert original.get_content_type() == "message/global"
    raw = next((m.dir / "mail/alice/new").iterdir()).read_bytes().decode()
    assert "Final-Recipient: utf-8; \u00e4@gone.example" in raw and "Gr\u00fc\u00dfe" in raw


def test_size_limit(either):
    m = started(either, bounce_size_limit="2000")
    m.send(ALICE, "x@gone.example", "Subject: small\n\n" + "x\n" * 100)
    m.send(ALICE, "x@gone.example", "Subject: large\n\n" + "x\n" * 2000)
    kinds = {}
    for n in mails(m, "alice", 2):
        original = parts(n)[2]
        kinds["large" if "large" in str(original) else "small"] = original.get_content_type()
    assert kinds == {"small": "message/rfc822", "large": "text/rfc822-headers"}


def test_threaded(either):
    m = started(either, enable_threaded_bounces="yes")
    m.send(ALICE, "x@gone.example", "Subject: original\nMessage-Id: <orig@test.example>\n\nbody\n")
    n = mails(m, "alice")[0]
    assert n["References"] == n["In-Reply-To"] == "<orig@test.example>"


def test_template(either):
    m = either(start=False)
    template = m.dir / "bounce.cf"
    template.write_text("""# ours
failure_template = <<EOF
Charset: utf-8
From: Gate Keeper <MAILER-DAEMON>
Subject: It did not work
Postmaster-Subject: Look

Gr\u00fc\u00dfe von $myhostname; it costs $$5.
After $delay_warning_time_minutes minutes.
EOF
""")
    template.chmod(0o644)
    m.setting(**mailboxes.settings(m.dir), default_transport="error:5.1.2 gone", delay_warning_time="2h",
              smtpd_reject_unlisted_recipient="no", bounce_template_file=template)
    m.start()
    m.send(ALICE, "x@gone.example")
    n = mails(m, "alice")[0]
    assert n["Subject"] == "It did not work" and n["From"].startswith("Gate Keeper <MAILER-DAEMON@")
    text = parts(n)[0].get_payload(decode=True).decode()
    assert text.startswith("Gr\u00fc\u00dfe von mail.test.example; it costs $5.\nAfter 120 minutes.\n\n<x@gone.example>: gone")


def test_original_gone(mta):
    """A notice goes out even when the message cannot be read any more."""
    import socket
    m = mta(start=False)
    m.setting(**mailboxes.settings(m.dir))
    m.start()

    def call(*attrs):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(20)
        s.connect(str(m.queue / "private/bounce"))
        f = s.makefile("rb")
        greeting = b"protocol\0delivery_status_protocol\0\0"
        assert f.read(len(greeting)) == greeting
        s.sendall(b"".join(x.encode() + b"\0" for a in attrs for x in a) + b"\0")
        reply = f.read(len(b"status\x000\0\0"))
        s.close()
        return reply
    rcpt = [("original_recipient", "x@gone.example"), ("recipient", "x@gone.example"), ("offset", "0"),
            ("dsn_orig_rcpt", ""), ("notify_flags", "0")]
    dsn = [("status", "5.1.1"), ("diag_type", ""), ("diag_text", ""), ("mta_type", ""), ("mta_mname", ""),
           ("action", "failed"), ("reason", "no\r\nInjected: header")]
    assert call(("nrequest", "0"), ("flags", "0"), ("queue_id", "ABC123"), *rcpt, *dsn) == b"status\x000\0\0"
    assert (m.queue / "bounce/ABC123").read_text().count("recipient=x@gone.example") == 1
    assert call(("nrequest", "1"), ("flags", "0"), ("queue_name", "active"), ("queue_id", "ABC123"), ("encoding", ""),
                ("sendopts", "0"), ("sender", ALICE), ("envelope_id", ""), ("ret_flags", "0")) == b"status\x000\0\0"
    mails(m, "alice")
    raw = next((m.dir / "mail/alice/new").iterdir()).read_text()
    assert "Undelivered message unavailable" in raw
    assert "\nInjected:" not in raw
    assert not (m.queue / "bounce/ABC123").exists()
    # what is not a request costs the client nothing but a refusal
    assert call(("nrequest", "7")).startswith(b"status\x004")
    assert call(("nrequest", "0"), ("flags", "0"), ("queue_id", "../x"), *rcpt, *dsn).startswith(b"status\x004")

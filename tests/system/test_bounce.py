# SPDX-License-Identifier: Apache-2.0
"""Notices: a bounce and a delay warning that a mail parser accepts, in the documented structure."""

import email
import email.policy
import re

import mailboxes
from instance import wait_until


def notice_in(m, box="alice"):
    wait_until(lambda: mailboxes.maildir(m.dir, box), "the notice arrives")
    return mailboxes.maildir(m.dir, box)[0]


def test_bounce(either):
    m = either(start=False)
    m.setting(**mailboxes.settings(m.dir), default_transport="error:5.1.2 no such domain here", smtpd_reject_unlisted_recipient="no")
    m.start()
    qid = m.send(f"alice@{mailboxes.DOMAIN}", ["x@gone.example", "y@gone.example"],
                 "Subject: original\nMessage-Id: <orig@test.example>\n\nthe body\n",
                 mail_options=["ENVID=env+2B1", "RET=FULL"])
    m.wait_log(rf"{qid}: to=<x@gone.example>, relay=none, .*dsn=5.1.2, status=bounced \(no such domain here\)")
    m.wait_log(rf"{qid}: sender non-delivery notification: \w+")
    n = notice_in(m)
    assert n["Return-Path"] == "<>"
    assert n["From"] == "Mail Delivery System <MAILER-DAEMON@mail.test.example>" or \
        n["From"].startswith("Mail Delivery System <MAILER-DAEMON@")
    assert n["Subject"] == "Undelivered Mail Returned to Sender" and n["To"] == f"alice@{mailboxes.DOMAIN}"
    assert n["Auto-Submitted"] == "auto-replied"
    assert n.get_content_type() == "multipart/report" and n.get_param("report-type") == "delivery-status"
    assert re.fullmatch(rf"{qid}\.\d+/mail\.test\.example", n.get_boundary())
    text, report, original = n.get_payload()
    assert "<x@gone.example>: no such domain here" in text.get_payload()
    assert report.get_content_type() == "message/delivery-status"
    message, *recipients = report.get_payload()
    assert message["Reporting-MTA"] == "dns; mail.test.example"
    assert message["Original-Envelope-Id"] == "env+1"
    assert message[f"X-{mail_name(m)}-Queue-ID"] == qid
    assert message[f"X-{mail_name(m)}-Sender"] == f"rfc822; alice@{mailboxes.DOMAIN}"
    assert [r["Final-Recipient"] for r in recipients] == ["rfc822; x@gone.example", "rfc822; y@gone.example"]
    for r in recipients:
        assert r["Action"] == "failed" and r["Status"] == "5.1.2"
        assert r["Diagnostic-Code"] == f"X-{mail_name(m)}; no such domain here"
        assert r["Original-Recipient"].startswith("rfc822;")
    assert original.get_content_type() == "message/rfc822"
    inner = original.get_payload()[0]
    assert inner["Subject"] == "original" and inner.get_payload() == "the body\n"
    m.wait_empty()


def mail_name(m):
    return "Postroad" if m.kind == "postroad" else "Postfix"


def test_bounce_headers_only(either):
    """RET=HDRS returns the headers; NOTIFY=NEVER keeps a recipient out of the notice."""
    m = either(start=False)
    m.setting(**mailboxes.settings(m.dir), default_transport="error:5.1.2 gone", smtpd_reject_unlisted_recipient="no")
    m.start()
    with m.smtp() as s:
        s.ehlo()
        s.mail(f"alice@{mailboxes.DOMAIN}", ["RET=HDRS"])
        assert s.rcpt("x@gone.example", ["NOTIFY=FAILURE", "ORCPT=rfc822;Other+2Bx@gone.example"])[0] == 250
        assert s.rcpt("never@gone.example", ["NOTIFY=NEVER"])[0] == 250
        s.data("Subject: original\n\nthe body\n")
    n = notice_in(m)
    _, report, original = n.get_payload()
    assert "never@" not in str(report)
    assert "Original-Recipient: rfc822;Other+x@gone.example" in str(report)
    assert original.get_content_type() == "text/rfc822-headers"
    assert "the body" not in str(original)


def test_null_sender_is_not_bounced(either):
    m = either({"default_transport": "error:5.1.2 gone", "smtpd_reject_unlisted_recipient": "no"})
    qid = m.send("", "x@gone.example")
    m.wait_log(rf"{qid}: to=<x@gone.example>, .*status=bounced")
    m.wait_log(rf"{qid}: removed")
    assert "notification" not in m.log()


def test_delay_warning(either):
    m = either(start=False)
    m.setting(**mailboxes.settings(m.dir), default_transport="retry:4.3.2 later", smtpd_reject_unlisted_recipient="no", delay_warning_time="1s",
              minimal_backoff_time="1s", maximal_backoff_time="2s", queue_run_delay="1s")
    m.start()
    qid = m.send(f"alice@{mailboxes.DOMAIN}", "x@slow.example")
    m.wait_log(rf"{qid}: to=<x@slow.example>, .*dsn=4.3.2, status=deferred \(later\)")
    m.wait_log(rf"{qid}: sender delay notification: \w+")
    n = notice_in(m)
    assert n["Subject"] == "Delayed Mail (still being retried)"
    report = n.get_payload()[1].get_payload()
    assert report[1]["Action"] == "delayed" and report[1]["Status"] == "4.3.2" and report[1]["Will-Retry-Until"]


def test_expired(either):
    """Past maximal_queue_lifetime the message goes back with what the defer log says."""
    m = either(start=False)
    m.setting(**mailboxes.settings(m.dir), default_transport="retry:4.3.2 later", smtpd_reject_unlisted_recipient="no", maximal_queue_lifetime="2s",
              bounce_queue_lifetime="2s", minimal_backoff_time="1s", maximal_backoff_time="2s", queue_run_delay="1s")
    m.start()
    qid = m.send(f"alice@{mailboxes.DOMAIN}", "x@slow.example")
    m.wait_log(rf"{qid}: from=<alice@{mailboxes.DOMAIN}>, status=expired, returned to sender")
    n = notice_in(m)
    report = n.get_payload()[1].get_payload()
    assert report[1]["Action"] == "failed" and report[1]["Status"] == "4.3.2"
    m.wait_empty()


def test_success_notice(either):
    m = either(start=False)
    m.setting(**mailboxes.settings(m.dir))
    m.start()
    with m.smtp() as s:
        s.ehlo()
        s.mail(f"alice@{mailboxes.DOMAIN}")
        s.rcpt(f"bob@{mailboxes.DOMAIN}", ["NOTIFY=SUCCESS"])
        s.data("Subject: tell me\n\nhello\n")
    n = notice_in(m)
    assert n["Subject"] == "Successful Mail Delivery Report"
    report = n.get_payload()[1].get_payload()
    assert report[1]["Action"] == "delivered" and report[1]["Status"].startswith("2.")
    assert "delivery via virtual: delivered to maildir" in n.get_payload()[0].get_payload()


def test_notice_is_sane_mail(either):
    """Python's strict policy finds no defect in a bounce of an 8-bit message."""
    m = either(start=False)
    m.setting(**mailboxes.settings(m.dir), default_transport="error:5.1.2 gone", smtpd_reject_unlisted_recipient="no")
    m.start()
    m.send(f"alice@{mailboxes.DOMAIN}", "x@gone.example",
           "Subject: umlaut\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
           "Content-Transfer-Encoding: 8bit\n\nGr\u00fc\u00dfe\n".encode(), mail_options=["BODY=8BITMIME"])
    wait_until(lambda: mailboxes.maildir(m.dir, "alice"), "the notice arrives")
    raw = next((m.dir / "mail/alice/new").iterdir()).read_bytes()
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    for part in parsed.walk():
        assert part.defects == [], part.defects
    assert "Gr\u00fc\u00dfe".encode() in raw

# SPDX-License-Identifier: Apache-2.0
"""Limits of smtpd: errors, junk, sizes, recipients, time, connections."""

import socket
import threading
import time

from instance import read_reply, wait_until

CONF = {"mydestination": "here.example", "mynetworks": "192.0.2.0/24", "smtpd_relay_restrictions": "reject_unauth_destination",
        "smtpd_peername_lookup": "no", "smtpd_error_sleep_time": "0",
        "smtpd_client_restrictions": "check_client_access static:HOLD"}
HOST = "mail.test.example"


def test_too_many_errors(either):
    m = either({**CONF, "smtpd_hard_error_limit": "3", "smtpd_soft_error_limit": "2"})
    r = m.dialogue(["FOO", "FOO", "FOO", "NOOP"])
    assert r[3] == "500 5.5.2 Error: command not recognized"
    assert r[4] == f"421 4.7.0 {HOST} Error: too many errors"
    m.wait_log(r"too many errors after UNKNOWN from unknown\[127\.0\.0\.1\]$")


def test_error_sleep(mta):
    """From smtpd_soft_error_limit on every reply comes late."""
    m = mta({**CONF, "smtpd_soft_error_limit": "1", "smtpd_error_sleep_time": "1s"})
    start = time.monotonic()
    m.dialogue(["FOO", "NOOP", "QUIT"])
    assert time.monotonic() - start >= 2


def test_junk(either):
    m = either({**CONF, "smtpd_junk_command_limit": "3", "smtpd_hard_error_limit": "2"})
    r = m.dialogue(["NOOP"] * 7)
    assert r[-1] == f"421 4.7.0 {HOST} Error: too many errors" and len(r) == 8
    m = either({**CONF, "smtpd_noop_commands": "foo"})
    assert m.dialogue(["FOO x"])[1] == "250 2.0.0 Ok"


def test_errors_forgotten(mta):
    """A message that was queued pays for the errors before it."""
    m = mta({**CONF, "smtpd_hard_error_limit": "3"})
    send = ["MAIL FROM:<a@b>", "RCPT TO:<u@here.example>", "DATA", "x\r\n."]
    r = m.dialogue(["EHLO x", "FOO", "FOO"] + send + ["FOO", "FOO"] + send + ["QUIT"])
    assert r[-1] == "221 2.0.0 Bye"


def test_long_command(mta):
    m = mta(CONF)
    r = m.dialogue(["X" * 2040, "X" * 2049, "NOOP", "X" * 5000])
    assert r[1] == "500 5.5.2 Error: command not recognized"
    assert r[2] == f"500 5.5.2 {HOST} Error: command too long" and r[3] == "250 2.0.0 Ok"
    assert r[4] == f"500 5.5.2 {HOST} Error: command too long"
    m.wait_log(r"warning: unknown\[127\.0\.0\.1\]: request longer than 2048: X+\.\.\.")


def test_recipients(either):
    m = either({**CONF, "smtpd_recipient_limit": "2", "smtpd_recipient_overshoot_limit": "1", "smtpd_hard_error_limit": "2"})
    r = m.dialogue(["EHLO x", "MAIL FROM:<a@b>"] + ["RCPT TO:<u@here.example>"] * 6)
    assert r[3:5] == ["250 2.1.5 Ok"] * 2
    assert r[5:7] == ["452 4.5.3 Error: too many recipients"] * 2
    assert r[-1] == f"421 4.7.0 {HOST} Error: too many errors"


def test_message_size(either):
    m = either({**CONF, "message_size_limit": "2000", "virtual_mailbox_limit": "0", "mailbox_size_limit": "0"})
    r = m.dialogue(["EHLO x", "MAIL FROM:<a@b> SIZE=2001", "RSET", "MAIL FROM:<a@b> SIZE=2000", "RCPT TO:<u@here.example>", "DATA",
                    ("x" * 98 + "\r\n") * 25 + ".", "NOOP"])
    assert "SIZE 2000" in r[1]
    assert r[2] == "552 5.3.4 Message size exceeds fixed limit"
    assert r[7:] == ["552 5.3.4 Error: message file too big", "250 2.0.0 Ok"]
    m.wait_log(r"reject: MAIL from unknown\[127\.0\.0\.1\]: 552 5\.3\.4 Message size exceeds fixed limit; from=<a@b> proto=ESMTP helo=<x>$")
    m.wait_log(r"warning: \w+: queue file size limit exceeded")
    if m.kind == "postroad":  # there an unfinished file may stay in incoming/
        assert not m.queue_ids()


def test_chunk_size(mta):
    m = mta({**CONF, "message_size_limit": "2000"})
    r = m.dialogue(["EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<u@here.example>", b"BDAT 2500\r\n" + b"x" * 2500,
                    b"BDAT 3 LAST\r\nabc", "NOOP", "MAIL FROM:<a@b>"])
    assert r[4:] == ["552 5.3.4 Chunk exceeds message size limit", "551 5.0.0 Discarded 3 bytes after earlier error",
                     "250 2.0.0 Ok", "250 2.1.0 Ok"]


def test_endless_chunks(mta):
    """R2: who goes on sending after a refusal is cut off."""
    m = mta({**CONF, "message_size_limit": "10000", "smtpd_hard_error_limit": "1000"})
    with socket.create_connection((m.address, m.smtp_port), 20) as s:
        f = s.makefile("rb")
        read_reply(f)
        s.sendall(b"EHLO x\r\n")
        read_reply(f)
        try:
            for _ in range(100):
                s.sendall(b"BDAT 1000\r\n" + b"x" * 1000)
            s.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        m.wait_log(r"lost connection after BDAT")


def test_timeout(either):
    m = either({**CONF, "smtpd_timeout": "1s"})
    with socket.create_connection((m.address, m.smtp_port), 20) as s:
        f = s.makefile("rb")
        assert read_reply(f).startswith("220")
        assert read_reply(f) == f"421 4.4.2 {HOST} Error: timeout exceeded"
        assert read_reply(f) == ""
    m.wait_log(r"timeout after CONNECT from unknown\[127\.0\.0\.1\]$")


def test_slow_client(mta):
    """R1: with smtpd_per_request_deadline a byte now and then buys no time."""
    m = mta({**CONF, "smtpd_timeout": "2s", "smtpd_per_request_deadline": "yes"})
    with socket.create_connection((m.address, m.smtp_port), 20) as s:
        f = s.makefile("rb")
        read_reply(f)
        stop = threading.Event()

        def drip():
            try:
                while not stop.wait(0.2):
                    s.sendall(b"x")
            except OSError:
                pass
        t = threading.Thread(target=drip)
        start = time.monotonic()
        t.start()
        try:
            assert read_reply(f) == f"421 4.4.2 {HOST} Error: timeout exceeded"
            assert time.monotonic() - start < 10
        finally:
            stop.set()
            t.join()


def test_connection_count(either):
    """anvil counts, smtpd refuses; the count goes down again."""
    m = either({**CONF, "smtpd_client_connection_count_limit": "2", "smtpd_client_event_limit_exceptions": ""})

    def two():  # the connection that told that the system is up may still be counted
        made = [socket.create_connection((m.address, m.smtp_port), 20) for _ in range(2)]
        if all(read_reply(s.makefile("rb")).startswith("220") for s in made):
            return made
        for s in made:
            s.close()
        return None
    open_ones = wait_until(two, "two connections are taken")
    s = socket.create_connection((m.address, m.smtp_port), 20)
    assert read_reply(s.makefile("rb")) == f"421 4.7.0 {HOST} Error: too many connections from 127.0.0.1"
    s.close()
    m.wait_log(r"warning: Connection concurrency limit exceeded: 3 from unknown\[127\.0\.0\.1\] for service \S+$")
    for s in open_ones:
        s.close()
    m.wait_log(r"disconnect from", 4)
    wait_until(lambda: m.dialogue(["QUIT"])[0].startswith("220"), "the count went down")


def test_rates(either):
    m = either({**CONF, "smtpd_client_message_rate_limit": "2", "smtpd_client_recipient_rate_limit": "3",
                "smtpd_client_event_limit_exceptions": ""})
    r = m.dialogue(["EHLO x", "MAIL FROM:<a@b>"] + ["RCPT TO:<u@here.example>"] * 4 + ["RSET", "MAIL FROM:<a@b>", "RSET", "MAIL FROM:<a@b>"])
    assert r[3:7] == ["250 2.1.5 Ok"] * 3 + ["450 4.7.1 Error: too many recipients from 127.0.0.1"]
    assert r[8] == "250 2.1.0 Ok" and r[10] == "450 4.7.1 Error: too much mail from 127.0.0.1"
    m.wait_log(r"warning: Message delivery request rate limit exceeded: 3 from unknown\[127\.0\.0\.1\] for service")
    m.wait_log(r"warning: Recipient address rate limit exceeded: 4 from unknown\[127\.0\.0\.1\] for service")


def test_helo_required(either):
    m = either({**CONF, "smtpd_helo_required": "yes", "disable_vrfy_command": "yes"})
    r = m.dialogue(["MAIL FROM:<a@b>", "ETRN x.example", "VRFY x", "EHLO y", "VRFY x"])
    assert r[1] == "503 5.5.1 Error: send HELO/EHLO first" and r[2] == "503 Error: send HELO/EHLO first"
    assert "VRFY" not in r[4] and r[5] == "502 5.5.1 VRFY command is disabled"


def test_discarded_keywords(either):
    m = either({**CONF, "smtpd_discard_ehlo_keywords": "dsn, chunking, etrn, size, 8bitmime, smtputf8, pipelining"})
    r = m.dialogue(["EHLO x", "MAIL FROM:<a@b> RET=FULL", "MAIL FROM:<a@b>", "ETRN x", "RSET", b"BDAT 3\r\nabc"])
    assert r[1].split("\n") == ["250-" + HOST, "250-VRFY", "250 ENHANCEDSTATUSCODES"]
    assert r[2] == "501 5.7.1 DSN support is disabled" and r[3] == "250 2.1.0 Ok"
    assert r[6] == "521 5.5.1 Error: command not implemented" and len(r) == 7
    m.wait_log(r"discarding EHLO keywords: ")


def test_soft_bounce(either):
    m = either({**CONF, "soft_bounce": "yes"})
    r = m.dialogue(["FOO", "MAIL FROM:<a@b>", "RCPT TO:<u@elsewhere.example>"])
    assert r[1] == "400 4.5.2 Error: command not recognized"
    assert r[3] == "454 4.7.1 <u@elsewhere.example>: Relay access denied"


def test_footer(either):
    m = either({**CONF, "smtpd_reject_footer": r"\c. For help: $client_address, $helo_name\nCall us at noon, ${sender?sender $sender}"})
    r = m.dialogue(["EHLO h", "MAIL FROM:<a@b>", "RCPT TO:<u@elsewhere.example>", "NOOP"])
    assert r[3] == ("554-5.7.1 <u@elsewhere.example>: Relay access denied. For help: 127.0.0.1, h\n"
                    "554 5.7.1 Call us at noon, sender a@b")
    assert r[4] == "250 2.0.0 Ok"


def test_command_filter(either):
    m = either({**CONF, "smtpd_command_filter": "inline:{{FOO=NOOP}, {BAR=QUIT now}}"})
    r = m.dialogue(["FOO", "BAR"])
    assert r[1:] == ["250 2.0.0 Ok", "221 2.0.0 Bye"]
    m.wait_log(r'unknown\[127\.0\.0\.1\]: replacing command "FOO" with "NOOP"')


def test_reject_filter(mta):
    m = mta(CONF, start=False)
    (m.dir / "replies").write_text("/^500 5.5.2 Error: command not recognized$/ 500 5.5.1 What?\n"
                                   "/^502 5.5.1 Error: command not implemented$/ 250 no\n")
    m.setting(smtpd_reject_filter_maps=f"regexp:{m.dir}/replies")
    m.start()
    r = m.dialogue(["FOO", "STARTTLS"])
    assert r[1:] == ["500 5.5.1 What?", "502 5.5.1 Error: command not implemented"]
    m.wait_log(r"NOQUEUE: reply filter in: 500 5\.5\.2 Error: command not recognized$")
    m.wait_log(r"NOQUEUE: reply filter out: 500 5\.5\.1 What\?$")
    m.wait_log(r"warning: NOQUEUE: ignoring invalid reject filter result: 250 no$")


def test_notice_to_postmaster(mta):
    """notify_classes: the transcript of a session with protocol errors."""
    m = mta({**CONF, "notify_classes": "protocol", "error_notice_recipient": "pm@here.example", "header_checks": "static:HOLD"})
    m.dialogue(["FOO bar", "QUIT"])
    qid = wait_until(lambda: m.queue_ids("hold", "deferred", "active", "incoming"), "the notice is queued")[0]
    text = m.run("postcat", "-q", qid).stdout
    assert "sender: double-bounce@test.example" in text and "recipient: pm@here.example" in text
    assert "Subject: Postroad SMTP server: errors from unknown[127.0.0.1]" in text
    assert " Out: 220 mail.test.example" in text and " In:  FOO bar" in text
    assert " Out: 500 5.5.2 Error: command not recognized" in text

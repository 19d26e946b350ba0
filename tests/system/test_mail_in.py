# SPDX-License-Identifier: Apache-2.0
"""Mail in by every door: swaks, smtplib, msmtp and sendmail; the same message arrives."""

import subprocess

import pytest

import mailboxes
from instance import wait_until


def body_of(m, box="alice", count=1):
    wait_until(lambda: len(mailboxes.maildir(m.dir, box)) >= count, f"mail in {box}'s Maildir")
    return mailboxes.maildir(m.dir, box)


@pytest.fixture
def boxed(either, workdir):
    m = either(start=False)
    m.setting(**mailboxes.settings(m.dir))
    return m.start()


def test_smtplib(boxed):
    qid = boxed.send("from@test.example", f"alice@{mailboxes.DOMAIN}", "Subject: one\n\n.dot\n..two\nlast\n")
    got = body_of(boxed)[0]
    assert got["Subject"] == "one"
    assert got.get_content() == ".dot\n..two\nlast\n"
    assert got["Return-Path"] == "<from@test.example>"
    assert got["X-Original-To"] == got["Delivered-To"] == f"alice@{mailboxes.DOMAIN}"
    assert qid in got["Received"] and "with ESMTP" in got["Received"]
    boxed.wait_log(rf"{qid}: to=<alice@{mailboxes.DOMAIN}>, relay=virtual, .*dsn=2.0.0, status=sent \(delivered to maildir\)")
    boxed.wait_log(rf"{qid}: removed")


def test_swaks(boxed):
    p = subprocess.run(["swaks", "--server", boxed.address, "--port", str(boxed.smtp_port), "--to",
                        f"alice@{mailboxes.DOMAIN},bob@{mailboxes.DOMAIN}", "--from", "x@test.example",
                        "--header", "Subject: by swaks", "--body", "hello"],
                       capture_output=True, text=True, timeout=60)
    assert p.returncode == 0, p.stdout + p.stderr
    assert body_of(boxed)[0]["Subject"] == "by swaks"
    assert body_of(boxed, "bob")[0]["Delivered-To"] == f"bob@{mailboxes.DOMAIN}"


def test_msmtp(boxed):
    p = subprocess.run(["msmtp", f"--host={boxed.address}", f"--port={boxed.smtp_port}",
                        "--from=x@test.example", "--tls=off", "--auth=off", f"alice@{mailboxes.DOMAIN}"],
                       input="Subject: by msmtp\n\nhello\n", capture_output=True, text=True, timeout=60)
    assert p.returncode == 0, p.stderr
    assert body_of(boxed)[0]["Subject"] == "by msmtp"


def test_sendmail_headers(boxed):
    """-t takes recipients from the headers; Bcc disappears; missing headers are added."""
    boxed.sendmail("-t", "-f", "me@test.example", "-F", "Me Myself",
                   text=f"To: alice@{mailboxes.DOMAIN}\nBcc: bob@{mailboxes.DOMAIN}\nSubject: by sendmail\n\nhello\n")
    for box in ("alice", "bob"):
        got = body_of(boxed, box)[0]
        assert got["Subject"] == "by sendmail" and got["Bcc"] is None
        assert got["From"] == "Me Myself <me@test.example>"
        assert got["Date"] and got["Message-Id"].endswith("@mail.test.example>")
        assert "from userid" in got["Received"]


def test_sendmail_arguments(boxed):
    boxed.sendmail("-i", "-f", "me@test.example", f"alice@{mailboxes.DOMAIN}", text="Subject: dots\n\na\n.\nb\n")
    assert body_of(boxed)[0].get_content() == "a\n.\nb\n"
    boxed.sendmail("-f", "me@test.example", f"alice@{mailboxes.DOMAIN}", text="Subject: dots\n\na\n.\nb\n")
    assert body_of(boxed, count=2)[1].get_content() == "a\n"


def test_sendmail_bs(boxed):
    """-bs speaks SMTP on standard input and output."""
    p = boxed.sendmail("-bs", text="HELO here\r\nMAIL FROM:<me@test.example>\r\n"
                       f"RCPT TO:<alice@{mailboxes.DOMAIN}>\r\nDATA\r\nSubject: bs\r\n\r\nhello\r\n.\r\nQUIT\r\n")
    assert [line[:3] for line in p.stdout.splitlines()] == ["220", "250", "250", "250", "354", "250", "221"]
    assert body_of(boxed)[0]["Subject"] == "bs"


def test_unknown_recipient(boxed):
    replies = boxed.dialogue(["EHLO c.test.example", "MAIL FROM:<a@test.example>", f"RCPT TO:<nobody@{mailboxes.DOMAIN}>",
                              "QUIT"])
    assert replies[3] == (f"550 5.1.1 <nobody@{mailboxes.DOMAIN}>: Recipient address rejected: "
                          "User unknown in virtual mailbox table")
    boxed.wait_log(rf"NOQUEUE: reject: RCPT from \S+\[127.*\]: 550 5.1.1 <nobody@{mailboxes.DOMAIN}>: Recipient address "
                   rf"rejected: User unknown in virtual mailbox table; from=<a@test.example> to=<nobody@{mailboxes.DOMAIN}> "
                   r"proto=ESMTP helo=<c.test.example>")
    boxed.wait_log(r"disconnect from \S+ ehlo=1 mail=1 rcpt=0/1 quit=1 commands=3/4")


def test_relay_denied(boxed):
    boxed.setting(mynetworks="192.0.2.0/24")
    boxed.run("postfix", "-c", boxed.config, "reload")
    want = "454 4.7.1 <x@elsewhere.example>: Relay access denied"
    wait_until(lambda: boxed.dialogue(["HELO c", "MAIL FROM:<a@test.example>", "RCPT TO:<x@elsewhere.example>"])[3] == want,
               "relay denied after reload")

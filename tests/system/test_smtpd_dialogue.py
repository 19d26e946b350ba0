# SPDX-License-Identifier: Apache-2.0
"""Replies of smtpd, word for word beside those of Debian's smtpd (3.7.11) in the same run."""

import re

import pytest

# What is said, and to whom it is said: each list is one connection.
DIALOGUES = {
    "commands": [
        "HELO", "EHLO", "HELO a b c", "EHLO [1.2.3.4]", "NOOP", "NOOP x", "RSET x", "RSET", "VRFY",
        "VRFY x@here.example", "VRFY <x y@z>", "VRFY a b", "VRFY x SMTPUTF8", "ETRN", "ETRN x y", "ETRN x_y!",
        "ETRN @here.example", "ETRN #foo", "ETRN foo.com", "EXPN x", "SEND", "TURN", "STARTTLS", "STARTTLS x",
        "AUTH", "AUTH PLAIN", "XCLIENT", "XCLIENT NAME=x", "XFORWARD", "XFORWARD NAME=x", "", "   ", b"\xe9\r\n",
        "HELO foo@bar;baz\"q\\z", "EHLO \"x", "VRFY <a", "VRFY \"a b\"@here.example",
        "QUIT now"],
    "order": ["DATA", "RCPT TO:<x@here.example>", "BDAT", ],
    "data before rcpt": ["EHLO x", "DATA x", b"BDAT 3\r\nabc", b"BDAT 4\r\nabcd", b"BDAT 1 LAST\r\nx", "NOOP", "BDAT x"],
    "parameters": [
        "EHLO x", "MAIL", "MAIL FROM:", "MAIL FOO:<a@b>", "MAIL FROM : <a@b>", "MAIL FROM:<a@b> x",
        "MAIL FROM:<a@b> SIZE=abc", "MAIL FROM:<a@b> SIZE=", "MAIL FROM:<a@b> SIZE=99999999999999999999999", "RSET",
        "MAIL FROM:<a@b> RET=foo", "MAIL FROM:<a@b> RET=FULL RET=FULL", "MAIL FROM:<a@b> ENVID=", "MAIL FROM:<a@b> ENVID=a+0D",
        "MAIL FROM:<a@b> BODY=BINARYMIME", "MAIL FROM:<a@b> XVERP", "MAIL FROM:<a@b> SMTPUTF8=1",
        "MAIL FROM:<a@b> AUTH=<> BODY=8BITMIME SIZE=100 SMTPUTF8 RET=HDRS ENVID=x+2By", "DATA", "MAIL FROM:<c@d>",
        "RCPT", "RCPT TO", "RCPT TO:", "RCPT TO:<>", "RCPT TO:<x@here.example> FOO", "RCPT TO:<x@here.example> NOTIFY=",
        "RCPT TO:<x@here.example> NOTIFY=NEVER,DELAY", "RCPT TO:<x@here.example> ORCPT=foo",
        "RCPT TO:<x@here.example> NOTIFY=NEVER ORCPT=rfc822;a", "DATA x", b"BDAT 0\r\n", "RSET", "QUIT"],
    "chunks": [
        "EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<x@here.example>", b"BDAT 12\r\nSubject: x\r\n", "DATA",
        "RCPT TO:<y@here.example>", "MAIL FROM:<x>", b"BDAT 5 LAST\r\n\r\nhi\n", "NOOP", b"BDAT 0 LAST\r\n",
        "MAIL FROM:<a@b>", "RCPT TO:<x@here.example>", "BDAT 99999999999999999999"],
    "message": [
        "EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<x@here.example>", "DATA", "Subject: x\r\n\r\nhi\r\n.",
        "MAIL FROM:<> BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=abc", "RCPT TO:<x@here.example> NOTIFY=SUCCESS",
        "RCPT TO:<y@here.example>", "DATA", ">From x\r\n.a\r\n..\r\n.", "QUIT"],
    "HELO client": ["HELO x", "MAIL FROM:<a@b>", "RCPT TO:<x@here.example>", "RCPT TO:x@here.example", "DATA",
                    "Subject: x\r\n\r\nhi\r\n.", "MAIL FROM:<a@b>", "HELO y", "DATA", "QUIT"],
    "quote": ["\"unterminated"],
    "bracket": ["<x y"],
    "http": ["GET / HTTP/1.0"],
    "header": ["Subject: x"],
    "proxy": ["CONNECT 1.2.3.4:25"],
    "lower case": ["post x"],
    "tls": [b"\x16\x03\x01\r\n"],
    "digits": ["1234"],
    "spaced header": ["FOO : x", "QUIT"],
    "long line": ["X" * 3000, "NOOP"],
    "paths": [f"MAIL FROM:{p}" for p in [
        "<a b@c.d>", "<a@b,c@d>", "<a@b><c@d>", "<a@b", "\"a@b", "<a@>", "<@>", "<a(x)b@c>", "<a;b@c>", "<a\\>",
        "<\"a\"b@c>", "<a@.b>", "<a@b..c>", "<-x@y>", "<a@1.2.3.4>", "<a@[x]>", "<a@[IPv6:1.2.3.4]>", "<a@b c>",
        "<a@b/c>", "a,b", "x\"y z\"@d", "<a@x[1.2.3.4]>"]],
}

# (dialogue, command) -> (Debian, ours): where we do not copy the reference, and why.
DIFFERENCES = {
    # A word without its closing bracket is no address.
    ("commands", "VRFY <a"): ("252 2.0.0 <a", "501 5.1.3 Bad recipient address syntax"),
    # 3.12 says so; 3.7 cut the line and went on.
    ("long line", "X" * 3000): ("500 5.5.2 Error: command not recognized",
                                "500 5.5.2 {host} Error: command too long"),
}
# Addresses that the lenient parser of the reference lets pass, and ours does not: control characters
# (threats S16), unbalanced comments and brackets. Each must be refused with a 5xx.
STRICTER = [b"<a\x01b@c>", b"<a\x7fb@c>", b"(foo", b")", b"<a)b@c>", b"<a@[1.2.3.4>", b"<a@b>\r BODY=8BITMIME", b"<a\x00b@c>"]
# ... and addresses that both must take.
ACCEPTED = ["<>", "< >", "<a@b.c>", "a@b.c", "<\"a b\"@c.d>", "<@x.y,@z.w:u@d.e>", "name<a@b>", "<a@b>(comment)",
            "<a..b@c>", "<.a@c>", "<a@[1.2.3.4]>", "<a@c.>", "<a\\@b@c>", "<\"\">", "<a@b>;", "a:b@c;", "<|cmd@c>", "<a%b@c>",
            "<a!b>", "<é@c>", "<<a@b>>", "<[1.2.3.4]>", "<a @ b>", "<\"a\".b@c>"]

CONF = {"mydestination": "here.example", "mynetworks": "127.0.0.0/8", "smtpd_error_sleep_time": "0",
        "smtpd_hard_error_limit": "1000", "smtpd_junk_command_limit": "1000", "mail_name": "Postfix",
        # 3.7.11 logs only
        "smtpd_forbid_unauth_pipelining": "no", "smtpd_peername_lookup": "no",
        "smtpd_client_restrictions": "check_client_access static:HOLD"}


def plain(reply):
    reply = re.sub(r"queued as \w+", "queued as ID", reply)
    return reply


@pytest.mark.root
def test_beside_debian(mta, debian):
    ours, theirs = mta(CONF), debian(CONF)
    problems = []
    for name, lines in DIALOGUES.items():
        a, b = theirs.dialogue(lines), ours.dialogue(lines)
        if len(a) != len(b):
            problems.append(f"{name}: Debian's connection ended after {len(a)} replies, ours after {len(b)}")
        for line, x, y in zip(["greeting"] + lines, a, b):
            x, y = plain(x), plain(y)
            if (name, line) in DIFFERENCES:
                want_x, want_y = (t.format(host="mail.test.example") for t in DIFFERENCES[(name, line)])
                if (x, y) != (want_x, want_y):
                    problems.append(f"{name}: {line!r}: {x!r} and {y!r}, listed {want_x!r} and {want_y!r}")
            elif x != y:
                problems.append(f"{name}: {line!r}: Debian {x!r}, ours {y!r}")
    assert not problems, "\n".join(problems)


def test_paths(either):
    m = either(CONF)
    lines = ["EHLO x"]
    for p in ACCEPTED:
        lines += [f"MAIL FROM:{p}", "RSET"]
    replies = m.dialogue(lines)
    for line, reply in zip(["greeting"] + lines, replies):
        if line.startswith("MAIL"):
            assert reply == "250 2.1.0 Ok", line


def test_stricter_paths(mta):
    """S13, S16: control characters and open brackets never make an address."""
    m = mta(CONF)
    for p in STRICTER:
        assert m.dialogue(["EHLO x", b"MAIL FROM:" + p + b"\r\n"])[2][:2] in ("50", "55"), p


def test_tls_hello(mta):
    """S18: a client that speaks TLS at once is sent away, and nothing of it comes back."""
    m = mta(CONF)
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(11, 256)) + b"\n"
    assert m.dialogue([hello, "NOOP"])[1:] == ["221 2.7.0 Error: I can break rules, too. Goodbye.", ""]


def test_help_and_pipelining(mta):
    """What the reference has since 3.9."""
    m = mta({**CONF, "smtpd_forbid_unauth_pipelining": "yes"})
    r = m.dialogue(["EHLO x", "HELP"])
    assert r[2] == ("214 2.0.0 Commands: AUTH BDAT DATA EHLO ETRN HELO HELP MAIL NOOP QUIT RCPT RSET STARTTLS VRFY "
                    "XCLIENT XFORWARD")
    for lines in ([b"EHLO x\r\nMAIL FROM:<>\r\n"], ["EHLO x", b"NOOP\r\nNOOP\r\n"], ["HELO x", b"MAIL FROM:<>\r\nRSET\r\n"]):
        r = m.dialogue(lines)
        assert r[-1] == "554 5.5.0 Error: SMTP protocol synchronization", lines
    m.wait_log(r"improper command pipelining after EHLO from unknown\[127\.0\.0\.1\]: MAIL FROM:<>\\r\\n")
    m.wait_log(r"improper command pipelining after NOOP from")
    # what may be pipelined
    r = m.dialogue(["EHLO x", b"MAIL FROM:<a@b>\r\nRCPT TO:<x@here.example>\r\nRSET\r\nMAIL FROM:<a@b>\r\nQUIT\r\n"])
    assert r[2] == "250 2.1.0 Ok"


def test_statistics(either):
    """The disconnect line counts commands in its fixed order."""
    m = either(CONF)
    m.dialogue(["EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<y@elsewhere.example>", "RCPT TO:<>", "FOO", "NOOP", "QUIT"])
    m.wait_log(r"disconnect from unknown\[127\.0\.0\.1\] ehlo=1 mail=1 rcpt=1/2 noop=1 quit=1 unknown=0/1 commands=5/7$")
    m.dialogue([])
    m.wait_log(r"lost connection after CONNECT from unknown\[127\.0\.0\.1\]$")
    m.wait_log(r"disconnect from unknown\[127\.0\.0\.1\] commands=0/0$")

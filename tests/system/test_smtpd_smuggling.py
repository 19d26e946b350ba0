# SPDX-License-Identifier: Apache-2.0
"""Smuggling (threats S1 to S10, S13): whatever a body holds, one message goes in and nothing else runs."""

import socket

import pytest

from instance import free_port, read_reply, wait_until

CONF = {"mydestination": "here.example", "mynetworks": "192.0.2.0/24", "smtpd_error_sleep_time": "0",
        "smtpd_relay_restrictions": "reject_unauth_destination", "smtpd_peername_lookup": "no",
        "smtpd_client_restrictions": "check_client_access static:HOLD"}

SECOND = b"MAIL FROM:<evil@b.c>\r\nRCPT TO:<victim@here.example>\r\nDATA\r\nSubject: second\r\n\r\nx\r\n.\r\n"
BODIES = {
    "S1": b"a\n.\r\n" + SECOND,
    "S2": b"a\n.\n" + SECOND,
    "S3": b"a\r\n.\n" + SECOND,
    "S4": b"a\r.\r" + SECOND,
    "S5": b"a\r\n.\r" + SECOND,
    "S6": b"a\r\r\n.\r\r\n" + SECOND,
    "S8": b"a\r\n\0.\r\n" + SECOND,
}


def begin(m):
    s = socket.create_connection((m.address, m.smtp_port), 20)
    f = s.makefile("rb")
    assert read_reply(f).startswith("220")
    for line in (b"EHLO x", b"MAIL FROM:<a@b.c>", b"RCPT TO:<u@here.example>", b"DATA"):
        s.sendall(line + b"\r\n")
        last = read_reply(f)
    assert last.startswith("354")
    return s, f


def finish(s, f):
    """Replies to what remains, up to the goodbye."""
    replies = []
    s.sendall(b"QUIT\r\n")
    while True:
        r = read_reply(f)
        if not r:
            break
        replies.append(r)
        if r.startswith("221"):
            break
    s.close()
    return replies


@pytest.mark.parametrize("case", sorted(BODIES))
def test_one_message(mta, case):
    """The dot in the midst does not end the message: one message, all of it."""
    m = mta(CONF)
    s, f = begin(m)
    s.sendall(BODIES[case])
    if not BODIES[case].endswith(b"\r\n.\r\n"):
        s.sendall(b"\r\n.\r\n")
    replies = finish(s, f)
    assert replies[0].startswith("250 2.0.0 Ok: queued as")
    assert replies[1:] == ["221 2.0.0 Bye"], replies
    held = wait_until(lambda: m.queue_ids("hold"), "the message is on hold")
    assert len(held) == 1
    assert not any("evil@b.c" in t for _, t in m.events("smtpd"))


def test_cut_anywhere(mta):
    """S9: the same when TCP cuts the bytes anywhere."""
    m = mta(CONF)
    body = BODIES["S1"]
    for cut in range(1, len(b"a\n.\r\nMAIL")):
        s, f = begin(m)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.sendall(body[:cut])
        s.sendall(body[cut:])
        replies = finish(s, f)
        assert replies[0].startswith("250") and replies[1:] == ["221 2.0.0 Bye"], (cut, replies)


def test_reject_mode(mta):
    """smtpd_forbid_bare_newline = reject: 550 at the end of the content, and at once for a command."""
    m = mta({**CONF, "smtpd_forbid_bare_newline": "reject"})
    s, f = begin(m)
    s.sendall(b"a\nb\r\n.\r\n")
    assert read_reply(f) == "550 5.5.2 mail.test.example Error: bare <LF> received"
    s.sendall(b"RSET\r\n")
    assert read_reply(f) == "250 2.0.0 Ok"
    s.sendall(b"NOOP\n")
    assert read_reply(f) == "550 5.5.2 mail.test.example Error: bare <LF> received"
    assert read_reply(f) == ""
    s.close()
    m.wait_log(r"reject: END-OF-MESSAGE from .*bare <LF> received")
    assert not m.queue_ids("hold", "incoming")


def test_note_mode(mta):
    m = mta({**CONF, "smtpd_forbid_bare_newline": "note"})
    s, f = begin(m)
    s.sendall(b"a\nb\r\n.\r\n")
    finish(s, f)
    m.wait_log(r"disconnect from .* commands=\d+ notes=bare_lf$")


def test_excluded_clients(mta):
    """smtpd_forbid_bare_newline_exclusions: the old rules, where LF . CR LF is an end."""
    m = mta({**CONF, "smtpd_forbid_bare_newline_exclusions": "127.0.0.0/8"})
    s, f = begin(m)
    s.sendall(b"a\n.\r\n")
    assert read_reply(f).startswith("250 2.0.0 Ok: queued")
    s.close()


def test_chunk_is_plain(mta):
    """S10: in a chunk all of it is content, also when the command is refused."""
    m = mta(CONF)
    body = b"a\r\n.\r\n" + SECOND
    r = m.dialogue(["EHLO x", "MAIL FROM:<a@b.c>", "RCPT TO:<u@here.example>", b"BDAT %d LAST\r\n" % len(body) + body,
                    b"BDAT %d LAST\r\n" % len(SECOND) + SECOND, "NOOP"])
    assert r[4].startswith("250 2.0.0 Ok: ") and "queued as" in r[4]
    assert r[5:] == ["503 5.5.1 Error: need RCPT command", "250 2.0.0 Ok"]
    assert len(wait_until(lambda: m.queue_ids("hold"), "the message is on hold")) == 1


def test_stored_without_stray_line_ends(mta):
    """S11: nothing bare is left in the queue file."""
    m = mta(CONF)
    s, f = begin(m)
    s.sendall(b"Subject: x\r\n\r\nline\rwith\rcr\r\nbare\nlf\r\n.\r\n")
    qid = read_reply(f).split()[-1]
    s.close()
    text = m.run("postcat", "-q", "-b", qid).stdout
    assert "line with cr\nbare\nlf\n" in text and "\r" not in text


def test_command_with_cr(mta):
    """S13: a bare CR ends no command and hides none."""
    m = mta(CONF)
    r = m.dialogue(["EHLO x", b"MAIL FROM:<a@b.c>\rRCPT TO:<u@here.example>\r\n", b"NOOP\rNOOP\r\n", "DATA"])
    assert r[2:] == ["500 5.5.2 Error: bad syntax", "500 5.5.2 Error: bad syntax", "503 5.5.1 Error: need RCPT command"]


@pytest.mark.parametrize("case", sorted(BODIES))
def test_behind_a_filter(mta, case):
    """S12: what the first server took goes through a filter to a listener with the old rules: still one message."""
    m = mta({**CONF, "smtpd_client_restrictions": "", "smtpd_forbid_bare_newline_exclusions": ""}, start=False)
    port = free_port(m.address)
    m.master_text += (f"{m.address}:{port} inet n - n - - smtpd\n -o content_filter=\n"
                      " -o {smtpd_client_restrictions = check_client_access static:HOLD}\n"
                      " -o smtpd_forbid_bare_newline_exclusions=127.0.0.0/8\n")
    m.setting(content_filter=f"smtp:[{m.address}]:{port}")
    m.start()
    s, f = begin(m)
    s.sendall(BODIES[case])
    if not BODIES[case].endswith(b"\r\n.\r\n"):
        s.sendall(b"\r\n.\r\n")
    assert finish(s, f)[0].startswith("250 ")
    m.wait_log(r"status=sent \(250 2\.0\.0 Ok: queued as")
    m.wait_log(r"disconnect from \S+ ehlo=1 mail=1 rcpt=1 (data|bdat)=1 quit=1 commands=5$", 2)
    assert len(m.queue_ids("hold")) == 1 and not any("evil@b.c" in t for _, t in m.events("smtpd"))

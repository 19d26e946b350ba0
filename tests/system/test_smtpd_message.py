# SPDX-License-Identifier: Apache-2.0
"""What smtpd puts into the queue file: envelope, Received, first line, actions of access tables, proxies."""

import os
import re
import socket

import pytest

from instance import DEADLINE, read_reply, wait_until

CONF = {"mydestination": "here.example", "mynetworks": "192.0.2.0/24", "smtpd_relay_restrictions": "reject_unauth_destination",
        "smtpd_peername_lookup": "no", "mail_name": "Postfix", "smtpd_error_sleep_time": "0"}
HOLD = {"smtpd_data_restrictions": "check_client_access static:HOLD"}
DATE = r"\w\w\w, +\d+ \w\w\w \d\d\d\d \d\d:\d\d:\d\d [+-]\d{4} \(\w+\)"


def queued(m, lines):
    """Send; postcat of the message that went on hold."""
    r = m.dialogue(lines)
    qid = re.search(r"queued as (\w+)", "\n".join(r)).group(1)
    wait_until(lambda: qid in m.queue_ids("hold"), f"{qid} is on hold")
    return qid, m.run("postcat", "-c", m.config, "-q", qid).stdout


def records(text):
    """(name, value) of the envelope, in order; what differs by its nature is left out."""
    out = []
    for line in text.split("*** MESSAGE CONTENTS")[0].splitlines()[1:]:
        name, _, value = line.partition(":")
        if not re.match(r"(message_size|message_arrival_time)$", name) and "create_time" not in line and "_port=" not in line:
            out.append((name.strip(), value.strip()))
    return out


def content(text):
    return text.split("*** MESSAGE CONTENTS", 1)[1].split("\n", 1)[1].split("*** HEADER EXTRACTED")[0]


MESSAGE = ["EHLO client.example", "MAIL FROM:<\"a b\"@c.example> ENVID=x+2By RET=FULL BODY=8BITMIME",
           "RCPT TO:<u@here.example> NOTIFY=NEVER", "RCPT TO:<v+x@here.example> ORCPT=rfc822;q+40r", "DATA",
           "Subject: x\r\n\r\nhi\r\n."]


def test_envelope(mta, debian):
    """The same records in the same order as Debian's smtpd and cleanup."""
    found = []
    for make in (mta, debian):
        m = make({**CONF, **HOLD})
        qid, text = queued(m, MESSAGE)
        found.append([(n, v.replace(qid, "ID").replace(m.address, "ADDRESS")) for n, v in records(text)])
        m.wait_log(rf"{qid}: client=unknown\[127\.0\.0\.1\]$")
    assert found[0] == found[1]


def test_received(either):
    m = either({**CONF, **HOLD})
    qid, text = queued(m, ["EHLO client.example", "MAIL FROM:<a@b>", "RCPT TO:<u@here.example>", "DATA", "Subject: x\r\n."])
    assert re.match(r"Received: from client\.example \(unknown \[127\.0\.0\.1\]\)\n"
                    rf"\tby mail\.test\.example \(Postfix\) with ESMTP id {qid}\n"
                    rf"\tfor <u@here\.example>; {DATE}\nSubject: x\n", content(text)), content(text)
    qid, text = queued(m, ["MAIL FROM:<a@b>", "RCPT TO:<u@here.example>", "RCPT TO:<v@here.example>", "DATA", "Subject: x\r\n."])
    assert re.match(r"Received: from unknown \(unknown \[127\.0\.0\.1\]\)\n"
                    rf"\tby mail\.test\.example \(Postfix\) with SMTP id {qid};\n"
                    rf"\t{DATE}\nSubject: x\n", content(text)), content(text)
    qid, text = queued(m, ["EHLO c", "MAIL FROM:<a@b> SMTPUTF8", "RCPT TO:<u@here.example>", "DATA", "Subject: x\r\n."])
    assert f"with UTF8SMTP id {qid}\n" in text


def test_hidden_session(mta):
    m = mta({**CONF, **HOLD, "smtpd_hide_client_session": "yes"})
    qid, text = queued(m, ["EHLO c", "MAIL FROM:<a@b>", "RCPT TO:<u@here.example>", "DATA", "Subject: x\r\n."])
    assert re.match(rf"Received: by mail\.test\.example \(Postfix\) id {qid}\n\tfor <u@here\.example>; {DATE}\n", content(text))


def test_first_line(either):
    m = either({**CONF, **HOLD})
    _, text = queued(m, ["EHLO c", "MAIL FROM:<a@b>", "RCPT TO:<u@here.example>", "DATA", ">From me\r\nSubject: x\r\n\r\n..dot\r\n."])
    assert "\nX-Mailbox-Line: >From me\nSubject: x\n" in text and "\n.dot\n" in text
    _, text = queued(m, ["EHLO c", "MAIL FROM:<a@b>", "RCPT TO:<u@here.example>", "DATA", " lead\r\nSubject: x\r\n."])
    assert re.search(r"\(\w+\)\n(.*\n)*\n lead\nSubject: x\n", content(text)), content(text)


def test_long_lines(either):
    """S17: stored in pieces, one line again when it is read."""
    m = either({**CONF, **HOLD})
    _, text = queued(m, ["EHLO c", "MAIL FROM:<a@b>", "RCPT TO:<u@here.example>", "DATA", "Subject: x\r\n\r\n" + "y" * 5000 + "z\r\n."])
    assert "\n" + "y" * 5000 + "z\n" in text


def test_chunks(either):
    m = either({**CONF, **HOLD})
    qid, text = queued(m, ["EHLO c", "MAIL FROM:<a@b>", "RCPT TO:<u@here.example>", b"BDAT 10\r\nSubject: x", b"BDAT 8\r\ny\r\n\r\n.a\n",
                           b"BDAT 4 LAST\r\n.\r\nb"])
    assert "\nSubject: xy\n" in content(text) and content(text).endswith("\n\n.a\n.\nb\n"), content(text)


def test_actions(either):
    """HOLD, REDIRECT, BCC, FILTER and PREPEND reach the queue file."""
    m = either({**CONF, "smtpd_recipient_restrictions": "check_recipient_access inline:{"
                "{p@here.example=PREPEND X-One: 1}, {q@here.example=PREPEND X-Two: 2}, {h@here.example=HOLD},"
                "{f@here.example=FILTER smtp:[127.0.0.1]:9}, {r@here.example=REDIRECT z@here.example},"
                "{b@here.example=BCC bcc@here.example}}"})
    qid, text = queued(m, ["EHLO c", "MAIL FROM:<a@b>"] + [f"RCPT TO:<{x}@here.example>" for x in "pqhfrb"] + ["DATA", "Subject: x\r\n."])
    assert content(text).startswith("X-One: 1\nX-Two: 2\nReceived: from c ")
    assert "content_filter: smtp:[127.0.0.1]:9" in text
    assert "redirect_to: z@here.example" in text
    assert "recipient: bcc@here.example" in text
    m.wait_log(rf"hold: RCPT from unknown\[127\.0\.0\.1\]: <h@here\.example>: Recipient address triggers HOLD action; ")


def test_discard(either):
    m = either({**CONF, "smtpd_recipient_restrictions": "inline:{u@here.example=DISCARD}"})
    r = m.dialogue(["EHLO c", "MAIL FROM:<a@b>", "RCPT TO:<u@here.example>", "DATA", "Subject: x\r\n."])
    assert r[5].startswith("250 2.0.0 Ok: queued as")
    assert not m.queue_ids()


def test_content_filter(either):
    m = either({**CONF, **HOLD, "content_filter": "smtp:[127.0.0.1]:10025", "receive_override_options": "no_address_mappings",
                "always_bcc": "spy@here.example"})
    _, text = queued(m, ["EHLO c", "MAIL FROM:<a@b>", "RCPT TO:<u@here.example>", "DATA", "Subject: x\r\n."])
    assert "content_filter: smtp:[127.0.0.1]:10025" in text and "spy@" not in text


def test_rejected_content(either):
    m = either({**CONF, "header_checks": "regexp:{{/^Subject: bad/ REJECT 5.7.9 no such}, {/^Subject: worse/ REJECT}}"})
    base = ["EHLO c", "MAIL FROM:<a@b>", "RCPT TO:<u@here.example>", "DATA"]
    assert m.dialogue(base + ["Subject: bad\r\n."])[5] == "550 5.7.9 no such"
    assert m.dialogue(base + ["Subject: worse\r\n."])[5] == "550 5.7.1 message content rejected"


def test_hops(either):
    m = either({**CONF, "hopcount_limit": "3"})
    r = m.dialogue(["EHLO c", "MAIL FROM:<a@b>", "RCPT TO:<u@here.example>", "DATA", "Received: x\r\n" * 4 + "\r\n."])
    assert r[5] == "554 5.4.0 Error: too many hops"


def test_end_of_data(either):
    m = either({**CONF, "smtpd_end_of_data_restrictions": "reject"})
    r = m.dialogue(["EHLO c", "MAIL FROM:<a@b>", "RCPT TO:<u@here.example>", "DATA", "Subject: x\r\n.", "DATA", "MAIL FROM:<a@b>"])
    assert r[5] == "554 5.7.1 <END-OF-MESSAGE>: End-of-data rejected: Access denied"
    if m.kind == "postroad":  # 3.7.11 hangs up; the state is clean since 3.12 (threats M1)
        assert r[6:] == ["503 5.5.1 Error: need RCPT command", "250 2.1.0 Ok"]


def test_other_cleanup(mta):
    """A cleanup service with options of its own gets the message by socket."""
    m = mta({**CONF, **HOLD}, extra_master="special unix n - n - 0 cleanup -o header_checks=static:REJECT\n")
    m.setting(cleanup_service_name="special")
    m.run("postfix", "-c", m.config, "reload")
    m.wait_log(r"reload -- version")
    wait_until(lambda: m.dialogue(["EHLO c", "MAIL FROM:<a@b>", "RCPT TO:<u@here.example>", "DATA", "Subject: x\r\n."])[5]
               == "550 5.7.1 message content rejected", "the other service answers")


# The right to use XCLIENT is that of the client it names.
TRUSTED = {"smtpd_authorized_xclient_hosts": "127.0.0.0/8, 192.0.2.0/24", "smtpd_authorized_xforward_hosts": "127.0.0.0/8"}


def test_xclient(either):
    m = either({**CONF, **TRUSTED, "smtpd_recipient_restrictions": "check_client_access inline:{{192.0.2.9=REJECT nine}}, "
                                                                  "reject_unknown_client_hostname"})
    r = m.dialogue(["EHLO c", "XCLIENT", "XCLIENT FOO", "XCLIENT FOO=x", "XCLIENT ADDR=1.2.3", "XCLIENT NAME=a..b",
                    "XCLIENT PORT=x", "XCLIENT PROTO=x", "XCLIENT NAME=" + "x" * 256, "XCLIENT NAME=+zz",
                    "XCLIENT NAME=spike.example ADDR=192.0.2.9 PORT=77 HELO=h.example PROTO=ESMTP",
                    "MAIL FROM:<a@b>", "XCLIENT NAME=x", "RCPT TO:<u@here.example>", "RSET",
                    "XCLIENT NAME=[UNAVAILABLE] ADDR=192.0.2.10", "EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<u@here.example>", "RSET",
                    "XCLIENT NAME=[TEMPUNAVAIL]", "MAIL FROM:<a@b>", "RCPT TO:<u@here.example>", "QUIT"])
    if m.kind == "postroad":  # LOGIN needs SASL, which Debian's has
        assert "250-XCLIENT NAME ADDR PROTO HELO REVERSE_NAME PORT DESTADDR DESTPORT\n" in r[1]
    assert "250-XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT\n" in r[1]
    assert r[2] == "501 5.5.4 Syntax: XCLIENT attribute=value..."
    assert r[3] == "501 5.5.4 Error: attribute=value expected"
    assert r[4] == "501 5.5.4 Bad XCLIENT attribute name: FOO"
    assert r[5] == "501 5.5.4 Bad ADDR syntax: 1.2.3"
    assert r[6] == "501 5.5.4 Bad NAME syntax: a..b"
    assert r[7] == "501 5.5.4 Bad PORT syntax: x"
    assert r[8] == "501 5.5.4 Bad PROTO syntax: x"
    assert r[9] == "501 5.5.4 Error: attribute value too long"
    assert r[10].startswith("501 5.5.4 ")
    assert r[11] == "220 mail.test.example ESMTP Postfix"
    assert r[13] == "503 5.5.1 Error: MAIL transaction in progress"
    assert r[14] == "554 5.7.1 <spike.example[192.0.2.9]>: Client host rejected: nine"
    assert r[16].startswith("220") and r[19] == "450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.10]"
    assert r[23] == "450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.10]"
    m.wait_log(r"NOQUEUE: reject: RCPT from spike\.example\[192\.0\.2\.9\]: .* proto=ESMTP helo=<h\.example>$")
    m.wait_log(r"NOQUEUE: reject: RCPT from unknown\[192\.0\.2\.10\]: .* proto=SMTP$")


def test_xclient_stranger(either):
    """A4: who is not trusted is refused."""
    m = either(CONF)
    r = m.dialogue(["EHLO c", "XCLIENT ADDR=192.0.2.1", "XFORWARD ADDR=192.0.2.1", "MAIL FROM:<a@b>", "RCPT TO:<u@elsewhere.example>"])
    assert "XCLIENT" not in r[1] and "XFORWARD" not in r[1]
    assert r[2] == r[3] == "550 5.7.0 Error: insufficient authorization"
    assert r[5] == "554 5.7.1 <u@elsewhere.example>: Relay access denied"


def test_xforward(either):
    m = either({**CONF, **HOLD, **TRUSTED})
    qid, text = queued(m, ["EHLO c", "XFORWARD NAME=spike.example ADDR=192.0.2.9 PORT=77", "XFORWARD PROTO=SMTP HELO=h IDENT=OLD SOURCE=REMOTE",
                           "MAIL FROM:<a@b>", "RCPT TO:<u@here.example>", "DATA", "Subject: x\r\n."])
    for a in ("log_ident=OLD", "log_client_name=spike.example", "log_client_address=192.0.2.9", "log_client_port=77",
              "log_message_origin=spike.example[192.0.2.9]", "log_helo_name=h", "log_protocol_name=SMTP",
              "client_name=unknown", "client_address=127.0.0.1"):
        assert f"named_attribute: {a}\n" in text, a
    m.wait_log(rf"{qid}: client=unknown\[127\.0\.0\.1\], orig_queue_id=OLD, orig_client=spike\.example\[192\.0\.2\.9\]$")
    assert m.dialogue(["EHLO c", "XFORWARD ADDR=x"])[2] == "501 5.5.4 Bad ADDR syntax: x"


@pytest.mark.skipif(os.geteuid() != 0, reason="for mail_owner smtpd -S is a server as any other")
def test_stand_alone(either):
    """sendmail -bs: the same protocol on standard input, the message goes to postdrop, no rules apply."""
    m = either({**CONF, "smtpd_recipient_restrictions": "reject", "header_checks": "static:HOLD"})
    p = m.run("sendmail", "-C", m.config, "-bs", input="EHLO foo\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<x@nowhere.example>\r\n"
              "DATA\r\nSubject: x\r\n\r\nhi\r\n.\r\nAUTH PLAIN\r\nQUIT\r\n")
    replies = [line for line in p.stdout.splitlines() if line[3:4] == " "]
    assert replies[0].startswith("220 ") and replies[2:5] == ["250 2.1.0 Ok", "250 2.1.5 Ok", "354 End data with <CR><LF>.<CR><LF>"]
    assert replies[5].startswith("250 2.0.0 Ok: queued as") and replies[7] == "221 2.0.0 Bye"
    held = wait_until(lambda: m.queue_ids("hold"), "the message is on hold")
    text = m.run("postcat", "-c", m.config, "-q", held[0]).stdout
    assert "sender: a@b.c\n" in text and "recipient: x@nowhere.example\n" in text
    assert re.search(r"\nReceived: from foo \(localhost \[127\.0\.0\.1\]\)\n\tby mail\.test\.example \(Postfix\) with ESMTP id \w+\n"
                     r"\tfor <x@nowhere\.example>; ", text)
    m.wait_log(r"smtpd\[\d+\]: connect from localhost\[127\.0\.0\.1\]$")


def test_xforward_parts(either):
    """What XFORWARD leaves out is unknown; SOURCE decides about header rewriting only."""
    m = either({**CONF, **HOLD, **TRUSTED})
    for said, want in {
        "SOURCE=LOCAL": {"rewrite_context": "local", "log_client_name": "unknown", "log_client_address": "127.0.0.1", "log_helo_name": "c"},
        "SOURCE=REMOTE": {"rewrite_context": "remote", "log_client_address": "127.0.0.1", "log_protocol_name": "ESMTP"},
        "NAME=x": {"log_client_name": "x", "log_client_address": "unknown", "log_client_port": "unknown",
                   "log_message_origin": "x", "log_protocol_name": "unknown", "log_helo_name": None},
        "ADDR=[UNAVAILABLE] PROTO=[UNAVAILABLE]": {"log_client_name": "unknown", "log_client_address": "unknown",
                                                   "log_message_origin": "unknown", "log_protocol_name": "unknown"},
    }.items():
        _, text = queued(m, ["EHLO c", "XFORWARD " + said, "MAIL FROM:<a@b>", "RCPT TO:<u@here.example>", "DATA", "Subject: x\r\n."])
        found = dict(re.findall(r"named_attribute: (\w+)=(.*)", text))
        for name, value in want.items():
            assert found.get(name) == value, (said, name)


def test_early_open(either):
    """smtpd_delay_open_until_valid_rcpt = no: the queue id is there for the first refusal."""
    m = either({**CONF, "smtpd_delay_open_until_valid_rcpt": "no"})
    r = m.dialogue(["EHLO c", "MAIL FROM:<a@b>", "RCPT TO:<u@elsewhere.example>", "DATA", "RSET", "QUIT"])
    assert r[3].startswith("554 5.7.1") and r[4] == "554 5.5.1 Error: no valid recipients"
    m.wait_log(r"[0-9A-F]+: client=unknown\[127\.0\.0\.1\]$")
    m.wait_log(r"[0-9A-F]{6,}: reject: RCPT from unknown\[127\.0\.0\.1\]: 554 5\.7\.1 <u@elsewhere\.example>: Relay access denied; ")
    wait_until(lambda: not m.queue_ids(), "nothing is left")


ACTIONS = {"smtpd_recipient_restrictions": "check_recipient_access inline:{ {discard@here.example=DISCARD} {filter@here.example=FILTER a:b}"
           " {prepend@here.example=PREPEND X-Y: z} {redirect@here.example=REDIRECT r@here.example} {reject@here.example=REJECT}"
           " {defer@here.example=DEFER_IF_PERMIT later} {bcc@here.example=BCC b@here.example} }",
           "header_checks": "regexp:{ {/^X: reject/ REJECT no} {/^X: redirect/ REDIRECT q@here.example} }"}
EHLO, MAIL, BODY = "EHLO client.example", "MAIL FROM:<a@b.example>", "Subject: x\r\n\r\nhi\r\n."
PLAIN = [MAIL, "RCPT TO:<u@here.example>", "DATA", BODY, EHLO, MAIL, "RCPT TO:<v@here.example>", "DATA", "\r\nhi\r\n.", "QUIT"]
# Each leaves behind as much as it can; those without QUIT hang up.
BEFORE = {
    "nothing": [],
    "attributes": [*MESSAGE[:-2], "DATA", "Received: x\r\nMessage-Id: <m@x>\r\nResent-From: y\r\nDate: z\r\nTo: t\r\n\r\nhi\r\n.", "QUIT"],
    "large": [EHLO, MAIL, *(f"RCPT TO:<r{n}@here.example>" for n in range(100)), "DATA",
              "Content-Type: multipart/x; boundary=a\r\n\r\n" + "x" * 3000 + "\r\n" + "line of text\r\n" * 30000 + "--a\r\n.", "QUIT"],
    "actions": [EHLO, MAIL, *(f"RCPT TO:<{x}@here.example>" for x in ("filter", "prepend", "redirect", "bcc")), "DATA", "X: redirect\r\n."],
    "discard": [EHLO, MAIL, "RCPT TO:<discard@here.example>", "DATA", "hi\r\n.", MAIL, "RCPT TO:<discard@here.example>"],
    "refused": [EHLO, MAIL, "RCPT TO:<reject@here.example>", "RCPT TO:<defer@here.example>", "RCPT TO:<u@elsewhere.example>",
                "RCPT TO:<u@here.example>", "DATA", "X: reject\r\n.", "QUIT"],
    "errors": ["EHLO", "x" * 3000, "MAIL FROM:<", "HELP", "VRFY", "HELO " + "h" * 400, *(["BAD"] * 30)],  # the server ends it
    "xforward": ["XFORWARD NAME=n ADDR=192.0.2.1 PORT=5 PROTO=P HELO=h IDENT=i SOURCE=LOCAL", EHLO, MAIL + " SMTPUTF8 BODY=8BITMIME",
                 "RCPT TO:<u@here.example>", "DATA", "Subject: \u00e4\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\u00e4\r\n."],
    "xclient": ["XCLIENT NAME=x.example ADDR=192.0.2.2 PROTO=SMTP HELO=y", MAIL, "RCPT TO:<u@here.example>", "DATA"],
    "half": [EHLO, MAIL, "RCPT TO:<u@here.example>", "DATA", b"Content-Type: multipart/x; boundary=hi\r\n\r\nhal"],
    "chunk": [EHLO, MAIL, "RCPT TO:<u@here.example>", b"BDAT 30\r\nSubject: x\r\n\r\n"],
    "bare": [b"EHLO bare\n", b"MAIL FROM:<a@b.example>\n", "RCPT TO:<u@here.example>", "DATA", b"x\n.\ny\r\n.\r\n", b"NO"],
}


def session(m, lines):
    """All that is seen of a session: replies, log, messages. A last line in bytes is not answered: the client hangs up."""
    before, ended = len(m.events("smtpd")), m.log().count("disconnect from")
    with socket.create_connection((m.address, m.smtp_port), DEADLINE) as s, s.makefile("rb") as f:
        seen = [read_reply(f)]
        for line in lines:
            try:
                s.sendall(line if isinstance(line, bytes) else line.encode() + b"\r\n")
            except OSError:  # the server has gone
                break
            if line is not lines[-1] or isinstance(line, str):
                seen.append(read_reply(f))
            if not seen[-1]:
                break
    m.wait_log("disconnect from", ended + 1)
    seen += [text for _, text in m.events("smtpd")[before:]]
    ids = re.findall(r"queued as (\w+)", "\n".join(seen))
    for qid in ids:
        if qid in m.queue_ids("hold"):
            text = m.run("postcat", "-c", m.config, "-q", qid).stdout
            seen += [str(records(text)), re.sub(DATE, "DATE", content(text)), text.split("*** HEADER EXTRACTED")[1]]
    seen = "\n".join(seen)
    for n, qid in enumerate(re.findall(r"^(\w+): client=", seen, re.M)):
        seen = seen.replace(qid, f"ID{n}")
    return re.sub(r"<\d+\.(ID\d+@)", r"<\1", seen)


def test_next_in_same_memory(mta):
    """Sessions and messages use the memory of earlier ones; what they say, log and write is what it was in a fresh process."""
    m = mta({**CONF, **HOLD, **TRUSTED, **ACTIONS, "smtpd_forbid_bare_newline": "note", "always_add_missing_headers": "yes",
             "smtpd_client_connection_count_limit": "0"})
    m.wait_log("disconnect from")  # of the look whether the port is open
    first = session(m, PLAIN)
    assert first.count("queued as") == 2 and first.count("message_id=") == 2, first
    for name, lines in BEFORE.items():
        left = session(m, lines)
        assert session(m, PLAIN) == first, f"after {name}:\n{left}"

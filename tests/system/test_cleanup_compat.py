# SPDX-License-Identifier: Apache-2.0
"""The same submission streams into our cleanup and Debian's: status, queue file and log must agree.

What differs on purpose, and is taken out before comparing: the message_id attribute (later than 3.7),
the two-digit day of dates, "removed (...)" lines, remarks about qmgr, which does not run here.
"""

import os
import re
import socket

import pytest

from agent import encode, read_list, record
from instance import wait_until

MASTER = """\
{smtp} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
rewrite unix - - n - - trivial-rewrite
postlog unix-dgram n - n - 1 postlogd
"""

FILTER, BCC, MAP, UTF8, AUTO = 2, 16, 32, 256, 512
LOCAL = ("rewrite_context=local", "log_message_origin=cl[1.2.3.4]", "log_protocol_name=ESMTP", "log_helo_name=he")


def message(*lines, attrs=LOCAL, sender="s@test.example", env=(), rcpts=("r@test.example",), ext=(), received=True):
    """Records as (type, text) pairs; a line that is a pair stands for itself."""
    out = [("T", "1700000000 123456")] + [("A", a) for a in attrs] + [("S", sender)] + list(env)
    out += [r if isinstance(r, tuple) else ("R", r) for r in rcpts] + [("M", "")]
    out += [("N", "Received: x")] if received else []
    out += [x if isinstance(x, tuple) else ("N", x) for x in lines]
    return out + [("X", "")] + list(ext) + [("E", "")]


def parse(data):
    i, out = 0, []
    while i < len(data):
        kind, n, shift, i = chr(data[i]), 0, 0, i + 1
        while True:
            c, i = data[i], i + 1
            n, shift = n | (c & 127) << shift, shift + 7
            if c < 128:
                break
        out.append((kind, data[i:i + n].decode("latin1")))
        i += n
    return out


def submit(m, records, flags):
    """(reply, queue, records of the file, log lines), with ids and stamps named."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(30)
        s.connect(str(m.queue / "public/cleanup"))
        f = s.makefile("rb")
        qid = dict(read_list(f))["queue_id"]
        s.sendall(encode([("flags", flags)]) + b"\0" + b"".join(
            record(k, d.encode("latin1") if isinstance(d, str) else d) for k, d in records))
        reply = dict(read_list(f))
    queue, text = None, []
    for q in ("incoming", "hold"):
        p = m.queue / q / qid
        if p.exists():
            assert p.stat().st_mode & 0o7777 == 0o700
            queue, text = q, [normal(k, d, qid) for k, d in parse(p.read_bytes())]
            p.unlink()
    text = [t for t in text if not t.startswith("A message_id=")]
    return reply, queue, text, qid


def normal(kind, data, qid):
    data = re.sub(r"<\d{14}\.QID", "<STAMP.QID", data.replace(qid, "QID"))
    data = re.sub(r"(Date: \w+,) {1,2}(\d) ", r"\1 0\2 ", data)
    if data.startswith("create_time="):
        data = "create_time"
    return f"{kind} {data}"


def log_of(m, qid):
    out = [re.sub(r"<\d{14}\.QID", "<STAMP.QID", e.replace(qid, "QID")) for _, e in m.events("cleanup") if qid in e]
    return [e for e in out if "qmgr" not in e and ": removed (" not in e]


def compare(pair, cases):
    for name, (records, flags) in cases.items():
        got = [submit(m, records, flags) for m in pair]
        logs = []
        for m, g in zip(pair, got):
            after = submit(m, message("", ""), 0)[3]
            wait_until(lambda m=m, qid=after: f"{qid}: message-id=" in m.log(), "the message-id line")
            logs.append(log_of(m, g[3]))
        assert got[0][:3] == got[1][:3], name
        assert logs[0] == logs[1], name


@pytest.fixture
def pair(mta, debian):
    def make(**conf):
        conf = dict(conf, in_flow_delay="0", smtputf8_enable="yes", recipient_delimiter="+")
        return [make_one(conf, master=MASTER) for make_one in (mta, debian)]
    return make


def test_envelope(pair):
    compare(pair(delay_warning_time="4h", always_bcc="always", sender_bcc_maps="inline:{s@test.example=sb}",
                 recipient_bcc_maps="inline:{{r@test.example=rb+x}}"), {
        "plain": (message("", "a"), MAP),
        "bcc": (message("", "a"), MAP | BCC),
        "attributes": (message("", attrs=("encoding=8bit", "foo=bar", "empty=", "envelope_id=e", "ret_flags=1",
                                          "create_time=1")), MAP),
        "records": (message("", env=[("F", "Full"), ("F", "F2"), ("V", "ab"), ("V", "+="), ("L", "f:x"), (">", "r@x"),
                                     ("W", "   12"), ("I", "i"), ("D", "d")]), MAP),
        "dsn": (message("", rcpts=["r", ("A", "dsn_orig_rcpt=rfc822;a@b"), ("A", "notify_flags=6"), "x", "r"]), MAP),
        "duplicates": (message("", rcpts=["r", "R", "r@test.example", ("O", "o"), "r", ""]), MAP),
        "quoted": (message("", rcpts=["a b@q.test", "u%d@test.example", "@a,@b:z@c", "x!y"]), MAP),
        "extracted": (message("", ext=[("R", "late"), ("F", "x"), ("A", "notify_flags=2"), ("R", "l2")]), MAP),
        "nobody": (message("", rcpts=[]), MAP),
        "null sender": (message("", sender=""), MAP | BCC),
        "two senders": (message("", env=[("S", "x")]), MAP),
        "bad ret": (message("", attrs=["ret_flags=3"]), MAP),
        "bad attribute": (message("", attrs=["x"]), MAP),
        "no received": (message("A: b", received=False), MAP),
        "pointer": (message(("p", "0")), MAP),
        "hold": (message(""), MAP | 4),
    })


def test_headers(pair):
    compare(pair(canonical_maps="inline:{ {u1=u2} {u2=u3} {@old.test=@new.test} {plus=plusnew} }",
                 sender_canonical_maps="inline:{{sc=scx@y.test}}", masquerade_domains="!sub.m.test m.test",
                 masquerade_exceptions="root", virtual_alias_maps="inline:{ {v=a1 a2} {a1=b1 b2} {l=l2} {l2=l} }"), {
        "maps": (message("From: sc", "To: u1, foo@old.test, plus+e", "Cc: a@h.m.test, root@h.m.test", "",
                         sender="sc", rcpts=["u1", "v", "v+e", "foo@old.test"]), MAP),
        "no maps": (message("From: u1", "", rcpts=["v"]), 0),
        "loop": (message("", rcpts=["l"]), MAP),
        "forms": (message("Y : z", "From :\"A B\" <c>", "cc:  x@y.z ,  b@c", "To: <>, a b", "Errors-To: (c)"), MAP),
        "long": (message("To: " + ", ".join("recipient%d" % i for i in range(20)), ""), MAP),
        "resent": (message("Message-Id: <x>", "Resent-To: a", "Resent-bcc: b", "BCC: c", ""), MAP),
        "name": (message("", env=[("F", "Full, (Na\"me")]), MAP),
        "remote": (message("To: a", "", attrs=["rewrite_context=remote"]), MAP),
        "hops": (message(*["Received: y"] * 49), MAP),
        "utf8": (message("Subject: \u00c3\u00a4", "", rcpts=["\u00c3\u00a4@b"]), MAP | AUTO),
        "8bit": (message("Content-Transfer-Encoding: 8bit", "", "\u00e4"), MAP),
        "lines": (message("", "a\rb", "x" * 3000, ("L", "abc"), "d"), MAP),
    })


ENDS = [["Subject: x", " ", "To: u1", "", "b"], ["Subject: x", "\t", "To: u1"], ["Subject: x", " \t ", "", "To: u1"], [" ", "Subject: x", "", "b"],
        ["Subject: x", "nonsense", "To: u1", "", "b"], ["Subject: x", ":", "To: u1"], ["Subject: x", "\r", "To: u1", "", "b"],
        ["Subject: x", "To", "To: u1"], ["Subject: x", "To : u1", "", "b"], ["Subject: x", "A b: c", "To: u1"], ["Subject: x", ("L", ""), "To: u1"],
        ["Subject: x", ("L", " "), "", "b"], ["Subject: x", "-: u", "To: u1"], ["nonsense", "To: u1"], ["From x", "To: u1"], [">From x", "To: u1"],
        ["Subject: x", "\x01: y", "To: u1"], ["Subject: x", "\u00a0: y", "To: u1"], ["Subject: x", "\u00e4: y", "To: u1"],
        ["MIME-Version : 1.0", "Content-Type \t: multipart/mixed; boundary=b", "", "--b", "To : y", "Content-Type : message/rfc822", "", "To : z",
         " ", "folded", "", "b", "--b--"], ["To \t : u1,", " \t : v", "", "b"]]


def test_end_of_header(pair):
    """One place where the header ends, in the queue file for all who read it later (threats S15)."""
    systems = pair(canonical_maps="inline:{ {u1=u2} }", header_checks="pcre:{{/^To:/ PREPEND X-Seen: header}}",
                   nested_header_checks="pcre:{{/^To:/ PREPEND X-Seen: nested}}",
                   mime_header_checks="pcre:{{/^To:/ PREPEND X-Seen: mime}}", body_checks="pcre:{{/^To:/ PREPEND X-Seen: body}}")
    compare(systems, {repr(lines): (message(*lines), flags | FILTER) for flags in (MAP, 0) for lines in ENDS})


ACTIONS = ["REJECT", "REJECT 5.7.9 no way", "REJECT 4.7.9 later", "REJECT 2.0.0 x", "WARN", "WARN t", "INFO t", "PASS t",
           "FILTER a:b", "FILTER a", "FILTER", "HOLD t", "DISCARD t", "PREPEND A: b", "PREPEND a", "PREPEND", "REPLACE To: me",
           "REPLACE me", "REDIRECT a@b", "REDIRECT a", "BCC a@b", "BCC a", "STRIP t", "IGNORE", "DUNNO", "OK", "FOO x"]


def test_checks(pair):
    table = "pcre:{ " + " ".join("{/^X%d:/ %s}" % (i, a) for i, a in enumerate(ACTIONS)) + " }"
    cases = {}
    for i, a in enumerate(ACTIONS):
        cases["header " + a] = (message(f"X{i}: v", " folded", "Z: z", "", "b"), MAP | FILTER)
        cases["body " + a] = (message("", f"X{i}: v", "b"), MAP | FILTER)
    cases["twice"] = (message("X18: 1", "X18: 2", "X8: f", "X20: b", "X11: h", "X11: h", ""), MAP | FILTER)
    cases["after pass"] = (message("X7: 1", "X0: 2", ""), MAP | FILTER)
    compare(pair(header_checks=table, body_checks=table), cases)


def test_mime(pair):
    warn = {n: "regexp:{{/^(.*)$$/ WARN %s}}" % n for n in ("header_checks", "mime_header_checks",
                                                            "nested_header_checks", "body_checks")}
    bb = "Content-Type: multipart/mixed; boundary=bb"
    compare(pair(strict_mime_encoding_domain="yes", strict_8bitmime="yes", body_checks_size_limit=40, mime_nesting_limit=2,
                 header_size_limit=400, **warn), {
        "multipart": (message(bb, "", "pre", "--bb", "X: y", "", "t", "--bb--", "epi"), MAP | FILTER),
        "nested": (message(bb, "", "--bb", "Content-Type: message/rfc822", "", "S: i", "", "t", "--bb", "no", "c: d"),
                   MAP | FILTER),
        "digest": (message("Content-Type: multipart/digest; boundary=b", "", "--b", "", "S: i", "", "x"), MAP | FILTER),
        "no empty line": (message("A: b", "text", "c: d"), MAP | FILTER),
        "depth": (message(*[x for i in range(6) for x in (f"Content-Type: multipart/x; boundary=b{i}", "", f"--b{i}")]),
                  MAP | FILTER),
        "8bit": (message("Subject: \u00e4", "", "\u00e4"), MAP | FILTER),
        "domain": (message("Content-Type: message/partial", "Content-Transfer-Encoding: 8bit", "", "x"), MAP | FILTER),
        "body limit": (message("", "0123456789" * 3, "0123456789", "x"), MAP | FILTER),
        "long header": (message("Subject: " + "x" * 500, " " + "y" * 500, "A: b", ""), MAP | FILTER),
    })


def test_aborted_message_leaves_nothing(mta):
    m = mta({}, master=MASTER)
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(m.queue / "public/cleanup"))
        qid = dict(read_list(s.makefile("rb")))["queue_id"]
        assert os.listdir(m.queue / "incoming") == [qid]
        s.sendall(encode([("flags", 0)]) + b"\0" + record("T", "1 2"))
    wait_until(lambda: os.listdir(m.queue / "incoming") == [], "the file is removed")
    m.wait_log(f"{qid}: removed \\(canceled\\)")

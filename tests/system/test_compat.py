# SPDX-License-Identifier: Apache-2.0
"""Side by side with Debian's Postfix: queue files, delivered headers, log lines, replies, bounces.

What may differ is named where it is compared, with its reason; everything else must agree. Both sides
get the same mail_name here: the name is part of headers and so of sizes.
"""

import re
import shutil
import subprocess

import mailboxes
from instance import DebianPostfix, Instance, wait_until

def normal(text, m):
    """A text with what must differ between two runs replaced by names."""
    text = text.replace(m.address, "ADDRESS").replace(str(m.smtp_port), "PORT").replace(str(m.dir), "DIR")
    text = re.sub(r"\b[0-9A-F]{9,16}\b", "QUEUEID", text)
    text = re.sub(r"\b\d{14}\.QUEUEID", "TIME.QUEUEID", text)
    text = re.sub(r"\w{3}, [ \d]\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4} \(\w+\)", "DATE", text)
    text = re.sub(r"(delay=)[\d.]+, (delays=)[\d./]+", r"\1D, \2D", text)
    text = re.sub(r"QUEUEID\.\d+/", "QUEUEID.EPOCH/", text)
    return text


def both(mta, debian, conf=None, boxes=True):
    pair = []
    for make in (mta, debian):
        m = make(start=False)
        if boxes:
            m.setting(**mailboxes.settings(m.dir))
        m.setting(mail_name="Samename", **(conf or {}))  # so that sizes agree
        pair.append(m.start())
    return pair


def deliver(m, text, **kw):
    m.send("from@test.example", ["alice@box.example", "bob@box.example"], text, **kw)
    wait_until(lambda: all(len(mailboxes.maildir(m.dir, b)) == 1 for b in ("alice", "bob")), "delivery")
    raw = next((m.dir / "mail/alice/new").iterdir()).read_text()
    return normal(raw, m)


MESSAGES = [
    "Subject: plain\n\nhello\n",
    "To: \"A. Lice\" <alice@box.example>,\n bob (Bob) <bob@box.example>, carol\nSubject: headers\n  folded\nX-Odd : value\n\nbody\n",
    "no header at all\n",
    "Subject: long\n\n" + "x" * 3000 + "\n",
    "Received: from a by b; Sat, 21 Nov 2026 08:20:29 +0000\nReturn-Path: <x@y>\nBcc: secret@z\nContent-Length: 5\nFrom: me\n\nbody\n",
    " starts with blank\nSubject: x\n\nbody\n",
    "From someone Sat Nov 21\nSubject: mbox line\n\nbody\n",
    "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\nSubject: mime\n\n--b\n\npart\n--b--\n",
]


def test_delivered_messages(mta, debian):
    ours, theirs = both(mta, debian)
    for text in MESSAGES:
        for m in (ours, theirs):
            subprocess.run(["rm", "-rf", str(m.dir / "mail/alice"), str(m.dir / "mail/bob")], check=True)
        assert deliver(ours, text) == deliver(theirs, text)


def test_local_submission(mta, debian):
    """Headers that are added to local mail, in their order."""
    ours, theirs = both(mta, debian)
    out = []
    for m in (ours, theirs):
        m.sendmail("-f", "me", "-F", "Full N. Ame", "alice@box.example", "bob@box.example",
                   text="To: alice@box.example, root, \"x y\"@sub\nSubject: local\n\nbody\n")
        wait_until(lambda m=m: len(mailboxes.maildir(m.dir, "bob")) == 1, "delivery")
        out.append(normal(next((m.dir / "mail/bob/new").iterdir()).read_text(), m))
    assert out[0] == out[1]


def log_of(m, qid):
    """Log texts of one message, normalised, as a set of (program, text)."""
    return [(p, normal(t, m)) for p, t in m.events() if qid in t]


def test_log_lines(mta, debian):
    """Names, order within a program, punctuation of one message's lines."""
    ours, theirs = both(mta, debian, {"default_transport": "retry:4.3.2 later", "smtpd_reject_unlisted_recipient": "no"})
    lines = []
    for m in (ours, theirs):
        qid = m.send("from@test.example", ["alice@box.example", "x@slow.example"], "Subject: x\nMessage-Id: <m@x>\n\nhello\n")
        m.wait_log(rf"{qid}: to=<x@slow.example>.*deferred")
        m.wait_log(rf"{qid}: to=<alice@box.example>.*sent")
        local = m.sendmail("-f", "me@test.example", "alice@box.example")
        assert local.returncode == 0
        m.wait_log(r"cleanup\[\d+\]: \w+: message-id=", count=2 if m is theirs else 1)
        m.wait_log(r": removed", count=1)
        # The id is part of the Received: header, and ours is longer.
        lines.append(sorted(re.sub(r"size=(\d+)", lambda s: f"size={int(s[1]) - len(qid)}", t) for p, t in log_of(m, qid)))
        lines.append(sorted(normal(t, m) for p, t in m.events("pickup")))
        lines.append([normal(t, m) for p, t in m.events("smtpd") if t.startswith("disconnect")][-1:])
    assert lines[:3] == lines[3:]


def test_log_programs(mta, debian):
    """Who logs what: the program names of one message's lines agree, but for intake in smtpd's process."""
    ours, theirs = both(mta, debian)
    got = []
    for m in (ours, theirs):
        qid = m.send("from@test.example", "alice@box.example")
        m.wait_log(rf"{qid}: removed")
        got.append(sorted((p, t.split("=")[0]) for p, t in log_of(m, qid)))
    # smtpd does cleanup's work in its own process, and says so by its name.
    mapped = sorted(("smtpd" if p == "cleanup" else p, t) for p, t in got[1])
    assert sorted(("smtpd" if p == "cleanup" else p, t) for p, t in got[0]) == mapped


DIALOGUES = [
    ["HELO", "HELO x", "HELP me", "NOOP y", "RSET x", "RSET", "VRFY", "VRFY a@box.example", "ETRN", "ETRN x.example", "BOGUS", "", "QUIT"],
    ["EHLO", "MAIL FROM:<a@b.example>", "EHLO x", "MAIL FROM:<a@b.example>", "MAIL FROM:<c@b.example>", "RCPT TO:<alice@box.example>",
     "RCPT TO:<nobody@box.example>", "RCPT TO:<>", "RCPT TO:<x@y@z>", "RCPT", "DATA x", "DATA", b"Subject: x\r\n\r\nhi\r\n.\r\n", "QUIT"],
    ["EHLO x", "RCPT TO:<alice@box.example>", "DATA", "MAIL", "MAIL TO:<x>", "MAIL FROM:", "MAIL FROM:<>", "DATA", "RSET",
     "MAIL FROM:<a@b> SIZE=x", "MAIL FROM:<a@b> SIZE=99999999999", "RSET", "MAIL FROM:<a@b> BODY=BINARY", "MAIL FROM:<a@b> FOO=bar",
     "MAIL FROM:<a@b> RET=ALL", "MAIL FROM:<a@b> ENVID=+zz", "QUIT"],
    ["EHLO x", "MAIL FROM:<a@b.example> BODY=8BITMIME SIZE=100 RET=HDRS ENVID=abc", "RCPT TO:<alice@box.example> NOTIFY=BOTH",
     "RCPT TO:<alice@box.example> NOTIFY=NEVER,SUCCESS", "RCPT TO:<alice@box.example> ORCPT=x", "RCPT TO:<alice@box.example> FOO",
     "RCPT TO:<alice@box.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;alice@box.example", "QUIT"],
    ["EHLO x", "MAIL FROM:<a@b.example>", "RCPT TO:<alice@box.example>", b"BDAT 12\r\nSubject: x\r\n", "DATA",
     "RCPT TO:<bob@box.example>", b"BDAT 5 LAST\r\n\r\nhi\n", "BDAT x"],
    ["EHLO x", "MAIL FROM: a@b.example", "RCPT TO: alice@box.example", "RCPT TO:<@relay,@other:bob@box.example>",
     "RCPT TO:<\"al\\ice\"@box.example>", "RCPT TO:<alice@[127.0.0.1]>", "RCPT TO:<postmaster>", "RCPT TO:alice@box.example junk", "QUIT"],
    ["GET / HTTP/1.0"],
    ["EHLO x", "STARTTLS", "AUTH PLAIN", "XCLIENT NAME=x", "XFORWARD NAME=x", "TURN", "EXPN x", "QUIT"],
]


def test_replies(mta, debian):
    """The same commands, the same replies."""
    ours, theirs = both(mta, debian, {"smtpd_helo_required": "yes"})
    for lines in DIALOGUES:
        a = [normal(r, ours) for r in ours.dialogue(lines)]
        b = [normal(r, theirs) for r in theirs.dialogue(lines)]
        for line, x, y in zip(["(greeting)", *lines], a, b, strict=False):
            if line == "HELP me":  # 3.9 and later; Debian's is 3.7
                assert x.startswith("214 2.0.0 Commands: ")
                continue
            assert x == y, (line, x, y)
        assert len(a) == len(b)


def test_bounce_structure(mta, debian):
    ours, theirs = both(mta, debian, {"default_transport": "error:5.1.2 no such domain", "smtpd_reject_unlisted_recipient": "no"})
    out = []
    for m in (ours, theirs):
        m.send("alice@box.example", "x@gone.example", "Subject: original\nMessage-Id: <o@x>\n\nbody\n")
        wait_until(lambda m=m: mailboxes.maildir(m.dir, "alice"), "the notice")
        text = normal(next((m.dir / "mail/alice/new").iterdir()).read_text(), m)
        # The wording between the first part's header and the recipient paragraph is each one's own.
        out.append(re.sub(r"(Content-Transfer-Encoding: 8bit\n\n)This is .*?(\n<x@gone)", r"\1WORDS\2", text, count=1, flags=re.S))
    assert out[0] == out[1]


def queue_file(m, sender, rcpts, text, **kw):
    qid = m.send(sender, rcpts, text, **kw)
    m.wait_log(rf"{qid}: to=<.*status=deferred", count=len(rcpts))
    return qid, wait_until(lambda: next(iter((m.queue / "deferred").rglob(qid)), None), "the message is in the deferred queue")


def test_queue_files(mta, debian):
    """Queue files of both are read by both postcat programs, and hold the same records."""
    conf = {"default_transport": "retry:4.3.2 later", "smtpd_reject_unlisted_recipient": "no"}
    ours, theirs = both(mta, debian, conf, boxes=False)
    text = "Subject: queue file\nFrom: me\nTo: x@a.example\n\nline\n" + "y" * 5000 + "\n\nend\n"
    rcpts = ["x@a.example", "\"q r\"@b.example", "z+ext@c.example"]
    prints = {}
    for m in (ours, theirs):
        qid, path = queue_file(m, "s@test.example", rcpts, text, mail_options=["BODY=8BITMIME", "ENVID=e1", "RET=HDRS"])
        for reader in (Instance, DebianPostfix):
            p = subprocess.run([str(reader.commands / "postcat"), "-c", str(m.config), "-oed", str(path)], capture_output=True,
                               text=True, timeout=30)
            assert p.returncode == 0, p.stderr
            out = normal(p.stdout, m)
            out = re.sub(r"(time|size|PORT|_port|mode|Time|offset)\S*[:=] .*|\d{9,}|client_port=\d+", r"\1", out)
            prints[(m.kind, reader.kind)] = re.sub(r"^ *\d+ ", "", out, flags=re.M)
        raw = subprocess.run([str(DebianPostfix.commands / "postcat"), "-c", str(m.config), "-bh", str(path)], capture_output=True,
                             text=True, timeout=30).stdout
        prints[(m.kind, "content")] = normal(raw, m)
    assert prints[("postroad", "content")] == prints[("Debian's Postfix", "content")]
    # One file, two readers.
    for kind in ("postroad", "Debian's Postfix"):
        assert prints[(kind, "postroad")] == prints[(kind, "Debian's Postfix")]


def test_take_over_queue(mta, debian, smtp_sink):
    """A queue that Postfix left is delivered by us, and the other way round."""
    sink = smtp_sink()
    for first, second in ((debian, mta), (mta, debian)):
        a = first({"relayhost": sink.nexthop, "defer_transports": "smtp"})
        qid = a.send("s@test.example", ["x@a.example", "y@b.example"])
        a.wait_log(rf"{qid}: .*deferred", count=2)
        a.stop()
        b = second({"relayhost": sink.nexthop}, start=False)
        b.setting(queue_directory=a.queue)
        before = len(sink.messages)
        # Debian's postsuper gives a file of ours, which is named by the journal, its inode's name, and logs that itself.
        b.log_path.touch()
        shutil.chown(b.log_path, b.owner()[0])
        b.run("postfix", "-c", b.config, "start")
        b.started = True
        b.run("postqueue", "-c", b.config, "-f")
        wait_until(lambda: sorted(t for g in sink.messages[before:] for t in g["to"]) == ["x@a.example", "y@b.example"],
                   f"{b.kind} delivers what {a.kind} left")
        b.wait_log(rf"{qid}: removed" if b.kind == "postroad" else r"\w+: removed")
        b.stop()

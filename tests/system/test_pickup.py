# SPDX-License-Identifier: Apache-2.0
"""pickup, ours and Debian's, with the same files in the maildrop and the same cleanup behind it.

The test plays master and cleanup: what cleanup is sent, what is logged, and which files are left is
compared.
"""

import os
import pwd
import re
import shutil
import socket
import threading
import time

import pytest

import instance
from agent import Agent, read_list, record
from instance import wait_until

pytestmark = [pytest.mark.root, pytest.mark.skipif(not instance.DebianPostfix.available(), reason="needs root and Debian's")]

OWNER, NOBODY = "postfix", "nobody"
GOOD = [("T", "NOW 5"), ("S", "s@x"), ("R", "r@y"), ("M", ""), ("N", "Subject: x"), ("N", ""), ("N", "b"), ("X", ""), ("E", "")]


def image(records):
    return b"".join(record(k, d.replace("NOW", str(int(time.time()))) if isinstance(d, str) else d) for k, d in records)


class Pickup(Agent):
    def __init__(self, kind, **conf):
        self.answers, self.posted, self.blocked = [], [], False
        super().__init__("pickup", kind, conf=conf, args=("-l", "-m", "1000000"))
        (self.queue / "maildrop").mkdir()
        shutil.chown(self.queue / "maildrop", OWNER, "postdrop")
        (self.queue / "maildrop").chmod(0o730)
        self._play_cleanup()

    def _play_cleanup(self):
        path = self.queue / "public/cleanup"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen(10)
        path.chmod(0o666)

        def one(f):
            flags, records = read_list(f), []
            while kind := f.read(1):
                length = shift = 0
                while True:
                    b = f.read(1)[0]
                    length |= (b & 127) << shift
                    shift += 7
                    if b < 128:
                        break
                records.append((kind.decode(), f.read(length).decode("latin-1")))
                if kind == b"E":
                    break
            return dict(flags or []).get("flags"), records

        def run():
            while True:
                c, _ = listener.accept()
                with c, c.makefile("rb") as f:
                    c.sendall(b"protocol\0cleanup_protocol\0queue_id\0NEW1\0\0")
                    got = one(f)
                    self.posted.append(got)
                    status = self.answers.pop(0) if self.answers else 0
                    if got[1] and got[1][-1][0] == "E" and status is not None:
                        c.sendall(b"status\0%d\0reason\0\0\0" % status)
        threading.Thread(target=run, daemon=True).start()

    def put(self, records, name="AAAA1", owner=NOBODY, mode=0o744):
        p = self.queue / "maildrop" / name
        t = p.with_name("1." + name)
        t.write_bytes(records if isinstance(records, bytes) else image(records))
        shutil.chown(t, owner)
        t.rename(p)
        p.chmod(mode)
        return p

    def trigger(self):
        """One round, to its end: the second trigger is not read before the first was done."""
        for _ in range(2):
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(instance.DEADLINE)
            s.connect(str(self.path))
            s.sendall(b"W")
            while s.recv(10) not in (b"",):
                s.shutdown(socket.SHUT_WR)
            s.close()
        self.settle()

    def settle(self):
        """What was logged so far has arrived."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.sendto(b"x]: marker", str(self.log_path))
        wait_until(lambda: "marker" in self.lines, "the log arrives")
        self.lines.remove("marker")

    def result(self):
        """What was posted and logged since the last call, and the names that are left."""
        posted, lines = list(self.posted), list(self.lines)
        self.posted.clear()
        self.lines.clear()
        left = sorted(p.name for p in (self.queue / "maildrop").iterdir())
        for p in (self.queue / "maildrop").iterdir():
            p.unlink() if not p.is_dir() or p.is_symlink() else p.rmdir()
        return [(f, [self.mask(k, d) for k, d in r]) for f, r in posted], [self.mask("", x) for x in lines], left

    @staticmethod
    def mask(kind, data):
        data = re.sub(r"\b1[67]\d{8}\b", "STAMP", data)
        data = re.sub(r"\d\d? \w\w\w 20\d\d \d\d:\d\d:\d\d [-+]\d{4} \(\w+\)", "DATE", data)
        data = re.sub(r"^(\tid NEW1; \w+,) +DATE", r"\1 DATE", data).replace("(Postroad,", "(Postfix,")
        return kind + data


@pytest.fixture(scope="module")
def pair():
    made = [Pickup(kind) for kind in ("postroad", "debian")]
    yield made
    for p in made:
        p.destroy()


def both(pair, prepare, answers=()):
    """(ours, Debian's): posted messages that were ended, log lines, names left."""
    out = []
    for p in pair:
        p.answers = list(answers)
        prepare(p)
        p.trigger()
        posted, lines, left = p.result()
        out.append(([x for x in posted if x[1] and x[1][-1] == "E"], lines, left))
    return out


def with_env(*extra):
    return GOOD[:2] + list(extra) + GOOD[2:]


def with_text(*extra):
    return GOOD[:4] + list(extra) + GOOD[4:]


def with_ext(*extra):
    return GOOD[:8] + list(extra) + GOOD[8:]


EVERY = "CTcFILSDRO/WVA>K<ionMXNwpPrefdmE"
FILES = {
    "good": GOOD, "no time": GOOD[1:], "no recipient": GOOD[:2] + GOOD[3:], "no sender": GOOD[:1] + GOOD[2:],
    "empty sender": [GOOD[0], ("S", "")] + GOOD[2:], "odd sender": [GOOD[0], ("S", 'a b"c@x')] + GOOD[2:],
    "long sender": [GOOD[0], ("S", "x" * 900)] + GOOD[2:], "control characters": [GOOD[0], ("S", "a\tb\x01\nc")] + GOOD[2:],
    "8 bit sender": [GOOD[0], ("S", "\u00e4@x")] + GOOD[2:],
    "nothing": [], "no M": GOOD[:3], "no X": GOOD[:7], "no E": GOOD[:8], "E after M": GOOD[:4] + GOOD[8:],
    "after E": GOOD + [("S", "t@x"), ("N", "z")], "empty text": GOOD[:4] + GOOD[7:], "first line folded": with_text(("N", " x")),
    "first line a tab": with_text(("N", "\tx")), "first piece folded": with_text(("L", " x")), "second line folded": with_text(("N", "a:"), ("N", " b")),
    "first line empty": with_text(("N", "")), "padding first": with_text(("w", " "), ("N", " x")),
    "piece": with_text(("L", "x" * 2000), ("N", "y")), "future": [("T", "9999999999 1")] + GOOD[1:], "old": [("T", "1600000000 1")] + GOOD[1:],
    "one hour ahead": [("T", str(int(time.time()) + 3600))] + GOOD[1:], "time 0": [("T", "0")] + GOOD[1:], "no number": [("T", "x")] + GOOD[1:],
    "two times": GOOD[:1] + [("T", "NOW 6")] + GOOD[1:], "two senders": GOOD[:2] + [("S", "t@x")] + GOOD[2:],
    "attributes": with_env(*[("A", x) for x in ("encoding=8bit", "rewrite_context=local", "client_name=x", "log_ident=y", "nonsense", "a=b=c", "=x")]),
    "attributes at the end": with_ext(*[("A", x + "=1") for x in (
        "dsn_orig_rcpt", "notify_flags", "create_time", "message_id", "encoding", "envelope_id", "ret_flags", "rewrite_context", "log_ident",
        "client_name", "client_address", "smtputf8", "trace_flags", "sasl_username", "nonsense")], ("R", "q@y")),
    "pointers": with_text(("p", "0")), "full": [
        ("C", "            100             100               1               0             100               0"), ("T", "NOW 5"),
        ("A", "create_time=1700000000"), ("L", "smtp:[x]"), (">", "redirect@x"), ("A", "log_ident=x"), ("A", "rewrite_context=remote"),
        ("A", "client_name=x"), ("F", "Full"), ("S", "s@x"), ("W", "            900"), ("A", "dsn_orig_rcpt=rfc822;a"), ("A", "notify_flags=3"),
        ("O", "a"), ("D", "a@y"), ("O", "b"), ("R", "b@y"), ("O", "c"), ("/", "c@y"), ("K", "gone"), ("p", "            0000"), ("M", ""),
        ("N", "x: y"), ("X", ""), ("L", "smtp:[z]"), (">", "q@z"), ("A", "message_id=x"), ("A", "encoding=7bit"), ("r", "x"), ("e", "x"),
        ("R", "e@y"), ("E", "")],
}
FILES.update({f"{k} in the envelope": with_env((k, "1")) for k in EVERY})
FILES.update({f"{k} in the text": with_text((k, "1")) for k in EVERY})
FILES.update({f"{k} at the end": with_ext((k, "1")) for k in EVERY})
RAW = {"garbage": b"\xff" * 1000, "zeros": b"\0" * 1000, "cut": image(GOOD)[:-5], "cut in a length": b"T\xff", "empty": b"", "text": b"From x\n\nhello\n",
       "type 0": image(GOOD[:3]) + b"\0\0" + image(GOOD[3:]), "long length": image(GOOD[:3]) + b"R\xff\xff\xff\xff\x01x"}


@pytest.mark.parametrize("requeued", [False, True], ids=["new", "requeued"])
@pytest.mark.parametrize("names", [[n for n in FILES if " in the " not in n and " at the end" not in n], *(
    [n for n in FILES if n.endswith(" " + p)] for p in ("in the envelope", "in the text", "at the end")), list(RAW)],
    ids=["files", "envelope", "text", "end", "raw"])
def test_files(pair, names, requeued):
    kw = dict(owner=OWNER, mode=0o700) if requeued else {}
    for name in names:
        content = FILES[name] if name in FILES else RAW[name]
        ours, debian = both(pair, lambda p: p.put(content, **kw))
        if name in ("type 0", "zeros"):  # 3.7 takes it for a record and may pass it on
            assert not ours[0] and any("malformed record type" in x for x in ours[1]) and ours[2] == []
            continue
        if name == "A at the end":  # no attribute: 3.7 passes it on
            ours[0].clear(), debian[0].clear()
        for r in (ours, debian):
            # What is wrong with the form of a record, in other words.
            r[1][:] = [re.sub(r"(warning: maildrop/AAAA1: ).*", r"\1malformed", x) for x in r[1]]
        assert ours == debian, name
        assert ours[2] == []


def test_record_size(pair):
    """A user's record is as long as line_length_limit at most; a queue file may be older than the limit."""
    for n in (2048, 2049, 3000000):
        for content in (with_env(("R", "x" * n)), with_text(("N", "x" * n))):
            ours, debian = both(pair, lambda p: p.put(content))
            assert (bool(ours[0]), ours[2]) == (bool(debian[0]), []) == (n == 2048, debian[2])
            ours, _ = both(pair, lambda p: p.put(content, owner=OWNER, mode=0o700))
            assert bool(ours[0])


@pytest.mark.parametrize("status", [1, 2, 4, 8, 16, 64, 65, 128, 256, 512, 65536])
def test_refused_by_cleanup(pair, status):
    """What is wrong with the message itself is the end of it; else it waits for the next round."""
    ours, debian = both(pair, lambda p: p.put(GOOD), [status] * 4)
    assert ours == debian
    assert ours[2] == ([] if status in (1, 64, 65) else ["AAAA1"])


def test_no_answer_of_cleanup(pair):
    """Nobody knows what became of it: it is kept."""
    for answer in (None, 3):
        (ours, _), _ = both(pair, lambda p: p.put(GOOD), [answer] * 4)[0][:2], None
        assert len(ours) == 2
    ours, debian = both(pair, lambda p: p.put(GOOD), [None] * 4)
    assert ours[0] == debian[0] and ours[2] == debian[2] == ["AAAA1"]


def drop(p):
    return p.queue / "maildrop"


def bind(p):
    s = socket.socket(socket.AF_UNIX)
    s.bind(str(drop(p) / "AAAA1"))
    s.close()


KINDS = {
    "symlink": lambda p: (drop(p) / "AAAA1").symlink_to("/etc/passwd"), "dangling": lambda p: (drop(p) / "AAAA1").symlink_to("/nonexistent"),
    "symlink to a message": lambda p: (p.put(GOOD, "1.x"), (drop(p) / "AAAA1").symlink_to(drop(p) / "1.x")),
    "fifo": lambda p: (os.mkfifo(drop(p) / "AAAA1"), (drop(p) / "AAAA1").chmod(0o777)), "socket": bind,
    "device": lambda p: (os.mknod(drop(p) / "AAAA1", 0o20777, os.makedev(1, 3)), (drop(p) / "AAAA1").chmod(0o777)),
    "hard link": lambda p: (p.put(GOOD), os.link(drop(p) / "AAAA1", drop(p) / "2.x")),
    "two names": lambda p: (p.put(GOOD), os.link(drop(p) / "AAAA1", drop(p) / "AAAA2")),
    "not ready": lambda p: p.put(GOOD, mode=0o644), "hidden, not ready": lambda p: p.put(GOOD, mode=0o600), "no mode": lambda p: p.put(GOOD, mode=0),
    "set-uid": lambda p: p.put(GOOD, mode=0o4744), "set-uid, set-gid": lambda p: p.put(GOOD, mode=0o6777), "0777": lambda p: p.put(GOOD, mode=0o777),
    "corrupt": lambda p: p.put(GOOD, mode=0o400, owner=OWNER), "of the owner": lambda p: p.put(GOOD, mode=0o744, owner=OWNER),
    "of the owner, requeued": lambda p: p.put(GOOD, mode=0o740, owner=OWNER), "of root": lambda p: p.put(GOOD, owner="root"),
    "bad name": lambda p: p.put(GOOD, "AA-1"), "dot": lambda p: p.put(GOOD, ".AA"), "underscore": lambda p: p.put(GOOD, "AA_1"),
    "long name": lambda p: p.put(GOOD, "A" * 250), "two": lambda p: (p.put(GOOD), p.put(GOOD, "AAAA2")),
    "future": lambda p: os.utime(p.put(GOOD), (int(time.time()) + 10000,) * 2), "old": lambda p: os.utime(p.put(GOOD), (int(time.time()) - 200000,) * 2),
    "a little ahead": lambda p: os.utime(p.put(GOOD), (int(time.time()) + 7000,) * 2),
    "future, requeued": lambda p: os.utime(p.put(GOOD, owner=OWNER, mode=0o700), (int(time.time()) + 10000,) * 2),
    "directory": lambda p: (drop(p) / "AAAA1").mkdir(0o755), "closed directory": lambda p: (drop(p) / "AAAA1").mkdir(0o600),
    "directory of one letter": lambda p: (drop(p) / "A").mkdir(0o700),
    "old, no time": lambda p: os.utime(p.put(GOOD[1:]), (int(time.time()) - 200000,) * 2),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds(pair, kind):
    """Names that are not what they should be (threats X3): the same is taken, removed and said."""
    ours, debian = both(pair, KINDS[kind])
    for r in (ours, debian):
        r[1][:] = [re.sub(r"1000\d|9999", "10000", x) for x in r[1]]
    if kind in ("two names", "two"):
        ours, debian = ((r[0], sorted(re.sub(r"AAAA\d", "N", x) for x in r[1]), r[2]) for r in (ours, debian))
    assert ours == debian
    assert not any("root:" in str(x) for x in ours[0])


def test_unreadable(pair):
    """A file that cannot be read stays, and is complained about."""
    for owner in (NOBODY, "root"):
        ours, debian = both(pair, lambda p: p.put(GOOD, owner=owner, mode=0o700))
        words = "warning: open input file maildrop/AAAA1: cannot open file: Permission denied"
        assert words in ours[1] and words in debian[1] and ours[2] == debian[2] == ["AAAA1"] and not ours[0]


SETTINGS = [
    {"content_filter": "smtp:[x]:25"}, {"receive_override_options": "no_address_mappings"},
    {"receive_override_options": "no_header_body_checks"}, {"receive_override_options": "no_milters, no_unknown_recipient_checks"},
    {"receive_override_options": "no_address_mappings,no_header_body_checks,no_milters"}, {"smtputf8_autodetect_classes": "all"},
    {"smtputf8_autodetect_classes": "verify"}, {"smtputf8_enable": "no"}, {"info_log_address_format": "internal"},
    {"myhostname": "other.host", "mail_name": "Mailer"},
]


@pytest.mark.parametrize("conf", SETTINGS, ids=str)
def test_settings(conf):
    made = [Pickup(kind, **conf) for kind in ("postroad", "debian")]
    try:
        for kw in ({}, dict(owner=OWNER, mode=0o700)):
            ours, debian = both(made, lambda p: p.put([GOOD[0], ("S", "a b@x")] + GOOD[2:], **kw))
            assert ours == debian
            assert ours[0]
    finally:
        for p in made:
            p.destroy()


@pytest.mark.parametrize("conf", [{"receive_override_options": "bogus"}, {"smtputf8_autodetect_classes": "sendmail, bogus"}], ids=str)
def test_bad_settings(conf):
    (name, value), = conf.items()
    for kind in ("postroad", "debian"):
        p = Pickup(kind, **conf)
        try:
            p.put(GOOD)
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(str(p.path))
                s.sendall(b"W")
                wait_until(lambda: any(re.search(rf'fatal: .*unknown {name} value "bogus"', x) for x in p.lines), str(p.lines))
            assert (drop(p) / "AAAA1").exists()
        finally:
            p.destroy()


def test_no_cleanup():
    """Without cleanup everything waits."""
    p = Pickup("postroad", cleanup_service_name="nothing")
    try:
        p.put(GOOD)
        p.trigger()
        assert p.result()[2] == ["AAAA1"]
    finally:
        p.destroy()

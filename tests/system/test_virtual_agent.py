# SPDX-License-Identifier: Apache-2.0
"""virtual(8) by itself: requests put to ours and to Debian's, without master and queue manager.

What is expected of both is written once; where ours differs the test says so. Races and injected
faults are named after the threats they answer (X3, X4, L1, F4, F12).
"""

import contextlib
import fcntl
import os
import pathlib
import re
import shutil
import socket
import subprocess
import threading
import time

import pytest

import agent
from agent import Agent, Rcpt
from instance import DebianPostfix, wait_until

ROOT = os.geteuid() == 0
UID = 2000 if ROOT else os.geteuid()
GID = 2000 if ROOT else os.getegid()
SENT, DEFERRED, BOUNCED = "sent", "deferred", "bounced"
CONFIG_ERROR = "4.3.5", DEFERRED, "mail system configuration error"
SIDES = ["postroad", pytest.param("debian", marks=pytest.mark.root)]


def own(path, uid=UID, gid=GID):
    if ROOT:
        os.chown(path, uid, gid, follow_symlinks=False)


@pytest.fixture
def base(workdir):
    base = workdir / "base"
    base.mkdir()
    own(base)
    return base


def maker(kind, base):
    """A function that starts virtual with settings of main.cf, and what it has made."""
    if kind == "debian" and not DebianPostfix.available():
        pytest.skip("Debian's Postfix is not installed")
    made = []

    def make(**conf):
        a = Agent("virtual", kind, {
            "virtual_mailbox_base": base, "virtual_mailbox_maps": "regexp:{{!/@nobody/ box}}",
            "virtual_uid_maps": f"static:{UID}", "virtual_gid_maps": f"static:{GID}", "recipient_delimiter": "+",
            "deliver_lock_attempts": "1", "virtual_mailbox_lock": "fcntl, dotlock", **conf})
        made.append(a)
        return a
    return make, made


@pytest.fixture(params=SIDES)
def virtual(request, base):
    make, made = maker(request.param, base)
    yield make
    for a in made:
        a.destroy()


@pytest.fixture
def ours(base):
    make, made = maker("postroad", base)
    yield make
    for a in made:
        a.destroy()


def deliver(a, *recipients, **kw):
    """What became of each recipient: (dsn, status, text); what qmgr is told and the marks agree with it."""
    r = a.deliver(list(recipients), "v.test", flags=3, **kw)
    assert r.answer is not None, a.lines
    out = [m.groups() for m in (re.search(r"dsn=(\S+), status=(\w+) \((.*)\)$", x) for x in r.log) if m]
    assert len(out) == len(recipients), r
    assert r.done == all(status != DEFERRED for _, status, _ in out)
    assert r.marks == "".join("R" if status == DEFERRED else "D" for _, status, _ in out)
    told = [s for s, _ in r.told]
    assert told == [{BOUNCED: "bounce", DEFERRED: "defer"}[status] for _, status, _ in out if status != SENT]
    return out


def one(a, recipient="u@v.test", **kw):
    return deliver(a, recipient, **kw)[0]


def stored(directory):
    """Contents of the files in new/ of a Maildir."""
    return [p.read_text("latin-1") for p in sorted((directory / "new").iterdir())]


def failed(base, name, text):
    return f"delivery failed to mailbox {base}/{name}: {text}"


# ---- finding ----

MAPS = """u@v.test user/
u+e@w.test with/
u@w.test without/
@v.test domain/
"q q"@v.test quoted/
@w.test last/
slash@v.test /abs/
"""
FOUND = {"u@v.test": "user", "U@V.Test": "user", "u+e@v.test": "user", "u+e+f@v.test": "user", "u+@v.test": "user", "+u@v.test": "domain",
         "w+e@v.test": "domain", "u+e@w.test": "with", "U+E@W.test": "with", "u+f@w.test": "without", "x@w.test": "last",
         "q q@v.test": "quoted", "q q+e@v.test": "quoted", "slash@v.test": "abs",
         "a@b@v.test": "domain", "x@p.test": "pattern", "y@p.test": "second", "y+e@p.test": "third"}


def test_lookup_order(virtual, base):
    """With the extension, without it, the domain; each form in all tables; pattern tables once, with the whole address."""
    (base.parent / "maps").write_text(MAPS)
    (base.parent / "pcre").write_text("/^x@p\\.test$/ pattern/\n/^y\\+e@p\\.test$/ third/\n/^@/ never/\n/^y@p\\.test$/ second/\n")
    a = virtual(virtual_mailbox_maps=f"texthash:{base.parent}/maps, pcre:{base.parent}/pcre")
    for rcpt, where in FOUND.items():
        before = len(stored(base / where)) if (base / where).exists() else 0
        assert one(a, rcpt) == ("2.0.0", SENT, "delivered to maildir"), rcpt
        assert len(stored(base / where)) == before + 1, rcpt
    for rcpt in "x+e@p.test", "z@p.test", "z@nowhere.test", "noat":
        assert one(a, rcpt) == ("5.1.1", BOUNCED, f'unknown user: "{rcpt}"')


def test_what_is_no_extension(virtual, base):
    """postmaster and the like are never split, owner-x and x-request not at "-" unless owner_request_special is off."""
    names = "u- owner-x x-request owner-x-e u-request-e postmaster-x mailer-daemon-x double-bounce-x sink-x -x".split()
    for special, conf in (True, {}), (False, {"owner_request_special": "no", "double_bounce_sender": "sink"}):
        maps = "".join(f"{n}@v.test split\n" for n in ("u", "owner", "x", "postmaster", "mailer-daemon", "double-bounce", "sink"))
        (base.parent / "maps").write_text(maps + "@v.test whole\n")
        a = virtual(virtual_mailbox_maps=f"texthash:{base.parent}/maps", recipient_delimiter="-", **conf)
        deliver(a, *(f"{n}@v.test" for n in names))
        got = set(re.findall("Delivered-To: (.*)@", (base / "split").read_text()))
        assert got == ({"u-", "u-request-e", "postmaster-x", "sink-x"} if special else
                       {"u-", "u-request-e", "owner-x", "owner-x-e", "x-request", "postmaster-x", "sink-x"}), special
        (base / "split").unlink()


def test_patterns_substitute_nothing(virtual, base):
    (base.parent / "re").write_text("/^(u)@v.test$/ $1\n/^(u)@v.test$/ x$(1)\n/^(w)/ a$$b\n")
    for kind in "regexp", "pcre":
        a = virtual(virtual_mailbox_maps=f"{kind}:{base.parent}/re")
        assert one(a)[1:] == (BOUNCED, 'unknown user: "u@v.test"')
        for line in 1, 2:
            assert (f"warning: {kind} map {base.parent}/re, line {line}: regular expression substitution is not allowed: "
                    "skipping this rule") in a.lines
        assert one(a, "w@v.test")[1] == SENT
    assert (base / "a$b").exists()


def test_proxy_is_taken_away(virtual, base):
    a = virtual(virtual_mailbox_maps="proxy:static:box", virtual_uid_maps=f"proxy:static:{UID}",
                virtual_gid_maps=f"proxy:static:{GID}")
    assert one(a)[1] == SENT


@pytest.mark.parametrize("table", ["texthash:/nonexistent", "lmdb:/nonexistent", "pcre:/nonexistent", "nosuch:/x", "fail:x",
                                   "tcp:localhost:1", "socketmap:inet:localhost:1:x"])
def test_tables_that_fail(virtual, table):
    """A lookup that fails defers: the user may well exist (F10)."""
    a = virtual(virtual_mailbox_maps=f"inline:{{{{known@v.test=box}}}}, {table}")
    assert one(a, "known@v.test")[1] == SENT
    assert one(a) == CONFIG_ERROR
    assert any(x.startswith(f'warning: {table} lookup error for "u@v.test"') for x in a.lines)
    if ROOT:
        for name in "virtual_uid_maps", "virtual_gid_maps":
            assert one(virtual(**{name: table})) == CONFIG_ERROR


@pytest.mark.root
def test_ids(virtual, base):
    """Plain numbers, uid at least virtual_minimum_uid, gid not 0."""
    values = {"ok": 2000, "zeros": "02000", "min": 150, "below": 149, "minus": -1, "hex": "0x7d0", "word": "abc"}
    table = "inline:{" + ", ".join(f"{k}@v.test={v}" for k, v in values.items()) + "}"
    a = virtual(virtual_uid_maps=table, virtual_minimum_uid="150")
    base.chmod(0o777)
    for name in "ok", "zeros":
        assert one(a, f"{name}@v.test")[1] == SENT
        assert (base / "box").stat().st_uid == 2000
    (base / "box").unlink()
    assert one(a, "min@v.test")[1] == SENT
    assert (base / "box").stat().st_uid == 150
    for name in "below", "minus", "hex", "word":
        assert one(a, f"{name}@v.test") == CONFIG_ERROR
        assert f"warning: recipient {name}@v.test: bad uid {values[name]} in virtual_uid_maps" in a.lines
    a = virtual(virtual_gid_maps="inline:{zero@v.test=0, one@v.test=1}")
    assert one(a, "zero@v.test") == CONFIG_ERROR
    (base / "box").unlink()
    assert one(a, "one@v.test")[1] == SENT
    assert (base / "box").stat().st_gid == 1
    a = virtual(virtual_uid_maps="static:4294967296")
    if a.kind == "postroad":  # Debian's takes it for 0 + 4294967296 = user 0 of the kernel, or dies
        assert one(a) == CONFIG_ERROR


@pytest.mark.parametrize("conf,text", [
    ({"virtual_mailbox_limit": "10000", "message_size_limit": "10001"},
     "configuration error: virtual_mailbox_limit is smaller than message_size_limit"),
    ({"virtual_mailbox_limit": "10000", "message_size_limit": "0"},
     "configuration error: virtual_mailbox_limit is limited but message_size_limit is unlimited"),
    ({"virtual_mailbox_base": "relative"}, "do not specify relative pathname: virtual_mailbox_base = relative"),
    ({"virtual_minimum_uid": "0"}, "invalid virtual_minimum_uid parameter value 0 < 1"),
    ({"virtual_mailbox_base": ""}, "bad string length 0 < 1: virtual_mailbox_base = "),
    ({"virtual_mailbox_lock": "fcntl, lockf"}, "unknown"),
])
def test_settings_that_are_refused(virtual, conf, text):
    a = virtual(**conf)
    with contextlib.suppress(AssertionError, OSError):
        a.deliver(["u@v.test"], "v.test", flags=3)
    wait_until(lambda: any(x.startswith("fatal: ") and text in x for x in a.lines), f"fatal: {text}\n{a.lines}")
    assert a.process.wait(10) == 1


# ---- what is written ----

LINES = ["Subject: x", "From here header", "", "From a", "from b", "From", ">From d", " From e", "From\tq", "", "x" * 5000, "a\rb", "nul\0x",
         "\u00e4", "end"]
TEXT = "\n".join(LINES).encode().decode("latin-1") + "\n"
SENDERS = {"s@x.test": "s@x.test", "": "", "a b@x.test": '"a b"@x.test', 'a"b@x.test': '"a\\"b"@x.test', "x y": '"x y"',
           "@r:a@b": "@r:a@b"}


def test_text(virtual, base):
    """Headers in their order, From_ line, quoting and the empty line of an mbox; nothing of that in a Maildir."""
    a = virtual(virtual_mailbox_maps="inline:{box@v.test=box, md@v.test=md/}")
    for sender, quoted in SENDERS.items():
        kw = {"sender": sender, "lines": LINES}
        assert deliver(a, Rcpt("box+x@v.test", "Orig q@x.test"), **kw) == [("2.0.0", SENT, "delivered to mailbox")]
        assert deliver(a, Rcpt("Md@v.test"), **kw) == [("2.0.0", SENT, "delivered to maildir")]
        text = (base / "box").read_bytes().decode("latin-1")
        first, rest = text.split("\n", 1)
        assert re.fullmatch(re.escape("From " + (quoted or "MAILER-DAEMON")) + r"  \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}", first)
        assert rest == (f'Return-Path: <{quoted}>\nX-Original-To: "Orig q"@x.test\nDelivered-To: box+x@v.test\n' +
                        re.sub("^From ", ">From ", TEXT, flags=re.M) + "\n")
        path, = (base / "md/new").iterdir()
        assert path.read_bytes().decode("latin-1") == f"Return-Path: <{quoted}>\nDelivered-To: Md@v.test\n{TEXT}"
        (base / "box").unlink()
        path.unlink()
    a = virtual(virtual_mailbox_maps="static:box", enable_original_recipient="no")
    deliver(a, Rcpt("box@v.test", "orig@x.test"), lines=[])
    assert "X-Original-To" not in (base / "box").read_text()


def test_delivered_to_is_no_loop(virtual, base):
    """L1: virtual forwards nothing, so a Delivered-To of the same address is no loop; aliases have their own guard."""
    a = virtual(virtual_mailbox_maps="static:box/")
    assert one(a, lines=["Delivered-To: u@v.test", "", "x"])[1] == SENT
    assert stored(base / "box")[0].count("Delivered-To: u@v.test\n") == 2


def test_probes(virtual, base):
    """Address verification and sendmail -bv: all that is looked up, nothing is written."""
    a = virtual(virtual_mailbox_maps="inline:{box@v.test=box, md@v.test=md/}")
    for flags, service in (256, "verify"), (512, "trace"):
        r = a.deliver(["box@v.test", "md@v.test", "no@v.test"], "v.test", flags=flags | 3)
        assert re.findall(r"status=.*", "\n".join(r.log)) == [
            "status=deliverable (delivers to mailbox)", "status=deliverable (delivers to maildir)",
            'status=undeliverable (unknown user: "no@v.test")']
        assert r.done and [s for s, _ in r.told] == [service] * 3
    assert not list(base.iterdir())


def test_notify(virtual):
    """Wanted reports of success go to trace."""
    a = virtual(virtual_mailbox_maps="static:box/")
    r = a.deliver([Rcpt("u@v.test", notify=2)], "v.test", flags=3)
    assert [(s, q["action"], q["reason"]) for s, q in r.told] == [("trace", "delivered", "delivery via virtual: delivered to maildir")]


# ---- recipients of one message ----

def test_each_recipient_has_its_own_result(virtual, base):
    """F12: what fails for one of several recipients is no matter of the others; nobody gets two."""
    (base / "adir").mkdir()
    own(base / "adir")
    a = virtual(virtual_mailbox_maps="inline:{a@v.test=a/, b@v.test=adir, c@v.test=c/, d@v.test=d}")
    assert [s for _, s, _ in deliver(a, "a@v.test", "b@v.test", "no@v.test", "c@v.test", "d@v.test")] == [
        SENT, DEFERRED, BOUNCED, SENT, SENT]
    assert len(stored(base / "a")) == len(stored(base / "c")) == 1
    # Several recipients with one mailbox each get their copy: duplicates are cleanup's business.
    deliver(a, Rcpt("a@v.test", "x@y"), Rcpt("a@v.test", "z@y"), "A@v.test")
    assert len(stored(base / "a")) == 4


def test_thousand_recipients(virtual, base):
    a = virtual(virtual_mailbox_maps="regexp:{{/^r[0-9]*@v.test/ box/}}")
    recipients = [f"r{n}@v.test" for n in range(1000)]
    r = a.deliver(recipients, "v.test", flags=3)
    assert r.done and r.marks == "D" * 1000
    texts = stored(base / "box")
    assert len(texts) == 1000
    assert {re.search("Delivered-To: (.*)", t).group(1) for t in texts} == set(recipients)


# ---- locks ----

HELD = {"fcntl": "unable to lock for exclusive access: Resource temporarily unavailable",
        "flock": "unable to lock for exclusive access: Resource temporarily unavailable",
        "dotlock": "unable to create lock file {}.lock: File exists"}


@contextlib.contextmanager
def locked(path, how):
    with open(path, "a") as f:
        own(path)
        if how == "fcntl":
            fcntl.lockf(f, fcntl.LOCK_EX)
        elif how == "flock":
            fcntl.flock(f, fcntl.LOCK_EX)
        else:
            pathlib.Path(f"{path}.lock").write_text("")
        yield f
    if how == "dotlock":
        pathlib.Path(f"{path}.lock").unlink(missing_ok=True)


@pytest.mark.parametrize("methods", ["fcntl", "flock", "dotlock", "fcntl, dotlock", "flock,fcntl", "dotlock flock fcntl"])
def test_lock_methods(virtual, base, methods):
    a = virtual(virtual_mailbox_lock=methods)
    for how, text in HELD.items():
        with locked(base / "box", how):
            got = one(a)
            if how in re.split("[, ]+", methods):
                assert got == ("4.2.0", DEFERRED, failed(base, "box", text.format(base / "box")))
            else:
                assert got[1] == SENT
        assert one(a)[1] == SENT
        assert how == "dotlock" or not (base / "box.lock").exists()


def is_waiting(pid):
    """Sleeps in the middle of a delivery: between two attempts to lock."""
    try:
        held = [os.readlink(p) for p in pathlib.Path(f"/proc/{pid}/fd").iterdir()]
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state == "S" and any("/active/" in p for p in held)


@contextlib.contextmanager
def waiting_for(a, base, how, recipient="u@v.test"):
    """A delivery that waits for a lock on box; its result is the one element of the list when the block has ended."""
    result = []
    with locked(base / "box", how) as held:
        t = threading.Thread(target=lambda: result.append(one(a, recipient)))
        t.start()
        for _ in range(3):
            wait_until(lambda: is_waiting(a.process.pid), "virtual waits for the lock")
        yield result, held
    t.join()


@pytest.mark.parametrize("how", HELD)
def test_lock_that_is_released(virtual, base, how):
    """Attempts and delay: who lets go in time does not stop the mail."""
    a = virtual(virtual_mailbox_lock=how, deliver_lock_attempts="100", deliver_lock_delay="1s")
    with waiting_for(a, base, how) as (result, _):
        assert (base / "box").stat().st_size == 0
        if ROOT:  # as the recipient for the write, and only then
            ids = dict(x.split(":", 1) for x in pathlib.Path(f"/proc/{a.process.pid}/status").read_text().splitlines())
            assert ids["Uid"].split()[:3] == ["0", str(UID), "0"] and ids["Gid"].split()[:3] == ["0", str(GID), "0"]
            assert ids["Groups"].split() == [str(GID)]
    assert result == [("2.0.0", SENT, "delivered to mailbox")]
    if ROOT and a.kind == "postroad":  # Debian's is the mail owner between deliveries
        ids = dict(x.split(":", 1) for x in pathlib.Path(f"/proc/{a.process.pid}/status").read_text().splitlines())
        assert ids["Uid"].split() == ["0"] * 4 and ids["Gid"].split() == ["0"] * 4


def test_stale_lock_file(virtual, base):
    """By the time of the last change of the inode (ctime), which nobody can set; not with a single attempt."""
    lock = base / "box.lock"
    conf = {"virtual_mailbox_lock": "dotlock", "deliver_lock_delay": "1s"}
    busy = "4.2.0", DEFERRED, failed(base, "box", HELD["dotlock"].format(base / "box"))
    a = virtual(**conf, deliver_lock_attempts="2", stale_lock_time="1000s")
    lock.write_text("")
    os.utime(lock, (1, 1))
    assert one(a) == busy
    os.utime(lock, (time.time() + 1000,) * 2)
    changed = lock.stat().st_ctime
    wait_until(lambda: time.time() > changed + 2, "the lock file is older than a second")
    assert one(virtual(**conf, deliver_lock_attempts="1", stale_lock_time="1s")) == busy
    assert one(virtual(**conf, deliver_lock_attempts="2", stale_lock_time="1s"))[1] == SENT
    assert not lock.exists() and [p.name for p in base.iterdir()] == ["box"]


@pytest.mark.parametrize("what,text", [("moved", "file was moved away: No such file or directory"),
                                       ("replaced", "file was replaced while waiting for a lock"),
                                       ("linked", "file has 2 hard links")])
def test_mailbox_that_is_gone_when_locked(ours, base, what, text):
    """X4: mail is not written to a file that meanwhile has another name, or none."""
    a = ours(virtual_mailbox_lock="fcntl", deliver_lock_attempts="100", deliver_lock_delay="1s")
    with waiting_for(a, base, "fcntl") as (result, held):
        if what == "linked":
            os.link(base / "box", base / "other")
        else:
            (base / "box").rename(base / "other")
        if what == "replaced":
            (base / "box").write_text("")
            own(base / "box")
    assert result == [("4.2.0", DEFERRED, failed(base, "box", text))]
    assert (base / "other").stat().st_size == 0
    if what == "linked":
        (base / "other").unlink()
    assert one(a)[1] == SENT


# ---- races and links ----

class Swapper(threading.Thread):
    """Changes what a name stands for as fast as it can."""

    def __init__(self, path, makers):
        super().__init__(daemon=True)
        self.path, self.makers, self.running, self.turns = path, makers, True, 0
        self.start()

    def run(self):
        spare = self.path.with_name("spare")
        while self.running:
            self.makers[self.turns % len(self.makers)](spare)
            os.rename(spare, self.path)
            self.turns += 1

    def stop(self):
        self.running = False
        self.join()


def regular(path):
    path.write_text("")
    own(path)


def test_links_are_not_followed(virtual, base):
    """X3, X4: a name that turns from a file into a symbolic or hard link and back never leads to the victim."""
    victim = base.parent / "victim"
    victim.write_text("untouched")
    own(victim)
    mine = base / "mine"
    mine.write_text("untouched")
    own(mine)
    a = virtual(virtual_mailbox_lock="fcntl")

    def link(path):
        path.unlink(missing_ok=True)
        path.symlink_to(victim)

    def hard(path):
        path.unlink(missing_ok=True)
        os.link(mine, path)
    swapper = Swapper(base / "box", [regular, link, regular, hard])
    try:
        seen = {one(a)[2] for _ in range(60)}
    finally:
        swapper.stop()
    assert swapper.turns > 60
    assert victim.read_text() == mine.read_text() == "untouched"
    if a.kind == "postroad":
        assert seen <= {"delivered to mailbox"} | {failed(base, "box", x) for x in (
            "file is a symbolic link", "file has 2 hard links", "file has 0 hard links", "file was replaced while waiting for a lock",
            "cannot open file: Too many levels of symbolic links", "file was moved away: No such file or directory")}


@pytest.mark.root
def test_foreign_directories(virtual, base):
    """X3, X4: as the recipient, so not into what others own, by whatever link."""
    closed = base.parent / "closed"
    for d in closed, closed / "tmp", closed / "new", closed / "cur":
        d.mkdir()
    (closed / "box").write_text("untouched")
    (base / "md").symlink_to(closed)
    (base / "way").symlink_to(closed)
    a = virtual(virtual_mailbox_maps="inline:{md@v.test=md/, box@v.test=way/box}", virtual_mailbox_lock="fcntl")
    dsn, status, text = one(a, "md@v.test")
    assert (dsn, status) == ("4.2.0", DEFERRED) and text.endswith(": Permission denied")
    assert "warning: perhaps you need to create the maildirs in advance" in a.lines
    assert one(a, "box@v.test") == ("4.2.0", DEFERRED, failed(base, "way/box", "cannot open file: Permission denied"))
    assert (closed / "box").read_text() == "untouched" and not list(closed.glob("*/*"))


@pytest.mark.root
def test_maildir_that_cannot_be_made(virtual, base):
    (base / "ro").mkdir()
    a = virtual(virtual_mailbox_maps="static:ro/sub/")
    dsn, status, text = one(a)
    assert (dsn, status) == ("4.2.0", DEFERRED)
    assert re.fullmatch(rf"maildir delivery failed: create maildir file {base}/ro/sub/tmp/\d+\.P\d+\.\S+: Permission denied", text)
    assert f"warning: maildir access problem for UID/GID={UID}/{GID}: {text.split(': ', 1)[1]}" in a.lines


@pytest.mark.root
def test_ownership_is_optional(virtual, base):
    (base / "box").write_text("")
    os.chown(base / "box", UID + 1, GID)
    (base / "box").chmod(0o660)
    assert one(virtual()) == ("4.2.0", DEFERRED, failed(base, "box", f"destination {base}/box is not owned by recipient"))
    a = virtual(strict_mailbox_ownership="no")
    assert one(a)[1] == SENT
    (base / "box").chmod(0o640)
    assert one(a) == ("4.2.0", DEFERRED, failed(base, "box", "cannot open file: Permission denied"))


# ---- limits, full disks, faults ----

def test_size_limit(virtual, base):
    """The mailbox with the message, or the Maildir file, may be as large as the limit and not larger."""
    a = virtual(virtual_mailbox_maps="inline:{box@v.test=box, md@v.test=md/}")
    one(a, "box@v.test")
    size = (base / "box").stat().st_size
    a = virtual(virtual_mailbox_maps="inline:{box@v.test=box, md@v.test=md/}", virtual_mailbox_limit="60000",
                message_size_limit="60000")
    for old, fits in (60000 - size, True), (60001 - size, False), (60000, False), (70000, False):
        (base / "box").write_bytes(b"x" * old)
        got = one(a, "box@v.test")
        assert got == (("2.0.0", SENT, "delivered to mailbox") if fits else
                       ("5.2.2", BOUNCED, failed(base, "box", "error writing message: File too large")))
        assert (base / "box").stat().st_size == (60000 if fits else old)
    if a.kind == "postroad":  # Debian's dies: such a message should not have come
        assert one(a, "md@v.test", lines=["x" * 60000]) == ("5.2.2", BOUNCED, "maildir delivery failed: error writing message: File too large")
        assert stored(base / "md") == []
        assert one(a, "md@v.test")[1] == SENT


@pytest.fixture
def small_disk(base):
    """A file system of 64 KB at base, with some mail."""
    p = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size=64k,uid={UID},gid={GID}", "none", str(base)], capture_output=True, text=True)
    if p.returncode:
        pytest.skip(f"mount is refused: {p.stderr.strip()}")
    (base / "box").write_text("old\n")
    own(base / "box")
    for d in "md", "md/tmp", "md/new", "md/cur":
        (base / d).mkdir()
        own(base / d)
    yield base
    subprocess.run(["umount", "-l", str(base)], check=True)


@pytest.mark.root
def test_full_disk(virtual, small_disk):
    """F4: a full disk defers, the mailbox is as it was, and nothing has to be restarted when there is room."""
    a = virtual(virtual_mailbox_maps="inline:{box@v.test=box, md@v.test=md/}")
    big = ["Subject: x", "", *["y" * 1000] * 100]
    with open(small_disk / "fill", "wb", buffering=0) as f, contextlib.suppress(OSError):
        while True:
            f.write(b"x" * 4096)
    full = "error writing message: No space left on device"
    assert one(a, "box@v.test", lines=big) == ("4.3.0", DEFERRED, failed(small_disk, "box", full))
    assert (small_disk / "box").read_text() == "old\n"
    assert one(a, "md@v.test", lines=big) == ("4.3.0", DEFERRED, f"maildir delivery failed: {full}")
    assert not list(small_disk.glob("md/*/*"))
    (small_disk / "fill").unlink()
    # Half the message fits.
    assert one(a, "box@v.test", lines=big) == ("4.3.0", DEFERRED, failed(small_disk, "box", full))
    assert (small_disk / "box").read_text() == "old\n"
    assert [x[1] for x in deliver(a, "box@v.test", "md@v.test")] == [SENT, SENT]


@contextlib.contextmanager
def strace(a, *args):
    a.wait_free()  # what it tells master when a client goes is a write that nobody means to count
    with agent.strace(a.process.pid, a.dir / "strace", *args) as out:
        yield out


WRITING = "error writing message: {}"
# Mailbox, system calls that fail, how (and at which of them), what that is to mean; None: delivered all the same.
# The first write tells master that we have a client, the first openat is of the queue file.
FAULTS = [
    ("box", "write", "ENOSPC:when=2", "4.3.0", WRITING),
    ("box", "write", "EDQUOT:when=2", "5.2.2", WRITING),
    ("box", "write", "EIO:when=2", "4.2.0", WRITING),
    ("box", "write", "EINTR:when=2", None, None),
    ("box", "fsync", "EIO", "4.2.0", WRITING),
    ("box", "fsync", "ENOSPC", "4.3.0", WRITING),
    ("box", "fsync", "EDQUOT", "5.2.2", WRITING),
    ("box", "openat", "ENOSPC:when=2", "4.3.0", "unable to create lock file .*/box\\.lock: {}"),
    ("box", "openat", "EMFILE:when=3", "4.2.0", "cannot open file: {}"),
    ("box", "setgroups", "ENOMEM:when=1", "4.2.0", "become uid .*: {}"),
    ("md", "write", "ENOSPC:when=2", "4.3.0", WRITING),
    ("md", "write", "EDQUOT:when=2", "5.2.2", WRITING),
    ("md", "write", "EIO:when=2", "4.2.0", WRITING),
    ("md", "fsync", "EIO:when=1", "4.2.0", WRITING),
    ("md", "fsync", "EIO:when=2", "4.2.0", "error writing directory .*/md/new: {}"),
    ("md", "openat", "EIO:when=3", "4.2.0", "error writing directory .*/md/new: {}"),
    ("md", "openat", "EOPNOTSUPP:when=2", None, None),
    ("md", "openat", "ENOSPC:when=2+", "4.3.0", "create maildir file .*/tmp/.*: {}"),
    ("md", "linkat", "EXDEV", None, None),
    ("md", "link,linkat", "ENOSPC", "4.3.0", "create maildir file .*/new/.*: {}"),
    ("md", "link,linkat", "EPERM", None, None),
    ("md", "link,linkat", "EEXIST", "4.2.0", "create maildir file .*/new/.*: {}"),
]
TEXTS = {"ENOSPC": "No space left on device", "EDQUOT": "Disk quota exceeded", "EIO": "Input/output error", "EEXIST": "File exists",
         "EMFILE": "Too many open files", "ENOMEM": "Cannot allocate memory"}


def test_injected_faults(ours, base):
    """F4: whatever system call fails, the mailbox is as before, and the same process delivers the next message."""
    a = ours(virtual_mailbox_maps="inline:{box@v.test=box, md@v.test=md/}")
    assert deliver(a, "box@v.test", "md@v.test")[1][1] == SENT
    for name, calls, how, dsn, text in FAULTS:
        if calls == "setgroups" and not ROOT:
            continue
        before = (base / "box").stat().st_size, len(stored(base / "md"))
        with strace(a, "-e", f"trace={calls}", "-e", f"inject={calls}:error={how}"):
            got = one(a, f"{name}@v.test")
        after = (base / "box").stat().st_size, len(stored(base / "md"))
        case = name, calls, how, got
        assert not (base / "box.lock").exists() and not list((base / "md/tmp").iterdir()), case
        if dsn is None:
            assert got[1] == SENT and after > before, case
            continue
        assert got[:2] == (dsn, BOUNCED if dsn[0] == "5" else DEFERRED), case
        assert re.search(f": {text.format(TEXTS[how.split(':')[0]])}$", got[2]), case
        assert after == before, case
    assert deliver(a, "box@v.test", "md@v.test")[1][1] == SENT


@pytest.mark.parametrize("name,order", [
    ("md", ["/md/tmp", "write", "fsync", "linkat", "/md/new", "fsync", "status"]),
    ("fresh", [r"fresh\.lock", r"/fresh\"", "write", "fsync", "/base", "fsync", "status"]),
    ("box", [r"box\.lock", r"/box\"", "write", "fsync", "unlink", "status"])])
def test_on_disk_before_it_is_said(ours, base, name, order):
    """The file, then the directory in which a name was made, are flushed before qmgr hears of it."""
    a = ours(virtual_mailbox_maps="inline:{box@v.test=box, fresh@v.test=fresh, md@v.test=md/}")
    deliver(a, "box@v.test", "md@v.test")
    with strace(a, "-e", "trace=openat,write,fsync,link,linkat,unlink,sendto") as out:
        assert one(a, f"{name}@v.test")[1] == SENT
    assert re.search(".*\n(?:.*\n)*?.*".join(order), out.read_text()), out.read_text()


@pytest.mark.parametrize("damage", ["cut", "garbage"])
def test_damaged_queue_file(virtual, base, damage):
    """Marked, so that qmgr takes it away; the mailbox keeps nothing of it."""
    a = virtual(virtual_mailbox_maps="inline:{box@v.test=box, md@v.test=md/}")
    one(a, "box@v.test")
    before = (base / "box").read_bytes()
    wire, queue_id, path, _ = a.make_request(["box@v.test", "md@v.test"], "v.test", flags=3, lines=["Subject: x", "", *["y" * 1000] * 300])
    data = path.read_bytes()
    path.write_bytes(data[:len(data) // 2] if damage == "cut" else data[:-200000] + b"\xff" * 200000)
    c, f = a.connect()
    with c, f:
        c.sendall(wire)
        answer = agent.read_list(f)
    assert answer[-1] != ("status", "0")
    assert path.stat().st_mode & 0o700 != 0o700
    assert (base / "box").read_bytes() == before
    assert not list(base.glob("md/*/*"))


def test_garbage_from_a_client(virtual, base):
    """X1: what is no request ends the connection, not the service."""
    a = virtual()
    for text in b"", b"\0" * 100, b"flags\0x\0\0", b"\xff" * 70000, b"flags\x003\0queue_name\0../x\0":
        with socket.socket(socket.AF_UNIX) as c, contextlib.suppress(OSError):
            c.settimeout(10)
            c.connect(str(a.path))
            c.recv(1000)
            c.sendall(text)
            c.shutdown(socket.SHUT_WR)
            while c.recv(1000):
                pass
    assert one(a)[1] == SENT

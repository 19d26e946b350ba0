# SPDX-License-Identifier: Apache-2.0
"""virtual(8): where mail goes, what is refused and how it is said; the same for Debian's and for ours,
and for ours under Debian's master."""

import fcntl
import os
import pathlib
import re
import shutil

import pytest

import instance

BODY = "Subject: t\n\nFrom here\nhello\n.dot\n>From x\nno newline end"
UID, GID = 2000, 2000
MAPS = """mbox@v.test mbox1
md@v.test md/
@catch.test catch/
nouid@v.test x
nogid@v.test x
lowuid@v.test x
baduid@v.test x
gid0@v.test x
badgid@v.test x
big@v.test big
dir@v.test adir
link@v.test alink
own@v.test ownbox
own6@v.test own6
noperm@v.test noperm/box
nopermmd@v.test noperm/md/
locked@v.test locked
dotlocked@v.test dl
deep@v.test de/ep/box
deepmd@v.test de/ep2/md/
hard@v.test hardbox
fifo@v.test fifo
symdir@v.test symdir/
null@v.test nulldev
"""
CONFIG = "4.3.5", "deferred", "mail system configuration error"


def mbox(name, text):
    return f"delivery failed to mailbox BASE/{name}: {text}"


# recipient: (dsn, status, text); BASE is the mailbox base.
EXPECTED = {
    "mbox@v.test": ("2.0.0", "sent", "delivered to mailbox"),
    "md@v.test": ("2.0.0", "sent", "delivered to maildir"),
    "mbox+ext@v.test": ("2.0.0", "sent", "delivered to mailbox"),
    "MD+x@v.test": ("2.0.0", "sent", "delivered to maildir"),
    "a@catch.test": ("2.0.0", "sent", "delivered to maildir"),
    '"q q"@catch.test': ("2.0.0", "sent", "delivered to maildir"),
    "md3@v.test": ("2.0.0", "sent", "delivered to maildir"),
    "deepmd@v.test": ("2.0.0", "sent", "delivered to maildir"),
    "symdir@v.test": ("2.0.0", "sent", "delivered to maildir"),
    "None@v.test": ("5.1.1", "bounced", 'unknown user: "none@v.test"'),
    "nouid@v.test": CONFIG,
    "nogid@v.test": CONFIG,
    "lowuid@v.test": CONFIG,
    "baduid@v.test": CONFIG,
    "gid0@v.test": CONFIG,
    "badgid@v.test": CONFIG,
    "big@v.test": ("5.2.2", "bounced", mbox("big", "error writing message: File too large")),
    "dir@v.test": ("4.2.0", "deferred", mbox("adir", "cannot open file: Is a directory")),
    "link@v.test": ("4.2.0", "deferred", mbox("alink", "file is a symbolic link")),
    "own@v.test": ("4.2.0", "deferred", mbox("ownbox", "cannot open file: Permission denied")),
    "own6@v.test": ("4.2.0", "deferred", mbox("own6", "destination BASE/own6 is not owned by recipient")),
    "noperm@v.test": ("4.2.0", "deferred", mbox(
        "noperm/box", "unable to create lock file BASE/noperm/box.lock: Permission denied")),
    "nopermmd@v.test": ("4.2.0", "deferred", r"maildir delivery failed: create maildir file "
                        r"BASE/noperm/md/tmp/\d+\.P\d+\.\S+: Permission denied"),
    "locked@v.test": ("4.2.0", "deferred", mbox(
        "locked", "unable to lock for exclusive access: Resource temporarily unavailable")),
    "dotlocked@v.test": ("4.2.0", "deferred", mbox("dl", "unable to create lock file BASE/dl.lock: File exists")),
    "deep@v.test": ("4.2.0", "deferred", mbox(
        "de/ep/box", "unable to create lock file BASE/de/ep/box.lock: No such file or directory")),
    "hard@v.test": ("4.2.0", "deferred", mbox("hardbox", "file has 2 hard links")),
    "fifo@v.test": ("4.2.0", "deferred", mbox("fifo", "cannot open file: No such device or address")),
    "null@v.test": ("5.3.5", "bounced", mbox("nulldev", "mail system configuration error")),
}
WARNINGS = [
    "recipient nouid@v.test: not found in virtual_uid_maps",
    "recipient nogid@v.test: not found in virtual_gid_maps",
    "recipient lowuid@v.test: bad uid 50 in virtual_uid_maps",
    "recipient baduid@v.test: bad uid abc in virtual_uid_maps",
    "recipient gid0@v.test: bad gid 0 in virtual_gid_maps",
    "recipient badgid@v.test: bad gid abc in virtual_gid_maps",
    "maildir access problem for UID/GID=2000/2000: create maildir file ",
    "perhaps you need to create the maildirs in advance",
    "recipient null@v.test: destination BASE/nulldev is not a regular file",
    'specify "strict_mailbox_ownership = no" to ignore mailbox ownership mismatch',
]
# What an ordinary user cannot set up.
NEEDS_ROOT = {"nouid@v.test", "nogid@v.test", "lowuid@v.test", "baduid@v.test", "gid0@v.test", "badgid@v.test",
              "own@v.test", "own6@v.test", "null@v.test"}


class Mixed(instance.DebianPostfix):
    """Debian's Postfix with our virtual in its daemon_directory."""

    kind = "Debian's Postfix with our virtual"

    def defaults(self):
        conf = super().defaults()
        place = self.dir / "daemons"
        place.mkdir()
        for f in instance.DEBIAN_DAEMONS.iterdir():
            (place / f.name).symlink_to(instance.BUILD / "libexec/virtual" if f.name == "virtual" else f)
        conf["daemon_directory"] = place
        return conf


class Foreign(instance.Instance):
    """Ours with Debian's virtual, and its qmgr: ours speaks as 3.12 does, which 3.7's agents refuse."""

    kind = "ours with Debian's virtual and qmgr"

    def defaults(self):
        conf = super().defaults()
        place = self.dir / "daemons"
        place.mkdir()
        for f in (instance.BUILD / "libexec").iterdir():
            if f.is_file():
                (place / f.name).symlink_to(instance.DEBIAN_DAEMONS / f.name if f.name in ("virtual", "qmgr") else f)
        conf.update({"daemon_directory": place, "meta_directory": "/etc/postfix", "shlib_directory": "/usr/lib/postfix"})
        return conf


@pytest.fixture(params=["postroad", *(pytest.param(p, marks=pytest.mark.root) for p in ("debian", "mixed", "foreign"))])
def system(request):
    """A class, the mailbox base, and what was made, removed afterwards."""
    cls = {"postroad": instance.Instance, "debian": instance.DebianPostfix, "mixed": Mixed, "foreign": Foreign}[request.param]
    if request.param != "postroad" and not instance.DebianPostfix.available():
        pytest.skip("Debian's Postfix is not installed")
    made = []

    def make(base, **conf):
        maps = base.parent / "maps"
        maps.write_text(MAPS)
        m = cls(conf={
            "virtual_mailbox_domains": "v.test catch.test", "virtual_mailbox_base": base,
            "virtual_mailbox_maps": f"texthash:{maps}, pcre:{{{{/^md3@v.test/ md3/}}}}",
            "virtual_uid_maps": "inline:{lowuid@v.test=50,baduid@v.test=abc}, regexp:{{!/nouid/ 2000}}",
            "virtual_gid_maps": "inline:{gid0@v.test=0,badgid@v.test=abc}, regexp:{{!/nogid/ 2000}}",
            "virtual_mailbox_limit": "60000", "message_size_limit": "50000", "deliver_lock_attempts": "1",
            "recipient_delimiter": "+", "smtpd_recipient_restrictions": "permit_mynetworks,reject",
            "smtpd_reject_unlisted_recipient": "no", "notify_classes": "", "minimal_backoff_time": "1000s",
            "virtual_mailbox_lock": "fcntl, dotlock", **conf})
        made.append(m)
        return m.start()
    yield make
    for m in made:
        m.destroy()


def own(path):
    if os.geteuid() == 0:
        os.chown(path, UID, GID, follow_symlinks=False)


@pytest.fixture
def base(workdir):
    base = workdir / "base"
    base.mkdir()
    own(base)
    (base / "adir").mkdir()
    for name in "target", "dl", "hardbox", "locked":
        (base / name).write_text("old\n" if name == "locked" else "")
    (base / "big").write_bytes(b"x" * 59900)
    (base / "realdir").mkdir()
    os.mkfifo(base / "fifo")
    for p in base.iterdir():
        own(p)
    os.link(base / "hardbox", base / "hard2")
    (base / "alink").symlink_to("target")
    (base / "symdir").symlink_to("realdir")
    (base / "noperm").mkdir(mode=0o500)
    (base / "dl.lock").write_text("")
    if os.geteuid() == 0:
        (base / "noperm").chmod(0o700)
        (base / "ownbox").write_text("")
        os.chown(base / "ownbox", UID + 1, GID)
        (base / "own6").write_text("")
        os.chown(base / "own6", UID + 1, GID + 1)
        (base / "own6").chmod(0o666)
        os.mknod(base / "nulldev", 0o020666, os.makedev(1, 3))
        (base / "nulldev").chmod(0o666)
    yield base
    shutil.rmtree(base, ignore_errors=True)


def expected():
    return {k: v for k, v in EXPECTED.items() if os.geteuid() == 0 or k not in NEEDS_ROOT}


def test_outcomes(system, base):
    with open(base / "locked", "r+") as held:
        fcntl.lockf(held, fcntl.LOCK_EX)
        m = system(base)
        for rcpt in expected():
            m.send("s@x.test", rcpt, BODY)
            # Two at a time in one mbox would meet its lock, and there is one attempt only.
            m.wait_log(rf"to=<{re.escape(rcpt)}>, relay=virtual, ")
        for rcpt, (dsn, status, text) in expected().items():
            pattern = re.escape(text).replace(r"\\d\+", r"\d+").replace(r"\\S\+", r"\S+").replace(r"\\\.", r"\.")
            m.wait_log(rf"to=<{re.escape(rcpt)}>, relay=virtual, .*dsn={re.escape(dsn)}, status={status} "
                       rf"\({pattern.replace('BASE', re.escape(str(base)))}\)$")
    if os.geteuid() == 0:
        for text in WARNINGS:
            assert "warning: " + text.replace("BASE", str(base)) in m.log()
    assert (base / "locked").read_text() == "old\n"
    assert (base / "big").stat().st_size == 59900
    assert (base / "target").read_text() == ""
    assert sorted(p.name for p in (base / "md").iterdir()) == ["cur", "new", "tmp"]
    assert (base / "md").stat().st_mode & 0o777 == 0o700
    assert not list((base / "md/tmp").iterdir())


def test_mbox_content(system, base):
    m = system(base)
    m.send("s@x.test", "mbox@v.test", BODY)
    m.wait_log(r"to=<mbox@v.test>.*status=sent")
    m.send("", "mbox@v.test", BODY)
    m.wait_log(r"to=<mbox@v.test>.*status=sent", 2)
    text = (base / "mbox1").read_text()
    one = (r"From {0}  \w{{3}} \w{{3}} [ \d]\d \d\d:\d\d:\d\d \d{{4}}\nReturn-Path: <{1}>\n"
           r"X-Original-To: mbox@v\.test\nDelivered-To: mbox@v\.test\nReceived: (?:.|\n)*?\n"
           r"\n>From here\nhello\n\.dot\n>From x\nno newline end\n\n")
    assert re.fullmatch(one.format("s@x.test", "s@x.test") + one.format("MAILER-DAEMON", ""), text)
    assert (base / "mbox1").stat().st_mode & 0o777 == 0o600
    assert not (base / "mbox1.lock").exists()


def test_maildir_content(system, base):
    m = system(base)
    m.send("s@x.test", "md@v.test", BODY)
    m.wait_log(r"to=<md@v.test>.*status=sent")
    files = list((base / "md/new").iterdir())
    assert len(files) == 1
    st = files[0].stat()
    assert re.fullmatch(rf"\d+\.V{st.st_dev:x}I{st.st_ino:x}M\d+\.\S+", files[0].name)
    assert st.st_mode & 0o777 == 0o600
    assert re.fullmatch(r"Return-Path: <s@x\.test>\nX-Original-To: md@v\.test\nDelivered-To: md@v\.test\n"
                        r"Received: (?:.|\n)*?\n\nFrom here\nhello\n\.dot\n>From x\nno newline end\n",
                        files[0].read_text())


def test_many_recipients(system, base):
    """One message to 1,000 recipients in 10 mailboxes: each gets it once, and it leaves the queue."""
    m = system(base, virtual_mailbox_maps="pcre:{{/^r[0-9]*([0-9])@v\\.test$$/ ten/}}", virtual_mailbox_limit="0",
               message_size_limit="1000000")
    recipients = [f"r{n}@v.test" for n in range(1000)]
    qid = m.send("s@x.test", recipients, BODY)
    m.wait_log(rf"{qid}: removed")
    texts = [p.read_text() for p in (base / "ten/new").iterdir()]
    assert sorted(re.search("Delivered-To: (.*)", t).group(1) for t in texts) == sorted(recipients)
    assert len(re.findall(rf"{qid}: to=<r\d+@v.test>, relay=virtual, .*status=sent \(delivered to maildir\)$", m.log(), re.M)) == 1000


def test_duplicates(system, base):
    """Several aliases of one mailbox: one copy, or, where the original recipient is told, one for each of them."""
    for original, copies in ("yes", 2), ("no", 1):
        m = system(base, virtual_alias_maps="inline:{a@alias.test=md@v.test, b@alias.test=MD@v.test}", virtual_alias_domains="alias.test",
                   enable_original_recipient=original)
        qid = m.send("s@x.test", ["a@alias.test", "b@alias.test", "a@alias.test"], BODY)
        m.wait_log(rf"{qid}: removed")
        files = list((base / "md/new").iterdir())
        assert len(files) == copies
        assert all(("X-Original-To: " in f.read_text()) == (original == "yes") for f in files)
        m.stop()
        shutil.rmtree(base / "md")


def test_small_limit_is_refused(system, base):
    m = system(base, virtual_mailbox_limit="10000")
    m.send("s@x.test", "md@v.test", BODY)
    m.wait_log(r"virtual\S*\[\d+\]: fatal: configuration error: virtual_mailbox_limit is smaller than "
               r"message_size_limit")


def test_paths_do_not_climb(base, request, system):
    m = system(base)
    maps = base.parent / "maps"
    maps.write_text("up@v.test ../up\nmid@v.test a/../up\n")
    if isinstance(m, Foreign) or isinstance(m, instance.DebianPostfix) and not isinstance(m, Mixed):
        pytest.skip("refused since 3.12")
    m.run("postfix", "-c", m.config, "reload")
    for rcpt in "up@v.test", "mid@v.test":
        m.send("s@x.test", rcpt, BODY)
        m.wait_log(rf"to=<{rcpt}>, relay=virtual, .*dsn=4.3.5, status=deferred \(mail system configuration error\)")
    assert not pathlib.Path(base.parent / "up").exists()

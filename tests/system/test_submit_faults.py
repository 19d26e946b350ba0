# SPDX-License-Identifier: Apache-2.0
"""Disk faults while a message is handed in (threats F3, F4): accepted and there, or 75 and not there.

No mail system runs. Each system call of postdrop from the moment that it enters the queue, and each of sendmail once it is
configured, fails once, by strace's fault injection; sendmail's exit status has to fit what is in the maildrop.
"""

import os
import re
import shutil
import subprocess

import pytest

import instance

MAIL = "Subject: x\n\nhello\n"
pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")


class Drop:
    def __init__(self, path):
        self.path = path
        for d in ("etc", "bin", "spool", "spool/maildrop", "spool/public"):
            (path / d).mkdir()
        (path / "etc/main.cf").write_text(f"compatibility_level = 3.6\nqueue_directory = {path}/spool\nmaillog_file =\n"
                                          f"command_directory = {path}/bin\n")
        (path / "etc/master.cf").write_text("")
        self.postdrop()

    def postdrop(self, before=""):
        p = self.path / "bin/postdrop"
        p.unlink(missing_ok=True)
        p.write_text(f"#!/bin/sh\nexec {before} {instance.BUILD}/sbin/postdrop \"$@\"\n")
        p.chmod(0o755)

    def submit(self, *before):
        """Exit status, standard error, and the modes of what is in the maildrop, which is removed."""
        p = subprocess.run([*before, instance.BUILD / "sbin/sendmail", "r@x"], env=dict(os.environ, MAIL_CONFIG=str(self.path / "etc")),
                           input=MAIL, text=True, capture_output=True, timeout=instance.DEADLINE)
        left = []
        for f in (self.path / "spool/maildrop").iterdir():
            left.append(f.stat().st_mode & 0o777)
            if left[-1] == 0o744:
                assert b"hello" in f.read_bytes()
            f.unlink()
        return p.returncode, p.stderr, left

    def calls(self, name, start):
        """The system calls of a good run that begin behind a pattern: (name, how many came before it, line)."""
        out = self.path / "calls"
        seen, found, begun = {}, [], False
        wrapped = f"strace -o {out}"
        self.postdrop(wrapped if name == "postdrop" else "")
        got = self.submit(*([] if name == "postdrop" else wrapped.split()))
        if got[0] != 0 and "ptrace" in got[1].lower():
            pytest.skip(got[1])
        assert got[0] == 0 and got[2] == [0o744], got
        for line in out.read_text().splitlines():
            call = re.match(r"\w+", line)
            if call is None:
                continue
            call = call.group()
            seen[call] = seen.get(call, 0) + 1
            begun = begun or re.search(start, line) is not None
            if begun:
                found.append((call, seen[call], line))
        assert begun, out.read_text()
        return found


@pytest.fixture
def drop(workdir):
    return Drop(workdir)


# What can fail for lack of something, or because a disk does. Not those that fail only by a mistake of ours.
FAULTS = {"openat": "EMFILE", "write": "ENOSPC", "fsync": "EIO", "fchmod": "EIO", "close": "EIO", "rename": "ENOSPC", "renameat2": "ENOSPC",
          "read": "EIO", "newfstatat": "EIO", "chdir": "EIO", "faccessat2": "EIO", "faccessat": "EIO", "socket": "EMFILE", "pipe2": "EMFILE",
          "vfork": "EAGAIN", "clone": "EAGAIN", "clone3": "EAGAIN", "linkat": "ENOSPC", "unlink": "EIO", "fdatasync": "EIO"}


def test_postdrop_faults(drop):
    """Every call of postdrop in the queue: 0 with the whole message, or 75 with none; but an answer that is lost is 75 with it."""
    calls = drop.calls("postdrop", r"chdir\(.*/spool")
    assert {"fsync", "fchmod", "write", "openat", "rename"} <= {c for c, _, _ in calls}
    results = set()
    for call, n, line in calls:
        if call not in FAULTS:
            continue
        drop.postdrop(f"strace -o /dev/null -e trace={call} -e inject={call}:error={FAULTS[call]}:when={n}")
        status, err, left = drop.submit()
        case = call, n, line, status, err, left
        results.add((call, status))
        if "write(1, \"status" in line:
            assert (status, left) == (75, [0o744]), case
        elif status == 0:
            assert left == [0o744], case
        else:
            assert (status, left) == (75, []) and "sendmail: fatal: " in err, case
    assert {("fsync", 75), ("fchmod", 75), ("rename", 75), ("write", 75), ("openat", 75), ("chdir", 75)} <= results


def test_sendmail_faults(drop):
    """The same for sendmail's own calls behind the configuration."""
    calls = drop.calls("sendmail", r"main\.cf")
    results = set()
    for call, n, line in calls:
        if call not in FAULTS:
            continue
        status, err, left = drop.submit("strace", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                                        f"inject={call}:error={FAULTS[call]}:when={n}")
        case = call, n, line, status, err, left
        results.add((call, status))
        if status == 0:
            assert left == [0o744], case
        else:
            assert status == (65 if line.startswith("read(0") else 75) and "sendmail: fatal: " in err, case
    assert ("pipe2", 75) in results


def test_postdrop_killed(drop):
    """kill -9 at any of its calls: 75, unless the answer was given; an unfinished file is none for pickup."""
    calls = drop.calls("postdrop", r"chdir\(.*/spool")
    whole = 0
    for call, n, line in calls:
        if call not in ("write", "rename", "fsync", "fchmod", "poll", "openat", "exit_group"):
            continue
        drop.postdrop(f"strace -o /dev/null -e trace={call} -e inject={call}:signal=KILL:when={n}")
        status, err, left = drop.submit()
        if status == 0:
            assert left == [0o744], (call, n, line, err)
            whole += 1
        else:
            assert status == 75 and "sendmail: fatal: " in err, (call, n, line, err)
    assert whole >= 1


@pytest.mark.root
def test_real_disks(workdir):
    """Full, without inodes, read-only, not there, of somebody else: 75 and the cause."""
    user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    cases = [("size=64k", [], "No space left on device"), ("nr_inodes=1", [], "No space left on device"),
             ("ro", [], "Read-only file system"), ("mode=700", user, "Permission denied"), (None, [], "No such file or directory")]
    mounted, running = [], []
    try:
        for i, (options, who, words) in enumerate(cases):
            (workdir / str(i)).mkdir()
            drop = Drop(workdir / str(i))
            maildrop = drop.path / "spool/maildrop"
            if options is None:
                maildrop.rmdir()
            else:
                subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(maildrop)], check=True)
                mounted.append(maildrop)
            p = subprocess.Popen([*who, instance.BUILD / "sbin/sendmail", "r@x"], env={"MAIL_CONFIG": str(drop.path / "etc")},
                                 stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            running.append((options, words, maildrop, p))
        for options, words, maildrop, p in running:
            _, err = p.communicate(MAIL + "0123456789" * 20000, timeout=instance.DEADLINE)
            assert p.returncode == 75 and words in err and "sendmail: fatal: " in err, (options, p.returncode, err)
            assert options is None or list(maildrop.iterdir()) == [], options
    finally:
        for maildrop in mounted:
            subprocess.run(["umount", str(maildrop)], check=True)

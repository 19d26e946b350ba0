# SPDX-License-Identifier: Apache-2.0
"""The journal as the tools see it, with nobody at work: postcat, showq, postsuper (issue 4, threats F6)."""

import os
import shutil
import subprocess

import pytest

import journalfile
from queuefile import QueueSystem, queue_file

A = journalfile.short_id(7, 0x12345)
B = journalfile.long_id(7, 1795247613, 444323)
C = journalfile.short_id(7, 0x54321)
IMAGES = {A: queue_file("a@x", ["ra@y"]), B: queue_file("b@x", ["rb@y", ("D", "done@y")]),
          C: queue_file("c@x", ["rc@y"], body=b"x" * 30000)}


@pytest.fixture
def mta():
    m = QueueSystem()
    m.places = journalfile.put(m, IMAGES.items())
    yield m
    m.destroy()


def run(mta, *args, check=True):
    p = subprocess.run([mta.commands / args[0], "-c", mta.config, *args[1:]], capture_output=True, timeout=60,
                       env=dict(os.environ, MAIL_CONFIG=str(mta.config)))
    if check:
        assert p.returncode == 0, p.stderr
    return p


def files(mta, queue):
    return {p.name: p.read_bytes() for p in (mta.queue / queue).rglob("*") if p.is_file()}


def test_postcat(mta):
    young = run(mta, "postcat", "-qv", B)
    path = mta.queue / "hold" / B
    path.write_bytes(IMAGES[B])
    path.chmod(0o700)
    old = run(mta, "postcat", "-qv", B)
    assert young.stdout.replace(b" journal/", b" hold/") == old.stdout
    assert b"rb@y" in old.stdout
    assert b"open queue file ABCDEF: No such file" in run(mta, "postcat", "-q", "ABCDEF", check=False).stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root sees the queue of a system that is down")
def test_listing(mta):
    text = run(mta, "postqueue", "-j").stdout.decode()
    for queue_id, rcpt in [(A, "ra@y"), (B, "rb@y"), (C, "rc@y")]:
        line = next(x for x in text.splitlines() if queue_id in x)
        assert '"queue_name": "active"' in line and rcpt in line
    assert "done@y" not in text


def test_empty_the_journal(mta):
    p = run(mta, "postsuper", "-J")
    assert b"journal: 3 messages moved to incoming" in p.stderr
    assert files(mta, "incoming") == IMAGES
    assert {x.stat().st_mode & 0o777 for x in (mta.queue / "incoming").iterdir()} == {0o700}
    assert run(mta, "postsuper", "-J").stderr == b""
    # The structure check leaves names alone that are of no inode; so does -S.
    for option in ("-s", "-S"):
        run(mta, "postsuper", option)
        assert files(mta, "incoming") == IMAGES


def test_actions(mta):
    p = run(mta, "postsuper", "-h", A, "-d", B, "-r", C)
    assert files(mta, "hold") == {A: IMAGES[A]}
    assert files(mta, "maildrop") == {C: IMAGES[C]}
    assert not files(mta, "incoming") and not files(mta, "active")
    for text in (f"{A}: placed on hold", f"{B}: removed", f"{C}: requeued"):
        assert text.encode() in p.stderr


def test_all(mta):
    p = run(mta, "postsuper", "-d", "ALL")
    assert b"Deleted: 3 messages" in p.stderr
    assert not files(mta, "incoming")
    run(mta, "postsuper", "-J")
    assert not files(mta, "incoming")


def test_known_messages_are_kept_once(mta):
    path = mta.queue / "hold" / A
    path.write_bytes(IMAGES[A])
    path.chmod(0o700)
    if os.geteuid() == 0:
        shutil.chown(path, mta.owner()[0])
    assert b"2 messages moved to incoming, 1 already there" in run(mta, "postsuper", "-J").stderr
    assert sorted(files(mta, "incoming")) == sorted([B, C])


def test_damage(mta):
    """A byte of one image and one of another's head: kept apart and told, the third is there."""
    journalfile.flip(mta, mta.places[A] + 150)
    journalfile.flip(mta, mta.places[B] - 64 + 20)
    p = run(mta, "postsuper", "-J")
    assert f"{A}: damaged or incomplete in journal/0000, kept as corrupt/{A}".encode() in p.stderr
    assert b"are damaged: kept as corrupt/journal_7_" in p.stderr
    assert files(mta, "incoming") == {C: IMAGES[C]}
    kept = files(mta, "corrupt")
    assert len(kept) == 2 and any(IMAGES[B] in k for k in kept.values())


def test_no_header(mta):
    for at in (0, 2048):
        journalfile.flip(mta, at + 30)
    assert b"journal/0000: its header is damaged" in run(mta, "postsuper", "-J").stderr
    [kept] = files(mta, "corrupt").values()
    assert IMAGES[A] in kept


def test_read_only(mta):
    """What cannot be settled stays, and is said."""
    (mta.queue / "incoming").rmdir()
    (mta.queue / "incoming").write_bytes(b"")
    p = run(mta, "postsuper", "-J", check=False)
    assert p.returncode != 0 and b"from journal/0000" in p.stderr
    (mta.queue / "incoming").unlink()
    (mta.queue / "incoming").mkdir(mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(mta.queue / "incoming", mta.owner()[0])
    run(mta, "postsuper", "-J")
    assert files(mta, "incoming") == IMAGES

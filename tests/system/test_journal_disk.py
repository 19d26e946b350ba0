# SPDX-License-Identifier: Apache-2.0
"""The journal's disk is full, read-only, or not ours: mail is taken all the same, into files, and it is said."""

import os
import shutil
import subprocess

import pytest

from instance import wait_until
from test_journal import system, warm_up, warnings

pytestmark = pytest.mark.root


@pytest.fixture
def mounted():
    """mount(path, options): a file system of its own on a directory."""
    done = []

    def mount(path, options):
        path.mkdir(mode=0o700, exist_ok=True)
        p = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "postroad-test", path], capture_output=True)
        if p.returncode != 0:
            pytest.skip(f"cannot mount: {p.stderr.decode()}")
        done.append(path)
    yield mount
    for path in done:
        subprocess.run(["umount", "-l", path], check=False)


def owner_options(m):
    user = m.owner()[0]
    return ",".join(f"{k}={subprocess.run(['id', f'-{k[0]}', str(user)], capture_output=True, text=True).stdout.strip()}"
                    for k in ("uid", "gid"))


def stopped(mta, sink, **conf):
    m = system(mta, sink, conf=conf)
    m.stop()
    return m


def test_full(mta, smtp_sink, mounted):
    """The first segment has room, the second does not: both kinds of messages arrive."""
    sink = smtp_sink()
    m = stopped(mta, sink, queue_journal_segment_size="8388608", queue_journal_limit="83886080")
    mounted(m.queue / "journal", f"size=5m,mode=0700,{owner_options(m)}")
    m.start()
    warm_up(m)
    ids = [m.send("s@test.example", f"r{n}@remote.example", text="Subject: x\n\n" + f"{n:070}\n" * 7000) for n in range(14)]
    for i in ids:
        m.wait_log(f"{i}: removed")
    sink.wait(2 + len(ids))
    assert [w for w in warnings(m) if "No space left" in w and "messages are written to files" in w]
    assert not [w for w in warnings(m) if "refused" in w or "write queue file" in w]
    # Most were in the segment, some in files.
    assert any(len(i) < 15 for i in ids) and any(len(i) >= 15 for i in ids)
    m.stop()


@pytest.mark.parametrize("kind", ["read-only", "not ours", "a file"])
def test_unusable(mta, smtp_sink, mounted, kind):
    sink = smtp_sink()
    m = stopped(mta, sink)
    journal = m.queue / "journal"
    shutil.rmtree(journal)
    if kind == "read-only":
        mounted(journal, f"ro,mode=0700,{owner_options(m)}")
    elif kind == "not ours":
        journal.mkdir(mode=0o700)
        os.chown(journal, 0, 0)
    else:
        journal.write_text("")
    # Without the checks of `postfix start`, which would make it right or refuse.
    m.process = subprocess.Popen([m.daemons / "master", "-c", m.config, "-d"], stdin=subprocess.DEVNULL,
                                 env=dict(os.environ, MAIL_CONFIG=str(m.config)), start_new_session=True)
    try:
        m.started = True
        wait_until(m.listening, "it listens")
        for n in range(3):
            i = m.send("s@test.example", f"r{n}@remote.example")
            m.wait_log(f"{i}: removed")
            assert len(i) < 15
        sink.wait(4)
        assert [w for w in warnings(m) if "journal is not used" in w]
    finally:
        m.process.terminate()
        m.process.wait(10)
        m.started = False

# SPDX-License-Identifier: Apache-2.0
"""Kills, failing calls, full and slow disks, the short form of tools/soak (threats F3, F4, F5, F14)."""

import errno
import os
import pathlib
import signal
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "soak"))

import soak  # noqa: E402  (finds tests/crash)
import oplog  # noqa: E402
import workload  # noqa: E402
from instance import wait_until  # noqa: E402
from test_kill import children  # noqa: E402


@pytest.mark.parametrize("journal", ["yes", "no"])
def test_soak(journal):
    """F3, F4, F5, F14: whatever happens, all that was accepted has one end, and mail flows again by itself."""
    lines = []
    conf = {"queue_journal": journal, "queue_journal_segment_size": 1 << 20, "queue_journal_limit": 8 << 20}
    problems = soak.soak(say=lines.append, messages=300, seconds=15, seed=7, conf=conf, master=False)
    assert not problems, "\n".join(problems[:20] + lines)


class FullDisk(workload.Sink):
    """Breaks renames and new directories when it defers an address."""

    calls = None

    def _rcpt(self, addr):
        reply = super()._rcpt(addr)
        if reply[:1] == b"4":
            self.calls.fault(("name",), errno.ENOSPC, 1000)
        return reply


@pytest.mark.parametrize("journal", ["yes", "no"])
def test_a_message_that_cannot_be_deferred(journal):
    """F4: the disk is full when a message is to leave active/: it is not forgotten there."""
    sink = FullDisk()
    m = workload.MailSystem(sink.nexthop, conf={"queue_journal": journal})
    sink.calls = oplog.Log(m.dir / "disk", size=1 << 20, logged=False)
    try:
        m.log_of_calls = sink.calls
        m.setting(import_environment=oplog.Log.IMPORT)
        m.start()
        m.send("s1@test.example", "d1.0@defer.example")
        m.wait_log("No space left on device")
        sink.calls.fault()
        wait_until(lambda: sink.taken, "the message is delivered without a restart")
        wait_until(lambda: not m.queue_ids(), "the queue is empty")
    finally:
        sink.calls.fault()
        m.destroy()
        sink.close()


def test_a_message_that_qmgr_cannot_take_over():
    """F4, F5: a queue manager that cannot move what the one before it had in active/ does so later, without a restart."""
    sink = workload.Sink()
    m = workload.MailSystem(sink.nexthop)
    calls = oplog.Log(m.dir / "disk", size=1 << 20, logged=False)
    try:
        m.log_of_calls = calls
        m.setting(import_environment=oplog.Log.IMPORT)
        m.start()
        m.send("s1@test.example", "r1.0@remote.example", "Subject: token 1 to hold\n\nx\n")
        held = m.queue_ids("hold")
        (m.queue / "hold" / held[0]).rename(m.queue / "active" / held[0])
        calls.fault(("name",), errno.ENOSPC, 1000)
        for pid in [p for p, name in children(m.master_pid()) if name == "qmgr"]:
            os.kill(pid, signal.SIGKILL)

        def tried():
            m.run("postqueue", "-c", m.config, "-f", check=False)
            return f"rename active/{held[0]} to incoming/{held[0]}: No space left on device" in m.log()
        wait_until(tried, "a new queue manager finds the file")
        calls.fault()
        wait_until(lambda: sink.taken, "the message is delivered without a restart")
        wait_until(lambda: not m.queue_ids(), "the queue is empty")
    finally:
        calls.fault()
        m.destroy()
        sink.close()
        calls.close()

# SPDX-License-Identifier: Apache-2.0
"""Power cuts (threats F1, F2), the short form of tools/crashtest: 250 means that the message survives."""

import argparse
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "crash"))

import crashtest  # noqa: E402


def options(**kw):
    return argparse.Namespace(**{"cuts": 120, "torn": 2, "restarts": 3, "models": "ordered,loose", "seed": 1, "conf": {},
                                 "self_check": True, "every_act": False, **kw})


@pytest.mark.parametrize("journal", ["yes", "no"])
def test_power_cuts(journal):
    """Whatever is lost, kept or torn, what was accepted is there; and each flush that is left out is missed."""
    lines = []
    # A small journal, so that segments are full, settled and used again.
    conf = {"queue_journal": journal, "queue_journal_segment_size": 1 << 20, "queue_journal_limit": 3 << 20}
    run = crashtest.record(200, conf=conf, say=lines.append)
    assert (crashtest.how_many(run)[0] > 0) == (journal == "yes")
    o = options(conf=conf, cuts=30 if journal == "yes" else 60)
    assert crashtest.check(run, o, say=lines.append) == 0, "\n".join(lines)


def test_a_lost_directory_is_seen():
    """The audit sees what a file system would do whose fsync does not save names: the model has teeth."""
    run = crashtest.record(40, conf={"queue_journal": "no"}, say=lambda text: None)
    found, images, _ = crashtest.judge(run, crashtest.cuts_of(run, 40, 1), ["strict"], [("lost", 0)], enough=1)
    assert found and images


@pytest.mark.parametrize("text", ["", "x" * 5000], ids=["short", "long"])
def test_model(text, tmp_path):
    """The model itself: synced stays, unsynced may go, names come back in order."""
    import oplog
    import disk
    log = oplog.Log(tmp_path)
    try:
        script = ("import os\n"
                  f"d = {str(tmp_path)!r}\n"
                  "f = os.open(d + '/a', os.O_CREAT | os.O_WRONLY, 0o600)\n"
                  f"os.write(f, b'one' + {text.encode()!r})\n"
                  "os.fsync(f)\n"
                  "os.write(f, b'two')\n"
                  "os.rename(d + '/a', d + '/b')\n"
                  "os.fchmod(f, 0o700)\n")
        import os
        import subprocess
        subprocess.run([sys.executable, "-c", script], env={**os.environ, **log.environment()}, check=True)
        ops = log.read()
        d = disk.Disk(ops, tmp_path)
        end = len(ops)
        one = b"one" + text.encode()
        lost = d.image(end, "ordered", "lost")
        assert {p: (e.mode, e.content) for p, e in lost.items()} == {"a": (0o600, one)}
        kept = d.image(end, "ordered", "kept")
        assert {p: (e.mode, e.content) for p, e in kept.items()} == {"b": (0o700, one + b"two")}
        assert d.image(end, "strict", "lost") == {}
        seen = {next(iter(d.image(end, "loose", "torn", s).items()), ("", None))[0] for s in range(30)}
        assert seen == {"a", "b"}
    finally:
        log.close()

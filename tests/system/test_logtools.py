# SPDX-License-Identifier: Apache-2.0
"""Log tools read our log: pflogsumm's totals are right."""

import re
import shutil
import subprocess

import pytest


def total(report, what):
    m = re.search(rf"^ *(\d+)k? +{what}", report, re.M)
    return int(m.group(1)) if m else None


def test_pflogsumm(either, smtp_sink):
    tool = shutil.which("pflogsumm")
    if not tool:
        pytest.skip("pflogsumm is not installed")
    sink = smtp_sink(refuse={"bad@remote.example": "550 5.1.1 no", "later@remote.example": "450 4.2.1 later"})
    m = either({"relayhost": sink.nexthop, "smtpd_recipient_restrictions": "check_recipient_access inline:{no@remote.example=REJECT}, "
                "permit_mynetworks, reject"})
    for i in range(5):
        m.send("a@test.example", f"r{i}@remote.example")
    m.send("a@test.example", "bad@remote.example")
    m.send("a@test.example", "later@remote.example")
    m.dialogue(["EHLO x", "MAIL FROM:<a@test.example>", "RCPT TO:<no@remote.example>", "QUIT"])
    m.wait_log(r"status=sent", count=5)
    m.wait_log(r"to=<bad@remote.example>.*status=bounced")
    m.wait_log(r"to=<later@remote.example>.*status=deferred")
    m.wait_log(r": removed", count=6)
    p = subprocess.run([tool, str(m.log_path)], capture_output=True, text=True, timeout=60)
    report = p.stdout
    assert p.returncode == 0
    # The bounce for bad@ goes to a@test.example, through the sink too.
    m.wait_log(r"to=<a@test.example>.*status=sent")
    report = subprocess.run([tool, str(m.log_path)], capture_output=True, text=True, timeout=60).stdout
    assert total(report, "delivered") == 6
    assert total(report, "deferred") == 1
    assert total(report, "bounced") == 1
    assert total(report, "rejected") == 1
    assert total(report, "received") == 7  # by client= and uid= lines: the bounce does not count

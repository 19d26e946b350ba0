# SPDX-License-Identifier: Apache-2.0
"""Many sessions at once, many deliveries at once; also what tools/tsan runs."""

import os
import re
import socket
import subprocess

import pytest

import mailboxes
from instance import free_port, loopback_address, wait_until


@pytest.fixture
def fast_sink():
    """Debian's smtp-sink: takes everything, as fast as it comes."""
    address = loopback_address()
    port = free_port(address)
    drop = ["-u", "nobody"] if os.geteuid() == 0 else []
    p = subprocess.Popen(["smtp-sink", *drop, f"{address}:{port}", "1000"], stderr=subprocess.DEVNULL)
    wait_until(lambda: socket.socket().connect_ex((address, port)) == 0, "smtp-sink listens")
    yield f"[{address}]:{port}"
    p.kill()
    p.wait()


def test_many_sessions(either, fast_sink):
    """1,000 messages in 20 sessions, two recipients each, to the sink; every one is accounted for."""
    m = either({"relayhost": fast_sink, "smtpd_client_connection_count_limit": "0", "in_flow_delay": "0"})
    subprocess.run(["smtp-source", "-s", "20", "-m", "1000", "-r", "2", "-l", "3000", "-f", "a@test.example", "-t", "b@remote.example",
                    f"{m.address}:{m.smtp_port}"], check=True, timeout=240)
    m.wait_log(r": removed$", count=1000, deadline=240)
    m.wait_empty()
    log = m.log()
    assert len(re.findall(r"status=sent", log)) == 2000
    assert len(set(re.findall(r"(\w+): client=", log))) == 1000
    running = log[log.index("daemon started"):]
    assert not re.search(r"warning(?!: .*heeds it)|fatal|panic|error:", running), \
        [ln for ln in running.splitlines() if re.search("warning|fatal|panic", ln)][:5]


def test_many_recipients(either):
    """One message to 1,000 recipients of one domain, into a Maildir each for some, one address for the rest."""
    m = either(start=False)
    m.setting(**mailboxes.settings(m.dir))
    m.setting(virtual_mailbox_maps="regexp:{ {/^r[0-9]*@box\\.example$$/ all/} }", smtpd_recipient_limit="2000")
    m.start()
    qid = m.send("a@test.example", [f"r{i}@box.example" for i in range(1000)])
    m.wait_log(rf"{qid}: to=<r\d+@box.example>.*status=sent", count=1000, deadline=240)
    m.wait_log(rf"{qid}: removed")
    wait_until(lambda: len(list((m.dir / "mail/all/new").iterdir())) == 1000, "1,000 files in the Maildir")

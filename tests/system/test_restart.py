# SPDX-License-Identifier: Apache-2.0
"""Stopping, starting, reloading, commands on a queue: mail is never lost (threats F5, F13)."""

import json
import os
import re
import signal
import subprocess

from instance import wait_until


def test_restart_with_mail_in_queue(either, smtp_sink):
    sink = smtp_sink()
    m = either({"relayhost": sink.nexthop, "defer_transports": "smtp"})
    ids = [m.send("a@test.example", f"r{i}@remote.example") for i in range(20)]
    for qid in ids:
        m.wait_log(rf"{qid}: to=<.*status=deferred \(deferred transport\)")
    m.stop()
    assert sorted(m.queue_ids()) == sorted(ids)
    m.setting(defer_transports="")
    m.start()
    m.run("postqueue", "-c", m.config, "-f")
    sink.wait(20)
    m.wait_empty()
    assert sorted(t for g in sink.messages for t in g["to"]) == sorted(f"r{i}@remote.example" for i in range(20))


def test_postfix_commands(either):
    m = either()
    p = m.run("postfix", "-c", m.config, "status", check=False)
    assert p.returncode == 0
    m.wait_log(r"the (Postfix|Postroad) mail system is running: PID: \d+")
    p = m.run("postfix", "-c", m.config, "start", check=False)
    assert p.returncode == 1
    m.wait_log(r"fatal: the (Postfix|Postroad) mail system is already running")
    m.run("postfix", "-c", m.config, "reload")
    m.wait_log(r"reload -- version .*, configuration " + re.escape(str(m.config)))
    m.stop()
    assert m.run("postfix", "-c", m.config, "status", check=False).returncode == 1


def test_hold_release_delete(either, smtp_sink):
    sink = smtp_sink()
    m = either({"relayhost": sink.nexthop, "defer_transports": "smtp"})
    a, b, c = (m.send("a@test.example", f"{x}@remote.example") for x in "abc")
    m.wait_log("status=deferred", count=3)
    wait_until(lambda: len(m.queue_ids("deferred")) == 3, "all are deferred")  # after the line that says so
    m.run("postsuper", "-c", m.config, "-h", a)
    m.run("postsuper", "-c", m.config, "-d", b)
    assert sorted(m.queue_ids("hold")) == [a]
    assert sorted(m.queue_ids("deferred")) == [c]
    listing = m.run("postqueue", "-c", m.config, "-p").stdout
    assert re.search(rf"^{a}!  ", listing, re.M) and b not in listing
    assert "-- " in listing and "in 2 Requests." in listing
    assert "(deferred transport)" in listing
    rows = [json.loads(line) for line in m.run("postqueue", "-c", m.config, "-j").stdout.splitlines()]
    assert {r["queue_id"]: r["queue_name"] for r in rows} == {a: "hold", c: "deferred"}
    m.run("postsuper", "-c", m.config, "-H", a)
    m.run("postsuper", "-c", m.config, "-r", c)
    m.setting(defer_transports="")
    m.run("postfix", "-c", m.config, "reload")
    m.run("postqueue", "-c", m.config, "-f")
    if m.kind != "postroad":  # Debian's qmgr that a reload ends may take the request with it
        wait_until(lambda: len(sink.messages) >= 2 or m.run("postqueue", "-c", m.config, "-f", check=False) is None, "a later flush is heard")
    sink.wait(2)
    m.wait_empty()
    m.wait_log(rf"uid=\d+ from=<a@test.example> orig_id={c}")


def test_mail_is_accepted_while_stopped(either, smtp_sink):
    """sendmail works with the system down; the message waits in maildrop."""
    sink = smtp_sink()
    m = either({"relayhost": sink.nexthop})
    m.stop()
    m.sendmail("-f", "a@test.example", "late@remote.example")
    assert len(m.queue_ids("maildrop")) == 1
    m.start()
    assert sink.wait(1)[0]["to"] == ["late@remote.example"]


def test_reload_keeps_sessions(either, smtp_sink):
    """A session that is under way during a reload goes on and its message is accepted."""
    sink = smtp_sink()
    m = either({"relayhost": sink.nexthop})
    with m.smtp() as s:
        s.ehlo()
        s.mail("a@test.example")
        m.run("postfix", "-c", m.config, "reload")
        m.wait_log("reload -- version")
        assert s.rcpt("b@remote.example")[0] == 250
        assert s.data("Subject: x\n\nhello\n")[0] == 250
    sink.wait(1)


def test_empty_queue_listing(either):
    m = either()
    assert m.run("postqueue", "-c", m.config, "-p").stdout == "Mail queue is empty\n"


def test_second_master_refuses(either):
    """Threats F9: two instances on one spool; the second refuses by lock."""
    m = either()
    p = subprocess.run([str(m.daemons / "master"), "-c", str(m.config), "-t"], capture_output=True, timeout=30)
    assert p.returncode == 1
    m.stop()
    wait_until(lambda: subprocess.run([str(m.daemons / "master"), "-c", str(m.config), "-t"], capture_output=True,
                                      timeout=30).returncode == 0, "master -t says that none runs")


def test_flush_right_after_start(mta, smtp_sink):
    """A flush that arrives while the first scan looks at a message that is not due is not lost."""
    sink = smtp_sink()
    m = mta({"relayhost": sink.nexthop, "defer_transports": "smtp"})
    for n in range(1, 7):
        m.setting(defer_transports="smtp")
        m.run("postfix", "-c", m.config, "reload")
        qid = m.send("a@test.example", f"r{n}@remote.example")
        m.wait_log(rf"{qid}: to=<.*(deferred|sent)")
        m.stop()
        m.setting(defer_transports="")
        m.run("postfix", "-c", m.config, "start")
        m.started = True
        m.run("postqueue", "-c", m.config, "-f")
        sink.wait(n)


def test_master_is_killed(mta, smtp_sink):
    """F5: the system starts again while an old process still serves its client, who gets his 250 and is logged."""
    sink = smtp_sink()
    m = mta({"relayhost": sink.nexthop})
    old = m.master_pid()
    try:
        with m.smtp() as s:
            s.ehlo()
            s.mail("a@test.example")
            s.rcpt("old@remote.example")
            os.kill(old, signal.SIGKILL)
            wait_until(lambda: m.run("postfix", "-c", m.config, "start", check=False).returncode == 0, "a new master")
            assert m.master_pid() != old
            assert s.data("Subject: x\n\nhello\n")[0] == 250
            m.send("a@test.example", "new@remote.example")
            sink.wait(2)
        m.wait_log(r"disconnect from .* data=1 .*commands=5")  # the old one
        m.wait_empty()
        assert sorted(t for g in sink.messages for t in g["to"]) == ["new@remote.example", "old@remote.example"]
        assert m.run("postqueue", "-c", m.config, "--audit", check=False).returncode == 0
    finally:
        try:
            os.killpg(old, signal.SIGKILL)  # the old log stays a while
        except ProcessLookupError:
            pass

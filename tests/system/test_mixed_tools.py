# SPDX-License-Identifier: Apache-2.0
"""Debian's commands on a system of ours, and ours on one of Debian's."""

import json
import re

import pytest

import instance
from instance import wait_until

pytestmark = pytest.mark.root

CONF = {
    "smtpd_peername_lookup": "no", "default_transport": "discard", "minimal_backoff_time": "300s", "relay_domains": "wait.example",
    "fast_flush_domains": "wait.example", "transport_maps": "inline:{{wait.example=smtp:[127.0.0.1]:1}}",
    "smtp_connection_cache_on_demand": "no",
}
DEFERRED = r"{}: to=<\w+@wait\.example>, .*status=deferred \(connect to 127"


class Tools:
    """A system and the commands of the other kind."""

    def __init__(self, make, other):
        self.m = make(CONF)
        self.own, self.other = self.m.commands, other.commands

    def run(self, program, *args, **kw):
        self.m.commands = self.other
        try:
            return self.m.run(program, "-C" if program == "sendmail" else "-c", self.m.config, *args, **kw)
        finally:
            self.m.commands = self.own

    def listing(self):
        rows = map(json.loads, self.run("postqueue", "-j").stdout.splitlines())
        return {r["queue_id"]: (r["queue_name"], [x["address"] for x in r["recipients"]]) for r in rows}


@pytest.fixture(params=["debian's on ours", "ours on debian's"])
def tools(request, mta, debian):
    if request.param == "debian's on ours":
        return Tools(mta, instance.DebianPostfix)
    return Tools(debian, instance.Instance)


def submit(t):
    """sendmail in three ways; command_directory is the system's own, so sendmail runs the postdrop of the system."""
    m = t.m
    t.run("sendmail", "-f", "a@x.example", "file@void.example", input="Subject: x\n\nhello\n")
    m.wait_log(r"to=<file@void\.example>.*status=sent")
    p = t.run("sendmail", "-bs", input="EHLO x\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<talk@void.example>\r\nDATA\r\nSubject: y\r\n\r\n"
              "z\r\n.\r\nQUIT\r\n")
    assert "250 2.0.0 Ok: queued as" in p.stdout
    m.wait_log(r"to=<talk@void\.example>.*status=sent")
    t.run("sendmail", "-bv", "-f", "a@x.example", "probe@void.example")
    m.wait_log(r"to=<probe@void\.example>.*status=deliverable")
    # The other system's postdrop, whose file the system's own pickup takes.
    m.setting(command_directory=t.other)
    t.run("sendmail", "-f", "a@x.example", "drop@void.example", input="Subject: x\n\nhello\n")
    m.wait_log(r"to=<drop@void\.example>.*status=sent")
    m.setting(command_directory=t.own)


def look_at(t, i, h):
    p = t.run("postcat", "-q", i).stdout
    assert "\nrecipient: c@wait.example\n" in p and "\nhello\n" in p
    assert "\ndone_recipient: e@void.example\n" in t.run("postcat", "-e", "-q", h).stdout
    assert t.run("postcat", "-bq", i).stdout.strip() == "hello"
    assert "connect to 127.0.0.1[127.0.0.1]:1: Connection refused" in t.run("postqueue", "-p").stdout
    want = {i: ("deferred", ["c@wait.example"]), h: ("deferred", ["d@wait.example"])}
    wait_until(lambda: t.listing() == want, "nothing but these is in the queue")


def test_tools(tools):
    t = tools
    m = t.m
    start = len(m.log())
    submit(t)
    i = m.send("a@x.example", "c@wait.example")
    h = m.send("a@x.example", ["d@wait.example", "e@void.example"])
    for x in (i, h):
        wait_until(lambda x=x: x in m.queue_ids("deferred"), f"{x} is deferred")
    look_at(t, i, h)
    t.run("postsuper", "-h", h)
    assert t.listing() == {i: ("deferred", ["c@wait.example"]), h: ("hold", ["d@wait.example"])}
    for n, args in enumerate((("-f",), ("-i", i), ("-s", "wait.example")), 2):
        t.run("postqueue", *args)
        m.wait_log(DEFERRED.format(i), count=n)
        wait_until(lambda: i in m.queue_ids("deferred"), f"{i} is deferred again")
    t.run("postsuper", "-H", h)
    t.run("postsuper", "-r", h)
    t.run("postkick", "public", "pickup", "W")
    wait_until(lambda: h not in m.queue_ids(), f"{h} was taken up under a new name")
    again = m.wait_log(rf"(\w+): uid=\d+ from=<a@x\.example> orig_id={h}")[0].group(1)
    m.wait_log(DEFERRED.format(again))
    t.run("postsuper", "-e", i)
    t.run("postqueue", "-f")
    m.wait_log(rf"{i}: from=<a@x\.example>, status=force-expired, returned to sender")
    m.wait_log(rf"{i}: removed")
    wait_until(lambda: m.queue_ids() == [again] == m.queue_ids("deferred"), "the rest is deferred")
    assert "Deleted: 1 message" in t.run("postsuper", "-d", again).stderr
    wait_until(lambda: t.run("postqueue", "-p").stdout == "Mail queue is empty\n", "the notice has been delivered")
    for args in ((), ("-s",), ("-p",)):
        t.run("postsuper", *args)
    t.run("postlog", "-t", "tag", "said")
    m.wait_log(r"tag\[\d+\]: said")
    assert [x for x in m.log()[start:].splitlines() if re.search(r"warning|error:|fatal|panic", x)] == []


def test_postfix_command(debian):
    """Our postfix command with a system of Debian's: one that knows no journal."""
    m = debian(CONF)
    t = Tools(lambda conf: m, instance.Instance)
    assert f"PID: {m.master_pid()}" in t.run("postfix", "status").stderr
    t.run("postfix", "reload")
    m.wait_log("reload -- version")
    i = m.send("a@x.example", "c@void.example")
    m.wait_log(rf"{i}: removed")
    p = t.run("postfix", "stop")
    wait_until(lambda: not m.listening(), "the master has ended")
    m.started = False
    assert "journal" not in p.stderr

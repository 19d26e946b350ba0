# SPDX-License-Identifier: Apache-2.0
"""The queue manager with files made by hand and agents played by the test."""

import contextlib
import fcntl
import os
import re
import shutil
import socket
import threading
import time

import pytest

import instance
from agent import read_list, strace
from queuefile import FakeAgent, QueueSystem, mark_done, queue_file, record, report_deferred, short_path, wait_for

TRANSPORTS = ("inline:{ {error.test=error:5.1.1 no such user}, {retry.test=retry:4.2.2 full}, "
              "{fake.test=fake:[fake]}, {fake2.test=fake:[fake2]}, {nosuch.test=nosuch:} }")


@pytest.fixture
def system():
    made = []

    def make(conf=None, start=True, **kw):
        s = QueueSystem(conf={"transport_maps": TRANSPORTS, **(conf or {})}, **kw)
        made.append(s)
        return s.start() if start else s
    yield make
    for s in made:
        s.destroy()


def test_delivered_and_removed(system):
    mta = system()
    i = mta.send("s@discard.test", ["a@x.test", "b@x.test", ("D", "c@x.test")])
    mta.wait_log(f"{i}: removed")
    assert re.search(rf"qmgr\[\d+\]: {i}: from=<s@discard.test>, size=\d+, nrcpt=3 \(queue active\)", mta.log())
    assert len(re.findall(rf"{i}: to=<[ab]@x.test>, relay=none, delay=.*status=sent", mta.log())) == 2
    assert "c@x.test" not in mta.log()
    assert mta.queue_ids() == []


def test_incomplete_and_future_files_wait(system):
    mta = system()
    unready = mta.inject("s@x.test", ["a@x.test"], mode=0o600)
    i = mta.send("s@x.test", ["b@x.test"])
    mta.wait_log(f"{i}: removed")
    assert (mta.queue / "incoming" / unready).exists()
    (mta.queue / "incoming" / unready).chmod(0o700)
    mta.wake()
    mta.wait_log(f"{unready}: removed")


def test_deferred_and_back(system):
    mta = system({"minimal_backoff_time": "1s", "maximal_backoff_time": "1s", "queue_run_delay": "1s"})
    i = mta.send("s@x.test", ["a@retry.test", "b@x.test"])
    mta.wait_log(rf"{i}: to=<a@retry.test>, relay=none, .*dsn=4.2.2, status=deferred \(full\)", count=2)
    assert len(re.findall(rf"{i}: to=<b@x.test>.*status=sent", mta.log())) == 1
    assert len(re.findall(rf"{i}: .*queue active", mta.log())) >= 2


def test_backoff_grows_with_age(system):
    mta = system({"minimal_backoff_time": "100s", "maximal_backoff_time": "1000s"})
    now = time.time()
    ids = {age: mta.inject("s@x.test", ["a@retry.test"], created=now - age) for age in (0, 500, 5000)}
    mta.wake()
    for age, want in ((0, 100), (500, 500), (5000, 1000)):
        path = mta.queue / "deferred" / ids[age][0] / ids[age]
        wait_for(f"{path} is deferred", path.exists)
        assert abs(path.stat().st_mtime - time.time() - want) < 15


def test_expired(system):
    """The last report is the defer log's; the message leaves the queue."""
    mta = system({"maximal_queue_lifetime": "1h", "bounce_queue_lifetime": "30m"})
    old = mta.inject("s@discard.test", ["a@retry.test"], created=time.time() - 4000)
    null = mta.inject("", ["b@retry.test"], created=time.time() - 2000)
    young = mta.inject("s@discard.test", ["c@retry.test"], created=time.time() - 2000)
    mta.wake()
    mta.wait_log(f"qmgr.*{old}: from=<s@discard.test>, status=expired, returned to sender")
    mta.wait_log(f"{null}: from=<>, status=expired, returned to sender")
    mta.wait_log(f"{old}: removed")
    mta.wait_log(f"{null}: removed")
    mta.wait_log(f"{young}: to=<c@retry.test>.*deferred")
    assert young in mta.queue_ids("deferred", "active")


def test_force_expired(system):
    mta = system()
    i = mta.send("s@discard.test", ["a@retry.test", "b@retry.test"])
    path = mta.queue / "deferred" / i[0] / i
    wait_for(f"{path} is deferred", path.exists)
    mta.run("postsuper", "-e", i)
    mta.wake("FADI")
    mta.wait_log(f"{i}: from=<s@discard.test>, status=force-expired, returned to sender")
    mta.wait_log(f"{i}: removed")
    fresh = mta.inject("s@discard.test", ["c@x.test"], mode=0o710)
    mta.wake()
    mta.wait_log(rf"{fresh}: to=<c@x.test>.*dsn=4.7.0, status=deferred \(message is administratively expired\)")
    mta.wait_log(f"{fresh}: removed")


def test_bounce_log_is_flushed(system):
    mta = system()
    i = mta.send("s@discard.test", ["a@error.test", "b@x.test"])
    mta.wait_log(rf"{i}: to=<a@error.test>.*dsn=5.1.1, status=bounced \(no such user\)")
    mta.wait_log(f"{i}: sender non-delivery notification")
    mta.wait_log(f"{i}: removed")


@pytest.mark.parametrize("damage", ["short", "no end", "bad record", "empty"])
def test_corrupt(system, damage):
    """F6: a damaged file goes to corrupt/, others are delivered."""
    mta = system()
    good = queue_file("s@x.test", ["a@x.test"])
    bad = {"short": good[:120], "no end": good[:-2], "bad record": good.replace(b"S\x08s@x.test", b"Q\x08s@x.test"),
           "empty": b"\0"}[damage]
    i = mta.inject(bad)
    other = mta.send(good)
    mta.wait_log(f'warning: saving corrupt file "{i}" from queue "active" to queue "corrupt"')
    mta.wait_log(f"{other}: removed")
    wait_for("the damaged file is put aside", (mta.queue / "corrupt" / i).exists)
    assert (mta.queue / "corrupt" / i).read_bytes() == bad


def test_active_is_recovered(system):
    mta = system(start=False)
    i = mta.inject("s@x.test", ["a@x.test"], queue="active")
    mta.start()
    mta.wait_log(f"{i}: removed")


def test_transport_is_not_there(system):
    """The agent cannot be reached: deferred, with the reason, and nothing else suffers."""
    mta = system()
    i = mta.send("s@x.test", ["a@nosuch.test", "b@x.test"])
    mta.wait_log(r"qmgr.*warning: connect to transport private/nosuch: No such file or directory")
    mta.wait_log(rf"{i}: to=<a@nosuch.test>, relay=none.*dsn=4.3.0, status=deferred \(mail transport unavailable\)")
    mta.wait_log(rf"{i}: to=<b@x.test>.*status=sent")


def test_retry_service_is_not_there(system):
    """qmgr defers by itself when the transport for that is gone too."""
    mta = system(start=False)
    mta.master_text = mta.master_text.replace("retry unix", "#retry unix")
    mta._write()
    mta.start()
    i = mta.send("s@x.test", ["a@nosuch.test"])
    mta.wait_log(rf"qmgr\[\d+\]: {i}: to=<a@nosuch.test>, relay=none, .*status=deferred \(mail transport unavailable\)")
    wait_for("the defer log", lambda: (mta.queue / "defer" / i[0] / i).exists())


def test_probe_without_retry_service(system):
    """The result of `sendmail -bv` is recorded by qmgr itself when there is no retry transport."""
    mta = system(start=False)
    mta.master_text = mta.master_text.replace("retry unix", "#retry unix")
    mta._write()
    mta.start()
    i = mta.send("s@discard.test", ["a@nosuch.test"], attrs=["trace_flags=512"])
    mta.wait_log(rf"qmgr\[\d+\]: {i}: to=<a@nosuch.test>, .*status=undeliverable \(mail transport unavailable\)")
    mta.wait_log(f"{i}: sender delivery status notification")
    mta.wait_log(f"{i}: removed")


def test_defer_transports(system):
    mta = system({"defer_transports": "fake"})
    i = mta.send("s@x.test", ["a@fake.test"])
    mta.wait_log(rf"{i}: to=<a@fake.test>.*dsn=4.3.2, status=deferred \(deferred transport\)")
    path = mta.queue / "deferred" / i[0] / i
    wait_for(f"{path} is deferred", path.exists)
    agent = FakeAgent(mta, "fake", lambda r: mark_done(mta, r) or (0, {}))
    mta.wake("FADI")
    mta.wait_log(f"{i}: removed")
    assert len(agent.requests) == 1


def test_flush_at_the_end_of_an_attempt(system):
    """A flush that finds a message in deferred/ while qmgr has not yet heard of its end is not lost on it."""
    mta = system({"defer_transports": "fake"})
    mta.wait_log(f"{mta.send('s@discard.test', ['a@x.test'])}: removed")
    agent = FakeAgent(mta, "fake", lambda r: mark_done(mta, r) or (0, {}))
    qmgr = re.search(r"qmgr\[(\d+)\]", mta.log()).group(1)
    calls = "rename,renameat,renameat2"
    with strace(qmgr, mta.dir / "strace", "-f", "-e", f"trace={calls}", "-e", f"inject={calls}:delay_exit=2000000"):
        i = mta.send("s@x.test", ["a@fake.test"])
        path = mta.queue / "deferred" / i[0] / i
        wait_for(f"{path} is deferred", path.exists)
        mta.wake("FADI")
        mta.wait_log(f"{i}: removed", deadline=30)
    assert len(agent.requests) == 1


@pytest.mark.parametrize("persistent", [False, True], ids=["old agent", "persistent"])
def test_agents(system, persistent):
    """An agent that closes after each request, and one that goes on."""
    mta = system({"fake_destination_concurrency_limit": "1"}, start=False)
    agent = FakeAgent(mta, "fake", lambda r: mark_done(mta, r) or (0, {}), persistent)
    mta.start()
    ids = [mta.inject("s@x.test", ["a@fake.test"]) for _ in range(5)]
    mta.wake()
    for i in ids:
        mta.wait_log(f"{i}: removed")
    assert len(agent.requests) == 5
    assert agent.most == 1
    if persistent:
        assert agent.connections < 5
    else:
        assert agent.connections >= 5
    assert agent.requests[0]["nexthop"] == "[fake]"
    assert agent.requests[0]["sender"] == "s@x.test"
    assert int(agent.requests[0]["flags"]) & ~(2048 | 4096) == 3


@pytest.mark.parametrize("form", ["smtputf8", "sendopts"])
def test_form_of_requests(system, form):
    """Agents of before 3.10 and later ones: what is refused is put again in the other form, once, and no mail waits."""
    mta = system(start=False)
    agent = FakeAgent(mta, "fake", lambda r: mark_done(mta, r) or (0, {}), form=form)
    mta.start()
    names = [["é@fake.test", "a@fake.test"], ["b@fake.test"], ["c@fake.test"], ["d@fake2.test"]]
    ids = [mta.inject("s@x.test", to) for to in names]
    mta.wake()
    for i in ids:
        mta.wait_log(f"{i}: removed")
    assert sorted(r["rcpts"] for r in agent.requests) == sorted(names)
    assert {r.get(form) for r in agent.requests if r["rcpts"] == names[0]} == {"8"}
    assert (agent.refused > 0) == (form == "smtputf8")
    told = re.findall(r"qmgr\[\d+\]: transport fake: its agents take delivery requests in the form of before 3.10", mta.log())
    assert len(told) == (form == "smtputf8")
    assert "warning: transport" not in mta.log()
    # From now on it is known: an agent that dies changes nothing.
    before, agent.behave = agent.refused, lambda r: None
    i = mta.send("s@x.test", ["e@fake.test"])
    mta.wait_log(rf"{i}: to=<e@fake.test>.*status=deferred \(unknown mail transport error\)")
    path = mta.queue / "deferred" / i[0] / i
    wait_for(f"{path} is deferred", path.exists)
    agent.behave = lambda r: mark_done(mta, r) or (0, {})
    mta.wake("FADI")
    mta.wait_log(f"{i}: removed")
    assert agent.refused == before
    assert [r["rcpts"] for r in agent.requests].count(["e@fake.test"]) == 2


@pytest.mark.parametrize("form", ["smtputf8", "sendopts"])
def test_deferred_at_first(system, form):
    """The first answer tells of deferrals, which looks like a refusal: the defer log shows that it is none."""
    mta = system(start=False)
    agent = FakeAgent(mta, "fake", lambda r: report_deferred(mta, r, "full") or (-1, {}), form=form)
    mta.start()
    i = mta.send("s@x.test", ["a@fake.test", "b@fake.test"])
    path = mta.queue / "deferred" / i[0] / i
    wait_for(f"{path} is deferred", path.exists)
    assert len(agent.requests) == 1
    refused = agent.refused
    agent.behave = lambda r: mark_done(mta, r) or (0, {})
    mta.wake("FADI")
    mta.wait_log(f"{i}: removed")
    assert agent.refused == refused == (form == "smtputf8")


def test_refused_in_every_form(system):
    """An agent that says no without a trace is asked twice, not for ever."""
    mta = system(start=False)
    agent = FakeAgent(mta, "fake", lambda r: (-1, {}))
    mta.start()
    i = mta.send("s@x.test", ["a@fake.test"])
    path = mta.queue / "deferred" / i[0] / i
    wait_for(f"{path} is deferred", path.exists)
    assert [("sendopts" in r, "smtputf8" in r) for r in agent.requests] == [(True, False), (False, True)]


def test_recipient_limit_and_grouping(system):
    mta = system({"default_destination_recipient_limit": "3"}, start=False)
    agent = FakeAgent(mta, "fake", lambda r: mark_done(mta, r) or (0, {}), True)
    mta.start()
    names = [f"r{n}@fake.test" for n in range(7)] + ["q@fake2.test"]
    i = mta.send("s@x.test", names)
    mta.wait_log(f"{i}: removed")
    assert sorted(len(r["rcpts"]) for r in agent.requests) == [1, 1, 3, 3]
    assert sorted(sum((r["rcpts"] for r in agent.requests), [])) == sorted(names)


def test_many_recipients_in_portions(system):
    """More recipients than may be in memory: each is delivered once."""
    mta = system({"qmgr_message_recipient_limit": "100", "qmgr_message_recipient_minimum": "10"}, start=False)
    agent = FakeAgent(mta, "fake", lambda r: (0, {}), True)
    mta.start()
    names = [f"r{n}@fake.test" for n in range(1050)]
    i = mta.send("s@x.test", names)
    mta.wait_log(f"{i}: removed")
    got = sum((r["rcpts"] for r in agent.requests), [])
    assert len(got) == 1050 and set(got) == set(names)
    assert agent.most <= 20


def test_dead_destination(system):
    """After failed rounds what waits is deferred without an attempt, and later mail too."""
    mta = system({"fake_initial_destination_concurrency": "2", "default_destination_recipient_limit": "2"},
                 start=False)
    agent = FakeAgent(mta, "fake", lambda r: (-1, {"status": "4.4.1", "reason": "connect to x: refused"}), True)
    mta.start()
    i = mta.send("s@x.test", [f"r{n}@fake.test" for n in range(40)])
    text = r"dsn=4.4.1, status=deferred \(delivery temporarily suspended: connect to x: refused\)"
    mta.wait_log(rf"{i}: to=<r\d+@fake.test>, relay=none, .*{text}", count=20)
    tried = len(agent.requests)
    assert tried <= 6
    later = mta.send("s@x.test", ["z@fake.test", "y@fake2.test"])
    mta.wait_log(rf"{later}: to=<z@fake.test>, relay=none, .*{text}")
    wait_for("the other destination is tried", lambda: len(agent.requests) > tried)
    assert agent.requests[-1]["rcpts"] == ["y@fake2.test"]


def test_agent_dies(system):
    mta = system(start=False)
    agent = FakeAgent(mta, "fake", lambda r: None)
    mta.start()
    i = mta.send("s@x.test", ["a@fake.test"])
    mta.wait_log("warning: transport fake failure -- see a previous warning/fatal/panic logfile record "
                 "for the problem description")
    mta.wait_log(rf"{i}: to=<a@fake.test>, relay=none, .*dsn=4.3.0, status=deferred "
                 r"\(unknown mail transport error\)")
    assert len(agent.requests) == 1


def test_endless_answer(system):
    """An answer of more attributes than any has: the agent is given up, nothing else suffers (X8)."""
    mta = system(start=False)
    agent = FakeAgent(mta, "fake", lambda r: b"x\0\0" * 300000 + b"\0")
    mta.start()
    i = mta.send("s@x.test", ["a@fake.test"])
    mta.wait_log(rf"{i}: to=<a@fake.test>.*status=deferred \(unknown mail transport error\)")
    assert len(agent.requests) == 1
    other = mta.send("s@x.test", ["b@x.test"])
    mta.wait_log(f"{other}: removed")
    assert "qmgr" not in "".join(x for x in mta.log().splitlines(True) if "master" in x and "warning" in x)


def test_long_addresses(system):
    """What a queue file may say, every program takes; what is longer is no queue file of ours."""
    mta = system()
    names = {host: "u" * 60000 + "@" + host for host in ("x.test", "error.test", "retry.test")}
    ids = {host: mta.inject("s" * 60000 + "@x.test", [name], attrs=["message_id=" + "m" * 100000, "log_helo_name=" + "h" * 100000])
           for host, name in names.items()}
    bad = mta.inject("s@x.test", ["u" * 70000 + "@x.test"])
    mta.wake()
    mta.wait_log(f"{ids['x.test']}: removed")
    mta.wait_log(f"{ids['error.test']}: sender non-delivery notification")
    mta.wait_log(f"{ids['error.test']}: removed")
    path = mta.queue / "deferred" / ids["retry.test"][0] / ids["retry.test"]
    wait_for(f"{path} is deferred", path.exists)
    mta.wait_log(f'warning: saving corrupt file "{bad}"')
    assert "malformed" not in mta.log()


def test_busy_bounce_service(system):
    """No room in the queue of its socket: the call waits, it does not fail."""
    mta = system(start=False)
    mta.master_text = mta.master_text.replace("bounce unix", "#bounce unix")
    mta._write()
    agent = FakeAgent(mta, "fake", lambda r: mark_done(mta, r) or (0, {}))
    with socket.socket(socket.AF_UNIX) as server, contextlib.ExitStack() as before:
        with short_path(mta.queue / "private/bounce") as path:
            server.bind(path)
            server.listen(1)
            (mta.queue / "private/bounce").chmod(0o666)
            while True:
                c = before.enter_context(socket.socket(socket.AF_UNIX))
                c.setblocking(False)
                try:
                    c.connect(path)
                except BlockingIOError:
                    break
        mta.start()
        ids = [mta.inject("s@x.test", ["a@fake.test"], mode=0o600) for _ in range(3)]
        for i in ids:
            (mta.queue / "bounce" / i).write_text("something")
            if os.geteuid() == 0:
                shutil.chown(mta.queue / "bounce" / i, mta.owner()[0])
            (mta.queue / "incoming" / i).chmod(0o700)  # only now may qmgr, which has just begun, take it
        mta.wake()
        wait_for("the recipients are done", lambda: len(agent.requests) == 3)
        before.close()
        server.settimeout(instance.DEADLINE)
        seen = set()
        while seen != set(ids):
            c, _ = server.accept()
            with c, c.makefile("rb") as f:
                try:
                    c.sendall(b"protocol\0delivery_status_protocol\0\0")
                    request = dict(read_list(f) or ())
                    if request:
                        seen.add(request["queue_id"])
                        c.sendall(b"status\x000\0\0")
                except OSError:
                    pass  # one of those that only were in the way
        for i in ids:
            mta.wait_log(f"{i}: removed")
    assert "failure" not in mta.log()


def test_rate_delay(system):
    mta = system({"fake_destination_rate_delay": "1s"}, start=False)
    agent = FakeAgent(mta, "fake", lambda r: mark_done(mta, r) or (0, {}), True)
    mta.start()
    ids = [mta.inject("s@x.test", ["a@fake.test"]) for _ in range(3)]
    mta.wake()
    for i in ids:
        mta.wait_log(f"{i}: removed")
    at = [r["at"] for r in agent.requests]
    assert all(b - a > 0.95 for a, b in zip(at, at[1:]))
    assert agent.most == 1


def test_recipients_of_single_recipient_transport(system):
    """With one recipient a request the concurrency counts for a recipient, not for a next hop."""
    mta = system({"fake_destination_recipient_limit": "1", "fake_destination_concurrency_limit": "1",
                  "recipient_delimiter": "+"}, start=False)
    barrier = threading.Barrier(3, timeout=30)
    agent = FakeAgent(mta, "fake", lambda r: (barrier.wait(), mark_done(mta, r), (0, {}))[2], True)
    mta.start()
    i = mta.send("s@x.test", ["a@fake.test", "b@fake.test", "c@fake.test"])
    mta.wait_log(f"{i}: removed")
    assert agent.most == 3


def test_table_change_without_restart(system):
    mta = system(start=False)
    table = mta.config / "transport"
    mta.setting(transport_maps=f"cdb:{table}", default_transport="error:nope")
    table.write_text("one.test discard:\n")
    mta.run("postmap", f"cdb:{table}")
    mta.start()
    i = mta.send("s@one.test", ["a@one.test"])
    mta.wait_log(f"{i}: removed")
    table.write_text("one.test discard:\ntwo.test discard:\n")
    mta.run("postmap", f"cdb:{table}")

    def noticed():
        mta.wake()
        return re.search("table .*transport.* has changed -- opening it anew", mta.log())
    wait_for("the change is noticed", noticed)
    i = mta.send("s@one.test", ["a@two.test"])
    mta.wait_log(f"{i}: to=<a@two.test>.*status=sent")
    assert len(set(re.findall(r"qmgr\[(\d+)\]", mta.log()))) == 1


def test_listing(system):
    mta = system()
    i = mta.send("", ["a@retry.test", "b@x.test"])
    path = mta.queue / "deferred" / i[0] / i
    wait_for(f"{path} is deferred", path.exists)
    h = mta.inject("h@x.test", ["c@x.test"], queue="hold")
    text = mta.run("postqueue", "-p").stdout
    assert re.search(rf"^{i} +\d+ .{{19}}  MAILER-DAEMON\n {{70}} *\(full\)\n {{41}}a@retry.test\n", text, re.M)
    assert re.search(rf"^{h}! ", text, re.M)
    assert "b@x.test" not in text
    assert text.endswith("-- 0 Kbytes in 2 Requests.\n")
    assert '"delay_reason": "full"' in mta.run("postqueue", "-j").stdout


def test_delay_warning(system):
    """The sender is told once, and the file says so."""
    mta = system({"minimal_backoff_time": "1s", "maximal_backoff_time": "1s", "queue_run_delay": "1s"})
    due = int(time.time()) - 10
    i = mta.send("s@discard.test", ["a@retry.test"], extra=record("W", f"{due:15d}"))
    mta.wait_log(rf"{i}: sender delay notification")
    mta.wait_log(rf"{i}: to=<a@retry.test>.*status=deferred", count=3)
    assert len(re.findall(f"{i}: sender delay notification", mta.log())) == 1
    path = mta.queue / "deferred" / i[0] / i
    wait_for(f"{path} is deferred", path.exists)
    assert record("W", f"{-1:15d}") in path.read_bytes()


def test_delay_cleared(system):
    """With confirm_delay_cleared the agent is told that a warning was sent."""
    mta = system({"confirm_delay_cleared": "yes"}, start=False)
    agent = FakeAgent(mta, "fake", lambda r: mark_done(mta, r) or (0, {}))
    mta.start()
    i = mta.send("s@discard.test", ["a@fake.test"], extra=record("W", f"{-1:15d}"))
    mta.wait_log(f"{i}: removed")
    assert int(agent.requests[0]["flags"]) & 8192


@pytest.mark.parametrize("given, nexthop", [("fake:[127.0.0.1]:10025", "[127.0.0.1]:10025"), ("fake:", "x.test")])
def test_content_filter(system, given, nexthop):
    """A filter takes the place of routing, but not for probes."""
    mta = system(start=False)
    agent = FakeAgent(mta, "fake", lambda r: mark_done(mta, r) or (0, {}))
    mta.start()
    i = mta.send("s@x.test", ["a@x.test"], extra=record("L", given))
    mta.wait_log(f"{i}: removed")
    assert [r["nexthop"] for r in agent.requests] == [nexthop]
    p = mta.send("s@x.test", ["a@x.test"], extra=record("L", given), attrs=["trace_flags=512"])
    mta.wait_log(f"{p}: to=<a@x.test>.*status=deliverable")
    assert len(agent.requests) == 1


def test_redirect(system):
    """All recipients together become one."""
    mta = system()
    i = mta.send("s@x.test", ["a@retry.test", "b@error.test", "c@x.test"], extra=record(">", "elsewhere@y.test"))
    mta.wait_log(f"{i}: removed")
    assert re.findall(rf"{i}: to=<([^>]*)>", mta.log()) == ["elsewhere@y.test"]


def test_double_bounce(system):
    mta = system({"mydestination": "local.test"})
    i = mta.send("", ["double-bounce@local.test"])
    mta.wait_log(rf"qmgr.*{i}: to=<double-bounce@local.test>, relay=none, .*dsn=2.0.0, status=sent "
                 r"\(undeliverable postmaster notification discarded\)")
    mta.wait_log(f"{i}: removed")


def test_flush_hint(system):
    """Mode 0040 revives the places of one message."""
    mta = system({"transport_retry_time": "1h"})
    i = mta.send("s@x.test", ["a@nosuch.test"])
    mta.wait_log(rf"{i}: to=<a@nosuch.test>.*mail transport unavailable")
    agent = FakeAgent(mta, "nosuch", lambda r: mark_done(mta, r) or (0, {}))
    j = mta.send("s@x.test", ["b@nosuch.test"])
    mta.wait_log(rf"{j}: to=<b@nosuch.test>.*mail transport unavailable")
    assert agent.requests == []
    k = mta.inject("s@x.test", ["c@nosuch.test"], mode=0o740)
    mta.wake()
    mta.wait_log(f"{k}: removed")
    assert [r["rcpts"] for r in agent.requests] == [["c@nosuch.test"]]


@contextlib.contextmanager
def skipped(mta):
    """The id of a message that an agent, of a queue manager that is gone, still holds locked, and that was skipped."""
    i = mta.inject("s@x.test", ["a@x.test"])
    with open(mta.queue / "incoming" / i, "rb") as f:
        fcntl.flock(f, fcntl.LOCK_SH)
        mta.start()
        mta.wait_log(f"{i}: skipped, still being delivered")
        yield i


def test_still_being_delivered(system):
    """A file that an agent holds locked is left alone for a while."""
    mta = system(start=False)
    with skipped(mta) as i:
        wait_for("it waits", lambda: (mta.queue / "incoming" / i).stat().st_mtime > time.time() + 30)
    mta.wake("AI")
    mta.wait_log(f"{i}: removed")


def test_looked_at_again(system):
    """Its agent tells nobody when it has done: a minute later the file is taken."""
    mta = system(start=False)
    with skipped(mta) as i:
        pass
    mta.wait_log(f"{i}: removed", deadline=120)


def test_slow_agent_does_not_hold_up_others(system):
    """R8: one destination that hangs costs the others nothing."""
    mta = system(start=False)
    release = threading.Event()
    FakeAgent(mta, "fake", lambda r: (release.wait(60), mark_done(mta, r), (0, {}))[2])
    mta.start()
    slow = [mta.inject("s@x.test", ["a@fake.test"]) for _ in range(30)]
    mta.wake()
    wait_for("the slow ones are active", lambda: len(re.findall("queue active", mta.log())) >= 30)
    i = mta.send("s@x.test", ["b@x.test"])
    mta.wait_log(f"{i}: removed")
    assert "removed" not in "".join(x for x in mta.log().splitlines() if any(s in x for s in slow))
    release.set()
    for s in slow:
        mta.wait_log(f"{s}: removed")


def test_long_message_lets_others_pass(system):
    mta = system({"default_destination_recipient_limit": "2", "fake_destination_concurrency_limit": "1"}, start=False)
    gate = threading.Event()
    agent = FakeAgent(mta, "fake", lambda r: (gate.wait(60), mark_done(mta, r), (0, {}))[2], True)
    mta.start()
    long = mta.send("s@x.test", [f"r{n}@fake.test" for n in range(200)])
    wait_for("the long one is under way", lambda: agent.requests)
    short = mta.send("s@x.test", ["a@fake.test"])
    mta.wait_log(f"{short}: .*queue active")
    gate.set()
    mta.wait_log(f"{long}: removed")
    assert len(agent.requests) == 101
    assert ["a@fake.test"] in [r["rcpts"] for r in agent.requests[:5]]

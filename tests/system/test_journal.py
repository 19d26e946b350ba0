# SPDX-License-Identifier: Apache-2.0
"""Young messages: in the journal until they are delivered, files as soon as anything else is to become of them."""

import asyncio
import ctypes
import fcntl
import os
import pathlib
import re
import shutil
import signal
import struct
import threading

import pytest
from aiosmtpd.controller import Controller

import instance
import journalfile
from instance import wait_until
from peers import SmtpSink
from queuefile import FakeAgent, mark_done
from test_kill import children

CONF = {"smtpd_peername_lookup": "no", "smtpd_client_connection_count_limit": "0", "minimal_backoff_time": "1s",
        "maximal_backoff_time": "1s", "queue_run_delay": "1s", "transport_retry_time": "1s", "service_throttle_time": "1s"}


class Watch:
    """Names of files that appear in directories (inotify)."""

    def __init__(self, *paths):
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self.seen = []
        for p in paths:
            assert libc.inotify_add_watch(self.fd, os.fsencode(p), 0x100 | 0x80) >= 0  # created, moved to

    def names(self):
        try:
            data = os.read(self.fd, 1 << 20)
        except BlockingIOError:
            data = b""
        while data:
            length = struct.unpack_from("iIII", data)[3]
            self.seen.append(data[16:16 + length].rstrip(b"\0").decode())
            data = data[16 + length:]
        return self.seen

    def close(self):
        os.close(self.fd)


def settled(m, w):
    """Ids that were given a file, other than those whose first attempt took long on a busy machine: they get one."""
    slow = {i for i, delay in re.findall(r": (\w+): to=<.*, delay=([\d.]+), ", m.log()) if float(delay) > 2}
    return sorted(set(w.names()) - slow)


class Gate(SmtpSink):
    """A sink that answers to the end of data of held recipients only after release(); `waiting` counts these."""

    def __init__(self, *held):
        self.held, self.waiting, self.tried = set(held), 0, []
        super().__init__()

    def _start(self):
        gate = self

        class Handler:
            async def handle_RCPT(self, server, session, envelope, address, options):
                reply = gate.rcpt_reply(address)
                if reply.startswith("250"):
                    envelope.rcpt_tos.append(address)
                return reply

            async def handle_DATA(self, server, session, envelope):
                gate.tried += envelope.rcpt_tos
                gate.waiting += 1
                while gate.held & set(envelope.rcpt_tos):
                    await asyncio.sleep(0.01)
                gate.waiting -= 1
                gate.messages.append({"from": envelope.mail_from, "to": list(envelope.rcpt_tos), "data": envelope.original_content})
                return "250 2.0.0 Ok: taken"
        self.controller = Controller(Handler(), hostname=self.address, port=self.port, data_size_limit=2**26)
        self.controller.start()

    def release(self):
        self.held = set()

    def close(self):
        self.release()
        super().close()


@pytest.fixture
def gate():
    made = []

    def make(*held):
        made.append(Gate(*held))
        return made[-1]
    yield make
    for g in made:
        g.close()


def system(make, sink, conf=None, warm=True, **kw):
    """A system that relays to a sink, with the transport known as one of ours."""
    m = make({**CONF, "relayhost": sink.nexthop, **(conf or {})}, **kw)
    if warm:
        warm_up(m)
    return m


def warm_up(m):
    """The first message of a transport becomes a file: its agents might be Postfix's."""
    i = m.send("warm@test.example", "warm@remote.example")
    m.wait_log(f"{i}: removed")


def warnings(m):
    """What our daemons complain of; not what `postfix start` says of the test's directories."""
    return [text for program, text in m.events() if re.match("warning|error|fatal|panic", text)
            and program not in ("postfix-script", "master")]


def is_young(m, ident):
    return ident in journalfile.live(m)


def recipients(m, ident, queue):
    """What postcat says of a message's recipients: (done, to do)."""
    text = m.run("postcat", "-c", m.config, "-v", "-e", path_of(m, ident, queue)).stdout
    return re.findall(r"done_recipient: (\S+)", text), re.findall(r"[^_]recipient: (\S+)", text)


def path_of(m, ident, *queues):
    for q in queues:
        for p in (m.queue / q).rglob(ident):
            return p
    return None


def test_no_file_at_all(mta, smtp_sink):
    """By SMTP and by sendmail: log lines as ever, nothing in incoming/ or active/, all records "removed"."""
    sink = smtp_sink()
    m = system(mta, sink)
    w = Watch(m.queue / "incoming", m.queue / "active")
    ids = [m.send("s@test.example", f"r{n}@remote.example") for n in range(20)]
    ids += [m.send("s@test.example", [f"m{n}@remote.example" for n in range(30)])]
    m.sendmail("-f", "local@test.example", "local@remote.example")
    for i in ids:
        m.wait_log(f"{i}: removed$")
        assert re.search(rf"qmgr\[\d+\]: {i}: from=<s@test.example>, size=\d+, nrcpt=\d+ \(queue active\)$", m.log(), re.M)
        assert re.search(rf"smtp\[\d+\]: {i}: to=<\w+@remote.example>, relay=.*, delay=.*, dsn=2.0.0, status=sent", m.log())
    sink.wait(23)
    m.wait_log(": removed$", 23)
    assert settled(m, w) == []
    w.close()
    assert {s for _, s, _ in journalfile.records(m)} <= {"R", "S"}
    assert set(ids) <= {i for i, _, _ in journalfile.records(m)}
    assert sum(len(g["to"]) for g in sink.messages) == 1 + 20 + 30 + 1
    assert warnings(m) == []


@pytest.mark.parametrize("conf", [
    {"qmgr_message_recipient_limit": "20", "qmgr_message_recipient_minimum": "10"},
    {"transport_maps": "unix:passwd.byname"},
    {"smtp_destination_recipient_limit": "1", "smtp_destination_concurrency_limit": "20"},
    {"enable_long_queue_ids": "yes", "hash_queue_names": "incoming, active, deferred, defer, bounce"},
], ids=["portions", "slow table", "one each", "long ids"])
def test_many_recipients(mta, smtp_sink, conf):
    """Recipients that are read in portions, routed by a worker, sent one by one: each once, no file."""
    sink = smtp_sink()
    m = system(mta, sink, conf)
    w = Watch(m.queue / "incoming", m.queue / "active")
    ids = [m.send("s@test.example", [f"r{n}.{i}@remote.example" for i in range(95)]) for n in range(3)]
    for i in ids:
        m.wait_log(f"{i}: removed$")
    arrived = sorted(t for g in sink.messages for t in g["to"] if t[0] == "r")
    assert arrived == sorted(f"r{n}.{i}@remote.example" for n in range(3) for i in range(95))
    assert settled(m, w) == []
    w.close()
    assert journalfile.live(m) == [] and warnings(m) == []


def test_deferred_is_a_file(mta, smtp_sink):
    """The marks of those that were delivered are in it; a later attempt is for the others only."""
    sink = smtp_sink(refuse={"full@remote.example": "450 4.2.2 full"})
    m = system(mta, sink)
    i = m.send("s@test.example", ["a@remote.example", "full@remote.example", "b@remote.example"])
    m.wait_log(rf"{i}: to=<full@remote.example>.*status=deferred")
    wait_until(lambda: i in m.queue_ids("deferred"), "it is in deferred/")
    assert i not in journalfile.live(m)
    done, left = recipients(m, i, "deferred")
    assert sorted(done) == ["a@remote.example", "b@remote.example"] and left == ["full@remote.example"]
    sink.refuse.clear()
    m.run("postqueue", "-c", m.config, "-i", i)
    m.wait_log(f"{i}: removed")
    assert sorted(t for g in sink.messages[1:] for t in g["to"]) == ["a@remote.example", "b@remote.example", "full@remote.example"]


def test_bounced(mta, smtp_sink):
    """The bounce service wants a file; the notice has the message."""
    sink = smtp_sink(refuse={"bad@remote.example": "550 5.1.1 no such user"})
    m = system(mta, sink)
    i = m.send("s@remote.example", ["a@remote.example", "bad@remote.example"], "Subject: to be bounced\n\nx\n")
    m.wait_log(rf"{i}: to=<bad@remote.example>.*status=bounced")
    m.wait_log(f"{i}: sender non-delivery notification")
    m.wait_log(f"{i}: removed")
    sink.wait(3)
    notice = next(g for g in sink.messages if "MAILER-DAEMON" in g["data"].decode())
    assert notice["to"] == ["s@remote.example"] and b"Subject: to be bounced" in notice["data"]
    m.wait_empty()
    assert journalfile.live(m) == []


def test_success_notice(mta, smtp_sink):
    """NOTIFY=SUCCESS: the trace log's report."""
    sink = smtp_sink()
    m = system(mta, sink)
    with m.smtp() as s:
        s.sendmail("s@remote.example", ["a@remote.example"], "Subject: traced\r\n\r\nx\r\n", rcpt_options=["NOTIFY=SUCCESS"])
    sink.wait(3)
    assert any(b"Successful Mail Delivery Report" in g["data"] for g in sink.messages)
    m.wait_log(": removed", 3)
    m.wait_empty()
    assert journalfile.live(m) == []


def mixed(m, *programs):
    """Replace some of our daemons by Debian's."""
    d = m.dir / "libexec"
    d.mkdir()
    d.chmod(0o755)
    for p in m.daemons.iterdir():
        if p.is_file():
            (d / p.name).symlink_to(instance.DEBIAN_DAEMONS / p.name if p.name in programs else p)
    m.setting(daemon_directory=d)
    return m.start()


@pytest.mark.parametrize("persistent", [False, True], ids=["theirs", "ours"])
def test_agents(mta, smtp_sink, persistent):
    """An agent of the kind that knows of no journal gets files only; one that greets again does not, from its second request on."""
    m = system(mta, smtp_sink(), {"transport_maps": "inline:{{fake.example=fake:[there]}}"})
    seen, before = [], len(journalfile.records(m))

    def behave(request):
        path = m.queue / "active" / request["queue_id"]
        seen.append(("journal" in request, path.exists()))
        if path.exists():
            mark_done(m, request)
        return 0, {}
    agent = FakeAgent(m, "fake", behave, persistent)
    for n in range(5):
        i = m.send("s@test.example", [f"a{n}@fake.example", f"b{n}@fake.example"])
        m.wait_log(f"{i}: removed")
    agent.close()
    assert seen == [(False, True)] + [(persistent, not persistent)] * 4
    assert journalfile.live(m) == [] and len(journalfile.records(m)) - before == 5
    assert warnings(m) == []


@pytest.mark.root
def test_debians_qmgr(mta, debian, smtp_sink):
    """Nobody reads the journal: none is written."""
    sink = smtp_sink()
    m = mixed(system(mta, sink, start=False, warm=False), "qmgr")
    w = Watch(m.queue / "incoming")
    i = m.send("s@test.example", "r@remote.example")
    m.wait_log(f"{i}: removed")
    assert i in w.names()
    w.close()
    assert journalfile.records(m) == []


def test_large_is_a_file(mta, smtp_sink):
    sink = smtp_sink()
    m = system(mta, sink)
    w = Watch(m.queue / "incoming")
    i = m.send("s@test.example", "r@remote.example", "Subject: large\n\n" + "x" * 70 + "\n" * 1 + ("y" * 70 + "\n") * 40000)
    m.wait_log(f"{i}: removed")
    assert i in w.names()
    w.close()
    assert i not in {x for x, _, _ in journalfile.records(m)}


def test_slow_is_settled(mta, gate):
    """An attempt that takes long: the message becomes a file meanwhile, and what the agent marks gets there."""
    sink = gate("slow@remote.example")
    m = system(mta, sink, {"smtp_destination_recipient_limit": "1", "smtp_destination_concurrency_limit": "5"})
    i = m.send("s@test.example", ["slow@remote.example", "quick@remote.example", "full@remote.example"])
    wait_until(lambda: sink.waiting, "the sink keeps the agent waiting")
    assert is_young(m, i)
    assert re.search(rf"^{i}\*? ", m.run("postqueue", "-c", m.config, "-p").stdout, re.M)
    sink.refuse["later@remote.example"] = "450 no"
    wait_until(lambda: i in m.queue_ids("active"), "it is a file in active/")
    wait_until(lambda: not is_young(m, i), "its record says so")
    assert set(recipients(m, i, "active")[1]) == {"slow@remote.example"}
    sink.release()
    m.wait_log(f"{i}: removed")
    m.wait_empty()
    assert len(sink.messages) == 4


def test_marks_after_settling(mta, gate):
    """The recipient whose request was under way when its message was settled is not tried again."""
    sink = gate("slow@remote.example")
    sink.refuse["full@remote.example"] = "450 4.2.2 full"
    m = system(mta, sink, {"smtp_destination_recipient_limit": "1"})
    i = m.send("s@test.example", ["slow@remote.example", "full@remote.example"])
    wait_until(lambda: i in m.queue_ids("active"), "it is a file in active/")
    sink.release()
    m.wait_log(rf"{i}: to=<slow@remote.example>.*status=sent")
    wait_until(lambda: i in m.queue_ids("deferred"), "it is in deferred/")
    assert recipients(m, i, "deferred") == (["slow@remote.example"], ["full@remote.example"])
    sink.refuse.clear()
    m.wait_log(f"{i}: removed")
    assert sink.tried.count("slow@remote.example") == 1


@pytest.mark.parametrize("option", ["-d", "-h", "-r", "-e"])
def test_postsuper_all(mta, gate, option):
    """A tool finds files: those that are being delivered too."""
    sink = gate(*[f"r{n}@remote.example" for n in range(5)])
    m = system(mta, sink, {"smtp_destination_concurrency_limit": "2"})
    ids = [m.send("s@test.example", f"r{n}@remote.example") for n in range(5)]
    wait_until(lambda: sink.waiting == 2, "two are being delivered")
    p = m.run("postsuper", "-c", m.config, option, "ALL")
    assert "5 messages" in p.stderr or "5 messages" in m.log(), p.stderr
    assert journalfile.live(m) == []
    if option == "-d":
        assert m.queue_ids() == []
    elif option == "-h":
        assert sorted(m.queue_ids("hold")) == sorted(ids)
        m.run("postsuper", "-c", m.config, "-H", "ALL")
        m.run("postqueue", "-c", m.config, "-f")
    sink.release()
    if option == "-r":
        m.run("postkick", "-c", m.config, "public", "pickup", "W")
    m.wait_empty()
    arrived = {t for g in sink.messages for t in g["to"]}
    if option == "-d":
        assert "r4@remote.example" not in arrived
    elif option in ("-h", "-r"):
        assert {f"r{n}@remote.example" for n in range(5)} <= arrived


def test_active_queue_is_full(mta, gate):
    """What has no room waits in the journal, and is delivered when there is room."""
    sink = gate("r0@remote.example", "r1@remote.example")
    m = system(mta, sink, {"qmgr_message_active_limit": "2", "smtp_destination_concurrency_limit": "2"})
    ids = [m.send("s@test.example", f"r{n}@remote.example") for n in range(10)]
    wait_until(lambda: sink.waiting == 2, "two are being delivered")
    assert {i for i in ids if is_young(m, i)} >= set(ids[2:])
    assert f"{ids[5]}: from=" not in m.log()
    sink.release()
    for i in ids:
        m.wait_log(f"{i}: removed")
    assert journalfile.live(m) == []


def test_small_segments_under_load(mta, smtp_sink):
    """Segments of 1 MiB, four of them, mail of 60 kB, a sink that is slow at first: nothing stands still, nothing is lost."""
    sink = smtp_sink(refuse={})
    m = system(mta, sink, {"queue_journal_segment_size": "1048576", "queue_journal_limit": "4194304"})
    text = "Subject: %d\r\n\r\n" + ("x" * 70 + "\r\n") * 800
    failed = []

    def send(part):
        try:
            with m.smtp() as s:
                for n in range(part * 100, part * 100 + 100):
                    s.sendmail("s@test.example", [f"r{n}@remote.example"], text % n)
        except Exception as e:  # told by the test
            failed.append(e)
    threads = [threading.Thread(target=send, args=(p,)) for p in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert failed == []
    m.wait_log(": removed$", 401, 4 * instance.DEADLINE)
    assert sorted(int(g["to"][0][1:].split("@")[0]) for g in sink.messages if g["to"][0][0] == "r") == list(range(400))
    assert journalfile.live(m) == [] and m.queue_ids() == []
    assert sum(p.stat().st_size for p in (m.queue / "journal").glob("[0-9]*")) <= 4194304
    assert warnings(m) == []


def kill_qmgr(m):
    """The next message makes master start another."""
    pid = next(p for p, name in children(m.master_pid()) if name == "qmgr")
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists(), "qmgr is gone")


def test_kill_with_requests_under_way(mta, gate):
    """The agents go on: what they deliver is not delivered by the next queue manager, while or after they do."""
    sink = gate("slow@remote.example")
    sink.refuse["full@remote.example"] = "450 4.2.2 full"
    m = system(mta, sink, {"smtp_destination_recipient_limit": "1", "queue_run_delay": "3s", "minimal_backoff_time": "3s",
                           "maximal_backoff_time": "3s"})
    i = m.send("s@test.example", ["slow@remote.example", "quick@remote.example", "full@remote.example"])
    m.wait_log(rf"{i}: to=<quick@remote.example>.*status=sent")
    m.wait_log(rf"{i}: to=<full@remote.example>.*status=deferred")
    wait_until(lambda: sink.waiting, "the sink keeps the agent waiting")
    assert is_young(m, i)
    kill_qmgr(m)
    other = m.send("s@test.example", "other@remote.example")
    m.wait_log(f"{other}: removed")
    assert sink.tried.count("slow@remote.example") == 1
    sink.release()
    m.wait_log(rf"{i}: to=<slow@remote.example>.*status=sent")
    sink.refuse.clear()
    m.wait_log(f"{i}: removed")
    assert sink.tried.count("slow@remote.example") == 1 and sink.tried.count("quick@remote.example") == 1
    assert sorted(t for g in sink.messages for t in g["to"] if t[0] in "sqf") == [
        "full@remote.example", "quick@remote.example", "slow@remote.example"]
    m.wait_empty()
    assert journalfile.live(m) == []


def test_kill_of_a_settled_one(mta, gate):
    """The same when the message was a file already, and its request is under way on the image."""
    sink = gate("slow@remote.example")
    m = system(mta, sink)
    i = m.send("s@test.example", ["slow@remote.example"])
    wait_until(lambda: i in m.queue_ids("active"), "it is a file in active/")
    kill_qmgr(m)
    other = m.send("s@test.example", "other@remote.example")
    m.wait_log(f"{other}: removed")
    sink.release()
    m.wait_log(rf"{i}: to=<slow@remote.example>.*status=sent")
    m.wait_empty()
    assert sink.tried.count("slow@remote.example") == 1


def test_switch_off_and_on(mta, smtp_sink):
    sink = smtp_sink()
    m = system(mta, sink)
    m.setting(queue_journal="no")
    m.run("postfix", "-c", m.config, "reload")
    w = Watch(m.queue / "incoming")

    def by_file():
        i = m.send("s@test.example", "off@remote.example")
        m.wait_log(f"{i}: removed")
        return i in w.names()
    wait_until(by_file, "messages are files again")
    m.setting(queue_journal="yes")
    m.run("postfix", "-c", m.config, "reload")
    wait_until(lambda: not by_file(), "and young ones again")
    w.close()


def test_stop_leaves_files(mta, gate):
    sink = gate("slow@remote.example")
    m = system(mta, sink)
    ids = [m.send("s@test.example", "slow@remote.example") for _ in range(3)]
    wait_until(lambda: sink.waiting, "the sink keeps agents waiting")
    m.stop()
    assert journalfile.live(m) == []
    assert sorted(m.queue_ids()) == sorted(ids)
    sink.release()
    m.start()
    for i in ids:
        m.wait_log(f"{i}: removed")


@pytest.mark.root
def test_to_debian_and_back(mta, debian, gate):
    """Young messages of ours are delivered by Debian's Postfix after a stop; what it leaves is delivered by us."""
    sink = gate("slow@remote.example")
    m = system(mta, sink)
    for _ in range(3):
        m.send("s@test.example", "slow@remote.example")
    wait_until(lambda: sink.waiting, "the sink keeps agents waiting")
    m.stop()
    sink.release()
    delivered = len(sink.messages)
    d = debian({**CONF, "relayhost": sink.nexthop}, directory=m.dir, start=False)
    d.log_path.unlink()
    d.log_path.touch()
    shutil.chown(d.log_path, d.owner()[0])  # its postsuper, which names the files by their inodes, logs there itself
    d.start()
    d.wait_log(": removed", 3)
    assert len(sink.messages) >= delivered + 3
    sink.refuse["full@remote.example"] = "450 4.2.2 full"
    i = d.send("s@test.example", ["full@remote.example", "a@remote.example"])
    d.wait_log(rf"{i}: to=<full@remote.example>.*status=deferred")
    d.stop()
    sink.refuse.clear()
    m._write()
    m.start()
    m.wait_log(f"{i}: removed")
    assert sink.tried.count("a@remote.example") == 1


def test_second_reader_is_refused(mta, smtp_sink):
    """Somebody else reads this queue's journal: our queue manager does not start beside it."""
    sink = smtp_sink()
    m = system(mta, sink)
    m.stop()
    with open(m.queue / "journal/state", "r+b", buffering=0) as f:
        f.seek(8)
        f.write(b"\1\0\0\0")  # it is ready
        fcntl.fcntl(f, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 1, 0))  # F_OFD_SETLK of byte 0
        m.start()
        m.run("postkick", "-c", m.config, "public", "qmgr", "W")
        m.wait_log(r"qmgr\[\d+\]: fatal: .*journal")
        i = m.send("s@test.example", "r@remote.example")
    m.wait_log(f"{i}: removed")


def test_programs_agree(mta, gate):
    """Listing and postcat of a young message, as of a file."""
    sink = gate("slow@remote.example")
    m = system(mta, sink)
    i = m.send("s@test.example", "slow@remote.example", "Subject: young\n\nx\n")
    wait_until(lambda: sink.waiting, "the sink keeps an agent waiting")
    assert is_young(m, i)
    listing = m.run("postqueue", "-c", m.config, "-p").stdout
    assert re.search(rf"^{i}\* .* s@test.example$", listing, re.M) and "slow@remote.example" in listing
    assert "Subject: young" in m.run("postcat", "-c", m.config, "-q", i).stdout
    sink.release()
    m.wait_log(f"{i}: removed")


def test_reloads_in_a_row(mta):
    """A new queue manager waits for the one before it to let go of the journal; no mail waits for a minute."""
    m = mta({"default_transport": "discard"})
    for _ in range(15):
        m.run("postfix", "-c", m.config, "reload")
        m.send("a@test.example", ["b@remote.example"])
    m.wait_empty()
    assert "another reader" not in m.log() and "throttling" not in m.log()


def test_listing_is_whole_or_says_so(mta, smtp_sink):
    """What showq cannot read is not an empty queue: postqueue shows the rest and fails (promise 3)."""
    m = system(mta, smtp_sink(), {"defer_transports": "smtp"}, warm=False)
    i = m.send("s@test.example", "r@remote.example")
    m.wait_log(f"{i}: to=<r@remote.example>, .*status=deferred")
    wait_until(lambda: i in m.queue_ids("deferred"), "the message is a file")
    for place in ("journal", "hold"):
        mode = (m.queue / place).stat().st_mode & 0o7777
        (m.queue / place).chmod(0)
        try:
            p = m.run("postqueue", "-c", m.config, "-p", check=False)
        finally:
            (m.queue / place).chmod(mode)
        assert p.returncode == 69 and "premature end of the queue listing" in p.stderr, (place, p)
        assert i in p.stdout
        m.wait_log(rf"showq\[\d+\]: warning: {place}: Permission denied: the listing is incomplete")
    assert i in m.run("postqueue", "-c", m.config, "-p").stdout

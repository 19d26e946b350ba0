# SPDX-License-Identifier: Apache-2.0
"""The loads: each runs one system and returns its figures."""

import os
import pathlib
import shutil
import smtplib
import socket
import subprocess
import sys
import tempfile
import threading
import time

import systems
from instance import free_port, loopback_address, wait_until

DISK = None  # name in /proc/diskstats of the disk below /tmp


def flushes():
    """Flush requests that the disk has completed since boot."""
    global DISK
    if DISK is None:
        st = os.stat(tempfile.gettempdir())
        DISK = f"{os.major(st.st_dev)}:{os.minor(st.st_dev)}"
    for line in pathlib.Path("/proc/diskstats").read_text().splitlines():
        f = line.split()
        if f"{f[0]}:{f[1]}" == DISK and len(f) > 18:
            return int(f[18])
    return 0


PROGRAMS = pathlib.Path(os.environ["POSTROAD_MESON_BUILD"]) / "bench"
# Source and sink stand for other hosts: an answer that arrives does not stop the system that they measure.
BATCH = ["chrt", "-b", "0"] if os.sched_getscheduler(0) == os.SCHED_OTHER else []
POSTFIX_LOAD = False  # smtp-source and smtp-sink instead of ours
DEADLINE = 60.0  # seconds for sending, and again for delivering, what a load sends
OPENING = 1000  # connections without a greeting, where the kernel does not tell the server's queue


class Sink:
    """A server that counts what it gets."""

    def __init__(self):
        self.address = loopback_address()
        self.port = free_port(self.address)
        self.out = tempfile.TemporaryFile()
        # Far more sessions than anybody opens: at its limit smtp-sink accepts nothing until idle ones time out.
        command = ["smtp-sink", "-u", "nobody", "-c", "-m", "2000", f"{self.address}:{self.port}", "1000"] if POSTFIX_LOAD else \
            [PROGRAMS / "sink", self.address, str(self.port)]
        self.p = subprocess.Popen([*BATCH, *command], stdout=self.out, stderr=subprocess.DEVNULL)
        wait_until(self._up, "the sink listens")

    def _up(self):
        try:
            socket.create_connection((self.address, self.port), 1).close()
            return True
        except OSError:
            return False

    @property
    def target(self):
        return self.address, self.port

    def _number(self, i):
        return int.from_bytes(os.pread(self.out.fileno(), 8, 8 * i), sys.byteorder)

    def recipients(self):
        """Recipients of all messages so far; None when the sink does not count them."""
        return None if POSTFIX_LOAD else self._number(1)

    def count(self):
        if not POSTFIX_LOAD:
            return self._number(0)
        size = os.fstat(self.out.fileno()).st_size
        tail = os.pread(self.out.fileno(), 200, max(0, size - 200)).split(b"mesg=")
        # The last number may be half written: the one before it then counts.
        whole = [t.split(b"\r")[0] for t in tail[1:] if b"\r" in t]
        return int(whole[-1]) if whole else 0

    def close(self):
        self.p.kill()
        self.p.wait()
        self.out.close()


class Boxes:
    """A Maildir's owner."""

    def __init__(self):
        self.target = pathlib.Path(tempfile.mkdtemp(prefix="postroad-bench-box-"))
        self.target.chmod(0o755)
        os.chown(self.target, systems.NOBODY, systems.NOBODY)

    def count(self):
        try:
            return len(os.listdir(self.target / "box/new"))
        except OSError:
            return 0

    def close(self):
        shutil.rmtree(self.target, ignore_errors=True)


class Nowhere:
    """Mail is discarded: only acceptance counts."""

    target = "discard"
    count = None

    def close(self):
        pass


def backlog(at):
    """How many new connections a server's listening socket queues, as the kernel tells it."""
    try:
        lines = subprocess.run(["ss", "-Hltn", "src", "{}:{}".format(*at)], capture_output=True, text=True).stdout.splitlines()
    except OSError:
        return OPENING
    queues = [int(line.split()[2]) for line in lines if line.split()[2:]]
    return min([OPENING, *(q for q in queues if q > 0)])


def source(at, messages, size, sessions, domain, recipients=1, kept=False):
    """Send: one message a connection, or all of a session's over one."""
    many = (["-r", str(recipients)] if recipients > 1 else []) + (["-d"] if kept else [])
    command = ["smtp-source", "-s", str(sessions), "-m", str(messages), "-l", str(size), "-f", "a@test.example", "-t",
               f"b@{domain}", *many, "{}:{}".format(*at)] if POSTFIX_LOAD else \
        [PROGRAMS / "source", *map(str, (*at, sessions, messages, size, recipients, domain, "kept" if kept else "each",
                                         backlog(at)))]
    try:
        p = subprocess.run([*BATCH, *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=DEADLINE)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"does not take {messages} messages in {DEADLINE:.0f} s") from None
    assert p.returncode == 0, f"does not take {messages} messages: {p.stderr.decode(errors='replace').strip()[-200:]}"


def throughput(cls, to, messages, size, sessions, recipients=1, kept=False):
    """Rates from the first connection on, CPU, memory and flushes a message."""
    end = to()
    domain = "local.example" if to is Boxes else "remote.example"
    s = cls(end.target)
    try:
        at = s.start()
        source(at, 20, size, 2, domain)
        if end.count:
            wait_until(lambda: end.count() >= 20, "warm-up is delivered", DEADLINE)
        # One message to many recipients of one domain may come as several: then recipients are counted.
        taken, each = (end.recipients, recipients) if recipients > 1 and end.recipients() is not None else (end.count, 1)
        before = taken() if taken else 0
        cpu0, flush0, t0 = systems.cpu_seconds(s), flushes(), time.monotonic()
        source(at, messages, size, sessions, domain, recipients, kept)
        accepted = time.monotonic() - t0
        if taken and each == recipients:
            arrive(lambda: taken() - before, messages * each)
            seconds = time.monotonic() - t0
        elif taken:
            seconds = wait_steady(end) - t0
        out = {"msg/s": messages / seconds} if taken else {}
        out["accepted msg/s"] = messages / accepted
        out["CPU ms a message"] = (systems.cpu_seconds(s) - cpu0) * 1000 / messages
        out["memory MB"] = systems.memory(s) / 1e6
        out["flushes a message"] = (flushes() - flush0) / messages
        return out
    finally:
        s.close()
        end.close()


def arrive(count, wanted):
    """Wait until so many have arrived; fails with the number that has."""
    try:
        wait_until(lambda: count() >= wanted, "delivery", DEADLINE)
    except AssertionError:
        raise AssertionError(f"delivers {count()} of {wanted} in {DEADLINE:.0f} s") from None


def wait_steady(end, quiet=1.0):
    """Until nothing has arrived for a while; the moment of the last arrival."""
    last, since = end.count(), time.monotonic()
    while time.monotonic() - since < quiet:
        time.sleep(0.02)
        if end.count() != last:
            last, since = end.count(), time.monotonic()
    return since


class StampSink(threading.Thread):
    """A minimal server that notes when each numbered message was complete."""

    def __init__(self):
        super().__init__(daemon=True)
        self.address = loopback_address()
        self.sock = socket.create_server((self.address, 0), backlog=100)
        self.port = self.sock.getsockname()[1]
        self.seen, self.taken, self.lock = {}, 0, threading.Lock()

    def run(self):
        while True:
            try:
                c, _ = self.sock.accept()
            except OSError:
                return
            c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(c,), daemon=True).start()

    def close(self):
        """No thread may wait at a descriptor that the next sink gets."""
        self.sock.shutdown(socket.SHUT_RDWR)
        self.join()
        self.sock.close()

    def serve(self, c):
        f = c.makefile("rb")
        c.sendall(b"220 sink ESMTP\r\n")
        number = None
        while line := f.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                c.sendall(b"354 go\r\n")
                while (line := f.readline()) not in (b".\r\n", b""):
                    if line.startswith(b"Subject: ") and line[9:].strip().isdigit():
                        number = int(line[9:])
                if not line:
                    break
                with self.lock:
                    self.taken += 1
                self.seen[number] = time.monotonic()
                c.sendall(b"250 2.0.0 Ok\r\n")
            elif verb == b"QUIT":
                c.sendall(b"221 bye\r\n")
                break
            else:
                c.sendall(b"250-sink\r\n250 PIPELINING\r\n" if verb == b"EHLO" else b"250 Ok\r\n")
        c.close()


def latency(cls, messages, clients):
    """Percentiles in ms of "end of data to 250" and "250 to delivered"."""
    sink = StampSink()
    sink.start()
    s = cls((sink.address, sink.port))
    accept, acked, failed = [], {}, []
    try:
        at = s.start()
        # The agents' start is not what is measured.
        source(at, 20, 100, 4, "remote.example")
        wait_until(lambda: sink.taken >= 20, "warm-up is delivered", DEADLINE)

        def client(numbers):
            try:
                session(numbers)
            except (OSError, smtplib.SMTPException, AssertionError) as e:
                failed.append(f"{type(e).__name__}: {e}")

        def session(numbers):
            with smtplib.SMTP(*at, local_hostname="client.test.example", timeout=60) as c:
                c.ehlo()
                for n in numbers:
                    c.mail("a@test.example")
                    c.rcpt("b@remote.example")
                    c.putcmd("data")
                    c.getreply()
                    t = time.monotonic()
                    c.send(f"Subject: {n}\r\n\r\n".encode() + b"x" * 70 + b"\r\n.\r\n")
                    code, text = c.getreply()
                    assert code == 250, f"{code} {text}"
                    acked[n] = time.monotonic()
                    accept.append(acked[n] - t)
        threads = [threading.Thread(target=client, args=(range(i, messages, clients),)) for i in range(clients)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert not failed, f"does not take {messages} messages: {failed[0]}"
        arrive(lambda: len(acked.keys() & sink.seen.keys()), messages)
    finally:
        s.close()
        sink.close()
    through = [max(0.0, sink.seen[n] - acked[n]) for n in acked]
    pick = lambda v, p: sorted(v)[min(len(v) - 1, int(len(v) * p))] * 1000  # noqa: E731
    return {"accept p50 ms": pick(accept, .5), "accept p99 ms": pick(accept, .99), "deliver p50 ms": pick(through, .5),
            "deliver p99 ms": pick(through, .99)}


def idle_memory(cls):
    """Resident memory of the system at rest, after one message."""
    end = Sink()
    s = cls(end.target)
    try:
        at = s.start()
        source(at, 1, 4096, 1, "remote.example")
        wait_until(lambda: end.count() >= 1, "one message is delivered", DEADLINE)
        return {"memory MB": systems.memory(s) / 1e6}
    finally:
        s.close()
        end.close()


# ---- what the machine could do ----

def no_server(messages, size, sessions, kept=False):
    """The source straight into the sink."""
    sink = Sink()
    try:
        t0 = time.monotonic()
        source(sink.target, messages, size, sessions, "remote.example", kept=kept)
        return {"msg/s": messages / (time.monotonic() - t0)}
    finally:
        sink.close()


def group_commit(messages, size, writers):
    """Threads that append to one preallocated file; one fdatasync for all that wait."""
    with tempfile.TemporaryDirectory() as d:
        fd = os.open(d + "/segment", os.O_RDWR | os.O_CREAT)
        os.pwrite(fd, bytes(messages * size), 0)
        os.fsync(fd)
        lock, state = threading.Condition(), {"next": 0, "done": 0, "busy": False}
        data = b"x" * size

        def writer(n):
            for _ in range(n):
                with lock:
                    mine = state["next"]
                    state["next"] += 1
                    os.pwrite(fd, data, mine * size)
                    while state["done"] <= mine:
                        if state["busy"]:
                            lock.wait()
                            continue
                        state["busy"], upto = True, state["next"]
                        lock.release()
                        os.fdatasync(fd)
                        lock.acquire()
                        state["busy"], state["done"] = False, max(state["done"], upto)
                        lock.notify_all()
        threads = [threading.Thread(target=writer, args=(messages // writers,)) for _ in range(writers)]
        t0, flush0 = time.monotonic(), flushes()
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        seconds = time.monotonic() - t0
        os.close(fd)
        return {"msg/s": messages / seconds, "flushes a message": (flushes() - flush0) / messages}

# SPDX-License-Identifier: Apache-2.0
"""The life of a server process beside Debian's: the test is master, with descriptors 3 to 7 in its hands."""

import array
import fcntl
import os
import shutil
import socket
import struct
import subprocess
import termios
import time

import pytest

import instance
from agent import read_list
from instance import DEADLINE, wait_until
from test_skeleton import places

GENERATION = 0o17


class Process:
    """A daemon started as master does it, on `sockets` listeners."""

    def __init__(self, m, program, *args, tokens=0, sockets=1):
        self.m = m
        self.flow, self.status = os.pipe(), socket.socketpair()
        for fd in self.flow:
            os.set_blocking(fd, False)
        os.write(self.flow[1], b"\0" * tokens)
        self.listeners = []
        for i in range(sockets):
            s = socket.socket(socket.AF_UNIX)
            s.bind(str(m.dir / f"listener{i}.{time.monotonic_ns()}"))
            s.listen(10)
            s.setblocking(False)
            self.listeners.append(s)
        give = [*self.flow, self.status[1].fileno(), *(s.fileno() for s in self.listeners)]

        def place():
            high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 100) for fd in give]
            for n, fd in enumerate(high, 3):
                os.dup2(fd, n)
        self.err = m.dir / f"stderr.{time.monotonic_ns()}"
        with open(self.err, "w") as err:
            # A name for each: Debian's processes of one service wait for each other.
            self.p = subprocess.Popen([str(m.daemons / program), "-V", "-t", "unix", "-n", f"{program}{len(m.processes)}", *args], stdin=subprocess.DEVNULL, stderr=err,
                                      env=dict(os.environ, MAIL_CONFIG=str(m.config), GENERATION="%o" % GENERATION),
                                      close_fds=False, preexec_fn=place, cwd=m.queue)
        self.status[1].close()

    def connect(self, listener=0):
        """A client that was greeted: (socket, file)."""
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(DEADLINE)
        s.connect(self.listeners[listener].getsockname())
        f = s.makefile("rb")
        assert read_list(f)[0][0] == "protocol", self.err.read_text()
        return s, f

    def visit(self, listener=0):
        for x in reversed(self.connect(listener)):
            x.close()

    def tokens(self):
        n = array.array("i", [0])
        fcntl.ioctl(self.flow[0], termios.FIONREAD, n)
        return n[0]

    def said(self, count):
        """The status messages, of which there are to be so many: True is available."""
        data, want = b"", 12 * count
        self.status[0].settimeout(DEADLINE)
        while len(data) < want:
            data += self.status[0].recv(want - len(data))
        out = []
        for pid, generation, avail in struct.iter_unpack("iIi", data):
            assert (pid, generation) == (self.p.pid, GENERATION)
            out.append(avail != 0)
        return out

    def end(self):
        """Exit status, and what was said on standard error."""
        status = self.p.wait(DEADLINE)
        return status, self.err.read_text()

    def close(self):
        self.p.kill()
        self.p.wait()
        for s in (*self.status, *self.listeners):
            s.close()
        for fd in self.flow:
            os.close(fd)


@pytest.fixture
def system(either):
    """A system that does not run, and the means to start one of its daemons."""
    m = places(either({"maillog_file": "", "virtual_mailbox_base": "/nonexistent", "in_flow_delay": "1s"}, start=False))
    if os.geteuid() == 0:
        for d in m.queue.iterdir():
            shutil.chown(d, "postfix")
    m.processes = []

    def start(*args, **kw):
        os.utime(m.config / "main.cf", (1, 1))  # Debian's waits until it is not fresh
        m.processes.append(Process(m, *args, **kw))
        return m.processes[-1]
    m.daemon = start
    yield m
    for p in m.processes:
        p.close()


def test_use_and_idleness(system):
    """max_use, max_idle, -r end the process with status 0 and without a word; -s; TAKEN and AVAIL for each client."""
    p = system.daemon("virtual", "-m", "2")
    p.visit()
    assert p.said(2) == [False, True]
    p.visit()
    assert p.end() == (0, "")
    p = system.daemon("virtual", "-m", "3", "-s", "2", sockets=2)
    for listener in (0, 1, 1):
        p.visit(listener)
    assert p.end() == (0, "")
    begin = time.monotonic()
    p = system.daemon("virtual", "-i", "1")
    p.visit()
    assert p.said(2) == [False, True]
    assert p.end() == (0, "")
    if system.kind == "postroad":  # 3.7 takes -r and goes on
        assert system.daemon("virtual", "-r", "1").end() == (0, "")
    assert time.monotonic() - begin >= 1
    # A client that is there is no idleness.
    p = system.daemon("virtual", "-i", "1")
    s, f = p.connect()
    with pytest.raises(subprocess.TimeoutExpired):
        p.p.wait(2)
    f.close()
    s.close()
    assert p.end() == (0, "")


def test_master_is_gone(system):
    """End of file on the status channel ends an idle process at once, and a busy one behind its client."""
    idle, busy = system.daemon("virtual"), system.daemon("virtual")
    idle.visit()
    assert idle.said(2) == [False, True]
    s, f = busy.connect()
    assert busy.said(1) == [False]
    for p in (idle, busy):
        p.status[0].close()
    assert idle.end() == (0, "")
    assert busy.p.poll() is None
    f.close()
    s.close()
    assert busy.end() == (0, "")


def test_table_has_changed(system):
    """Looked at before a client is accepted: the process ends, and the client waits for the next one."""
    for kind in ("cdb", "lmdb"):
        source = system.dir / f"boxes-{kind}"
        source.write_text("a@b c\n")
        system.setting(virtual_mailbox_maps=f"{kind}:{source}")
        system.run("postmap", "-c", system.config, f"{kind}:{source}")
        p = system.daemon("virtual")
        p.visit()
        assert p.said(2) == [False, True]
        source.write_text("d@e f\n")
        system.run("postmap", "-c", system.config, f"{kind}:{source}")
        os.utime(f"{source}.{kind}", (5, 5))
        if kind == "lmdb" and system.kind != "postroad":
            p.visit()  # it reads what is there now
            continue
        s = socket.socket(socket.AF_UNIX)
        s.connect(p.listeners[0].getsockname())
        status, words = p.end()
        assert status == 0 and words.count("\n") == 1 and "has changed -- restarting" in words and f"table {kind}:{source}" in words
        fd, _ = p.listeners[0].accept()  # it is still there
        fd.close()
        s.close()


def test_flow_control(system):
    """cleanup takes a token for each message that begins, and waits in_flow_delay when there is none."""
    drop = ["-u"] if os.geteuid() == 0 else []
    p = system.daemon("cleanup", "-z", *drop, tokens=3)
    for left in (2, 1, 0):
        p.visit()
        wait_until(lambda: p.tokens() == left, "a token is taken")
    begin = time.monotonic()
    p.visit()
    assert time.monotonic() - begin >= 1
    # Others take none.
    p = system.daemon("virtual", tokens=1)
    p.visit()
    assert p.said(2) == [False, True] and p.tokens() == 1

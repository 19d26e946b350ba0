# SPDX-License-Identifier: Apache-2.0
"""One delivery agent, ours or Debian's, run without master and queue manager.

The test plays both: it hands the agent its listening socket, speaks the delivery protocol, keeps the
queue file, and stands in for bounce, defer, trace, verify and the log. So the same request can be put
to two implementations and everything that leaves them compared.
"""

import base64
import contextlib
import ctypes
import fcntl
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time

import pytest

from instance import BUILD, DEADLINE, DEBIAN_DAEMONS, wait_until

# They change identity themselves.
PRIVILEGED = {"local", "pipe", "spawn", "virtual"}


def encode(pairs):
    out = b""
    for name, value in pairs:
        out += name.encode() + b"\0" + (value if isinstance(value, bytes) else str(value).encode()) + b"\0"
    return out


def _until_nul(f):
    r = b""
    while (c := f.read(1)) != b"\0":
        if not c:
            return None
        r += c
    return r


def read_list(f):
    """One attribute list as pairs; None at end of file."""
    out = []
    while (name := _until_nul(f)) is not None:
        if name == b"":
            return out
        out.append((name.decode(), (_until_nul(f) or b"").decode("utf-8", "replace")))
    return out or None


def record(kind, data):
    data = data.encode() if isinstance(data, str) else data
    n, length = len(data), b""
    while True:
        length += bytes([n & 127 | (128 if n > 127 else 0)])
        n >>= 7
        if not n:
            return kind.encode() + length + data


def queue_file(lines, recipients, sender):
    """A queue file image: (bytes, content size, data offset, offsets of the recipients)."""
    env = record("T", "%d 0" % time.time()) + record("S", sender)
    offsets = []
    for r in recipients:
        offsets.append(97 + len(env))
        env += record("R", r)
    env += record("M", "")
    content = []
    for line in lines:
        line = line.encode() if isinstance(line, str) else line
        while len(line) > 2048:
            content.append(record("L", line[:2048]))
            line = line[2048:]
        content.append(record("N", line))
    body = b"".join(content)
    start = 97 + len(env)
    head = record("C", "%15d %15d %15d %15d %15d %15d" % (len(body), start, len(recipients), 0, len(body), 0))
    return head + env + body + record("X", "") + record("E", ""), len(body), start, offsets


class Rcpt:
    def __init__(self, address, original="", orcpt="", notify=0):
        self.address, self.original, self.orcpt, self.notify = address, original, orcpt, notify


def private_resolver(path):
    """In a child: give it a mount namespace of its own in which `path` is /etc/resolv.conf. Needs root."""
    libc = ctypes.CDLL(None, use_errno=True)
    new_ns, bind, recursive_private = 0x20000, 0x1000, 0x44000
    if (libc.unshare(new_ns) != 0 or libc.mount(b"none", b"/", None, recursive_private, None) != 0 or
            libc.mount(str(path).encode(), b"/etc/resolv.conf", None, bind, None) != 0):
        os.write(2, b"no private resolver\n")
        os._exit(99)


class Agent:
    """A running agent. `kind` is "postroad" or "debian".

    `resolver` is the address of a name server on port 53 that the agent finds in its /etc/resolv.conf.
    """

    def __init__(self, program="smtp", kind="postroad", conf=None, name=None, args=(), resolver=None):
        self.kind, self.program, self.name, self.resolver = kind, program, name or program, resolver
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="postroad-agent-"))
        self.dir.chmod(0o755)
        self.queue = self.dir / "spool"
        for d in "private public active defer bounce trace pid incoming deferred".split():
            (self.queue / d).mkdir(parents=True)
        (self.dir / "data").mkdir()
        self.lines, self.told, self.closing, self.taken = [], [], False, False
        self._configure(conf or {})
        self._start_log()
        for service in ("bounce", "defer", "trace"):
            self._serve(service, b"delivery_status_protocol")
        self._serve("verify", b"address_verification_prrotocol")
        self._start(args)

    def _configure(self, conf):
        owner = "postfix" if os.geteuid() == 0 else None
        values = {
            "compatibility_level": "3.6", "queue_directory": self.queue, "data_directory": self.dir / "data",
            "maillog_file": self.dir / "maillog", "maillog_file_prefixes": "/tmp", "myhostname": "mx.example.test",
            "mydomain": "example.test", "myorigin": "example.test", "mydestination": "", "relay_domains": "",
            "inet_interfaces": "127.0.0.1", "inet_protocols": "ipv4", "default_database_type": "lmdb",
            "smtp_log_tls_feature_status": "no", "max_use": "100000", "max_idle": "1h"}
        if owner:
            values["mail_owner"] = owner
        values.update(conf)
        if self.kind == "debian":
            for known in ("smtp_log_tls_feature_status", "dns_servers"):
                values.pop(known, None)
        (self.dir / "main.cf").write_text("".join(f"{k} = {v}\n" for k, v in values.items()))
        (self.dir / "master.cf").write_text("")

    def _start_log(self):
        self.log_path = self.queue / "public/postlog"
        self.log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.log.bind(str(self.log_path))
        self.log_path.chmod(0o666)

        def run():
            while not self.closing:
                text = self.log.recv(8192).decode("utf-8", "replace")
                self.lines.append(text.split("]: ", 1)[-1])
        threading.Thread(target=run, daemon=True).start()

    def _serve(self, name, protocol):
        path = self.queue / "private" / name
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen(100)
        path.chmod(0o666)

        def run():
            while True:
                c, _ = listener.accept()
                with c, c.makefile("rb") as f:
                    c.sendall(b"protocol\0" + protocol + b"\0\0")
                    if (request := read_list(f)) is not None:
                        self.told.append((name, dict(request)))
                        c.sendall(b"status\x000\0\0")
        threading.Thread(target=run, daemon=True).start()

    def _start(self, args):
        self.path = self.queue / "private" / self.name
        self.helpers = []
        self.process = self.spawn(self.program, self.name, args)

    def spawn(self, program, name, args=()):
        """Start a program as master would, listening on private/<name>."""
        listener = socket.socket(socket.AF_UNIX)
        path = self.queue / "private" / name
        listener.bind(str(path))
        listener.listen(100)
        path.chmod(0o666)
        listener.setblocking(False)
        flow, status = os.pipe(), os.pipe()
        # The descriptors that master hands down: flow control 3 and 4, status 5, listener 6.
        fds = [flow[0], flow[1], status[1], listener.fileno()]

        if self.resolver:
            (self.dir / "resolv.conf").write_text(f"nameserver {self.resolver}\noptions timeout:1 attempts:1\n")

        def prepare():
            if self.resolver:
                private_resolver(self.dir / "resolv.conf")
            high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 600) for fd in fds]
            for i, fd in enumerate(high):
                os.dup2(fd, 3 + i)
            os.closerange(7, 700)
        env = dict(os.environ, GENERATION="0", MAIL_CONFIG=str(self.dir), POSTLOG_SERVICE=str(self.log_path),
                   POSTLOG_HOSTNAME="mx.example.test", MAIL_LOGTAG="postfix", POSTROAD_CLIENTS="10")
        where = DEBIAN_DAEMONS if self.kind == "debian" else BUILD / "libexec"
        drop = ["-u"] if os.geteuid() == 0 and program not in PRIVILEGED else []
        argv = [program, "-n", name, "-t", "unix", *drop, *args]
        p = subprocess.Popen(argv, executable=str(where / program), preexec_fn=prepare, close_fds=False, env=env,
                             cwd=self.queue)
        listener.close()
        for fd in (flow[0], flow[1], status[1]):
            os.close(fd)
        self.pipes = getattr(self, "pipes", []) + [status[0]]
        self.helpers.append(p)
        return p

    def wait_free(self):
        """Wait until a program of one client a process has told master that its last client is gone."""
        os.set_blocking(self.pipes[0], False)

        def is_free():
            try:
                while said := os.read(self.pipes[0], 12):
                    self.taken = struct.unpack("iIi", said)[2] == 0
            except BlockingIOError:
                pass
            return not self.taken
        wait_until(is_free, "the agent is free again")

    def serve_cleanup(self):
        """Stand in for cleanup: each message that is posted, as (flags, records)."""
        path = self.queue / "public/cleanup"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen(10)
        path.chmod(0o666)
        posted = []

        def one(f):
            flags, records = read_list(f), []
            while (kind := f.read(1)) and (not records or records[-1][0] != "E"):
                length = shift = 0
                while True:
                    b = f.read(1)[0]
                    length |= (b & 127) << shift
                    shift += 7
                    if b < 128:
                        break
                records.append((kind.decode(), f.read(length).decode("utf-8", "replace")))
                if kind == b"E":
                    break
            return flags, records

        def run():
            while True:
                c, _ = listener.accept()
                with c, c.makefile("rb") as f:
                    c.sendall(b"protocol\0cleanup_protocol\0queue_id\0NOTE1\0\0")
                    posted.append(one(f))
                    c.sendall(b"status\x000\0reason\0\0\0")
        threading.Thread(target=run, daemon=True).start()
        return posted

    def destroy(self):
        self.closing = True
        for p in self.helpers:
            p.terminate()
            try:
                p.wait(10)
            except subprocess.TimeoutExpired:
                p.kill()
        for fd in self.pipes:
            os.close(fd)
        shutil.rmtree(self.dir, ignore_errors=True)

    def connect(self):
        """A connection on which the greeting was read: (socket, file)."""
        c = socket.socket(socket.AF_UNIX)
        c.settimeout(DEADLINE)
        try:
            c.connect(str(self.path))
        except ConnectionRefusedError:
            raise AssertionError(f"{self.program} is gone, status {self.process.poll()}: {self.lines}") from None
        f = c.makefile("rb")
        assert read_list(f) == [("protocol", "delivery_request_protocol")]
        return c, f

    def make_request(self, recipients, nexthop, lines=("Subject: x", "", "b"), flags=0, sender="s@x.test",
                     encoding="", sendopts=0, envid="", ret=0, age=0, old_names=True, **origin):
        # `origin`: name, address, port, proto, helo of the client that the message came from.
        recipients = [r if isinstance(r, Rcpt) else Rcpt(r) for r in recipients]
        image, size, start, offsets = queue_file(lines, [r.address for r in recipients], sender)
        queue_id = "ABC%07X" % (time.monotonic_ns() // 100 & 0xfffffff)
        path = self.queue / "active" / queue_id
        path.write_bytes(image)
        path.chmod(0o700)
        if os.geteuid() == 0:
            shutil.chown(path, "postfix")
        now = time.time()
        stamp = [int(now - age), int(now % 1 * 1e6)]
        stats = struct.pack("10q i4x", *stamp, *stamp, int(now), int(now % 1 * 1e6), 0, 0, 0, 0, 0)
        client = {"name": "cl.test", "address": "192.0.2.9", "port": "1", "proto": "ESMTP", "helo": "h",
                  "sasl_method": "", "sasl_username": "", "sasl_sender": "", **origin}
        wire = encode([
            ("flags", flags), ("queue_name", "active"), ("queue_id", queue_id), ("offset", start), ("size", size),
            ("nexthop", nexthop), ("encoding", encoding), ("smtputf8" if old_names else "sendopts", sendopts),
            ("sender", sender), ("envelope_id", envid), ("ret_flags", ret), ("time", base64.b64encode(stats)),
            ("log_client_name", client["name"]), ("log_client_address", client["address"]),
            ("log_client_port", client["port"]), ("log_protocol_name", client["proto"]),
            ("log_helo_name", client["helo"]), ("sasl_method", client["sasl_method"]),
            ("sasl_username", client["sasl_username"]), ("sasl_sender", client["sasl_sender"]),
            ("log_ident", queue_id), ("rewrite_context", "local"), ("recipient_count", len(recipients))]) + b"\0"
        for r, offset in zip(recipients, offsets):
            wire += encode([("original_recipient", r.original), ("recipient", r.address), ("offset", offset),
                            ("dsn_orig_rcpt", r.orcpt), ("notify_flags", r.notify)]) + b"\0"
        return wire, queue_id, path, offsets

    def deliver(self, recipients, nexthop, connection=None, **kw):
        """Put one request; a Result."""
        wire, queue_id, path, offsets = self.make_request(recipients, nexthop, **kw)
        self.told.clear()
        first = len(self.lines)
        c, f = connection or self.connect()
        c.sendall(wire)
        answer = read_list(f)
        if connection is None:
            f.close()
            c.close()
        want = len(offsets)
        if answer is not None:
            # Log lines are datagrams of their own; the last delivery line ends the wait.
            try:
                wait_until(lambda: sum("status=" in x for x in self.lines[first:]) >= want or None,
                           "the delivery lines", 1 if kw.get("probe") else 2)
            except AssertionError:
                pass
        data = path.read_bytes()
        return Result(answer, [self.clean(x, queue_id) for x in self.lines[first:]],
                      "".join(chr(data[o]) for o in offsets), list(self.told))

    @staticmethod
    def clean(line, queue_id):
        line = line.replace(queue_id, "QID")
        line = re.sub(r", delay=[\d.]+, delays=[\d./]+", "", line)
        return re.sub(r"(127\.\d+\.\d+\.\d+\]):\d+", r"\1:PORT", line)


@contextlib.contextmanager
def strace(pid, out, *args):
    """strace attached to a process."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    p = subprocess.Popen(["strace", "-s", "200", "-o", out, *args, "-p", str(pid)], stderr=subprocess.PIPE, text=True)
    attached = p.stderr.readline()
    if "attached" not in attached:
        p.kill()
        assert os.path.exists(f"/proc/{pid}"), out.read_text()
        pytest.skip(f"strace: {attached}")
    try:
        yield out
    finally:
        p.terminate()
        p.wait(10)
        p.stderr.close()


class Result:
    """What an agent did: its answer, log lines, marks in the queue file, and what it told services."""

    def __init__(self, answer, log, marks, told):
        self.answer, self.log, self.marks, self.told = answer, log, marks, told

    @property
    def done(self):
        return self.answer is not None and self.answer[-1] == ("status", "0")

    @property
    def hop(self):
        """Status and reason that the queue manager should avoid the destination for."""
        return (self.answer[0][1], self.answer[6][1]) if self.answer else None

    def services(self):
        keys = ("recipient", "status", "action", "reason", "diag_type", "diag_text", "mta_type", "mta_mname",
                "notify_flags", "recipient_status")
        return [(s, {k: re.sub(r"(127\.\d+\.\d+\.\d+\]):\d+", r"\1:PORT", v) for k, v in q.items() if k in keys})
                for s, q in self.told]

    def __repr__(self):
        return "\n".join([f"answer {self.answer and (self.hop, self.done)} marks {self.marks}", *self.log,
                          *map(str, self.services())])


class Sink:
    """A server on one loopback port that answers as told and keeps the bytes of each connection.

    `replies` maps a verb (GREETING, EHLO, LHLO, MAIL, RCPT, DATA, DOT, QUIT, RSET, ...) to a reply, or
    to a list of replies for its occurrences. None closes the connection, STALL says nothing, a pair of
    seconds and reply waits before it replies. For DATA, DEAF goes on and does not read any more; RUDE
    refuses with 552 while content comes, and closes.
    """

    STALL, DEAF, RUDE = object(), object(), object()
    EHLO = "250-sink.test\r\n250-PIPELINING\r\n250-SIZE\r\n250-DSN\r\n250-ENHANCEDSTATUSCODES\r\n250 8BITMIME"

    def __init__(self, replies=None, lmtp=False, address="127.0.0.1", port=0):
        self.replies = {"GREETING": "220 sink.test ESMTP", "EHLO": self.EHLO, "LHLO": self.EHLO,
                        "DATA": "354 go", "QUIT": "221 bye", "DOT": "250 2.0.0 Ok: queued as X"}
        self.replies.update(replies or {})
        self.lmtp = lmtp
        self.connections, self.threads, self.enough = [], [], threading.Event()
        self.listener = socket.create_server((address, port))
        self.port = self.listener.getsockname()[1]
        self.nexthop = f"[{address}]:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                c, _ = self.listener.accept()
            except OSError:
                return
            chunks = []
            self.connections.append(chunks)
            t = threading.Thread(target=self._talk, args=(c, chunks), daemon=True)
            self.threads.append(t)
            t.start()

    def _reply(self, verb, seen):
        i = seen[verb] = seen.get(verb, -1) + 1
        r = self.replies.get(verb, "250 ok")
        return r[min(i, len(r) - 1)] if isinstance(r, list) else r

    def _talk(self, c, chunks):
        seen, buf, in_data, accepted = {}, b"", False, 0
        with c:
            c.settimeout(DEADLINE)
            try:
                verb = "GREETING"
                while True:
                    times = max(accepted, 1) if verb == "DOT" and self.lmtp else 1
                    for _ in range(times):
                        r = self._reply(verb, seen)
                        if r is None:
                            return
                        if r is self.STALL:
                            continue
                        if r in (self.DEAF, self.RUDE):
                            return self._misbehave(c, r)
                        if isinstance(r, tuple):
                            time.sleep(r[0])
                            r = r[1]
                        c.sendall(r.encode("latin-1") + b"\r\n")
                        if verb == "RCPT" and r.startswith("250"):
                            accepted += 1
                        in_data = in_data or verb == "DATA" and r.startswith("354")
                        if verb == "QUIT" or r.startswith("421"):
                            return
                    while True:
                        while b"\n" not in buf:
                            data = c.recv(65536)
                            if not data:
                                chunks.append(b"<EOF>")
                                return
                            chunks.append(data)
                            buf += data
                        line, buf = buf.split(b"\n", 1)
                        if not in_data or line == b".\r":
                            break
                    verb = "DOT" if in_data else line.decode("latin-1").split()[0].upper()
                    if verb == "MAIL":
                        accepted = 0
                    in_data = False
            except OSError:
                pass

    def _misbehave(self, c, how):
        c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        c.sendall(b"354 go\r\n")
        if how is self.RUDE:
            c.recv(1000)
            c.sendall(b"552 5.3.4 too much\r\n")
            return
        # Until the test has seen what the client made of it.
        self.enough.wait(DEADLINE)

    def dialogue(self, n=0):
        """Bytes of connection n; writes are separated by '|' unless they are content."""
        return [c.decode("latin-1").replace("\r\n", "\\") for c in self.connections[n]]

    def content(self, n=0):
        """Text between DATA and the dot of a connection."""
        text = b"".join(self.connections[n])
        return text.split(b"DATA\r\n", 1)[1].split(b"\r\n.\r\n", 1)[0] + b"\r\n"

    def settle(self):
        """Wait until the conversations have ended."""
        self.enough.set()
        for t in list(self.threads):
            t.join(DEADLINE)

    def close(self):
        try:
            # The thread in accept() would keep a socket alive that was only closed.
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()

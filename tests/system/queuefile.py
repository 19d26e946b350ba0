# SPDX-License-Identifier: Apache-2.0
"""Queue files made by hand, and a queue manager without the front of the mail system."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

import instance
from agent import encode, read_list
from instance import Instance, wait_until

MASTER_CF = """
qmgr unix n - n 300 1 qmgr
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
cleanup unix n - n - 0 cleanup
postlog unix-dgram n - n - 1 postlogd
"""


def record(kind, data=b""):
    if isinstance(data, str):
        data = data.encode()
    n, length = len(data), bytearray()
    while True:
        group, n = n & 0x7F, n >> 7
        length.append(group | (0x80 if n else 0))
        if not n:
            return kind.encode() + bytes(length) + data


def queue_file(sender, recipients, attrs=(), extra=b"", created=None, body=b"hello"):
    """Bytes of a queue file as cleanup writes it; recipients are addresses or (kind, address)."""
    created = int(time.time()) if created is None else int(created)
    env = record("T", f"{created} 0") + record("A", f"create_time={created}")
    env += b"".join(record("A", a) for a in attrs) + record("S", sender) + extra
    for r in recipients:
        kind, address = r if isinstance(r, tuple) else ("R", r)
        env += record("A", f"dsn_orig_rcpt=rfc822;{address}") + record("O", address) + record(kind, address)
    text = record("N", "Subject: x") + record("N") + record("N", body)
    offset = 97 + len(env) + 2
    size = record("C", " ".join(f"{n:15d}" for n in (len(text), offset, len(recipients), 0, len(text), 0)))
    return size + env + record("M") + text + record("X") + record("E")


class QueueSystem(Instance):
    """Queue manager, bounce services and agents; mail comes as files."""

    def __init__(self, conf=None, extra_master=""):
        super().__init__(conf={"default_transport": "discard", **(conf or {})}, master=MASTER_CF,
                         extra_master=extra_master)
        self.process = None
        for d in ("active bounce corrupt defer deferred flush hold incoming maildrop pid private "
                  "public saved trace").split():
            (self.queue / d).mkdir(mode=0o700)
            if os.geteuid() == 0 and d != "pid":
                shutil.chown(self.queue / d, self.owner()[0])

    def start(self):
        env = dict(os.environ, MAIL_CONFIG=str(self.config))
        self.process = subprocess.Popen([self.daemons / "master", "-c", self.config, "-d"], env=env,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, start_new_session=True)
        self.wait_log("daemon started")
        return self

    def stop(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(instance.DEADLINE)
            self.process = None

    def inject(self, *args, queue="incoming", mode=0o700, **kw):
        """Put a message into a queue; its id."""
        data = args[0] if isinstance(args[0], bytes) else queue_file(*args, **kw)
        temp = self.queue / "incoming" / f"temp.{threading.get_ident()}"
        temp.write_bytes(data)
        temp.chmod(mode)
        if os.geteuid() == 0:
            shutil.chown(temp, self.owner()[0])
        ident = f"{time.time_ns() // 1000 % 1000000:05X}{temp.stat().st_ino:X}"
        target = self.queue / queue
        if queue == "deferred":
            target = target / ident[0]
            target.mkdir(mode=0o700, exist_ok=True)
            if os.geteuid() == 0:
                shutil.chown(target, self.owner()[0])
        temp.rename(target / ident)
        return ident

    def wake(self, request="W"):
        self.run("postkick", "public", "qmgr", request)

    def send(self, *args, **kw):
        ident = self.inject(*args, **kw)
        self.wake()
        return ident


@contextlib.contextmanager
def short_path(path):
    """The name of a socket, by way of its directory: it may be longer than sun_path takes."""
    fd = os.open(path.parent, os.O_PATH)
    yield f"/proc/self/fd/{fd}/{path.name}"
    os.close(fd)


class FakeAgent:
    """A delivery agent in the test: answers requests on private/<name> as `behave` says.

    behave(request) returns (status, {dsn fields}), or the bytes to send; None closes the connection without an answer.
    With `form`, the name of an attribute ("smtputf8" before 3.10, "sendopts" since), a request without
    it is refused as Postfix's agents do: answered, before its recipients were read.
    """

    def __init__(self, mta, name, behave, persistent=False, form=None):
        self.behave, self.persistent, self.form = behave, persistent, form
        self.requests, self.connections, self.busy, self.most, self.refused = [], 0, 0, 0, 0
        self.lock = threading.Lock()
        path = mta.queue / "private" / name
        self.socket = socket.socket(socket.AF_UNIX)
        with short_path(path) as short:
            self.socket.bind(short)
        path.chmod(0o666)
        self.socket.listen(100)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                c, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(c,), daemon=True).start()

    def _serve(self, c):
        greeting = encode([("protocol", "delivery_request_protocol")]) + b"\0"
        f = c.makefile("rb")
        c.sendall(greeting)
        while (head := read_list(f)) is not None:
            head = dict(head)
            if self.form and self.form not in head:
                self.refused += 1
                c.sendall(self.answer(-1, {}))
                f.read()
                break
            rcpts = [dict(read_list(f))["recipient"] for _ in range(int(head["recipient_count"]))]
            request = {**head, "rcpts": rcpts, "at": time.monotonic()}
            with self.lock:
                self.requests.append(request)
                self.busy += 1
                self.most = max(self.most, self.busy)
            answer = self.behave(request)
            with self.lock:
                self.busy -= 1
            if answer is None:
                c.shutdown(socket.SHUT_RDWR)
                break
            if isinstance(answer, bytes):
                c.sendall(answer)
                break
            c.sendall(self.answer(*answer) + (greeting if self.persistent else b""))
            if not self.persistent:
                f.read(1)
                break
        c.close()

    @staticmethod
    def answer(status, dsn):
        fields = [(k, dsn.get(k, "")) for k in
                  ("status", "diag_type", "diag_text", "mta_type", "mta_mname", "action", "reason")]
        return encode(fields + [("status", status % 2**32)]) + b"\0"

    def close(self):
        self.socket.close()


def report_deferred(mta, request, reason):
    """What an agent does for recipients that must wait: an entry in the defer log for each."""
    for r in request["rcpts"]:
        with socket.socket(socket.AF_UNIX) as c, c.makefile("rb") as f:
            with short_path(mta.queue / "private/defer") as path:
                c.connect(path)
            read_list(f)
            c.sendall(encode([("nrequest", 0), ("flags", 0), ("queue_id", request["queue_id"]), ("original_recipient", r),
                              ("recipient", r), ("offset", 0), ("dsn_orig_rcpt", ""), ("notify_flags", 0),
                              ("status", "4.2.2"), ("diag_type", ""), ("diag_text", ""), ("mta_type", ""),
                              ("mta_mname", ""), ("action", "delayed"), ("reason", reason)]) + b"\0")
            assert dict(read_list(f)) == {"status": "0"}


def mark_done(mta, request):
    """What an agent does for delivered recipients: D in place of R."""
    path = mta.queue / request["queue_name"] / request["queue_id"]
    data = path.read_bytes()
    with open(path, "r+b") as f:
        for r in request["rcpts"]:
            f.seek(data.index(record("R", r)))
            f.write(b"D")


def wait_for(what, predicate):
    return wait_until(predicate, what)

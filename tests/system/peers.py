# SPDX-License-Identifier: Apache-2.0
"""Peers that our programs talk to: sinks, a scripted server that misbehaves, a name server."""

import socket
import socketserver
import threading

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
from aiosmtpd.controller import Controller
from aiosmtpd.lmtp import LMTP

from instance import free_port, loopback_address, wait_until


class _Handler:
    def __init__(self, sink):
        self.sink = sink

    async def handle_RCPT(self, server, session, envelope, address, options):
        reply = self.sink.rcpt_reply(address)
        if reply.startswith("250"):
            envelope.rcpt_tos.append(address)
            envelope.rcpt_options.extend(options)
        return reply

    async def handle_DATA(self, server, session, envelope):
        with self.sink.lock:
            self.sink.messages.append({
                "peer": session.peer, "helo": session.host_name, "from": envelope.mail_from,
                "to": list(envelope.rcpt_tos), "mail_options": list(envelope.mail_options),
                "data": envelope.original_content})
        return "250 2.0.0 Ok: taken"


class SmtpSink:
    """A well-behaved server (aiosmtpd) that keeps what it gets; `refuse` maps address to reply."""

    def __init__(self, address=None, refuse=None):
        self.messages = []
        self.lock = threading.Lock()
        self.refuse = refuse or {}
        self.address = address or loopback_address()
        self.port = free_port(self.address)
        self._start()

    def _start(self):
        self.controller = Controller(_Handler(self), hostname=self.address, port=self.port,
                                     enable_SMTPUTF8=True, data_size_limit=2**26)
        self.controller.start()

    def rcpt_reply(self, address):
        return self.refuse.get(address, "250 2.1.5 Ok")

    @property
    def nexthop(self):
        return f"[{self.address}]:{self.port}"

    def wait(self, count=1, deadline=None):
        """Wait for at least `count` messages; all of them."""
        wait_until(lambda: len(self.messages) >= count, f"{count} messages in the sink, got {len(self.messages)}",
                   deadline)
        return self.messages

    def close(self):
        self.controller.stop()


class _LmtpController(Controller):
    def factory(self):
        return LMTP(self.handler, enable_SMTPUTF8=True)


class LmtpSink(SmtpSink):
    """The same by LMTP."""

    def _start(self):
        self.controller = _LmtpController(_Handler(self), hostname=self.address, port=self.port)
        self.controller.start()


class ScriptedServer:
    """A server that follows a script, for each connection the next one (the last one repeats).

    A script is a list of steps: bytes or str to send (str gets CRLF); ("expect", prefix) reads a line
    and notes it; ("data",) reads up to the end of data; ("close",) closes; ("reset",) closes with RST;
    ("stall",) waits until the client gives up. Lines received are in `lines`, one list a connection.
    """

    def __init__(self, *scripts, address=None):
        self.scripts = scripts
        self.lines = []
        self.data = []
        self.errors = []
        self.address = address or loopback_address()
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            timeout = 60

            def handle(self):
                outer._serve(self)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self.server = Server((self.address, 0), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    @property
    def nexthop(self):
        return f"[{self.address}]:{self.port}"

    def _serve(self, h):
        n = len(self.lines)
        seen = []
        self.lines.append(seen)
        try:
            for step in self.scripts[min(n, len(self.scripts) - 1)]:
                if isinstance(step, (str, bytes)):
                    h.wfile.write(step if isinstance(step, bytes) else step.encode() + b"\r\n")
                elif not self._step(h, step, seen):
                    return
        except OSError as e:
            self.errors.append(e)

    def _step(self, h, step, seen):
        if step[0] == "expect":
            line = h.rfile.readline().decode("utf-8", "replace").rstrip("\r\n")
            seen.append(line)
            if not line.upper().startswith(step[1].upper()):
                self.errors.append(f"expected {step[1]!r}, got {line!r}")
                return False
        elif step[0] == "data":
            body = b""
            while not body.endswith(b"\r\n.\r\n") and body != b".\r\n":
                line = h.rfile.readline()
                if not line:
                    return False
                body += line
            self.data.append(body)
        elif step[0] == "stall":
            h.rfile.read()
        elif step[0] == "reset":
            h.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            h.connection.close()
            return False
        elif step[0] == "close":
            return False
        return True

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class NameServer:
    """A name server for tests: zone maps (name, type) to a list of rdata texts, or to an rcode name.

    Names that the zone does not know get NXDOMAIN; names known with another type get NODATA.
    A value "TIMEOUT" gives no answer at all. `ad` sets the AD bit.
    """

    def __init__(self, zone, address="127.0.0.1", ad=False, port=0):
        self.zone = {(dns.name.from_text(n), t): v for (n, t), v in zone.items()}
        self.ad = ad
        self.queries = []
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((address, port))
        self.address, self.port = self.sock.getsockname()
        self.thread = threading.Thread(target=self._loop, daemon=True)
        self.thread.start()

    @property
    def servers(self):
        """Value for the parameter dns_servers."""
        return f"[{self.address}]:{self.port}"

    def _loop(self):
        while True:
            try:
                data, peer = self.sock.recvfrom(4096)
            except OSError:
                return
            if not data:
                return
            try:
                answer = self._answer(dns.message.from_wire(data))
            except Exception:  # a test peer: a bad query gets no answer
                continue
            if answer is not None:
                self.sock.sendto(answer.to_wire(want_shuffle=False), peer)

    def _answer(self, query):
        q = query.question[0]
        kind = dns.rdatatype.to_text(q.rdtype)
        self.queries.append((q.name.to_text(), kind))
        reply = dns.message.make_response(query, recursion_available=True)
        if self.ad:
            reply.flags |= dns.flags.AD
        name = q.name
        for _ in range(10):
            value = self.zone.get((name, kind))
            if value is not None or (name, "CNAME") not in self.zone:
                break
            target = self.zone[(name, "CNAME")][0]
            reply.answer.append(dns.rrset.from_text(name, 60, "IN", "CNAME", target))
            name = dns.name.from_text(target)
        if value == "TIMEOUT":
            return None
        if isinstance(value, str):
            reply.set_rcode(dns.rcode.from_text(value))
        elif value:
            reply.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *value))
        elif not any(n == name for n, _ in self.zone):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        return reply

    def close(self):
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.sendto(b"", (self.address, self.port))
        finally:
            self.thread.join(2)
            self.sock.close()

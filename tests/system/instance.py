# SPDX-License-Identifier: Apache-2.0
"""Private mail systems for tests: ours and Debian's Postfix, each in a directory of its own.

Every instance has its own loopback address, so ports never collide between parallel tests, its own
configuration, queue and data directories, and its own log file. Nothing leaves 127.0.0.0/8.
"""

import grp
import os
import pathlib
import pwd
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
import time

import journalfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("POSTROAD_BUILD", ROOT / "build")).resolve()
DEBIAN_DAEMONS = pathlib.Path("/usr/lib/postfix/sbin")
DEADLINE = float(os.environ.get("POSTROAD_TEST_DEADLINE", "60"))


def loopback_address():
    """A random address of 127/8 that nobody on this machine is likely to use."""
    while True:
        a = f"127.{secrets.randbelow(200) + 20}.{secrets.randbelow(254) + 1}.{secrets.randbelow(254) + 1}"
        with socket.socket() as s:
            try:
                s.bind((a, 0))
                return a
            except OSError:
                continue


def free_port(address="127.0.0.1"):
    """A port that is free on an address now."""
    with socket.socket() as s:
        s.bind((address, 0))
        return s.getsockname()[1]


def wait_until(predicate, what, deadline=None):
    """Poll until predicate() is true; its value. Fails with `what` past the deadline (seconds)."""
    end = time.monotonic() + (deadline or DEADLINE)
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within the deadline: {what}")
        time.sleep(0.02)


MASTER_CF = """\
{smtp} inet n - n - - smtpd
postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
"""


class Instance:
    """One mail system. Parameters: `conf` settings added to or replacing the defaults below."""

    kind = "postroad"

    def __init__(self, conf=None, master=None, extra_master="", directory=None):
        self.dir = pathlib.Path(directory or tempfile.mkdtemp(prefix="postroad-test-"))
        self.dir.chmod(0o755)
        self.address = loopback_address()
        self.smtp_port = free_port(self.address)
        self.conf = self.defaults()
        if "TSAN_OPTIONS" in os.environ:  # master cleans the environment of what it starts
            self.conf["import_environment"] = "MAIL_CONFIG MAIL_LOGTAG TZ LANG=C TSAN_OPTIONS"
        self.conf.update(conf or {})
        self.master_text = (master or MASTER_CF).format(smtp=f"{self.address}:{self.smtp_port}")
        if self.kind == "postroad" and master is None:
            self.master_text += "submit unix n - n - - submitd\n"
        self.master_text += extra_master
        self.started = False
        self._write()

    # ---- places ----

    @property
    def config(self):
        return self.dir / "etc"

    @property
    def queue(self):
        return self.dir / "spool"

    @property
    def log_path(self):
        return self.dir / "maillog"

    daemons = BUILD / "libexec"
    commands = BUILD / "sbin"

    def owner(self):
        """mail_owner and setgid_group: the user that runs the tests, or Debian's accounts for root."""
        if os.geteuid() == 0:
            return "postfix", "postdrop"
        return pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name

    def defaults(self):
        owner, group = self.owner()
        return {
            "compatibility_level": "3.6",
            "config_directory": self.config,
            "queue_directory": self.queue,
            "data_directory": self.dir / "data",
            "daemon_directory": self.daemons,
            "command_directory": self.commands,
            "meta_directory": self.config,
            "sendmail_path": self.commands / "sendmail",
            "newaliases_path": self.commands / "newaliases",
            "mailq_path": self.commands / "mailq",
            "mail_owner": owner,
            "setgid_group": group,
            "maillog_file": self.log_path,
            "maillog_file_prefixes": f"{self.dir}, /dev/stdout",
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            "myhostname": "mail.test.example",
            "mydomain": "test.example",
            "myorigin": "test.example",
            "mydestination": "",
            "mynetworks": "127.0.0.0/8",
            "local_recipient_maps": "",
            "alias_maps": "",
            "alias_database": "",
            "default_database_type": "lmdb",
            "biff": "no",
            "smtputf8_enable": "yes",
            "debug_peer_list": "",
            # A field of 3.11 that Debian's 3.7 and today's log tools do not know.
            "smtp_log_tls_feature_status": "no",
        }

    def _write(self):
        self.config.mkdir(exist_ok=True)
        self.config.chmod(0o755)
        text = "".join(f"{k} = {v}\n" for k, v in self.conf.items())
        self._replace("main.cf", text)
        self._replace("master.cf", self.master_text)
        (self.dir / "data").mkdir(exist_ok=True)
        self.queue.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            shutil.chown(self.dir / "data", *self.owner()[:1])

    def _replace(self, name, text):
        """At once: a daemon that starts just now must not read half of the old file and half of the new."""
        path, new = self.config / name, self.config / f".{name}"
        new.write_text(text)
        if path.exists():
            shutil.copymode(path, new)
        new.replace(path)

    def setting(self, **conf):
        """Change main.cf on disk (the running system sees it after reload)."""
        self.conf.update(conf)
        self._write()

    # ---- commands ----

    def run(self, program, *args, check=True, deadline=None, **kw):
        """Run one of the commands with this configuration; CompletedProcess with text output."""
        env = dict(os.environ, MAIL_CONFIG=str(self.config), **kw.pop("env", {}))
        kw.setdefault("text", True)
        p = subprocess.run([str(self.commands / program), *map(str, args)], env=env,
                           capture_output=True, timeout=deadline or DEADLINE, **kw)
        if check and p.returncode != 0:
            raise AssertionError(f"{program} {args}: status {p.returncode}\n{p.stdout}{p.stderr}\n{self.log()}")
        return p

    def start(self):
        self.run("postfix", "-c", self.config, "start")
        self.started = True
        wait_until(self.listening, f"{self.kind} listens on {self.address}:{self.smtp_port}\n{self.log()}")
        return self

    def listening(self):
        try:
            socket.create_connection((self.address, self.smtp_port), 1).close()
            return True
        except OSError:
            return False

    def master_pid(self):
        try:
            return int((self.queue / "pid/master.pid").read_text().strip() or 0)
        except (OSError, ValueError):
            return 0

    def stop(self):
        if self.started:
            self.run("postfix", "-c", self.config, "stop", check=False)
            self.started = False

    def destroy(self):
        """Stop and remove; kills what is left of the process group."""
        pid = self.master_pid() if self.started else 0
        self.stop()
        if pid:
            try:
                os.killpg(pid, 9)
            except (OSError, ProcessLookupError):
                pass
        if not os.environ.get("POSTROAD_KEEP"):
            shutil.rmtree(self.dir, ignore_errors=True)

    # ---- log ----

    def log(self):
        try:
            return self.log_path.read_text(errors="replace")
        except OSError:
            return ""

    def wait_log(self, pattern, count=1, deadline=None):
        """Wait until `pattern` was logged `count` times; the list of matches."""
        rx = re.compile(pattern, re.M)
        try:
            return wait_until(lambda: (m := list(rx.finditer(self.log()))) and len(m) >= count and m,
                              f"log line {pattern!r}", deadline)
        except AssertionError as e:
            raise AssertionError(f"{e}\n--- log ---\n{self.log()[-6000:]}") from None

    def events(self, program=None):
        """Log texts without time stamp, as (program, text)."""
        out = []
        for line in self.log().splitlines():
            m = re.match(r"\w+ +\d+ [\d:]+ \S+ \S*?([\w-]+)\[\d+\]: (.*)", line)
            if m and (program is None or m.group(1) == program):
                out.append((m.group(1), m.group(2)))
        return out

    # ---- queue ----

    def queue_ids(self, *names):
        """Ids of complete messages in the named queues (default: all that hold mail).

        A file without mode 0700 is not a message: a program that was killed left it.
        """
        out = []
        for q in names or ("maildrop", "incoming", "active", "deferred", "hold"):
            for p in (self.queue / q).rglob("*"):
                try:
                    if p.is_file() and "." not in p.name and p.stat().st_mode & 0o700 == 0o700:
                        out.append(p.name)
                except FileNotFoundError:
                    pass  # on its way
        return out

    def is_empty(self):
        """Looks twice: a message that goes back from deferred/ to active/, or becomes a file, is in neither place of one round."""
        return all(not self.queue_ids() and not journalfile.live(self) for _ in range(2))

    def wait_empty(self, deadline=None):
        wait_until(self.is_empty, "the queue is empty", deadline)

    # ---- submitting ----

    def smtp(self, **kw):
        """A connected smtplib client."""
        import smtplib
        return smtplib.SMTP(self.address, self.smtp_port, local_hostname="client.test.example",
                            timeout=DEADLINE, **kw)

    def send(self, sender, recipients, text="Subject: test\n\nhello\n", **kw):
        """Submit by SMTP; the queue id of the 250 reply."""
        if isinstance(recipients, str):
            recipients = [recipients]
        with self.smtp() as s:
            s.ehlo()
            s.mail(sender, kw.get("mail_options", ()))
            for r in recipients:
                code, reply = s.rcpt(r)
                assert code == 250, reply
            code, reply = s.data(text)
        assert code == 250, reply
        return reply.decode().split()[-1]

    def sendmail(self, *args, text="Subject: test\n\nhello\n", check=True):
        return self.run("sendmail", "-C", self.config, *args, input=text, check=check)

    def dialogue(self, lines, deadline=None):
        """Send raw lines one at a time; list of complete replies (greeting first)."""
        replies = []
        with socket.create_connection((self.address, self.smtp_port), deadline or DEADLINE) as s:
            f = s.makefile("rb")
            replies.append(read_reply(f))
            for line in lines:
                s.sendall(line if isinstance(line, bytes) else line.encode() + b"\r\n")
                replies.append(read_reply(f))
                if replies[-1] == "":
                    break
        return replies


def read_reply(f):
    """One whole SMTP reply, lines joined by newline; '' at end of file."""
    lines = []
    while True:
        try:
            line = f.readline()
        except ConnectionResetError:  # closed before it had read all that we sent
            line = b""
        if not line:
            return "\n".join(lines)
        lines.append(line.decode("utf-8", "replace").rstrip("\r\n"))
        if len(line) < 4 or line[3:4] != b"-":
            return "\n".join(lines)


class DebianPostfix(Instance):
    """Debian's Postfix in a private directory. Needs root."""

    kind = "Debian's Postfix"
    daemons = DEBIAN_DAEMONS
    commands = pathlib.Path("/usr/sbin")

    def __init__(self, conf=None, master=None, extra_master="", directory=None):
        super().__init__(conf, master, extra_master + "scache unix - - n - 1 scache\n", directory)

    def defaults(self):
        conf = super().defaults()
        conf.update({"meta_directory": "/etc/postfix", "default_database_type": "lmdb",
                     "shlib_directory": "/usr/lib/postfix", "mailq_path": "/usr/bin/mailq",
                     "newaliases_path": "/usr/bin/newaliases", "sendmail_path": "/usr/sbin/sendmail"})
        return conf

    @staticmethod
    def available():
        return os.geteuid() == 0 and (DEBIAN_DAEMONS / "master").exists()

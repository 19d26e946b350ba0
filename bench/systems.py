# SPDX-License-Identifier: Apache-2.0
"""The mail systems that are compared, each in a private directory with one interface.

Every system runs below a reaper process (reaper.py), to which orphans are given, so that the CPU
time of processes that forked away and ended is counted too.
"""

import os
import pathlib
import pwd
import shutil
import subprocess
import sys
import tempfile

import cpu
from instance import DebianPostfix, Instance, free_port, loopback_address, wait_until

BENCH = pathlib.Path(__file__).resolve().parent
NOBODY = 65534
COMMON = {
    "smtpd_client_connection_count_limit": "0", "smtpd_client_event_limit_exceptions": "static:all",
    "default_process_limit": "200", "smtp_destination_concurrency_limit": "100", "initial_destination_concurrency": "20",
    "qmgr_message_active_limit": "20000", "smtpd_peername_lookup": "no", "in_flow_delay": "0",
}

CGROUPS = pathlib.Path("/sys/fs/cgroup"), pathlib.Path("/sys/fs/cgroup/cpuacct"), pathlib.Path("/sys/fs/cgroup/unified")


def account():
    """A control group that counts the CPU time of its processes; None where there is none to be had."""
    for place in CGROUPS:
        if any((place / name).exists() for name in ("cpuacct.usage", "cgroup.controllers")):
            try:
                return pathlib.Path(tempfile.mkdtemp(prefix="postroad-bench-", dir=place))
            except OSError:
                continue
    return None


def accounted(group):
    """CPU seconds of all that was ever in a control group."""
    if (group / "cpuacct.usage").exists():
        return int((group / "cpuacct.usage").read_text()) / 1e9
    return int((group / "cpu.stat").read_text().split()[1]) / 1e6


class Reaper:
    """A process that runs a command and adopts what it leaves behind, in a control group where there are any."""

    def __init__(self, command, env=None, output=subprocess.DEVNULL):
        self.group = account()
        join = ["sh", "-c", f'(echo $$ >{self.group}/cgroup.procs) 2>&- || rmdir {self.group}; exec "$@"', "sh"] if self.group else []
        self.p = subprocess.Popen([*join, sys.executable, BENCH / "reaper.py", *map(str, command)], env=env,
                                  stdin=subprocess.PIPE, stdout=output, stderr=output)

    @property
    def pid(self):
        return self.p.pid

    def cpu(self):
        """CPU seconds so far. Without a group those are not in it whose parents do not wait for them."""
        return accounted(self.group) if self.group and self.group.exists() else cpu.below(self.pid)

    def close(self):
        self.p.stdin.close()
        try:
            self.p.wait(60)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.p.wait()
        if self.group and self.group.exists():
            try:
                self.group.rmdir()
            except OSError:
                pass


class PostfixLike:
    """Ours or Debian's Postfix. target: (address, port) to relay to, a Maildir's path, or "discard"."""

    share = 1  # it gets one in so many of a load's messages; their rate is what is compared

    def __init__(self, target, conf=None):
        conf = {**COMMON, **(conf or {})}
        if target == "discard":
            conf["default_transport"] = "discard"
        elif isinstance(target, pathlib.Path):
            conf.update(virtual_mailbox_domains="local.example", virtual_mailbox_maps="static:box/", virtual_mailbox_base=target,
                        virtual_uid_maps=f"static:{NOBODY}", virtual_gid_maps=f"static:{NOBODY}")
        else:
            conf["relayhost"] = "[{}]:{}".format(*target)
        self.m = self.cls(conf)
        self.reaper = None

    def start(self):
        m = self.m
        self.reaper = Reaper([m.commands / "postfix", "-c", m.config, "start"], dict(os.environ, MAIL_CONFIG=str(m.config)))
        m.started = True
        wait_until(m.listening, f"{self.name} listens\n{m.log()}")
        return m.address, m.smtp_port

    def close(self):
        self.m.destroy()
        if self.reaper:
            self.reaper.close()


class Postroad(PostfixLike):
    name = "Postroad"
    cls = Instance
    available = staticmethod(lambda: True)


class PostroadFiles(Postroad):
    """With one file and one fsync a message, as Postfix does it."""

    name = "Postroad, queue_journal = no"

    def __init__(self, target):
        super().__init__(target, {"queue_journal": "no"})


class Postfix(PostfixLike):
    name = "Postfix"
    cls = DebianPostfix
    available = staticmethod(DebianPostfix.available)


def unpacked(package):
    """Contents of a Debian package that cannot be installed beside Postfix; None when it cannot be had."""
    place = pathlib.Path(os.environ.get("BENCH_PACKAGES", "/tmp/postroad-bench-packages")) / package
    if not place.exists():
        with tempfile.TemporaryDirectory() as d:
            try:
                subprocess.run(["apt-get", "download", "-q", package], cwd=d, check=True, capture_output=True)
            except (OSError, subprocess.CalledProcessError):
                return None
            place.parent.mkdir(exist_ok=True)
            subprocess.run(["dpkg", "-x", next(pathlib.Path(d).glob("*.deb")), place], check=True)
    return place


class Private:
    """A system that we start ourselves: directory, address and port."""

    def __init__(self, target):
        self.target = target
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="postroad-bench-"))
        self.dir.chmod(0o755)
        self.address = loopback_address()
        self.port = free_port(self.address)
        self.reaper = None

    def listening(self):
        import socket
        try:
            socket.create_connection((self.address, self.port), 1).close()
            return True
        except OSError:
            return False

    def launch(self, command):
        self.log = open(self.dir / "log", "ab")
        self.reaper = Reaper(command, output=self.log)
        try:
            wait_until(self.listening, f"{self.name} listens", 20)
        except AssertionError as e:
            raise AssertionError(f"{e}\n{(self.dir / 'log').read_text()}") from None
        return self.address, self.port

    def close(self):
        if self.reaper:
            self.reaper.close()
        shutil.rmtree(self.dir, ignore_errors=True)


# As the specification advises for large systems: longer queue of new connections, no limit after which messages of
# a connection wait for a queue runner, split spool, no log a message. No TLS, no host names, as everywhere here.
EXIM = """
primary_hostname = mail.test.example
spool_directory = {dir}/spool
log_file_path = {dir}/exim-%slog
pid_file_path = {dir}/exim.pid
exim_user = mail
exim_group = mail
never_users =
local_interfaces = {address}
daemon_smtp_ports = {port}
domainlist ours = local.example
acl_smtp_rcpt = accept
acl_smtp_data = accept
host_lookup =
rfc1413_query_timeout = 0s
smtp_accept_max = 300
smtp_accept_queue_per_connection = 0
smtp_accept_queue = 0
smtp_connect_backlog = 200
smtp_accept_reserve = 0
split_spool_directory = true
message_logs = false
tls_advertise_hosts =
remote_max_parallel = 20
recipients_max = 50000
message_size_limit = 50M
keep_environment =
disable_ipv6
begin routers
{router}
begin transports
remote:
  driver = smtp
  hosts_try_fastopen =
  hosts_avoid_tls = *
  hosts_try_prdr =
  connection_max_messages = 500
box:
  driver = appendfile
  directory = {box}
  maildir_format
  user = nobody
  group = nogroup
begin retry
* * F,2h,1m
"""
EXIM_ROUTERS = {
    "relay": "r:\n  driver = manualroute\n  transport = remote\n  self = send\n  route_data = {host}::{port}\n",
    "box": "r:\n  driver = accept\n  transport = box\n",
    "discard": "r:\n  driver = redirect\n  data = :blackhole:\n",
}


class Exim(Private):
    name = "Exim"
    share = 20

    @staticmethod
    def available():
        return os.geteuid() == 0 and unpacked("exim4-daemon-light") is not None

    def start(self):
        kind = "discard" if self.target == "discard" else "box" if isinstance(self.target, pathlib.Path) else "relay"
        router = EXIM_ROUTERS[kind]
        if kind == "relay":
            router = router.format(host=self.target[0], port=self.target[1])
        conf = self.dir / "exim.conf"
        (self.dir / "spool").mkdir()
        mail = pwd.getpwnam("mail")
        os.chown(self.dir, mail.pw_uid, mail.pw_gid)
        os.chown(self.dir / "spool", mail.pw_uid, mail.pw_gid)
        conf.write_text(EXIM.format(dir=self.dir, address=self.address, port=self.port, router=router,
                                    box=self.target / "box" if kind == "box" else "/nowhere"))
        # exim runs itself again for deliveries: by a name that exists, in a namespace of its own.
        exim = unpacked("exim4-daemon-light") / "usr/sbin/exim4"
        return self.launch(["unshare", "-m", "sh", "-c",
                            f"mkdir -p {self.dir}/sbin && cp -a /usr/sbin/. {self.dir}/sbin/ && cp -p {exim} {self.dir}/sbin/exim4 && "
                            f"mkdir -p {self.dir}/exim4 && cp {conf} {self.dir}/exim4/exim4.conf && "
                            f"mkdir -p {self.dir}/etc && cp -a /etc/. {self.dir}/etc/ && mkdir -p {self.dir}/etc/exim4 && "
                            f"cp {conf} {self.dir}/etc/exim4/exim4.conf && mount --bind {self.dir}/etc /etc && "
                            f"mount --bind {self.dir}/sbin /usr/sbin && chown root /etc/exim4/exim4.conf && "
                            "echo 'Debian-exim:x:8:8::/:/bin/false' >>/etc/passwd && echo 'Debian-exim:x:8:' >>/etc/group && exec /usr/sbin/exim4 -bdf"])


# The limits of "mta" stand in no manual page, but the program knows them. Without them all mail for a host goes over one
# connection, message by message, and each waits for a delayed acknowledgement of the peer: 22 messages a second.
OPENSMTPD = """
mta limit max-conn-per-host 100
mta limit max-conn-per-route 100
mta limit max-conn-per-source 100
mta limit max-conn-per-connector 100
mta limit max-conn-per-relay 100
mta limit max-conn-per-domain 100
mta limit conn-delay-host 0
mta limit conn-delay-route 0
mta limit conn-delay-source 0
mta limit conn-delay-connector 0
mta limit conn-delay-relay 0
mta limit conn-delay-domain 0
mta limit reconn-delay-route 0
mta limit session-mail-max 10
mta limit task-hiwat 1000
mta limit task-lowat 500
mta limit task-release 500
listen on {address} port {port} hostname mail.test.example
smtp max-message-size 50M
smtp limit max-mails 100000
smtp limit max-rcpt 50000
table boxes {{ "@" = "nobody" }}
action "box" maildir "{box}" virtual <boxes>
action "relay" relay host smtp://{host}:{relay_port}
match from any for domain "local.example" action "box"
match from any for any action "relay"
"""


class OpenSmtpd(Private):
    """As it is: it asks for no flush of its queue, so a message that it accepted may be lost with the power."""

    name = "OpenSMTPD, no flush"
    share = 4
    prepare = ""

    @staticmethod
    def available():
        return os.geteuid() == 0 and unpacked("opensmtpd") is not None

    def start(self):
        if self.target == "discard":
            raise NotImplementedError("has no way to discard")
        box = isinstance(self.target, pathlib.Path)
        host, port = ("127.0.0.1", 9) if box else self.target
        d = self.dir
        (d / "smtpd.conf").write_text(OPENSMTPD.format(address=self.address, port=self.port, host=host, relay_port=port,
                                                       box=self.target / "box" if box else "/nowhere"))
        p = unpacked("opensmtpd")
        script = f"""set -e
        cd {d}; mkdir -p etc libexec run spool lib/opensmtpd/empty
        {self.prepare}
        cp -a /etc/. etc/; cp -a {p}/usr/libexec/. libexec/
        echo 'opensmtpd:x:901:901::/var/lib/opensmtpd/empty:/bin/false' >>etc/passwd
        echo 'opensmtpq:x:902:902::/var/lib/opensmtpd/empty:/bin/false' >>etc/passwd
        printf 'opensmtpd:x:901:\\nopensmtpq:x:902:\\n' >>etc/group
        printf 'lookup file\nnameserver 127.0.0.1\n' >resolv; rm -f etc/resolv.conf; mv resolv etc/resolv.conf
        printf '{self.address} localhost\n{host} sink.example\n' >>etc/hosts
        mkdir -p /usr/libexec
        mount --bind etc /etc; mount --bind libexec /usr/libexec; mount --bind run /run
        mount --bind spool /var/spool; mount --bind lib /var/lib
        chmod 711 /var/spool
        exec {p}/usr/sbin/smtpd -d -f {d}/smtpd.conf"""
        return self.launch(["unshare", "-m", "sh", "-c", script])


class OpenSmtpdSync(OpenSmtpd):
    """Every write and change of name in its queue is durable when the call returns: the file system's attribute S."""

    name = "OpenSMTPD"
    share = 10
    prepare = "chattr +S spool"


SYSTEMS = [Postroad, PostroadFiles, Postfix, Exim, OpenSmtpdSync, OpenSmtpd]


def cpu_seconds(system):
    """User and system time of all that the system ran so far."""
    return system.reaper.cpu()


def memory(system):
    """Resident bytes, shared pages counted once."""
    return cpu.pss_below(system.reaper.pid)

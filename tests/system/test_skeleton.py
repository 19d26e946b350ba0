# SPDX-License-Identifier: Apache-2.0
"""The server skeletons beside Debian's: what is refused at a start and in which words, options, stand-alone service."""

import concurrent.futures
import fcntl
import os
import pathlib
import pty
import re
import socket
import struct
import subprocess

import instance
import pytest
from instance import DEADLINE, wait_until

# Program, arguments, what it says. What Debian's says is the beginning of what ours says, which adds where
# the value comes from.
REFUSED = [
    ("bounce", "-q", "fatal: invalid option: q"),
    ("pickup", "-r 5", "fatal: invalid option: r"),
    ("postlogd", "-S", "fatal: invalid option: S"),
    ("bounce", "-z -t fifo", "fatal: unsupported transport type: fifo"),
    ("pickup", "-l -t unix-dgram", "fatal: unsupported transport type: unix-dgram"),
    ("postlogd", "-l -t unix", "fatal: unsupported transport type: unix"),
    ("trivial-rewrite", "-t fifo", "fatal: unsupported transport type: fifo"),
    ("bounce", "-t unix", "fatal: service bounce requires a process limit of 0"),
    ("bounce", "-t unix -n trace", "fatal: service trace requires a process limit of 0"),
    ("cleanup", "-t unix -l", "fatal: service cleanup requires a process limit of 0"),
    ("flush", "-t unix", "fatal: service flush requires a process limit of 0"),
    ("pickup", "-t unix", "fatal: service pickup requires a process limit of 1"),
    ("qmgr", "-t unix -z", "fatal: service qmgr requires a process limit of 1"),
    ("anvil", "-t unix", "fatal: service anvil requires a process limit of 1"),
    ("postlogd", "-t unix-dgram", "fatal: service postlogd requires a process limit of 1"),
    ("virtual", "-t unix -u -o virtual_mailbox_base=/x", "fatal: service virtual requires privileged operation"),
    ("bounce", "-z -t unix -i 0", "fatal: invalid max_idle: 0 (min 1)"),
    ("bounce", "-z -t unix -i x", "fatal: parameter max_idle: bad time value or unit: x"),
    ("bounce", "-z -t unix -m 0", "fatal: invalid max_use parameter value 0 < 1"),
    ("bounce", "-z -t unix -m x", "fatal: bad numerical configuration: max_use = x"),
    ("bounce", "-z -t unix -r x", "fatal: invalid retirement time: x"),
    ("bounce", "-z -t unix -s 0", "fatal: invalid socket_count: 0"),
    ("bounce", "-z -t unix -s x", "fatal: invalid socket_count: x"),
    ("bounce", "-o x", 'fatal: invalid "-o x" option value: missing \'=\' after attribute name'),
    ("bounce", "-o =x", 'fatal: invalid "-o =x" option value: missing attribute name'),
    ("bounce", "-D -z -t unix", "fatal: no debugger_command variable set up"),
    # Parameter tables, by type. Integers:
    ("smtpd", "-S -o smtpd_recipient_limit=0", "fatal: invalid smtpd_recipient_limit parameter value 0 < 1"),
    ("smtpd", "-S -o smtpd_recipient_limit=5x", "fatal: bad numerical configuration: smtpd_recipient_limit = 5x"),
    ("smtpd", "-S -o smtpd_recipient_limit=", "fatal: bad numerical configuration: smtpd_recipient_limit = "),
    ("smtpd", "-S -o smtpd_recipient_limit=99999999999", "fatal: bad numerical configuration: smtpd_recipient_limit = 99999999999"),
    ("smtpd", "-S -o message_size_limit=abc", "fatal: bad numerical configuration: message_size_limit = abc"),
    # times:
    ("smtpd", "-S -o smtpd_timeout=0", "fatal: invalid smtpd_timeout: 0 (min 1)"),
    ("smtpd", "-S -o smtpd_timeout=-1", "fatal: parameter smtpd_timeout: bad time value or unit: -1"),
    ("smtpd", "-S -o smtpd_timeout=5y", "fatal: parameter smtpd_timeout: bad time value or unit: 5y"),
    ("smtpd", "-S -o smtpd_timeout=5000000000", "fatal: parameter smtpd_timeout: bad time value or unit: 5000000000"),
    ("bounce", "-z -t unix -o max_idle=", "fatal: parameter max_idle: bad time value or unit: "),
    ("smtpd", "-S -o stress=yes -o smtpd_timeout=${stress?{x}:{y}}", "fatal: parameter smtpd_timeout: bad time value or unit: x"),
    # bools, strings:
    ("smtpd", "-S -o smtpd_helo_required=maybe", "fatal: bad boolean configuration: smtpd_helo_required = maybe"),
    ("smtpd", "-S -o smtpd_helo_required=", "fatal: bad boolean configuration: smtpd_helo_required = "),
    ("smtpd", "-S -o smtpd_banner=", "fatal: bad string length 0 < 1: smtpd_banner = "),
    ("virtual", "-t unix", "fatal: bad string length 0 < 1: virtual_mailbox_base = "),
    # What every program looks at:
    ("smtpd", "-S -o compatibility_level=x", 'fatal: malformed compatibility level syntax: "x"'),
    ("smtpd", "-S -o inet_protocols=ipv9", 'fatal: unknown inet_protocols value "ipv9" in "ipv9"'),
    ("smtpd", "-S -o queue_directory=/nonexistent", 'fatal: chdir("/nonexistent"): No such file or directory'),
    ("smtpd", "-S -o mail_owner=nosuch", "fatal: file CONFIG/main.cf: parameter mail_owner: unknown user name value: nosuch"),
]


def places(m):
    for d in ("pid", "private", "public", "maildrop", "incoming", "active", "bounce", "defer", "deferred", "flush", "trace", "hold"):
        (m.queue / d).mkdir(exist_ok=True)
    return m


def daemon(m, name, *args, env=None, **kw):
    """Run a daemon by hand, or nearly so."""
    kw.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run([str(m.daemons / name), *args], env=dict(os.environ, MAIL_CONFIG=str(m.config), **(env or {})),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=DEADLINE, **kw)


def test_refused(either):
    m = places(either({"maillog_file": ""}, start=False))
    # An ordinary user's system knows no other identity.
    cases = [c for c in REFUSED if os.geteuid() == 0 or not ("privileged" in c[2] or "mail_owner" in c[2])]

    def attempt(case):
        name, args, text = case
        p = daemon(m, name, "-V", *args.split(" "))
        said = (p.stderr.strip().splitlines() or [""])[-1].rstrip()
        want = re.escape(f"{name}: {text.replace('CONFIG', str(m.config))}".rstrip())
        ok = p.returncode == 1 and re.fullmatch(rf"(postfix/)?{want}( +\(.*\))?", said)
        return None if ok else (*case, p.returncode, said)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:  # a fatal error takes a second
        assert [w for w in pool.map(attempt, cases) if w] == []


def test_by_hand(either):
    """From a terminal a daemon does not start, unless told that this is meant."""
    m = places(either({"maillog_file": ""}, start=False))
    lead, tty = pty.openpty()
    try:
        p = daemon(m, "bounce", "-V", "-z", "-t", "unix", stdin=tty)
        assert p.returncode == 1 and "fatal: do not run this command by hand" in p.stderr
        p = daemon(m, "bounce", "-V", "-z", "-d", "-t", "fifo", stdin=tty)
        assert "fatal: unsupported transport type: fifo" in p.stderr
    finally:
        os.close(lead)
        os.close(tty)


def test_debugger(either, workdir):
    """-D and MAIL_DEBUG run debugger_command and wait for it, before anything is done with privileges."""
    out = workdir / "debugger"
    m = places(either({"maillog_file": "", "debugger_command": f"echo $process_name $process_id >> {out}"}, start=False))
    for n, (args, env) in enumerate(((["-D"], {}), ([], {"MAIL_DEBUG": "1"})), 1):
        p = daemon(m, "smtpd", "-V", "-S", *args, "-o", "smtpd_peername_lookup=no", env=env, stdin=subprocess.DEVNULL)
        assert "running: echo smtpd" in p.stderr
        lines = out.read_text().splitlines()
        assert len(lines) == n and re.fullmatch(r"smtpd \d+", lines[-1])


def test_verbose(either):
    """-v and MAIL_VERBOSE, which the postfix command sets for -v, make daemons say more."""
    m = places(either({"maillog_file": "", "smtpd_peername_lookup": "no", "smtpd_relay_restrictions": "permit",
                       "smtpd_recipient_restrictions": ""}, start=False))
    plain, option, env = (len(daemon(m, "smtpd", "-V", "-S", *a, env=e, stdin=subprocess.DEVNULL).stderr.splitlines())
                          for a, e in (([], {}), (["-v"], {}), ([], {"MAIL_VERBOSE": "1"})))
    assert plain < option and plain < env


def test_stand_alone(either):
    """-S: the client is on standard input and output, and there is nothing of master."""
    m = places(either({"smtpd_peername_lookup": "no", "local_recipient_maps": "", "maillog_file": "",
                       "smtpd_client_event_limit_exceptions": ""}, start=False))
    p = daemon(m, "smtpd", "-S", "-o", "myhostname=other.example", stdin=None, input="EHLO x\r\nQUIT\r\n")
    assert p.returncode == 0
    assert p.stdout.startswith("220 other.example ") and p.stdout.endswith("221 2.0.0 Bye\r\n".replace("\r\n", "\n"))


def taken_after(count, listener, status):
    """Be a client so many times: wait until the processes have said as often that they had taken one."""
    seen = b""
    for _ in range(count):
        with socket.create_connection(listener.getsockname(), DEADLINE) as s:
            assert s.recv(1000).startswith(b"220 ")

    def taken():
        nonlocal seen
        for ours, _ in status:
            ours.setblocking(False)
            try:
                data = ours.recv(12 * 1000)
                assert len(data) % 12 == 0
                seen += data
            except BlockingIOError:
                pass
        return sum(1 for _, _, avail in struct.iter_unpack("iIi", seen) if avail == 0) == count
    wait_until(taken, f"{count} clients were taken")


@pytest.mark.root
def test_smtpd_is_never_root(either):
    """The SMTP server of an entry with unprivileged = n refuses to work."""
    master = instance.MASTER_CF.replace("{smtp} inet n - n", "{smtp} inet n n n")
    m = either(master=master, start=False)
    m.run("postfix", "-c", m.config, "start")
    m.started = True
    with socket.create_connection((m.address, m.smtp_port), DEADLINE) as s:
        m.wait_log(r"smtpd\[\d+\]: fatal: the Postfix SMTP server must run with \$mail_owner privileges")


@pytest.mark.root
def test_mixed_listener(mta, debian):
    """Two processes wait for one listener, Debian's under its accept lock and ours without: each client is served."""
    m = places(debian(start=False))
    other = places(mta(start=False))
    for s in (m, other):  # Debian's waits until the file is not fresh
        os.utime(s.config / "main.cf", (1, 1))
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((m.address, 0))
    listener.listen(50)
    listener.setblocking(False)
    flow, status = os.pipe(), [socket.socketpair() for _ in range(4)]
    procs = []

    def start(system, pair):
        def place():
            fds = [os.dup(f) for f in (flow[0], flow[1], pair[1].fileno(), listener.fileno())]
            fds = [fcntl.fcntl(f, fcntl.F_DUPFD, 50) for f in fds]
            for n, f in enumerate(fds, 3):
                os.dup2(f, n)
        return subprocess.Popen([str(system.daemons / "smtpd"), "-t", "inet", "-u", "-o", "smtpd_peername_lookup=no", "-o", "stress="],
                                env={"MAIL_CONFIG": str(system.config), "GENERATION": "1"}, stdin=subprocess.DEVNULL,
                                close_fds=False, preexec_fn=place, cwd=system.queue)
    try:
        procs = [start(s, p) for s, p in zip((m, other, m, other), status)]
        taken_after(60, listener, status)
        assert all(p.poll() is None for p in procs)
        for n in (1, 3):  # now ours go
            for s in status[n]:
                s.close()
            procs[n].wait(DEADLINE)
        taken_after(10, listener, status[::2])
    finally:
        for a, b in status:  # master is gone: they leave
            a.close()
            b.close()
        for p in procs:
            p.wait(DEADLINE)
        listener.close()
        os.close(flow[0])
        os.close(flow[1])


def test_wait_for_the_end(mta):
    """stop returns when the listeners are free: a start right behind it finds its address."""
    m = mta()
    for _ in range(5):
        with m.smtp() as s:
            s.ehlo()
            m.stop()
            m.run("postfix", "-c", m.config, "start")
            m.started = True
    assert "Address already in use" not in m.log()
    assert not [line for line in m.log().splitlines() if "fatal" in line]
    assert pathlib.Path(f"/proc/{m.master_pid()}").exists()

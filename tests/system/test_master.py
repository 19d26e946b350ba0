# SPDX-License-Identifier: Apache-2.0
"""master beside Debian's: what it gives its children, how it calls them, what it says when they fail."""

import concurrent.futures
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess

import pytest

import instance
from instance import free_port, wait_until

# Writes down what master gave it; then does what its arguments say.
PROBE = """#!/usr/bin/python3 -IB
import json, os, signal, socket, stat, struct, sys, time
def kind(fd):
    mode = os.fstat(fd).st_mode
    if stat.S_ISSOCK(mode):
        s = socket.socket(fileno=os.dup(fd))
        listening = s.type == socket.SOCK_STREAM and s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        return [s.family.name, s.type.name, bool(listening), os.get_blocking(fd)]
    return [stat.S_IFMT(mode), os.get_blocking(fd)]
name = sys.argv[-1]
umask = os.umask(0)
seen = dict(argv=sys.argv[1:-1], env=dict(os.environ), cwd=os.getcwd(), umask=umask, uid=os.getuid(), euid=os.geteuid(),
            group=os.getpgrp() == os.getppid(), fds={f: kind(f) for f in range(100) if os.path.exists(f"/proc/self/fd/{f}")},
            ignored=[s for s in (1, 2, 3, 13, 14, 15, 17) if signal.getsignal(s) == signal.SIG_IGN])
with open(f"DIR/{name}.tmp", "w") as f:
    json.dump(seen, f)
os.rename(f"DIR/{name}.tmp", f"DIR/{name}.json")
if name == "exit3":
    sys.exit(3)
if name == "killed":
    os.kill(os.getpid(), 9)
if name == "served":  # a client was served, then a fault: no bad start
    s = socket.socket(fileno=6)
    s.setblocking(True)
    s.accept()
    for avail in (0, 1):
        os.write(5, struct.pack("iIi", os.getpid(), int(os.environ["GENERATION"], 8), avail))
    time.sleep(1)  # nothing says that master has read it
    sys.exit(4)
if name.startswith("fifo") or name == "wake":
    with open(f"DIR/{name}.got", "ab") as f:
        if name == "wake":
            f.write(socket.socket(fileno=6).accept()[0].recv(100))
        else:
            os.set_blocking(6, True)
            f.write(os.read(6, 100))
if name == "one":  # a listener with a client in it would ask for a second process at once
    os.set_blocking(6, True)
    listener = socket.socket(fileno=6)
    client = listener.accept()
    os.write(5, struct.pack("iIi", os.getpid(), int(os.environ["GENERATION"], 8), 0))
if name == "greedy":
    os.write(5, struct.pack("iIi", os.getpid(), int(os.environ["GENERATION"], 8), 1000000 << 8))
if name == "partial":
    os.write(5, b"12345")
while True:  # until master goes, or wants us to
    if not os.read(5, 1):
        sys.exit(0)
"""

MASTER = """\
{smtp} inet n - n - - smtpd
postlog unix-dgram n - n - 1 postlogd
u1 unix - - n - - probe plain
u2 unix n n y - 1 probe {{ two  words }} -o {{ a = b c }} -o x=y limited
probe unix - y n - 0 probe unlimited
p1 pass - - n - 5 probe passed
f1 fifo n - n - 1 probe fifo
d1 unix-dgram n - n - - probe dgram
"""


def prepare(m, extra="", **conf):
    """An instance whose daemon_directory has the probe too."""
    place = m.dir / "libexec"
    place.mkdir(exist_ok=True)
    place.chmod(0o755)
    (m.dir / "seen").mkdir()
    (m.dir / "seen").chmod(0o777)
    for name in ("smtpd", "postlogd", "anvil", "master", "post-install", "postfix-script", "postfix-wrapper", "postmulti-script",
                 "postfix-tls-script"):
        if (m.daemons / name).exists():
            (place / name).symlink_to(m.daemons / name)
    (place / "probe").write_text(PROBE.replace("DIR", str(m.dir / "seen")))
    (place / "probe").chmod(0o755)
    m.master_text += extra
    m.setting(daemon_directory=place, import_environment="MAIL_CONFIG MAIL_LOGTAG FOO=bar {X=y z}", **conf)
    return m


def seen(m, name):
    path = m.dir / "seen" / f"{name}.json"
    wait_until(path.exists, f"{name} was started\n{m.log()}")
    return json.loads(path.read_text())


def knock(m, path, type_=socket.SOCK_STREAM):
    s = socket.socket(socket.AF_UNIX, type_)
    s.connect(str(m.queue / path))
    if type_ == socket.SOCK_DGRAM:
        s.send(b"x")
    return s


def comparable(m, got):
    """Without what must differ."""
    env = {k: v.replace(str(m.dir), "DIR") for k, v in got["env"].items()
           if k not in ("GENERATION", "POSTROAD_CLIENTS", "ASAN_OPTIONS", "TSAN_OPTIONS")}
    return {**got, "env": env, "cwd": got["cwd"].replace(str(m.dir), "DIR")}


def endpoints(m):
    """Type, mode and owner of what lies in public/ and private/."""
    out = {}
    for d in ("public", "private"):
        for p in (m.queue / d).iterdir():
            st = p.lstat()
            out[f"{d}/{p.name}"] = (stat.filemode(st.st_mode), st.st_uid)
    return out


def test_children(mta, debian):
    """Arguments, environment, descriptors, directory, umask, signals, and the endpoints of each type."""
    got = []
    for make in (mta, debian):
        m = make(master=MASTER, start=False)
        ports = [free_port(m.address), free_port("0.0.0.0")]
        prepare(m, f"{m.address}:{ports[0]} inet n - n - - probe local\n0.0.0.0:{ports[1]} inet n - n - 7 probe remote\n")
        m.start()
        held = [knock(m, "private/u1"), knock(m, "public/u2"), knock(m, "private/probe"), knock(m, "private/p1"),
                knock(m, "public/d1", socket.SOCK_DGRAM)]
        held += [socket.create_connection((m.address, p)) for p in ports]
        with open(m.queue / "public/f1", "wb", buffering=0) as f:
            f.write(b"through the fifo")
        names = ("plain", "limited", "unlimited", "passed", "fifo", "dgram", "local", "remote")
        rows = {n: comparable(m, seen(m, n)) for n in names}
        for row in rows.values():
            row["argv"] = [a.replace(f"{m.address}:", "ADDRESS:").replace(f":{ports[0]}", ":P0").replace(f":{ports[1]}", ":P1")
                           for a in row["argv"]]
        wait_until(lambda m=m: (m.dir / "seen/fifo.got").exists() and (m.dir / "seen/fifo.got").read_bytes() == b"through the fifo",
                   "the fifo's text")
        got.append((rows, {k: v for k, v in endpoints(m).items() if k != "private/scache"}))
        # Generations count up, in octal; ours also say how many clients a child may serve.
        assert len({seen(m, n)["env"]["GENERATION"] for n in names}) == len(names)
        for s in held:
            s.close()
    for name in got[0][0]:
        a, b = got[0][0][name]["env"], got[1][0][name]["env"]
        assert a == b, (set(a.items()) ^ set(b.items()))
        assert got[0][0][name] == got[1][0][name], name
    assert got[0][1] == got[1][1]
    assert got[0][0]["limited"]["argv"] == ["-l", "-n", "u2", "-t", "unix", "-c", "two  words", "-o", "a = b c", "-o", "x=y"]


FAULTS = """\
{smtp} inet n - n - - smtpd
postlog unix-dgram n - n - 1 postlogd
exit3 unix - - n - - probe exit3
killed unix - - n - - probe killed
served unix - - n - - probe served
partial unix - - n - - probe partial
missing unix - - n - - nosuchprogram
exit3 unix - - n - 9 probe exit3
off unix - - n - - probe off
"""


def test_faults(mta, debian):
    """A child that ends badly, a program that is not there, entries that are there twice: the log lines."""
    logs = []
    for make in (mta, debian):
        m = prepare(make(master=FAULTS, start=False), master_service_disable="off.unix, !smtp/inet nosuch/inet")
        m.start()
        names = ("exit3", "killed", "missing")
        held = [knock(m, f"private/{n}") for n in (*names, "served", "partial")]
        m.wait_log("bad command startup -- throttling", len(names))
        seen(m, "served")
        for end in ("probe pid \\d+ exit status [34]", "probe pid \\d+ killed by signal 9", "nosuchprogram pid \\d+ exit status 1"):
            m.wait_log(end, 2 if "34" in end else 1)
        m.wait_log("partial status update")
        assert not (m.queue / "private/off").exists()
        lines = sorted(re.sub(r"pid \d+", "pid N", t.replace(str(m.dir), "DIR")) for p, t in m.events("master")
                       if "warning: " in t and "heeds" not in t and "partial" not in t)
        lines += sorted(re.sub(r"pid \d+", "pid N", t.replace(str(m.dir), "DIR")) for p, t in m.events() if "nosuchprogram" in t and "exec" in t)
        logs.append(lines)
        for s in held:
            s.close()
    assert logs[0] == logs[1]


def test_wakeup(either):
    """A wakeup comes at the start and then every so often; with a question mark only once it was used."""
    m = prepare(either(master=FAULTS, start=False), "wake unix - - n 1 1 probe wake\nlazy unix - - n 1? 1 probe wake2\n")
    m.start()
    wait_until(lambda: (m.dir / "seen/wake.got").exists() and (m.dir / "seen/wake.got").read_bytes() == b"W\0", "a wakeup")
    assert not (m.dir / "seen/wake2.json").exists()
    assert m.log().count("warning: wake up service") == 0


def test_claims(mta):
    """Threats X8: a child that claims more clients than it may have does not use up its service's limit."""
    m = prepare(mta(master=FAULTS, start=False), "greedy unix - - n - 200 probe greedy\n")
    m.start()
    with knock(m, "private/greedy"):
        assert seen(m, "greedy")["env"]["POSTROAD_CLIENTS"] == "100"
        claims = m.wait_log(r"greedy\(private/greedy\): child pid (\d+) claims 1000000 clients, not 100", 2)
        assert len({c.group(1) for c in claims}) == 2


def test_stress(either):
    """The process that takes the last place of a service that others can reach is told of the stress."""
    m = either(master=FAULTS, start=False)
    port = free_port("0.0.0.0")
    prepare(m, f"{port} inet n - n - 2 probe one\n", inet_interfaces="all", clients_per_process="1")
    m.start()
    with socket.create_connection(("127.0.0.1", port)):
        assert seen(m, "one")["argv"][-2:] == ["-o", "stress="]
        with socket.create_connection(("127.0.0.1", port)):
            wait_until(lambda: seen(m, "one")["argv"][-2:] == ["-o", "stress=yes"], "the second one knows of the stress")
            with socket.create_connection(("127.0.0.1", port)):
                m.wait_log(rf'warning: service "{port}" \({port}\) has reached its process limit "2": '
                           'new clients may experience noticeable delays')


BAD = {
    "s": 'missing "transport type" field',
    "s unix - - n -": 'missing "max_proc" field',
    "s unix - - n - 1": 'missing "command" field',
    "s unix x - n - 1 p": 'field "private": bad value: "x"',
    "s unix - - x - 1 p": 'field "chroot": bad value: "x"',
    "s unix - - n x 1 p": 'field "wakeup_time": bad value: "x"',
    "s unix - - n - -5 p": 'field "max_proc": bad value: "-5"',
    "s tcp - - n - 1 p": "bad transport type: tcp",
    "s - - - n - 1 p": 'field "transport type" has no default value',
    "s unix - - n - 1 -": 'field "command" has no default value',
    "25 inet y - n - 1 p": "inet service cannot be private",
    "no.host.invalid:25 inet n - n - 1 p": "bad hostname or network address: no.host.invalid:25",
    "s unix - - n - 1 p {x": "missing '}' in \"{x\"",
    "s unix - - n - 1 p {x}y": "syntax error after '}' in \"{x}y\"",
}

# Debian's master speaks only to syslog before postlogd runs: this gives it a /dev/log in a namespace of its own.
LISTENER = """
import ctypes, json, os, select, socket, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)
def mount(*args):
    if libc.mount(*args) != 0:
        sys.exit(77)
program, config, place, lines = sys.argv[1:4] + [json.loads(sys.argv[4])]
if libc.unshare(0x20000) != 0:  # CLONE_NEWNS
    sys.exit(77)
mount(b"none", b"/", None, 0x44000, None)  # MS_REC | MS_PRIVATE
mount(b"t", place.encode(), b"tmpfs", 0, None)
for name, minor in (("null", 3), ("zero", 5), ("random", 8), ("urandom", 9)):
    os.mknod(f"{place}/{name}", 0o20666, os.makedev(1, minor))
mount(place.encode(), b"/dev", None, 0x2000, None)  # MS_MOVE
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("/dev/log")
os.chmod("/dev/log", 0o666)
said = {}
for line in lines:
    with open(f"{config}/master.cf", "w") as f:
        f.write(line + "\\n")
    p = subprocess.run([program, "-d", "-c", config], stderr=subprocess.DEVNULL, timeout=20)
    said[line] = [p.returncode]
    while select.select([s], [], [], 0)[0]:
        said[line].append(s.recv(4000).decode().rstrip("\\0").split("]: ", 1)[1])
print(json.dumps(said))
"""


@pytest.mark.root
def test_bad_entries_said(either):
    """What is wrong in master.cf is said in the same words."""
    m = either(start=False, conf={"maillog_file": ""})
    for d in ("pid", "private", "public"):
        (m.queue / d).mkdir(exist_ok=True)
    place = m.dir / "dev"
    place.mkdir()
    p = subprocess.run(["/usr/bin/python3", "-IBc", LISTENER, m.daemons / "master", m.config, place, json.dumps(list(BAD))],
                       capture_output=True, text=True, timeout=60)
    if p.returncode == 77:
        pytest.skip("no namespace of our own is allowed here")
    assert p.returncode == 0, p.stderr
    for line, said in json.loads(p.stdout).items():
        assert said[0] == 1 and said[-1].startswith(f"fatal: {m.config}/master.cf: line 1: {BAD[line]}"), (line, said)


def start_bare(m, line):
    """master alone, not detached, with one more entry in master.cf."""
    (m.config / "master.cf").write_text(f"postlog unix-dgram n - n - 1 postlogd\n{line}\n")
    return subprocess.Popen([str(m.daemons / "master"), "-d", "-c", str(m.config)], stderr=subprocess.PIPE, text=True)


def test_bad_entries(mta):
    """A bad master.cf: fatal at the start; at a reload the last good one stays in force (U1), where Debian's dies."""
    m = mta(start=False)
    for d in ("pid", "private", "public"):
        (m.queue / d).mkdir(exist_ok=True)
        if os.geteuid() == 0:
            shutil.chown(m.queue / d, m.owner()[0])
    for line, text in BAD.items():
        p = start_bare(m, line)
        said = p.communicate(timeout=30)[1]
        assert p.returncode == 1 and f"fatal: {m.config}/master.cf: line 2: {text}" in said, line
    p = start_bare(m, "")
    try:
        m.wait_log("daemon started")
        for n, (line, text) in enumerate([*BAD.items()] * 2, 1):
            (m.config / "master.cf").write_text(f"postlog unix-dgram n - n - 1 postlogd\n{line}\n")
            p.send_signal(signal.SIGHUP)
            m.wait_log("the last good one stays in force", n)
            assert f"warning: {m.config}/master.cf: line 2: {text}" in m.log(), line
        assert p.poll() is None
    finally:
        p.terminate()
        p.communicate(timeout=30)


@pytest.mark.root
def test_process_1(mta, smtp_sink):
    """start-fg as process 1 of a container: mail flows, orphans are reaped, TERM ends all with status 0."""
    sink = smtp_sink()
    m = mta({"relayhost": sink.nexthop}, start=False)
    # Not m.start(): the lock file says 1 here, which is another process outside.
    p = subprocess.Popen(["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", str(m.commands / "postfix"), "-c", str(m.config),
                          "start-fg"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: p.poll() is not None or "daemon started" in m.log(), "the start")
        if p.poll() is not None and "daemon started" not in m.log():
            said = p.stderr.read()
            if "unshare" in said:
                pytest.skip(f"no process namespace here: {said}")
            raise AssertionError(said + m.log())
        master, = (int(x) for x in subprocess.run(["pgrep", "-P", str(p.pid)], capture_output=True, text=True).stdout.split())
        assert (m.queue / "pid/master.pid").read_text() == f"{1:32}\n"
        m.send("a@test.example", "b@remote.example")
        sink.wait(1)
        subprocess.run(["nsenter", "-t", str(master), "-p", "-m", "sh", "-c", "(sleep 0.2 & echo $! > /dev/null) &"], check=True,
                       timeout=30)

        def states():
            kids = subprocess.run(["pgrep", "-P", str(master)], capture_output=True, text=True).stdout.split()
            out = []
            for kid in kids:
                try:
                    with open(f"/proc/{kid}/stat") as f:
                        out.append(f.read().rsplit(")", 1))
                except OSError:
                    continue
            return [(name.split("(")[1], rest.split()[0]) for name, rest in out]
        wait_until(lambda: not [s for s in states() if s[1] == "Z" or s[0] in ("sh", "sleep")], "the orphans are gone")
        os.kill(master, signal.SIGTERM)
        assert p.wait(30) == 0
        m.wait_log("terminating on signal 15")
    finally:
        if p.poll() is None:
            p.kill()
            p.wait()


def test_lock_files(either):
    """Both say who runs, in 32 columns; a stale file without lock does not hinder, a held one does (F9)."""
    m = either()
    pid = m.master_pid()
    for path in (m.queue / "pid/master.pid", m.dir / "data/master.lock"):
        assert path.read_text() == f"{pid:32}\n"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    m.stop()
    (m.queue / "pid/master.pid").write_text(f"{os.getpid():32}\n")
    m.start()
    assert m.master_pid() not in (pid, os.getpid())
    other = type(m)(conf={"data_directory": m.dir / "data"})
    try:
        p = other.run("postfix", "-c", other.config, "start", check=False)
        assert p.returncode != 0
        other.wait_log("fatal: open lock file .*/data/master.lock: unable to set exclusive lock: Resource temporarily unavailable")
    finally:
        other.destroy()
    assert m.listening()


def test_command_line(either):
    """-c -d -e -s -t -v -w and what excludes what: exit statuses, who runs afterwards, and who is found running by -t."""
    m = either({"maillog_file": ""}, start=False)
    m.run("postfix", "check", check=False)

    def master(*args, config=m.config):
        return subprocess.run([str(m.daemons / "master"), *args], env={**os.environ, "MAIL_CONFIG": str(config)}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=instance.DEADLINE)
    assert master("-t").returncode == 0
    refused = [["-t", "-w"], ["-i", "-w"], ["-i", "-d"], ["-i", "-D"], ["-i"], ["foo"], ["-q"], ["-c", "/nonexistent"], ["-s", "-D", "-e", "1"]]
    with concurrent.futures.ThreadPoolExecutor(9) as pool:  # a fatal error takes a second
        assert [p.returncode for p in pool.map(lambda args: master(*args), refused)] == [1] * 9
    assert master("-t").returncode == 0
    # Until its time comes it is there; then it ends well.
    for args in (["-e", "1"], ["-d", "-e", "1"], ["-s", "-v", "-v", "-e", "1"], ["-c", str(m.config), "-e", "1"]):
        p = master(*args, config="/nonexistent" if "-c" in args else m.config)
        assert p.returncode == 0, (args, p.stderr)
        assert master("-t").returncode == 0
    # -w: its parent waits until it listens, or has failed.
    assert master("-w").returncode == 0
    m.started = True
    try:
        assert m.listening() and master("-t").returncode == 1
        pid = m.master_pid()
        assert os.getpgid(pid) == os.getsid(pid) == pid
        for args in (["-w"], ["-d"], []):
            assert master(*args).returncode == 1
        assert m.master_pid() == pid and m.run("postfix", "status").returncode == 0
    finally:
        m.stop()
    assert master("-t").returncode == 0 and m.run("postfix", "status", check=False).returncode == 1
    (m.config / "master.cf").write_text("smtp bad\n")
    for args in (["-w"], ["-d"], []):
        assert master(*args).returncode == 1

# SPDX-License-Identifier: Apache-2.0
"""X7: the kernel holds every daemon to what it promises, and none keeps what it does not need.

All daemons of a running system are looked at through /proc; then each makes calls from within itself
that a server of mail has no use for. Builds with sanitizers enforce no promises: nothing to see there.
"""

import contextlib
import errno
import os
import pathlib
import pwd
import re
import socket
import subprocess

import pytest

import inject
import instance

SOURCE = instance.ROOT / "daemons"
STATED = {p.parent.name: set(m.group(1).replace(" ", "").replace("\n", "").split("|"))
          for p in SOURCE.glob("*/main.c")
          if (m := re.search(r"\.promises =\s*([P_A-Z |\n\t]+)", p.read_text()))}
# What they run would inherit every restriction, and has the right to none: see test_pipe, test_spawn.
STARTERS = {name for name, promises in STATED.items() if "P_EXEC" in promises}
# Services to wake, by what runs them.
SERVICES = {"smtpd": None, "pickup": "public/pickup", "cleanup": "public/cleanup", "qmgr": "public/qmgr",
            "trivial-rewrite": "private/rewrite", "bounce": "private/bounce", "flush": "public/flush",
            "smtp": "private/smtp", "lmtp": "private/lmtp", "showq": "public/showq", "error": "private/error",
            "discard": "private/discard", "virtual": "private/virtual", "anvil": "private/anvil", "postlogd": None,
            "submitd": "open/submit"}


def status(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return {}
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def children(pid):
    """pid -> name of the program that master started there."""
    found = {}
    for p in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if int(re.search(r"\) \S (\d+)", (p / "stat").read_text()).group(1)) == pid:
                found[int(p.name)] = os.path.basename((p / "cmdline").read_text().split("\0")[0])
        except (OSError, AttributeError):
            continue
    return found


def enforced():
    return b"__asan_init" not in (instance.BUILD / "libexec/anvil").read_bytes()


@pytest.fixture(scope="module")
def system():
    """A running system with every service awake, and the pid of each."""
    if not enforced():
        pytest.skip("a build with sanitizers enforces no promises")
    m = instance.Instance(conf={"max_idle": "600s", "virtual_mailbox_base": "/nonexistent"},
                          extra_master="submit unix n - n - - submitd\n")
    kept = contextlib.ExitStack()
    # A descriptor that somebody who starts the system has open: nobody below may have it.
    secret = os.open(m.dir / "secret", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        env = dict(os.environ, MAIL_CONFIG=str(m.config))
        subprocess.run([m.commands / "postfix", "-c", m.config, "start"], check=True, capture_output=True, timeout=60,
                       env=env, pass_fds=[secret])
        m.started = True
        instance.wait_until(m.listening, "the system listens")
        kept.enter_context(m.smtp()).ehlo()
        for path in filter(None, SERVICES.values()):
            s = kept.enter_context(socket.socket(socket.AF_UNIX))
            s.connect(str(m.queue / path))
        here = m.master_pid()

        def ready():
            pids = {name: pid for pid, name in children(here).items()}
            return pids if set(SERVICES) <= set(pids) and all(
                status(p).get("Seccomp") == "2" for p in pids.values()) else None
        try:
            pids = instance.wait_until(ready, "all services run in their sandboxes", 30)
        except AssertionError:
            raise AssertionError({n: status(p).get("Seccomp") for p, n in children(here).items()}, m.log()) from None
        yield m, pids
    finally:
        os.close(secret)
        kept.close()
        m.destroy()


def test_every_daemon_is_looked_at():
    assert set(STATED) - STARTERS == set(SERVICES) - {"lmtp"}  # the same program as smtp
    assert STARTERS <= {"pipe", "spawn", "local"}
    assert {p.parent.name for p in SOURCE.glob("*/main.c")} - set(STATED) == {"master"}


@pytest.mark.parametrize("name", SERVICES)
def test_state(system, name):
    m, pids = system
    s = status(pids[name])
    assert s["NoNewPrivs"] == "1"
    assert s["Seccomp"] == "2"
    me = os.geteuid()
    uids, gids = s["Uid"].split(), s["Gid"].split()
    if me != 0:
        assert set(uids) == {str(me)} and set(gids) == {str(os.getegid())}
        return
    if name == "virtual":
        assert s["CapBnd"] is not None  # becomes the owner of each mailbox, by promise
        return
    owner = pwd.getpwnam(m.owner()[0])
    assert set(uids) == {str(owner.pw_uid)}
    assert set(gids) == {str(owner.pw_gid)}
    assert set(s["Groups"].split()) <= {str(g) for g in os.getgrouplist(owner.pw_name, owner.pw_gid)}
    for caps in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(s[caps], 16) == 0, caps


def test_crowd(system):
    """In a crowd a server's threads do not take the place of those who wake them; a few clients must not wait for other programs."""
    m, pids = system
    crowd = 4 * len(os.sched_getaffinity(0))
    if os.sched_getscheduler(0) != os.SCHED_OTHER or crowd > 80:
        pytest.skip("the policy is somebody's choice, or there are too many processors for a crowd")

    def policies():
        return [os.sched_getscheduler(int(t)) for t in os.listdir(f"/proc/{pids['cleanup']}/task")]
    with contextlib.ExitStack() as kept:
        for n in range(1, crowd + 3):  # the system's own client is there already
            s = kept.enter_context(socket.socket(socket.AF_UNIX))
            s.settimeout(60)
            s.connect(str(m.queue / "public/cleanup"))
            assert s.recv(1000)  # its thread is at work
            assert policies().count(os.SCHED_BATCH) == max(0, n + 1 - crowd), n
    assert {os.sched_getscheduler(p) for p in pids.values()} == {os.SCHED_OTHER}


def listeners(pid):
    """inode -> path of the UNIX sockets that listen."""
    out = {}
    for line in pathlib.Path(f"/proc/{pid}/net/unix").read_text().splitlines()[1:]:
        f = line.split()
        if len(f) > 7 and int(f[3], 16) & 0x10000:
            out[f[6]] = f[7]
    return out


@pytest.mark.parametrize("name", SERVICES)
def test_descriptors(system, name):
    m, pids = system
    place = str(m.dir) + "/"
    listening = listeners(pids[name])
    own = SERVICES[name] and SERVICES[name].split("/")[1]
    for p in pathlib.Path(f"/proc/{pids[name]}/fd").iterdir():
        target = os.readlink(p)
        assert "secret" not in target, target
        inode = re.match(r"socket:\[(\d+)\]", target)
        if inode and inode.group(1) in listening:
            assert own and os.path.basename(listening[inode.group(1)]) == own, (target, listening[inode.group(1)])
        elif inode or target.startswith(("pipe:", "anon_inode:[event", "anon_inode:[timerfd]", "anon_inode:[signalfd]")):
            pass
        elif name == "postlogd" and target == f"/proc/{m.master_pid()}/stat":
            pass  # by which it learns that master was killed
        elif target.startswith("/dev/"):
            assert target in ("/dev/null", "/dev/urandom"), target
        else:
            assert target.startswith((place + "spool", place + "data/", place + "maillog")), target
            assert not target.endswith((".cf", "master.pid", "master.lock")), target


AT_CWD = -100
WRITE, CREATE = os.O_WRONLY, os.O_WRONLY | os.O_CREAT
# What no mail server does; refused to all. Arguments are such that nothing comes of it if it is not.
NEVER = [
    ("execve", "/bin/true", 0, 0), ("execveat", AT_CWD, "/bin/true", 0, 0, 0), ("ptrace", 16, 1, 0, 0),
    ("kill", 1, 0), ("personality", 0xffffffff), ("chroot", "/nonexistent"), ("mount", 0, "/nonexistent", 0, 0, 0),
    ("umount2", "/nonexistent", 0), ("swapon", "/nonexistent", 0), ("reboot", 0, 0, 0, 0), ("init_module", 0, 0, "", 0),
    ("unshare", 0x10000000), ("setns", -1, 0), ("bpf", 999, 0, 0), ("perf_event_open", 0, 0, -1, -1, 0),
    ("process_vm_readv", 1, 0, 0, 0, 0, 0), ("userfaultfd", 0xffff), ("io_uring_setup", 0, 0), ("keyctl", 999),
    ("add_key", "user", "x", 0, 0, 0), ("pidfd_open", 1, 0), ("memfd_create", "x", 0xffff), ("prctl", 4, 1, 0, 0, 0),
    ("prctl", 22, 1, 0, 0, 0), ("fork",), ("vfork",), ("clone", 17, 0, 0, 0, 0), ("setrlimit", 999, 0),
    ("mknod", "/nonexistent/x", 0o20666, 259), ("symlink", "/nonexistent", "/nonexistent/y"),
    ("name_to_handle_at", AT_CWD, "/", 0, 0, 0), ("socket", socket.AF_PACKET, socket.SOCK_RAW, 0),
    ("socket", 38, socket.SOCK_SEQPACKET, 0), ("socket", 40, socket.SOCK_STREAM, 0),
]
# Refused unless one of these is promised.
UNLESS = [
    ({"P_INET"}, ("socket", socket.AF_INET, socket.SOCK_STREAM, 0)),
    ({"P_INET"}, ("socket", socket.AF_INET6, socket.SOCK_DGRAM, 0)),
    ({"P_INET"}, ("socket", socket.AF_NETLINK, socket.SOCK_RAW, 0)),
    ({"P_UNIX"}, ("socket", socket.AF_UNIX, socket.SOCK_STREAM, 0)),
    ({"P_IDENTITY"}, ("setuid", 0)), ({"P_IDENTITY"}, ("setgid", 0)), ({"P_IDENTITY"}, ("setgroups", 0, 0)),
    ({"P_IDENTITY"}, ("setresuid", 0, 0, 0)),
    ({"P_QUEUE", "P_MAILBOX"}, ("rename", "/nonexistent/a", "/nonexistent/b")),
    ({"P_QUEUE", "P_MAILBOX"}, ("unlink", "/nonexistent/a")), ({"P_QUEUE", "P_MAILBOX"}, ("mkdir", "/nonexistent/a", 0)),
    ({"P_QUEUE", "P_MAILBOX"}, ("chmod", "/nonexistent/a", 0)), ({"P_MAILBOX"}, ("chown", "/nonexistent/a", 0, 0)),
    ({"P_QUEUE", "P_MAILBOX"}, ("openat", AT_CWD, "/nonexistent/a", CREATE, 0o600)),
    ({"P_QUEUE", "P_MAILBOX"}, ("openat", AT_CWD, "/dev/full", WRITE, 0)),
]


@contextlib.contextmanager
def within(pid):
    if not inject.available():
        pytest.skip("calls are injected on x86-64 only")
    try:
        with inject.inside(pid) as process:
            yield process
    except PermissionError:
        if os.geteuid() == 0:
            raise
        pytest.skip("an ordinary user may not trace here")


@pytest.mark.parametrize("name", SERVICES)
def test_calls(system, name):
    m, pids = system
    promised = STATED["smtp" if name == "lmtp" else name]
    with within(pids[name]) as process:
        assert process.call("getppid") == m.master_pid()
        for call in NEVER:
            got = process.call(*call)
            assert got == -errno.EPERM, (call, got)
        assert process.call("clone3", 0, 0) == -errno.ENOSYS
        for promises, call in UNLESS:
            got = process.call(*call)
            if promises & promised:
                assert got != -errno.EPERM or call[0].startswith("set"), (call, got)
            else:
                assert got == -errno.EPERM, (call, got)


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"virtual", "postlogd"}))
def test_writes_stay_in_the_spool(system, name, workdir):
    m, pids = system
    workdir.chmod(0o777)
    (workdir / "victim").write_text("")
    (workdir / "victim").chmod(0o666)
    refused = (-errno.EPERM, -errno.EACCES)
    with within(pids[name]) as process:
        for call in (("openat", AT_CWD, str(workdir / "new"), CREATE, 0o600), ("mkdir", str(workdir / "newdir"), 0o700),
                     ("openat", AT_CWD, str(workdir / "victim"), WRITE, 0),
                     ("openat", AT_CWD, str(workdir / "victim"), WRITE | os.O_TRUNC, 0),
                     ("unlink", str(workdir / "victim")), ("openat", AT_CWD, str(m.config / "main.cf"), WRITE, 0),
                     ("openat", AT_CWD, str(m.config / "evil.cf"), CREATE, 0o600)):
            assert process.call(*call) in refused, call
        if os.geteuid() == 0:
            for path in ("/etc/shadow", str(m.dir / "secret")):
                assert process.call("openat", AT_CWD, path, os.O_RDONLY, 0) in refused, path
    assert sorted(p.name for p in workdir.iterdir()) == ["victim"]


def test_they_go_on(system):
    """After all that, mail is taken and delivered."""
    m, _ = system
    with m.smtp() as s:
        s.ehlo()
        assert s.mail("a@test.example")[0] == 250
    assert "panic" not in m.log() and "killed by signal" not in m.log()

# SPDX-License-Identifier: Apache-2.0
"""spawn(8), ours and Debian's: a command for each connection."""

import contextlib
import grp
import os
import pathlib
import pwd
import signal
import socket
import subprocess

import pytest

import instance
from agent import Agent
from instance import wait_until

ROOT = os.geteuid() == 0
USER = "user=nobody"
ME = pwd.getpwnam("nobody")


@pytest.fixture(params=["postroad", pytest.param("debian", marks=pytest.mark.root)])
def kind(request):
    if request.param == "debian" and not instance.DebianPostfix.available():
        pytest.skip("Debian's Postfix is not installed")
    return request.param


@contextlib.contextmanager
def spawn(kind, *args, **conf):
    """A running spawn; `args` are the words after "spawn"."""
    a = Agent("spawn", kind, conf, name="sp", args=args)
    try:
        yield a
    finally:
        a.destroy()


def talk(a, text=b"", close=True, deadline=10):
    """One connection: all that comes back."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(deadline)
        s.connect(str(a.path))
        if text:
            s.sendall(text)
        if close:
            s.shutdown(socket.SHUT_WR)
        got = b""
        with contextlib.suppress(ConnectionResetError):
            while data := s.recv(65536):
                got += data
        return got.decode("utf-8", "replace")


def sh(script):
    return [USER, "argv=/bin/sh", "-c", script]


def test_conversation(kind):
    """Both ways, as much as you like; one connection after the other; the next command is a new one."""
    with spawn(kind, *sh("read a; echo got $a; read b; echo got $b >&2; exec cat")) as a:
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(str(a.path))
            with s.makefile("rwb", buffering=0) as f:
                for word in b"one", b"two":
                    f.write(word + b"\n")
                    assert f.readline() == b"got " + word + b"\n"
                f.write(b"x" * 30000 + b"\n")
                assert len(f.readline()) == 30001
        assert talk(a, b"three\nfour\n") == "got three\ngot four\n"
        assert a.lines == []


def test_arguments(kind):
    """No shell, no macros, no word lost."""
    with spawn(kind, USER, "argv=printf", "<%s>", "$user", "${sender}", "a b", "", "*;`id`", "argv=x", "-o") as a:
        assert talk(a) == "<$user><${sender}><a b><><*;`id`><argv=x><-o>"


ENDS = [("exit 0", None), ("exit 3", "command /bin/sh exit status 3"), ("exit 75", "command /bin/sh exit status 75"),
        ("kill -9 $$", "command /bin/sh killed by signal 9"), ("kill -15 $$", "command /bin/sh killed by signal 15"),
        ("kill -13 $$", None)]


def test_ends(kind):
    """What is logged of how a command ends. The client is told nothing."""
    with spawn(kind, *sh("read script; eval \"$script\"")) as a:
        for script, text in ENDS:
            assert talk(a, script.encode() + b"\n") == ""
            if text:
                wait_until(lambda: f"warning: {text}" in a.lines, f"{text}: {a.lines}")
        assert len(a.lines) == sum(1 for _, t in ENDS if t)


CANNOT = [("/nonexistent", "No such file or directory"), ("/etc/passwd", "Permission denied"), ("", "No such file or directory"),
          ("no-such-command", "No such file or directory")]


@pytest.mark.parametrize("name,error", CANNOT)
def test_cannot_run(kind, name, error):
    with spawn(kind, USER, f"argv={name}") as a:
        assert talk(a) == ""
        wait_until(lambda: a.lines == [f"fatal: spawn_comand: execvp {name}: {error}", f"warning: command {name} exit status 1"],
                   f"the complaint: {a.lines}")
        # The next client is served, as badly.
        assert talk(a) == ""


LOOK = """id -ru; id -u; id -rg; id -g; id -G; pwd; umask
sed -n 's/^\\(Sig[BI][lg][kn]\\|Cap[IPE][nrf][hmf]\\|NoNewPrivs\\|Seccomp\\):.//p' /proc/self/status
read a b c d e f g </proc/$$/stat; [ $e = $$ ] && [ $f = $$ ] && echo session; ls /proc/self/fd
readlink /proc/self/fd/0 /proc/$$/fd/1 /proc/$$/fd/2"""


@pytest.mark.root
@pytest.mark.parametrize("user,gid", [(USER, ME.pw_gid), (USER + ":daemon", 1), (USER + ":", ME.pw_gid), (USER + ":postdrop", None)])
def test_identity(kind, user, gid):
    """X7: the command is that user for good, alone in its group, on the client's socket, with no filter."""
    gid = grp.getgrnam("postdrop").gr_gid if gid is None else gid
    with spawn(kind, user, "argv=/bin/sh", "-c", LOOK) as a:
        got = talk(a).split()
        none = "0" * 16
        assert got[:-3] == [str(ME.pw_uid)] * 2 + [str(gid)] * 3 + [str(a.queue), "0022", none, f"{1 << 12 | 1 << 24:016x}"] + [
            none] * 3 + ["0", "0", "session", "0", "1", "2", "3"]
        assert got[-1].startswith("socket:") and len(set(got[-3:])) == 1


def environment(text):
    return dict(x.split("=", 1) for x in text.splitlines())


def test_environment(kind, monkeypatch):
    """X6: nothing of ours gets through but what is listed, and PATH never."""
    for name in "BASH_ENV", "ENV", "LD_LIBRARY_PATH_X":
        monkeypatch.setenv(name, "evil")
    monkeypatch.setenv("TZ", "UTC")
    with spawn(kind, USER, "argv=env") as a:
        assert environment(talk(a)) == {"PATH": "/usr/bin:/bin", "MAIL_CONFIG": str(a.dir), "TZ": "UTC",
                                        **({"LANG": os.environ["LANG"]} if "LANG" in os.environ else {})}
    with spawn(kind, USER, "argv=env", export_environment="A=b PATH=/x {C = d e} NOTSET TZ") as a:
        assert environment(talk(a)) == {"PATH": "/usr/bin:/bin", "A": "b", "C": "d e", "TZ": "UTC"}


def alive(marker):
    found = []
    for p in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if marker in (p / "environ").read_bytes().decode("latin-1"):
                found.append((p.name, (p / "cmdline").read_text()))
    return found


@pytest.mark.parametrize("script", ["sleep 77", "trap '' TERM HUP INT; sleep 77 & sleep 77", "while :; do echo x; sleep 0.1; done"])
@pytest.mark.parametrize("name", ["sp_time_limit", "command_time_limit"])
def test_time_limit(workdir, script, name):
    """F12: the group is killed, as the user that it runs as (3.7 tries to and cannot; mended in 3.10)."""
    marker = f"SPAWN_TEST={workdir.name}"
    with spawn("postroad", *sh(script), export_environment=marker, **{name: "1s"}) as a:
        talk(a, b"", deadline=8)
        wait_until(lambda: len(a.lines) >= 2, "two lines")
        pid = a.lines[0].split("process id ")[1].split(":")[0]
        assert a.lines == [f"warning: /bin/sh: process id {pid}: command time limit exceeded",
                           "warning: command /bin/sh killed by signal 9"]
        wait_until(lambda: not alive(marker), "the group is gone", 5)
        assert a.process.poll() is None


def test_children_may_stay(kind):
    """What a command leaves behind lives on, and the next client is served at once."""
    with spawn(kind, *sh("sleep 3 >/dev/null 2>&1 </dev/null & echo done"), command_time_limit="100s") as a:
        assert talk(a) == "done\n"
        assert talk(a) == "done\n"
        assert a.lines == []


REFUSED = [
    (["argv=/bin/cat"], "missing user= attribute"), ([USER], "missing argv= attribute"),
    (["user=no-such-user", "argv=/bin/cat"], "unknown user name: no-such-user"),
    (["user=65534", "argv=/bin/cat"], "unknown user name: 65534"),
    (["user=nobody:nosuch", "argv=/bin/cat"], "unknown group name: nosuch"),
    (["user=root", "argv=/bin/cat"], "request to deliver as root"),
    (["user=nobody:root", "argv=/bin/cat"], "request to use privileged group id 0"),
    (["foo=x", USER, "argv=/bin/cat"], "unknown attribute name: foo=x"),
    (["directory=/", USER, "argv=/bin/cat"], "unknown attribute name: directory=/"),
    (["-o", "r9_time_limit=x", USER, "argv=/bin/cat"], "parameter r9_time_limit: bad time value or unit: x"),
]
REFUSED_TO_ROOT = [
    (["user=postfix", "argv=/bin/cat"], "request to deliver as mail system owner"),
    (["user=nobody:postfix", "argv=/bin/cat"], "request to use mail system owner group id {postfix}"),
    (["-u", USER, "argv=/bin/cat"], "service r12 requires privileged operation"),
]


def test_refused(kind):
    """Mistakes in master.cf end the process, with these words."""
    cases = REFUSED + (REFUSED_TO_ROOT if ROOT else [])
    with spawn(kind, USER, "argv=/bin/cat") as a, contextlib.ExitStack() as kept:
        for i, (words, _) in enumerate(cases):
            a.spawn("spawn", f"r{i}", words)
            s = kept.enter_context(socket.socket(socket.AF_UNIX))
            with contextlib.suppress(OSError):
                s.connect(str(a.queue / f"private/r{i}"))
        ids = {"postfix": grp.getgrnam("postfix").gr_gid} if ROOT else {}
        for _, text in cases:
            text = "fatal: " + text.format(**ids)
            wait_until(lambda: any(x.startswith(text) for x in a.lines), f"{text}: {a.lines}")
        assert len(a.lines) == len(cases)


def test_stand_alone(kind):
    """-S: the client is standard input; with ours output goes to standard output if that is another."""
    where = instance.DEBIAN_DAEMONS if kind == "debian" else instance.BUILD / "libexec"
    with spawn(kind, USER, "argv=/bin/cat") as a:
        argv = [where / "spawn", "-S", USER, "argv=/bin/sh", "-c", "read x; echo got $x"]
        env = dict(os.environ, MAIL_CONFIG=str(a.dir))
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                p = subprocess.Popen(argv, stdin=theirs, stdout=theirs, env=env)
            ours.settimeout(10)
            ours.sendall(b"word\n")
            assert ours.recv(100) == b"got word\n"
            assert p.wait(10) == 0
        if kind == "postroad":
            # Even when started by somebody who ignores his children.
            p = subprocess.run(argv, input="word\n", text=True, capture_output=True, timeout=20, env=env,
                               preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
            assert (p.stdout, p.returncode) == ("got word\n", 0)

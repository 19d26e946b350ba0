# SPDX-License-Identifier: Apache-2.0
"""postlock: the same locks, results and complaints as Debian's; each respects the other's locks."""

import fcntl
import os
import pathlib
import re
import signal
import subprocess

import pytest

import instance

OURS = str(instance.BUILD / "sbin/postlock")
DEBIAN = "/usr/sbin/postlock"
SIDES = [pytest.param(OURS, id="postroad"),
         pytest.param(DEBIAN, id="debian",
                      marks=pytest.mark.skipif(not os.path.exists(DEBIAN), reason="Debian's Postfix is not installed"))]


@pytest.fixture
def place(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/main.cf").write_text("compatibility_level = 3.6\ndeliver_lock_attempts = 2\n"
                                          "deliver_lock_delay = 1s\n")
    (tmp_path / "etc/master.cf").write_text("")
    (tmp_path / "box").write_text("old\n")
    (tmp_path / "dir").mkdir()
    os.mkfifo(tmp_path / "fifo")
    return tmp_path


def run(place, program, *args):
    """(status, output, complaint without the name of the program)."""
    p = subprocess.run([program, "-c", place / "etc", *args], cwd=place, capture_output=True, text=True, timeout=60)
    return p.returncode, p.stdout, re.sub(r"^\S*postlock: ", "", p.stderr, flags=re.M)


# Arguments; status, and what a complaint must say (None: nothing).
CASES = [
    (["box", "true"], 0, None),
    (["box", "false"], 1, None),
    (["box", "sh", "-c", "exit 3"], 3, None),
    (["box", "sh", "-c", "exit 75"], 75, None),
    (["box", "sh", "-c", "exit 255"], 255, None),
    (["box", "sh", "-c", "kill -9 $$"], 1, None),
    (["box", "sh", "-c", "kill -TERM $$"], 1, None),
    (["new", "true"], 0, None),
    (["box", "ls", "-l"], 0, None),  # the command's options are its own
    (["-l", "bogus", "box", "true"], 75, 'mailbox_delivery_lock value "bogus"'),
    (["-l", "", "box", "true"], 0, None),
    (["dir", "true"], 75, "fatal: open file dir: cannot open file: Is a directory"),
    (["fifo", "true"], 75, "fatal: open file fifo: cannot open file: No such device or address"),
    (["no/such", "true"], 75, "fatal: open file no/such: unable to create lock file no/such.lock: "
                              "No such file or directory"),
    (["-l", "flock", "no/such", "true"], 75, "fatal: open file no/such: "),
    ([], 75, "fatal: usage: "),
    (["box"], 75, "fatal: usage: "),
    (["-x", "box", "true"], 75, "fatal: usage: "),
]


@pytest.mark.parametrize("program", SIDES)
@pytest.mark.parametrize("args,status,complaint", CASES, ids=lambda v: " ".join(v) if isinstance(v, list) else None)
def test_result(place, program, args, status, complaint):
    got, _, err = run(place, program, *args)
    assert got == status, err
    if complaint is None:
        assert err == ""
    else:
        assert complaint in err
    assert not list(place.glob("*.lock"))
    assert (place / "box").read_text() == "old\n"


def test_command_not_found(place):
    # Debian's result is 1, although postlock(1) promises 75 when it cannot do what it was asked.
    for command in ("/nonexistent/x", "no-such-command-here", str(place / "box")):
        status, _, err = run(place, OURS, "box", command)
        assert status == 75
        assert err.startswith(f"fatal: execvp {command}: ")
    assert not (place / "box.lock").exists()


@pytest.mark.parametrize("program", SIDES)
def test_arguments_see_no_shell(place, program):
    status, out, _ = run(place, program, "box", "printf", "%s|", "$HOME", "a b", "`id`", "*", "")
    assert (status, out) == (0, "$HOME|a b|`id`|*||")


@pytest.mark.parametrize("program", SIDES)
def test_made_file(place, program):
    assert run(place, program, "fresh", "true")[0] == 0
    st = (place / "fresh").stat()
    assert st.st_size == 0 and st.st_mode & 0o777 == 0o600


PROBE = """
import fcntl, os, struct, sys
fd = os.open("box", os.O_RDWR)
held = []
if struct.unpack("hhqqi", fcntl.fcntl(fd, fcntl.F_GETLK, struct.pack("hhqqi", fcntl.F_WRLCK, 0, 0, 0, 0))[:28])[0] != fcntl.F_UNLCK:
    held.append("fcntl")
try:
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    held.append("flock")
if os.path.exists("box.lock"):
    held.append("dotlock")
print(*held)
"""


@pytest.mark.parametrize("program", SIDES)
@pytest.mark.parametrize("style", ["fcntl", "flock", "dotlock", "fcntl, dotlock", "fcntl flock dotlock", ""])
def test_what_is_held(place, program, style):
    status, out, err = run(place, program, "-l", style, "box", "python3", "-c", PROBE)
    assert status == 0, err
    assert out.split() == style.replace(",", " ").split()


@pytest.mark.parametrize("program", SIDES)
@pytest.mark.parametrize("style", ["fcntl", "flock", "dotlock"])
def test_held_by_another(place, program, style):
    with open(place / "box", "r+") as f:
        if style == "fcntl":
            fcntl.lockf(f, fcntl.LOCK_EX)
        elif style == "flock":
            fcntl.flock(f, fcntl.LOCK_EX)
        else:
            (place / "box.lock").touch()
        status, _, err = run(place, program, "-l", style, "box", "touch", "ran")
    why = ("unable to create lock file box.lock: File exists" if style == "dotlock"
           else "unable to lock for exclusive access: Resource temporarily unavailable")
    assert (status, err) == (75, f"fatal: open file box: {why}\n")
    assert not (place / "ran").exists()
    assert (place / "box.lock").exists() == (style == "dotlock")


@pytest.mark.parametrize("program", SIDES)
def test_kernel_lock_held_leaves_no_lock_file(place, program):
    with open(place / "box", "r+") as f:
        fcntl.lockf(f, fcntl.LOCK_EX)
        assert run(place, program, "-l", "fcntl,dotlock", "box", "true")[0] == 75
    assert not (place / "box.lock").exists()


@pytest.mark.parametrize("program", SIDES)
def test_stale_lock_file(place, program):
    (place / "etc/main.cf").write_text("compatibility_level = 3.6\ndeliver_lock_attempts = 10\nstale_lock_time = 1s\n")
    (place / "box.lock").touch()
    assert run(place, program, "-l", "dotlock", "box", "true") == (0, "", "")
    assert not (place / "box.lock").exists()


@pytest.mark.parametrize("inner,outer", [(OURS, DEBIAN), (DEBIAN, OURS), (OURS, OURS)],
                         ids=["ours in debian", "debian in ours", "ours in ours"])
def test_each_waits_for_the_other(place, inner, outer):
    if not os.path.exists(DEBIAN):
        pytest.skip("Debian's Postfix is not installed")
    status, _, err = run(place, outer, "-l", "fcntl", "box", inner, "-c", str(place / "etc"), "-l", "fcntl",
                         "box", "true")
    assert status == 75 and "unable to lock for exclusive access" in err


def start(place, *command, **kw):
    """postlock with a command that says when it runs."""
    p = subprocess.Popen([OURS, "-c", place / "etc", "box", *command], cwd=place, stdout=subprocess.PIPE, text=True,
                         **kw)
    assert p.stdout.readline() == "ready\n"
    assert (place / "box.lock").exists()
    return p


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_signal_is_passed_on(place, sig):
    # The command decides: it says what it got and ends on its own terms.
    p = start(place, "python3", "-c",
              "import signal, sys\n"
              f"signal.pthread_sigmask(signal.SIG_BLOCK, [{int(sig)}])\n"
              "print('ready', flush=True)\n"
              f"print(signal.sigwait([{int(sig)}]).value)\n"
              "sys.exit(7)")
    p.send_signal(sig)
    assert p.stdout.read() == f"{int(sig)}\n"
    assert p.wait(60) == 7
    p.stdout.close()
    assert not (place / "box.lock").exists()


def test_signal_ends_the_command(place):
    p = start(place, "sh", "-c", "echo ready; exec sleep 600")
    p.send_signal(signal.SIGTERM)
    assert p.wait(60) == 1
    p.stdout.close()
    assert not (place / "box.lock").exists()


def test_ignored_signal_stays_ignored(place):
    # As under nohup.
    p = start(place, "python3", "-c",
              "import signal, sys\n"
              "print('ready', flush=True)\n"
              "sys.stdin.read(1)\n"
              "sys.exit(signal.getsignal(signal.SIGHUP) != signal.SIG_IGN)",
              stdin=subprocess.PIPE, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    p.send_signal(signal.SIGHUP)
    p.stdin.write("x")
    p.stdin.close()
    assert p.wait(60) == 0
    p.stdout.close()


def test_signal_while_waiting(place):
    (place / "etc/main.cf").write_text("compatibility_level = 3.6\ndeliver_lock_attempts = 1000\n")
    with open(place / "box", "r+") as f:
        fcntl.lockf(f, fcntl.LOCK_EX)
        p = subprocess.Popen([OURS, "-c", place / "etc", "box", "touch", "ran"], cwd=place)
        instance.wait_until((place / "box.lock").exists, "postlock waits for the kernel lock")
        p.send_signal(signal.SIGTERM)
        assert p.wait(60) == -signal.SIGTERM
    assert not (place / "box.lock").exists() and not pathlib.Path(place / "ran").exists()

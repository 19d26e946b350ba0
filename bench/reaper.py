# SPDX-License-Identifier: Apache-2.0
"""Run a command, adopt the processes that it orphans, end them all when standard input closes."""

import ctypes
import os
import pathlib
import select
import signal
import subprocess
import sys

PR_SET_CHILD_SUBREAPER = 36


def children(pid):
    for p in pathlib.Path("/proc").iterdir():
        if p.name.isdigit():
            try:
                if int((p / "stat").read_text().rsplit(")", 1)[1].split()[1]) == pid:
                    yield int(p.name)
            except (OSError, ValueError):
                continue


def main():
    if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        sys.exit("reaper: prctl failed")
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    # Its standard input is not ours: the end of ours is the sign to stop.
    subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    while True:
        ready, _, _ = select.select([sys.stdin, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
        if sys.stdin in ready:
            break
    for sig in (signal.SIGTERM, signal.SIGKILL):
        for pid in list(children(os.getpid())):
            try:
                os.kill(pid, sig)
            except ProcessLookupError:
                pass
        for _ in range(30):
            if not list(children(os.getpid())):
                return
            select.select([woken], [], [], 0.1)
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                return


main()

# SPDX-License-Identifier: Apache-2.0
"""Many sessions: what they cost, what happens past the limits, and what a reload does to them.

POSTROAD_SESSIONS and POSTROAD_REFUSED set the scale (see bench/README.md for the full one).
"""

import os
import pathlib
import resource
import selectors
import smtplib
import socket
import subprocess
import threading
import time

import pytest
from instance import DEADLINE, read_reply, wait_until

SESSIONS = int(os.environ.get("POSTROAD_SESSIONS", "600"))
REFUSED = int(os.environ.get("POSTROAD_REFUSED", "1500"))
PER_CLIENT = 50
# What a session may cost, shared pages counted in parts (PSS), with one process for 100 of them.
KB_EACH = 100


def processes(m, program=None):
    """Pids of the processes that master started; all, or those of one program."""
    out = []
    for p in pathlib.Path("/proc").iterdir():
        try:
            if p.name.isdigit() and int((p / "stat").read_text().rsplit(")", 1)[1].split()[1]) == m.master_pid() and \
                    program in (None, os.readlink(p / "exe").rsplit("/", 1)[-1]):
                out.append(int(p.name))
        except OSError:
            continue
    return out


def memory(pids):
    """KB of memory (PSS), and kernel stacks of the threads."""
    total = 0
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
        total += 16 * len(os.listdir(f"/proc/{pid}/task"))
    return total


def open_sessions(m, count):
    """Connections of many clients, each with its greeting and an EHLO behind it."""
    socks = []
    for i in range(count):
        s = socket.socket()
        s.settimeout(4 * DEADLINE)
        s.bind((f"127.0.{i // PER_CLIENT // 200 + 1}.{i // PER_CLIENT % 200 + 1}", 0))
        s.connect((m.address, m.smtp_port))
        socks.append(s)
    for s in socks:
        assert s.recv(1000).startswith(b"220 ")
        s.sendall(b"EHLO client\r\n")
    for s in socks:
        assert s.recv(2000).startswith(b"250-")
    return socks


def refuse(m, count):
    """Many more connections of a client that has as many as it may: all are told so. Seconds it took."""
    begin = time.monotonic()
    sel = selectors.DefaultSelector()
    begun = done = 0
    while done < count:
        while begun < count and begun - done < 100:
            s = socket.socket()
            s.bind(("127.0.1.1", 0))
            s.connect((m.address, m.smtp_port))
            sel.register(s, selectors.EVENT_READ)
            begun += 1
        ready = sel.select(DEADLINE)
        assert ready, f"{done} of {count} connections were answered"
        for key, _ in ready:
            with key.fileobj as s:
                sel.unregister(s)
                reply = s.recv(1000)
                assert reply.startswith(b"421 4.7.0 ") and b"Error: too many connections from 127.0.1.1" in reply
                done += 1
    sel.close()
    return time.monotonic() - begin


def test_idle_sessions(mta):
    """Idle sessions are cheap; clients past their share are refused with words, and the others not disturbed."""
    m = mta({"default_process_limit": SESSIONS + 200, "smtpd_client_connection_count_limit": PER_CLIENT, "smtpd_peername_lookup": "no",
             "smtpd_client_event_limit_exceptions": "", "service_throttle_time": "1s"})
    socks = open_sessions(m, SESSIONS)
    held = memory(processes(m, "smtpd"))
    took = refuse(m, REFUSED)
    print(f"{SESSIONS} sessions: {held} KB, {held / SESSIONS:.1f} KB each, {len(processes(m, 'smtpd'))} processes;",
          f"{REFUSED} refused in {took:.1f} s; then {memory(processes(m, 'smtpd'))} KB")
    assert held < KB_EACH * SESSIONS
    for s in socks[:: max(1, SESSIONS // 50)]:
        s.sendall(b"NOOP\r\n")
        assert s.recv(100) == b"250 2.0.0 Ok\r\n"
    # What processes counted that die is undone: the client has no connection, and may have some.
    for pid in processes(m, "smtpd"):
        os.kill(pid, 9)
    for s in socks:
        s.close()

    def welcome():
        with socket.socket() as s:
            s.settimeout(DEADLINE)
            s.bind(("127.0.1.1", 0))
            s.connect((m.address, m.smtp_port))
            return s.recv(1000).startswith(b"220 ")
    wait_until(welcome, "a client whose sessions died may come again")


def test_reload_during_sessions(mta, smtp_sink):
    """Threats F13: reloads while many sessions send mail: no session ends, nothing is refused, all arrives."""
    sink = smtp_sink()
    m = mta({"relayhost": sink.nexthop, "smtpd_client_connection_count_limit": "0", "smtpd_peername_lookup": "no",
             "qmgr_message_active_limit": "20000"})
    clients, each = 40, 10
    failed, sent, steps = [], [], threading.Semaphore(0)

    def run(n):
        try:
            with m.smtp() as s:
                s.ehlo()
                for i in range(each):
                    s.sendmail("a@test.example", [f"r{n}.{i}@remote.example"], f"Subject: {n} {i}\r\n\r\nhello\r\n")
                    sent.append((n, i))
                    steps.release()
        except (smtplib.SMTPException, OSError) as e:
            failed.append((n, repr(e)))
            steps.release()
    threads = [threading.Thread(target=run, args=(n,)) for n in range(clients)]
    for t in threads:
        t.start()
    for i in range(5):
        for _ in range(clients):
            assert steps.acquire(timeout=DEADLINE)
        m.run("postfix", "-c", m.config, "reload")
        m.wait_log("reload -- version", i + 1)
    for t in threads:
        t.join()
    assert failed == [] and len(sent) == clients * each
    # What was under way at a reload is looked at again with the next run of the queue.
    m.run("postqueue", "-c", m.config, "-f")
    want = {f"r{n}.{i}@remote.example" for n, i in sent}

    def arrived():
        got = {t for g in sink.messages for t in g["to"]}
        if got != want:
            m.run("postqueue", "-c", m.config, "-f")
        return got == want
    wait_until(arrived, "all messages", 4 * DEADLINE)


def test_broken_reload_under_load(mta, smtp_sink):
    """Threats U1, U2: check fails on a broken file, a reload with it changes nothing, the old one keeps running."""
    sink = smtp_sink()
    m = mta({"relayhost": sink.nexthop})
    good_main, good_master = (m.config / "main.cf").read_text(), (m.config / "master.cf").read_text()
    with m.smtp() as s:
        s.ehlo()
        for n, (name, text) in enumerate((("master.cf", good_master + "broken unix\n"), ("main.cf", good_main + "no assignment here\n"),
                                          ("main.cf", good_main + "default_process_limit = many\n")), 1):
            (m.config / name).write_text(text)
            assert m.run("postfix", "-c", m.config, "check", check=False).returncode != 0, text[-40:]
            assert m.run("postfix", "-c", m.config, "reload", check=False).returncode != 0, text[-40:]
            os.kill(m.master_pid(), 1)
            m.wait_log("the last good one stays in force", n)
            (m.config / "main.cf").write_text(good_main)
            (m.config / "master.cf").write_text(good_master)
            s.sendmail("a@test.example", ["b@remote.example"], "Subject: x\r\n\r\nhello\r\n")
            sink.wait(n)


def test_out_of_descriptors(mta):
    """Threats R10: without descriptors accepting pauses, without spinning, and goes on when there are some."""
    m = mta({"smtpd_client_connection_count_limit": "0", "smtpd_peername_lookup": "no", "default_process_limit": "500",
             "clients_per_process": "500"}, start=False)
    p = subprocess.run(["prlimit", "--nofile=100:100", m.commands / "postfix", "-c", m.config, "start"], capture_output=True, text=True,
                       timeout=DEADLINE)
    assert p.returncode == 0, p.stderr
    m.started = True
    socks = [socket.create_connection((m.address, m.smtp_port)) for _ in range(150)]
    m.wait_log(r"smtpd\[\d+\]: warning: accept connection: Too many open files")
    pid, = processes(m, "smtpd")

    def cpu():
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
    before, begin = cpu(), time.monotonic()
    wait_until(lambda: time.monotonic() > begin + 2, "two seconds have passed")
    assert cpu() - before < 0.3
    assert m.log().count("accept connection") <= 3
    for s in socks[:100]:
        s.close()
    for s in socks[100:]:
        s.settimeout(DEADLINE)
        assert s.recv(1000).startswith(b"220 ")
        s.close()


@pytest.mark.root
def test_huge_descriptor_limit(mta):
    """Threats R9: a limit of a million descriptors costs no time at any start."""
    most = int(pathlib.Path("/proc/sys/fs/nr_open").read_text())
    old = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    except (ValueError, OSError):
        pytest.skip("the limit cannot be raised here")
    try:
        m = mta()
        begin = time.monotonic()
        with socket.create_connection((m.address, m.smtp_port)) as s:
            assert read_reply(s.makefile("rb")).startswith("220 ")
        assert time.monotonic() - begin < 1
        p = m.run("sendmail", "-C", m.config, "-f", "a@b.example", "c@d.example", input="Subject: x\n\nhello\n")
        assert p.returncode == 0 and time.monotonic() - begin < 3
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, old)

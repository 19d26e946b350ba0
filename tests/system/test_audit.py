# SPDX-License-Identifier: Apache-2.0
"""postqueue --audit: the log and the queue against each other."""

import re

from instance import wait_until

HEADERS = "regexp:{ {/^Subject: hold/ HOLD} {/^Subject: drop/ DISCARD} {/^Subject: no/ REJECT} }"


def audit(mta, *logs, status=0, **kw):
    """{name: (in this log, begun before)}, findings as {id: name}."""
    p = mta.run("postqueue", "-c", mta.config, "--audit", *logs, check=False, **kw)
    assert p.returncode == status, p.stdout + p.stderr
    counts = {m.group(1): (int(m.group(2)), int(m.group(3) or 0))
              for m in re.finditer(r"^([a-z][a-z ]*?) +(\d+)(?: +(\d+))?$", p.stdout, re.M)}
    return counts, {m.group(2): m.group(1) for m in re.finditer(r"^([a-z]+): (\S+) ", p.stdout, re.M)}


def only(counts, **expected):
    """The counts are these and no others, for messages of this log."""
    got = {k: v[0] for k, v in counts.items() if v[0] and k not in ("messages", "only in the queue")}
    assert got == expected


def test_every_end(mta, smtp_sink):
    sink = smtp_sink(refuse={"bad@remote.example": "550 5.1.1 no", "later@remote.example": "450 4.2.0 later"})
    m = mta({"relayhost": sink.nexthop, "header_checks": HEADERS, "transport_maps": "inline:{ {void.example=discard:} }",
             "enable_long_queue_ids": "yes"})
    m.send("a@test.example", ["x@remote.example", "y@remote.example"])
    m.send("a@test.example", "bad@remote.example")            # and a notice, delivered
    m.send("a@test.example", "z@void.example")
    m.send("a@test.example", "x@remote.example", "Subject: drop\n\nx\n")
    held = m.send("a@test.example", "x@remote.example", "Subject: hold\n\nx\n")
    assert m.sendmail("-f", "a@test.example", "x@remote.example").returncode == 0
    ids = {n: m.send("a@test.example", "later@remote.example", f"Subject: {n}\n\nx\n")
           for n in ("stays", "deleted", "expired", "corrupt", "lost", "again")}
    for s in (m.smtp(),):
        s.ehlo()
        s.mail("a@test.example")
        s.rcpt("x@remote.example")
        assert s.data("Subject: no\n\nx\n")[0] == 550
        s.quit()
    m.wait_log(r"status=deferred", count=6)
    m.wait_log(r"status=bounced")
    m.wait_log(r"removed$", count=5)
    wait_until(lambda: len(m.queue_ids("deferred")) == 6 and not m.queue_ids("active", "incoming", "maildrop"), "all is quiet")
    only(audit(m)[0], delivered=3, bounced=1, discarded=2, refused=1, hold=1, deferred=6)

    m.run("postsuper", "-c", m.config, "-d", ids["deleted"])
    m.run("postsuper", "-c", m.config, "-r", ids["again"])
    m.run("postkick", "-c", m.config, "public", "pickup", "W")
    m.wait_log(rf"uid=\d+ from=<a@test.example> orig_id={ids['again']}")
    m.wait_log(r"status=deferred", count=7)
    m.run("postsuper", "-c", m.config, "-f", ids["expired"])
    m.run("postqueue", "-c", m.config, "-i", ids["expired"])
    m.wait_log(rf"{ids['expired']}: removed")
    path = next((m.queue / "deferred").rglob(ids["corrupt"]))
    path.write_bytes(b"C" + b"\xff" * 200)
    m.run("postqueue", "-c", m.config, "-i", ids["corrupt"])
    m.wait_log(r"saving corrupt file")
    wait_until(lambda: m.queue_ids("corrupt") or list((m.queue / "corrupt").iterdir()), "the file is put aside")
    wait_until(lambda: not m.queue_ids("active", "incoming", "maildrop"), "all is quiet")
    expected = dict(bounced=1, expired=1, discarded=2, refused=1, hold=1, deferred=3, deleted=1, replaced=1, corrupt=1)
    only(audit(m)[0], delivered=4, **expected)

    # The same by the files of a rotation, by standard input, and with the first part missing.
    text = m.log()
    half = text.index("\n", text.index(f"{ids['lost']}: client=") - 1) + 1
    (m.dir / "old").write_text(text[:half])
    (m.dir / "new").write_text(text[half:])
    only(audit(m, m.dir / "old", m.dir / "new")[0], delivered=4, **expected)
    only(audit(m, "-", input=text)[0], delivered=4, **expected)
    counts, _ = audit(m, "new", cwd=m.dir)
    assert counts["expired"] == (0, 1) and counts["messages"][1] > 0 and counts["deleted"] == (0, 1)
    assert counts["only in the queue"][0] > 0

    # What is not in the log, and what is gone.
    next((m.queue / "deferred").rglob(ids["lost"])).unlink()
    (m.queue / "hold" / held).unlink()
    counts, found = audit(m, status=1)
    assert found == {ids["lost"]: "lost", held: "unfinished"} and counts["lost"] == (1, 0)
    assert audit(m, "/nonexistent", status=69)


def test_short_ids_and_a_running_system(mta, smtp_sink):
    """While mail flows nothing looks lost; short ids, which may come again."""
    import threading
    sink = smtp_sink()
    m = mta({"relayhost": sink.nexthop})
    t = threading.Thread(target=lambda: [m.send("a@test.example", "x@remote.example") for _ in range(60)])
    t.start()
    while t.is_alive():
        counts, found = audit(m)
        assert set(found.values()) <= {"unfinished"}  # between the first line and the file
    t.join()
    m.wait_log(r"removed$", count=60)
    m.wait_empty()
    only(audit(m)[0], delivered=60)


def test_log_needed(mta):
    m = mta({"maillog_file": ""}, start=False)
    m.queue.mkdir(exist_ok=True)
    p = m.run("postqueue", "-c", m.config, "--audit", check=False)
    assert p.returncode == 69 and "maillog_file is not set" in p.stderr
    assert m.run("postqueue", "-c", m.config, "-p", "--audit", check=False).returncode == 64

# SPDX-License-Identifier: Apache-2.0
"""postcat, postsuper, postqueue and the flush service: output as Debian's on the same files (threats U5)."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import pytest

import instance
from queuefile import QueueSystem, queue_file, record, wait_for

DEBIAN = pathlib.Path("/usr/sbin")


def size_record(content, offset):
    return record("C", " ".join(f"{n:15d}" for n in (content, offset, 1, 0, content, 0)))


def assemble(envelope, content, extracted=b""):
    return (size_record(len(content), 97 + len(envelope) + 2) + envelope + record("M") + content + record("X")
            + extracted + record("E"))


def with_pointers():
    """As cleanup leaves a file to which a milter added a recipient."""
    env = record("T", "1795247613 444323") + record("S", "s@x")
    pointer = record("p", f"{0:15d}")
    text = record("N", "A: b") + pointer + record("N") + record("N", "body")
    data = 97 + len(env) + 34 + 2
    end = data + len(text) + 4
    head = size_record(len(text), data) + env + record("p", f"{end:15d}") + pointer
    return (head + record("M") + text + record("X") + record("E")
            + record("R", "appended@x") + record("p", f"{97 + len(env) + 17:15d}"))


ENVELOPE = b"".join(record(k, v) for k, v in [
    ("T", "1795247613 444323"), ("A", "create_time=1795247614"), ("F", "Full"), ("S", "s@x"),
    ("A", "notify_flags=6"), ("O", "o@x"), ("R", "r@x"), ("D", "d@x"), ("/", "c@x"), ("K", "killed"),
    ("W", "     1795250000"), ("V", "+="), (">", "redir@x"), ("L", "filt:x"), ("I", "insp"), ("<", "1"),
    ("i", "envid"), ("o", "orc"), ("n", "6"), ("f", "4"), ("d", "9"), ("P", "1"), ("r", "rr"), ("e", "ee"),
    ("m", "1"), ("z", "zz"), ("c", "1795247614"), ("A", "bad"), ("A", "create_time=x"), ("T", "bad")])
SHORT = record("T", "1795247613 1") + record("S", "")
CONTENT = b"".join(record(k, v) for k, v in [
    ("N", "Received: x"), ("N", "\tfolded"), ("w", "  0"), ("N", "From: a"), ("N", ""), ("L", "long"),
    ("N", "er"), ("N", "body: x")])
FILES = {
    "all": assemble(ENVELOPE, CONTENT, record("A", "message_id=<x>") + record("R", "ext@x")),
    "pointers": with_pointers(),
    "no header": assemble(SHORT, record("N") + record("N", "b")),
    "no empty line": assemble(SHORT, record("N", "A: b") + record("N", "notheader") + record("N", "b")),
    "only header": assemble(SHORT, record("N", "A: b")),
    "cut in content": assemble(ENVELOPE, CONTENT)[:-8],
    "cut in envelope": assemble(ENVELOPE, CONTENT)[:300],
    "no end": assemble(SHORT, CONTENT)[:-2],
    "bad pointer": assemble(SHORT + record("p", "hello"), CONTENT),
    "loop": size_record(5, 500) + SHORT + record("p", f"{97:15d}") + record("E"),
    "nothing": b"",
    "text": b"hello this is not a queue file\n",
}
OPTIONS = ["", "-o", "-d", "-od", "-e", "-h", "-b", "-bh", "-eh", "-v", "-odv", "-rv", "-rodv", "-s 97", "-os 97",
           "-bs 97", "-x", "-s nowhere"]
# Debian's takes a second for each complaint.
FEW_OPTIONS = ["", "-odv", "-bh", "-eh"]


@pytest.mark.skipif(not (DEBIAN / "postcat").exists(), reason="Debian's Postfix is not installed")
@pytest.mark.parametrize("name", FILES)
def test_postcat_alike(tmp_path, name):
    (tmp_path / "main.cf").write_text("compatibility_level = 3.6\n")
    (tmp_path / "file").write_bytes(FILES[name])
    env = dict(os.environ, MAIL_CONFIG=str(tmp_path), ASAN_OPTIONS="detect_leaks=0")

    def run(directory, options):
        p = subprocess.run([directory / "postcat", *options.split(), "file"], cwd=tmp_path, env=env,
                           capture_output=True, timeout=60)
        lines = p.stderr.replace(b"/usr/sbin/postcat", b"postcat").replace(b"postcat: ", b"").splitlines()
        if "v" in options:  # what Debian's says of its own start is no output of the tool
            lines = [x for x in lines if x.startswith((b"warning:", b"fatal:"))]
        return p.returncode, p.stdout, lines
    for o in OPTIONS if name in ("all", "pointers") else FEW_OPTIONS:
        assert run(instance.BUILD / "sbin", o) == run(DEBIAN, o), o


def make_spool(directory, owner):
    """The same queue twice gets the same names but for inodes."""
    def put(path, data=b"x", mode=0o700, age=0):
        p = directory / "spool" / path
        p.parent.mkdir(parents=True, exist_ok=True)
        p.write_bytes(data)
        p.chmod(mode)
        os.utime(p, (time.time() - age,) * 2)
        return p
    for q in "active bounce corrupt defer deferred flush hold incoming maildrop pid trace".split():
        (directory / "spool" / q).mkdir(parents=True)
    for n, q in enumerate(["incoming", "active", "deferred", "deferred", "deferred", "deferred", "hold"]):
        p = put(f"{q}/temp", queue_file("s@x", ["r@x"]))
        ident = f"{0xA0000 + n:05X}{p.stat().st_ino:X}"
        wrong = n == 3  # a name from another machine
        p.rename(p.parent / (f"{0xA0000 + n:05X}123" if wrong else ident))
        if q == "deferred":
            put(f"defer/{ident if not wrong else f'{0xA0000 + n:05X}123'}", mode=0o600)
    put("hold/123.45", mode=0o600, age=8 * 86400)
    put("hold/NOTREADY", mode=0o600, age=8 * 86400)
    put("deferred/9/8/FFFFF1")
    put("flush/example_test", mode=0o600)
    (directory / "spool/incoming/dir").mkdir()
    (directory / "spool/maildrop/sub").mkdir()
    os.symlink("/etc/passwd", directory / "spool/incoming/LINK")
    os.mkfifo(directory / "spool/hold/FIFO")
    (directory / "main.cf").write_text(f"compatibility_level = 3.6\nqueue_directory = {directory}/spool\n"
                                       f"mail_owner = {owner}\nsetgid_group = postdrop\n"
                                       f"maillog_file = {directory}/maillog\n"
                                       f"maillog_file_prefixes = {directory}\n")
    (directory / "maillog").touch()
    for p in [directory, *directory.rglob("*")]:
        shutil.chown(p, owner) if not p.is_symlink() else None
    directory.chmod(0o755)


def blur(text):
    return re.sub(r"(A000\d|FFFFF)[0-9A-F]+", r"\1INODE", text)


@pytest.mark.root
@pytest.mark.skipif(not (DEBIAN / "postsuper").exists(), reason="Debian's Postfix is not installed")
def test_postsuper_alike(request):
    # The commands work as mail_owner, who could not enter pytest's directories.
    tmp_path = pathlib.Path(tempfile.mkdtemp(prefix="postroad-test-"))
    request.addfinalizer(lambda: shutil.rmtree(tmp_path))
    tmp_path.chmod(0o755)
    result = {}
    for side, directory in (("ours", instance.BUILD / "sbin"), ("debian", DEBIAN)):
        place = tmp_path / side
        place.mkdir()
        make_spool(place, "postfix")
        env = dict(os.environ, MAIL_CONFIG=str(place), ASAN_OPTIONS="detect_leaks=0")
        said = []

        def run(*args, stdin=""):
            p = subprocess.run([directory / "postsuper", *args], env=env, cwd=place, input=stdin, text=True,
                               capture_output=True, timeout=60)
            lines = re.sub(r"^\S*postsuper: ", "", blur(p.stderr), flags=re.M).splitlines()
            # Ours tells what became of a message's id (postqueue --audit).
            said.append((args[0] if args else "", p.returncode, sorted(x for x in lines if " renamed to " not in x)))

        def tree():
            # Debian's makes hash directories for logs that are not there.
            return sorted(blur(str(p.relative_to(place / "spool"))) for p in (place / "spool").rglob("*")
                          if not p.is_dir() or len(p.name) > 1)

        def ids(queue):
            return sorted(p.name for p in (place / "spool" / queue).rglob("A*") if p.is_file())
        run("-s", "-d", "NOSUCH")
        run()
        repaired = tree()
        for p in ("hold/123.45",):
            (place / "spool" / p).unlink(missing_ok=True)
        a, b, c, d = ids("deferred")[:4]
        run("-h", a, "-h", b)
        run("-H", a, "-e", b, "-f", c, "-r", d)
        run("-h", "-", stdin=f"{a}\n{c}\nno/id\n")
        run("-H", "ALL")
        run("-e", "ALL", "deferred")
        run("-d", ids("incoming")[0])
        run("-d", "nothere", "hold")
        run("-p", "bogus")
        result[side] = (said, repaired, tree())
    assert result["ours"][0] == result["debian"][0]
    assert result["ours"][1] == result["debian"][1]
    assert result["ours"][2] == result["debian"][2]


@pytest.fixture
def system():
    made = []

    def make(conf=None):
        s = QueueSystem(conf={"transport_maps": "inline:{ {retry.test=retry:4.2.2 full} }",
                              "fast_flush_domains": "retry.test", **(conf or {})},
                        extra_master="pickup unix n - n 60 1 pickup\n")
        made.append(s)
        return s.start()
    yield make
    for s in made:
        s.destroy()


def test_flush(system):
    m = system()
    i = m.send("s@x.test", ["a@retry.test"])
    path = m.queue / "deferred" / i[0] / i
    log = m.queue / "flush" / "retry_test"
    wait_for("the site's log names the message", lambda: log.exists() and log.read_text() == i + "\n")
    wait_for(f"{path} is deferred", path.exists)
    deferred = rf"{i}: to=<a@retry.test>.*status=deferred \(full\)"
    m.run("postqueue", "-s", "retry.test")
    m.wait_log(deferred, count=2)
    wait_for(f"{path} is deferred", path.exists)
    m.run("postqueue", "-i", i)
    m.wait_log(deferred, count=3)
    wait_for(f"{path} is deferred", path.exists)
    m.run("postqueue", "-f")
    m.wait_log(deferred, count=4)


@pytest.mark.parametrize("args, status, text", [
    (["-s", "other.test"], 69, 'Flush service is not configured for destination "other.test"'),
    (["-s", "bad_[site"], 64, 'Cannot flush mail queue - invalid destination: "bad_[site"'),
    (["-i", "no/id"], 64, 'Cannot flush queue ID - invalid name: "no/id"'),
    (["-i", "ABC123"], 69, "Cannot flush mail queue - mail system is down"),
    ([], 64, "usage: postqueue -f | postqueue -i queueid | postqueue -j | postqueue -p | postqueue -s site"),
    (["-p", "-j"], 64, "usage: postqueue"),
])
def test_postqueue_refusals(system, args, status, text):
    p = system().run("postqueue", *args, check=False)
    assert (p.returncode, text in p.stderr) == (status, True), p.stderr


@pytest.mark.parametrize("set_gid", [False, pytest.param(True, marks=pytest.mark.root)])
def test_list_when_down(system, set_gid, request):
    """Root reads the queue itself, also through a set-group-id postqueue; others are told."""
    m = system()
    i = m.inject("s@x.test", ["a@x.test"], queue="hold")
    m.stop()
    if set_gid:
        place = pathlib.Path(tempfile.mkdtemp(prefix="postroad-test-"))
        request.addfinalizer(lambda: shutil.rmtree(place))
        place.chmod(0o755)
        shutil.copy(m.commands / "postqueue", place)
        shutil.chown(place / "postqueue", group="postdrop")
        (place / "postqueue").chmod(0o2755)
        m.commands = place
    p = m.run("postqueue", "-p", check=False)
    if os.geteuid() == 0:
        assert p.returncode == 0
        assert "Mail system is down -- accessing queue directly" in p.stderr
        assert re.search(rf"^{i}! ", p.stdout, re.M), p.stdout
    else:
        assert p.returncode == 69
        assert "Queue report unavailable - mail system is down" in p.stderr

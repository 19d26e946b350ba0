# SPDX-License-Identifier: Apache-2.0
"""postmap and postalias: the same files and command lines as Debian's, and each reads the other's files."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

import instance

DEBIAN = {"postmap": "/usr/sbin/postmap", "postalias": "/usr/sbin/postalias"}
POSTMAP_SOURCE = (b'a b\n# c\n  cont\nKEY  v with  spaces  \n"quoted key"@x value\nnokey\na dup\nfoo: bar\n\n   \n'
                  b'x\\ y z\n"unbal foo\n\\"q w\nbad\xff val\ngood \xffval\n:colon x\nempty""x y\n'
                  b'\xc3\x84\xc3\x96 umlaut\n')
ALIASES = b"""# comment
postmaster: root
Root:	user@Example.com, other
list: :include:/etc/list, |"/bin/cmd arg",
   /var/mail/x, "quoted name"@x
user@domain: bar
a%b: x
novalue
empty:
dup: a
DUP: b
x: "|/bin/sh -c 'a b'"
q: "a\\"b"@c
g: name: a, b;
"""


@pytest.fixture
def place(tmp_path):
    """A directory with a configuration that both sides read."""
    conf = tmp_path / "conf"
    conf.mkdir()
    (conf / "main.cf").write_text(f"compatibility_level = 3.6\nqueue_directory = {tmp_path}/queue\n"
                                  "default_database_type = lmdb\n")
    (conf / "master.cf").write_text("")
    (tmp_path / "queue").mkdir()
    return tmp_path


def run(place, side, program, *args, stdin=b""):
    """(status, output, complaints) with what differs by nature taken out."""
    path = DEBIAN[program] if side == "debian" else str(instance.BUILD / "sbin" / program)
    if side == "debian" and not pathlib.Path(path).exists():
        pytest.skip("Debian's Postfix is not installed")
    p = subprocess.run([path, "-c", str(place / "conf"), *args], input=stdin, cwd=place,
                       capture_output=True, timeout=60,
                       # A program that changed its identity cannot be inspected for leaks.
                       env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0"))
    err = re.sub(rb"^\S*/?(postmap|postalias): ", rb"", p.stderr, flags=re.M)
    return p.returncode, p.stdout, err


def both(place, program, *args, stdin=b""):
    ours = run(place, "postroad", program, *args, stdin=stdin)
    theirs = run(place, "debian", program, *args, stdin=stdin)
    return ours, theirs


@pytest.mark.parametrize("kind", ["lmdb", "cdb"])
def test_build_alike(place, kind):
    (place / "t").write_bytes(POSTMAP_SOURCE)
    ours = run(place, "postroad", "postmap", f"{kind}:t")
    mine = (place / f"t.{kind}").read_bytes()
    listing = run(place, "postroad", "postmap", "-s", f"{kind}:t")
    (place / f"t.{kind}").unlink()
    theirs = run(place, "debian", "postmap", f"{kind}:t")
    assert ours == theirs
    assert run(place, "postroad", "postmap", "-s", f"{kind}:t")[1] == listing[1]
    if kind == "cdb":
        assert mine == (place / "t.cdb").read_bytes()


@pytest.mark.parametrize("kind", ["lmdb", "cdb"])
@pytest.mark.parametrize("maker,reader", [("postroad", "debian"), ("debian", "postroad")])
@pytest.mark.parametrize("form", [[], ["-N"], ["-n"]])
def test_files_are_exchanged(place, kind, maker, reader, form):
    (place / "t").write_bytes(POSTMAP_SOURCE)
    assert run(place, maker, "postmap", *form, f"{kind}:t")[0] == 0
    assert run(place, reader, "postmap", "-q", "KEY", f"{kind}:t")[:2] == (0, b"v with  spaces\n")
    assert run(place, reader, "postmap", "-q", '"Quoted key"@X', f"{kind}:t")[:2] == (0, b"value\n")
    assert run(place, reader, "postmap", "-q", "none", f"{kind}:t")[:2] == (1, b"")


@pytest.mark.parametrize("args,stdin", [
    (["-q", "a", "static:x"], b""),
    (["-q", "a", "inline:{a=}"], b""),
    (["-q", "a", "inline:{a=b, {c = d e } , a=2}"], b""),
    (["-q", "-", "inline:{a=5,b=6}"], b"a\nc\nb\n"),
    (["-q", "-", "inline:{a=5,b=6}", "static:z"], b"a\nc\nb"),
    (["-q", "-", "inline:{a=5}"], b"c\n"),
    (["-q", "a", "inline:foo"], b""),
    (["-q", "a b", "inline:{{a b=1}}"], b""),
    (["-q", "a b", "inline:{{a b = 1 2}}"], b""),
    (["-q", "a", "inline:{{a\tb=1}}"], b""),
    (["-q", "a", "inline:{{a = 1 2}}"], b""),
    (["-q", "a", "inline:{a = 1}"], b""),
    (["-q", "a", "inline:{{a={b c}}, d=e}"], b""),
    (["-q", "a", "inline:{{}}"], b""),
    (["-q", "a", "inline:{{ = x}}"], b""),
    (["-q", "a", "inline:{ , }"], b""),
    (["-q", "a", "inline:{{a=1}{b=2}}"], b""),
    (["-q", "a", "inline:{{a b}=1}"], b""),
    (["-q", "a", "inline:{}"], b""),
    (["-q", "a", "nosuch:x"], b""),
    (["-q", "a", "texthash:/no/such"], b""),
    (["-q", "a", "regexp:/no/such"], b""),
    (["-q", "a", "lmdb:/no/such"], b""),
    (["-q", "a", "unix:foo"], b""),
    (["-q", "root", "unix:passwd.byname"], b""),
    (["-q", "daemon", "unix:group.byname"], b""),
    (["-q", "a", "pipemap:{static:b,inline:{b=c}}"], b""),
    (["-q", "a", "unionmap:{static:b,inline:{a=c}}"], b""),
    (["-q", "a", "unionmap:{}"], b""),
    (["-q", "abc", "regexp:{{/^a(.)c/ got $1}}"], b""),
    (["-q", "abc", "pcre:{{/^a(.)c/ got $1}}"], b""),
    (["-q", "1.2.3.4", "cidr:{{1.2.3.0/24 a}}"], b""),
    (["-q", "1.2.3.4", "cidr:{{1.2.3.1/24 a}}"], b""),
    (["-hq", "-", "regexp:{{/./ M}}"], b"Subject: Hi\nTo: a\n cont\n\nbody1\n"),
    (["-bq", "-", "regexp:{{/./ M}}"], b"Subject: Hi\nTo: a\n cont\n\nbody1\n\nb2\n"),
    (["-hbmq", "-", "regexp:{{/./ M}}"],
     b"Subject: Hi\nContent-Type: multipart/mixed; boundary=x\n\npre\n--x\nContent-Type: text/plain\n\nbody1\n--x--\n"),
    (["-bmq", "-", "regexp:{{/./ M}}"],
     b"Subject: Hi\nContent-Type: multipart/mixed; boundary=x\n\npre\n--x\nContent-Type: text/plain\n\nbody1\n--x--\n"),
    (["-F", "-q", "a", "inline:{a=value-file}"], b""),
    (["-s", "inline:{b=6}"], b""),
    (["-s", "static:x"], b""),
    (["-d", "x", "static:x"], b""),
    (["-b", "-q", "x", "static:x"], b""),
    (["-d", "x", "-q", "y", "static:x"], b""),
    (["lmdb:no-such-source"], b""),
    (["inline:t"], b""),
])
def test_postmap_alike(place, args, stdin):
    (place / "value-file").write_text("content\nof the file\n")
    ours, theirs = both(place, "postmap", *args, stdin=stdin)
    if args == ["-d", "x", "static:x"]:
        # Debian's opens the table and then finds that it cannot; ours says so at once.
        ours, theirs = ours[:2], theirs[:2]
    assert ours == theirs


def test_usage_has_our_letters(place):
    status, _, err = run(place, "postroad", "postmap")
    assert status == 1 and err.startswith(b"fatal: usage: postmap [-bfFhijmnNoprsuUvw] ")
    status, _, err = run(place, "postroad", "postalias")
    assert status == 1 and err.startswith(b"fatal: usage: postalias [-Nfijnoprsuvw] ")


@pytest.mark.parametrize("side", ["postroad", "debian"])
def test_incremental(place, side):
    def postmap(*args, stdin=b""):
        return run(place, side, "postmap", *args, stdin=stdin)
    assert postmap("-i", "lmdb:t", stdin=b"a 1\nb 2\n") == (0, b"", b"")
    assert postmap("-i", "lmdb:t", stdin=b"a 3\n") == (0, b"", b'warning: lmdb:t: duplicate entry: "a"\n')
    assert postmap("-wi", "lmdb:t", stdin=b"a 3\n") == (0, b"", b"")
    assert postmap("-q", "a", "lmdb:t") == (0, b"1\n", b"")
    assert postmap("-ri", "lmdb:t", stdin=b"a 3\n") == (0, b"", b"")
    assert postmap("-s", "lmdb:t") == (0, b"a\t3\nb\t2\n", b"")
    assert postmap("-d", "a", "lmdb:t") == (0, b"", b"")
    assert postmap("-d", "a", "lmdb:t") == (1, b"", b"")
    assert postmap("-d", "-", "lmdb:t", stdin=b"x\nb\n") == (0, b"", b"")
    assert postmap("-s", "lmdb:t") == (0, b"", b"")


@pytest.mark.parametrize("side", ["postroad", "debian"])
@pytest.mark.parametrize("mode,options,want", [(0o600, [], 0o600), (0o640, [], 0o640), (0o644, [], 0o644),
                                               (0o664, [], 0o644), (0o600, ["-p"], 0o644)])
@pytest.mark.parametrize("kind", ["lmdb", "cdb"])
def test_mode(place, side, mode, options, want, kind):
    (place / "t").write_text("a b\n")
    (place / "t").chmod(mode)
    assert run(place, side, "postmap", *options, f"{kind}:t")[0] == 0
    assert (place / f"t.{kind}").stat().st_mode & 0o777 == want


@pytest.mark.root
@pytest.mark.parametrize("side", ["postroad", "debian"])
@pytest.mark.parametrize("options,owner", [([], 65534), (["-o"], 0)])
def test_owner(place, side, options, owner):
    for d in [place, *place.parents][:3]:
        d.chmod(0o755)
    shutil.chown(place, 65534)
    (place / "t").write_text("a b\n")
    shutil.chown(place / "t", 65534, 65534)
    assert run(place, side, "postmap", *options, "lmdb:t")[0] == 0
    assert (place / "t.lmdb").stat().st_uid == owner


def test_json(place):
    assert run(place, "postroad", "postmap", "-jq", "a", 'inline:{ {a = x"y\\z} }') == \
        (0, b'{"a": "x\\"y\\\\z"}\n', b"")
    assert run(place, "postroad", "postmap", "-js", "inline:{a=1}") == (0, b'{"a": "1"}\n', b"")
    assert run(place, "postroad", "postmap", "-j", "lmdb:t")[0] == 1


def test_hash_is_redirected_and_said(place):
    (place / "t").write_text("a b\n")
    (place / "t.db").write_text("")
    status, _, err = run(place, "postroad", "postmap", "-q", "a", "hash:t")
    assert status == 1 and b"t.db" in err and b'"postmap lmdb:t"' in err
    status, _, err = run(place, "postroad", "postmap", "hash:t")
    assert status == 0 and b"warning: redirecting hash:t to lmdb:t" in err
    assert run(place, "postroad", "postmap", "-q", "a", "hash:t")[:2] == (0, b"b\n")


def test_aliases(place):
    (place / "aliases").write_bytes(ALIASES)
    ours = run(place, "postroad", "postalias", "lmdb:aliases")
    listing = run(place, "postroad", "postalias", "-s", "lmdb:aliases")
    (place / "aliases.lmdb").unlink()
    theirs = run(place, "debian", "postalias", "lmdb:aliases")
    assert ours == theirs
    debian = [line for line in run(place, "debian", "postalias", "-s", "lmdb:aliases")[1].splitlines(True)
              if not line.startswith(b"YP_")]
    assert listing == (0, b"".join(debian), b"")
    assert run(place, "postroad", "postalias", "-q", "Root", "lmdb:aliases")[:2] == (0, b"user@Example.com, other\n")
    assert run(place, "postroad", "postalias", "-q", "-", "lmdb:aliases", stdin=b"dup\n")[1] == b"dup:\ta\n"


def test_quoted_names_are_stored_quoted(place):
    (place / "aliases").write_text('"a b": c\n')
    assert run(place, "postroad", "postalias", "lmdb:aliases")[0] == 0
    assert run(place, "postroad", "postalias", "-s", "lmdb:aliases")[1] == b'"a b":\tc\n@:\t@\n'


def test_size_grows(place):
    (place / "t").write_text("".join(f"key{i} {'v' * 200}\n" for i in range(100000)))
    assert run(place, "postroad", "postmap", "lmdb:t")[0] == 0
    assert run(place, "debian", "postmap", "-q", "key99999", "lmdb:t")[1] == b"v" * 200 + b"\n"

# SPDX-License-Identifier: Apache-2.0
"""spawn and pipe at work, as postmasters use them: policy service, content filter, transports to commands.

The same on our system, on Debian's, with our spawn and pipe among Debian's daemons, and with Debian's among
ours (3.7's pipe understands 3.7's queue manager only, so that comes along).
"""

import os
import pathlib
import re
import shutil
import socket

import pytest

import instance
from instance import wait_until
from test_mixed import mixed_daemons

ROOT = os.geteuid() == 0
PROGRAMS = {"pipe", "spawn"}

POLICY = """#!/bin/sh
while read -r line; do
	case $line in
	recipient=*) r=${line#recipient=} ;;
	sender=*) s=${line#sender=} ;;
	"")
		case $r$s in
		no*) echo "action=REJECT not here" ;;
		*tomorrow*) echo "action=DEFER_IF_PERMIT not now" ;;
		*) echo action=DUNNO ;;
		esac
		echo
		r= s= ;;
	esac
done
"""
# As in the classic recipe: inspect a copy, hand it back by sendmail, let its exit status be ours.
FILTER = """#!/bin/sh
in=$(mktemp OUT/in.XXXXXX) || exit 75
trap "rm -f $in" 0
cat >$in || exit 75
grep -q '^X-Spam: yes' $in && { echo "5.7.1 message content rejected"; exit 69; }
grep -q '^X-Spam: maybe' $in && { echo "scanner is down" >&2; exit 75; }
(echo "X-Filtered: yes"; cat $in) | SENDMAIL -G -i "$@"
"""
# Writes a line for each run: its arguments. What it then does is in the name of the recipient.
ONE = """#!/bin/sh
echo "$*" >>OUT/one
cat >/dev/null
case $1 in
later*) exit 75 ;;
bad*) exit 67 ;;
sig*) kill -9 $$ ;;
own*) echo "4.2.2 mailbox full"; exit 69 ;;
hang*) sleep 100 ;;
esac
exit 0
"""
MANY = """#!/bin/sh
echo "$*" >>OUT/many
cat >OUT/many.text
"""


class Namespaced(instance.DebianPostfix):
    """Debian's Postfix whose set-group-id postdrop takes our main.cf for the default one."""

    def start(self):
        for f in pathlib.Path("/etc/postfix").iterdir():
            if f.name.startswith(("postfix-files", "dynamicmaps")):
                (shutil.copytree if f.is_dir() else shutil.copy)(f, self.config / f.name)
        wrap = self.dir / "wrap"
        wrap.mkdir()
        for name in ("postfix", "postqueue", "sendmail", "postsuper"):
            (wrap / name).symlink_to(f"/usr/sbin/{name}")
        (wrap / "postfix").unlink()
        (wrap / "postfix").write_text("#!/bin/sh\n"
                                      f"exec unshare -m sh -c 'mount --bind {self.config} /etc/postfix && exec /usr/sbin/postfix \"$@\"' sh \"$@\"\n")
        (wrap / "postfix").chmod(0o755)
        self.commands = wrap
        return super().start()


SYSTEMS = {"postroad": (instance.Instance, None), "debian": (Namespaced, None), "ours among Debian's": (Namespaced, PROGRAMS),
           "Debian's among ours": (instance.Instance, "others")}


@pytest.fixture(params=[pytest.param(s, marks=[] if s == "postroad" else pytest.mark.root) for s in SYSTEMS])
def system(request, workdir, smtp_sink):
    if request.param != "postroad" and not instance.DebianPostfix.available():
        pytest.skip("Debian's Postfix is not installed, or not root")
    cls, ours = SYSTEMS[request.param]
    m = cls()
    sink = smtp_sink()
    request.node._instances = [m]
    try:
        configure(m, ours, workdir, sink)
        yield m.start(), workdir, sink
    finally:
        m.destroy()


def configure(m, ours, place, sink):
    out = place / "out"
    out.mkdir()
    out.chmod(0o777)
    # Without the variable it takes the default configuration, which set-group-id postdrop insists on.
    sendmail = f"env -u MAIL_CONFIG {m.commands}/sendmail" if isinstance(m, Namespaced) else f"{m.commands}/sendmail"
    for name, text in ("policy", POLICY), ("filter", FILTER), ("one", ONE), ("many", MANY):
        (place / name).write_text(text.replace("OUT", str(out)).replace("SENDMAIL", sendmail))
        (place / name).chmod(0o755)
    ports = m.filtered_port, m.policy_port = instance.free_port(m.address), instance.free_port(m.address)
    assert len(set(ports)) == 2
    m.master_text += f"""
{m.address}:{m.filtered_port} inet n - n - - smtpd
    -o content_filter=filter:dummy
{m.address}:{m.policy_port} inet n n n - 0 spawn
    user=nobody argv={place}/policy
policy unix - n n - 0 spawn user=nobody argv={place}/policy
filter unix - n n - 10 pipe
    flags=Rq user=nobody null_sender=
    argv={place}/filter -f ${{sender}} -- ${{recipient}}
one unix - n n - 10 pipe
    flags=DRhu user=nobody argv={place}/one ${{recipient}} {{<${{sender}}>}}
many unix - n n - 10 pipe flags=F. user=nobody argv={place}/many -r ${{user}} -d ${{domain}}
"""
    conf = {
        "transport_maps": "inline:{{one.test=one:}, {many.test=many:}}", "relay_domains": "one.test many.test box.test",
        "relay_transport": f"smtp:{sink.nexthop}", "default_transport": f"smtp:{sink.nexthop}", "one_destination_recipient_limit": "1",
        "one_time_limit": "1s", "smtpd_recipient_restrictions": "permit_mynetworks, reject",
        "policy_time_limit": "3600", "recipient_delimiter": "+", "minimal_backoff_time": "1000s", "notify_classes": "",
        "smtpd_peername_lookup": "no", "myorigin": "box.test"}
    if ours is not None:
        everything = {"smtpd", "cleanup", "pickup", "trivial-rewrite", "bounce", "flush", "showq", "error", "discard", "smtp", "lmtp",
                      "virtual", "anvil", "postlogd"}
        daemons = mixed_daemons(m, everything if ours == "others" else PROGRAMS)
        (daemons / "submitd").symlink_to(instance.Instance.daemons / "submitd")
        m.setting(daemon_directory=daemons)
    if isinstance(m, Namespaced):
        # Our smtpd is no client of policy services; the test is one then.
        conf["smtpd_sender_restrictions"] = f"check_policy_service inet:{m.address}:{m.policy_port}"
        conf["smtpd_recipient_restrictions"] = "check_policy_service unix:private/policy, permit_mynetworks, reject"
    m.setting(**conf)


def send(m, sender, rcpts, text="Subject: x\n\nhello\n", port=None):
    port, m.smtp_port = m.smtp_port, port or m.smtp_port
    try:
        return m.send(sender, rcpts, text)
    finally:
        m.smtp_port = port


def refuse(m, sender, rcpt):
    with m.smtp() as s:
        s.ehlo()
        code, text = s.mail(sender)
        assert code == 250, text
        return s.rcpt(rcpt)


def check_policy(m):
    if isinstance(m, Namespaced):
        assert refuse(m, "s@box.test", "no-one@box.test") == (554, b"5.7.1 <s@box.test>: Sender address rejected: not here")
        assert refuse(m, "tomorrow@box.test", "a@box.test")[0] == 450
        assert refuse(m, "s@box.test", "a@box.test")[0] == 250
    # The client talks to the command directly, over whichever kind of socket.
    for family, where in (socket.AF_INET, (m.address, m.policy_port)), (socket.AF_UNIX, str(m.queue / "private/policy")):
        with socket.socket(family) as s:
            s.settimeout(instance.DEADLINE)
            s.connect(where)
            for request, answer in (b"recipient=no\n\n", b"action=REJECT not here\n\n"), (b"recipient=x\n\n", b"action=DUNNO\n\n"):
                s.sendall(request)
                got = b""
                while not got.endswith(b"\n\n"):
                    got += s.recv(100)
                assert got == answer
            s.shutdown(socket.SHUT_WR)
            assert s.recv(100) == b""


def check_filter(m, sink):
    text = "Subject: clean\nX-Long: a\n\tb\n\nhello\n.\n..dots\nFrom me\n" + "y" * 900 + "\n"
    send(m, '"a b"@box.test', ["x@box.test", '"q r"@box.test', "z+e@box.test"], text, m.filtered_port)
    send(m, "", ["null@box.test"], text, m.filtered_port)
    got = {tuple(sorted(g["to"])): g for g in sink.wait(2)}
    first = got[('"q r"@box.test', "x@box.test", "z+e@box.test")]
    assert first["from"] == '"a b"@box.test'
    assert got[("null@box.test",)]["from"] == "<>"
    for g in got.values():
        body = g["data"].decode() if isinstance(g["data"], bytes) else g["data"]
        body = body.replace("\r\n", "\n")
        assert body.count("X-Filtered: yes\n") == 1 and body.count("Subject: clean\nX-Long: a\n\tb\n") == 1
        assert body.endswith("\n\nhello\n.\n..dots\nFrom me\n" + "y" * 900 + "\n"), body
    ids = [x.group(1) for x in m.wait_log(r"pipe\[\d+\]: (\w+): .*relay=filter, .*dsn=2\.0\.0, status=sent \(delivered via filter service", 4)]
    assert len(set(ids)) == 2


def check_filter_verdicts(m, sink):
    before = len(sink.messages)
    spam = send(m, "author@box.test", ["x@box.test"], "Subject: s\nX-Spam: yes\n\nbuy\n", m.filtered_port)
    m.wait_log(rf"{spam}: to=<x@box\.test>, relay=filter, .*dsn=5\.7\.1, status=bounced \(message content rejected ?\)")
    notice = sink.wait(before + 1)[before]
    assert notice["to"] == ["author@box.test"] and notice["from"] == "<>"
    data = notice["data"].decode() if isinstance(notice["data"], bytes) else notice["data"]
    assert "Status: 5.7.1" in data and re.search(r"Diagnostic-Code: x-unix; message content rejected", data)
    later = send(m, "author@box.test", ["x@box.test"], "Subject: s\nX-Spam: maybe\n\nbuy\n", m.filtered_port)
    m.wait_log(rf"{later}: to=<x@box\.test>, relay=filter, .*dsn=4\.3\.0, status=deferred "
               r"\(temporary failure\. Command output: scanner is down ?\)")
    m.run("postsuper", "-c", m.config, "-d", later)


NAMES = {
    "ok": ("2.0.0", "sent", "delivered via one service"), "Fine+Ext": ("2.0.0", "sent", "delivered via one service"),
    "later": ("4.3.0", "deferred", "temporary failure"), "bad": ("5.1.1", "bounced", "user unknown"),
    "sig": ("4.3.0", "deferred", "Command died with signal 9: "), "own": ("4.2.2", "deferred", "mailbox full"),
    "hang": ("5.3.0", "bounced", "Command time limit exceeded: "),
}


def check_each(m, place):
    """F12: one recipient's failure is that recipient's; those who have the mail do not get it again."""
    i = send(m, "Sender@box.test", [f"{n}@One.Test" for n in NAMES])
    for n, (dsn, status, text) in NAMES.items():
        m.wait_log(rf"{i}: to=<{re.escape(n)}@One\.Test>, relay=one, .*dsn={re.escape(dsn)}, status={status} \({re.escape(text)}")
    runs = (place / "out/one").read_text().splitlines()
    assert sorted(runs) == sorted(f"{n.lower()}@one.test <Sender@box.test>" for n in NAMES)
    wait_until(lambda: i in m.queue_ids("deferred"), "the message is in the deferred queue")
    m.run("postqueue", "-c", m.config, "-f")
    again = [n for n, (_, status, _) in NAMES.items() if status == "deferred"]
    for n in again:
        m.wait_log(rf"{i}: to=<{n}@One\.Test>, relay=one, .*status=deferred", 2)
    more = (place / "out/one").read_text().splitlines()[len(runs):]
    assert sorted(more) == sorted(f"{n}@one.test <Sender@box.test>" for n in again)
    m.run("postsuper", "-c", m.config, "-d", i)
    # What stays of those that hung.
    loop = send(m, "Sender@box.test", ["ok@one.test"], "Delivered-To: OK@one.test\n\nx\n")
    m.wait_log(rf"{loop}: to=<ok@one\.test>, .*dsn=5\.4\.6, status=bounced \(mail forwarding loop for ok@one\.test\)")


def check_together(m, place):
    i = send(m, "s@box.test", ["a@many.test", "b+x@many.test", '"c d"@many.test'], "Subject: x\n\n.dot\nFrom x\n")
    m.wait_log(rf"{i}: to=<\S+@many\.test>|{i}: to=<\"c d\"@many\.test>, relay=many, .*status=sent", 3)
    assert sorted((place / "out/many").read_text().split("\n")[0].split(" ")) == sorted(
        "-r a b c d -d many.test many.test many.test".split())
    assert len((place / "out/many").read_text().splitlines()) == 1
    text = (place / "out/many.text").read_text()
    assert re.match(r"From s@box\.test  \w{3} ", text) and text.endswith("\n\n..dot\nFrom x\n")


def check_hostile(m, place):
    """A11: from strangers, through the whole system: literally, or refused."""
    runs = len((place / "out/one").read_text().splitlines())
    for name in '"|touch OUT/owned"', '"$(touch OUT/owned)"', '"`touch OUT/owned`"', '"; touch OUT/owned"':
        name = name.replace("OUT", str(place / "out"))
        i = send(m, name + "@box.test", [name + "@one.test"])
        m.wait_log(rf"{i}: to=<.*@one\.test>, relay=one, .*status=sent")
        runs += 1
        last = (place / "out/one").read_text().splitlines()[-1]
        assert last == f"{name[1:-1].lower()}@one.test <{name[1:-1]}@box.test>"
    with m.smtp() as s:
        s.ehlo()
        s.mail("s@box.test")
        code, _ = s.rcpt("-oX@one.test")
        if code == 250:
            s.data("x\n")
            m.wait_log(r"to=<-oX@one\.test>, .*status=bounced \(bad address syntax")
    assert len((place / "out/one").read_text().splitlines()) == runs
    assert not (place / "out/owned").exists()


def test_filters(system):
    m, place, sink = system
    check_policy(m)
    check_filter(m, sink)
    check_filter_verdicts(m, sink)
    check_each(m, place)
    check_together(m, place)
    check_hostile(m, place)
    log = m.log()
    assert not re.search(r"(panic|throttling|fatal|killed by signal \d+$|exit status)", log), log

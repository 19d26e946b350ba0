# SPDX-License-Identifier: Apache-2.0
"""Mail out: mbox, SMTP and LMTP sinks, Dovecot, MX routes, aliases, a sink that misbehaves."""

import os
import pwd
import re
import shutil
import subprocess

import pytest

import mailboxes
from instance import free_port, loopback_address, wait_until


def test_mbox(either):
    m = either(start=False)
    m.setting(**mailboxes.settings(m.dir, style="mbox"))
    m.start()
    qid = m.send("from@test.example", f"alice@{mailboxes.DOMAIN}", "Subject: one\n\nFrom here\n>From there\n")
    m.wait_log(rf"{qid}: to=<alice@.*status=sent \(delivered to mailbox\)")
    text = mailboxes.mbox(m.dir, "alice").decode()
    assert re.match(r"From from@test\.example  \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}\nReturn-Path: <from@test.example>\n"
                    rf"X-Original-To: alice@{mailboxes.DOMAIN}\nDelivered-To: alice@{mailboxes.DOMAIN}\nReceived: ", text)
    assert "\n\n>From here\n>From there\n\n" in text or "\n\n>From here\n>>From there\n\n" in text
    assert text.endswith("\n\n")


def test_relay_to_sink(either, smtp_sink):
    sink = smtp_sink(refuse={"bad@remote.example": "550 5.1.1 no such user"})
    m = either({"relayhost": sink.nexthop})
    qid = m.send("a@test.example", ["b@remote.example", "bad@remote.example"], "Subject: x\n\n.leading dot\n")
    got = sink.wait(1)[0]
    assert got["to"] == ["b@remote.example"] and got["data"].endswith(b"\r\n\r\n.leading dot\r\n")
    where = re.escape(f"{sink.address}[{sink.address}]")
    m.wait_log(rf"{qid}: to=<b@remote.example>, relay={where}:{sink.port}, delay=[\d.]+, delays=[\d./]+, dsn=2.0.0, "
               r"status=sent \(250 2.0.0 Ok: taken\)")
    m.wait_log(rf"{qid}: to=<bad@remote.example>, relay={where}:{sink.port}, .*dsn=5.1.1, status=bounced "
               rf"\(host {where} said: 550 5.1.1 no such user \(in reply to RCPT TO command\)\)")
    m.wait_log(rf"{qid}: removed")


def test_mx(mta, smtp_sink, nameserver):
    """Two MX hosts: the better one is dead, mail takes the other; NXDOMAIN bounces, SERVFAIL defers; null MX bounces."""
    sink = smtp_sink()
    dead = loopback_address()
    ns = nameserver({("far.example.", "MX"): ["10 dead.far.example.", "20 live.far.example."],
                     ("dead.far.example.", "A"): [dead], ("live.far.example.", "A"): [sink.address],
                     ("broken.example.", "MX"): "SERVFAIL", ("null.example.", "MX"): ["0 ."],
                     ("host.example.", "A"): [sink.address]})
    m = mta({"dns_servers": ns.servers, "smtp_tcp_port": sink.port, "smtp_host_lookup": "dns"})
    qid = m.send("a@test.example", ["x@far.example", "y@none.example", "z@broken.example", "n@null.example", "h@host.example"])
    m.wait_log(rf"{qid}: to=<x@far.example>, relay=live.far.example\[{sink.address}\]:{sink.port}, .*status=sent")
    m.wait_log(rf"{qid}: to=<h@host.example>, relay=host.example\[{sink.address}\]:{sink.port}, .*status=sent")
    m.wait_log(rf"{qid}: to=<y@none.example>, relay=none, .*dsn=5.4.4, status=bounced \(Host or domain name not found. "
               r"Name service error for name=none.example type=A: Host not found\)")
    m.wait_log(rf"{qid}: to=<z@broken.example>, relay=none, .*dsn=4.4.3, status=deferred \(Host or domain name not found. "
               r"Name service error for name=broken.example type=MX: Host not found, try again\)")
    m.wait_log(rf"{qid}: to=<n@null.example>, relay=none, .*dsn=5.1.0, status=bounced \(Domain null.example does not accept "
               r"mail \(nullMX\)\)")
    wait_until(lambda: m.queue_ids("deferred") == [qid], "the message is deferred")


def test_alias_expansion(either):
    m = either(start=False)
    m.setting(**mailboxes.settings(m.dir))
    m.setting(virtual_alias_domains="alias.example",
              virtual_alias_maps="inline:{ {all@alias.example=alice@box.example, bob@box.example more@alias.example}, "
                                 "more@alias.example=carol@box.example, @alias.example=carol@box.example }")
    m.start()
    qid = m.send("a@test.example", "all@alias.example")
    for box in ("alice", "bob", "carol"):
        m.wait_log(rf"{qid}: to=<{box}@box.example>, orig_to=<all@alias.example>, relay=virtual, .*status=sent")
    assert all(len(mailboxes.maildir(m.dir, b)) == 1 for b in ("alice", "bob", "carol"))
    assert mailboxes.maildir(m.dir, "bob")[0]["X-Original-To"] == "all@alias.example"
    qid = m.send("a@test.example", "whoever@alias.example")
    m.wait_log(rf"{qid}: to=<carol@box.example>, orig_to=<whoever@alias.example>, .*status=sent")


def test_lmtp_sink(either, lmtp_sink):
    sink = lmtp_sink(refuse={"full@box.example": "452 4.2.2 over quota"})
    m = either({"virtual_mailbox_domains": "box.example", "virtual_mailbox_maps": "static:x",
                "virtual_transport": f"lmtp:inet:{sink.address}:{sink.port}"})
    qid = m.send("a@test.example", ["b@box.example", "full@box.example"])
    m.wait_log(rf"lmtp\[\d+\]: {qid}: to=<b@box.example>, relay={sink.address}\[{sink.address}\]:{sink.port}, .*dsn=2.0.0, status=sent")
    m.wait_log(rf"{qid}: to=<full@box.example>, .*dsn=4.2.2, status=deferred \(host .* said: 452 4.2.2 over quota \(in reply to RCPT TO command\)\)")
    assert sink.messages[0]["to"] == ["b@box.example"]


MISBEHAVIOUR = [
    (["421 4.3.2 not now", ("close",)], "4.3.2", r"host \S+ refused to talk to me: 421 4.3.2 not now"),
    (["550 go away", ("expect", "QUIT"), "221 bye"], "4.0.0", r"host \S+ refused to talk to me: 550 go away"),
    ([("close",)], "4.4.2", r"lost connection with \S+ while receiving the initial server greeting"),
    (["220 x ESMTP", ("expect", "EHLO"), ("close",)], "4.4.2", r"lost connection with \S+ while performing the EHLO handshake"),
    (["220 x ESMTP", ("expect", "EHLO"), "250 x", ("expect", "MAIL"), "451 4.7.1 greylisted", ("expect", "RSET"), "250 ok", ("expect", "QUIT"), "221 bye"],
     "4.7.1", r"host \S+ said: 451 4.7.1 greylisted \(in reply to MAIL FROM command\)"),
    (["220 x ESMTP", ("expect", "EHLO"), "250 x", ("expect", "MAIL"), "250 ok", ("expect", "RCPT"), "250 ok",
      ("expect", "DATA"), "354 go", ("data",), ("close",)],
     "4.4.2", r"lost connection with \S+ while sending end of data -- message may be sent more than once"),
    (["220 x ESMTP", ("expect", "EHLO"), "250 x", ("expect", "MAIL"), "250 ok", ("expect", "RCPT"), "250 ok",
      ("expect", "DATA"), "354 go", ("data",), "552-5.2.3 too\r\n552 5.2.3 large", ("expect", "QUIT"), "221 bye"],
     "5.2.3", r"host \S+ said: 552-5.2.3 too 552 5.2.3 large \(in reply to end of DATA command\)"),
]


@pytest.mark.parametrize("case", range(len(MISBEHAVIOUR)))
def test_misbehaving_server(either, scripted, case):
    script, dsn, reason = MISBEHAVIOUR[case]
    s = scripted(script)
    m = either({"relayhost": s.nexthop})
    qid = m.send("a@test.example", "b@remote.example")
    status = "bounced" if dsn.startswith("5") else "deferred"
    m.wait_log(rf"{qid}: to=<b@remote.example>, .*dsn={dsn}, status={status} \({reason}\)")
    assert not s.errors or case in (0, 2, 3), s.errors


DOVECOT_CONF = """\
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/log
ssl = no
protocols = lmtp
default_login_user = {user}
default_internal_user = {user}
default_internal_group = {group}
mail_location = maildir:{dir}/mail/%n
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = 1
lmtp_save_to_detail_mailbox = no
auth_username_format = %n
service lmtp {{
  chroot =
  user = {user}
  inet_listener lmtp {{
    address = {address}
    port = {port}
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={dir}/home/%n
}}
"""


@pytest.fixture
def dovecot(workdir):
    """A private Dovecot with an LMTP listener, as the user that runs the tests."""
    if not shutil.which("dovecot"):
        pytest.skip("dovecot is not installed")
    me = pwd.getpwuid(os.geteuid())
    if os.geteuid() == 0:
        me = pwd.getpwnam("mail")
    address = loopback_address()
    port = free_port(address)
    import grp
    d = workdir / "dovecot"
    for sub in ("", "run", "state", "mail", "home"):
        (d / sub).mkdir()
        if os.geteuid() == 0:
            os.chown(d / sub, me.pw_uid, me.pw_gid)
    conf = d / "dovecot.conf"
    conf.write_text(DOVECOT_CONF.format(dir=d, user=me.pw_name, group=grp.getgrgid(me.pw_gid).gr_name, uid=me.pw_uid,
                                        gid=me.pw_gid, address=address, port=port))
    p = subprocess.Popen(["dovecot", "-F", "-c", str(conf)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    import socket

    def up():
        if p.poll() is not None:
            raise AssertionError("dovecot has ended: " + p.stdout.read().decode() +
                                 ((d / "log").read_text() if (d / "log").exists() else ""))
        try:
            socket.create_connection((address, port), 1).close()
            return True
        except OSError:
            return False
    wait_until(up, "dovecot listens")
    yield d, address, port
    p.terminate()
    p.wait(20)


def test_dovecot_lmtp(mta, dovecot):
    d, address, port = dovecot
    m = mta({"virtual_mailbox_domains": "box.example", "virtual_mailbox_maps": "static:x",
             "virtual_transport": f"lmtp:inet:{address}:{port}"})
    qid = m.send("a@test.example", ["dora@box.example", "emil@box.example"], "Subject: for dovecot\n\nhello\n")
    m.wait_log(rf"{qid}: to=<dora@box.example>, relay={address}\[{address}\]:{port}, .*status=sent \(250 2.0.0 <dora@box.example> \S+ Saved\)")
    m.wait_log(rf"{qid}: to=<emil@box.example>, .*status=sent")
    for box in ("dora", "emil"):
        files = list((d / "mail" / box / "new").iterdir())
        assert len(files) == 1 and "Subject: for dovecot" in files[0].read_text()

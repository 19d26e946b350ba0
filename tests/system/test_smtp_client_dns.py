# SPDX-License-Identifier: Apache-2.0
"""From a domain to hosts: our smtp and lmtp and Debian's ask the same name server and must do the same.

Both find the server in an /etc/resolv.conf of their own, so reading that file is tested too.
"""

import os
import re

import pytest

from agent import Agent, Sink
from instance import DebianPostfix, free_port, loopback_address, wait_until
from peers import NameServer

pytestmark = [pytest.mark.root,
              pytest.mark.skipif(not DebianPostfix.available(), reason="Debian's Postfix is not installed")]

NET = f"127.88.{os.getpid() % 250 + 1}"  # hosts of the zone
ZONE = {
    ("two", "MX"): ["10 h1.two.test.", "20 h2.two.test."], ("h1.two", "A"): ["1"], ("h2.two", "A"): ["2"],
    ("plain", "A"): ["1"], ("plain6", "AAAA"): ["::1"], ("both", "A"): ["1"], ("both", "AAAA"): ["::1"],
    ("both.mx", "MX"): ["10 both.test."], ("null", "MX"): ["0 ."], ("nullplus", "MX"): ["0 .", "10 plain.test."],
    ("plusnull", "MX"): ["10 plain.test.", "0 ."], ("null10", "MX"): ["10 ."],
    ("serv", "MX"): "SERVFAIL", ("serv", "A"): ["1"], ("refused", "MX"): "REFUSED", ("notimp", "MX"): "NOTIMP",
    ("formerr", "MX"): "FORMERR", ("silent", "MX"): "TIMEOUT", ("nodata", "TXT"): ['"x"'],
    ("noaddr", "MX"): ["10 n.noaddr.test."], ("n.noaddr", "TXT"): ['"x"'],
    ("gone", "MX"): ["10 gone.gone.test."],
    ("soft", "MX"): ["10 s.soft.test.", "20 n.noaddr.test."], ("s.soft", "A"): "SERVFAIL",
    ("softgood", "MX"): ["10 s.soft.test.", "20 h2.two.test."],
    ("halfserv", "A"): ["1"], ("halfserv", "AAAA"): "SERVFAIL",
    ("alias", "CNAME"): ["two.test."], ("aliashost", "CNAME"): ["h1.two.test."],
    ("mxalias", "MX"): ["10 aliashost.test."], ("loop", "CNAME"): ["loop2.test."], ("loop2", "CNAME"): ["loop.test."],
    ("dangling", "CNAME"): ["nosuch.test."],
    ("literal", "MX"): ["10 127.0.0.1."], ("many", "MX"): [f"{10 + i} m{i}.many.test." for i in range(30)],
    **{(f"m{i}.many", "A"): [str(100 + i)] for i in range(30)},
    ("mixed", "MX"): [f"{10 + i} v{i}.mixed.test." for i in range(6)],
    **{(f"v{i}.mixed", "AAAA"): [f"::ffff:0:{i + 1:x}"] for i in range(4)},
    **{(f"v{i}.mixed", "A"): [str(150 + i)] for i in range(4, 6)},
    ("mixed4", "MX"): [f"10 w{i}.mixed.test." for i in range(6)],
    **{(f"w{i}.mixed", "A"): [str(160 + i)] for i in range(5)}, ("w5.mixed", "AAAA"): ["::1"],
    ("self", "MX"): ["10 own.test.", "20 h2.two.test."], ("own", "A"): ["127.0.0.1"],
    ("selfsame", "MX"): ["10 own.test.", "10 h2.two.test."],
    ("backup", "MX"): ["10 h1.two.test.", "20 own.test.", "30 h2.two.test."],
    ("lost", "MX"): ["10 n.noaddr.test.", "20 own.test."],
    ("proxy", "MX"): ["10 prox.test."], ("prox", "A"): ["8"],
    ("xn--bcher-kva", "MX"): ["10 h1.two.test."],
    ("bad_name", "A"): ["1"], ("badmx", "MX"): ["10 bad$name.test."],
    ("under", "MX"): ["10 _h.under.test."], ("_h.under", "A"): ["1"],
}


def full_zone():
    def data(kind, value):
        if kind == "A" and isinstance(value, list):
            return [v if "." in v else f"{NET}.{v}" for v in value]
        return value
    return {(f"{n}.test", k): data(k, v) for (n, k), v in ZONE.items()}


@pytest.fixture(scope="module")
def server():
    s = NameServer(full_zone(), loopback_address(), port=53)
    yield s
    s.close()


@pytest.fixture(scope="module")
def pairs(server):
    made = {}

    def get(program="smtp", **conf):
        key = (program, tuple(sorted(conf.items())))
        if key not in made:
            values = {"proxy_interfaces": f"{NET}.8", "smtp_randomize_addresses": "no",
                      "lmtp_randomize_addresses": "no", "smtp_host_lookup": "dns", "inet_protocols": "all", **conf}
            made[key] = [Agent(program, kind, values, resolver=server.address) for kind in ("debian", "postroad")]
        return made[key]
    yield get
    for agents in made.values():
        for a in agents:
            a.destroy()


def observe(server, agent, domain, first, second, port, lmtp=False, to=("a@y.test",), **kw):
    """Log, answers, dialogues and the questions that were asked (as a set: their order may differ)."""
    server.queries.clear()
    sinks = [Sink(r, address=f"{NET}.{i + 1}", port=port, lmtp=lmtp) for i, r in enumerate((first, second)) if r is not None]
    try:
        r = agent.deliver(list(to), domain if port == 25 else f"{domain}:{port}", **kw)
        text = [repr(r)]
        for i, s in enumerate(sinks):
            s.settle()
            text += [f"sink {i}: " + re.sub("ABC[0-9A-F]{7}", "QID", "|".join(s.dialogue(n))) for n in range(len(s.connections))]
        return re.sub(rf"(\]|\.test):{port}\b", r"\1:PORT", "\n".join(text)), sorted(set(server.queries))
    finally:
        for s in sinks:
            s.close()


def same(server, agents, domain, first=None, second=None, port=0, **kw):
    port = port or free_port(f"{NET}.1")
    debian, ours = (observe(server, a, domain, first, second, port, **kw) for a in agents)
    if "unable to look up" in debian[0]:  # getaddrinfo(3) knows the name, but no address
        debian = (debian[0].replace("5.3.0", "5.4.4"), debian[1])
    if "fail:x" in debian[0]:  # worded otherwise
        ours, debian = ((re.sub("warning: .*fail:x.*\n", "", o[0]), o[1]) for o in (ours, debian))
    assert ours[0] == debian[0]
    return ours, debian


OWN = ["self", "selfsame", "backup", "lost", "proxy"]
OTHER = ["own", "prox", "silent", "xn--bcher-kva", "formerr", "loop", "loop2", "badmx"]  # see test_definite_only
DOMAINS = sorted({n for n, _ in ZONE if "." not in n or n == "both.mx"} - {*OWN, *OTHER})


@pytest.mark.parametrize("domain", [*DOMAINS, "nosuch", "bücher"])
def test_domain(server, pairs, domain):
    """The matrix of answers (threats D1), null MX (D2), and the questions that are asked."""
    ours, debian = same(server, pairs(), f"{domain}.test", {}, {})
    assert ours[1] == debian[1]


@pytest.mark.parametrize("domain", ["two", "plain", "both", "alias", "nosuch", "nodata", "serv"])
def test_host_in_brackets(server, pairs, domain):
    same(server, pairs(), f"[{domain}.test]", {}, {})


@pytest.mark.parametrize("domain", OWN)
@pytest.mark.parametrize("port", [25, 0])
def test_loop(server, pairs, domain, port):
    """Exchangers that are this host (threats D3)."""
    same(server, pairs(), f"{domain}.test", {}, {}, port=port)


def test_best_mx_transport(server, pairs):
    """Mail for which this host is the best exchanger goes to another transport."""
    agents = pairs(best_mx_transport="taker:thanks")
    for a in agents:
        a.spawn("discard", "taker")
    for domain in OWN:
        same(server, agents, f"{domain}.test", {}, {}, port=25, flags=1, to=("a@y.test", "b@y.test"))


@pytest.mark.parametrize("domain", ["formerr", "loop", "badmx"])
def test_definite_only(server, pairs, domain):
    """An answer that makes no sense is not a "no": the mail waits, where 3.7.11 returns it (threats D1, D5)."""
    debian, ours = (observe(server, a, f"{domain}.test", {}, {}, 24)[0] for a in pairs())
    assert "status=bounced" in debian and "dsn=4.4.3, status=deferred" in ours
    assert re.search(r"status=bounced \((.*?)\)", debian)[1] == re.search(r"status=deferred \((.*?)\)", ours)[1]


VARIANTS = {
    "ignore_mx_error": ({"ignore_mx_lookup_error": "yes"}, ["serv", "refused", "null", "noaddr"]),
    "defer_no_mx": ({"smtp_defer_if_no_mx_address_found": "yes"}, ["noaddr", "gone", "soft", "nosuch"]),
    "no_dns": ({"disable_dns_lookups": "yes"}, ["two", "plain", "both", "nosuch"]),
    "level_disabled": ({"smtp_dns_support_level": "disabled"}, ["two", "plain", "nosuch"]),
    "native_too": ({"smtp_host_lookup": "dns, native"}, ["two", "nosuch", "noaddr", "serv"]),
    "native": ({"smtp_host_lookup": "native"}, ["two", "plain", "nosuch", "both.mx"]),
    "cname": ({"smtp_cname_overrides_servername": "yes"}, ["alias", "aliashost", "mxalias"]),
    "v4": ({"inet_protocols": "ipv4"}, ["both", "plain6", "both.mx"]),
    "v6": ({"inet_protocols": "ipv6", "inet_interfaces": "::1", "proxy_interfaces": ""}, ["both", "plain6", "plain"]),
    "prefer4": ({"smtp_address_preference": "ipv4"}, ["both", "both.mx", "many"]),
    "prefer6": ({"smtp_address_preference": "ipv6"}, ["both", "both.mx", "mixed"]),
    "limit": ({"smtp_mx_address_limit": "2"}, ["many", "mixed", "two"]),
    "limit_no_balance": ({"smtp_mx_address_limit": "2", "smtp_balance_inet_protocols": "no",
                          "smtp_address_preference": "ipv6"}, ["many", "mixed"]),
    "limit_balance6": ({"smtp_mx_address_limit": "3", "smtp_address_preference": "ipv6"}, ["mixed"]),
    "limit_balance4": ({"smtp_mx_address_limit": "3", "smtp_address_preference": "ipv4"}, ["mixed", "mixed4"]),
    "no_limit": ({"smtp_mx_address_limit": "0"}, ["many"]),
    "no_filter": ({"smtp_dns_reply_filter": "regexp:FILTER"}, ["two", "plain", "both", "nosuch"]),
    "bad_filter": ({"smtp_dns_reply_filter": "inline:{x=IGNORE}, fail:x"}, ["two", "plain"]),
    "dnssec": ({"smtp_dns_support_level": "dnssec"}, ["two", "null"]),
    "search": ({"smtp_dns_resolver_options": "res_defnames, res_dnsrch"}, ["two", "nosuch"]),
    "best_mx": ({"best_mx_transport": "nosuch"}, ["two"]),
    "fallback": ({"smtp_fallback_relay": "[plain.test]:PORT"}, ["nosuch", "serv", "null", "noaddr", "two"]),
    "bad_fallback": ({"smtp_fallback_relay": "nosuch.test"}, ["serv", "nosuch"]),
    "relayhost": ({"relayhost": "nosuch.test:PORT"}, ["nosuch", "two"]),
    "bind6": ({"smtp_bind_address6": "::1", "smtp_bind_address": "127.0.0.77"}, ["plain6", "both"]),
    "bind6_bad": ({"smtp_bind_address6": "2001:db8::1", "smtp_bind_address_enforce": "yes"}, ["plain6", "both"]),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_variant(server, pairs, workdir, name):
    """Parameters, one by one. prefer6: IPv6 does not answer, IPv4 does, in one attempt (threats D8)."""
    conf, domains = VARIANTS[name]
    port = free_port(f"{NET}.1")
    (workdir / "filter").write_text("/ MX 10 / IGNORE\n/plain.* A / IGNORE\n/AAAA/ IGNORE\n")
    conf = {k: v.replace("PORT", str(port)).replace("FILTER", f"{workdir}/filter") for k, v in conf.items()}
    agents = pairs(**conf)
    for domain in domains:
        same(server, agents, f"{domain}.test", {}, {}, port=port)


@pytest.mark.parametrize("domain", ["two", "plain", "both", "null", "nosuch", "nodata", "serv", "alias", "[plain", "inet:plain"])
def test_lmtp_has_no_exchangers(server, pairs, domain):
    end = "]" if domain.startswith("[") else ""
    same(server, pairs("lmtp"), f"{domain}.test{end}", {}, {}, lmtp=True)


FIRST = {
    "greeting_421": {"GREETING": "421 x"}, "greeting_554": {"GREETING": "554 x"}, "ehlo_550": {"EHLO": "550 x", "HELO": "550 x"},
    "ehlo_lost": {"EHLO": None}, "mail_450": {"MAIL": "450 x"}, "mail_550": {"MAIL": "550 x"},
    "rcpt_mixed": {"RCPT": ["250 ok", "450 busy", "550 no"]}, "data_450": {"DATA": "450 x"}, "data_550": {"DATA": "550 x"},
    "dot_450": {"DOT": "450 x"}, "dot_550": {"DOT": "550 x"}, "dot_lost": {"DOT": None}, "rcpt_421": {"RCPT": ["250 ok", "421 x"]},
    "mail_421": {"MAIL": "421 x"}, "rset": {"RCPT": ["450 x", "450 y", "450 z"]},
    "size": {"EHLO": "250-x\r\n250 SIZE 3"}, "refused": None,
}


@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("limits", ["", "one_session", "one_address"])
def test_next_exchanger(server, pairs, first, limits):
    """What counts as a session, and who is asked after whom."""
    conf = {"": {}, "one_session": {"smtp_mx_session_limit": "1"}, "one_address": {"smtp_mx_address_limit": "1"}}[limits]
    for second in ({}, {"MAIL": "451 y"}, {"GREETING": "421 y"}, {"DATA": None}):
        same(server, pairs(**conf), "two.test", FIRST[first], second, to=("a@y.test", "b@y.test", "c@y.test"))


@pytest.mark.parametrize("args", [(), ("-c",)], ids=["plain", "jail"])
def test_resolver_changes(server, args):
    """A new name server in /etc/resolv.conf, or in the jail's copy, is used by a process that runs (threats D7)."""
    other = NameServer({("moved.test", "A"): [f"{NET}.1"]}, loopback_address(), port=53)
    a = Agent("smtp", "postroad", {"inet_protocols": "ipv4"}, args=args, resolver=server.address)
    try:
        assert "Host not found" in a.deliver(["a@y.test"], "moved.test:1").log[-1]
        place = a.queue / "etc" if args else a.dir
        place.mkdir(exist_ok=True)
        (place / "resolv.conf").write_text(f"nameserver {other.address}\noptions timeout:1 attempts:1\n")
        wait_until(lambda: "connect to moved.test" in a.deliver(["a@y.test"], "moved.test:1").log[0], "the new server is asked", 30)
    finally:
        a.destroy()
        other.close()

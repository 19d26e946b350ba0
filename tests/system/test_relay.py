# SPDX-License-Identifier: Apache-2.0
"""Threat A1: no form of address makes us an open relay; ours and Debian's agree on all of them."""

import mailboxes

DENIED, UNKNOWN, SYNTAX, OK = (554, "5.7.1"), (550, "5.1.1"), (501, "5.1.3"), (250, "2.1.5")
FORMS = {
    "u@remote.test": DENIED,
    "u%remote.test@box.example": DENIED,
    "remote.test!u@box.example": DENIED,
    "u@remote.test@box.example": DENIED,
    '"u@remote.test"': DENIED,
    '"u%remote.test"@box.example': DENIED,
    '"u@remote.test"@box.example': DENIED,
    '"remote.test!u"@mail.test.example': DENIED,
    "@box.example:u@remote.test": DENIED,
    "@mail.test.example:u%remote.test@mail.test.example": DENIED,
    "u%remote.test@[127.0.0.1]": DENIED,
    "u@remote.test@[127.0.0.1]": DENIED,
    "u%remote.test%box.example@mail.test.example": DENIED,
    "u@remote.test.": DENIED,
    "u@remote_.test": DENIED,
    "u%remote.test": DENIED,
    "remote.test!u": DENIED,
    "u": DENIED,  # completed with myorigin, which is not ours here
    "u@@box.example": DENIED,
    "u@[127.0.0.1]": UNKNOWN,
    "a@alias.test": UNKNOWN,
    "u@": SYNTAX,
    "u@1.2.3.4": SYNTAX,
    "-x@box.example": SYNTAX,
    "alice@[box.example]": SYNTAX,
    "alice@box.example.": OK,
    "alice@BOX.example": OK,
    "alice+x@box.example": OK,
    "alice%box.example@mail.test.example": OK,
    "postmaster": OK,
    "double-bounce@mail.test.example": OK,
}


def test_relay_matrix(either):
    m = either(start=False)
    m.setting(**mailboxes.settings(m.dir), mynetworks="10.0.0.0/8", mydestination="mail.test.example",
              virtual_alias_domains="alias.test", recipient_delimiter="+", local_recipient_maps="inline:{known=x}",
              smtpd_relay_restrictions="reject_unauth_destination",
              smtpd_recipient_restrictions="reject_unauth_destination",
              smtpd_soft_error_limit="1000", smtpd_hard_error_limit="1000")
    m.start()
    got = {}
    with m.smtp() as s:
        s.ehlo()
        for form in FORMS:
            s.docmd("RSET")
            s.docmd("MAIL FROM:<>")
            code, text = s.docmd(f"RCPT TO:<{form}>")
            got[form] = (code, text.decode().split()[0])
    assert got == FORMS

"""Cases of successor statements."""

from tests.vectors import bare
from tests.vectors.bare import flip, seed, u64
from tests.vectors.cases import Area

OLD, NEW, THIRD, MALLORY = seed("server identity"), seed("successor"), seed("third identity"), seed("mallory")
NOW = 1_760_000_000
DAY = 86_400
BEGINS, UNTIL = NOW - DAY, NOW + 29 * DAY
SIGNATURE, PROOF = b"clawchat/1 successor\0", b"clawchat/1 successor proof\0"


def _part(old=OLD, new=NEW, begins=BEGINS, until=UNTIL):
    return bare.verify_key(old) + bare.verify_key(new) + u64(begins) + u64(until)


def _statement(part=None, *, old=OLD, new=NEW, signed=None, proved=None, labels=(SIGNATURE, PROOF)):
    part = _part() if part is None else part
    signature = bare.sign(old, labels[0] + (part if signed is None else signed))
    return part + signature + bare.sign(new, labels[1] + (part if proved is None else proved))


def succession():
    area = Area("succession", "3.2")
    _right(area)
    _malformed(area)
    _refused(area)
    return area


def _given(statement, pins=(OLD,), now=NOW):
    return {"statement": statement, "pins": [bare.verify_key(pin) for pin in pins], "now": now}


def _right(area):
    for name, comment, begins, until, more in (
        ("plain", "thirty days, of which one is over", BEGINS, UNTIL, {}),
        ("second_pin", "the pin in use is the second one", BEGINS, UNTIL, {"pins": (THIRD, OLD)}),
        ("last_second", "one second is left", BEGINS, NOW + 1, {}),
        ("shortest", "one second long", NOW, NOW + 1, {}),
        ("longest", "ninety days", NOW, NOW + 90 * DAY, {}),
        ("clock_behind", "it begins 300 s from now, by our clock", NOW + 300, UNTIL, {}),
    ):
        given = _given(_statement(_part(begins=begins, until=until)), **more)
        output = {"old": bare.verify_key(OLD), "new": bare.verify_key(NEW), "begins": begins, "until": until}
        area.right(name, comment, {**given, "seeds": [OLD, NEW]}, output | {"signed": given["statement"]})


def _malformed(area):
    good = _statement()
    for name, comment, statement in (
        ("empty", "nothing", b""),
        ("short", "207 bytes", good[:-1]),
        ("long", "209 bytes", good + b"\0"),
        ("unsigned", "the first 80 bytes alone", good[:80]),
        ("itself", "an identity that follows itself", _statement(_part(new=OLD), new=OLD)),
        ("no_time", "it ends when it begins", _statement(_part(until=BEGINS))),
        ("backwards", "it ends before it begins", _statement(_part(until=BEGINS - 1))),
        ("too_long", "a second more than ninety days", _statement(_part(until=BEGINS + 90 * DAY + 1))),
        ("begins_high", "a time that JavaScript numbers do not hold", _statement(_part(begins=1 << 53))),
        ("until_high", "the same at its end", _statement(_part(until=(1 << 64) - 1))),
    ):
        area.wrong(name, "malformed", comment, _given(statement))
    # Length and shape come first, whoever it is from.
    area.wrong("malformed_of_another", "malformed", "of another server, too", _given(good[:-1], pins=(THIRD,)))


def _refused(area):
    good, part = _statement(), _part()
    for name, comment, statement in (
        ("signature_flipped", "one bit of the old one's signature", flip(good, 80)),
        ("proof_flipped", "one bit of the new one's", flip(good, 207)),
        ("signature_of_another", "signed by somebody else", _statement(old=MALLORY)),
        ("proof_of_another", "proved by somebody else", _statement(new=MALLORY)),
        ("signatures_swapped", "each where the other belongs", good[:80] + good[144:] + good[80:144]),
        ("proof_by_old", "both by the old one", _statement(new=OLD)),
        ("signature_as_proof", "one label for both", _statement(labels=(PROOF, PROOF))),
        ("proof_as_signature", "the same, the other one", _statement(labels=(SIGNATURE, SIGNATURE))),
        ("no_label", "no labels", _statement(labels=(b"", b""))),
        (
            "other_label",
            "signed as the end of an identity",
            _statement(labels=(b"clawchat/1 identity revoked\0", PROOF)),
        ),
        ("until_changed", "a longer time than was signed", _part(until=UNTIL + 1) + good[80:]),
        ("new_changed", "another successor than was signed", _part(new=MALLORY) + good[80:]),
        ("signed_less", "72 bytes are signed", _statement(signed=part[:72])),
        ("proved_less", "72 bytes are proved", _statement(proved=part[:72])),
    ):
        area.wrong(name, "unauthentic", comment, _given(statement))
    strange = _statement(_part(old=MALLORY), old=MALLORY)
    over, early = _statement(_part(until=NOW)), _statement(_part(begins=NOW + 301))
    area.wrong("stranger", "unknown_peer", "another server hands over", _given(strange))
    area.wrong("successor_hands_over", "unknown_peer", "who follows is no pin yet", _given(good, pins=(NEW,)))
    area.wrong("no_pins", "unknown_peer", "nobody is believed", _given(good, pins=()))
    area.wrong("expired", "expired", "it is over this very second", _given(over))
    area.wrong("not_yet_valid", "not_yet_valid", "it begins in 301 s", _given(early))
    # One after the other: pin, signatures, times.
    area.wrong("stranger_and_forged", "unknown_peer", "the pin comes first", _given(flip(strange, 80)))
    area.wrong("forged_and_expired", "unauthentic", "signatures come before times", _given(flip(over, 100)))

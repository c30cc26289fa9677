"""Scripts that come far, by machine: where fuzzers and property tests begin."""

from functools import cache

from tests.protocol.machines import MACHINES

# Places in OFFERS; the two ends of a session, as a script names them.
OFFERED, ENDS = range(4), ("00", "01")


def script(name: str, head: tuple[int, ...], *steps: str) -> bytes:
    """The bytes of a script: its head, then each step as its name and the numbers it reads, two digits of hex each."""
    data = bytes(head)
    for step in steps:
        what, *numbers = step.split()
        data += bytes([MACHINES[name].STEPS.index(what)]) + bytes.fromhex("".join(numbers))
    return data


# A whole handshake without mallory: H1, H2, H3, verify, AUTH_OK, which the client takes.
WHOLE = ("right", "right", "right", "right 00 00", "right 01", "right")


def server_scripts() -> list[bytes]:
    """The server's half."""
    name = "server handshake"
    half = WHOLE[:1]
    scripts = [script(name, (offer,), *WHOLE) for offer in OFFERED]
    scripts += [script(name, (offer,), *WHOLE[:3], f"verify {how}") for offer in OFFERED for how in ("01 00", "00 02")]
    # A device that is right, and one that lies, each in its way.
    for kind in range(8):
        lying = ("prove 00", f"seal {kind:02x}", "give_server 00", "verify 00 00", "finish 00")
        scripts += [script(name, (offer,), *half, *lying) for offer in OFFERED[:2]]
    scripts += [
        script(name, (0,), *half, "prove 03", "seal 00", "give_server 00", "verify 00 01"),
        script(name, (1,), *half, "prove 00", "flip 0000 01", "seal 00", "give_server 00", "verify 00 00"),
        # Spoiled, past the gate and before it; out of turn; of another handshake of the same two.
        script(name, (0,), "take 00", "flip 0004 01", "give_server 00", "close", "give_server 00", "right"),
        script(name, (1,), "take 00", "flip 0000 01", "give_server 01", "verify 00 00", "finish 00", *WHOLE),
        script(name, (2,), "take 00", "splice 01 0009 0020", "close", "give_server 00", "right", "right"),
        script(name, (0,), "take 01", "give_server 00", "take 03", "give_server 00", *WHOLE),
        script(name, (1,), *WHOLE, "give_server ff", "give_client ff", "finish 00", "verify 00 00"),
        script(name, (1,), "take 00", "cut 0020 10", "insert 0010 03 010203", "record 01", "close", "give_server 00"),
    ]
    return scripts


def client_scripts() -> list[bytes]:
    """The client's half."""
    name = "client handshake"
    scripts = [script(name, (offer,), *WHOLE) for offer in OFFERED]
    # A server that is right, and one that lies, each in its way; it may name any suite.
    for kind in range(5):
        for suite in range(3):
            lying = ("prove 00", f"seal {kind:02x} {suite:02x}", "give_client 00")
            scripts += [script(name, (offer,), *lying) for offer in OFFERED]
    for offer, suite in ((0, 0), (1, 1)):
        known = ("prove 00", f"seal 00 {suite:02x}", "give_client 00", "prove 02", "cut 0000 fe")
        for kind in range(4):
            for number in (0, 8):
                asked = (f"welcome {kind:02x} {number:02x} 00", "give_client 00")
                scripts.append(script(name, (offer,), *known, *asked))
        scripts.append(script(name, (offer,), *known, "insert 0000 03 030000", "welcome 00 00 00", "give_client 00"))
    scripts += [
        script(name, (0,), "prove 01", "flip 0000 01", "seal 00 00", "give_client 00", *WHOLE),
        script(name, (1,), "prove 03", "seal 00 01", "give_client 00", "welcome 00 00 01", "give_client 00"),
        script(name, (0,), "right", "flip 0008 01", "give_client 00", "take 02", "give_client 00", *WHOLE[1:]),
        script(name, (2,), "right", "splice 02 0028 0010", "give_client 00", "give_client ff", *WHOLE[1:]),
        script(name, (1,), *WHOLE, "give_client 00", "give_client ff", "take 04", "give_client 00"),
    ]
    return scripts


# A whole rekey, nothing else under way.
REKEY = ("pass_time 0a", "begin", "deliver 01", "deliver 00", "deliver 01")


def session_scripts() -> list[bytes]:
    """Both ends of a session."""
    name = "session"
    talk = ("chat 00 00 0005", "chat 01 00 0100")
    heads = [(suite, limits) for suite in range(2) for limits in range(3)]
    scripts = [script(name, head, *talk, "carry_all", *REKEY, *talk, "carry_all") for head in heads]
    scripts += [script(name, head, *REKEY, *REKEY, *REKEY, *talk) for head in heads[:2]]
    for suite in range(2):
        scripts += [script(name, (suite, 0), *steps) for steps in (*on_the_wire(talk), *in_a_rekey(talk), *lies())]
        # Limits that come near, and are reached.
        near = ("watch 00", "watch 01", "pass_time 0b", "watch 01", "watch 00", "carry_all", "watch 00")
        scripts += [
            script(name, (suite, 2), *near),
            script(name, (suite, 1), *talk * 4, "watch 00", "pass_time 0b", "watch 00", "watch 01", "carry_all", *talk),
            script(name, (suite, 2), *talk * 4, "carry_all", "pass_time ff", "watch 00", "watch 01"),
        ]
    return scripts


def on_the_wire(talk: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Lost, twice, out of order, changed, reflected, cut."""
    gone = [what for end in ENDS for what in (f"drop {end} 00", f"swap {end} 00 00", f"swap {end} 00 01")]
    return [
        *((*talk, *talk, each, "carry_all") for each in gone),
        (*talk, "catch 01", "flip 0000 80", "deliver_hand 01", "chat 01 00 0000", "begin"),
        (*talk, "catch 01", "deliver_hand 00", "carry_all"),
        (*talk, "catch 00", "cut 0020 01", "deliver_hand 00", "take 00", "deliver_hand 00"),
    ]


def in_a_rekey(talk: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The server asks; an end is slow; it is too soon; somebody goes in the middle of it."""
    return [
        ("pass_time 0a", "request", "deliver 00", "begin", "carry_all", *talk),
        ("release 00", "pass_time 0a", "begin", *talk, "release 00", "carry_all"),
        (*REKEY[:2], "release 01", "deliver 01", *talk, "release 01", "deliver 00", "carry_all"),
        (*REKEY[:3], "release 00", "deliver 00", *talk, "deliver 00", "release 00", "begin", "carry_all"),
        ("begin", "pass_time 0a", "begin", "begin", "carry_all", "begin", "request", "carry_all"),
        *((*REKEY[:steps], f"close {end}", "carry_all", *talk) for steps in (2, 3, 4) for end in ENDS),
    ]


def lies() -> list[tuple[str, ...]]:
    """In INIT, in RESP, in DONE; and what nobody asked for."""
    changed = [f"{kind:02x} 0005 01" for kind in range(4)]
    request, done = "insert 0000 01 00", f"insert 0000 21 03{bytes(32).hex()}"
    return [
        *(("pass_time 0a", "lie 00", f"begin {how}", "deliver 01", "carry_all") for how in changed),
        *(("pass_time 0a", "lie 01", "begin", f"deliver 01 {how}", "carry_all") for how in changed),
        (*REKEY[:3], "lie 00", "deliver 00 00 0003 01", "carry_all"),
        *((said, f"say {end} 04", "carry_all") for said in (request, done) for end in ENDS),
    ]


@cache
def seeds() -> dict[str, list[bytes]]:
    """By machine."""
    return dict(zip(MACHINES, (server_scripts(), client_scripts(), session_scripts()), strict=True))

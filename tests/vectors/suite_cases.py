"""Cases of suite 1, of offers of both, and of what a downgrade would look like."""

import hmac

from tests.vectors import bare
from tests.vectors.bare import flip, seed, tlvs, u16
from tests.vectors.handshake_cases import MALLORY, SMALL_ORDER_X25519

# A server without floor, and clients that offer it one suite or both.
ONE = {**bare.KEYS, "suites": [1], "pq_required": False}
BOTH = {**bare.KEYS, "suites": [2, 1], "pq_required": False}
MLKEM = bare.encapsulation_key(bare.KEYS["mlkem_seed"])


def add_cases(area):
    """Put them into the area `handshake`."""
    _hello_cases(area)
    _server_hello_cases(area)
    _downgrade_cases(area)
    _client_auth_cases(area)
    _auth_ok_cases(area)


def _hello_cases(area):
    def right(name, comment, suite, keys=ONE, **parts):
        first = bare.hello(keys, **parts)
        given = {"receives": "H1", "keys": keys, "H1": first}
        area.right(f"h1_{name}", comment, given, {"H2": bare.server_hello(keys, first, suite=suite)})

    right("suite_1", "a server without floor takes the suite without ML-KEM", 1)
    right("suite_1_among_unknown", "suites of the future do no harm", 1, suites=[0x0999, 1, 3])
    right("suite_1_eight_suites", "as many as may be", 1, suites=[9, 8, 7, 6, 5, 4, 3, 1])
    right("suite_1_extensions", "unknown ones are ignored", 1, extensions=tlvs((1, b""), (0xFFFF, b"future")))
    right("no_floor_both", "without floor the suite with ML-KEM is still taken when it is offered", 2, BOTH)
    right("no_floor_suite_2_last", "whatever the client prefers", 2, BOTH, suites=[1, 2])

    for name, expect, comment, parts in (
        ("mlkem", "malformed", "a whole ML-KEM key without its suite", {"mlkem": MLKEM}),
        ("mlkem_byte", "malformed", "one byte where none may be", {"mlkem": b"\0"}),
        ("and_unknown_mlkem", "malformed", "a key for a suite nobody knows", {"suites": [3, 1], "mlkem": MLKEM}),
        ("twice", "malformed", "a suite twice", {"suites": [1, 1]}),
        ("nine_suites", "malformed", "n > 8", {"suites": [1, 3, 4, 5, 6, 7, 8, 9, 10]}),
        ("count", "malformed", "n says one more than there are", {"count": 2}),
        ("range_reversed", "malformed", "lowest above highest", {"versions": (0x0200, 0x0100)}),
        ("newer", "unsupported_version", "only later versions", {"versions": (0x0101, 0x0200)}),
        ("older", "unsupported_version", "only earlier versions", {"versions": (0x0001, 0x00FF)}),
        ("eph_zero", "malformed", "X25519 of order 1, which ML-KEM would not make up for", {"eph": bytes(32)}),
        ("eph_one", "malformed", "X25519 of order 4", {"eph": b"\x01" + bytes(31)}),
        ("eph_small_order", "malformed", "X25519 of order 8", {"eph": SMALL_ORDER_X25519}),
        ("extensions_descend", "malformed", "types must ascend", {"extensions": tlvs((2, b""), (1, b""))}),
        ("extensions_repeat", "malformed", "types must ascend strictly", {"extensions": tlvs((1, b""), (1, b""))}),
        ("extensions_cut", "malformed", "a value shorter than it says", {"extensions": b"\x00\x01\x00\x02a"}),
        ("trailing", "malformed", "a byte after the extensions", {"tail": b"\0"}),
    ):
        _wrong_hello(area, f"suite_1_{name}", expect, comment, bare.hello(ONE, **parts))
    for name, expect, comment, parts in (
        ("suite_3_only", "unsupported_version", "an unknown suite alone", {"suites": [3]}),
        ("suite_3_mlkem", "malformed", "an unknown suite with a key", {"suites": [3], "mlkem": MLKEM}),
        ("both_mlkem_missing", "malformed", "both suites without the key", {"suites": [2, 1], "mlkem": b""}),
        ("both_mlkem_short", "malformed", "1183 bytes", {"suites": [2, 1], "mlkem": MLKEM[:-1]}),
        ("both_mlkem_long", "malformed", "1185 bytes", {"suites": [2, 1], "mlkem": MLKEM + b"\0"}),
        ("both_mlkem_coefficients", "malformed", "a bad key is no reason to go lower", {"mlkem": b"\xff" * 1184}),
        ("both_eph_zero", "malformed", "X25519 of order 1 beside a good key", {"eph": bytes(32)}),
    ):
        _wrong_hello(area, f"no_floor_{name}", expect, comment, bare.hello(BOTH, **parts))


def _wrong_hello(area, name, expect, comment, record):
    area.wrong(f"h1_{name}", expect, comment, {"receives": "H1", "keys": ONE, "H1": record})


def _answered(keys, first, second):
    """What a client makes of an H2 it believes."""
    return {
        "H3": bare.client_auth(keys, first, second),
        "server_id": keys["server_id"],
        "clock_offset_ms": keys["server_time_ms"] - keys["client_time_ms"],
        "max_frame_bytes": 262_144,
        "minimum_client": "",
    }


def _server_hello_cases(area):
    def right(name, comment, keys, suite):
        first = bare.hello(keys)
        second = bare.server_hello(keys, first, suite=suite)
        given = {"receives": "H2", "keys": keys, "H1": first, "H2": second}
        area.right(f"h2_{name}", comment, given, _answered(keys, first, second))

    right("suite_1_alone", "the one suite that was offered", ONE, 1)
    right("both_suite_2", "the better one of two", BOTH, 2)
    right("both_suite_1", "who offers both takes what the server chose", BOTH, 1)

    first, mallory = bare.hello(ONE), bare.verify_key(MALLORY)
    one_byte, whole = {"ciphertext": b"\0"}, {"ciphertext": bare.KEYS["mlkem_ciphertext"]}
    for name, expect, comment, parts in (
        ("other_server", "unauthentic", "honestly another server", {"server_public": mallory, "signer": MALLORY}),
        ("impostor", "unauthentic", "knows the pinned key, cannot sign", {"signer": MALLORY}),
        ("label", "unauthentic", "a signature made for H3", {"label": b"clawchat/1 client signature\0"}),
        ("signed_elsewhere", "unauthentic", "from another handshake", {"signed_th2": seed("elsewhere")}),
        ("version", "unsupported_version", "a version not offered", {"version": 0x0101}),
        ("ciphertext", "malformed", "a whole ciphertext without its suite", whole),
        ("ciphertext_byte", "malformed", "one byte where none may be", one_byte),
        ("eph_zero", "malformed", "X25519 of order 1", {"eph": bytes(32)}),
        ("eph_small_order", "malformed", "X25519 of order 8", {"eph": SMALL_ORDER_X25519}),
        ("eph_other", "unauthentic", "another X25519 value", {"eph": bare.exchange_public(MALLORY)}),
        ("inner_trailing", "malformed", "a byte after the signature", {"inner_tail": b"\0"}),
        ("trailing", "malformed", "a byte after the sealed part", {"tail": b"\0"}),
    ):
        second = bare.server_hello(ONE, first, **{"suite": 1, **parts})
        _wrong_server_hello(area, f"suite_1_{name}", expect, comment, ONE, first, second)
    good = bare.server_hello(ONE, first, suite=1)
    for name, at in (("random", 8), ("session_id", 40), ("sealed", 120), ("tag", -1)):
        second = flip(good, at)
        _wrong_server_hello(area, f"suite_1_{name}_flipped", "unauthentic", f"one bit of {name}", ONE, first, second)
    length = flip(good, 89)
    _wrong_server_hello(
        area, "suite_1_ciphertext_length", "malformed", "one bit of the empty length", ONE, first, length
    )


def _wrong_server_hello(area, name, expect, comment, keys, first, second):
    area.wrong(f"h2_{name}", expect, comment, {"receives": "H2", "keys": keys, "H1": first, "H2": second})


def _downgrade_cases(area):
    """Somebody on the way, or a server that lies, wants another suite than the one both would take."""
    one, both, hybrid = bare.hello(ONE), bare.hello(BOTH), bare.hello(bare.KEYS)
    in_both = bare.server_hello(BOTH, both)
    for name, expect, comment, keys, first, second in (
        (
            "below_floor",
            "unsupported_version",
            "suite 1, well made, for who has not offered it",
            bare.KEYS,
            hybrid,
            bare.server_hello(bare.KEYS, hybrid, suite=1),
        ),
        (
            "suite_2_not_offered",
            "unsupported_version",
            "suite 2, well made, for who has not offered it",
            ONE,
            one,
            bare.server_hello(ONE, one),
        ),
        (
            "both_suite_3",
            "unsupported_version",
            "a suite nobody knows",
            BOTH,
            both,
            bare.server_hello(BOTH, both, suite=3),
        ),
        (
            "both_stripped",
            "unauthentic",
            "the answer to an offer that was stripped of suite 2 on the way",
            BOTH,
            both,
            bare.server_hello(BOTH, one, suite=1),
        ),
        (
            "both_reordered",
            "unauthentic",
            "the answer to an offer whose order was changed on the way",
            BOTH,
            both,
            bare.server_hello(BOTH, bare.hello(BOTH, suites=[1, 2])),
        ),
        (
            "both_suite_changed",
            "malformed",
            "the suite's number alone was changed on the way",
            BOTH,
            both,
            in_both[:6] + u16(1) + in_both[8:],
        ),
        (
            "both_suite_lowered",
            "unauthentic",
            "the suite's number was changed on the way, and its ciphertext taken out",
            BOTH,
            both,
            _lowered(in_both),
        ),
        (
            "both_ciphertext_missing",
            "malformed",
            "suite 2 without its ciphertext",
            BOTH,
            both,
            bare.server_hello(BOTH, both, ciphertext=b""),
        ),
        (
            "both_suite_1_ciphertext",
            "malformed",
            "suite 1 with the ciphertext of the other",
            BOTH,
            both,
            bare.server_hello(BOTH, both, suite=1, ciphertext=BOTH["mlkem_ciphertext"]),
        ),
    ):
        _wrong_server_hello(area, name, expect, comment, keys, first, second)


def _lowered(second):
    body = second[4:6] + u16(1) + second[8:88] + u16(0) + second[88 + 2 + 1088 :]
    return bare.record(2, body)


def _client_auth_cases(area):
    first = bare.hello(ONE)
    second = bare.server_hello(ONE, first, suite=1)
    third = bare.client_auth(ONE, first, second)
    device = bare.verify_key(ONE["device_seed"])
    output = {"psk_id": ONE["psk_id"], "device_public": device, "client_time_ms": ONE["client_time_ms"]}
    output |= {"client_name": "", "exporter": bare.epoch(ONE, first, second, third)["exporter"]}
    given = {"receives": "H3", "keys": ONE, "H1": first}
    area.right("h3_suite_1", "no parameters", {**given, "H3": third}, output)

    mallory, both = bare.verify_key(MALLORY), bare.hello(BOTH)
    lowered = bare.client_auth(BOTH, both, bare.server_hello(BOTH, both, suite=1))
    for name, comment, wrong in (
        ("other_psk", "the device's key without its PSK", bare.client_auth(ONE, first, second, psk=seed("other psk"))),
        (
            "other_device",
            "the PSK without its device",
            bare.client_auth(ONE, first, second, device_public=mallory, signer=MALLORY),
        ),
        ("impostor", "names the device, cannot sign", bare.client_auth(ONE, first, second, signer=MALLORY)),
        ("other_transcript", "made for another H2", bare.client_auth(ONE, first, second, th3=seed("elsewhere"))),
        ("server_key", "sealed with the server's key", bare.client_auth(ONE, first, second, sealed_by=0)),
        ("both_offered", "from a client that has offered both suites", lowered),
        ("sealed_flipped", "one bit of the sealed part", flip(third, 40)),
    ):
        area.wrong(f"h3_suite_1_{name}", "unauthentic", comment, {**given, "H3": wrong})


def _auth_ok_cases(area):
    first = bare.hello(ONE)
    second = bare.server_hello(ONE, first, suite=1)
    third = bare.client_auth(ONE, first, second)
    epoch = bare.epoch(ONE, first, second, third)
    finished = hmac.digest(epoch["finished"], epoch["th4"], "sha256")

    def make(payload, of=epoch):
        return bare.frame(of["s2c"], of["s2c iv"], ONE["session_id"], 1, 0, 0, 0x10, bare.pad(payload))

    given = {"receives": "AUTH_OK", "keys": ONE, "H1": first, "H2": second}
    output = {"tlvs": {}, "exporter": epoch["exporter"], "session_id": ONE["session_id"]}
    area.right("auth_ok_suite_1", "the finished value alone", {**given, "AUTH_OK": make(finished)}, output)
    hybrid_first = bare.hello(bare.KEYS)
    hybrid_second = bare.server_hello(bare.KEYS, hybrid_first)
    hybrid = bare.epoch(
        bare.KEYS, hybrid_first, hybrid_second, bare.client_auth(bare.KEYS, hybrid_first, hybrid_second)
    )
    for name, expect, comment, frame in (
        ("finished_flipped", "unauthentic", "one bit of the finished value", make(flip(finished, 31))),
        ("finished_missing", "unauthentic", "an empty payload", make(b"")),
        ("other_suite", "out_of_order", "the keys of the same people in the other suite", make(finished, of=hybrid)),
        ("tag_flipped", "unauthentic", "one bit of the tag", flip(make(finished), -1)),
    ):
        area.wrong(f"auth_ok_suite_1_{name}", expect, comment, {**given, "AUTH_OK": frame})

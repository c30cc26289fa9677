"""Cases of the key schedule, the gate and the handshake."""

import hmac

from tests.vectors import bare
from tests.vectors.bare import KEYS, flip, seed, tlvs, u8, u16, u32, u64, v16
from tests.vectors.cases import Area

SMALL_ORDER_X25519 = bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")
MALLORY = seed("mallory")


def derive_session_keys():
    area = Area("derive_session_keys", "3.1")
    for name in ("one", "two", "three"):
        given = {part: seed(f"{name} {part}") for part in ("dh_secret", "server_public", "client_public")}
        area.right(name, "the specification's derivation, byte for byte", given, bare.derive_session_keys(**given))
    given = {part: bytes(32) for part in ("dh_secret", "server_public", "client_public")}
    area.right("zeros", "it authenticates nothing, so it takes zeros", given, bare.derive_session_keys(**given))
    for name, part, size in (
        ("server_public_short", "server_public", 31),
        ("server_public_long", "server_public", 33),
        ("server_public_empty", "server_public", 0),
        ("client_public_short", "client_public", 31),
        ("client_public_long", "client_public", 64),
    ):
        area.wrong(name, "malformed", "a public value has 32 bytes", {**given, part: bytes(size)})
    return area


def expand_label():
    area = Area("expand_label", "3.1")
    key, context = seed("label key"), seed("context")
    for name, label, ctx, length in (
        ("key", "c2s key", b"", 32),
        ("iv", "s2c iv", b"", 12),
        ("context", "exporter", context, 32),
        ("long_context", "s finished", seed("long", 255), 32),
        ("long_output", "gate", b"", 255),
    ):
        given = {"key": key, "label": label, "context": ctx, "length": length}
        output = bare.expand_label(key, label, ctx, length)
        area.right(name, f"{given['length']} bytes for one purpose", given, {"bytes": output})
    for name, label, ctx, length, comment in (
        ("unknown_label", "c2s keys", b"", 32, "no purpose of the table"),
        ("empty_label", "", b"", 32, "a purpose has a name"),
        ("full_label", "clawchat/1 gate", b"", 32, "the prefix is not the caller's to give"),
        ("salt_label", "gate salt", b"", 32, "a salt is no purpose"),
        ("label_case", "Gate", b"", 32, "purposes are spelt one way"),
        ("context_long", "exporter", seed("long", 256), 32, "the context's length has one byte"),
        ("length_over", "exporter", b"", 8161, "HKDF gives 255 blocks at most"),
    ):
        area.wrong(name, "usage", comment, {"key": key, "label": label, "context": ctx, "length": length})
    return area


def gate():
    area = Area("gate", "3.3")
    ours = {"discovery_secret": KEYS["discovery_secret"], "identity_seed": KEYS["server_identity_seed"]}
    other_secret = {**ours, "discovery_secret": seed("other discovery secret")}
    other_server = {**ours, "identity_seed": seed("other server")}
    record = bare.hello(KEYS)
    area.right("only_one", "our own H1", {"record": record, "gates": [ours]}, {"gate": 0})
    area.right("second", "the successor's", {"record": record, "gates": [other_server, ours]}, {"gate": 1})
    area.right("third", "any of them", {"record": record, "gates": [other_secret, other_server, ours]}, {"gate": 2})
    garbage = seed("garbage", 64)
    body = (
        garbage
        + hmac.digest(
            bare.gate_key(ours["discovery_secret"]),
            bare.sha256(bare.verify_key(ours["identity_seed"])) + garbage,
            "sha256",
        )[:16]
    )
    area.right(
        "no_parsing",
        "the gate does not look into what it admits",
        {"record": bare.record(1, body), "gates": [ours]},
        {"gate": 0},
    )
    for name, comment, wrong, gates in (
        ("no_gates", "a server without gates admits nobody", record, []),
        ("other_secret", "a revoked device knows only the old secret", record, [other_secret]),
        ("other_server", "made for another server", record, [other_server]),
        ("gate_flipped", "one bit of the gate value", flip(record, -1), [ours]),
        ("random_flipped", "one bit of the client's random", flip(record, 8), [ours]),
        ("mlkem_flipped", "one bit of the ML-KEM key", flip(record, 600), [ours]),
        ("length_short", "length field one short", record[:2] + u16(len(record) - 5) + record[4:], [ours]),
        ("length_long", "length field one long", record[:2] + u16(len(record) - 3) + record[4:], [ours]),
        ("magic", "another first byte", flip(record, 0), [ours]),
        ("type", "another message type", flip(record, 1, 2), [ours]),
        ("truncated", "one byte missing", record[:-1], [ours]),
        ("appended", "one byte more", record + b"\0", [ours]),
        ("empty", "nothing", b"", [ours]),
        ("head_only", "a record without a body", bare.record(1, b""), [ours]),
        (
            "gate_only",
            "a gate value for nothing",
            bare.record(
                1,
                hmac.digest(
                    bare.gate_key(ours["discovery_secret"]),
                    bare.sha256(bare.verify_key(ours["identity_seed"])),
                    "sha256",
                )[:16],
            ),
            [ours],
        ),
    ):
        area.wrong(name, "unauthentic", comment, {"record": wrong, "gates": gates})
    return area


def handshake():
    area = Area("handshake", "3.3")
    _hello_cases(area)
    _server_hello_cases(area)
    _client_auth_cases(area)
    _auth_ok_cases(area)
    return area


def _hello_cases(area):
    def right(name, comment, **parts):
        first = bare.hello(KEYS, **parts)
        given = {"receives": "H1", "keys": KEYS, "H1": first}
        area.right(f"h1_{name}", comment, given, {"H2": bare.server_hello(KEYS, first)})

    def wrong(name, expect, comment, record):
        area.wrong(f"h1_{name}", expect, comment, {"receives": "H1", "keys": KEYS, "H1": record})

    right("plain", "the hello our clients send")
    right("both_suites", "suite 1 may be offered too; with suite 2 beside it, it is not taken", suites=[2, 1])
    right("suite_2_last", "taken whatever the client prefers", suites=[1, 2])
    right("unknown_suite", "a suite of the future does no harm", suites=[0x0999, 2])
    right("eight_suites", "as many as may be", suites=[9, 8, 7, 6, 5, 4, 3, 2])
    right("version_range", "our version lies within", versions=(0x0001, 0xFFFF))
    right("extensions", "unknown ones are ignored", extensions=tlvs((1, b""), (0xFFFF, b"future")))
    mlkem = bare.encapsulation_key(KEYS["mlkem_seed"])
    for name, expect, comment, parts in (
        ("suite_1_only", "unsupported_version", "below the server's floor", {"suites": [1], "mlkem": b""}),
        ("suite_3_only", "unsupported_version", "an unknown suite alone", {"suites": [3], "mlkem": b""}),
        ("newer", "unsupported_version", "only later versions", {"versions": (0x0101, 0x0200)}),
        ("older", "unsupported_version", "only earlier versions", {"versions": (0x0001, 0x00FF)}),
        ("range_reversed", "malformed", "lowest above highest", {"versions": (0x0200, 0x0100)}),
        ("no_suites", "malformed", "n = 0", {"suites": [], "mlkem": b""}),
        ("nine_suites", "malformed", "n > 8", {"suites": [2, 3, 4, 5, 6, 7, 8, 9, 10]}),
        ("suite_twice", "malformed", "a suite twice", {"suites": [2, 2]}),
        ("suite_count", "malformed", "n says one more than there are", {"suites": [2], "count": 2}),
        ("mlkem_short", "malformed", "1183 bytes", {"mlkem": mlkem[:-1]}),
        ("mlkem_long", "malformed", "1185 bytes", {"mlkem": mlkem + b"\0"}),
        ("mlkem_missing", "malformed", "suite 2 without its key", {"mlkem": b""}),
        ("mlkem_unasked", "malformed", "a key without suite 2", {"suites": [1], "mlkem": mlkem}),
        ("mlkem_coefficients", "malformed", "coefficients above the modulus", {"mlkem": b"\xff" * 1184}),
        ("eph_zero", "malformed", "X25519 of order 1: the result would be known to all", {"eph": bytes(32)}),
        ("eph_one", "malformed", "X25519 of order 4", {"eph": b"\x01" + bytes(31)}),
        ("eph_small_order", "malformed", "X25519 of order 8", {"eph": SMALL_ORDER_X25519}),
        ("extensions_descend", "malformed", "types must ascend", {"extensions": tlvs((2, b""), (1, b""))}),
        ("extensions_repeat", "malformed", "types must ascend strictly", {"extensions": tlvs((1, b""), (1, b""))}),
        ("extensions_cut", "malformed", "a value shorter than it says", {"extensions": b"\x00\x01\x00\x02a"}),
        ("trailing", "malformed", "a byte after the extensions", {"tail": b"\0"}),
        ("too_large", "too_large", "a body of 2049 bytes", {"tail": bytes(2049 - 1275)}),
        ("wrong_type", "malformed", "an H1 that says it is H2", {"kind": 2}),
    ):
        wrong(name, expect, comment, bare.hello(KEYS, **parts))
    first = bare.hello(KEYS)
    wrong("magic", "malformed", "another first byte", flip(first, 0))
    wrong("truncated", "malformed", "one byte missing", first[:-1])
    wrong("appended", "malformed", "one byte more", first + b"\0")
    wrong("empty", "malformed", "nothing", b"")


def _server_hello_cases(area):
    first = bare.hello(KEYS)

    def right(name, comment, output, **changed):
        keys = {**KEYS, **changed}
        second = bare.server_hello(keys, first)
        answer = {
            "H3": bare.client_auth(keys, first, second),
            "server_id": keys["server_id"],
            "clock_offset_ms": keys["server_time_ms"] - keys["client_time_ms"],
            "max_frame_bytes": 262_144,
            "minimum_client": "",
        }
        given = {"receives": "H2", "keys": keys, "H1": first, "H2": second}
        area.right(f"h2_{name}", comment, given, {**answer, **output})

    def wrong(name, expect, comment, second, **changed):
        area.wrong(
            f"h2_{name}", expect, comment, {"receives": "H2", "keys": {**KEYS, **changed}, "H1": first, "H2": second}
        )

    limits = u32(600) + u64(1_000_000) + u64(5000)
    params = tlvs((1, u32(1_048_576)), (2, limits), (3, limits), (4, u32(90)), (5, b"0.9"), (77, b"later"))
    right("plain", "no parameters: the defaults", {})
    right("named", "the client's name goes into H3", {}, client_name="ClawChat test 1.0")
    right(
        "params",
        "every parameter, and one of the future",
        {"max_frame_bytes": 1_048_576, "minimum_client": "0.9"},
        params=params,
    )
    right(
        "clock_behind",
        "a server an hour behind is measured, not refused",
        {},
        server_time_ms=KEYS["client_time_ms"] - 3_600_000,
    )
    right("free_name", "other server ids are accepted", {}, server_id="küche")

    mallory = bare.verify_key(MALLORY)
    other, ciphertext = {**KEYS, "client_random": seed("other client random")}, KEYS["mlkem_ciphertext"]
    for name, expect, comment, parts in (
        ("version", "unsupported_version", "a version not offered", {"version": 0x0101}),
        ("suite_1", "unsupported_version", "a number below the floor", {"suite": 1, "ciphertext": ciphertext}),
        ("suite_3", "unsupported_version", "a suite not offered", {"suite": 3}),
        ("other_server", "unauthentic", "honestly another server", {"server_public": mallory, "signer": MALLORY}),
        ("impostor", "unauthentic", "knows the pinned key, cannot sign", {"signer": MALLORY}),
        ("label", "unauthentic", "a signature made for H3", {"label": b"clawchat/1 client signature\0"}),
        ("signed_elsewhere", "unauthentic", "a signature from another handshake", {"signed_th2": seed("elsewhere")}),
        ("inner_trailing", "malformed", "a byte after the signature", {"inner_tail": b"\0"}),
        ("server_id_utf8", "malformed", "a name that is not UTF-8", {"server_id": b"\xff\xfe"}),
        ("server_id_bom", "malformed", "a name with a byte order mark", {"server_id": b"\xef\xbb\xbfcc"}),
        ("ciphertext_short", "malformed", "1087 bytes of ML-KEM", {"ciphertext": KEYS["mlkem_ciphertext"][:-1]}),
        ("ciphertext_missing", "malformed", "no ML-KEM", {"ciphertext": b""}),
        (
            "ciphertext_other",
            "unauthentic",
            "ML-KEM for another key",
            {"ciphertext": flip(KEYS["mlkem_ciphertext"], 9)},
        ),
        ("eph_zero", "malformed", "X25519 of order 1", {"eph": bytes(32)}),
        ("eph_small_order", "malformed", "X25519 of order 8", {"eph": SMALL_ORDER_X25519}),
        ("eph_other", "unauthentic", "another X25519 value", {"eph": bare.exchange_public(MALLORY)}),
        ("trailing", "malformed", "a byte after the sealed part", {"tail": b"\0"}),
        ("too_large", "too_large", "a body of 4097 bytes", {"tail": bytes(4097 - 1339)}),
    ):
        wrong(name, expect, comment, bare.server_hello(KEYS, first, **parts))
    for name, comment, params in (
        ("params_descend", "types must ascend", tlvs((4, u32(9)), (1, u32(4096)))),
        ("params_cut", "a value shorter than it says", b"\x00\x01\x00\x05abcd"),
        ("frame_limit_low", "no frame fits 54 bytes", tlvs((1, u32(54)))),
        ("frame_limit_high", "above 1 MiB", tlvs((1, u32(1_048_577)))),
        ("frame_limit_size", "three bytes for a u32", tlvs((1, b"\0\1\0"))),
        ("limits_size", "nineteen bytes of limits", tlvs((2, bytes(19)))),
        ("minimum_client_utf8", "a version that is not UTF-8", tlvs((5, b"\x80"))),
    ):
        keys = {**KEYS, "params": params}
        wrong(name, "malformed", comment, bare.server_hello(keys, first))
    second = bare.server_hello(KEYS, first)
    for name, at in (("random", 8), ("session_id", 40), ("sealed", 1300), ("tag", -1)):
        wrong(f"{name}_flipped", "unauthentic", f"one bit of {name}", flip(second, at))
    wrong("replayed", "unauthentic", "an answer to another H1", bare.server_hello(other, bare.hello(other)))
    body = bare.clear_part(second)[4:]
    unsealed = b"\x48\x02" + u16(len(body) + 2 + 15) + body + v16(bytes(15))
    wrong("no_seal", "unauthentic", "a sealed part shorter than a tag", unsealed)
    wrong("truncated", "malformed", "one byte missing", second[:-1])
    wrong("appended", "malformed", "one byte more", second + b"\0")
    wrong("reflected", "malformed", "our own H1", first)
    wrong("empty", "malformed", "nothing", b"")


def _client_auth_cases(area):
    first = bare.hello(KEYS)
    second = bare.server_hello(KEYS, first)

    def add(name, comment, third, expect="ok", **output):
        given = {"receives": "H3", "keys": KEYS, "H1": first, "H3": third}
        if expect == "ok":
            output = {
                "psk_id": KEYS["psk_id"],
                "device_public": bare.verify_key(KEYS["device_seed"]),
                "client_time_ms": KEYS["client_time_ms"],
                "client_name": "",
                "exporter": bare.epoch(KEYS, first, second, third)["exporter"],
                **output,
            }
            area.right(f"h3_{name}", comment, given, output)
        else:
            area.wrong(f"h3_{name}", expect, comment, given)

    name = tlvs((1, "Älice's laptop".encode()), (9, b"later"))
    add("plain", "no parameters", bare.client_auth(KEYS, first, second))
    add(
        "named",
        "a name, and a parameter of the future",
        bare.client_auth(KEYS, first, second, params=name),
        client_name="Älice's laptop",
    )
    mallory = bare.verify_key(MALLORY)
    for case, expect, comment, parts in (
        ("other_psk", "unauthentic", "the device's key without its PSK", {"psk": seed("other psk")}),
        ("other_device", "unauthentic", "the PSK without its device", {"device_public": mallory, "signer": MALLORY}),
        ("impostor", "unauthentic", "names the device, cannot sign", {"signer": MALLORY}),
        ("label", "unauthentic", "a signature made for H2", {"label": b"clawchat/1 server signature\0"}),
        ("other_transcript", "unauthentic", "made for another H2", {"th3": seed("elsewhere")}),
        ("server_key", "unauthentic", "sealed with the server's key: a reflection", {"sealed_by": 0}),
        ("inner_trailing", "malformed", "a byte after the signature", {"inner_tail": b"\0"}),
        ("trailing", "unauthentic", "a byte after the seal", {"tail": b"\0"}),
        ("name_utf8", "malformed", "a name that is not UTF-8", {"params": tlvs((1, b"\xc3"))}),
        ("params_descend", "malformed", "types must ascend", {"params": tlvs((2, b""), (1, b""))}),
        ("params_cut", "malformed", "a value shorter than it says", {"params": b"\x00\x01\x00\x09a"}),
        ("too_large", "too_large", "a body of more than 1024 bytes", {"params": tlvs((1, b"a" * 900))}),
    ):
        add(case, comment, bare.client_auth(KEYS, first, second, **parts), expect)
    third = bare.client_auth(KEYS, first, second)
    add("sealed_flipped", "one bit of the sealed part", flip(third, 40), "unauthentic")
    add("tag_flipped", "one bit of the tag", flip(third, -1), "unauthentic")
    add("truncated", "one byte missing", third[:-1], "malformed")
    add("appended", "one byte more", third + b"\0", "malformed")
    add("wrong_type", "an H3 that says it is H2", b"\x48\x02" + third[2:], "malformed")
    add("no_seal", "nothing sealed", bare.record(3, b""), "unauthentic")
    add(
        "psk_id_other",
        "the caller's id is data; its PSK fits all the same",
        bare.client_auth(KEYS, first, second, psk_id=seed("other id", 16)),
        psk_id=seed("other id", 16),
    )


def _auth_ok_cases(area):
    first = bare.hello(KEYS)
    second = bare.server_hello(KEYS, first)
    third = bare.client_auth(KEYS, first, second)
    epoch = bare.epoch(KEYS, first, second, third)
    finished = hmac.digest(epoch["finished"], epoch["th4"], "sha256")

    def make(payload, direction="s2c", number=1, counter=0, kind=0x10, of=epoch, padded=True):
        text = bare.pad(payload) if padded else payload
        return bare.frame(of[direction], of[f"{direction} iv"], KEYS["session_id"], number, 0, counter, kind, text)

    def add(name, comment, frame, expect="ok", **tlv_values):
        given = {"receives": "AUTH_OK", "keys": KEYS, "H1": first, "H2": second, "AUTH_OK": frame}
        if expect == "ok":
            output = {"tlvs": tlv_values, "exporter": epoch["exporter"], "session_id": KEYS["session_id"]}
            area.right(f"auth_ok_{name}", comment, given, output)
        else:
            area.wrong(f"auth_ok_{name}", expect, comment, given)

    secret = seed("new secret", 40)
    add("plain", "the finished value alone", make(finished))
    add(
        "secret",
        "a new discovery secret, and a type of the future",
        make(finished + tlvs((16, secret), (99, b"later"))),
        **{"16": secret, "99": b"later"},
    )
    other = bare.epoch(KEYS, first, second, third, psk=seed("other psk"))
    for name, expect, comment, frame in (
        ("finished_flipped", "unauthentic", "one bit of the finished value", make(flip(finished, 31))),
        ("finished_short", "unauthentic", "31 bytes of it", make(finished[:31])),
        ("finished_missing", "unauthentic", "an empty payload", make(b"")),
        (
            "other_psk",
            "out_of_order",
            "a server that does not know the PSK has other keys and IVs",
            make(hmac.digest(other["finished"], other["th4"], "sha256"), of=other),
        ),
        ("reflected", "out_of_order", "made with the client's own keys", make(finished, direction="c2s", number=0)),
        ("chat_first", "out_of_order", "another frame before AUTH_OK", make(finished, kind=1)),
        ("counter", "out_of_order", "the second frame first", make(finished, counter=1)),
        ("unknown_type", "unknown_type", "a type that does not exist", make(finished, kind=0x0F)),
        ("tlvs_descend", "malformed", "types must ascend", make(finished + tlvs((17, b""), (16, b"")))),
        ("tlvs_cut", "malformed", "a value shorter than it says", make(finished + u8(0) + u8(16) + u16(4))),
        ("padding", "malformed", "no marker before the zeros", make((finished + b"\1").ljust(64, b"\0"), padded=False)),
        ("tag_flipped", "unauthentic", "one bit of the tag", flip(make(finished), -1)),
        ("type_flipped", "unauthentic", "one bit of the type", flip(make(finished), 25)),
        ("iv_flipped", "out_of_order", "one bit of the IV", flip(make(finished), 30)),
        ("version", "unsupported_version", "frame version 2", b"\x02" + make(finished)[1:]),
        ("short", "malformed", "54 bytes", make(finished)[:54]),
    ):
        add(name, comment, frame, expect)

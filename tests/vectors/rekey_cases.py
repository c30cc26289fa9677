"""Cases of the rekey: INIT, RESP, DONE and the keys that come of them."""

import hmac

from tests.vectors import bare
from tests.vectors.bare import flip, seed, u8, u32, v16
from tests.vectors.cases import Area, plain
from tests.vectors.handshake_cases import MALLORY, SMALL_ORDER_X25519

# What both sides hold, and would draw. The ML-KEM ciphertext was made once for this seed.
KEYS = {
    "session_id": seed("rekey session", 16),
    "epoch": 1,
    "next_key_seed": seed("rekey next key seed"),
    "server_identity_seed": bare.KEYS["server_identity_seed"],
    "device_seed": bare.KEYS["device_seed"],
    "client_eph_private": seed("rekey client ephemeral"),
    "server_eph_private": seed("rekey server ephemeral"),
    "mlkem_seed": bare.KEYS["mlkem_seed"],
    "mlkem_ciphertext": bare.KEYS["mlkem_ciphertext"],
}
# The same of a session in suite 1.
CLASSIC = {**{name: value for name, value in KEYS.items() if not name.startswith("mlkem")}, "suite": 1}
CLIENT_LABEL, SERVER_LABEL = b"clawchat/1 rekey client\0", b"clawchat/1 rekey server\0"
# Where the parts of INIT and RESP begin.
EXCHANGE, MLKEM_LENGTH, MLKEM = 5, 37, 39
# The first and the last byte of each part.
ENDS = (
    ("exchange_first", EXCHANGE),
    ("exchange_last", MLKEM_LENGTH - 1),
    ("mlkem_first", MLKEM),
    ("mlkem_last", -65),
    ("signature_first", -64),
    ("signature_last", -1),
)


def in_suite_1(keys):
    """Whether the session these keys are of has no ML-KEM."""
    return keys.get("suite") == 1


def init(keys, *, step=1, epoch=None, eph=None, mlkem=None, signer=None, label=CLIENT_LABEL, session_id=None, tail=b""):
    """INIT."""
    unsigned = u8(step) + u32(keys["epoch"] if epoch is None else epoch)
    unsigned += bare.exchange_public(keys["client_eph_private"]) if eph is None else eph
    if mlkem is None:
        mlkem = b"" if in_suite_1(keys) else bare.encapsulation_key(keys["mlkem_seed"])
    unsigned += v16(mlkem)
    signed = label + (session_id or keys["session_id"]) + bare.sha256(unsigned)
    return unsigned + bare.sign(signer or keys["device_seed"], signed) + tail


def resp(
    keys,
    first,
    *,
    step=2,
    epoch=None,
    eph=None,
    ciphertext=None,
    signer=None,
    label=SERVER_LABEL,
    session_id=None,
    signed_init=None,
    tail=b"",
):
    """RESP."""
    unsigned = u8(step) + u32(keys["epoch"] if epoch is None else epoch)
    unsigned += bare.exchange_public(keys["server_eph_private"]) if eph is None else eph
    if ciphertext is None:
        ciphertext = b"" if in_suite_1(keys) else keys["mlkem_ciphertext"]
    unsigned += v16(ciphertext)
    signed_init = first if signed_init is None else signed_init
    signed = label + (session_id or keys["session_id"]) + bare.sha256(signed_init, unsigned)
    return unsigned + bare.sign(signer or keys["server_identity_seed"], signed) + tail


def epoch_keys(keys, first, second, *, epoch=None, next_key_seed=None):
    """Every key of the new epoch."""
    shared = b"" if in_suite_1(keys) else bare.decapsulate(keys["mlkem_seed"], second[MLKEM : MLKEM + 1088])
    shared += bare.exchange(keys["client_eph_private"], second[EXCHANGE : EXCHANGE + 32])
    th_r = bare.sha256(first, second)
    secret = bare.extract(next_key_seed or keys["next_key_seed"], shared)
    number = keys["epoch"] if epoch is None else epoch
    material = bare.expand_label(secret, "session ikm", th_r + u32(number))
    session = bare.derive_session_keys(material, second[EXCHANGE : EXCHANGE + 32], first[EXCHANGE : EXCHANGE + 32])
    return {
        "client_key": bare.expand_label(session["encryption_key"], "c2s key"),
        "client_iv": bare.expand_label(session["iv_key"], "c2s iv", b"", 12),
        "server_key": bare.expand_label(session["encryption_key"], "s2c key"),
        "server_iv": bare.expand_label(session["iv_key"], "s2c iv", b"", 12),
        "server_finished": bare.expand_label(session["mac_key"], "s finished", th_r),
        "client_finished": bare.expand_label(session["mac_key"], "c finished", th_r),
        "exporter": bare.expand_label(session["mac_key"], "exporter", th_r),
        "next_key_seed": session["next_key_seed"],
    }


def done(keys, first, second, *, step=3, name="client_finished", th_r=None, tail=b"", **changed):
    """DONE."""
    transcript = bare.sha256(first, second) if th_r is None else th_r
    key = epoch_keys(keys, first, second, **changed)[name]
    return u8(step) + hmac.digest(key, transcript, "sha256") + tail


def session_vector(keys=KEYS):
    """One rekey as a session vector file has it, with a frame of the new epoch in each direction."""
    first = init(keys)
    second = resp(keys, first)
    made = epoch_keys(keys, first, second)
    inputs = {name: value for name, value in keys.items() if name not in ("mlkem_ciphertext", "suite")}
    sealed = {
        f"{way}_frame_{counter}": bare.frame(
            made[f"{side}_key"],
            made[f"{side}_iv"],
            keys["session_id"],
            direction,
            keys["epoch"],
            counter,
            1,
            bare.pad(b"hello"),
        )
        for direction, (way, side) in enumerate((("c2s", "client"), ("s2c", "server")))
        for counter in range(2)
    }
    values = {"INIT": first, "RESP": second, "th_r": bare.sha256(first, second), "epoch_keys": made}
    return plain({**inputs, **values, "DONE": done(keys, first, second), **sealed})


def rekey():
    area = Area("rekey", "3.6")
    _init_cases(area)
    _resp_cases(area)
    _done_cases(area)
    _suite_1_cases(area)
    return area


def _init_cases(area):
    def right(name, comment, **changed):
        keys = {**KEYS, **changed}
        first = init(keys)
        second = resp(keys, first)
        area.right(
            name,
            comment,
            {"receives": "INIT", "keys": keys, "INIT": first},
            {"RESP": second, "epoch_keys": epoch_keys(keys, first, second)},
        )

    right("init", "the server's answer, and the keys it then sends with")
    right("init_later", "a later epoch", epoch=7)
    right("init_last", "the last epoch that has a number", epoch=2**32 - 1)
    right("init_other_session", "another session", session_id=seed("other rekey session", 16))
    right("init_other_seed", "another epoch before", next_key_seed=seed("other next key seed"))

    def wrong(name, expect, comment, first, **changed):
        area.wrong(name, expect, comment, {"receives": "INIT", "keys": {**KEYS, **changed}, "INIT": first})

    good = init(KEYS)
    for name, at in ENDS:
        wrong(f"init_{name}_flipped", "unauthentic", "one bit", flip(good, at))
    wrong("init_epoch_flipped", "out_of_order", "one bit of the epoch", flip(good, 4))
    wrong("init_epoch_now", "out_of_order", "the epoch that is", init(KEYS, epoch=0))
    wrong("init_epoch_after", "out_of_order", "one too far", init(KEYS, epoch=2))
    wrong("init_epoch_high", "out_of_order", "the highest number", init(KEYS, epoch=2**32 - 1))
    wrong("init_replayed", "out_of_order", "an INIT of the epoch before", good, epoch=2)
    wrong("init_mallory", "unauthentic", "signed by somebody else", init(KEYS, signer=MALLORY))
    wrong(
        "init_by_server", "unauthentic", "signed by the server's key", init(KEYS, signer=KEYS["server_identity_seed"])
    )
    wrong("init_server_label", "unauthentic", "the label of RESP", init(KEYS, label=SERVER_LABEL))
    wrong("init_auth_label", "unauthentic", "the label of H3", init(KEYS, label=b"clawchat/1 client signature\0"))
    wrong("init_no_label", "unauthentic", "no label", init(KEYS, label=b""))
    elsewhere = seed("other rekey session", 16)
    wrong("init_spliced", "unauthentic", "an INIT of another session of this device", init(KEYS, session_id=elsewhere))
    wrong("init_exchange_zero", "malformed", "a small-order X25519 value, signed", init(KEYS, eph=bytes(32)))
    wrong("init_exchange_small", "malformed", "a small-order X25519 value, signed", init(KEYS, eph=SMALL_ORDER_X25519))
    wrong("init_mlkem_range", "malformed", "coefficients out of range, signed", init(KEYS, mlkem=b"\xff" * 1184))
    wrong("init_mlkem_empty", "malformed", "without ML-KEM, signed", init(KEYS, mlkem=b""))
    wrong("init_mlkem_short", "malformed", "1183 bytes, signed", init(KEYS, mlkem=seed("short", 1183)))
    wrong("init_mlkem_long", "malformed", "1185 bytes, signed", init(KEYS, mlkem=seed("long", 1185)))
    wrong("init_mlkem_length_flipped", "malformed", "one bit of the length", flip(good, MLKEM_LENGTH + 1))
    wrong("init_truncated", "malformed", "one byte missing", good[:-1])
    wrong("init_appended", "malformed", "one byte more", good + b"\0")
    wrong("init_unsigned", "malformed", "no signature", good[:-64])
    wrong("init_step_only", "malformed", "one byte", b"\1")


def _resp_cases(area):
    def right(name, comment, **changed):
        keys = {**KEYS, **changed}
        first = init(keys)
        second = resp(keys, first)
        area.right(
            name,
            comment,
            {"receives": "RESP", "keys": keys, "INIT": first, "RESP": second},
            {"DONE": done(keys, first, second), "epoch_keys": epoch_keys(keys, first, second)},
        )

    right("resp", "the client's last word, and the keys both then use")
    right("resp_later", "a later epoch", epoch=7)
    right("resp_other_seed", "another epoch before", next_key_seed=seed("other next key seed"))
    right(
        "resp_other_ciphertext",
        "a ciphertext made for nobody gives keys that nobody shares, and no error",
        mlkem_ciphertext=seed("any ciphertext", 1088),
    )

    first = init(KEYS)

    def wrong(name, expect, comment, second, **changed):
        given = {"receives": "RESP", "keys": {**KEYS, **changed}, "INIT": first, "RESP": second}
        area.wrong(name, expect, comment, given)

    good = resp(KEYS, first)
    for name, at in ENDS:
        wrong(f"resp_{name}_flipped", "unauthentic", "one bit", flip(good, at))
    wrong("resp_epoch_flipped", "out_of_order", "one bit of the epoch", flip(good, 4))
    wrong("resp_epoch_now", "out_of_order", "the epoch that is", resp(KEYS, first, epoch=0))
    wrong("resp_epoch_after", "out_of_order", "one too far", resp(KEYS, first, epoch=2))
    wrong("resp_mallory", "unauthentic", "signed by somebody else", resp(KEYS, first, signer=MALLORY))
    wrong("resp_by_device", "unauthentic", "signed by the device's key", resp(KEYS, first, signer=KEYS["device_seed"]))
    wrong("resp_client_label", "unauthentic", "the label of INIT", resp(KEYS, first, label=CLIENT_LABEL))
    wrong("resp_no_label", "unauthentic", "no label", resp(KEYS, first, label=b""))
    elsewhere = seed("other rekey session", 16)
    wrong("resp_spliced", "unauthentic", "a RESP of another session", resp(KEYS, first, session_id=elsewhere))
    other = init({**KEYS, "client_eph_private": seed("other client ephemeral")})
    wrong("resp_other_init", "unauthentic", "an answer to another INIT", resp(KEYS, other))
    wrong(
        "resp_init_unsigned",
        "unauthentic",
        "signed over INIT without its signature",
        resp(KEYS, first, signed_init=first[:-64]),
    )
    wrong("resp_exchange_zero", "malformed", "a small-order X25519 value, signed", resp(KEYS, first, eph=bytes(32)))
    wrong(
        "resp_exchange_small",
        "malformed",
        "a small-order X25519 value, signed",
        resp(KEYS, first, eph=SMALL_ORDER_X25519),
    )
    wrong("resp_mlkem_empty", "malformed", "without ML-KEM, signed", resp(KEYS, first, ciphertext=b""))
    wrong("resp_mlkem_short", "malformed", "1087 bytes, signed", resp(KEYS, first, ciphertext=seed("short", 1087)))
    wrong("resp_mlkem_long", "malformed", "1089 bytes, signed", resp(KEYS, first, ciphertext=seed("long", 1089)))
    wrong("resp_mlkem_length_flipped", "malformed", "one bit of the length", flip(good, MLKEM_LENGTH + 1))
    wrong("resp_truncated", "malformed", "one byte missing", good[:-1])
    wrong("resp_appended", "malformed", "one byte more", good + b"\0")
    wrong("resp_unsigned", "malformed", "no signature", good[:-64])
    wrong("resp_step_only", "malformed", "one byte", b"\2")


def _done_cases(area):
    first = init(KEYS)
    second = resp(KEYS, first)

    def given(third):
        return {"receives": "DONE", "keys": KEYS, "INIT": first, "RESP": second, "DONE": third}

    good = done(KEYS, first, second)
    area.right("done", "both directions are in the new epoch", given(good), {"epoch": 1})
    other = resp({**KEYS, "server_eph_private": seed("other server ephemeral")}, first)
    for name, expect, comment, third in (
        ("first_flipped", "unauthentic", "one bit", flip(good, 1)),
        ("last_flipped", "unauthentic", "one bit", flip(good, -1)),
        ("zeros", "unauthentic", "no value", b"\3" + bytes(32)),
        ("server_finished", "unauthentic", "the server's key", done(KEYS, first, second, name="server_finished")),
        ("exporter", "unauthentic", "another key", done(KEYS, first, second, name="exporter")),
        ("swapped", "unauthentic", "another transcript", done(KEYS, first, second, th_r=bare.sha256(second, first))),
        ("init_only", "unauthentic", "half a transcript", done(KEYS, first, second, th_r=bare.sha256(first))),
        ("other_response", "unauthentic", "the keys of another RESP", done(KEYS, first, other)),
        ("other_epoch", "unauthentic", "another epoch's keys", done(KEYS, first, second, epoch=2)),
        ("other_seed", "unauthentic", "grown from another epoch", done(KEYS, first, second, next_key_seed=MALLORY)),
        ("truncated", "malformed", "one byte missing", good[:-1]),
        ("appended", "malformed", "one byte more", good + b"\0"),
        ("step_only", "malformed", "one byte", b"\3"),
    ):
        area.wrong(f"done_{name}", expect, comment, given(third))


def _suite_1_cases(area):
    """A session without ML-KEM: its rekeys have none either."""
    first = init(CLASSIC)
    second = resp(CLASSIC, first)
    third = done(CLASSIC, first, second)
    made = epoch_keys(CLASSIC, first, second)
    steps = {"INIT": first, "RESP": second, "DONE": third}
    outputs = {
        "INIT": {"RESP": second, "epoch_keys": made},
        "RESP": {"DONE": third, "epoch_keys": made},
        "DONE": {"epoch": 1},
    }

    def given(receives, message, keys=CLASSIC):
        before = list(steps)[: list(steps).index(receives)]
        return {"receives": receives, "keys": keys, **{name: steps[name] for name in before}, receives: message}

    for receives, message in steps.items():
        area.right(f"suite_1_{receives.lower()}", "no ML-KEM", given(receives, message), outputs[receives])
    later = {**CLASSIC, "epoch": 2**32 - 1}
    last = init(later)
    answer = resp(later, last)
    area.right(
        "suite_1_init_last",
        "the last epoch that has a number",
        {"receives": "INIT", "keys": later, "INIT": last},
        {"RESP": answer, "epoch_keys": epoch_keys(later, last, answer)},
    )

    def wrong(receives, name, expect, comment, message, keys=CLASSIC):
        area.wrong(f"suite_1_{receives.lower()}_{name}", expect, comment, given(receives, message, keys))

    key, ciphertext = bare.encapsulation_key(KEYS["mlkem_seed"]), KEYS["mlkem_ciphertext"]
    elsewhere = seed("other rekey session", 16)
    wrong("INIT", "mlkem", "malformed", "a whole ML-KEM key, signed", init(CLASSIC, mlkem=key))
    wrong("INIT", "mlkem_byte", "malformed", "one byte of a key, signed", init(CLASSIC, mlkem=b"\0"))
    wrong("RESP", "mlkem", "malformed", "a whole ciphertext, signed", resp(CLASSIC, first, ciphertext=ciphertext))
    wrong("RESP", "mlkem_byte", "malformed", "one byte of a ciphertext, signed", resp(CLASSIC, first, ciphertext=b"\0"))
    for receives, good in (("INIT", first), ("RESP", second)):
        for name, at in ENDS:
            if not name.startswith("mlkem"):
                wrong(receives, f"{name}_flipped", "unauthentic", "one bit", flip(good, at))
        wrong(receives, "epoch_flipped", "out_of_order", "one bit of the epoch", flip(good, 4))
        wrong(receives, "length_flipped", "malformed", "one bit of the empty length", flip(good, MLKEM_LENGTH + 1))
        wrong(receives, "truncated", "malformed", "one byte missing", good[:-1])
        wrong(receives, "appended", "malformed", "one byte more", good + b"\0")
        wrong(receives, "unsigned", "malformed", "no signature", good[:-64])
    for name, eph in (("zero", bytes(32)), ("small", SMALL_ORDER_X25519)):
        comment = "a small-order X25519 value, signed"
        wrong("INIT", f"exchange_{name}", "malformed", comment, init(CLASSIC, eph=eph))
        wrong("RESP", f"exchange_{name}", "malformed", comment, resp(CLASSIC, first, eph=eph))
    wrong("INIT", "mallory", "unauthentic", "signed by somebody else", init(CLASSIC, signer=MALLORY))
    wrong("INIT", "spliced", "unauthentic", "of another session", init(CLASSIC, session_id=elsewhere))
    wrong("RESP", "mallory", "unauthentic", "signed by somebody else", resp(CLASSIC, first, signer=MALLORY))
    wrong("RESP", "spliced", "unauthentic", "of another session", resp(CLASSIC, first, session_id=elsewhere))
    wrong("RESP", "init_unsigned", "unauthentic", "half an INIT", resp(CLASSIC, first, signed_init=first[:-64]))
    wrong("DONE", "flipped", "unauthentic", "one bit", flip(third, -1))
    wrong("DONE", "other_seed", "unauthentic", "grown elsewhere", done(CLASSIC, first, second, next_key_seed=MALLORY))
    for name, expect, receives, message in (
        ("init_of_suite_1", "malformed", "INIT", first),
        ("init_of_suite_2", "malformed", "INIT", init(KEYS)),
    ):
        keys = KEYS if name.endswith("1") else CLASSIC
        comment = "a rekey keeps the session's suite"
        area.wrong(name, expect, comment, {"receives": receives, "keys": keys, receives: message})
    hybrid = init(KEYS)
    area.wrong(
        "resp_of_suite_1",
        "malformed",
        "a rekey keeps the session's suite",
        {"receives": "RESP", "keys": KEYS, "INIT": hybrid, "RESP": resp(CLASSIC, hybrid)},
    )

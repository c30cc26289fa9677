"""Cases of frames and padding."""

from tests.vectors import bare
from tests.vectors.bare import flip, seed
from tests.vectors.cases import Area

KEYS = {"key": seed("frame key"), "iv": seed("frame iv", 12), "session_id": seed("frame session", 16)}
PLACE = {"direction": 0, "epoch": 0, "counter": 0, "max_frame_bytes": 262_144}
MESSAGE_ID = seed("message id", 16)
TIME_MS = 1_760_000_000_123


def _frame(plain, kind=1, **changed):
    keys = {**KEYS, **PLACE, **changed}
    return bare.frame(
        keys["key"],
        keys["iv"],
        keys["session_id"],
        keys["direction"],
        keys["epoch"],
        keys["counter"],
        kind,
        plain,
        timestamp_ms=changed.get("timestamp_ms"),
    )


def frame():
    area = Area("frame", "3.5")

    def right(name, comment, payload, kind=1, plain=None, timestamp_ms=TIME_MS, **place):
        padded = bare.pad(payload) if plain is None else plain
        data = _frame(padded, kind, timestamp_ms=timestamp_ms, **place)
        output = {"type": kind, "message_id": MESSAGE_ID, "timestamp_ms": timestamp_ms, "payload": payload}
        given = {**KEYS, **PLACE, **place, "frame": data}
        area.right(name, comment, given, {**output, "canonical": plain is None})

    right("hello", "a chat message", b"hello")
    right("empty", "no payload at all", b"", kind=7)
    right("step_63", "the last payload of one step of 64", bytes(range(63)))
    right("step_64", "the first of the next", bytes(range(64)))
    right("ends_like_padding", "a payload that ends like padding", b"a\x80\0\0")
    right("only_zeros", "a payload of zeros", bytes(5))
    right("server", "the other direction", b"hello", direction=1)
    right("later", "a later epoch and a high counter", b"hello", epoch=7, counter=2**31 - 1)
    right("more_zeros", "the sender chooses the step", b"hello", plain=b"hello\x80" + bytes(122))
    right("no_zeros", "even none", b"hello", plain=b"hello\x80")
    right("time_zero", "the first millisecond of 1970", b"", timestamp_ms=0)
    right("time_highest", "the last a JavaScript number holds", b"", timestamp_ms=2**53 - 1)
    right("largest", "exactly as large as may be", b"hello", max_frame_bytes=118)
    for kind in (2, 3, 4, 5, 6, 8, 0x10, 0x11, 0x12, 0x13):
        right(f"type_{kind:02x}", "every type of the table", b"", kind=kind)

    def wrong(name, expect, comment, data, **place):
        area.wrong(name, expect, comment, {**KEYS, **PLACE, **place, "frame": data})

    good = _frame(bare.pad(b"hello"))
    wrong("version_0", "unsupported_version", "another version", b"\0" + good[1:])
    wrong("version_2", "unsupported_version", "another version", b"\2" + good[1:])
    wrong("message_id_flipped", "unauthentic", "one bit of the message id", flip(good, 1))
    wrong("time_flipped", "unauthentic", "one bit of the time", flip(good, 24))
    wrong("time_high_flipped", "unauthentic", "the time's highest bit: judged after the seal", flip(good, 17, 0x80))
    wrong("type_flipped", "unauthentic", "chat turned into file", flip(good, 25, 3))
    wrong(
        "type_unknown_flipped",
        "unauthentic",
        "chat turned into nothing known: judged after the seal",
        flip(good, 25, 0x40),
    )
    wrong("iv_first_flipped", "out_of_order", "one bit of the IV", flip(good, 26))
    wrong("iv_last_flipped", "out_of_order", "one bit of the IV", flip(good, 37))
    wrong("ciphertext_flipped", "unauthentic", "one bit of the ciphertext", flip(good, 38))
    wrong("tag_first_flipped", "unauthentic", "one bit of the tag", flip(good, -16))
    wrong("tag_last_flipped", "unauthentic", "one bit of the tag", flip(good, -1))
    wrong("replayed", "out_of_order", "a frame that was there already", good, counter=1)
    wrong("gap", "out_of_order", "a frame that comes too early", _frame(bare.pad(b"x"), counter=1))
    wrong(
        "other_session",
        "unauthentic",
        "a frame of another session",
        _frame(bare.pad(b"x"), session_id=seed("elsewhere", 16)),
    )
    wrong(
        "reflected", "unauthentic", "the other direction, were the keys the same", _frame(bare.pad(b"x"), direction=1)
    )
    wrong("other_epoch", "unauthentic", "another epoch, were the keys the same", _frame(bare.pad(b"x"), epoch=1))
    wrong("other_key", "unauthentic", "another key", _frame(bare.pad(b"x"), key=seed("other key")))
    wrong("appended", "unauthentic", "outer padding, which the specification allowed", good + b"\0")
    wrong("outer_padding", "unauthentic", "fifteen bytes of it", good + bytes(15))
    wrong("truncated", "unauthentic", "one byte missing", good[:-1])
    wrong("short", "malformed", "54 bytes: no room for padding", _frame(b""))
    wrong("header_only", "malformed", "a header alone", good[:38])
    wrong("empty_data", "malformed", "nothing", b"")
    wrong("too_large", "too_large", "one byte over the limit", good, max_frame_bytes=len(good) - 1)
    wrong("no_marker", "malformed", "padding without its marker", _frame(b"hello".ljust(64, b"\0")))
    wrong("all_zeros", "malformed", "nothing but zeros", _frame(bytes(64)))
    wrong("type_0", "unknown_type", "authentic, but no type", _frame(bare.pad(b""), kind=0))
    wrong("type_9", "unknown_type", "authentic, but no type", _frame(bare.pad(b""), kind=9))
    wrong("type_ff", "unknown_type", "authentic, but no type", _frame(bare.pad(b""), kind=0xFF))
    wrong(
        "time_too_high", "malformed", "above what a JavaScript number holds", _frame(bare.pad(b""), timestamp_ms=2**53)
    )
    wrong("time_top_byte", "malformed", "above it in its first byte alone", _frame(bare.pad(b""), timestamp_ms=2**56))
    return area


def padding():
    area = Area("padding", "3.5")
    for name, size in (("empty", 0), ("one", 1), ("step_63", 63), ("step_64", 64), ("kib", 1023), ("over_kib", 1024)):
        payload = (seed("payload", size - 1) + b"x") if size else b""
        given = {"padded": bare.pad(payload)}
        area.right(name, f"{size} bytes", given, {"payload": payload, "canonical": True})
    area.right(
        "other_step", "receivers do not check the step", {"padded": b"ab\x80\0"}, {"payload": b"ab", "canonical": False}
    )
    area.right(
        "marker_inside",
        "only the last marker counts",
        {"padded": (b"a\x80\0b\x80").ljust(64, b"\0")},
        {"payload": b"a\x80\0b", "canonical": True},
    )
    for name, comment, padded in (
        ("nothing", "nothing at all", b""),
        ("zeros", "only zeros", bytes(64)),
        ("one_zero", "one zero", b"\0"),
        ("no_marker", "text and zeros", b"hello".ljust(64, b"\0")),
        ("no_padding", "text alone", b"hello"),
        ("other_marker", "another marker", b"hello\x81".ljust(64, b"\0")),
        ("after_zeros", "a byte after the zeros", b"hello\x80".ljust(63, b"\0") + b"\1"),
        ("bits", "a marker of seven bits", b"\x40".ljust(64, b"\0")),
        ("ones", "zeros that are ones", b"hello\x80".ljust(64, b"\xff")),
    ):
        area.wrong(name, "malformed", comment, {"padded": padded})
    return area

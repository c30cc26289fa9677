"""Cases of signals: what is sealed, what opens, and what is dropped."""

from tests.vectors import bare
from tests.vectors.bare import flip, seed, u64
from tests.vectors.cases import Area

ROOM, SENDER, KEY, NONCE = seed("room", 16), seed("sender", 16), seed("signal key"), seed("signal nonce", 12)
LABEL = b"clawchat/1 signal\0"
TYPING = b"\xa1\x64type\x66typing"
READ = b"\xa2\x63seq\x18\x2a\x64type\x64read"


def signal():
    area = Area("signal", "4.12")
    _sealed(area)
    _opened(area)
    _shaped(area)
    _not_opened(area)
    return area


def _text(text):
    """CBOR of a text of up to 255 bytes."""
    size = len(text.encode())
    return (bytes([0x60 + size]) if size < 24 else bytes([0x78, size])) + text.encode()


def _padded(plain, step=64):
    return (plain + b"\x80").ljust((len(plain) // step + 1) * step, b"\0")


def _body(plain, padded=None, key=KEY, nonce=NONCE, epoch=7, label=LABEL, room=ROOM, sender=SENDER):
    padded = _padded(plain) if padded is None else padded
    return sender + u64(epoch) + nonce + bare.seal(key, nonce, padded, label + room + sender)


def _of_type(name):
    return b"\xa1\x64type" + _text(name)


def _sealed(area):
    given = {"question": "seal", "key": KEY, "room_id": ROOM, "sender": SENDER, "epoch": 7, "nonce": NONCE}
    for name, comment, members, plain in (
        ("typing", "somebody writes", {"type": "typing"}, TYPING),
        ("read", "read up to 42", {"type": "read", "seq": 42}, READ),
        ("longest", "a map of 256 bytes", {"type": "x" * 248}, _of_type("x" * 248)),
    ):
        area.right(f"seal_{name}", comment, {**given, "members": members}, {"sealed": _body(plain)})
    for name, comment, changed in (
        ("longer", "a map of 257 bytes", {"members": {"type": "x" * 249}}),
        ("room_short", "a room of 15 bytes", {"room_id": ROOM[:15]}),
        ("sender_long", "a device of 17 bytes", {"sender": SENDER + b"\0"}),
        ("nonce_long", "a nonce of 13 bytes", {"nonce": NONCE + b"\0"}),
        ("key_short", "a key of 31 bytes", {"key": KEY[:31]}),
        ("seq_high", "a place above 2^53-1", {"members": {"type": "read", "seq": 2**53}}),
    ):
        area.wrong(f"seal_{name}", "usage", comment, {**given, "members": {"type": "typing"}, **changed})


def _open(body, **changed):
    return {"question": "open", "key": KEY, "room_id": ROOM, "sealed": body, **changed}


def _opened(area):
    def right(name, comment, plain, epoch=7, padded=None, **output):
        given = _open(_body(plain, padded, epoch=epoch))
        area.right(f"open_{name}", comment, given, {"sender": SENDER, "epoch": epoch, **output})

    right("typing", "somebody writes", TYPING, type="typing")
    right("read", "read up to 42", READ, type="read", seq=42)
    right("read_nothing", "nothing was read", b"\xa2\x63seq\x00\x64type\x64read", type="read", seq=0)
    highest = b"\xa2\x63seq\x1b" + u64(2**53 - 1) + b"\x64type\x64read"
    right("read_highest", "the highest place", highest, epoch=2**53 - 1, type="read", seq=2**53 - 1)
    right("typing_more", "a member that a later version adds", b"\xa2\x64more\x01\x64type\x66typing", type="typing")
    right("unknown", "a type that a later version adds", _of_type("recording"), type=None)
    right("type_empty", "an empty type is no type that anybody knows", _of_type(""), type=None)
    right("type_case", "another spelling is another type", _of_type("Typing"), type=None)
    right("longest", "a map of 256 bytes, 372 in all", _of_type("x" * 248), type=None)
    right("more_padding", "padded by more than it takes", TYPING, padded=_padded(TYPING, 320), type="typing")


def _shaped(area):
    """What opens, and has another shape than the page gives it: only a member could have sealed it."""

    def wrong(name, comment, plain, padded=None):
        area.wrong(f"open_{name}", "malformed", comment, _open(_body(plain, padded)))

    wrong("no_type", "a map without a type", b"\xa1\x63seq\x01")
    wrong("empty", "an empty map", b"\xa0")
    wrong("type_bytes", "a type that is bytes", b"\xa1\x64type\x46typing")
    wrong("type_number", "a type that is a number", b"\xa1\x64type\x01")
    wrong("list", "a list", b"\x82\x64type\x66typing")
    wrong("text", "a text", _text("typing"))
    wrong("read_no_seq", "a read mark without its place", _of_type("read"))
    wrong("read_text", "a place that is text", b"\xa2\x63seq\x611\x64type\x64read")
    wrong("read_true", "a place that is true", b"\xa2\x63seq\xf5\x64type\x64read")
    wrong("read_null", "no place", b"\xa2\x63seq\xf6\x64type\x64read")
    wrong("read_negative", "a place below 0", b"\xa2\x63seq\x20\x64type\x64read")
    wrong("read_high", "a place above 2^53-1", b"\xa2\x63seq\x1b" + u64(2**53) + b"\x64type\x64read")
    wrong("unsorted", "members out of order", b"\xa2\x64type\x64read\x63seq\x01")
    wrong("twice", "two types", b"\xa2\x64type\x64read\x64type\x66typing")
    wrong("trailing", "bytes behind the map", TYPING + b"\0\x01")
    wrong("no_marker", "padding without its marker", b"", bytes(64))
    wrong("nothing", "padding alone", b"")
    wrong("marker_in_text", "bytes behind the marker", b"", _padded(TYPING)[:-1] + b"\x01")
    wrong("unpadded", "no multiple of 64", TYPING, TYPING + b"\x80")
    wrong("step_32", "a multiple of 32", TYPING, _padded(TYPING, 32))
    wrong("longer", "a map of 257 bytes", _of_type("x" * 249))


def _not_opened(area):
    def wrong(name, comment, body=None, expect="unauthentic", **changed):
        area.wrong(f"open_{name}", expect, comment, _open(_body(TYPING) if body is None else body, **changed))

    good = _body(TYPING)
    wrong("other_key", "the key of another epoch", key=seed("next epoch's key"))
    wrong("other_room", "another room", room_id=seed("other room", 16))
    wrong("other_sender", "handed on as another device's", seed("other sender", 16) + good[16:])
    wrong("label", "sealed for another use", _body(TYPING, label=b"clawchat/1 blob\0"))
    wrong("label_no_end", "a label without its end", _body(TYPING, label=LABEL[:-1]))
    wrong("flip_nonce", "one bit of the nonce", flip(good, 24))
    wrong("flip_sealed", "one bit of what is sealed", flip(good, 36))
    wrong("flip_tag", "one bit of the tag", flip(good, -1))
    wrong("cut", "the tag's last byte is missing", good[:-1])
    wrong("joined", "a byte more", good + b"\0")
    wrong("short", "less than a signal has", good[:52], "malformed")
    wrong("long", "373 bytes", good + bytes(373 - len(good)), "malformed")
    wrong("epoch", "an epoch above 2^53-1", _body(TYPING, epoch=2**53), "malformed")

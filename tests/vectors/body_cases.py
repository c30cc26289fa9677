"""Cases of TLVs, bodies and MLS headers."""

from tests.vectors import external_cases
from tests.vectors.bare import seed, tlvs, u8, u16, u32, u64, v16
from tests.vectors.cases import Area

ROOM, DEVICE, MESSAGE = seed("room", 16), seed("device id", 16), seed("mls message id", 16)


def tlv():
    area = Area("tlv", "3.11")
    for name, comment, pairs in (
        ("none", "no TLVs are no bytes", ()),
        ("one", "one value", ((1, b"abc"),)),
        ("empty_value", "a value may be empty", ((5, b""),)),
        ("several", "ascending types", ((1, b"a"), (2, b""), (0x1234, seed("tlv", 40)))),
        ("extremes", "the lowest and the highest type", ((0, b"low"), (0xFFFF, b"high"))),
    ):
        values = {str(kind): data for kind, data in pairs}
        area.right(name, comment, {"data": tlvs(*pairs)}, {"values": values})
    for name, comment, data in (
        ("descending", "types must ascend", tlvs((2, b""), (1, b""))),
        ("repeated", "types must ascend strictly", tlvs((1, b"a"), (1, b"b"))),
        ("repeated_zero", "also type 0", tlvs((0, b""), (0, b""))),
        ("half_type", "one byte of a type", b"\0"),
        ("no_length", "a type alone", b"\0\1"),
        ("half_length", "one byte of a length", b"\0\1\0"),
        ("no_value", "a length without its value", b"\0\1\0\1"),
        ("short_value", "a value shorter than it says", b"\0\1\0\5abcd"),
        ("trailing", "a byte after the last value", tlvs((1, b"a")) + b"\0"),
    ):
        area.wrong(name, "malformed", comment, {"data": data})
    return area


def bodies():
    area = Area("bodies", "3.11")
    _fixed_bodies(area)
    _sealed_bodies(area)
    _pings(area)
    _exchanges(area)
    return area


def _fixed_bodies(area):
    mls = seed("mls", 40)
    row = {"room_id": ROOM, "seq": 7, "server_time_ms": 1_760_000_000_000, "sender": DEVICE, "message": mls}
    delivery = ROOM + u64(7) + u64(1_760_000_000_000) + DEVICE + mls
    ack = MESSAGE + ROOM + u64(2**53 - 1)
    error, close = u16(13) + v16(b"another epoch"), u16(9) + v16("nächster Port".encode())
    for name, body, data, output in (
        ("chat_send", "chat_send", ROOM + mls, {"room_id": ROOM, "message": mls}),
        ("chat_send_one", "chat_send", ROOM + b"m", {"room_id": ROOM, "message": b"m"}),
        ("chat_delivery", "chat_delivery", delivery, row),
        ("error", "error", error, {"number": 13, "text": "another epoch", "message_id": None}),
        ("error_for", "error", error + MESSAGE, {"number": 13, "text": "another epoch", "message_id": MESSAGE}),
        ("error_future", "error", u16(999) + v16(b""), {"number": 999, "text": "", "message_id": None}),
        ("close_notify", "close_notify", close, {"number": 9, "text": "nächster Port"}),
        ("close_quiet", "close_notify", u16(0) + v16(b""), {"number": 0, "text": ""}),
        ("ack", "ack", ack, {"message_id": MESSAGE, "room_id": ROOM, "seq": 2**53 - 1}),
    ):
        area.right(name, "a body of its type", {"body": body, "data": data}, output)
    for name, body, comment, data in (
        ("chat_send_empty", "chat_send", "a room without a message", ROOM),
        ("chat_send_short", "chat_send", "half a room", ROOM[:15]),
        ("chat_delivery_empty", "chat_delivery", "a row without a message", delivery[:48]),
        ("chat_delivery_short", "chat_delivery", "half a sender", delivery[:47]),
        ("chat_delivery_seq", "chat_delivery", "a place above 2^53-1", ROOM + u64(2**53) + u64(0) + DEVICE + mls),
        ("chat_delivery_time", "chat_delivery", "a time above 2^53-1", ROOM + u64(1) + u64(2**64 - 1) + DEVICE + mls),
        ("error_half_id", "error", "half a message id", error + MESSAGE[:8]),
        ("error_long_id", "error", "a message id of 17 bytes", error + MESSAGE + b"\0"),
        ("error_utf8", "error", "a text that is not UTF-8", u16(1) + v16(b"\xff")),
        ("error_surrogate", "error", "a surrogate in UTF-8", u16(1) + v16(b"\xed\xa0\x80")),
        ("error_overlong", "error", "an overlong form in UTF-8", u16(1) + v16(b"\xc0\xaf")),
        ("error_bom", "error", "a byte order mark", u16(1) + v16(b"\xef\xbb\xbfx")),
        ("error_short", "error", "a text shorter than it says", u16(1) + u16(5) + b"abc"),
        ("error_empty", "error", "nothing", b""),
        ("close_trailing", "close_notify", "a byte after the text", close + b"\0"),
        ("close_utf8", "close_notify", "a text that is not UTF-8", u16(1) + v16(b"\xe2\x82")),
        ("ack_short", "ack", "39 bytes", ack[:39]),
        ("ack_long", "ack", "41 bytes", ack + b"\0"),
        ("ack_seq", "ack", "a place above 2^53-1", MESSAGE + ROOM + u64(2**53)),
    ):
        area.wrong(name, "malformed", comment, {"body": body, "data": data})


def _sealed_bodies(area):
    """Chunks of files (0x02) and signals (0x03)."""
    file, chunk, nonce = seed("file", 16), seed("sealed chunk", 80), seed("signal nonce", 12)
    head = file + u32(7)
    for name, comment, index, last, data in (
        ("", "a chunk in the middle", 7, 0, chunk),
        ("_last", "the last one", 2**32 - 1, 1, chunk),
        ("_first", "the only one, of one byte", 0, 1, b"c"),
    ):
        output = {"file_id": file, "index": index, "is_last": bool(last), "data": data}
        given = {"body": "file_chunk", "data": file + u32(index) + u8(last) + data}
        area.right(f"file_chunk{name}", comment, given, output)
    for name, comment, data in (
        ("empty", "no byte of the file", head + u8(0)),
        ("empty_last", "no byte of the file, though the last chunk", head + u8(1)),
        ("long", "a byte more than a chunk holds", head + u8(0) + bytes(65_553)),
        ("last_2", "neither last nor not", head + u8(2) + chunk),
        ("last_255", "neither last nor not", head + u8(255) + chunk),
        ("no_last", "an index and nothing more", head),
        ("half_index", "half an index", head[:18]),
        ("half_file", "half a file", file[:8]),
        ("nothing", "nothing", b""),
    ):
        area.wrong(f"file_chunk_{name}", "malformed", comment, {"body": "file_chunk", "data": data})
    clear, sealed = DEVICE + u64(5) + nonce, seed("sealed signal", 80)
    for name, comment, epoch, data in (
        ("", "a signal of one step", 5, sealed),
        ("_longest", "372 bytes", 0, seed("long signal", 336)),
        ("_shortest", "one byte and its tag", 2**53 - 1, seed("short signal", 17)),
    ):
        body = ROOM + DEVICE + u64(epoch) + nonce + data
        signal = {"sender": DEVICE, "epoch": epoch, "nonce": nonce, "sealed": data}
        area.right(f"presence{name}", comment, {"body": "presence", "data": body}, {"room_id": ROOM, "signal": signal})
    for name, comment, data in (
        ("long", "373 bytes", ROOM + clear + bytes(337)),
        ("short", "a tag alone", ROOM + clear + sealed[:16]),
        ("epoch", "an epoch above 2^53-1", ROOM + DEVICE + u64(2**53) + nonce + sealed),
        ("epoch_highest", "2^64-1", ROOM + DEVICE + u64(2**64 - 1) + nonce + sealed),
        ("no_signal", "a room alone", ROOM),
        ("half_room", "half a room", ROOM[:8]),
        ("nothing", "nothing", b""),
    ):
        area.wrong(f"presence_{name}", "malformed", comment, {"body": "presence", "data": data})


def _pings(area):
    """What 0x07 and 0x08 carry: any bytes, up to 64."""
    for name, data in (("empty", b""), ("some", b"are you there"), ("most", seed("ping", 64))):
        area.right(f"ping_{name}", "any bytes, echoed", {"body": "ping", "data": data}, {"data": data})
    for name, size in (("65", 65), ("66", 66), ("80", 80), ("1000", 1000)):
        area.wrong(f"ping_{name}", "too_large", "more than 64 bytes", {"body": "ping", "data": bytes(size)})


def _exchanges(area):
    for name, kind, number, hexed, body in (
        ("request", 0, 1, "a1626f706b6465766963652e6c697374", {"op": "device.list"}),
        ("response_empty", 1, 1, "a0", {}),
        ("response_number", 1, 2**32 - 1, "a16573636865641b001fffffffffffff", {"sched": 2**53 - 1}),
        ("response_list", 1, 5, "a1626c7383011818190100", {"ls": [1, 24, 256]}),
        ("response_bytes", 1, 6, "a1616243010203", {"b": {"hex": "010203"}}),
        ("response_values", 1, 7, "a36161f46162f56163f6", {"a": False, "b": True, "c": None}),
        ("response_order", 1, 8, "a36162016261610262626203", {"b": 1, "aa": 2, "bb": 3}),
        ("response_text", 1, 9, "a1617463e282ac", {"t": "€"}),
        ("response_bom_inside", 1, 11, "a161746461efbbbf", {"t": "a\ufeff"}),
        ("response_deep", 1, 10, "a16164" + "81" * 7 + "00", {"d": [[[[[[[0]]]]]]]}),
        ("failure", 2, 3, "a264636f6465016474657874" + "626e6f", {"code": 1, "text": "no"}),
        ("failure_more", 2, 4, "a364636f64650d646865616402647465787460", {"code": 13, "head": 2, "text": ""}),
    ):
        data = u8(kind) + u32(number) + bytes.fromhex(hexed)
        output = {"kind": ("request", "response", "failure")[kind], "id": number, "body": body}
        area.right(f"exchange_{name}", "one deterministic map", {"body": "exchange", "data": data}, output)
    for name, comment, kind, hexed in (
        ("kind", "a kind that does not exist", 3, "a0"),
        ("list", "a list, not a map", 1, "80"),
        ("number", "a number, not a map", 1, "01"),
        ("nothing", "no map at all", 1, ""),
        ("trailing", "a byte after the map", 1, "a000"),
        ("truncated", "a map shorter than it says", 1, "a16161"),
        ("duplicate", "a key twice", 1, "a2616101616102"),
        ("order", "keys out of order", 1, "a2616201616101"),
        ("order_length", "shorter keys come first", 1, "a262616101616201"),
        ("key_number", "a key that is a number", 1, "a10102"),
        ("key_bytes", "a key that is bytes", 1, "a1416102"),
        ("indefinite_map", "an indefinite length", 1, "bf616101ff"),
        ("indefinite_text", "an indefinite length inside", 1, "a161617f6162ff"),
        ("indefinite_bytes", "an indefinite length inside", 1, "a161615f4162ff"),
        ("indefinite_list", "an indefinite length inside", 1, "a161619f01ff"),
        ("long_number", "a small number in a long form", 1, "a161611801"),
        ("long_zero", "zero in eight bytes", 1, "a161611b0000000000000000"),
        ("long_text", "a short text in a long form", 1, "a16161780161"),
        ("long_map", "a small map in a long form", 1, "b801616101"),
        ("long_list", "a small list in a long form", 1, "a16161980101"),
        ("negative", "a negative number", 1, "a1616120"),
        ("large", "2^53", 1, "a161611b0020000000000000"),
        ("largest", "2^64-1", 1, "a161611bffffffffffffffff"),
        ("float", "a half-precision float", 1, "a16161f93c00"),
        ("float_64", "a double", 1, "a16161fb3ff0000000000000"),
        ("nan", "not a number", 1, "a16161f97e00"),
        ("undefined", "undefined", 1, "a16161f7"),
        ("simple", "a simple value without meaning", 1, "a16161e0"),
        ("break", "a break alone", 1, "a16161ff"),
        ("tag_date", "a tag: a date", 1, "a16161c074323031332d30332d32315432303a30343a30305a"),
        ("tag_bignum", "a tag: a big number", 1, "a16161c24101"),
        ("tag_set", "a tag: a set", 1, "a16161d901028101"),
        ("tag_shared", "a tag: a shared value", 1, "a16161d81c80"),
        ("tag_pattern", "a tag: a pattern", 1, "a16161d8236161"),
        ("tag_self", "a tag around it all", 1, "d9d9f7a0"),
        ("utf8", "a text that is not UTF-8", 1, "a1616161ff"),
        ("key_utf8", "a key that is not UTF-8", 1, "a161ff01"),
        ("bom", "a text that begins with a byte order mark", 1, "a1616164efbbbf61"),
        ("bom_alone", "a text that is a byte order mark", 1, "a1616163efbbbf"),
        ("bom_key", "a key that begins with a byte order mark", 1, "a164efbbbf6101"),
        ("deep", "nine levels", 1, "a16164" + "81" * 8 + "00"),
        ("deep_empty", "nine levels, the last one empty", 1, "a16164" + "81" * 7 + "80"),
        ("reserved", "a reserved length", 1, "a161611c"),
        ("huge_list", "a list that says it has 2^63 items", 1, "a161619b8000000000000000"),
        ("huge_bytes", "a string that says it has 2^62 bytes", 1, "a161615b4000000000000000"),
        ("failure_empty", "a failure without its code", 2, "a0"),
        ("failure_text", "a failure without its text", 2, "a164636f646501"),
        ("failure_code_text", "a failure whose code is text", 2, "a264636f64656131647465787460"),
        ("failure_code_bool", "a failure whose code is true", 2, "a264636f6465f5647465787460"),
    ):
        data = u8(kind) + u32(1) + bytes.fromhex(hexed)
        area.wrong(f"exchange_{name}", "malformed", comment, {"body": "exchange", "data": data})
    area.wrong("exchange_short", "malformed", "half an id", {"body": "exchange", "data": b"\0\0\0"})
    area.wrong("exchange_empty", "malformed", "nothing", {"body": "exchange", "data": b""})


def message_header():
    area = Area("message_header", "3.13")
    authenticated = u8(1) + ROOM + MESSAGE
    sender, text = seed("sender data", 28), seed("ciphertext", 300)

    def vector(data):
        length = len(data)
        return (
            u8(length) if length < 64 else u16(length | 0x4000) if length < 16_384 else u32(length | 2 << 30)
        ) + data

    def message(
        version=1,
        wire=2,
        group=vector(ROOM),
        epoch=u64(5),
        kind=1,
        data=vector(authenticated),
        sealed=vector(sender),
        body=vector(text),
        tail=b"",
    ):
        return u16(version) + u16(wire) + group + epoch + u8(kind) + data + sealed + body + tail

    def right(name, comment, kind=1, epoch=5, group=ROOM, **parts):
        data = message(kind=kind, epoch=u64(epoch), group=vector(group), **parts)
        output = {"wire_format": 2, "group_id": group, "epoch": epoch, "content_type": kind}
        area.right(
            name, comment, {"data": data}, {**output, "authenticated_data": authenticated, "message_id": MESSAGE}
        )

    right("application", "a message")
    right("proposal", "a proposal", kind=2)
    right("commit", "a commit", kind=3)
    right("epoch_highest", "the last epoch a JavaScript number holds", epoch=2**53 - 1)
    right("large", "a ciphertext with a length of four bytes", body=vector(bytes(16_384)))
    right("group_other", "which group it may be is for the server", group=seed("group", 32))
    right("empty_parts", "what is encrypted is not looked at", sealed=b"\0", body=b"\0")
    external = {"wire_format": 1, "group_id": ROOM, "epoch": 5, "content_type": 3}
    external |= {"authenticated_data": external_cases.DATA, "message_id": MESSAGE}
    area.right("external_commit", "a device that joins on its own", {"data": external_cases.message()}, external)
    long_form = u16(0x4000 | 16) + ROOM
    for name, comment, data in (
        ("version_2", "another version", message(version=2)),
        ("version_0", "another version", message(version=0)),
        ("public_message", "in clear", message(wire=1)),
        ("welcome", "a Welcome is no room message", message(wire=3)),
        ("group_info", "a GroupInfo is no room message", message(wire=4)),
        ("key_package", "a key package is no room message", message(wire=5)),
        ("content_0", "no content type", message(kind=0)),
        ("content_4", "no content type", message(kind=4)),
        ("epoch_high", "an epoch above 2^53-1", message(epoch=u64(2**53))),
        ("group_long_form", "16 in two bytes", message(group=long_form)),
        ("data_long_form", "33 in four bytes", message(data=u32(2 << 30 | 33) + authenticated)),
        ("length_reserved", "a length of eight bytes", message(group=b"\xc0" + bytes(7) + ROOM)),
        ("group_cut", "a group longer than the message", message()[:10]),
        ("body_cut", "one byte missing", message()[:-1]),
        ("trailing", "one byte more", message(tail=b"\0")),
        ("data_empty", "no authenticated data", message(data=b"\0")),
        ("data_short", "32 bytes of it", message(data=vector(authenticated[:-1]))),
        ("data_long", "34 bytes of it", message(data=vector(authenticated + b"\0"))),
        ("data_form", "another form of it", message(data=vector(u8(2) + authenticated[1:]))),
        ("header_only", "a header alone", message()[:4]),
        ("empty", "nothing", b""),
    ):
        area.wrong(name, "malformed", comment, {"data": data})
    return area

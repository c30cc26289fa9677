"""Cases of the maps of 0x12: what each operation and notice asks and answers, and what may not stand there."""

import re

from tests.vectors.bare import Written, cbor, cbor_head, seed, sha256, u8, u32, u64
from tests.vectors.cases import Area
from tests.vectors.operation_tables import ANSWERS, NOTICES, REQUESTS

HIGHEST = 2**53 - 1
# A text of this many bytes and more, where the page names no limit.
LONG, SHOWN = 300, 256
ROOM, DIGEST = seed("room", 16), seed("digest")


def operations():
    area = Area("operations", "3.14")
    for does, table in (("request", REQUESTS), ("answer", ANSWERS), ("notice", NOTICES)):
        for op, kinds in table.items():
            _each_alone(area, does, op, kinds)
    _limits(area)
    for does, op in (("request", "room.create"), ("notice", "secret")):
        _names(area, does, op)
        _spellings(area, does, op)
    _directions(area)
    _answers(area)
    return area


# What goes in, and what is to be read in it


def _given(does, op, body):
    """The input of a case; an answer is read by who knows what was asked."""
    data = u8(1 if does == "answer" else 0) + u32(7) + body
    return {"does": does, **({"op": op} if does == "answer" else {}), "data": _pieces(data)}


def _pieces(data):
    """Hex, and bytes that come a hundred times and more as `[byte, times]`."""
    found = []
    for piece in re.finditer(rb"(.)\1{99,}|(?:(?!(.)\2{99}).)+", data, re.DOTALL):
        found.append([piece[1], len(piece[0])] if piece[1] else piece[0])
    assert b"".join(each if isinstance(each, bytes) else each[0] * each[1] for each in found) == data
    return found


def _body(does, op, members):
    return cbor(members if does == "answer" else {"op": op, **members})


def _shown(value):
    """A value as the output has it: of long bytes size and hash."""
    if isinstance(value, bytes) and len(value) > SHOWN:
        return {"size": len(value), "sha256": sha256(value)}
    if isinstance(value, list):
        return [_shown(item) for item in value]
    if isinstance(value, dict):
        return {name: _shown(item) for name, item in value.items()}
    return value


def _right(area, name, comment, does, op, members, more=None):
    output = {**({} if does == "answer" else {"op": op}), "members": _shown(members)}
    body = _body(does, op, {**members, **(more or {})})
    area.right(_named(does, op, name), comment, _given(does, op, body), output)


def _wrong(area, name, comment, does, op, members):
    area.wrong(_named(does, op, name), "malformed", comment, _given(does, op, _body(does, op, members)))


def _named(does, op, name):
    return f"{does}_{op.replace('.', '_')}_{name}"


# Values of a kind: as small as may be, ordinary, as large as may be


def _least(kind):
    match kind:
        case ("exactly", size):
            return bytes(size)
        case ("map", kinds):
            return {name: _least(each) for name, each in kinds.items()}
    return {"bytes": b"", "text": "", "uint": 0, "bool": False, "many": []}[kind[0]]


def _some(kind, name):
    match kind:
        case ("exactly", size):
            return seed(name, size)
        case ("bytes", _):
            return seed(name, 40)
        case ("many", inner, _):
            return [_some(inner, name), _some(inner, f"{name} 2")]
        case ("map", kinds):
            return {each: _some(inner, f"{name} {each}") for each, inner in kinds.items()}
    return {"text": "größer", "uint": 24, "bool": True}[kind[0]]


def _most(kind, name):
    match kind:
        case ("exactly", size):
            return b"\xff" * size
        case ("bytes", limit):
            return bytes(limit or LONG)
        case ("text", limit):
            return "x" * (limit or LONG)
        case ("many", ("map", kinds), limit):
            # The first is large, the others are there.
            rest = [_least(("map", kinds))] * ((limit or 3) - 1)
            return [{each: _most(inner, name) for each, inner in kinds.items()}, *rest]
        case ("many", inner, limit):
            return [_most(inner, name), *[_least(inner)] * (limit - 1)]
    return {"uint": HIGHEST, "bool": True}[kind[0]]


def _plain(name):
    return name.removesuffix("?")


def _filled(kinds, fill):
    return {_plain(name): fill(kind, _plain(name)) for name, kind in kinds.items()}


# Values that are just not of a kind


NOT_UINT = (
    ("text", "a text", "24"),
    ("true", "true", True),
    ("null", "null", None),
    ("float", "a whole number as a float", Written(b"\xf9\x3c\x00")),
    ("negative", "-1", Written(b"\x20")),
    ("above", "2^53", Written(b"\x1b" + u64(2**53))),
)


def _not(kind, name):
    """Pairs of what a case is called, what it says, and a value that does not belong there."""
    match kind:
        case ("exactly", size):
            yield "short", f"{size - 1} bytes", seed(name, size - 1)
            yield "long", f"{size + 1} bytes", seed(name, size + 1)
            yield "text", f"a text of {size} bytes", "x" * size
        case ("bytes", limit):
            if limit:
                yield "long", f"{limit + 1} bytes", bytes(limit + 1)
            yield "text", "a text", "bytes"
            yield "null", "null", None
        case ("text", limit):
            if limit:
                yield "long", f"{limit + 1} bytes", "x" * (limit + 1)
                characters = limit // 2 + 1
                yield "wide", f"{characters} characters of two bytes", "ä" * characters
            yield "bytes", "bytes", b"text"
            yield "number", "a number", 7
        case ("uint",):
            yield from NOT_UINT
        case ("bool",):
            yield "one", "1", 1
            yield "null", "null", None
            yield "text", "a text", "true"
        case ("many", inner, limit):
            if limit:
                yield "above", f"{limit + 1} of them", [_least(inner)] * (limit + 1)
            yield "map", "a map", {}
            yield "alone", "one that is in no list", _some(inner, name)
            yield from _not_items(inner, name)


def _not_items(inner, name):
    """Lists whose second item is wrong."""
    good = _some(inner, name)
    if inner[0] != "map":
        for called, comment, value in list(_not(inner, name))[:3]:
            yield f"item_{called}", f"the second one: {comment}", [good, value]
        return
    yield "item_bytes", "the second one is no map", [good, b"bytes"]
    for each, kind in inner[1].items():
        without = {key: value for key, value in good.items() if key != each}
        yield f"item_no_{each}", f"the second one without `{each}`", [good, without]
        for called, comment, value in list(_not(kind, name))[: 2 if kind[0] != "many" else None]:
            yield f"item_{each}_{called}", f"`{each}` of the second one: {comment}", [good, {**good, each: value}]


# The cases of the tables


def _each_alone(area, does, op, kinds):
    """The operation at its least and its fullest, and each of its members missing and wrong."""
    _right(area, "full", "all that it may hold", does, op, _filled(kinds, _some))
    if kinds:
        required = {name: kind for name, kind in kinds.items() if not name.endswith("?")}
        _right(area, "least", "what it must hold", does, op, _filled(required, lambda kind, _: _least(kind)))
        _right(area, "most", "as much as it may hold", does, op, _filled(kinds, _most))
    more = {"later": {"a": [1, None]}, "op2": True}
    _right(area, "more", "members that a later version adds", does, op, _filled(kinds, _some), more)
    good = _filled(kinds, _some)
    first_number = next((name for name, kind in kinds.items() if kind == ("uint",)), None)
    for name, kind in kinds.items():
        member = _plain(name)
        if name == member:
            without = {key: value for key, value in good.items() if key != member}
            _wrong(area, f"no_{member}", f"without `{member}`", does, op, without)
        elif kind[0] not in ("uint", "bytes"):
            _wrong(area, f"{member}_null", f"`{member}`: null is not absent", does, op, {**good, member: None})
        # All that is no number is told of one number of each map.
        some = 2 if kind == ("uint",) and name != first_number else None
        for called, comment, value in list(_not(kind, member))[:some]:
            _wrong(area, f"{member}_{called}", f"`{member}`: {comment}", does, op, {**good, member: value})


def _limits(area):
    """Limits are of bytes in UTF-8, and of all items."""
    wide = {"name": "ä" * 64}
    _right(area, "wide", "64 characters of two bytes", "request", "name.set", wide)
    pair = {"name": "🦊" * 32}
    _right(area, "pairs", "32 characters of four bytes", "request", "name.set", pair)
    _wrong(area, "pairs_long", "33 characters of four bytes", "request", "name.set", {"name": "🦊" * 33})
    twice = {"devices": [ROOM, ROOM]}
    _right(area, "twice", "a device named twice, for the server to see", "request", "packages.take", twice)


# Which operation it is


def _names(area, does, op):
    """What stands where the name of an operation belongs."""
    members = {"room": ROOM, "scheme": 1} if op == "room.create" else {"kid": seed("kid", 8), "secret": seed("secret")}

    def wrong(name, comment, body):
        area.wrong(f"{does}_op_{name}", "malformed", comment, _given(does, op, cbor(body)))

    wrong("none", "an empty map", {})
    wrong("missing", "members and no operation", members)
    for name, comment, value in (
        ("bytes", "a name that is bytes", op.encode()),
        ("number", "a number", 0x12),
        ("null", "null", None),
        ("true", "true", True),
        ("list", "a list of one name", [op]),
        ("map", "a map", {"op": op}),
        ("empty", "an empty name", ""),
        ("unknown", "an operation that there is not", "room.delete"),
        ("capital", "another spelling", op.capitalize()),
        ("space", "a space behind it", f"{op} "),
        ("zero", "a zero byte behind it", f"{op}\0"),
        ("dot", "a dot behind it", f"{op}."),
        ("prototype", "what every object of a browser has", "__proto__"),
        ("constructor", "what every object of a browser has", "constructor"),
        ("to_string", "what every object of a browser has", "toString"),
        ("has_own", "what every object of a browser has", "hasOwnProperty"),
        ("keys", "what every dictionary of Python has", "keys"),
    ):
        wrong(name, comment, {"op": value, **members})
    wrong("key_capital", "a key in capitals", {"OP": op, **members})
    wrong("key_bytes", "a key that is bytes", {Written(b"\x42op"): op, **members})
    hidden = {"__proto__": {"op": op, **members}}
    wrong("inherited", "all members in one that a browser may take for a prototype", hidden)
    wrong("members_inherited", "the members there", {"op": op, "__proto__": members})


def _spellings(area, does, op):
    """Maps that say the right thing in another way than the one there is."""
    first, second = ("room", "scheme") if op == "room.create" else ("kid", "secret")
    values = {"op": op, "room": ROOM, "scheme": 1, "kid": seed("kid", 8), "secret": seed("secret")}
    pairs = sorted((cbor(name), cbor(values[name])) for name in ("op", first, second))
    joined = b"".join(name + value for name, value in pairs)
    value = values[first]

    def wrong(name, comment, body):
        area.wrong(f"{does}_spelled_{name}", "malformed", comment, _given(does, op, body))

    def instead(name, comment, spelled):
        """`value`, the first member, spelled in another way."""
        members = {"op": op, first: Written(spelled), second: values[second]}
        wrong(name, comment, cbor(members))

    wrong("op_twice", "the operation twice", cbor_head(5, 4) + pairs[0][0] + pairs[0][1] + joined)
    wrong("op_two", "two operations", cbor_head(5, 4) + cbor("op") + cbor("directory") + joined)
    wrong("member_twice", "a member twice", cbor_head(5, 4) + joined + pairs[-1][0] + pairs[-1][1])
    wrong("order", "members out of order", cbor_head(5, 3) + b"".join(a + b for a, b in reversed(pairs)))
    wrong("indefinite", "a map without its length", b"\xbf" + joined + b"\xff")
    wrong("long_map", "the map's length in two bytes", b"\xb8\x03" + joined)
    wrong(
        "long_name", "the operation's length in two bytes", cbor({"op": Written(b"\x78" + u8(len(op)) + op.encode())})
    )
    wrong("more_counted", "a member fewer than it says", cbor_head(5, 4) + joined)
    wrong("less_counted", "a member more than it says", cbor_head(5, 2) + joined)
    wrong("trailing", "a byte behind the map", cbor_head(5, 3) + joined + b"\0")
    wrong("in_list", "the map in a list", b"\x81" + cbor_head(5, 3) + joined)
    wrong("tagged", "a tag around the map", b"\xd9\xd9\xf7" + cbor_head(5, 3) + joined)
    wrong("as_bytes", "the map as a byte string", cbor(cbor_head(5, 3) + joined))
    wrong("nothing", "no map", b"")
    size = len(value)
    instead("length_long", "a length in three bytes", b"\x59\x00" + u8(size) + value)
    instead("chunks", "a byte string in two pieces", b"\x5f" + cbor(value[:4]) + cbor(value[4:]) + b"\xff")
    instead("tag_uuid", "a byte string tagged as an identifier", b"\xd8\x25" + cbor(value))
    instead("tag_cbor", "a byte string tagged as CBOR", b"\xd8\x18" + cbor(value))
    instead("tag_bignum", "a byte string tagged as a number", b"\xc2" + cbor(value))
    instead("tag_hex", "a byte string to be shown as hex", b"\xd7" + cbor(value))
    instead("numbers", "its bytes as numbers", cbor(list(value)))
    instead("hex", "its bytes as hex", cbor(value.hex()))
    instead("undefined", "undefined", b"\xf7")
    if op == "room.create":
        for name, comment, spelled in (
            ("number_long", "1 in two bytes", b"\x18\x01"),
            ("number_bignum", "1 as a big number", b"\xc2\x41\x01"),
            ("number_half", "1.0 in two bytes", b"\xf9\x3c\x00"),
            ("number_single", "1.0 in four bytes", b"\xfa\x3f\x80\x00\x00"),
            ("number_double", "1.0 in eight bytes", b"\xfb\x3f\xf0" + bytes(6)),
            ("number_fraction", "1.5", b"\xf9\x3e\x00"),
            ("number_minus_zero", "-0.0", b"\xf9\x80\x00"),
            ("number_nan", "not a number", b"\xf9\x7e\x00"),
            ("number_infinite", "infinity", b"\xf9\x7c\x00"),
            ("number_decimal", "1 as a decimal fraction", b"\xc4\x82\x00\x01"),
            ("number_time", "1 as a time", b"\xc1\x01"),
            ("number_largest", "2^64-1", b"\x1b" + b"\xff" * 8),
            ("number_simple", "a simple value", b"\xe1"),
        ):
            wrong(name, comment, cbor({"op": op, "room": ROOM, "scheme": Written(spelled)}))


def _directions(area):
    """What one side may ask the other may not, though the page knows it."""
    for op in ("welcome", "secret", "successor"):
        members = _filled(NOTICES[op], _some)
        area.wrong(
            f"request_of_the_server_{op}",
            "malformed",
            "only a server says this",
            _given("request", op, cbor({"op": op, **members})),
        )
    for op in sorted(REQUESTS.keys() - NOTICES.keys()):
        members = _filled(REQUESTS[op], _some)
        area.wrong(
            f"notice_of_a_client_{op.replace('.', '_')}",
            "malformed",
            "only a client asks this",
            _given("notice", op, cbor({"op": op, **members})),
        )


def _answers(area):
    """An answer is judged by what was asked."""

    def wrong(name, comment, op, body, expect="malformed"):
        area.wrong(f"answer_{name}", expect, comment, _given("answer", op, body))

    wrong("of_another", "the answer to `room.create`", "file.create", cbor({"epoch": 0}))
    wrong("of_the_request", "the request itself", "room.create", cbor({"op": "room.create", "room": ROOM, "scheme": 1}))
    wrong("empty", "nothing where something is asked", "packages.put", cbor({}))
    wrong("list", "a list", "name.set", cbor([]))
    wrong("null", "null", "name.set", cbor(None))
    wrong("no_map", "no map", "name.set", b"")
    wrong("twice", "a member twice", "packages.put", b"\xa2" + (cbor("left") + b"\x07") * 2)
    wrong("two", "a member with two values", "packages.put", b"\xa2" + cbor("left") + b"\x07" + cbor("left") + b"\x08")
    wrong("inherited", "in what a browser may take for a prototype", "packages.put", cbor({"__proto__": {"left": 7}}))
    wrong("float", "a whole number as a double", "packages.put", cbor({"left": Written(b"\xfb\x40\x1c" + bytes(6))}))
    wrong("bignum", "a number with a tag", "packages.put", cbor({"left": Written(b"\xc2\x41\x07")}))
    members = [{"device": ROOM, "package": b"p"}, {"device": DIGEST, "package": b"p"}]
    wrong("deep", "a wrong one inside", "packages.take", cbor({"packages": members, "missing": []}))
    of_a_device = {"device_id": ROOM, "device_public": DIGEST, "identity": bytes(146)}
    person = {"user_id": ROOM, "root_public": DIGEST, "name": "Alice"}
    for name, changed in (("short", {"identity": bytes(145)}), ("text", {"device_public": "x" * 32})):
        people = [{**person, "devices": [of_a_device, {**of_a_device, **changed}]}]
        wrong(f"deepest_{name}", "a person's second device", "directory", cbor({"members": people, "more": False}))
    wrong("to_nothing", "to what nobody asks", "room.delete", cbor({}), "usage")
    wrong("to_a_notice", "to what only a server says", "welcome", cbor({}), "usage")
    wrong("to_a_prototype", "to what every object of a browser has", "__proto__", cbor({}), "usage")

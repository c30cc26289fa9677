"""Cases of what the two sides tell each other of themselves: the params of H2 and H3."""

from tests.vectors.bare import tlvs, u8, u16, u32, u64
from tests.vectors.cases import Area

DEFAULTS = {
    "max_frame_bytes": 262_144,
    "soft_limits": [3600, 64 * 1024 * 1024, 1 << 20],
    "hard_limits": [86_400, 1_000_000_000, 1 << 31],
    "idle_seconds": 60,
    "minimum_client": "",
}


def limits(seconds, size, frames):
    return u32(seconds) + u64(size) + u64(frames)


def parameters():
    area = Area("parameters", "3.11")
    _server(area)
    _client(area)
    return area


def _server(area):
    every = tlvs((1, u32(1 << 20)), (2, limits(1, 2, 3)), (3, limits(4, 5, 6)), (4, u32(7)), (5, "0.4 größer".encode()))
    given = {"max_frame_bytes": 1 << 20, "soft_limits": [1, 2, 3], "hard_limits": [4, 5, 6], "idle_seconds": 7}
    for name, comment, data, changed, canonical in (
        ("none", "what is not said has its default", b"", {}, True),
        ("every", "all five", every, {**given, "minimum_client": "0.4 größer"}, True),
        ("spoken_default", "a default may be said; written anew it is left out", tlvs((4, u32(60))), {}, False),
        ("unknown", "a later version says more", tlvs((4, u32(9)), (99, b"new")), {"idle_seconds": 9}, False),
        ("frame_least", "55 bytes", tlvs((1, u32(55))), {"max_frame_bytes": 55}, True),
        ("frame_most", "1 MiB", tlvs((1, u32(1 << 20))), {"max_frame_bytes": 1 << 20}, True),
    ):
        output = {**DEFAULTS, **changed, "canonical": canonical}
        area.right(f"server_{name}", comment, {"side": "server", "data": data}, output)
    for name, comment, data in (
        ("frame_54", "frames smaller than any", tlvs((1, u32(54)))),
        ("frame_0", "no frames", tlvs((1, u32(0)))),
        ("frame_large", "a byte above 1 MiB", tlvs((1, u32((1 << 20) + 1)))),
        ("frame_short", "three bytes of a number", tlvs((1, u32(1000)[1:]))),
        ("frame_long", "five bytes", tlvs((1, u32(1000) + b"\0"))),
        ("soft_short", "19 bytes of limits", tlvs((2, limits(1, 2, 3)[:-1]))),
        ("soft_long", "21 bytes", tlvs((2, limits(1, 2, 3) + b"\0"))),
        ("hard_short", "seconds alone", tlvs((3, u32(1)))),
        ("hard_size", "2^53 bytes", tlvs((3, u32(1) + u64(2**53) + u64(1)))),
        ("hard_frames", "2^64-1 frames", tlvs((3, u32(1) + u64(1) + u64(2**64 - 1)))),
        ("idle_empty", "no number", tlvs((4, b""))),
        ("idle_text", "a text", tlvs((4, b"sixty"))),
        ("client_utf8", "not UTF-8", tlvs((5, b"\xff"))),
        ("client_bom", "a byte order mark", tlvs((5, b"\xef\xbb\xbf1"))),
        ("order", "types that descend", tlvs((4, u32(60)), (1, u32(1000)))),
        ("twice", "one type twice", tlvs((4, u32(60)), (4, u32(60)))),
        ("cut", "half a length", u16(4) + u8(0)),
    ):
        area.wrong(f"server_{name}", "malformed", comment, {"side": "server", "data": data})


def _client(area):
    for name, comment, data, text, canonical in (
        ("none", "no name", b"", "", True),
        ("named", "a name", tlvs((1, "Zoës Telefon 1.0".encode())), "Zoës Telefon 1.0", True),
        ("empty", "a name that is empty", tlvs((1, b"")), "", False),
        ("unknown", "a later version says more", tlvs((1, b"a"), (2, b"new")), "a", False),
    ):
        given = {"side": "client", "data": data}
        area.right(f"client_{name}", comment, given, {"client_name": text, "canonical": canonical})
    for name, comment, data in (
        ("utf8", "not UTF-8", tlvs((1, b"a\xc0\xaf"))),
        ("surrogate", "a surrogate", tlvs((1, b"\xed\xa0\x80"))),
        ("bom", "a byte order mark", tlvs((1, b"\xef\xbb\xbf"))),
        ("order", "types that descend", tlvs((2, b""), (1, b"a"))),
        ("cut", "a name shorter than it says", u16(1) + u16(9) + b"phone"),
    ):
        area.wrong(f"client_{name}", "malformed", comment, {"side": "client", "data": data})
    given = {"side": "client", "data": tlvs((1, b"a" * 257))}
    area.wrong("client_long", "too_large", "a name of 257 bytes", given)

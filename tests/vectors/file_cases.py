"""Cases of invites and connection files."""

from base64 import b64decode

from tests.vectors import bare
from tests.vectors.bare import base64, base64url, dumps, flip, kid_of, seed, sha256, u8, u16, u32, v16
from tests.vectors.cases import Area

SECRET, OTHER_SECRET = seed("discovery secret"), seed("other discovery secret")
SERVER, SUCCESSOR, MALLORY = seed("server identity"), seed("successor"), seed("mallory")
NOW = 1_760_000_000
WRAPS = b"".join(sorted(seed(f"wrap {at}", 56) for at in range(16)))


def invite():
    area = Area("invite", "3.2")
    locators = ("https://chat.example/connection.json",)
    parts = {"invite_id": seed("invite id", 16), "invite_psk": seed("invite psk"), "expires": NOW + 86_400}

    def body(version=1, locator_bytes=None, extensions=(), secret=SECRET):
        extension_bytes = b"".join(u16(kind) + v16(data) for kind, data in extensions)
        text = "\n".join(locators).encode() if locator_bytes is None else locator_bytes
        head = u8(version) + secret + bare.verify_key(SERVER) + parts["invite_id"] + parts["invite_psk"]
        return head + u32(parts["expires"]) + v16(text) + v16(extension_bytes)

    def code(data):
        return "clawchat:" + base64url(data + sha256(data)[:4])

    def right(name, comment, text=None, urls=locators, extensions=(), locator_bytes=None, has_secret=True):
        kind = {"version": 1} if has_secret else {"version": 2, "secret": b""}
        whole = code(body(locator_bytes=locator_bytes, extensions=extensions, **kind))
        output = {"discovery_secret": SECRET if has_secret else None, "server_public": bare.verify_key(SERVER), **parts}
        output |= {"locators": urls, "extensions": extensions, "code": whole}
        area.right(name, comment, {"text": (text or "{}").format(whole)}, output)

    vouchers = ((1, seed("voucher", 129)), (1, seed("second voucher", 129)), (7, b""))
    right("plain", "the text alone")
    right("link", "a web link with it in the fragment", "https://chat.example/#{}")
    right("link_with_query", "whatever stands before the fragment", "http://localhost:8000/app?x=1#{}")
    right("no_locators", "a server that is found another way", urls=(), locator_bytes=b"")
    right(
        "two_locators",
        "mirrors",
        urls=("https://a.example/c", "http://localhost/c"),
        locator_bytes=b"https://a.example/c\nhttp://localhost/c",
    )
    right("vouchers", "a type may repeat", extensions=vouchers)
    right("secretless", "version 2: the secret is in the wraps", has_secret=False)
    right("secretless_link", "version 2 as a web link", "https://chat.example/#{}", has_secret=False)
    right("secretless_vouchers", "version 2 with extensions", extensions=vouchers, has_secret=False)
    right("secretless_no_locators", "version 2 without places", urls=(), locator_bytes=b"", has_secret=False)
    whole = code(body())
    for name, comment, text in (
        ("empty", "nothing", ""),
        ("no_scheme", "the code alone", whole.removeprefix("clawchat:")),
        ("scheme_case", "another spelling of the scheme", "ClawChat" + whole[8:]),
        ("other_scheme", "another scheme", "https://chat.example/"),
        ("fragment_twice", "a fragment in a fragment", f"https://chat.example/#a#{whole}"),
        ("fragment_other", "a fragment that is no invite", "https://chat.example/#room"),
        ("space_before", "a space before", " " + whole),
        ("newline_after", "a newline after", whole + "\n"),
        ("newline_inside", "a newline inside", whole[:60] + "\n" + whole[60:]),
        ("padded", "base64 padding", whole + "="),
        ("other_alphabet", "plus and slash", whole.replace("-", "+").replace("_", "/")),
        ("not_ascii", "a letter that is no base64", whole + "ä"),
        ("slip", "a letter that was copied wrong", whole[:40] + ("A" if whole[40] != "A" else "B") + whole[41:]),
        ("checksum", "another checksum", "clawchat:" + base64url(body() + bytes(4))),
        ("cut", "the end is missing", whole[:-8]),
        ("trailing", "bytes after the extensions", code(body() + b"\0")),
        ("short", "a body that ends after the keys", code(body()[:113])),
        ("secretless_short", "version 2 that ends after the keys", code(body(version=2, secret=b"")[:81])),
        ("secretless_with_secret", "version 2 with a secret all the same", code(body(version=2))),
        ("secretless_empty", "a version and nothing else", code(u8(2))),
        ("secretless_trailing", "version 2 with a byte too many", code(body(version=2, secret=b"") + b"\0")),
        ("secret_missing", "version 1 without its secret", code(body(version=1, secret=b""))),
        ("locator_script", "a locator that would run", code(body(locator_bytes=b"javascript:alert(1)"))),
        ("locator_ftp", "a locator that is no web address", code(body(locator_bytes=b"ftp://a.example/"))),
        ("locator_empty_line", "an empty locator", code(body(locator_bytes=b"https://a.example/\n"))),
        ("locator_utf8", "a locator that is not UTF-8", code(body(locator_bytes=b"https://\xff/"))),
        ("extensions_descend", "types must not descend", code(body(extensions=((2, b""), (1, b""))))),
        ("extension_cut", "an extension shorter than it says", code(body()[:-2] + v16(b"\0\1\0\5ab"))),
    ):
        area.wrong(name, "malformed", comment, {"text": text})
    slack = -(len(body(extensions=((1, b""),))) + 4 - 1) % 3
    loose = code(body(extensions=((1, bytes(slack)),)))
    text = loose[:-1] + _with_bits(loose[-1])
    area.wrong("trailing_bits", "malformed", "trailing bits that are not zero", {"text": text})
    for version in (0, 3, 255):
        area.wrong(
            f"version_{version}", "unsupported_version", "another version", {"text": code(body(version=version))}
        )
    area.wrong("too_large", "too_large", "more than 64 KiB", {"text": "clawchat:" + "A" * 65_536})
    return area


def _with_bits(letter):
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return alphabet[alphabet.index(letter) | 1]


PATH = "/" + base64url(seed("path", 16))
ENDPOINT = {
    "host": "chat.example",
    "port": 54321,
    "path": PATH,
    "tls": True,
    "from": NOW - 60,
    "until": NOW + 3840,
    "load": 0.25,
    "region": "eu",
}
INNER = {
    "version": "1.0",
    "protocol": "clawchat-secure-v1",
    "serial": NOW,
    "server_id": "cc-550e8400-e29b-81d4-a716-446655440000",
    "server_name": "Käfer & Co",
    "ip_address": "chat.example",
    "port": 54321,
    "path": PATH,
    "public_key": base64(bare.verify_key(SERVER)),
    "timestamp": NOW,
    "valid_from": NOW - 60,
    "valid_until": NOW + 3840,
    "next_rotation": NOW + 3540,
    "grace_period": 300,
    "supported_ciphers": ["TLS_AES_256_GCM_SHA384"],
    "suites": [2],
    "urls": ["https://chat.example/connection.json"],
    "min_client": "0.3",
    "endpoints": [ENDPOINT],
    "metadata": {"location": "attic", "region": "eu", "load": 0.25},
}


AUDIT_HEAD = {"number": 12, "hash": base64(seed("audit head"))}
REVOCATIONS = {"serial": NOW - 9, "sha256": base64(seed("revocation list"))}


def _outer(inner, *, secret=SECRET, signer=SERVER, wraps=b"", changes=None, kid=None):
    """The members of a published file around an inner JSON text."""
    label, iv = b"clawchat/1 connection file\0", seed("file iv", 12)
    members = bare.published(label, inner, iv, secret=secret, signer=signer, timestamp=NOW, wraps=wraps, kid=kid)
    members |= {"wraps": base64(wraps)} if wraps else {}
    return {**members, **(changes or {})}


def connection_file():
    area = Area("connection_file", "3.8")
    ours = {"secrets": [SECRET], "pins": [bare.verify_key(SERVER)], "last_serial": 0, "last_digest": b"", "now": NOW}

    def right(name, comment, inner=None, outer=None, endpoints=None, given=None, **output):
        inner = dumps(INNER) if inner is None else inner
        file = dumps(_outer(inner)) if outer is None else outer
        shown = {
            "host": "chat.example",
            "port": 54321,
            "path": PATH,
            "tls": True,
            "valid_from": NOW - 60,
            "valid_until": NOW + 3840,
            "load": 0.25,
            "region": "eu",
            "retiring": False,
            "fixed": False,
            "url": f"wss://chat.example:54321{PATH}",
            "is_dialable": True,
        }
        expected = {
            "serial": NOW,
            "server_id": INNER["server_id"],
            "server_name": INNER["server_name"],
            "server_public": bare.verify_key(SERVER),
            "valid_from": NOW - 60,
            "valid_until": NOW + 3840,
            "next_rotation": NOW + 3540,
            "grace_seconds": 300,
            "minimum_client": "0.3",
            "urls": INNER["urls"],
            "audit_head": None,
            "revocations": None,
            "digest": sha256(inner.encode()),
            "endpoints": [{**shown, **(changes or {})} for changes in (endpoints or [{}])],
        }
        area.right(name, comment, {"file": file, **ours, **(given or {})}, {**expected, **output})

    def wrong(name, expect, comment, file, **given):
        area.wrong(name, expect, comment, {"file": file, **ours, **given})

    _right_files(right)
    _wrong_envelopes(wrong)
    _wrong_inners(wrong)
    _stale_files(wrong)
    return area


def _right_files(right):
    right("plain", "as we publish it, but for the padding")
    right(
        "padded",
        "the pad and other members mean nothing",
        outer=dumps({**_outer(dumps(INNER)), "pad": "000", "later": [1]}),
    )
    right(
        "spaced", "JSON has no canonical form; none is needed", outer=dumps(_outer(dumps(INNER))).replace(",", " ,\n\t")
    )
    right("by_kid", "the secret is found by kid", given={"secrets": [OTHER_SECRET, SECRET]})
    overlap = {"sig_next": _outer(dumps(INNER), signer=SUCCESSOR)["sig"]}
    right(
        "successor",
        "an overlap: the pinned server signed second",
        outer=dumps(_outer(dumps(INNER), signer=SUCCESSOR, changes={"sig_next": _outer(dumps(INNER))["sig"]})),
    )
    right(
        "two_pins",
        "an overlap: both are pinned",
        outer=dumps(_outer(dumps(INNER), changes=overlap)),
        given={"pins": [bare.verify_key(SUCCESSOR), bare.verify_key(SERVER)]},
    )
    right("wraps", "the signature covers what comes with it", outer=dumps(_outer(dumps(INNER), wraps=WRAPS)))
    right(
        "wraps_and_successor",
        "everything at once",
        inner=dumps({**INNER, "audit_head": AUDIT_HEAD, "revocations": REVOCATIONS}),
        outer=dumps(
            _outer(
                dumps({**INNER, "audit_head": AUDIT_HEAD, "revocations": REVOCATIONS}),
                wraps=WRAPS,
                changes={"sig_next": base64(bytes(64)), "pad": "0" * 9},
            )
        ),
        audit_head={"number": 12, "hash": seed("audit head")},
        revocations={"serial": NOW - 9, "sha256": seed("revocation list")},
    )
    right("wraps_empty", "no wraps are a shape, too", outer=dumps(_outer(dumps(INNER), changes={"wraps": ""})))
    right(
        "audit_head",
        "where the audit log stands",
        inner=dumps({**INNER, "audit_head": AUDIT_HEAD}),
        audit_head={"number": 12, "hash": seed("audit head")},
    )
    right(
        "revocations",
        "which list belongs to the file",
        inner=dumps({**INNER, "revocations": {**REVOCATIONS, "later": 1}}),
        revocations={"serial": NOW - 9, "sha256": seed("revocation list")},
    )
    right("late", "five minutes for wrong clocks", given={"now": NOW + 3840 + 300})
    right("early", "five minutes for wrong clocks", given={"now": NOW - 60 - 300})
    right("newer", "a serial above the last one", given={"last_serial": NOW - 1, "last_digest": seed("older")})
    right(
        "same_again",
        "the very file believed before",
        given={"last_serial": NOW, "last_digest": sha256(dumps(INNER).encode())},
    )
    unknown = {**INNER, "secret": "circular", "audit_tail": {"number": 5}, "metadata": {**INNER["metadata"], "more": 1}}
    right("unknown_members", "what later versions add, and the plan's secret", inner=dumps(unknown))
    flat = {name: value for name, value in INNER.items() if name not in ("endpoints", "urls", "min_client", "suites")}
    right(
        "specification",
        "the specification's members and a serial and a path",
        inner=dumps(flat),
        urls=[],
        minimum_client="",
    )
    plan = {
        name: value
        for name, value in flat.items()
        if name not in ("ip_address", "protocol", "public_key", "valid_from")
    }
    plan |= {"ip": "chat.example", "protocol_version": "tls1.3"}
    right(
        "plan",
        "the plan's names",
        inner=dumps(plan),
        urls=[],
        minimum_client="",
        valid_from=NOW,
        endpoints=[{"valid_from": NOW}],
    )
    two = [ENDPOINT, {**ENDPOINT, "host": "2001:db8::7", "port": 65_535, "load": 0, "region": ""}]
    right(
        "two_endpoints",
        "an address of version 6",
        inner=dumps({**INNER, "endpoints": two}),
        endpoints=[
            {},
            {"host": "2001:db8::7", "port": 65_535, "load": 0, "region": "", "url": f"wss://[2001:db8::7]:65535{PATH}"},
        ],
    )
    for name, host, dialable in (
        ("localhost", "localhost", True),
        ("loopback_4", "127.0.0.1", True),
        ("loopback_6", "::1", True),
        ("not_loopback", "127.0.0.1.example", False),
    ):
        shown = f"[{host}]" if ":" in host else host
        endpoint = {"host": host, "tls": False, "url": f"ws://{shown}:54321{PATH}", "is_dialable": dialable}
        right(
            f"plain_{name}",
            "without TLS on this very machine only",
            inner=dumps({**INNER, "endpoints": [{**ENDPOINT, "host": host, "tls": False}]}),
            endpoints=[endpoint],
        )
    right(
        "endpoints_marked",
        "a port that is going and one that never does",
        inner=dumps({**INNER, "endpoints": [{**ENDPOINT, "retiring": True}, {**ENDPOINT, "fixed": True}]}),
        endpoints=[{"retiring": True}, {"fixed": True}],
    )
    bare_endpoint = {name: value for name, value in ENDPOINT.items() if name not in ("tls", "load", "region")}
    right(
        "endpoint_defaults",
        "TLS unless it says otherwise",
        inner=dumps({**INNER, "endpoints": [bare_endpoint]}),
        endpoints=[{"load": 0, "region": ""}],
    )


def _wrong_envelopes(wrong):
    inner = dumps(INNER)
    good = _outer(inner)

    def without(name):
        return dumps({member: value for member, value in good.items() if member != name})

    for name, expect, comment, file in (
        ("unsigned", "malformed", "no signature: any reader of files could have made it", without("sig")),
        ("sig_other", "unauthentic", "signed by nobody we know", dumps(_outer(inner, signer=MALLORY))),
        ("sig_short", "malformed", "63 bytes of signature", dumps({**good, "sig": base64(bytes(63))})),
        ("sig_zero", "unauthentic", "a signature of zeros", dumps({**good, "sig": base64(bytes(64))})),
        (
            "sig_next_other",
            "unauthentic",
            "two signers, neither pinned",
            dumps(_outer(inner, signer=MALLORY, changes={"sig_next": _outer(inner, signer=SUCCESSOR)["sig"]})),
        ),
        ("sig_next_short", "malformed", "63 bytes of second signature", dumps({**good, "sig_next": base64(bytes(63))})),
        (
            "ciphertext_flipped",
            "unauthentic",
            "one bit of the ciphertext",
            dumps({**good, "ciphertext": base64(flip(b64decode(good["ciphertext"]), 3))}),
        ),
        ("iv_other", "unauthentic", "another IV", dumps({**good, "iv": base64(bytes(12))})),
        ("tag_other", "unauthentic", "another tag", dumps({**good, "tag": base64(bytes(16))})),
        (
            "kid_other",
            "unknown_peer",
            "sealed under a secret we do not hold",
            dumps({**good, "kid": "0123456789abcdef"}),
        ),
        (
            "other_secret",
            "unknown_peer",
            "after a revocation we do not know the new secret",
            dumps(_outer(inner, secret=OTHER_SECRET)),
        ),
        (
            "kid_borrowed",
            "unauthentic",
            "our kid over another secret's seal",
            dumps(_outer(inner, secret=OTHER_SECRET, kid=kid_of(SECRET))),
        ),
        ("kid_upper", "malformed", "kid in capitals", dumps({**good, "kid": good["kid"].upper()})),
        ("kid_short", "malformed", "kid of 15 digits", dumps({**good, "kid": good["kid"][:15]})),
        ("kid_number", "malformed", "kid that is a number", dumps({**good, "kid": 7})),
        (
            "wraps_added",
            "unauthentic",
            "wraps the server did not sign",
            dumps({**good, "wraps": base64(WRAPS)}),
        ),
        (
            "wraps_removed",
            "unauthentic",
            "wraps taken out",
            dumps({name: value for name, value in _outer(inner, wraps=WRAPS).items() if name != "wraps"}),
        ),
        (
            "wraps_other",
            "unauthentic",
            "other wraps",
            dumps(_outer(inner, wraps=WRAPS, changes={"wraps": base64(bytes(8) + WRAPS[8:])})),
        ),
        ("wraps_half", "malformed", "eight entries", dumps(_outer(inner, wraps=WRAPS[:448]))),
        ("wraps_byte", "malformed", "a byte too many", dumps(_outer(inner, wraps=WRAPS + b"\0"))),
        ("wraps_order", "malformed", "tags out of order", dumps(_outer(inner, wraps=WRAPS[56:] + WRAPS[:56]))),
        ("wraps_twice", "malformed", "an entry twice", dumps(_outer(inner, wraps=WRAPS[:56] * 2 + WRAPS[112:]))),
        ("wraps_list", "malformed", "wraps that are a list", dumps({**good, "wraps": []})),
        ("v_missing", "unsupported_version", "the specification's format alone", without("v")),
        ("v_1", "unsupported_version", "an earlier version", dumps({**good, "v": 1})),
        ("v_3", "unsupported_version", "a later version", dumps({**good, "v": 3})),
        ("v_text", "unsupported_version", "a version that is text", dumps({**good, "v": "2"})),
        ("v_true", "unsupported_version", "a version that is true", dumps({**good, "v": True})),
        ("algorithm", "malformed", "another algorithm", dumps({**good, "algorithm": "aes-128-gcm"})),
        ("algorithm_missing", "malformed", "no algorithm", without("algorithm")),
        ("iv_missing", "malformed", "no IV", without("iv")),
        ("iv_short", "malformed", "an IV of 11 bytes", dumps({**good, "iv": base64(bytes(11))})),
        (
            "tag_short",
            "malformed",
            "a tag of 15 bytes: shorter ones are easier to forge",
            dumps({**good, "tag": base64(bytes(15))}),
        ),
        ("ciphertext_missing", "malformed", "no ciphertext", without("ciphertext")),
        (
            "base64_newline",
            "malformed",
            "a newline in base64",
            dumps({**good, "iv": good["iv"][:8] + "\n" + good["iv"][8:]}),
        ),
        ("base64_url", "malformed", "the other alphabet", dumps({**good, "iv": "-_" + good["iv"][2:]})),
        ("base64_unpadded", "malformed", "padding left out", dumps({**good, "tag": good["tag"].rstrip("=")})),
        (
            "base64_bits",
            "malformed",
            "trailing bits that are not zero",
            dumps({**good, "tag": good["tag"][:-3] + _with_bits(good["tag"][-3]) + "=="}),
        ),
        ("duplicate", "malformed", "a member twice: readers would differ", dumps(good)[:-1] + ',"v":2}'),
        ("duplicate_escaped", "malformed", "twice, once in another spelling", dumps(good)[:-1] + ',"\\u0076":2}'),
        ("not_json", "malformed", "no JSON", "<!doctype html>"),
        ("empty", "malformed", "nothing", ""),
        ("array", "malformed", "an array", "[]"),
        ("text", "malformed", "a text", '"clawchat"'),
        ("trailing", "malformed", "something after it", dumps(good) + "x"),
        ("trailing_comma", "malformed", "a comma too many", dumps(good)[:-1] + ",}"),
        ("comment", "malformed", "JSON has no comments", "/**/" + dumps(good)),
        ("bom", "malformed", "a byte order mark", "\ufeff" + dumps(good)),
        ("nan", "malformed", "a number that is none", dumps(good)[:-1] + ',"x":NaN}'),
        ("infinity", "malformed", "a number that is none", dumps(good)[:-1] + ',"x":-Infinity}'),
        ("number_huge", "malformed", "a number beyond all", dumps(good)[:-1] + ',"x":1e400}'),
        ("integer_large", "malformed", "an integer above 2^53-1", dumps(good)[:-1] + ',"x":9007199254740992}'),
        ("integer_negative", "malformed", "a negative integer", dumps(good)[:-1] + ',"x":-1}'),
        ("integer_minus_zero", "malformed", "a zero with a sign", dumps(good)[:-1] + ',"x":-0}'),
        ("surrogate", "malformed", "half a surrogate pair", dumps(good)[:-1] + ',"x":"\\ud800"}'),
        ("deep", "malformed", "nine levels", dumps(good)[:-1] + ',"x":' + "[" * 8 + "]" * 8 + "}"),
        ("very_deep", "malformed", "thousands of levels", "[" * 5000),
        ("control", "malformed", "a raw newline in a text", dumps(good)[:-1] + ',"x":"\n"}'),
        ("too_large", "too_large", "more than 64 KiB", dumps({**good, "pad": "0" * 65_536})),
    ):
        wrong(name, expect, comment, file)
    wrong("pin_other", "unauthentic", "somebody else's pin", dumps(good), pins=[bare.verify_key(MALLORY)])
    wrong("no_secrets", "unknown_peer", "no secret at all", dumps(good), secrets=[])


def _wrong_inners(wrong):
    def changed(**members):
        return dumps({name: value for name, value in {**INNER, **members}.items() if value is not ...})

    def endpoint(**members):
        return changed(endpoints=[{name: value for name, value in {**ENDPOINT, **members}.items() if value is not ...}])

    mallory = base64(bare.verify_key(MALLORY))
    for name, expect, comment, inner in (
        ("names_other", "unauthentic", "signed by a pinned server, names another", changed(public_key=mallory)),
        ("public_key_short", "malformed", "a key of 31 bytes", changed(public_key=base64(bytes(31)))),
        ("version", "unsupported_version", "another version", changed(version="2.0")),
        ("version_missing", "malformed", "no version", changed(version=...)),
        ("version_number", "malformed", "a version that is a number", changed(version=1)),
        ("protocol", "unsupported_version", "another protocol", changed(protocol="clawchat-secure-v2")),
        ("serial_missing", "malformed", "no serial: it could be replayed", changed(serial=...)),
        ("serial_zero", "malformed", "serials begin at 1", changed(serial=0)),
        ("serial_large", "malformed", "above 2^53-1", changed(serial=2**53)),
        ("serial_text", "malformed", "a serial that is text", changed(serial=str(NOW))),
        ("serial_fraction", "malformed", "a serial with a point", changed(serial=float(NOW))),
        (
            "serial_exponent",
            "malformed",
            "a serial with an exponent",
            changed(serial=7).replace('"serial":7', '"serial":7e0'),
        ),
        ("serial_true", "malformed", "a serial that is true", changed(serial=True)),
        ("serial_null", "malformed", "a serial that is null", changed(serial=None)),
        ("validity_reversed", "malformed", "ends before it begins", changed(valid_until=NOW - 61)),
        ("valid_until_missing", "malformed", "no end", changed(valid_until=...)),
        ("server_id_missing", "malformed", "no server id", changed(server_id=...)),
        ("server_name_number", "malformed", "a name that is a number", changed(server_name=7)),
        (
            "server_name_surrogate",
            "malformed",
            "half a surrogate pair",
            changed(server_name="x").replace('"x"', '"\\udc00"'),
        ),
        ("urls_text", "malformed", "one text for a list", changed(urls="https://chat.example/")),
        ("urls_numbers", "malformed", "a list of numbers", changed(urls=[7])),
        ("metadata_text", "malformed", "metadata that is text", changed(metadata="eu")),
        ("endpoints_empty", "malformed", "no endpoint", changed(endpoints=[])),
        ("endpoints_map", "malformed", "a map for a list", changed(endpoints=ENDPOINT)),
        ("endpoints_texts", "malformed", "endpoints that are texts", changed(endpoints=["chat.example:54321"])),
        ("endpoints_many", "malformed", "65 endpoints", changed(endpoints=[ENDPOINT] * 65)),
        ("host_slash", "malformed", "a host that leads elsewhere", endpoint(host="evil.example/")),
        ("host_user", "malformed", "a host that leads elsewhere", endpoint(host="chat.example@evil.example")),
        ("host_port", "malformed", "a host with a port of its own", endpoint(host="evil.example:80")),
        ("host_port_hex", "malformed", "the same, and all of it hex digits", endpoint(host="bad:80")),
        ("host_dot", "malformed", "a host that begins with a dot", endpoint(host=".bad")),
        ("host_space", "malformed", "a space in a host", endpoint(host="chat example")),
        ("host_letters", "malformed", "letters outside ASCII", endpoint(host="chät.example")),
        ("host_newline", "malformed", "a newline after the host", endpoint(host="chat.example\n")),
        ("host_empty", "malformed", "an empty host", endpoint(host="")),
        ("host_missing", "malformed", "no host", endpoint(host=...)),
        ("port_zero", "malformed", "port 0", endpoint(port=0)),
        ("port_high", "malformed", "port 65536", endpoint(port=65_536)),
        ("port_text", "malformed", "a port that is text", endpoint(port="443")),
        ("port_fraction", "malformed", "a port with a point", endpoint(port=443.0)),
        ("path_slash", "malformed", "no slash before the path", endpoint(path=PATH[1:])),
        ("path_short", "malformed", "21 characters", endpoint(path=PATH[:-1])),
        ("path_long", "malformed", "23 characters", endpoint(path=PATH + "A")),
        ("path_query", "malformed", "a question mark in the path", endpoint(path=PATH[:-1] + "?")),
        ("path_bits", "malformed", "trailing bits that are not zero", endpoint(path=PATH[:-1] + _with_bits(PATH[-1]))),
        ("path_missing", "malformed", "no path", endpoint(path=...)),
        ("tls_text", "malformed", "tls that is text", endpoint(tls="false")),
        ("tls_zero", "malformed", "tls that is 0", endpoint(tls=0)),
        ("retiring_text", "malformed", "retiring that is text", endpoint(retiring="true")),
        ("retiring_null", "malformed", "retiring that is nothing", endpoint(retiring=None)),
        ("fixed_one", "malformed", "fixed that is 1", endpoint(fixed=1)),
        ("load_negative", "malformed", "a load below zero", endpoint(load=-0.5)),
        ("load_text", "malformed", "a load that is text", endpoint(load="0.5")),
        ("from_missing", "malformed", "no beginning", endpoint(**{"from": ...})),
        ("audit_head_null", "malformed", "an audit head that is nothing", changed(audit_head=None)),
        ("audit_head_short", "malformed", "31 bytes", changed(audit_head={"number": 1, "hash": base64(bytes(31))})),
        ("audit_head_bare", "malformed", "a number alone", changed(audit_head={"number": 1})),
        ("audit_head_text", "malformed", "a number that is text", changed(audit_head={**AUDIT_HEAD, "number": "1"})),
        ("revocations_list", "malformed", "a list of them", changed(revocations=[REVOCATIONS])),
        ("revocations_zero", "malformed", "serial 0", changed(revocations={**REVOCATIONS, "serial": 0})),
        ("revocations_bare", "malformed", "no digest", changed(revocations={"serial": 5})),
        ("revocations_hex", "malformed", "in hex", changed(revocations={"serial": 5, "sha256": seed("x").hex()})),
        ("inner_duplicate", "malformed", "a member twice", changed()[:-1] + ',"serial":1}'),
        ("inner_array", "malformed", "an array", "[]"),
        ("inner_empty", "malformed", "nothing", ""),
        ("no_address", "malformed", "neither endpoints nor an address", changed(endpoints=..., ip_address=...)),
        ("no_path", "malformed", "an address without a path", changed(endpoints=..., path=...)),
    ):
        wrong(name, expect, comment, dumps(_outer(inner)))


def _stale_files(wrong):
    file = dumps(_outer(dumps(INNER)))
    digest = sha256(dumps(INNER).encode())
    for name, expect, comment, given in (
        ("expired", "expired", "one second over", {"now": NOW + 3840 + 301}),
        ("not_yet_valid", "not_yet_valid", "one second too early", {"now": NOW - 60 - 301}),
        ("replayed", "replayed", "an older file", {"last_serial": NOW + 1, "last_digest": seed("newer")}),
        ("replayed_and_expired", "replayed", "older and over", {"last_serial": NOW + 1, "now": NOW + 10_000}),
        ("forked", "forked", "the same serial, other content", {"last_serial": NOW, "last_digest": seed("other")}),
        (
            "forked_and_expired",
            "forked",
            "a fork is told first",
            {"last_serial": NOW, "last_digest": flip(digest, 0), "now": NOW + 10_000},
        ),
    ):
        wrong(name, expect, comment, file, **given)

"""Cases of wraps, revocation lists and places."""

from base64 import b64decode

from tests.vectors import bare
from tests.vectors.bare import base64, base64url, dumps, flip, kid_of, seed, sha256, u32
from tests.vectors.cases import Area

SECRET, OTHER_SECRET = seed("discovery secret"), seed("other discovery secret")
SERVER, SUCCESSOR, MALLORY = seed("server identity"), seed("successor"), seed("mallory")
NOW = 1_760_000_000
PSK, INVITE_PSK, STRANGER = seed("psk"), seed("invite psk"), seed("strange psk")


def _wrap(psk, secret=SECRET, *, kid=None, tag=None, prefix=b"clawchat/1 discovery wrap\0", iv=None, label=None):
    kid = kid_of(SECRET) if kid is None else kid
    key = bare.expand_label(psk, label or "discovery wrap", kid)
    tag = bare.expand_label(psk, "discovery tag", kid, 8) if tag is None else tag
    return tag + bare.seal(key, iv or bytes(12), secret, prefix + kid)


def _padding(count, first=0):
    return [seed(f"padding {first + at}", 56) for at in range(count)]


def wraps():
    area = Area("wraps", "3.10")
    ours, theirs = _wrap(PSK), _wrap(INVITE_PSK)

    def joined(*entries):
        filled = [*entries, *_padding(-len(entries) % 16)]
        return b"".join(sorted(filled))

    def right(name, comment, data, psks=(PSK,)):
        entries = [_wrap(psk) for psk in psks]
        output = {"discovery_secret": SECRET, "entries": entries}
        area.right(name, comment, {"wraps": data, "kid": kid_of(SECRET), "psks": psks}, output)

    right("one", "one entry among padding", joined(ours))
    right("two", "a device and an invite", joined(ours, theirs))
    right("invite", "the invite's", joined(ours, theirs), (INVITE_PSK,))
    right("second_psk", "the one that has an entry of several", joined(ours), (STRANGER, PSK))
    right("no_padding", "sixteen entries, all real", joined(ours, *(_wrap(seed(f"psk {at}")) for at in range(15))))
    right("most", "608 entries", b"".join(sorted([ours, *_padding(607)])))
    right("broken_and_good", "an entry that does not open, and another PSK's that does", _mixed(), (INVITE_PSK, PSK))

    def wrong(name, expect, comment, data, psks=(PSK,), kid=None):
        area.wrong(name, expect, comment, {"wraps": data, "kid": kid or kid_of(SECRET), "psks": psks})

    good, former = joined(ours), kid_of(OTHER_SECRET)
    for name, expect, comment, data in (
        ("none", "unknown_peer", "no wraps", b""),
        ("padding", "unknown_peer", "padding alone", joined(*_padding(16))),
        ("others", "unknown_peer", "the invite's alone", joined(theirs)),
        ("byte_less", "malformed", "a byte is missing", good[:-1]),
        ("byte_more", "malformed", "a byte too many", good + b"\0"),
        ("entry_alone", "malformed", "no multiple of sixteen", ours),
        ("entry_more", "malformed", "seventeen entries", good + b"\xff" * 56),
        ("entry_less", "malformed", "fifteen entries", good[56:]),
        ("too_many", "malformed", "624 entries", b"".join(sorted([ours, *_padding(623)]))),
        ("reversed", "malformed", "tags that descend", b"".join(sorted([ours, *_padding(15)], reverse=True))),
        ("swapped", "malformed", "two entries in the wrong order", good[56:112] + good[:56] + good[112:]),
        ("twice", "malformed", "an entry twice", b"".join(sorted([ours, ours, *_padding(14)]))),
        ("tag_twice", "malformed", "two entries with one tag", joined(ours, ours[:8] + bytes(48))),
        ("seal_flipped", "unauthentic", "one bit of the seal", joined(flip(ours, 20))),
        ("mac_flipped", "unauthentic", "one bit of its end", joined(flip(ours, 55))),
        ("tag_flipped", "unknown_peer", "another tag", joined(flip(ours, 7))),
        ("other_secret", "unauthentic", "it opens to another secret", joined(_wrap(PSK, OTHER_SECRET))),
        ("other_prefix", "unauthentic", "another label", joined(_wrap(PSK, prefix=b"clawchat/1 root\0"))),
        ("no_prefix", "unauthentic", "no label", joined(_wrap(PSK, prefix=b""))),
        ("other_label", "unauthentic", "another key", joined(_wrap(PSK, label="device psk"))),
        ("other_iv", "unauthentic", "another nonce", joined(_wrap(PSK, iv=b"\0" * 11 + b"\1"))),
        ("kid_old", "unknown_peer", "made for the secret before", joined(_wrap(PSK, OTHER_SECRET, kid=former))),
        ("kid_mixed", "unauthentic", "our tag on a wrap of the secret before", joined(_borrowed())),
    ):
        wrong(name, expect, comment, data)
    wrong("no_psk", "unknown_peer", "nobody asks", good, psks=())
    wrong("stranger", "unknown_peer", "a device that was revoked", good, psks=(STRANGER,))
    wrong("discovery_secret", "unknown_peer", "who holds the former secret only", good, psks=(OTHER_SECRET,))
    wrong("other_kid", "unknown_peer", "the file is of another secret", good, kid=former)
    return area


def _mixed():
    return b"".join(sorted([_wrap(PSK), _wrap(INVITE_PSK, OTHER_SECRET), *_padding(14)]))


def _borrowed():
    tag = bare.expand_label(PSK, "discovery tag", kid_of(SECRET), 8)
    return _wrap(PSK, OTHER_SECRET, kid=kid_of(OTHER_SECRET), tag=tag)


def _revoked_id(key):
    return sha256(b"clawchat/1 revoked\0", key)[:16]


def _statement(signer, prefix=b"clawchat/1 identity revoked\0"):
    return bare.sign(signer, prefix + bare.verify_key(signer))


def _entry(kind="device", key=b"a device", since=NOW - 100, reason="lost", **more):
    members = {"kind": kind, "id": _revoked_id(key).hex(), "since": since, "reason": reason, **more}
    return {name: value for name, value in members.items() if value is not ...}


CERTIFICATE = _entry("certificate", seed("spki", 91), reason="its key was copied")
DEVICE = _entry("device", bare.verify_key(seed("device")), reason="left in a train")
DISCOVERY = _entry("discovery", kid_of(OTHER_SECRET), reason="")
IDENTITY = _entry("identity", bare.verify_key(MALLORY), reason="stolen", statement=base64(_statement(MALLORY)))
ENTRIES = [CERTIFICATE, DEVICE, DISCOVERY, IDENTITY]


def _outer(inner, *, secret=SECRET, signer=SERVER, label=b"clawchat/1 revocation list\0", wraps=b"", changes=None):
    """The members of a published list around an inner JSON text."""
    iv = seed("list iv", 12)
    members = bare.published(label, inner, iv, secret=secret, signer=signer, timestamp=NOW, wraps=wraps)
    return {name: value for name, value in {**members, **(changes or {})}.items() if value is not ...}


def _inner(entries=ENTRIES, **changes):
    members = {"serial": NOW, "issued": NOW, "entries": entries, **changes}
    return dumps({name: value for name, value in members.items() if value is not ...})


def revocation_list():
    area = Area("revocation_list", "3.12")
    ours = {"secrets": [SECRET], "pins": [bare.verify_key(SERVER)]}
    _right_lists(area, ours)
    _wrong_lists(area, ours)
    _identity_revocations(area)
    return area


def _right_lists(area, ours):
    def right(name, comment, entries=ENTRIES, inner=None, outer=None, given=None):
        shown = [{**each, "statement": b64decode(each.get("statement", ""))} for each in entries]
        shown = [{key: each[key] for key in ("kind", "id", "since", "reason", "statement")} for each in shown]
        file = dumps(_outer(inner or _inner(entries))) if outer is None else outer
        output = {"serial": NOW, "issued": NOW, "entries": shown, "encoded": _inner(entries)}
        area.right(name, comment, {"list": file, **ours, **(given or {})}, output)

    right("plain", "one of each kind")
    right("empty", "nothing is revoked", [])
    right(
        "most",
        "400 entries",
        _many(400),
    )
    right("reason_long", "128 characters", [_entry(reason="ü" * 128)])
    right("reason_pairs", "128 characters of four bytes", [_entry(reason="\U0001f511" * 128)])
    right("padded", "pad and unknown members mean nothing", outer=dumps({**_outer(_inner()), "pad": "00", "later": {}}))
    later = _inner([{**DEVICE, "later": 1}], later=[])
    right("unknown_members", "what later versions add", [DEVICE], inner=later)
    right("wraps_ignored", "a list carries no wraps", outer=dumps({**_outer(_inner()), "wraps": "AAAA"}))
    right("by_kid", "the secret is found by kid", given={"secrets": [OTHER_SECRET, SECRET]})
    overlap = {"sig_next": _outer(_inner())["sig"]}
    right(
        "successor", "the pinned server signed second", outer=dumps(_outer(_inner(), signer=SUCCESSOR, changes=overlap))
    )


def _many(count):
    entries = (_entry(key=u32(at), reason="") for at in range(count))
    return sorted(entries, key=lambda entry: entry["id"])


def _wrong_lists(area, ours):
    def wrong(name, expect, comment, file):
        area.wrong(name, expect, comment, {"list": file, **ours})

    good, inner = _outer(_inner()), _inner()
    flipped = base64(flip(b64decode(good["ciphertext"]), 9))
    as_file = _outer(inner, label=b"clawchat/1 connection file\0")
    for name, expect, comment, outer in (
        ("unsigned", "malformed", "no signature", _outer(inner, changes={"sig": ...})),
        ("sig_other", "unauthentic", "signed by nobody we know", _outer(inner, signer=MALLORY)),
        (
            "sig_as_file",
            "unauthentic",
            "signed as a connection file",
            as_file,
        ),
        ("sig_wraps", "unauthentic", "signed with wraps it must not have", _outer(inner, wraps=bytes(56))),
        ("sig_short", "malformed", "63 bytes", _outer(inner, changes={"sig": base64(bytes(63))})),
        ("sig_next_text", "malformed", "no base64", _outer(inner, changes={"sig_next": "?"})),
        ("ciphertext_flipped", "unauthentic", "one bit", {**good, "ciphertext": flipped}),
        ("iv_other", "unauthentic", "another IV", {**good, "iv": base64(bytes(12))}),
        ("other_secret", "unknown_peer", "under a secret we do not hold", _outer(inner, secret=OTHER_SECRET)),
        ("kid_borrowed", "unauthentic", "our kid", {**_outer(inner, secret=OTHER_SECRET), "kid": kid_of(SECRET).hex()}),
        ("kid_upper", "malformed", "kid in capitals", {**good, "kid": good["kid"].upper()}),
        ("v_1", "unsupported_version", "an earlier version", {**good, "v": 1}),
        ("v_3", "unsupported_version", "a later version", {**good, "v": 3}),
        ("algorithm", "malformed", "another algorithm", {**good, "algorithm": "none"}),
    ):
        wrong(name, expect, comment, dumps(outer))
    wrong("empty_text", "malformed", "nothing", "")
    wrong("html", "malformed", "a page", "<!doctype html><title>404</title>")
    wrong("duplicate", "malformed", "a member twice", dumps(good)[:-1] + ',"v":2}')
    wrong("too_large", "too_large", "over 64 KiB", dumps(good) + " " * 65_536)
    for name, comment, entries in (
        ("descending", "entries out of order", ENTRIES[::-1]),
        ("twice", "an entry twice", [DEVICE, DEVICE]),
        ("id_twice", "one device for two reasons", [DEVICE, {**DEVICE, "reason": "stolen"}]),
        ("too_many", "401 entries", _many(401)),
        ("entry_text", "an entry that is text", ["device"]),
        ("entries_map", "entries that are a map", {"device": DEVICE}),
        ("entries_null", "entries that are nothing", None),
        ("kind_other", "a kind that is none", [_entry("person")]),
        ("kind_case", "a kind in capitals", [_entry("Device")]),
        ("kind_list", "a kind that is a list", [_entry(["device"])]),
        ("kind_missing", "no kind", [_entry(...)]),
        ("id_short", "31 digits", [{**DEVICE, "id": DEVICE["id"][:31]}]),
        ("id_upper", "digits in capitals", [{**DEVICE, "id": "A" * 32}]),
        ("id_newline", "a newline after the id", [{**DEVICE, "id": DEVICE["id"] + "\n"}]),
        ("id_number", "an id that is a number", [{**DEVICE, "id": 5}]),
        ("since_missing", "no date", [_entry(since=...)]),
        ("since_text", "a date that is text", [_entry(since="2026-01-01")]),
        ("since_negative", "before 1970", [_entry(since=-1)]),
        ("since_point", "a date with a point", [_entry(since=1.0)]),
        ("since_true", "a date that is true", [_entry(since=True)]),
        ("reason_missing", "no reason", [_entry(reason=...)]),
        ("reason_null", "a reason that is nothing", [_entry(reason=None)]),
        ("reason_too_long", "129 characters", [_entry(reason="x" * 129)]),
        ("reason_newline", "two lines", [_entry(reason="lost\nfound")]),
        ("reason_escape", "what a terminal would obey", [_entry(reason="\x1b[2J")]),
        ("reason_c1", "the same in one byte", [_entry(reason="\x9b2J")]),
        ("reason_surrogate", "half a character", [_entry(reason="\ud83d")]),
        ("identity_bare", "an identity without its own word", [{**IDENTITY, "statement": ...}]),
        ("identity_null", "a statement that is nothing", [{**IDENTITY, "statement": None}]),
        ("identity_short", "63 bytes", [{**IDENTITY, "statement": base64(bytes(63))}]),
        ("identity_empty", "an empty statement", [{**IDENTITY, "statement": ""}]),
        ("device_stated", "a statement where none belongs", [{**DEVICE, "statement": IDENTITY["statement"]}]),
        ("device_stated_empty", "an empty one where none belongs", [{**DEVICE, "statement": ""}]),
    ):
        kept = entries
        if isinstance(entries, list):
            kept = [
                {key: value for key, value in each.items() if value is not ...} if isinstance(each, dict) else each
                for each in entries
            ]
        text = _inner(kept)
        wrong(name, "malformed", comment, dumps(_outer(text)))
    for name, comment, text in (
        ("serial_zero", "serial 0", _inner(serial=0)),
        ("serial_missing", "no serial", _inner(serial=...)),
        ("serial_text", "a serial that is text", _inner(serial="5")),
        ("serial_huge", "above 2^53-1", _inner(serial=2**53)),
        ("issued_missing", "no date", _inner(issued=...)),
        ("issued_point", "a date with a point", _inner(issued=1.5)),
        ("entries_missing", "no entries", _inner(entries=...)),
        ("inner_array", "an array", "[]"),
        ("inner_empty", "nothing", ""),
        ("inner_duplicate", "a member twice", _inner()[:-1] + ',"serial":1}'),
    ):
        wrong(name, "malformed", comment, dumps(_outer(text)))


def _identity_revocations(area):
    ours = bare.verify_key(SERVER)

    def judged(name, comment, entry, counts):
        given, output = {"entry": entry, "identity": ours}, {"id": _revoked_id(ours), "counts": counts}
        area.right(f"identity_{name}", comment, given, output)

    good = _entry("identity", ours, statement=base64(_statement(SERVER)))
    judged("own_word", "our server ends itself", good, True)
    judged("of_another", "another server's end is not ours", IDENTITY, False)
    judged("forged", "our id, signed by another", {**good, "statement": IDENTITY["statement"]}, False)
    judged("zeros", "no signature", {**good, "statement": base64(bytes(64))}, False)
    judged("flipped", "one bit", {**good, "statement": base64(flip(_statement(SERVER), 40))}, False)
    other = base64(_statement(SERVER, b"clawchat/1 successor\0"))
    judged("other_label", "signed for another use", {**good, "statement": other}, False)
    judged("id_other", "our word under another id", {**good, "id": IDENTITY["id"]}, False)
    device = _entry("device", ours)
    judged("as_device", "our key in an entry of another kind", device, False)


HANDLE, KEY = "aB3_-xYz", base64url(seed("folder key", 16))


def places():
    area = Area("places", "3.16")

    def web(name, comment, url, host, beside):
        area.right(name, comment, {"url": url}, {"kind": "web", "host": host, "list": beside})

    def mega(name, comment, url, host, gateway):
        output = {"kind": "mega", "host": host, "handle": HANDLE, "key": seed("folder key", 16), "gateway": gateway}
        area.right(name, comment, {"url": url}, output)

    def none(name, comment, url):
        area.right(f"not_{name}", comment, {"url": url}, {"kind": "none"})

    _web_places(web)
    mega("mega", "a folder", f"https://mega.nz/folder/{HANDLE}#{KEY}", "mega.nz", "https://g.api.mega.co.nz/cs")
    mega(
        "mega_case",
        "a host in capitals",
        f"https://MEGA.nz/folder/{HANDLE}#{KEY}",
        "mega.nz",
        "https://g.api.mega.co.nz/cs",
    )
    for name, origin in (
        ("4", "http://127.0.0.1:8123"),
        ("6", "http://[::1]:8123"),
        ("name", "http://localhost"),
        ("tls", "https://localhost:8123"),
    ):
        host = origin.partition("//")[2]
        mega(f"mega_loopback_{name}", "on this very machine", f"{origin}/folder/{HANDLE}#{KEY}", host, f"{origin}/cs")
    _no_places(none)
    return area


def _web_places(web):
    for name, comment, url, host, beside in (
        (
            "web",
            "as we publish it",
            "https://chat.example/connection.json",
            "chat.example",
            "https://chat.example/revocations.json",
        ),
        (
            "web_port",
            "with a port",
            "https://chat.example:8443/c",
            "chat.example:8443",
            "https://chat.example:8443/revocations.json",
        ),
        (
            "web_port_first",
            "the lowest port",
            "https://a.example:1/",
            "a.example:1",
            "https://a.example:1/revocations.json",
        ),
        (
            "web_port_last",
            "the highest port",
            "https://a.example:65535/",
            "a.example:65535",
            "https://a.example:65535/revocations.json",
        ),
        (
            "web_folder",
            "in a folder",
            "https://a.example/x/y/c.json",
            "a.example",
            "https://a.example/x/y/revocations.json",
        ),
        (
            "web_slash",
            "a path that ends with a slash",
            "https://a.example/x/",
            "a.example",
            "https://a.example/x/revocations.json",
        ),
        ("web_root", "the root", "https://a.example/", "a.example", "https://a.example/revocations.json"),
        ("web_bare", "no path", "https://a.example", "a.example", "https://a.example/revocations.json"),
        (
            "web_query",
            "the query stays",
            "https://a.example/x/c?t=1/2",
            "a.example",
            "https://a.example/x/revocations.json?t=1/2",
        ),
        (
            "web_bare_query",
            "a query without a path",
            "https://a.example?t=1",
            "a.example",
            "https://a.example/revocations.json?t=1",
        ),
        ("web_case", "a host in capitals", "https://A.Example/c", "a.example", "https://A.Example/revocations.json"),
        (
            "web_percent",
            "percent signs",
            "https://a.example/%2F/c",
            "a.example",
            "https://a.example/%2F/revocations.json",
        ),
        (
            "web_6",
            "an address of version 6",
            "https://[2001:db8::7]/c",
            "[2001:db8::7]",
            "https://[2001:db8::7]/revocations.json",
        ),
        (
            "web_6_whole",
            "without a gap",
            "https://[1:2:3:4:5:6:7:AbCd]/c",
            "[1:2:3:4:5:6:7:abcd]",
            "https://[1:2:3:4:5:6:7:AbCd]/revocations.json",
        ),
        (
            "web_loopback_4",
            "without TLS here",
            "http://127.0.0.1:8000/c",
            "127.0.0.1:8000",
            "http://127.0.0.1:8000/revocations.json",
        ),
        ("web_loopback_6", "without TLS here", "http://[::1]/c", "[::1]", "http://[::1]/revocations.json"),
        ("web_localhost", "without TLS here", "http://localhost", "localhost", "http://localhost/revocations.json"),
        (
            "web_folder_name",
            "a path that looks like MEGA's",
            f"https://a.example/folder/{HANDLE}",
            "a.example",
            "https://a.example/folder/revocations.json",
        ),
    ):
        web(name, comment, url, host, beside)
    longest = "https://a.example/" + "x" * (2048 - 18)
    web("web_longest", "2048 characters", longest, "a.example", "https://a.example/revocations.json")


def _no_places(none):
    folder = f"https://mega.nz/folder/{HANDLE}"
    for name, comment, url in (
        ("empty", "nothing", ""),
        ("http", "no TLS to another machine", "http://chat.example/connection.json"),
        ("http_lookalike", "a host that only begins like ours", "http://localhost.example/c"),
        ("http_127", "a loopback address that is not one of the three", "http://127.0.0.2/c"),
        ("ftp", "another scheme", "ftp://a.example/c"),
        ("file", "a file", "file:///etc/passwd"),
        ("javascript", "a script", "javascript:alert(1)"),
        ("scheme_case", "a scheme in capitals", "HTTPS://a.example/c"),
        ("scheme_missing", "no scheme", "//a.example/c"),
        ("user", "a user", "https://me@a.example/c"),
        ("user_password", "a user and a password", "https://me:secret@a.example/c"),
        ("user_hidden", "a host that is a user", "https://mega.nz@evil.example/c"),
        ("backslash", "a backslash", "https://a.example\\@evil.example/c"),
        ("space", "a space", "https://a.example/a b"),
        ("space_before", "a space before", " https://a.example/c"),
        ("newline_after", "a newline after", "https://a.example/c\n"),
        ("tab", "a tab", "https://a.exa\tmple/c"),
        ("not_ascii", "a letter outside ASCII", "https://ä.example/c"),
        ("not_ascii_path", "the same in the path", "https://a.example/ä"),
        ("digits", "digits that are not ASCII", "https://a.example:٤٤٣/c"),
        ("host_missing", "no host", "https:///c"),
        ("host_dot", "a host that begins with a dot", "https://.example/c"),
        ("host_6_gaps", "two gaps", "https://[2001:db8::1::2]/connection.json"),
        ("host_6_colons", "four colons", "https://[::::]/c"),
        ("host_6_colon", "a colon after", "https://[1::2:]/c"),
        ("host_6_seven", "seven groups", "https://[1:2:3:4:5:6:7]/c"),
        ("host_6_nine", "eight groups and a gap", "https://[1:2:3:4::5:6:7:8]/c"),
        ("host_6_long", "a group of five digits", "https://[::10000]/c"),
        ("host_6_old", "an address of version 4", "https://[1.2.3.4]/c"),
        ("host_6_mixed", "with one inside", "https://[::ffff:1.2.3.4]/c"),
        ("host_open", "an address without its end", "https://[::1/c"),
        ("port_zero", "port 0", "https://a.example:0/c"),
        ("port_high", "port 65536", "https://a.example:65536/c"),
        ("port_empty", "a colon without a port", "https://a.example:/c"),
        ("port_text", "a port that is text", "https://a.example:http/c"),
        ("fragment", "a fragment", "https://a.example/c#x"),
        ("fragment_empty", "an empty fragment", "https://a.example/c#"),
        ("invite", "an invite's link", "https://a.example/#clawchat:AAAA"),
        ("too_long", "2049 characters", "https://a.example/" + "x" * (2049 - 18)),
        ("mega_keyless", "a folder without its key", folder),
        ("mega_key_empty", "an empty key", folder + "#"),
        ("mega_key_short", "21 characters", f"{folder}#{KEY[:-1]}"),
        ("mega_key_long", "23 characters", f"{folder}#{KEY}A"),
        ("mega_key_bits", "trailing bits that are not zero", f"{folder}#{'A' * 21}B"),
        ("mega_key_padded", "padding", f"{folder}#{'A' * 20}=="),
        ("mega_key_plus", "the other alphabet", f"{folder}#+{KEY[1:]}"),
        ("mega_handle_short", "a handle of 7", f"https://mega.nz/folder/{HANDLE[1:]}#{KEY}"),
        ("mega_handle_long", "a handle of 9", f"{folder}A#{KEY}"),
        ("mega_file", "a file's link", f"https://mega.nz/file/{HANDLE}#{KEY}"),
        ("mega_old", "the old form", f"https://mega.nz/#F!{HANDLE}!{KEY}"),
        ("mega_inner", "a folder in the folder", f"{folder}#{KEY}/folder/{HANDLE}"),
        ("mega_query", "a query", f"{folder}?x=1#{KEY}"),
        ("mega_port", "a port", f"https://mega.nz:8443/folder/{HANDLE}#{KEY}"),
        ("mega_http", "without TLS", f"http://mega.nz/folder/{HANDLE}#{KEY}"),
        ("mega_page", "another page of it", "https://mega.nz/pro"),
        ("mega_elsewhere", "the same form elsewhere", f"https://a.example/folder/{HANDLE}#{KEY}"),
        ("mega_loopback_key", "a wrong key here", f"http://127.0.0.1:8123/folder/{HANDLE}#{KEY[:-1]}"),
    ):
        none(name, comment, url)

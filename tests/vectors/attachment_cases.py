"""Cases of attachments: how a message shows them, how a file is sealed, and what a reader must not take for it."""

from tests.vectors import bare
from tests.vectors.bare import cbor, flip, seed, sha256, u8, u32
from tests.vectors.cases import Area

FILE, KEY, OTHER = seed("file", 16), seed("attachment"), seed("other file", 16)
CHUNK = 65_536
PATTERN = bytes(range(251))


def attachment():
    area = Area("attachment", "4.4")
    _shown(area)
    _fitted(area)
    _sealed(area)
    _opened(area)
    _put_together(area)
    return area


# How a message shows them


def _members(**changed):
    members = {
        "id": FILE,
        "size": 70_000,
        "key": KEY,
        "sha256": seed("hash"),
        "mime": "image/jpeg",
        "name": "holiday.jpg",
    }
    return {name: value for name, value in {**members, **changed}.items() if value is not ...}


def _shown(area):
    def right(name, comment, *attachments, sealed=98_336):
        shown = [{**each, "sealed": sealed} for each in attachments]
        given = {"question": "show", "attachments": cbor(list(attachments))}
        area.right(f"show_{name}", comment, given, {"attachments": shown, "encoded": cbor(list(attachments))})

    right("one", "a picture", _members())
    right("none", "a list of none")
    right("empty", "an empty file, which is padded", _members(size=0), sealed=4112)
    right("largest", "2^30 bytes", _members(size=2**30), sealed=2**30 + 16 * 2**14)
    right("step", "the first size of the next step", _members(size=65_537))
    right("whole", "a size that needs no padding", _members(size=65_536), sealed=65_552)
    right("name_long", "255 bytes", _members(name="ä" * 127 + "x"))
    right("name_dots", "dots that lead nowhere", _members(name="..."))
    right("mime_long", "127 characters", _members(mime="a/" + "b" * 125))
    right("ten", "as many as there may be", *(_members(id=seed(f"file {at}", 16)) for at in range(10)))
    given = {"question": "show", "attachments": cbor([{**_members(), "later": 1}])}
    shown = {"attachments": [{**_members(), "sealed": 98_336}], "encoded": cbor([_members()])}
    area.right("show_more", "a member of a later version is ignored", given, shown)
    area.right(
        "show_nothing",
        "a payload without the member",
        {"question": "show", "attachments": cbor(None)},
        {"attachments": [], "encoded": cbor([])},
    )

    def wrong(name, comment, value):
        area.wrong(f"show_{name}", "malformed", comment, {"question": "show", "attachments": cbor(value)})

    wrong("eleven", "one too many", [_members(id=seed(f"file {at}", 16)) for at in range(11)])
    wrong("twice", "one file twice", [_members(), _members(name="other")])
    wrong("no_list", "a map", _members())
    wrong("no_map", "a list of numbers", [1])
    wrong("nested", "a list of lists", [[]])
    for name in _members():
        wrong(f"no_{name}", f"without {name}", [_members(**{name: ...})])
    for name, comment, changed in (
        ("id_short", "15 bytes", {"id": FILE[:15]}),
        ("id_long", "17 bytes", {"id": FILE + b"x"}),
        ("id_text", "text", {"id": "0123456789abcdef"}),
        ("key_short", "31 bytes", {"key": KEY[:31]}),
        ("key_long", "33 bytes", {"key": KEY + b"x"}),
        ("sha256_short", "31 bytes", {"sha256": KEY[:31]}),
        ("size_large", "more than 2^30", {"size": 2**30 + 1}),
        ("size_huge", "what would take days to pad", {"size": 2**53 - 1}),
        ("size_bool", "a boolean", {"size": True}),
        ("size_text", "text", {"size": "70000"}),
        ("mime_empty", "nothing", {"mime": ""}),
        ("mime_half", "no subtype", {"mime": "image"}),
        ("mime_slash", "nothing behind the slash", {"mime": "image/"}),
        ("mime_three", "three parts", {"mime": "image/jpeg/x"}),
        ("mime_capital", "capitals: one spelling is enough", {"mime": "Image/jpeg"}),
        ("mime_parameter", "a parameter", {"mime": "text/html; charset=utf-8"}),
        ("mime_space", "a space", {"mime": "text/ html"}),
        ("mime_line", "a line's end", {"mime": "text/html\n"}),
        ("mime_longer", "128 characters", {"mime": "a/" + "b" * 126}),
        ("mime_bytes", "bytes", {"mime": b"image/jpeg"}),
        ("name_empty", "nothing", {"name": ""}),
        ("name_dot", "the folder itself", {"name": "."}),
        ("name_up", "the folder above", {"name": ".."}),
        ("name_path", "a path", {"name": "../.ssh/authorized_keys"}),
        ("name_backslash", "a path elsewhere", {"name": "..\\start.bat"}),
        ("name_zero", "a zero byte", {"name": "a\0.jpg"}),
        ("name_line", "a line's end", {"name": "a\n.jpg"}),
        ("name_delete", "U+007F", {"name": "a\x7f"}),
        ("name_c1", "a control character of the upper half", {"name": "a\x9b.jpg"}),
        ("name_turned", "gnp.exe that reads exe.png", {"name": "photo\u202egnp.exe"}),
        ("name_isolated", "another way to turn it", {"name": "photo\u2067gnp.exe"}),
        ("name_separator", "a line separator", {"name": "a\u2028b"}),
        ("name_longer", "256 bytes", {"name": "ä" * 128}),
        ("name_number", "a number", {"name": 1}),
    ):
        wrong(name, comment, [_members(**changed)])


def _fitted(area):
    anything = "application/octet-stream"
    for name, comment, given, output in (
        ("as_is", "nothing to change", ("a b (1).tar.gz", "text/plain"), ("a b (1).tar.gz", "text/plain")),
        ("path", "a path is no name", ("../a\\b.txt", "Text/HTML; charset=x"), (".._a_b.txt", "text/html")),
        ("controls", "control characters, and what turns a line", ("a\n\x9b\u202eb\u2069", ""), ("a___b_", anything)),
        ("empty", "no name at all", ("", "image"), ("file", anything)),
        ("dots", "folders", ("..", " image/png\t"), ("file", "image/png")),
        ("mark", "a byte order mark before it", ("\ufeff\ufeffa", "image/\u212aitten"), ("a", "image/kitten")),
        ("long", "cut before its ending", ("x" * 300 + ".jpeg", "a/" + "b" * 126), ("x" * 250 + ".jpeg", anything)),
        ("long_whole", "cut between two characters", ("é" * 200, "a/b/c"), ("é" * 127, anything)),
        (
            "long_pairs",
            "characters of four bytes",
            ("\U0001f98a" * 100 + ".png", "a/b"),
            ("\U0001f98a" * 62 + ".png", "a/b"),
        ),
        ("ending_long", "an ending that is none", ("a." + "y" * 300, "text/x-É"), ("a." + "y" * 253, anything)),
        (
            "dotted",
            "the last dot counts",
            ("a." + "b" * 300 + ".tar.gz", " \tA/B\t ;c"),
            ("a." + "b" * 250 + ".gz", "a/b"),
        ),
        (
            "ending_16",
            "the longest ending, and a line before a type",
            ("a" * 300 + "." + "e" * 16, "\na/b"),
            ("a" * 238 + "." + "e" * 16, anything),
        ),
        (
            "ending_17",
            "an ending one byte too long, and a space that is none",
            ("a" * 300 + "." + "e" * 17, "a/b\u00a0"),
            ("a" * 255, anything),
        ),
        ("ending_only", "a name that is all ending", ("." + "z" * 300, "-/-"), ("." + "z" * 254, anything)),
    ):
        asked = {"question": "fit", "name": given[0], "mime": given[1]}
        area.right(f"fit_{name}", comment, asked, {"name": output[0], "mime": output[1]})


# How a file is sealed


def _padded(size):
    steps = sorted(step for power in range(12, 32) for step in (2**power, 3 * 2 ** (power - 1)) if step >= 4096)
    return next(step for step in steps if step >= size)


def _plain(size):
    return (PATTERN * (size // len(PATTERN) + 1))[:size]


def _seal(plain, index, last, key=KEY, file=FILE, label=b"clawchat/1 blob\0", nonce=None):
    nonce = index.to_bytes(12, "big") if nonce is None else nonce
    return bare.seal(key, nonce, plain, label + file + u32(index) + u8(last))


def _chunks(plain, padded=None):
    whole = plain.ljust(_padded(len(plain)) if padded is None else padded, b"\0")
    count = -(-len(whole) // CHUNK)
    return [_seal(whole[at * CHUNK : (at + 1) * CHUNK], at, at == count - 1) for at in range(count)]


def _source(size):
    return {"file": FILE, "key": KEY, "size": size, "pattern": PATTERN}


def _sealed(area):
    for name, size in (
        ("nothing", 0),
        ("one", 1),
        ("smallest", 4096),
        ("next", 4097),
        ("half_more", 6144),
        ("power", 6145),
        ("chunk", CHUNK),
        ("two", CHUNK + 1),
        ("two_padded", 98_305),
        ("three", 3 * CHUNK),
        ("padding_only_chunks", 3 * CHUNK + 1),
        ("megabyte", 1_000_000),
    ):
        chunks = _chunks(_plain(size))
        sizes = [len(chunk) for chunk in chunks]
        output = {"sizes": sizes, "sha256": sha256(*chunks), "first": sha256(chunks[0]), "last": sha256(chunks[-1])}
        area.right(f"seal_{name}", f"{size} bytes", {"question": "seal", **_source(size)}, output)
    for name, size in (("large", 2**30 + 1), ("huge", 2**53 - 1)):
        area.wrong(f"seal_{name}", "too_large", "more than 2^30", {"question": "seal", **_source(size)})


# What is opened, byte for byte


def _opened(area):
    plain = _plain(1000)
    whole = plain.ljust(4096, b"\0")

    def given(*chunks, size=1000, digest=None, key=KEY):
        sealed = [data for data, _, _ in chunks]
        attachment = _members(size=size, key=key, sha256=sha256(*sealed) if digest is None else digest)
        listed = [{"file": FILE, "index": index, "last": last, "data": data} for data, index, last in chunks]
        return {"question": "open", "attachment": attachment, "chunks": listed}

    good = _seal(whole, 0, 1)
    area.right("open_one", "a small file", given((good, 0, True)), {"plaintext": plain})

    def wrong(name, expect, comment, *chunks, **changed):
        area.wrong(f"open_{name}", expect, comment, given(*chunks, **changed))

    wrong("hash", "unauthentic", "another hash", (good, 0, True), digest=seed("another hash"))
    wrong("not_last", "unauthentic", "sealed as one of several, handed out as the last", (_seal(whole, 0, 0), 0, True))
    wrong(
        "label", "unauthentic", "sealed for something else", (_seal(whole, 0, 1, label=b"clawchat/1 root\0"), 0, True)
    )
    wrong("file", "unauthentic", "sealed for another file", (_seal(whole, 0, 1, file=OTHER), 0, True))
    wrong("nonce", "unauthentic", "sealed in another place", (_seal(whole, 0, 1, nonce=u32(1) * 3), 0, True))
    wrong("key", "unauthentic", "another key", (good, 0, True), key=seed("another key"))
    wrong("padding", "malformed", "something hidden in the padding", (_seal(flip(whole, -1), 0, 1), 0, True))
    first = (_seal(flip(whole, 1000), 0, 1), 0, True)
    wrong("padding_first", "malformed", "in its first byte", first)
    wrong("size_less", "malformed", "a size that hides the last byte", (good, 0, True), size=999)
    wrong("nothing", "malformed", "no chunk at all")
    wrong("unpadded", "malformed", "a file that was not padded", (_seal(plain, 0, 1), 0, True))
    wrong("size_more", "malformed", "a size of the next step", (good, 0, True), size=4097)


# What is put together wrongly


def _put_together(area):
    size = 2 * CHUNK + 1
    honest = [(0, 0, False), (1, 1, False), (2, 2, True)]

    def given(chunks, changes=None, size=size):
        listed = [
            {"of": of, "file": FILE, "index": index, "last": last, **(changes or {}).get(at, {})}
            for at, (of, index, last) in enumerate(chunks)
        ]
        return {"question": "assemble", **_source(size), "chunks": listed}

    digest = {"sha256": sha256(_plain(size))}
    area.right("assemble_honest", "as it was sealed", given(honest), digest)

    def wrong(name, expect, comment, chunks, **changes):
        changes = {int(at.removeprefix("at")): change for at, change in changes.items()}
        area.wrong(f"assemble_{name}", expect, comment, given(chunks, changes))

    wrong("end_missing", "malformed", "the end is missing", honest[:2])
    wrong("cut_as_whole", "malformed", "the second handed out as the last", [honest[0], (1, 1, True)])
    wrong("begin_missing", "malformed", "the beginning is missing", honest[1:])
    wrong("middle_missing", "malformed", "the middle is missing", [honest[0], honest[2]])
    wrong("middle_skipped", "malformed", "the middle is missing, and nobody is to see it", [honest[0], (2, 1, True)])
    wrong("swapped", "malformed", "two in each other's places", [honest[1], honest[0], honest[2]])
    wrong("swapped_quietly", "unauthentic", "with each other's numbers", [(1, 0, False), (0, 1, False), honest[2]])
    wrong("repeated", "malformed", "one comes twice", [honest[0], honest[0], *honest[1:]])
    wrong("repeated_quietly", "unauthentic", "as the next one", [honest[0], (0, 1, False), honest[2]])
    wrong("data_behind", "malformed", "data behind the end", [*honest, (2, 3, True)])
    wrong("end_twice", "malformed", "two ends", [*honest, honest[2]])
    wrong("end_unmarked", "malformed", "the end without its mark", [*honest[:2], (2, 2, False)])
    wrong("end_early", "malformed", "the mark too early", [honest[0], (1, 1, True), honest[2]])
    wrong("nothing", "malformed", "nothing", [])
    wrong("other_file", "malformed", "a chunk that says it is another file's", honest, at1={"file": OTHER})
    wrong("flipped_first", "unauthentic", "one bit at the beginning", honest, at0={"flip": 0})
    wrong("flipped_tag", "unauthentic", "one bit of the last tag", honest, at2={"flip": -1})
    wrong("flipped_padding", "unauthentic", "one bit of the padding", honest, at2={"flip": 30_000})
    wrong("cut", "malformed", "a chunk without its last byte", honest, at1={"cut": 1})
    wrong("cut_last", "malformed", "the last one without its last byte", honest, at2={"cut": 1})
    wrong("longer", "malformed", "the last one with a byte more", honest, at2={"more": 1})
    for name, other in (("size_less", 98_305), ("size_more", 3 * CHUNK + 1)):
        changed = {**given(honest), "shown_size": other}
        area.wrong(f"assemble_{name}", "malformed", "shown with the size of another step", changed)

"""Our reader of public folders: sans-IO, so the tests carry its requests to the emulator themselves."""

import dataclasses
import json
import os

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from clawchat import mega as reader
from clawchat.mega import file_key, folder
from clawchat.mega.blocks import open_chain, seal_chain
from clawchat.protocol.encoding import parse_base64url
from clawchat.protocol.errors import Malformed, PeerError, TooLarge, Unauthentic, Unavailable, UsageError
from clawchat.protocol.places import MegaFolder, parse_place
from tests.mega.codec import attributes, b64e

FOLDER = MegaFolder("AAAAAAAA", bytes(16))
NAME = "connection.json"


def post(request):
    url, body = request
    return requests.post(url, data=body, timeout=5).content


def read_all(link, name=NAME):
    """The contents of all files of that name, newest first."""
    folder = parse_place(link)
    found = []
    for node in reader.files_named(folder, post(reader.listing_request(folder)), name):
        url, size = reader.download_url(folder, post(reader.download_request(folder, node)))
        data = requests.get(url, timeout=5).content
        assert size == len(data) == node.size
        found.append(reader.decrypt(node, data))
    return found


@pytest.mark.parametrize("size", [1, 15, 16, 17, 4096, 65_536, 131_072])
def test_a_file_of_any_size_is_read(mega, link, size):
    """What the owner put there is read, byte for byte."""
    data = os.urandom(size)

    mega.put_file(link, NAME, data)

    assert read_all(link) == [data]


def test_the_newest_comes_first(mega, link):
    """Of several files of one name the newest by MEGA's clock comes first; other names are passed over."""
    for at, data in [(200, b"middle"), (300, b"newest"), (100, b"oldest")]:
        mega.put_file(link, NAME, data, at=at)
    mega.put_file(link, "revocations.json", b"a list", at=400)

    assert read_all(link) == [b"newest", b"middle", b"oldest"]
    assert read_all(link, "revocations.json") == [b"a list"]


def test_a_file_in_a_folder_below_is_none_of_ours(mega, account, link):
    """Only what lies directly in the folder counts."""
    handle = mega.put_file(link, NAME, b"below")
    _, top = mega.shared(link)
    account.nodes[handle]["p"] = account.add({"t": 1, "p": top, "a": "", "k": ""})["h"]

    assert read_all(link) == []


def test_each_key_of_a_node_is_tried(mega, link):
    """A node that several shares have keys of is opened by ours, wherever it stands."""
    mega.put_file(link, NAME, b"content")
    folder = parse_place(link)
    listing = json.loads(post(reader.listing_request(folder)))
    other = f"BBBBBBBB:{b64e(os.urandom(32))}"
    for node in listing[0]["f"]:
        node["k"] = f"{other}/{node['k']}/{other}/nothing"

    assert len(reader.files_named(folder, json.dumps(listing).encode(), NAME)) == 1


def test_the_wrong_key_reads_nothing(mega, link):
    """A link with another key finds no file."""
    mega.put_file(link, NAME, b"content")

    assert read_all(link.partition("#")[0] + "#" + b64e(bytes(16))) == []


def node_of(data: bytes) -> tuple[reader.Node, bytes]:
    """A node as the reader knows it, and its stored bytes."""
    key = reader.FileKey.for_file(data)
    return reader.Node("AAAAAAAA", len(data), 1, key), key.encrypt(data)


@given(st.binary(min_size=1, max_size=300), st.data())
def test_a_changed_byte_is_seen(data, draw):
    """Whatever byte is changed on its way, the check does not hold."""
    node, stored = node_of(data)
    at = draw.draw(st.integers(0, len(stored) - 1))

    with pytest.raises(Unauthentic):
        reader.decrypt(node, stored[:at] + bytes([stored[at] ^ 0x40]) + stored[at + 1 :])


def test_other_bytes_than_were_stored_are_refused():
    """Too few, too many, none, under another key, under another nonce: never a content."""
    node, stored = node_of(b"some content")
    key = node.key

    for size in (0, 5, len(stored) - 1):
        with pytest.raises(Malformed):
            reader.decrypt(node, stored[:size])
    with pytest.raises(Malformed):
        reader.decrypt(node, stored + b"\0")
    for changed in ({"content": bytes(16)}, {"nonce": bytes(8)}, {"check": bytes(8)}):
        with pytest.raises(Unauthentic):
            reader.decrypt(dataclasses.replace(node, key=dataclasses.replace(key, **changed)), stored)
    with pytest.raises(Malformed):
        reader.decrypt(dataclasses.replace(node, size=131_073), bytes(131_073))
    for wrong in (b"", bytes(131_073)):
        with pytest.raises(UsageError):
            reader.FileKey.for_file(wrong)


@pytest.mark.parametrize("code", [-1, -3, -4, -9, -15, -16, -17, -18, -24, -26, -27, -9999])
@pytest.mark.parametrize("form", ["[%d]", "%d"])
def test_an_error_number_is_named(code, form):
    """Every number, known or not, alone or in a list, is said."""
    for ask in (lambda data: reader.files_named(FOLDER, data, NAME), lambda data: reader.download_url(FOLDER, data)):
        with pytest.raises(Unavailable, match=f"error {code}$"):
            ask((form % code).encode())


@pytest.mark.parametrize(
    "reply",
    [b"", b"<html>", b"null", b"[]", b"[1,2]", b"[0]", b"5", b'"x"', b"[{}]", b'[{"f":1}]', b"[" * 50_000, b"\xff"],
)
def test_what_is_no_answer_is_refused(reply):
    """Pages, other shapes and deep nests are malformed."""
    for ask in (lambda: reader.files_named(FOLDER, reply, NAME), lambda: reader.download_url(FOLDER, reply)):
        with pytest.raises(Malformed):
            ask()


def test_a_long_answer_is_refused():
    """An answer above 64 KiB, or with more nodes than a folder of ours can have, is not looked at."""
    with pytest.raises(TooLarge):
        reader.files_named(FOLDER, b" " * 65_537, NAME)
    with pytest.raises(Malformed):
        reader.files_named(FOLDER, json.dumps([{"f": [1] * 1001}]).encode(), NAME)


def listing(**changes):
    """The answer to a listing with one good file, but for the changes to it."""
    key = reader.FileKey.for_file(b"x")
    sealed = b64e(key.seal(FOLDER.key))
    node = {"h": "BBBBBBBB", "p": "TTTTTTTT", "t": 0, "s": 1, "ts": 5, "k": f"TTTTTTTT:{sealed}"}
    node |= {"a": b64e(key.seal_name(NAME)), **changes}
    return json.dumps([{"f": [{"h": "TTTTTTTT", "p": "none", "t": 1, "k": "", "a": ""}, node]}]).encode()


def test_a_good_node_is_found():
    """The listing that the wrong ones below are made of is right."""
    assert [node.handle for node in reader.files_named(FOLDER, listing(), NAME)] == ["BBBBBBBB"]


@pytest.mark.parametrize(
    "changes",
    [
        {"h": "short"},
        {"h": 'BBBBBBB"'},
        {"h": None},
        {"s": "1"},
        {"s": True},
        {"s": None},
        {"ts": 1.5},
        {"ts": None},
        {"t": 1},
        {"t": None},
        {"p": "BBBBBBBB"},
        {"p": None},
        {"p": []},
        {"h": {}},
        {"k": ""},
        {"k": None},
        {"k": {}},
        {"k": "TTTTTTTT:AAAA"},
        {"k": "///:::"},
        {"a": ""},
        {"a": 7},
        {"a": "AAAA"},
        {"a": "*"},
        {"a": attributes(bytes(16), NAME)},
    ],
    ids=str,
)
def test_a_strange_node_is_passed_over(changes):
    """A node of another shape, or that our key does not open, hides no other and stops nobody."""
    assert reader.files_named(FOLDER, listing(**changes), NAME) == []


@pytest.mark.parametrize(("others", "found"), [(15, 1), (16, 0)])
def test_sixteen_keys_of_a_node_are_tried(others, found):
    """A node with thousands of keys, each of which may open a long name, would cost seconds."""
    node = json.loads(listing())[0]["f"][1]
    key = "/".join([f"BBBBBBBB:{b64e(os.urandom(32))}"] * others + [node["k"]])

    assert len(reader.files_named(FOLDER, listing(k=key, a=node["a"]), NAME)) == found


def named(length):
    """A node's key and attributes of so many bytes that say our name."""
    key = reader.FileKey.for_file(b"x")
    text = b'MEGA{"n":"%s","x":"' % NAME.encode()
    text += b"y" * (length - len(text) - 2) + b'"}'
    return {"k": f"TTTTTTTT:{b64e(key.seal(FOLDER.key))}", "a": b64e(seal_chain(key.content, text))}


@pytest.mark.parametrize(("length", "found"), [(1024, 1), (1040, 0), (32_768, 0)])
def test_long_attributes_are_passed_over(length, found):
    """Nothing of ours has more than 1 KiB."""
    assert len(reader.files_named(FOLDER, listing(**named(length)), NAME)) == found


def test_a_key_that_opens_nothing_costs_one_block(monkeypatch):
    """Whatever else the attributes hold is not opened by it, and they are decoded once for all keys."""
    opened, decoded = [], []
    attributes_text = named(1024)["a"]

    def open_counted(key, data, *start):
        opened.append(len(data))
        return open_chain(key, data, *start)

    def parse_counted(text):
        decoded.append(text)
        return parse_base64url(text)

    monkeypatch.setattr(file_key, "open_chain", open_counted)
    monkeypatch.setattr(folder, "parse_base64url", parse_counted)
    keys = "/".join(f"BBBBBBBB:{b64e(os.urandom(32))}" for _ in range(5))

    assert reader.files_named(FOLDER, listing(k=keys, a=attributes_text), NAME) == []
    assert opened == [16] * 5
    assert decoded.count(attributes_text) == 1


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from("fhptskagx"), inner),
    )
)
def test_any_answer_gives_nodes_or_an_error(value):
    """Nothing that MEGA may say ends in another error than ours."""
    for ask in (lambda data: reader.files_named(FOLDER, data, NAME), lambda data: reader.download_url(FOLDER, data)):
        for shape in (value, [value], [{"f": value}], [{"g": value, "s": value}]):
            try:
                ask(json.dumps(shape).encode())
            except PeerError:
                continue


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://gfs1.userstorage.mega.co.nz/dl/x", True),
        ("https://gfs2.userstorage.mega.nz/dl/x", True),
        ("http://gfs1.userstorage.mega.co.nz/dl/x", False),
        ("https://evil.example/dl/x", False),
        ("https://evilmega.co.nz/dl/x", False),
        ("https://mega.co.nz.evil.example/", False),
        ("https://gfs1.mega.co.nz@evil.example/", False),
        ("https://x:y@gfs1.mega.co.nz/", False),
        ("https://gfs1.mega.co.nz:8443/", False),
        ("http://127.0.0.1/dl/x", False),
        ("file:///etc/passwd", False),
        ("https://[", False),
        ("", False),
    ],
)
def test_nobody_is_sent_elsewhere(url, good):
    """MEGA names its own hosts over HTTPS; an answer that names another is refused."""
    reply = json.dumps([{"g": url, "s": 5}]).encode()

    if good:
        assert reader.download_url(FOLDER, reply) == (url, 5)
    else:
        with pytest.raises(Malformed):
            reader.download_url(FOLDER, reply)


def test_an_emulator_names_itself_alone():
    """A folder on this machine is downloaded from the very place it is at."""
    folder = parse_place("http://127.0.0.1:4000/folder/AAAAAAAA#" + b64e(bytes(16)))

    assert reader.download_url(folder, b'[{"g": "http://127.0.0.1:4000/dl/x", "s": 5}]')[1] == 5
    for other in ("http://127.0.0.1:4001/dl/x", "https://gfs1.userstorage.mega.co.nz/dl/x"):
        with pytest.raises(Malformed):
            reader.download_url(folder, json.dumps([{"g": other, "s": 5}]).encode())


def test_the_folder_itself_is_found(mega, link):
    """Handle and name of what the link shares; another key opens neither."""
    folder = parse_place(link)
    reply = post(reader.listing_request(folder))

    assert reader.folder_itself(folder, reply) == (mega.shared(link)[1], "clawchat")
    with pytest.raises(Unauthentic):
        reader.folder_itself(dataclasses.replace(folder, key=bytes(16)), reply)


def test_no_key_shows():
    """What is printed of a node or its key holds neither."""
    node, _ = node_of(b"content")

    assert node.key.content.hex() not in repr(node) + repr(node.key)
    assert repr(node.key) == "FileKey()"

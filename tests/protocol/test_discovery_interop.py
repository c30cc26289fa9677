"""What a server publishes in one language is found in the other: a newcomer, a handover, full lists, odd places."""

import json
import random
import subprocess
from pathlib import Path

import pytest

from clawchat.protocol.connection_file import (
    AuditHead,
    ConnectionInfo,
    Endpoint,
    RevocationsHead,
    SealedConnectionFile,
    seal_connection_file,
)
from clawchat.protocol.encoding import encode_base64url
from clawchat.protocol.fingerprint import server_id
from clawchat.protocol.invite import Invite
from clawchat.protocol.keys import DiscoverySecret, IdentityKey, PreSharedKey
from clawchat.protocol.places import WebPlace, parse_place
from clawchat.protocol.primitives import random_bytes, sha256
from clawchat.protocol.revocation_list import (
    RevocationKind,
    RevocationList,
    Revoked,
    SealedRevocationList,
    entries_that_fit,
    revoked_id,
    seal_revocation_list,
)
from clawchat.protocol.wraps import join_wraps, make_padding, make_wrap

SCRIPT = Path(__file__).with_name("reader.mjs")
NOW = 1_760_000_000
SECRET, SERVER, SUCCESSOR = DiscoverySecret.generate(), IdentityKey.generate(), IdentityKey.generate()
PSK = PreSharedKey.generate()
LIST = RevocationList(
    NOW,
    NOW,
    (
        Revoked(RevocationKind.DEVICE, revoked_id(b"a phone"), NOW, "Käfers Telefon"),
        Revoked(RevocationKind.IDENTITY, revoked_id(b"a server"), NOW, "stolen", bytes(64)),
    ),
)


def ask(command, **given):
    """The browser's answer."""
    question = json.dumps({"command": command, **given})
    ran = subprocess.run(["node", SCRIPT], input=question, capture_output=True, text=True, check=True, timeout=60)
    return json.loads(ran.stdout)


def info(published_list=b""):
    """A file that names this list."""
    path = "/" + encode_base64url(random_bytes(16))
    return ConnectionInfo(
        serial=NOW,
        server_id=server_id(SERVER.public),
        server_name="Käfer & Co",
        server_public=SERVER.public,
        timestamp=NOW,
        valid_from=NOW,
        valid_until=NOW + 3600,
        next_rotation=NOW + 3000,
        grace_seconds=300,
        endpoints=(Endpoint("chat.example", 54321, path, True, NOW, NOW + 3600, 0.5, "eu"),),
        audit_head=AuditHead(7, random_bytes(32)),
        revocations=RevocationsHead(LIST.serial, sha256(published_list)),
    )


def test_a_newcomer_finds_all_with_an_invite_that_holds_no_secret():
    """Published in Python, found in the browser."""
    published_list = seal_revocation_list(LIST, SECRET, SERVER, NOW)
    said = info(published_list)
    wraps = join_wraps([make_wrap(PSK, SECRET), *(make_padding() for _ in range(15))])
    file = seal_connection_file(said, SECRET, SERVER, NOW, wraps=wraps, successor=SUCCESSOR)
    invite = Invite(None, SERVER.public, bytes(16), PSK, NOW + 60, ("https://chat.example/connection.json",)).encode()

    assert ask("arrive", invite=invite, file=file.hex(), list=published_list.hex()) == {
        "had_secret": False,
        "secret": bytes(SECRET).hex(),
        "inner": said.encode().decode(),
        "matches": True,
        "list": LIST.encode().decode(),
    }


def test_what_javascript_publishes_opens_here():
    """Wraps, both signatures, and the list."""
    said, other = info(), PreSharedKey.generate()
    made = ask(
        "publish",
        inner=said.encode().hex(),
        secret=bytes(SECRET).hex(),
        identity=bytes(SERVER).hex(),
        successor=bytes(SUCCESSOR).hex(),
        psks=[bytes(PSK).hex(), bytes(other).hex()],
        list=LIST.encode().hex(),
        now=NOW,
    )
    sealed = SealedConnectionFile.parse(bytes.fromhex(made["file"]))

    for psk in (PSK, other):
        assert sealed.unwrap([psk], [SUCCESSOR.public]) == SECRET
    assert sealed.open(SECRET, [SUCCESSOR.public, SERVER.public]) == said
    assert SealedRevocationList.parse(bytes.fromhex(made["list"])).open(SECRET, [SUCCESSOR.public]) == LIST


PIECES = [
    *("http", "https", "ftp", "HTTPS", "://", ":", "//", "/", "@", "#", "?", "=", "&", "%41", " ", "\n", "\\", "\t"),
    *(
        "localhost",
        "127.0.0.1",
        "[::1]",
        "[::",
        "]",
        "mega.nz",
        "MEGA.NZ",
        "a.example",
        "ä",
        ".",
        "..",
        "-",
        "~",
        "\u2028",
    ),
    *("80", "0", "65535", "65536", "00080", "folder", "file", "aB3_-xYz", "A" * 22, "A" * 21 + "B", "x" * 300, "٣"),
]
STARTS = ["", "https://a.example", "https://mega.nz/folder/aB3_-xYz#", "http://127.0.0.1:8123/folder/", "http://[::1]"]


@pytest.mark.parametrize("seed", range(3))
def test_both_judge_every_place_alike(seed):
    """Two thousand odd texts, of pieces that matter."""
    draw = random.Random(seed)
    urls = [draw.choice(STARTS) + "".join(draw.choices(PIECES, k=draw.randrange(8))) for _ in range(2000)]

    shown = []
    for place in map(parse_place, urls):
        if isinstance(place, WebPlace):
            shown.append([place.host, place.beside("x")])
        else:
            shown.append(place and [place.host, place.handle, place.key.hex(), place.gateway])
    assert ask("places", urls=urls) == shown
    assert 20 < sum(place is not None for place in shown) < 1980


@pytest.mark.parametrize("length", [0, 60, 128])
def test_both_leave_out_the_same_when_a_list_is_full(length):
    """Whatever is dropped is dropped by one rule."""
    draw = random.Random(length)
    entries = []
    for at in range(700):
        kind = draw.choice(list(RevocationKind))
        statement = bytes(64) if kind is RevocationKind.IDENTITY else b""
        reason = "ß" * draw.randrange(length + 1)
        entries.append(Revoked(kind, revoked_id(at.to_bytes(2)), draw.randrange(50), reason, statement))
    kept = [each.to_members() for each in entries_that_fit(entries)]

    assert ask("fit", entries=[each.to_members() for each in entries]) == kept
    assert len(kept) <= 400

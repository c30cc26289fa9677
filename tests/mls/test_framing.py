"""Framing: layouts, what a signature and a tag cover, and what comes out of a message that somebody touched."""

from dataclasses import replace

import pytest

from clawchat.mls.codec import Reader, u16, u64, vector
from clawchat.mls.commit import Commit
from clawchat.mls.errors import KeyUsed
from clawchat.mls.framing import (
    AuthenticatedContent,
    ContentType,
    FramedContent,
    MLSMessage,
    Sender,
    SenderType,
    WireFormat,
)
from clawchat.mls.key_schedule import GroupContext
from clawchat.mls.private_message import PrivateMessage, SenderData, sender_data_key
from clawchat.mls.proposals import Remove
from clawchat.mls.public_message import PublicMessage
from clawchat.mls.secret_tree import RatchetKind, SecretTree
from clawchat.mls.suite import ROOM_SUITE, X25519_SUITE
from clawchat.protocol.errors import Malformed, Unauthentic, UsageError
from clawchat.protocol.keys import DeviceKey
from tests.mls.members import dice, seed

SUITE = ROOM_SUITE
KEY = DeviceKey(seed("framing"))
PUBLIC = bytes(KEY.public)
CONTEXT = GroupContext(SUITE.number, b"room", 5, b"tree", b"transcript", ())
OTHER_CONTEXT = replace(CONTEXT, tree_hash=b"trea")
SECRET, SENDER_DATA_SECRET, MEMBERSHIP_KEY = (seed(name) * 2 for name in ("encryption", "sender data", "membership"))
SECRET, SENDER_DATA_SECRET = SECRET[:48], SENDER_DATA_SECRET[:48]
PRIVATE, PUBLIC_FORMAT = WireFormat.PRIVATE_MESSAGE, WireFormat.PUBLIC_MESSAGE
CONTENTS = {
    ContentType.APPLICATION: b"payload",
    ContentType.PROPOSAL: Remove(7),
    ContentType.COMMIT: Commit((), None),
}
contents = pytest.mark.parametrize("content_type", list(ContentType), ids=lambda each: each.name)


def framed(content_type=ContentType.APPLICATION, sender=None, **changes):
    """A content of the member at leaf 3."""
    content = FramedContent(b"room", 5, sender or Sender.member(3), b"data", content_type, CONTENTS[content_type])
    return replace(content, **changes)


def signed(content, wire_format=PRIVATE, suite=SUITE):
    """The content with its signature, and a commit with a tag."""
    authenticated = AuthenticatedContent.sign(suite, KEY.sign, wire_format, content, CONTEXT)
    return authenticated.with_tag(b"tag") if content.content_type is ContentType.COMMIT else authenticated


def secret_tree(suite=SUITE):
    """The epoch's, of eight leaves."""
    return SecretTree.make(suite, 8, SECRET[: suite.Nh])


def protect(authenticated, tree=None, **options):
    """The tree after, and the message."""
    return PrivateMessage.protect(
        SUITE, authenticated, tree or secret_tree(), SENDER_DATA_SECRET, dice("guard"), **options
    )


def unprotect(message, tree=None):
    """The tree after, and what it says."""
    return message.unprotect(SUITE, tree or secret_tree(), SENDER_DATA_SECRET)


@pytest.mark.parametrize(
    ("sender", "encoded"),
    [
        (Sender.member(258), "01" + "00000102"),
        (Sender(SenderType.EXTERNAL, 1), "02" + "00000001"),
        (Sender(SenderType.NEW_MEMBER_PROPOSAL), "03"),
        (Sender(SenderType.NEW_MEMBER_COMMIT), "04"),
    ],
)
def test_a_sender_has_one_layout(sender, encoded):
    """RFC 9420 6: an index where there is one."""
    assert sender.encode().hex() == encoded
    reader = Reader(bytes.fromhex(encoded))
    assert Sender.read(reader) == sender
    reader.end()


@pytest.mark.parametrize("encoded", ["00", "05", "01000001", "ff00000001"])
def test_another_sender_is_refused(encoded):
    """A type that does not exist, an index that is cut."""
    with pytest.raises(Malformed, match=r"sender type (0|5|255)$|bytes more"):
        Sender.read(Reader(bytes.fromhex(encoded)))


@pytest.mark.parametrize("sender", [Sender(SenderType.MEMBER), Sender(SenderType.NEW_MEMBER_COMMIT, 3)])
def test_a_sender_with_the_wrong_index_is_not_written(sender):
    """A mistake of ours."""
    with pytest.raises(UsageError):
        sender.encode()


@contents
def test_a_framed_content_has_one_layout(content_type):
    """RFC 9420 6: application data is a vector, proposals and commits stand as they are."""
    body = {1: "07" + b"payload".hex(), 2: "0003" + "00000007", 3: "00" + "00"}[content_type]
    encoded = "04" + b"room".hex() + "0000000000000005" + "0100000003" + "04" + b"data".hex()
    encoded += f"{content_type:02x}" + body
    content = framed(content_type)

    assert content.encode().hex() == encoded
    reader = Reader(bytes.fromhex(encoded))
    assert FramedContent.read(reader) == content
    reader.end()


@pytest.mark.parametrize("number", [0, 4, 255])
def test_another_content_type_is_refused(number):
    """Public and private."""
    encoded = framed().encode().replace(b"data\1", b"data" + bytes([number]))
    with pytest.raises(Malformed, match=f"content type {number}"):
        FramedContent.read(Reader(encoded))
    body = vector(b"room") + u64(5) + bytes([number]) + b"\0\0\0"
    with pytest.raises(Malformed):
        PrivateMessage.parse(body)


@contents
@pytest.mark.parametrize("wire_format", [PRIVATE, PUBLIC_FORMAT])
def test_what_a_signature_covers(content_type, wire_format):
    """FramedContentTBS: version, wire format, content, and the context when a member speaks (RFC 9420 6.1)."""
    authenticated = signed(framed(content_type), wire_format)
    expected = u16(1) + u16(wire_format) + framed(content_type).encode() + CONTEXT.encode()

    assert authenticated.tbs(CONTEXT) == expected
    SUITE.verify_with_label(PUBLIC, "FramedContentTBS", expected, authenticated.signature)
    authenticated.verify(SUITE, PUBLIC, CONTEXT)
    for changed in (
        replace(authenticated, wire_format=PRIVATE if wire_format is PUBLIC_FORMAT else PUBLIC_FORMAT),
        replace(authenticated, content=framed(content_type, epoch=6)),
        replace(authenticated, content=framed(content_type, group_id=b"another")),
        replace(authenticated, content=framed(content_type, authenticated_data=b"date")),
        replace(authenticated, content=framed(content_type, sender=Sender.member(4))),
        replace(authenticated, signature=b""),
    ):
        with pytest.raises(Unauthentic):
            changed.verify(SUITE, PUBLIC, CONTEXT)
    with pytest.raises(Unauthentic):
        authenticated.verify(SUITE, PUBLIC, OTHER_CONTEXT)
    with pytest.raises(Unauthentic):
        authenticated.verify(SUITE, bytes(DeviceKey(seed("another")).public), CONTEXT)


@pytest.mark.parametrize(
    ("sender", "in_context"),
    [
        (Sender.member(3), True),
        (Sender(SenderType.NEW_MEMBER_COMMIT), True),
        (Sender(SenderType.EXTERNAL, 0), False),
        (Sender(SenderType.NEW_MEMBER_PROPOSAL), False),
    ],
)
def test_who_signs_the_context(sender, in_context):
    """Members and who joins by a commit (RFC 9420 6.1)."""
    content = framed(ContentType.PROPOSAL, sender)
    tbs = AuthenticatedContent(PUBLIC_FORMAT, content, b"").tbs(CONTEXT)

    assert tbs == u16(1) + u16(1) + content.encode() + (CONTEXT.encode() if in_context else b"")


@contents
def test_authenticated_content_has_one_layout(content_type):
    """Wire format, content, signature, and the tag of a commit; its hashes are taken over these bytes."""
    authenticated = signed(framed(content_type))
    tag = b"\3tag" if content_type is ContentType.COMMIT else b""
    start = u16(2) + framed(content_type).encode() + vector(authenticated.signature)

    assert authenticated.auth() == vector(authenticated.signature) + tag
    assert authenticated.encode() == start + tag
    assert authenticated.confirmed_input() == start
    assert authenticated.ref(SUITE) == SUITE.ref_hash("MLS 1.0 Proposal Reference", authenticated.encode())
    reader = Reader(authenticated.encode())
    assert AuthenticatedContent.read(reader) == authenticated
    reader.end()
    for wire_format in (0, 3, 4, 5):
        with pytest.raises(Malformed, match=f"wire format {wire_format}"):
            AuthenticatedContent.read(Reader(u16(wire_format) + authenticated.encode()[2:]))


def test_a_tag_belongs_to_a_commit():
    """A commit without one, and anything else with one, is a mistake of ours."""
    for wrong in (
        replace(signed(framed(ContentType.COMMIT)), confirmation_tag=None),
        signed(framed()).with_tag(b"tag"),
    ):
        with pytest.raises(UsageError):
            wrong.auth()


@pytest.mark.parametrize("wire_format", list(WireFormat))
def test_the_envelope(wire_format):
    """u16 version, u16 wire format, and the rest."""
    message = MLSMessage(wire_format, b"body")

    assert message.encode() == b"\0\1\0" + bytes([wire_format]) + b"body"
    assert MLSMessage.parse(message.encode()) == message


@pytest.mark.parametrize("data", [b"", b"\0\1\0", b"\0\0\0\1body", b"\0\2\0\1body", b"\0\1\0\0body", b"\0\1\0\6body"])
def test_another_envelope_is_refused(data):
    """Another version or wire format, or half of it."""
    with pytest.raises(Malformed):
        MLSMessage.parse(data)


@contents
def test_a_private_message_comes_back(content_type):
    """What was signed, from the leaf that sent it; the ratchet has moved at both ends."""
    authenticated = signed(framed(content_type))
    sent, message = protect(authenticated)
    body = message.encode()
    received, opened = unprotect(PrivateMessage.parse(body))

    assert opened == authenticated
    opened.verify(SUITE, PUBLIC, CONTEXT)
    kind = RatchetKind.APPLICATION if content_type is ContentType.APPLICATION else RatchetKind.HANDSHAKE
    other = RatchetKind.HANDSHAKE if kind is RatchetKind.APPLICATION else RatchetKind.APPLICATION
    assert sent == received
    assert (sent.next_generation(3, kind), sent.next_generation(3, other)) == (1, 0)
    head = vector(b"room") + u64(5) + bytes([content_type]) + vector(b"data")
    assert body == head + vector(message.encrypted_sender_data) + vector(message.ciphertext)
    with pytest.raises(KeyUsed):
        unprotect(message, received)


def test_a_senders_next_message_has_the_next_key():
    """Each leaf and kind counts for itself."""
    tree, messages = secret_tree(), []
    for leaf, content_type in ((3, 1), (3, 1), (4, 1), (3, 2), (3, 3), (3, 1)):
        content = framed(ContentType(content_type), Sender.member(leaf))
        tree, message = protect(signed(content), tree)
        messages.append((message, leaf))
    kinds = (RatchetKind.APPLICATION, RatchetKind.HANDSHAKE)
    counts = [tree.next_generation(leaf, kind) for leaf in (3, 4) for kind in kinds]
    assert counts == [3, 2, 1, 0]
    received = secret_tree()
    for message, leaf in messages:
        received, opened = unprotect(message, received)
        assert opened.content.sender == Sender.member(leaf)
    assert received == tree


@contents
def test_a_private_message_is_the_rfcs(content_type):
    """Keys, nonces, guard, associated data and padding, opened by hand (RFC 9420 6.3.1, 6.3.2)."""
    authenticated = signed(framed(content_type))
    _, message = protect(authenticated)
    sample = message.ciphertext[:48]
    key = SUITE.expand_with_label(SENDER_DATA_SECRET, "key", sample, 32)
    nonce = SUITE.expand_with_label(SENDER_DATA_SECRET, "nonce", sample, 12)
    assert sender_data_key(SUITE, SENDER_DATA_SECRET, message.ciphertext) == (key, nonce)
    head = vector(b"room") + u64(5) + bytes([content_type])
    guard = dice("guard")(4)
    assert SUITE.open(key, nonce, message.encrypted_sender_data, head) == b"\0\0\0\3" + bytes(4) + guard

    kind = RatchetKind.APPLICATION if content_type is ContentType.APPLICATION else RatchetKind.HANDSHAKE
    _, key, nonce = secret_tree().key(3, kind, 0)
    nonce = bytes(a ^ b for a, b in zip(nonce, guard + bytes(8), strict=True))
    plaintext = SUITE.open(key, nonce, message.ciphertext, head + vector(b"data"))
    body = {1: b"\7payload", 2: b"\0\3\0\0\0\7", 3: b"\0\0"}[content_type]
    expected = body + authenticated.auth()
    assert plaintext == expected + bytes(256 - len(expected))


@pytest.mark.parametrize(("size", "padded"), [(0, 256), (188, 256), (189, 512), (444, 512), (445, 768)])
def test_content_is_padded_in_steps(size, padded):
    """To a multiple of 256 bytes: a text of up to 188 bytes is one step (protocol.md 4.4)."""
    _, message = protect(signed(framed(content=b"x" * size)))

    assert len(message.ciphertext) == padded + 16
    assert unprotect(message)[1].content.content == b"x" * size


@pytest.mark.parametrize("step", [1, 64, 1024])
def test_receivers_take_any_number_of_zeros(step):
    """How much a sender pads is the sender's affair."""
    _, message = protect(signed(framed()), padding_step=step)

    assert unprotect(message)[1] == signed(framed())


def forged(plaintext, sender_data=None):
    """A message whose seals are right, around whatever a member puts into them."""
    _, key, nonce = secret_tree().key(3, RatchetKind.APPLICATION, 0)
    head = vector(b"room") + u64(5) + b"\1"
    ciphertext = SUITE.seal(key, nonce, plaintext, head + vector(b"data"))
    data_key, data_nonce = sender_data_key(SUITE, SENDER_DATA_SECRET, ciphertext)
    sender_data = SenderData(3, 0, bytes(4)).encode() if sender_data is None else sender_data
    sealed = SUITE.seal(data_key, data_nonce, sender_data, head)
    return PrivateMessage(b"room", 5, ContentType.APPLICATION, b"data", sealed, ciphertext)


CONTENT = b"\7payload" + signed(framed()).auth()


def test_a_forged_message_of_the_right_form_opens():
    """Otherwise the tests below would refuse for another reason."""
    assert unprotect(forged(CONTENT))[1] == signed(framed())


@pytest.mark.parametrize(
    "plaintext",
    [
        CONTENT + b"\1",
        CONTENT + bytes(100) + b"\1",
        CONTENT + b"\1" + bytes(100),
        CONTENT[:-1],
        b"",
        bytes(256),
        b"\x40\x07payload" + signed(framed()).auth(),
    ],
    ids=["behind", "after padding", "before padding", "cut", "empty", "zeros", "long-form length"],
)
def test_content_that_does_not_read_is_refused(plaintext):
    """Padding that is not zero, content that is cut, a second spelling. (Zeros are an empty text and no signature.)"""
    if plaintext == bytes(256):
        with pytest.raises(Unauthentic):
            unprotect(forged(plaintext))[1].verify(SUITE, PUBLIC, CONTEXT)
        return
    with pytest.raises(Malformed):
        unprotect(forged(plaintext))


def test_padding_is_zero_and_nothing_else():
    """Any other byte would be a second spelling, and a channel."""
    for byte in range(1, 256):
        with pytest.raises(Malformed, match="padding"):
            unprotect(forged(CONTENT + bytes([byte])))


@pytest.mark.parametrize("sender_data", [b"", bytes(11), bytes(13), SenderData(8, 0, bytes(4)).encode()])
def test_sender_data_that_does_not_read_is_refused(sender_data):
    """Twelve bytes that name a leaf of the tree."""
    with pytest.raises(Malformed):
        unprotect(forged(CONTENT, sender_data))


@pytest.mark.parametrize("generation", [1, 2, 1000])
def test_sender_data_of_another_generation_opens_nothing(generation):
    """The key is another one; beyond the bound there is none."""
    with pytest.raises(Unauthentic):
        unprotect(forged(CONTENT, SenderData(3, generation, bytes(4)).encode()))
    with pytest.raises(KeyUsed):
        unprotect(forged(CONTENT, SenderData(3, generation + 1000, bytes(4)).encode()))


@contents
@pytest.mark.parametrize("field", ["group_id", "epoch", "content_type", "authenticated_data"])
def test_the_clear_part_is_authenticated(content_type, field):
    """Every field before the ciphertext is associated data."""
    _, message = protect(signed(framed(content_type)))
    other = {
        "group_id": b"roon",
        "epoch": 6,
        "content_type": ContentType.COMMIT if content_type is not ContentType.COMMIT else ContentType.PROPOSAL,
        "authenticated_data": b"date",
    }
    with pytest.raises(Unauthentic):
        unprotect(replace(message, **{field: other[field]}))


@pytest.mark.parametrize("place", [0, 47, 48, 100, -17, -1])
def test_a_damaged_message_opens_nothing(place):
    """A bit of the ciphertext or of the sender data."""
    _, message = protect(signed(framed()))
    damaged = bytearray(message.ciphertext)
    damaged[place] ^= 1
    with pytest.raises(Unauthentic):
        unprotect(replace(message, ciphertext=bytes(damaged)))
    damaged = bytearray(message.encrypted_sender_data)
    damaged[place % len(damaged)] ^= 1
    with pytest.raises(Unauthentic):
        unprotect(replace(message, encrypted_sender_data=bytes(damaged)))
    with pytest.raises(Unauthentic):
        unprotect(replace(message, ciphertext=b""))


@pytest.mark.parametrize("sender", [Sender(SenderType.NEW_MEMBER_COMMIT), Sender(SenderType.EXTERNAL, 3)])
def test_only_members_encrypt(sender):
    """Nobody else has keys."""
    with pytest.raises(UsageError, match="only members encrypt"):
        protect(signed(framed(ContentType.PROPOSAL, sender)))


def test_a_private_message_is_read_to_its_end():
    """Neither less nor more."""
    body = protect(signed(framed()))[1].encode()
    for size in (*range(0, len(body), 19), len(body) - 1):
        with pytest.raises(Malformed):
            PrivateMessage.parse(body[:size])
    with pytest.raises(Malformed):
        PrivateMessage.parse(body + b"\0")


@pytest.mark.parametrize("content_type", [ContentType.PROPOSAL, ContentType.COMMIT])
def test_a_members_public_message_has_a_membership_tag(content_type):
    """HMAC over everything signed and the signature (RFC 9420 6.2)."""
    authenticated = signed(framed(content_type), PUBLIC_FORMAT)
    message = PublicMessage.protect(SUITE, authenticated, MEMBERSHIP_KEY, CONTEXT)
    tag = SUITE.mac(MEMBERSHIP_KEY, authenticated.tbs(CONTEXT) + authenticated.auth())

    assert message.encode() == authenticated.content.encode() + authenticated.auth() + vector(tag)
    parsed = PublicMessage.parse(message.encode())
    assert parsed == message
    assert parsed.unprotect(SUITE, MEMBERSHIP_KEY, CONTEXT) == authenticated
    for wrong, key, context in (
        (replace(message, membership_tag=tag[:-1]), MEMBERSHIP_KEY, CONTEXT),
        (replace(message, membership_tag=b""), MEMBERSHIP_KEY, CONTEXT),
        (message, b"another key", CONTEXT),
        (message, MEMBERSHIP_KEY, OTHER_CONTEXT),
        (replace(message, authenticated=replace(authenticated, signature=b"")), MEMBERSHIP_KEY, CONTEXT),
    ):
        with pytest.raises(Unauthentic):
            wrong.unprotect(SUITE, key, context)


@pytest.mark.parametrize("sender", [Sender(SenderType.NEW_MEMBER_COMMIT), Sender(SenderType.EXTERNAL, 3)])
def test_nobody_else_has_one(sender):
    """An external commit ends with its confirmation tag."""
    authenticated = signed(framed(ContentType.COMMIT, sender), PUBLIC_FORMAT)
    message = PublicMessage.protect(SUITE, authenticated, MEMBERSHIP_KEY, CONTEXT)

    assert message.encode() == authenticated.content.encode() + authenticated.auth()
    assert PublicMessage.parse(message.encode()).unprotect(SUITE, MEMBERSHIP_KEY, CONTEXT) == authenticated
    with pytest.raises(Malformed):
        PublicMessage.parse(message.encode() + vector(b"tag"))


def test_application_data_is_never_public():
    """It reads, as the RFC's syntax has it, and goes no further; nor do we make any (RFC 9420 6)."""
    authenticated = signed(framed(), PUBLIC_FORMAT)
    with pytest.raises(UsageError, match="always encrypted"):
        PublicMessage.protect(SUITE, authenticated, MEMBERSHIP_KEY, CONTEXT)
    tag = SUITE.mac(MEMBERSHIP_KEY, authenticated.tbs(CONTEXT) + authenticated.auth())
    message = PublicMessage.parse(PublicMessage(authenticated, tag).encode())
    with pytest.raises(Malformed, match="application data that is not encrypted"):
        message.unprotect(SUITE, MEMBERSHIP_KEY, CONTEXT)


def test_suite_1_frames_alike():
    """Its hash is shorter, so its sample is, too."""
    authenticated = AuthenticatedContent.sign(X25519_SUITE, KEY.sign, PRIVATE, framed(), CONTEXT)
    tree, secret = secret_tree(X25519_SUITE), SENDER_DATA_SECRET[:32]
    _, message = PrivateMessage.protect(X25519_SUITE, authenticated, tree, secret, dice("guard"))

    assert message.unprotect(X25519_SUITE, tree, secret)[1] == authenticated
    key = X25519_SUITE.expand_with_label(secret, "key", message.ciphertext[:32], 16)
    assert sender_data_key(X25519_SUITE, secret, message.ciphertext)[0] == key

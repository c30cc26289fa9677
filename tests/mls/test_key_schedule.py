"""The key schedule, the transcript and pre-shared keys against RFC 9420 8, written out step by step."""

import pytest

from clawchat.mls import key_schedule
from clawchat.mls.codec import Reader, u16, u64
from clawchat.mls.key_schedule import GroupContext, KeySchedule
from clawchat.mls.nodes import Extension
from clawchat.mls.psk import PreSharedKeyID, PSKType, psk_secret
from clawchat.mls.suite import ROOM_SUITE, X25519_SUITE
from clawchat.mls.transcript import confirmed_transcript_hash, interim_transcript_hash
from clawchat.protocol.errors import Malformed, Unauthentic, UsageError

CONTEXT = GroupContext(0xF04E, b"room", 258, b"tree", b"transcript", (Extension(3, b"abc"),))
ENCODED = "0001" + "f04e" + "04" + b"room".hex() + "0000000000000102" + "04" + b"tree".hex() + "0a"
ENCODED += b"transcript".hex() + "06" + "0003" + "03" + b"abc".hex()
SECRET = bytes(range(48))
SCHEDULE, ENCRYPTION_SECRET = KeySchedule.derive(ROOM_SUITE, SECRET)


def test_a_group_context_has_one_layout():
    """RFC 9420 8.1; another version is refused, and so is an extension that comes twice."""
    assert CONTEXT.encode().hex() == ENCODED
    reader = Reader(bytes.fromhex(ENCODED))
    assert GroupContext.read(reader) == CONTEXT
    reader.end()
    with pytest.raises(Malformed, match="version"):
        GroupContext.read(Reader(b"\0\2" + bytes.fromhex(ENCODED)[2:]))
    for size in range(len(ENCODED) // 2):
        with pytest.raises(Malformed):
            GroupContext.read(Reader(bytes.fromhex(ENCODED)[:size]))


@pytest.mark.parametrize("suite", [ROOM_SUITE, X25519_SUITE], ids=repr)
def test_from_commit_to_epoch(suite):
    """Figure 22: extract, joiner, extract, welcome and epoch; the context is in joiner and epoch."""
    init, commit, psk = b"init", b"commit", b"psk"
    joiner = suite.expand_with_label(suite.extract(init, commit), "joiner", CONTEXT.encode(), suite.Nh)
    member = suite.extract(joiner, psk)

    assert key_schedule.joiner_secret(suite, init, commit, CONTEXT) == joiner
    assert key_schedule.welcome_secret(suite, joiner, psk) == suite.derive_secret(member, "welcome")
    epoch = suite.expand_with_label(member, "epoch", CONTEXT.encode(), suite.Nh)
    assert key_schedule.epoch_secret(suite, joiner, psk, CONTEXT) == epoch


def test_the_secrets_of_an_epoch():
    """Table 4, each under its own label."""
    derived = {
        "sender_data_secret": "sender data",
        "exporter_secret": "exporter",
        "external_secret": "external",
        "confirmation_key": "confirm",
        "membership_key": "membership",
        "resumption_psk": "resumption",
        "epoch_authenticator": "authentication",
        "init_secret": "init",
    }
    for name, label in derived.items():
        assert getattr(SCHEDULE, name) == ROOM_SUITE.derive_secret(SECRET, label), name
    assert ROOM_SUITE.derive_secret(SECRET, "encryption") == ENCRYPTION_SECRET


def test_the_exporter():
    """RFC 9420 8.5: a secret for the label, then one for the hash of the context."""
    secret = ROOM_SUITE.derive_secret(SCHEDULE.exporter_secret, "clawchat/1 signals")
    expected = ROOM_SUITE.expand_with_label(secret, "exported", ROOM_SUITE.hash(b"context"), 32)

    assert SCHEDULE.export("clawchat/1 signals", b"context", 32) == expected
    assert len(SCHEDULE.export("a", b"", 48)) == 48
    with pytest.raises(UsageError):
        SCHEDULE.export("a", b"", 49)


def test_the_confirmation_tag():
    """HMAC of the transcript under the epoch's confirmation key; whoever has another key has another tag."""
    tag = SCHEDULE.confirmation_tag(b"transcript")

    assert tag == ROOM_SUITE.mac(SCHEDULE.confirmation_key, b"transcript")
    SCHEDULE.check_confirmation_tag(b"transcript", tag)
    for transcript, given in ((b"other", tag), (b"transcript", tag[:-1]), (b"transcript", b"")):
        with pytest.raises(Unauthentic):
            SCHEDULE.check_confirmation_tag(transcript, given)


def test_an_external_init_secret_arrives():
    """Both ends of RFC 9420 8.3 have one secret, made to the external key of the epoch."""
    pair = SCHEDULE.external_key_pair()
    assert pair == ROOM_SUITE.derive_key_pair(SCHEDULE.external_secret)
    kem_output, secret = key_schedule.send_external_init(ROOM_SUITE, pair.public)

    assert len(secret) == 48
    assert key_schedule.receive_external_init(ROOM_SUITE, SCHEDULE.external_secret, kem_output) == secret
    label = b"MLS 1.0 external init secret"
    assert ROOM_SUITE.hpke.export_receiver(pair.secret, kem_output, b"", label, 48) == secret
    for wrong in (kem_output[:-1], b""):
        with pytest.raises(Malformed):
            key_schedule.receive_external_init(ROOM_SUITE, SCHEDULE.external_secret, wrong)
    with pytest.raises(Malformed):
        key_schedule.send_external_init(ROOM_SUITE, b"\xff" * 1216)


def test_a_schedule_comes_back_from_storage():
    """Eight secrets in their order; the encryption secret is not among them, and nothing shows."""
    encoded = SCHEDULE.encode()
    reader = Reader(encoded)

    assert KeySchedule.read(ROOM_SUITE, reader) == SCHEDULE
    reader.end()
    assert len(encoded) == 8 * 48
    assert ENCRYPTION_SECRET not in encoded
    assert repr(SCHEDULE) == "KeySchedule(...)"
    with pytest.raises(Malformed):
        KeySchedule.read(ROOM_SUITE, Reader(encoded[:-1]))


def test_the_transcript():
    """RFC 9420 8.2: the interim hash before the commit, the tag behind the confirmed one."""
    confirmed = confirmed_transcript_hash(ROOM_SUITE, b"interim", b"input")

    assert confirmed == ROOM_SUITE.hash(b"interiminput")
    assert interim_transcript_hash(ROOM_SUITE, confirmed, b"tag") == ROOM_SUITE.hash(confirmed + b"\3tag")


EXTERNAL = PreSharedKeyID(PSKType.EXTERNAL, b"id", 0, b"", 0, b"nonce")
RESUMPTION = PreSharedKeyID(PSKType.RESUMPTION, b"", 2, b"room", 7, b"nonce")


@pytest.mark.parametrize(
    ("identifier", "encoded"),
    [
        (EXTERNAL, b"\1\2id\5nonce"),
        (RESUMPTION, b"\2\2\4room" + u64(7) + b"\5nonce"),
    ],
    ids=["external", "resumption"],
)
def test_a_psk_id_has_one_layout(identifier, encoded):
    """RFC 9420 8.4."""
    assert identifier.encode() == encoded
    reader = Reader(encoded)
    assert PreSharedKeyID.read(reader) == identifier
    reader.end()


@pytest.mark.parametrize("encoded", [b"\0\2id\5nonce", b"\3\2id\5nonce", b"\2\0\4room", b"\2\4\4room" + bytes(20)])
def test_another_psk_type_or_usage_is_refused(encoded):
    """Types are 1 and 2, usages 1 to 3."""
    with pytest.raises(Malformed, match="PSK"):
        PreSharedKeyID.read(Reader(encoded))


def test_pre_shared_keys_are_mixed_in_their_order():
    """RFC 9420 8.4: none is a secret of zeros; each is bound to its place and to how many there are."""
    suite, zeros = ROOM_SUITE, bytes(48)
    expected = zeros
    for index, (identifier, psk) in enumerate(((EXTERNAL, b"one"), (RESUMPTION, b"two"))):
        label = identifier.encode() + u16(index) + u16(2)
        psk_input = suite.expand_with_label(suite.extract(zeros, psk), "derived psk", label, 48)
        expected = suite.extract(psk_input, expected)

    assert psk_secret(suite, ()) == zeros
    assert psk_secret(suite, ((EXTERNAL, b"one"), (RESUMPTION, b"two"))) == expected
    assert psk_secret(suite, ((RESUMPTION, b"two"), (EXTERNAL, b"one"))) != expected

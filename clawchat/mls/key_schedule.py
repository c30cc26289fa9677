"""The key schedule: from one epoch's secrets to the next one's (RFC 9420 8)."""

from dataclasses import dataclass
from typing import Self

from clawchat.mls import labels
from clawchat.mls.codec import Reader, u16, u64, vector, vector_of
from clawchat.mls.nodes import VERSION, Extension, read_extensions
from clawchat.mls.suite import CipherSuite, KeyPair
from clawchat.protocol.errors import Malformed


@dataclass(frozen=True, slots=True)
class GroupContext:
    """What all members agree on (RFC 9420 8.1)."""

    cipher_suite: int
    group_id: bytes
    epoch: int
    tree_hash: bytes
    confirmed_transcript_hash: bytes
    extensions: tuple[Extension, ...]

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Raises: malformed (a version but 1, too)."""
        version = reader.u16()
        if version != VERSION:
            raise Malformed(f"MLS version {version}")
        cipher_suite, group_id, epoch = reader.u16(), reader.vector(), reader.u64()
        return cls(cipher_suite, group_id, epoch, reader.vector(), reader.vector(), read_extensions(reader))

    def encode(self) -> bytes:
        """u16 version | u16 cipher_suite | group_id<V> | u64 epoch | tree_hash<V> | confirmed_transcript_hash<V>
        | extensions<V>
        """
        return (
            u16(VERSION)
            + u16(self.cipher_suite)
            + vector(self.group_id)
            + u64(self.epoch)
            + vector(self.tree_hash)
            + vector(self.confirmed_transcript_hash)
            + vector_of(self.extensions)
        )


def joiner_secret(suite: CipherSuite, init_secret: bytes, commit_secret: bytes, context: GroupContext) -> bytes:
    """What a Welcome carries: the last epoch's init secret and the commit's, bound to the new context."""
    extracted = suite.extract(init_secret, commit_secret)
    return suite.expand_with_label(extracted, labels.JOINER, context.encode(), suite.Nh)


def welcome_secret(suite: CipherSuite, joiner: bytes, psk_secret: bytes) -> bytes:
    """What a Welcome's GroupInfo is sealed under."""
    return suite.derive_secret(suite.extract(joiner, psk_secret), labels.WELCOME_SECRET)


def epoch_secret(suite: CipherSuite, joiner: bytes, psk_secret: bytes, context: GroupContext) -> bytes:
    """What all secrets of the new epoch come from."""
    member_secret = suite.extract(joiner, psk_secret)
    return suite.expand_with_label(member_secret, labels.EPOCH, context.encode(), suite.Nh)


def receive_external_init(suite: CipherSuite, external_secret: bytes, kem_output: bytes) -> bytes:
    """The init secret that an external commit carries (RFC 9420 8.3).

    Raises: malformed (the KEM output).
    """
    secret = suite.derive_key_pair(external_secret).secret
    return suite.hpke.export_receiver(secret, kem_output, b"", labels.EXTERNAL_INIT.encode("ascii"), suite.Nh)


def send_external_init(suite: CipherSuite, external_pub: bytes) -> tuple[bytes, bytes]:
    """A fresh KEM output and the init secret in it (RFC 9420 8.3).

    Raises: malformed (the public key).
    """
    return suite.hpke.export_sender(external_pub, b"", labels.EXTERNAL_INIT.encode("ascii"), suite.Nh)


@dataclass(frozen=True, slots=True)
class KeySchedule:
    """One epoch's secrets, each of Nh bytes, but for the encryption secret, which the secret tree takes over."""

    suite: CipherSuite
    sender_data_secret: bytes
    exporter_secret: bytes
    external_secret: bytes
    confirmation_key: bytes
    membership_key: bytes
    resumption_psk: bytes
    epoch_authenticator: bytes
    init_secret: bytes

    def __repr__(self) -> str:
        return "KeySchedule(...)"

    @classmethod
    def derive(cls, suite: CipherSuite, epoch: bytes) -> tuple[Self, bytes]:
        """The schedule of this epoch secret, and its encryption secret."""
        schedule = cls(suite, *(suite.derive_secret(epoch, label) for label in _LABELS))
        return schedule, suite.derive_secret(epoch, labels.ENCRYPTION)

    def external_key_pair(self) -> KeyPair:
        """What an external commit is made to (RFC 9420 8.3)."""
        return self.suite.derive_key_pair(self.external_secret)

    def confirmation_tag(self, confirmed_transcript_hash: bytes) -> bytes:
        """The proof that a committer knows this epoch (RFC 9420 6.1), Nh bytes."""
        return self.suite.mac(self.confirmation_key, confirmed_transcript_hash)

    def check_confirmation_tag(self, confirmed_transcript_hash: bytes, tag: bytes) -> None:
        """Nothing, when the tag is this epoch's.

        Raises: unauthentic.
        """
        self.suite.check_mac(self.confirmation_key, confirmed_transcript_hash, tag)

    def export(self, label: str, context: bytes, length: int) -> bytes:
        """MLS-Exporter (RFC 9420 8.5), up to Nh bytes."""
        suite = self.suite
        secret = suite.derive_secret(self.exporter_secret, label)
        return suite.expand_with_label(secret, labels.EXPORTED, suite.hash(context), length)

    def encode(self) -> bytes:
        """The eight secrets in their order, Nh bytes each; to be stored, sealed."""
        return b"".join(getattr(self, name) for name in _FIELDS)

    @classmethod
    def read(cls, suite: CipherSuite, reader: Reader) -> Self:
        """What `encode` made.

        Raises: malformed.
        """
        return cls(suite, *(reader.take(suite.Nh) for _ in _FIELDS))


_FIELDS = (
    "sender_data_secret",
    "exporter_secret",
    "external_secret",
    "confirmation_key",
    "membership_key",
    "resumption_psk",
    "epoch_authenticator",
    "init_secret",
)
_LABELS = (
    labels.SENDER_DATA,
    labels.EXPORTER,
    labels.EXTERNAL,
    labels.CONFIRM,
    labels.MEMBERSHIP,
    labels.RESUMPTION,
    labels.AUTHENTICATION,
    labels.INIT,
)

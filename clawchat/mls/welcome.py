"""Welcome: the new epoch's secret for those who were added, each part sealed to one key package.

RFC 9420 12.4.3.1
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self

from clawchat.mls import labels
from clawchat.mls.codec import Reader, optional, u16, vector, vector_of
from clawchat.mls.commit import HPKECiphertext
from clawchat.mls.errors import Invalid
from clawchat.mls.group_info import GroupInfo
from clawchat.mls.key_package import KeyPackage, KeyPackageSecrets
from clawchat.mls.key_schedule import welcome_secret
from clawchat.mls.psk import PreSharedKeyID
from clawchat.mls.suite import CipherSuite


@dataclass(frozen=True, slots=True)
class GroupSecrets:
    """What one newcomer is told; the path secret is that of the lowest node it shares with the committer."""

    joiner_secret: bytes = field(repr=False)
    path_secret: bytes | None = field(repr=False)
    psks: tuple[PreSharedKeyID, ...] = ()

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The secrets in these bytes and nothing else.

        Raises: malformed.
        """
        reader = Reader(data)
        secrets = cls(reader.vector(), reader.optional(Reader.vector), reader.vector_of(PreSharedKeyID.read))
        reader.end()
        return secrets

    def encode(self) -> bytes:
        """`joiner_secret<V> | optional path_secret<V> | psks<V>`."""
        path = vector(self.path_secret) if self.path_secret is not None else None
        return vector(self.joiner_secret) + optional(path) + vector_of(self.psks)


@dataclass(frozen=True, slots=True)
class EncryptedGroupSecrets:
    """A newcomer's part; `new_member` is its KeyPackageRef."""

    new_member: bytes
    encrypted_group_secrets: HPKECiphertext

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """The next one.

        Raises: malformed.
        """
        return cls(reader.vector(), HPKECiphertext.read(reader))

    def encode(self) -> bytes:
        """`new_member<V> | encrypted_group_secrets`."""
        return vector(self.new_member) + self.encrypted_group_secrets.encode()


@dataclass(frozen=True, slots=True)
class Welcome:
    """RFC 9420 12.4.3.1."""

    cipher_suite: int
    secrets: tuple[EncryptedGroupSecrets, ...]
    encrypted_group_info: bytes

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """The next one.

        Raises: malformed.
        """
        return cls(reader.u16(), reader.vector_of(EncryptedGroupSecrets.read), reader.vector())

    def encode(self) -> bytes:
        """`u16 cipher_suite | secrets<V> | encrypted_group_info<V>`."""
        return u16(self.cipher_suite) + vector_of(self.secrets) + vector(self.encrypted_group_info)

    def open_secrets(self, suite: CipherSuite, ours: KeyPackageSecrets) -> GroupSecrets:
        """What it tells the owner of this key package.

        Raises: invalid (welcome-suite, not-for-us); malformed; unauthentic.
        """
        if self.cipher_suite != suite.number or ours.package.cipher_suite != suite.number:
            raise Invalid("welcome-suite")
        reference = ours.package.ref(suite)
        found = next((each for each in self.secrets if each.new_member == reference), None)
        if found is None:
            raise Invalid("not-for-us")
        sealed, context = found.encrypted_group_secrets, self.encrypted_group_info
        return GroupSecrets.parse(
            suite.decrypt_with_label(ours.init_secret, labels.WELCOME, context, sealed.kem_output, sealed.ciphertext)
        )

    def open_group_info(self, suite: CipherSuite, joiner_secret: bytes, psk_secret: bytes) -> GroupInfo:
        """The GroupInfo in it; its signature is checked with its tree.

        Raises: malformed; unauthentic.
        """
        key, nonce = _key_and_nonce(suite, joiner_secret, psk_secret)
        return GroupInfo.parse(suite.open(key, nonce, self.encrypted_group_info, b""))


def make_welcome(
    suite: CipherSuite,
    packages: Sequence[KeyPackage],
    joiner_secret: bytes,
    group_info: GroupInfo,
    path_secret: Callable[[int], bytes | None],
    psk_secret: bytes,
) -> Welcome:
    """The Welcome for these key packages; path_secret: what the newcomer of that place in the list learns of the path.

    RFC 9420 12.4.3.1
    """
    key, nonce = _key_and_nonce(suite, joiner_secret, psk_secret)
    sealed = suite.seal(key, nonce, group_info.encode(), b"")
    secrets = []
    for place, package in enumerate(packages):
        plaintext = GroupSecrets(joiner_secret, path_secret(place)).encode()
        ciphertext = HPKECiphertext(*suite.encrypt_with_label(package.init_key, labels.WELCOME, sealed, plaintext))
        secrets.append(EncryptedGroupSecrets(package.ref(suite), ciphertext))
    return Welcome(suite.number, tuple(secrets), sealed)


def _key_and_nonce(suite: CipherSuite, joiner_secret: bytes, psk_secret: bytes) -> tuple[bytes, bytes]:
    """The key is used once, so the nonce may be derived like it."""
    secret = welcome_secret(suite, joiner_secret, psk_secret)
    key = suite.expand_with_label(secret, labels.KEY, b"", suite.Nk)
    return key, suite.expand_with_label(secret, labels.NONCE, b"", suite.Nn)

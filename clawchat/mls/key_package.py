"""Key packages: how somebody is added who is away (RFC 9420 10)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from clawchat.mls import labels
from clawchat.mls.codec import Reader, u8, u16, vector, vector_of
from clawchat.mls.errors import Invalid
from clawchat.mls.member import Member
from clawchat.mls.nodes import VERSION, Extension, LeafNode, LeafNodeSource, Lifetime, read_extensions
from clawchat.mls.suite import CipherSuite
from clawchat.protocol.errors import UnsupportedVersion

# How long a key package may be used, and how far clocks may differ; seconds. Spec: 4.5
LIFETIME_SECONDS = 2_592_000
CLOCK_SKEW_SECONDS = 3600
_SECRETS_VERSION = 1


@dataclass(frozen=True, slots=True)
class KeyPackage:
    """RFC 9420 10."""

    version: int
    cipher_suite: int
    init_key: bytes
    leaf_node: LeafNode
    extensions: tuple[Extension, ...]
    signature: bytes

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Raises: malformed."""
        version, cipher_suite, init_key = reader.u16(), reader.u16(), reader.vector()
        return cls(version, cipher_suite, init_key, LeafNode.read(reader), read_extensions(reader), reader.vector())

    def encode(self) -> bytes:
        """The signed fields and signature<V>."""
        return self._tbs() + vector(self.signature)

    def verify(self, suite: CipherSuite) -> None:
        """Nothing, when the package may be added to a group of this suite (RFC 9420 10.1).

        Its lifetime is for whoever adds it to judge, not for those who see it added.
        Raises: invalid (package-version, package-suite, package-source, init-key); malformed (a key that nobody may
        seal to); unauthentic.
        """
        if self.version != VERSION:
            raise Invalid("package-version")
        if self.cipher_suite != suite.number:
            raise Invalid("package-suite")
        if self.leaf_node.leaf_node_source is not LeafNodeSource.KEY_PACKAGE:
            raise Invalid("package-source")
        if self.init_key == self.leaf_node.encryption_key:
            raise Invalid("init-key")
        suite.check_public_key(self.init_key)
        suite.check_public_key(self.leaf_node.encryption_key)
        self.leaf_node.verify(suite, b"", 0)
        signature_key = self.leaf_node.signature_key
        suite.verify_with_label(signature_key, labels.KEY_PACKAGE_TBS, self._tbs(), self.signature)

    def ref(self, suite: CipherSuite) -> bytes:
        """The KeyPackageRef (RFC 9420 5.2), Nh bytes."""
        return suite.ref_hash(labels.KEY_PACKAGE_REFERENCE, self.encode())

    def _tbs(self) -> bytes:
        """u16 version | u16 cipher_suite | init_key<V> | leaf_node | extensions<V>."""
        fields = u16(self.version) + u16(self.cipher_suite) + vector(self.init_key) + self.leaf_node.encode()
        return fields + vector_of(self.extensions)


@dataclass(frozen=True, slots=True)
class KeyPackageSecrets:
    """A key package of this device, and what opens a Welcome made for it."""

    package: KeyPackage
    init_secret: bytes
    leaf_secret: bytes

    def __repr__(self) -> str:
        return "KeyPackageSecrets(...)"

    def encode(self) -> bytes:
        """u8 1 | key_package<V> | init_secret<V> | leaf_secret<V>; to be stored, sealed."""
        parts = (self.package.encode(), self.init_secret, self.leaf_secret)
        return u8(_SECRETS_VERSION) + b"".join(vector(part) for part in parts)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """What `encode` made.

        Raises: malformed; unsupported_version.
        """
        reader = Reader(data)
        version = reader.u8()
        if version != _SECRETS_VERSION:
            raise UnsupportedVersion(f"key package secrets version {version}")
        package = Reader(reader.vector())
        secrets = cls(KeyPackage.read(package), reader.vector(), reader.vector())
        package.end()
        reader.end()
        return secrets


def make_key_package(
    member: Member, now: int, random: Callable[[int], bytes], extensions: tuple[Extension, ...] = ()
) -> KeyPackageSecrets:
    """A fresh key package; `now` in seconds since 1970. It lasts thirty days.

    Spec: 4.5
    """
    suite = member.suite
    init, leaf = (suite.derive_key_pair(random(suite.Nh)) for _ in range(2))
    lifetime = Lifetime(now - CLOCK_SKEW_SECONDS, now + LIFETIME_SECONDS)
    leaf_node = member.leaf(LeafNodeSource.KEY_PACKAGE, leaf.public, lifetime=lifetime)
    unsigned = KeyPackage(VERSION, suite.number, init.public, leaf_node, extensions, b"")
    signature = suite.sign_with_label(member.sign, labels.KEY_PACKAGE_TBS, unsigned._tbs())
    package = KeyPackage(VERSION, suite.number, init.public, leaf_node, extensions, signature)
    return KeyPackageSecrets(package, init.secret, leaf.secret)

"""This device as MLS sees it."""

from dataclasses import dataclass, field

from clawchat.mls.nodes import (
    VERSION,
    Capabilities,
    Credential,
    CredentialType,
    Extension,
    ExtensionType,
    LeafNode,
    LeafNodeSource,
    Lifetime,
)
from clawchat.mls.suite import CipherSuite, Signer


@dataclass(frozen=True, slots=True)
class Member:
    """A device: its suite, what its credential says, its signature key, and what signs for it."""

    suite: CipherSuite
    identity: bytes
    signature_key: bytes
    sign: Signer = field(repr=False)
    capabilities: Capabilities | None = None

    def leaf(
        self,
        source: LeafNodeSource,
        encryption_key: bytes,
        *,
        group_id: bytes = b"",
        leaf_index: int = 0,
        lifetime: Lifetime | None = None,
        parent_hash: bytes | None = None,
        extensions: tuple[Extension, ...] = (),
    ) -> LeafNode:
        """A signed leaf of this device. Source key_package wants a lifetime, commit a parent hash (RFC 9420 7.2)."""
        unsigned = LeafNode(
            encryption_key,
            self.signature_key,
            Credential(CredentialType.BASIC, self.identity),
            self.capabilities or profile_capabilities(self.suite.number),
            source,
            lifetime,
            parent_hash,
            extensions,
            b"",
        )
        return unsigned.sign(self.suite, self.sign, group_id, leaf_index)


def profile_capabilities(cipher_suite: int) -> Capabilities:
    """What each of our leaves says it speaks: our two extensions, and nothing that is not needed.

    Spec: 4.10
    """
    extensions = (ExtensionType.ROLES, ExtensionType.VOUCHER)
    return Capabilities((VERSION,), (cipher_suite,), extensions, (), (CredentialType.BASIC,))

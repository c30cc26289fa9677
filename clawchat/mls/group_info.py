"""GroupInfo: a group's public state, signed by a member, for those who are about to join.

RFC 9420 12.4.3
"""

from dataclasses import dataclass, replace
from typing import Self

from clawchat.mls import labels
from clawchat.mls.codec import Reader, u32, vector, vector_of
from clawchat.mls.errors import Invalid
from clawchat.mls.key_schedule import GroupContext
from clawchat.mls.nodes import Extension, ExtensionType, find_extension, read_extensions
from clawchat.mls.ratchet_tree import RatchetTree
from clawchat.mls.suite import CipherSuite, Signer
from clawchat.mls.tree_hash import root_hash


@dataclass(frozen=True, slots=True)
class GroupInfo:
    """RFC 9420 12.4.3. `signer` is a leaf index."""

    group_context: GroupContext
    extensions: tuple[Extension, ...]
    confirmation_tag: bytes
    signer: int
    signature: bytes = b""

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """The next one.

        Raises: malformed.
        """
        return cls(GroupContext.read(reader), read_extensions(reader), reader.vector(), reader.u32(), reader.vector())

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The one in these bytes and nothing else.

        Raises: malformed.
        """
        reader = Reader(data)
        group_info = cls.read(reader)
        reader.end()
        return group_info

    def encode(self) -> bytes:
        """`group_context | extensions<V> | confirmation_tag<V> | u32 signer | signature<V>`."""
        return self._tbs() + vector(self.signature)

    def sign(self, suite: CipherSuite, signer: Signer) -> Self:
        """The same, signed."""
        return replace(self, signature=suite.sign_with_label(signer, labels.GROUP_INFO_TBS, self._tbs()))

    def tree(self, suite: CipherSuite, given: bytes | None = None) -> RatchetTree:
        """The group's tree, from the extension or as it was given beside it, when its hash is the context's and the
        signer in it signed this.

        Raises: invalid (no-tree, tree-hash, leaf-blank); malformed; unauthentic.
        RFC 9420 12.4.3.1
        """
        encoded = given if given is not None else find_extension(self.extensions, ExtensionType.RATCHET_TREE)
        if encoded is None:
            raise Invalid("no-tree")
        tree = RatchetTree.parse(suite, encoded)
        if root_hash(tree) != self.group_context.tree_hash:
            raise Invalid("tree-hash")
        self.verify(suite, tree.member(self.signer).signature_key)
        return tree

    def verify(self, suite: CipherSuite, signature_key: bytes) -> None:
        """Nothing, when this key signed it.

        Raises: unauthentic.
        """
        suite.verify_with_label(signature_key, labels.GROUP_INFO_TBS, self._tbs(), self.signature)

    def external_pub(self) -> bytes:
        """What an external commit is made to.

        Raises: invalid (no-external-pub); malformed.
        RFC 9420 12.4.3.2
        """
        data = find_extension(self.extensions, ExtensionType.EXTERNAL_PUB)
        if data is None:
            raise Invalid("no-external-pub")
        reader = Reader(data)
        key = reader.vector()
        reader.end()
        return key

    def _tbs(self) -> bytes:
        return (
            self.group_context.encode() + vector_of(self.extensions) + vector(self.confirmation_tag) + u32(self.signer)
        )


def external_pub_extension(key: bytes) -> Extension:
    """The extension of a GroupInfo that lets others join by themselves (RFC 9420 12.4.3.2)."""
    return Extension(ExtensionType.EXTERNAL_PUB, vector(key))


def ratchet_tree_extension(tree: RatchetTree) -> Extension:
    """The extension of a GroupInfo that carries the whole tree (RFC 9420 12.4.3.3)."""
    return Extension(ExtensionType.RATCHET_TREE, tree.encode())

"""Messages that only the group's members read (RFC 9420 6.3)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from clawchat.mls import labels
from clawchat.mls.codec import Reader, u8, u32, u64, vector
from clawchat.mls.framing import (
    AuthenticatedContent,
    ContentType,
    FramedContent,
    Sender,
    SenderType,
    WireFormat,
    encode_content,
    read_content,
    read_content_type,
)
from clawchat.mls.secret_tree import RatchetKind, SecretTree
from clawchat.mls.suite import CipherSuite
from clawchat.protocol.errors import Malformed, UsageError

# Content is filled with zeros to a multiple of this many bytes. Spec: 4.4
PADDING_STEP = 256
_REUSE_GUARD_BYTES = 4


@dataclass(frozen=True, slots=True)
class SenderData:
    """Who sent it and which of the sender's keys it is under (RFC 9420 6.3.2)."""

    leaf_index: int
    generation: int
    reuse_guard: bytes

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Raises: malformed."""
        reader = Reader(data)
        sender_data = cls(reader.u32(), reader.u32(), reader.take(_REUSE_GUARD_BYTES))
        reader.end()
        return sender_data

    def encode(self) -> bytes:
        """u32 leaf_index | u32 generation | reuse_guard[4]."""
        return u32(self.leaf_index) + u32(self.generation) + self.reuse_guard


@dataclass(frozen=True, slots=True)
class PrivateMessage:
    """RFC 9420 6.3."""

    group_id: bytes
    epoch: int
    content_type: ContentType
    authenticated_data: bytes
    encrypted_sender_data: bytes
    ciphertext: bytes

    @classmethod
    def protect(
        cls,
        suite: CipherSuite,
        authenticated: AuthenticatedContent,
        secret_tree: SecretTree,
        sender_data_secret: bytes,
        random: Callable[[int], bytes],
        padding_step: int = PADDING_STEP,
    ) -> tuple[SecretTree, Self]:
        """The tree without the key that was used, and the message.

        Raises: usage (a sender that is no member).
        """
        content = authenticated.content
        leaf_index = content.sender.index
        if content.sender.sender_type is not SenderType.MEMBER or leaf_index is None:
            raise UsageError("only members encrypt")
        kind = _ratchet_kind(content.content_type)
        generation = secret_tree.next_generation(leaf_index, kind)
        secret_tree, key, nonce = secret_tree.key(leaf_index, kind, generation)
        sender_data = SenderData(leaf_index, generation, random(_REUSE_GUARD_BYTES))

        head = _head(content.group_id, content.epoch, content.content_type)
        plaintext = encode_content(content.content) + authenticated.auth()
        plaintext += bytes(-len(plaintext) % padding_step)
        associated_data = head + vector(content.authenticated_data)
        ciphertext = suite.seal(key, _guarded(nonce, sender_data.reuse_guard), plaintext, associated_data)

        data_key, data_nonce = sender_data_key(suite, sender_data_secret, ciphertext)
        encrypted_sender_data = suite.seal(data_key, data_nonce, sender_data.encode(), head)
        return secret_tree, cls(
            content.group_id,
            content.epoch,
            content.content_type,
            content.authenticated_data,
            encrypted_sender_data,
            ciphertext,
        )

    def unprotect(
        self, suite: CipherSuite, secret_tree: SecretTree, sender_data_secret: bytes
    ) -> tuple[SecretTree, AuthenticatedContent]:
        """The tree without the key that was used, and what the message says; its signature is still to be verified.

        Raises: unauthentic; key_used; malformed (content that does not read, padding that is not zero).
        """
        head = _head(self.group_id, self.epoch, self.content_type)
        data_key, data_nonce = sender_data_key(suite, sender_data_secret, self.ciphertext)
        sender_data = SenderData.parse(suite.open(data_key, data_nonce, self.encrypted_sender_data, head))
        leaf_index, kind = sender_data.leaf_index, _ratchet_kind(self.content_type)
        secret_tree, key, nonce = secret_tree.key(leaf_index, kind, sender_data.generation)

        associated_data = head + vector(self.authenticated_data)
        nonce = _guarded(nonce, sender_data.reuse_guard)
        reader = Reader(suite.open(key, nonce, self.ciphertext, associated_data))
        content = FramedContent(
            self.group_id,
            self.epoch,
            Sender.member(leaf_index),
            self.authenticated_data,
            self.content_type,
            read_content(reader, self.content_type),
        )
        authenticated = AuthenticatedContent.read_auth(reader, WireFormat.PRIVATE_MESSAGE, content)
        if reader.rest().strip(b"\0"):
            raise Malformed("padding that is not zero")
        return secret_tree, authenticated

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """The message in the body of an MLSMessage.

        Raises: malformed.
        """
        reader = Reader(body)
        group_id, epoch, content_type = reader.vector(), reader.u64(), read_content_type(reader)
        message = cls(group_id, epoch, content_type, reader.vector(), reader.vector(), reader.vector())
        reader.end()
        return message

    def encode(self) -> bytes:
        """group_id<V> | u64 epoch | u8 content_type | authenticated_data<V> | encrypted_sender_data<V>
        | ciphertext<V>
        """
        head = _head(self.group_id, self.epoch, self.content_type) + vector(self.authenticated_data)
        return head + vector(self.encrypted_sender_data) + vector(self.ciphertext)


def sender_data_key(suite: CipherSuite, sender_data_secret: bytes, ciphertext: bytes) -> tuple[bytes, bytes]:
    """The key and nonce of the sender data, from a sample of the ciphertext (RFC 9420 6.3.2)."""
    sample = ciphertext[: suite.Nh]
    key = suite.expand_with_label(sender_data_secret, labels.KEY, sample, suite.Nk)
    return key, suite.expand_with_label(sender_data_secret, labels.NONCE, sample, suite.Nn)


def _head(group_id: bytes, epoch: int, content_type: ContentType) -> bytes:
    """SenderDataAAD, and the beginning of PrivateContentAAD."""
    return vector(group_id) + u64(epoch) + u8(content_type)


def _ratchet_kind(content_type: ContentType) -> RatchetKind:
    return RatchetKind.APPLICATION if content_type is ContentType.APPLICATION else RatchetKind.HANDSHAKE


def _guarded(nonce: bytes, reuse_guard: bytes) -> bytes:
    """The nonce with the reuse guard over its first bytes: a state that was cloned does not repeat a nonce."""
    first = int.from_bytes(nonce[:_REUSE_GUARD_BYTES], "big") ^ int.from_bytes(reuse_guard, "big")
    return first.to_bytes(_REUSE_GUARD_BYTES, "big") + nonce[_REUSE_GUARD_BYTES:]

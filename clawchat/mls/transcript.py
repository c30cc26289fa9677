"""The transcript: each epoch hashes the commits that led to it (RFC 9420 8.2)."""

from clawchat.mls.codec import vector
from clawchat.mls.suite import CipherSuite


def confirmed_transcript_hash(suite: CipherSuite, interim_hash: bytes, confirmed_input: bytes) -> bytes:
    """The transcript with one commit more: `AuthenticatedContent.confirmed_input` after the interim hash before."""
    return suite.hash(interim_hash + confirmed_input)


def interim_transcript_hash(suite: CipherSuite, confirmed_hash: bytes, confirmation_tag: bytes) -> bytes:
    """The transcript with that commit's confirmation tag."""
    return suite.hash(confirmed_hash + vector(confirmation_tag))

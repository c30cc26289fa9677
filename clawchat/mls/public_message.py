"""Messages that are signed but not encrypted (RFC 9420 6.2). Rooms take external commits in this form, nothing else."""

from dataclasses import dataclass
from typing import Self

from clawchat.mls.codec import Reader, vector
from clawchat.mls.framing import AuthenticatedContent, ContentType, FramedContent, SenderType, WireFormat
from clawchat.mls.key_schedule import GroupContext
from clawchat.mls.suite import CipherSuite
from clawchat.protocol.errors import Malformed, UsageError


@dataclass(frozen=True, slots=True)
class PublicMessage:
    """`membership_tag` is a member's proof to belong to the epoch; the others have none."""

    authenticated: AuthenticatedContent
    membership_tag: bytes | None

    @classmethod
    def protect(
        cls, suite: CipherSuite, authenticated: AuthenticatedContent, membership_key: bytes, context: GroupContext
    ) -> Self:
        """The message; a member's gets its tag.

        Raises: usage (application data, which is always encrypted).
        """
        if authenticated.content.content_type is ContentType.APPLICATION:
            raise UsageError("application data is always encrypted")
        if authenticated.content.sender.sender_type is not SenderType.MEMBER:
            return cls(authenticated, None)
        return cls(authenticated, suite.mac(membership_key, _tbm(authenticated, context)))

    def unprotect(self, suite: CipherSuite, membership_key: bytes, context: GroupContext) -> AuthenticatedContent:
        """What it says; its signature is still to be verified.

        Raises: unauthentic (a member's tag); malformed (application data, which is always encrypted).
        """
        if self.authenticated.content.content_type is ContentType.APPLICATION:
            raise Malformed("application data that is not encrypted")
        if self.membership_tag is not None:
            suite.check_mac(membership_key, _tbm(self.authenticated, context), self.membership_tag)
        return self.authenticated

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """The message in the body of an MLSMessage.

        Raises: malformed.
        """
        reader = Reader(body)
        content = FramedContent.read(reader)
        authenticated = AuthenticatedContent.read_auth(reader, WireFormat.PUBLIC_MESSAGE, content)
        tag = reader.vector() if content.sender.sender_type is SenderType.MEMBER else None
        reader.end()
        return cls(authenticated, tag)

    def encode(self) -> bytes:
        """content | auth | membership_tag<V> of a member."""
        tag = b"" if self.membership_tag is None else vector(self.membership_tag)
        return self.authenticated.content.encode() + self.authenticated.auth() + tag


def _tbm(authenticated: AuthenticatedContent, context: GroupContext) -> bytes:
    """AuthenticatedContentTBM."""
    return authenticated.tbs(context) + authenticated.auth()

"""What can go wrong between a client and the network, beside what the protocol's own errors say."""

from clawchat.protocol.errors import ClawChatError, Unauthentic, UnknownPeer

TEXT_SHOWN = 200


class Unreachable(ClawChatError):
    """No mirror has a usable connection file, or nobody answers at the places that it names."""

    code = "unreachable"


class ConnectionLost(ClawChatError):
    """The connection ended, in good order or not; what was unanswered may be asked again on another one."""

    code = "connection_lost"


class IdentityReplaced(UnknownPeer):
    """The server handed over to another identity while this device was away: it needs a new invitation."""

    code = "identity_replaced"


class InvitationRefused(Unauthentic):
    """A port does not take the invitation: it was used already, or cancelled."""


def plain_text(text: str) -> str:
    """What a server says, fit to be shown, also on a terminal: without control characters, and not for ever."""
    return "".join(letter for letter in text[:TEXT_SHOWN] if letter.isprintable())

"""Which of the files that places gave is to be believed; one that lies keeps nobody from the others. No I/O.

Spec: 3.8
"""

from collections.abc import Collection, Iterable

from clawchat.protocol.connection_file import ConnectionInfo, choose_freshest
from clawchat.protocol.errors import ClawChatError, Forked, PeerError, UnknownPeer

from .errors import Unreachable

# The file to go on with, if there is one, and what spoke against others.
Weighed = tuple[ConnectionInfo | None, list[tuple[ConnectionInfo, PeerError]]]


def weigh(infos: Iterable[ConnectionInfo], *, last_serial: int, last_digest: bytes, now: int) -> Weighed:
    """The newest file that contradicts nothing, None when none is left; and what spoke against others.

    The last two are what was believed last. Units: now in seconds since 1970.
    """
    candidates = list(infos)
    refused: list[tuple[ConnectionInfo, PeerError]] = []
    left: list[ConnectionInfo] = []
    for info in candidates:
        try:
            choose_freshest([info], last_serial=last_serial, last_digest=last_digest, now=now)
            # The one in hand is known; of two new ones nobody can tell which is true.
            if (
                info.serial != last_serial
                and len({each.digest for each in candidates if each.serial == info.serial}) > 1
            ):
                raise Forked(f"two files with serial {info.serial}", {"serial": info.serial})
        except PeerError as error:
            refused.append((info, error))
        else:
            left.append(info)
    if not left:
        return None, refused
    return choose_freshest(left, last_serial=last_serial, last_digest=last_digest, now=now), refused


def why_none(causes: Collection[ClawChatError]) -> ClawChatError:
    """What to say when no place had a file to believe; each place has its cause.

    That our server's own file is not for us says more than what a foreign one caused, and that more than silence.
    """
    wrong = [cause for cause in causes if not isinstance(cause, Unreachable)]
    wrong.sort(key=lambda cause: not isinstance(cause, UnknownPeer))
    return wrong[0] if wrong else Unreachable(f"none of {len(causes)} places has a connection file of this server")

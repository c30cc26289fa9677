"""What this library refuses, beside Malformed (bytes of a wrong shape) and Unauthentic (a signature, tag or seal).

Spec: 4.4, 4.10
"""

from clawchat.protocol.errors import PeerError


class Invalid(PeerError):
    """It reads and verifies, but a rule forbids it. `reason` is a short name, the same in both languages."""

    code = "invalid"

    def __init__(self, reason: str, text: str = "") -> None:
        super().__init__(text or reason)
        self.reason = reason


class EpochGone(PeerError):
    """An epoch that is not held: past, or still to come."""

    code = "epoch_gone"


class KeyUsed(PeerError):
    """A message key that is not there: used, no longer kept, or further ahead than the ratchet goes."""

    code = "key_used"

"""What MEGA's error numbers mean for a mirror: try again at once, try again later, or tell the operator."""

from discovery.mirrors.base import MirrorError

# The same request may do after a pause: congestion, too many calls, a part of MEGA that is away.
AT_ONCE = frozenset({-1, -3, -4, -6, -18, -19})
# Trying again later may do: an upload that broke, a target that expired.
LATER = AT_ONCE | {-5, -7, -8, -13, -20, -21}
NOT_FOUND, NOT_ALLOWED, NO_SESSION, TWO_FACTOR = -9, -11, -15, -26
FULL = "has no room left in this account; delete something there"
# By the number, and for one of them by the command: what the operator can do.
REMEDIES = {
    NOT_FOUND: "does not have the shared folder any more; share one again and enter its link",
    NOT_ALLOWED: "does not let this account write there; share a folder of this account and enter its link",
    -14: "cannot use the key of this folder; share it again in MEGA's web client and enter its link",
    NO_SESSION: "ended the session",
    -16: "has blocked this account; log in on its website and do what it says there",
    -17: FULL,
    -24: FULL,
    TWO_FACTOR: "wants the account's two-factor code; enter a fresh one",
}
WRONG_PASSWORD = "does not know this e-mail address and password; enter them again"  # noqa: S105  (a sentence)
UNKNOWN = "refuses this; log in on its website and see whether it says why"


class Refused(MirrorError):
    """MEGA answered a command with an error number."""

    def __init__(self, command: str, number: int) -> None:
        self.command, self.number = command, number
        if number in LATER:
            super().__init__(f"MEGA is busy or broken (error {number}); it is tried again.")
            return
        is_login = command == "us" and number == NOT_FOUND
        remedy = WRONG_PASSWORD if is_login else REMEDIES.get(number, UNKNOWN)
        super().__init__(f"MEGA {remedy} (error {number}).", needs_operator=True)

    @property
    def may_do_at_once(self) -> bool:
        """Whether the same request may be made again after a pause."""
        return self.number in AT_ONCE

"""How a refusal says when to try again."""

import math

# A text names no longer wait than clients keep: what is not over by then is refused again.
LONGEST_SECONDS = 3600


def retry_text(seconds: float, why: str) -> str:
    """The text of `too_fast` and `limit`: whole seconds first, at least 1, for clients; then the reason, for people.

    Spec: 3.13
    """
    whole = max(1, math.ceil(min(seconds, LONGEST_SECONDS)))
    return f"{whole} seconds until a next try makes sense: {why}"

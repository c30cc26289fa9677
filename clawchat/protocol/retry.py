"""When to try again, as a refusal says it.

Spec: 3.13
"""


def retry_seconds(text: str) -> int:
    """The whole seconds that the text of `too_fast` or `limit` begins with; 0 when it begins with none.

    Sizes: at most five digits count as a number.
    Spec: 3.13
    """
    first = text.split(" ", 1)[0]
    return int(first) if first.isascii() and first.isdecimal() and len(first) < 6 else 0

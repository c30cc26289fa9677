"""The cipher suites: what each adds to X25519, who offers which, and who takes which.

Both have the same AEAD, hash and signature; 0x0002 mixes ML-KEM-768 into every shared secret, 0x0001 does not.
Spec: 3.3, 3.4, 3.7
"""

from collections.abc import Collection

from clawchat.protocol.errors import Malformed, UnsupportedVersion

SUITE_X25519 = 0x0001
SUITE_X25519_MLKEM768 = 0x0002
# All there are, the preferred one first.
SUITES = (SUITE_X25519_MLKEM768, SUITE_X25519)

_MLKEM_KEY_BYTES = {SUITE_X25519: 0, SUITE_X25519_MLKEM768: 1184}
_MLKEM_CIPHERTEXT_BYTES = {SUITE_X25519: 0, SUITE_X25519_MLKEM768: 1088}


def allowed_suites(pq_required: bool) -> tuple[int, ...]:
    """What one side's own policy allows, the preferred one first: with `pq_required` none without ML-KEM.

    Spec: 3.7
    """
    return (SUITE_X25519_MLKEM768,) if pq_required else SUITES


def suites_to_offer(pq_required: bool, listed: Collection[int]) -> tuple[int, ...]:
    """What a client offers a server whose file in force lists these suites, the preferred one first.

    A file raises the client's own floor and never lowers it.
    Raises: unsupported_version (no suite is left).
    Spec: 3.7
    """
    offered = tuple(suite for suite in allowed_suites(pq_required) if suite in listed)
    if offered:
        return offered
    theirs, ours = _shown(listed), _shown(allowed_suites(pq_required))
    raise UnsupportedVersion(f"the server takes {theirs}, and this side asks for {ours}: its operator has to update it")


def choose_suite(pq_required: bool, offered: Collection[int]) -> int:
    """What a server takes of a client's offer: the client's order does not matter.

    Raises: unsupported_version (none of it is allowed here).
    Spec: 3.3
    """
    for suite in allowed_suites(pq_required):
        if suite in offered:
            return suite
    raise UnsupportedVersion(f"client offers {_shown(offered)}")


def check_mlkem_key(suite: int, key: bytes) -> None:
    """Nothing, when an encapsulation key has this suite's size: 1184 bytes, or none without ML-KEM.

    Raises: malformed.
    """
    _check(key, _MLKEM_KEY_BYTES[suite], "key")


def check_mlkem_ciphertext(suite: int, ciphertext: bytes) -> None:
    """Nothing, when a ciphertext has this suite's size: 1088 bytes, or none without ML-KEM.

    Raises: malformed.
    """
    _check(ciphertext, _MLKEM_CIPHERTEXT_BYTES[suite], "ciphertext")


def _check(data: bytes, size: int, what: str) -> None:
    if len(data) != size:
        raise Malformed(f"ML-KEM {what} of {len(data)} bytes, expected {size}")


def _shown(suites: Collection[int]) -> str:
    return ", ".join(f"{suite:#06x}" for suite in suites) or "no suite"

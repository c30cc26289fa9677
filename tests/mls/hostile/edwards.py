"""Ed25519 with points that honest keys never have: a part of order 8 in the public key or in R (RFC 8032 5.1).

Verifiers that multiply by the cofactor take such signatures and others do not; ours must judge alike. Slow and not
secret: for cases only.
"""

import hashlib
from collections.abc import Iterator
from itertools import count

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
# A point of order 8 and the neutral element, as keys and as R of a signature.
SMALL_ORDER = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
NEUTRAL = b"\1" + bytes(31)
Point = tuple[int, int]
BASE: Point = (
    15112221349535400772501151409588531511454012693041857206046113283949847762202,
    46316835694926478169428394003475163141307993866256225615783033603165251855960,
)


def add(one: Point, other: Point) -> Point:
    """The sum of two points."""
    (x1, y1), (x2, y2) = one, other
    product = D * x1 * x2 * y1 * y2 % P
    return (
        (x1 * y2 + x2 * y1) * pow(1 + product, -1, P) % P,
        (y1 * y2 + x1 * x2) * pow(1 - product, -1, P) % P,
    )


def multiply(scalar: int, point: Point) -> Point:
    """So many times the point."""
    result: Point = (0, 1)
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point, scalar = add(point, point), scalar >> 1
    return result


def encode(point: Point) -> bytes:
    """y, and the sign of x."""
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def decode(data: bytes) -> Point:
    """The point of these bytes."""
    number = int.from_bytes(data, "little")
    y = number & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    return (P - x if x & 1 != number >> 255 else x), y


EIGHTH = decode(SMALL_ORDER)


class OddSigner:
    """A key pair with a part of order 8 in the public key, or in each R.

    fits: the signatures hold without the cofactor, too.
    """

    def __init__(self, seed: bytes, *, odd_key: bool, odd_r: bool, fits: bool) -> None:
        self._scalar = int.from_bytes(hashlib.sha512(seed).digest()[:32], "little") % ORDER
        self._odd_r, self._fits = odd_r, fits
        # The parts of order 8 cancel out for this challenge modulo 8.
        self._even = 7 if odd_key and odd_r else 0
        honest = multiply(self._scalar, BASE)
        self.public = encode(add(honest, EIGHTH) if odd_key else honest)

    def sign(self, message: bytes) -> bytes:
        """The first signature of the wanted kind."""
        return next(self._signatures(message))

    def _signatures(self, message: bytes) -> Iterator[bytes]:
        for number in count(1):
            digest = hashlib.sha512(b"nonce" + number.to_bytes(4, "big") + self.public + message).digest()
            nonce = int.from_bytes(digest, "little") % ORDER
            point = multiply(nonce, BASE)
            r = encode(add(point, EIGHTH) if self._odd_r else point)
            challenge = int.from_bytes(hashlib.sha512(r + self.public + message).digest(), "little") % ORDER
            if (challenge % 8 == self._even) is self._fits:
                yield r + ((nonce + challenge * self._scalar) % ORDER).to_bytes(32, "little")

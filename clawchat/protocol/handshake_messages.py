"""The bytes of H1, H2 and H3: parsed and written here, judged in the two handshake machines.

Spec: 3.3
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Self

from clawchat.protocol.encoding import Reader, encode_tlvs, parse_text, parse_tlvs, u8, u16, u64, v16
from clawchat.protocol.errors import Malformed, TooLarge, UnsupportedVersion, UsageError
from clawchat.protocol.key_schedule import PREFIXES
from clawchat.protocol.keys import DevicePublic, EncapsulationKey, ExchangePublic, IdentityPublic
from clawchat.protocol.limits import H1_MAX_BYTES, H2_MAX_BYTES, H3_MAX_BYTES, MAX_SUITES
from clawchat.protocol.primitives import sha256
from clawchat.protocol.suites import (
    SUITE_X25519,
    SUITE_X25519_MLKEM768,
    SUITES,
    check_mlkem_ciphertext,
    check_mlkem_key,
)

PROTOCOL_VERSION = 0x0100

HELLO, SERVER_HELLO, CLIENT_AUTH = 0x01, 0x02, 0x03
GATE_BYTES = 16
_MAGIC = 0x48
_BINDER_BYTES = 32
_SIGNATURE_BYTES = 64
_MAX_BODY = {HELLO: H1_MAX_BYTES, SERVER_HELLO: H2_MAX_BYTES, CLIENT_AUTH: H3_MAX_BYTES}


def encode_record(kind: int, body: bytes) -> bytes:
    """One handshake message: `0x48 || type || v16(body)`."""
    return u8(_MAGIC) + u8(kind) + v16(body)


def parse_record(kind: int, record: bytes) -> bytes:
    """The body of a handshake message of this type.

    Raises: too_large; malformed.
    """
    limit = _MAX_BODY[kind]
    if len(record) > limit + 4:
        raise TooLarge(f"handshake message of {len(record)} bytes, at most {limit + 4}")
    reader = Reader(record)
    if reader.u8() != _MAGIC or reader.u8() != kind:
        raise Malformed(f"not handshake message {kind}")
    body = reader.v16()
    reader.end()
    return body


@dataclass(frozen=True, slots=True)
class ClientHello:
    """H1 without its gate value."""

    min_version: int
    max_version: int
    random: bytes
    suites: tuple[int, ...]
    exchange: ExchangePublic
    encapsulation: EncapsulationKey | None
    extensions: dict[int, bytes] = field(default_factory=dict)

    def encode(self) -> bytes:
        """H1's body up to the gate value.

        +-----+-----+-----------+---+--------+------------+-------------+----------------+------+
        | min | max | random 32 | n | suites | X25519 32  | v16 ML-KEM  | v16 extensions | gate |
        +-----+-----+-----------+---+--------+------------+-------------+----------------+------+

        offset  bytes  meaning
        0       2      lowest version
        2       2      highest version
        4       32     random
        36      1      number of suites, 1 to 8
        37      2n     suites, preferred first
        37+2n   32     X25519 public value
        ..      2+     v16: ML-KEM-768 encapsulation key, 1184 bytes, or empty without suite 2
        ..      2+     v16: extensions, TLVs
        ..      16     gate value (added by `Gate`)
        """
        suites = b"".join(u16(suite) for suite in self.suites)
        encapsulation = bytes(self.encapsulation) if self.encapsulation is not None else b""
        return (
            u16(self.min_version)
            + u16(self.max_version)
            + self.random
            + u8(len(self.suites))
            + suites
            + bytes(self.exchange)
            + v16(encapsulation)
            + v16(encode_tlvs(self.extensions))
        )

    @classmethod
    def parse(cls, record: bytes) -> Self:
        """The hello in a record whose gate value was checked before.

        Raises: too_large; malformed.
        """
        reader = Reader(parse_record(HELLO, record))
        min_version, max_version, random = reader.u16(), reader.u16(), reader.take(32)
        count = reader.u8()
        if not 1 <= count <= MAX_SUITES:
            raise Malformed(f"{count} suites, expected 1 to {MAX_SUITES}")
        suites = tuple(reader.u16() for _ in range(count))
        if len(set(suites)) != count or min_version > max_version:
            raise Malformed("a suite twice, or a version range that is none")
        exchange = ExchangePublic(reader.take(32))
        mlkem = reader.v16()
        extensions = parse_tlvs(reader.v16())
        reader.take(GATE_BYTES)
        reader.end()
        return cls(min_version, max_version, random, suites, exchange, _encapsulation(suites, mlkem), extensions)


@dataclass(frozen=True, slots=True)
class ServerHello:
    """H2, its sealed part still closed. `clear_record` is the record up to `mlkem_ct`, which th2 covers."""

    suite: int
    random: bytes
    session_id: bytes
    exchange: ExchangePublic
    ciphertext: bytes
    sealed: bytes
    clear_record: bytes

    @staticmethod
    def encode_clear(
        suite: int, random: bytes, session_id: bytes, exchange: ExchangePublic, ciphertext: bytes, sealed_bytes: int
    ) -> bytes:
        """H2 from its first byte through `mlkem_ct`; sealed_bytes is the length of what will follow.

        +------+---------+-------+-----------+------------+-----------+------------+------------+
        | head | version | suite | random 32 | session 16 | X25519 32 | v16 ML-KEM | v16 sealed |
        +------+---------+-------+-----------+------------+-----------+------------+------------+

        offset  bytes  meaning
        0       4      0x48, type 2, length of all that follows
        4       2      version
        6       2      suite
        8       32     random
        40      16     session id
        56      32     X25519 public value
        88      2+     v16: ML-KEM-768 ciphertext, 1088 bytes, or empty in suite 1
        ..      2+     v16: `ServerProof`, sealed
        """
        body = u16(PROTOCOL_VERSION) + u16(suite) + random + session_id + bytes(exchange)
        body += v16(ciphertext)
        return u8(_MAGIC) + u8(SERVER_HELLO) + u16(len(body) + 2 + sealed_bytes) + body

    @staticmethod
    def encode(clear_record: bytes, sealed: bytes) -> bytes:
        """H2: the clear part, whose length field already counts what follows, and the sealed part."""
        return clear_record + v16(sealed)

    @classmethod
    def parse(cls, record: bytes, offered: Collection[int] = (SUITE_X25519_MLKEM768,)) -> Self:
        """H2 taken apart; `offered` are the suites of the H1 it answers.

        Raises: too_large; malformed; unsupported_version (also for a suite that was not offered).
        """
        reader = Reader(parse_record(SERVER_HELLO, record))
        version, suite = reader.u16(), reader.u16()
        if version != PROTOCOL_VERSION or suite not in SUITES or suite not in offered:
            raise UnsupportedVersion(f"server chose version {version:#06x}, suite {suite:#06x}")
        random, session_id, exchange = reader.take(32), reader.take(16), ExchangePublic(reader.take(32))
        ciphertext = reader.v16()
        clear_bytes = 4 + reader.offset
        sealed = reader.v16()
        reader.end()
        check_mlkem_ciphertext(suite, ciphertext)
        return cls(suite, random, session_id, exchange, ciphertext, sealed, record[:clear_bytes])


@dataclass(frozen=True, slots=True)
class ServerProof:
    """What H2's seal holds, its signature aside: who the server is, its clock, its name, its parameters."""

    server_public: IdentityPublic
    server_time_ms: int
    server_id: str
    params: bytes

    def encode(self) -> bytes:
        """The plaintext before the signature.

        +------------------+----------------+---------------+------------+
        | server_public 32 | server_time_ms | v16 server_id | v16 params |
        +------------------+----------------+---------------+------------+
        """
        server_id = self.server_id.encode("utf-8")
        return bytes(self.server_public) + u64(self.server_time_ms) + v16(server_id) + v16(self.params)

    @classmethod
    def parse(cls, plaintext: bytes) -> tuple[Self, bytes]:
        """The proof and its signature; the caller verifies it before it believes any of this.

        Raises: malformed.
        """
        reader = Reader(plaintext)
        proof = cls(IdentityPublic(reader.take(32)), reader.u64(), parse_text(reader.v16()), reader.v16())
        signature = reader.take(_SIGNATURE_BYTES)
        reader.end()
        return proof, signature

    def signed(self, th2: bytes) -> bytes:
        """What the server's identity signs."""
        return PREFIXES["server signature"] + sha256(th2, self.encode())


@dataclass(frozen=True, slots=True)
class ClientProof:
    """What H3's seal holds, binder and signature aside: which PSK, which device, its clock, its parameters."""

    psk_id: bytes
    device_public: DevicePublic
    client_time_ms: int
    params: bytes

    def encode(self) -> bytes:
        """The plaintext before binder and signature.

        +-----------+------------------+----------------+------------+
        | psk_id 16 | device_public 32 | client_time_ms | v16 params |
        +-----------+------------------+----------------+------------+
        """
        if len(self.psk_id) != 16:
            raise UsageError(f"PSK id of {len(self.psk_id)} bytes, expected 16")
        return self.psk_id + bytes(self.device_public) + u64(self.client_time_ms) + v16(self.params)

    @classmethod
    def parse(cls, plaintext: bytes) -> tuple[Self, bytes, bytes]:
        """The proof, its binder and its signature; the caller verifies both before it believes any of this.

        Raises: malformed.
        """
        reader = Reader(plaintext)
        proof = cls(reader.take(16), DevicePublic(reader.take(32)), reader.u64(), reader.v16())
        binder, signature = reader.take(_BINDER_BYTES), reader.take(_SIGNATURE_BYTES)
        reader.end()
        return proof, binder, signature

    def signed(self, th3: bytes, binder: bytes) -> bytes:
        """What the device signs."""
        return PREFIXES["client signature"] + sha256(th3, self.encode() + binder)


def _encapsulation(suites: tuple[int, ...], mlkem: bytes) -> EncapsulationKey | None:
    is_hybrid = SUITE_X25519_MLKEM768 in suites
    check_mlkem_key(SUITE_X25519_MLKEM768 if is_hybrid else SUITE_X25519, mlkem)
    return EncapsulationKey(mlkem) if is_hybrid else None

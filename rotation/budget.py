"""What somebody may make us hold before we know him: so many bytes in all, read in small pieces.

TLS gets a limit of its own: OpenSSL makes room for a ClientHello as soon as its size is announced, up to 128 KiB.
"""

# One read from the socket of a stranger; Twisted's own takes 64 KiB.
READ_BYTES = 8192
# All that may come on a chat port before AUTH_OK: TLS, one header, H1 and H3 take 20 KiB at the most. Spec: 3.3
CHAT_BYTES = 32_768
# All that one request may bring to the front door, whose forms are small.
FRONT_BYTES = 65_536
# The largest ClientHello; with a hybrid key share a browser's has 2 KiB.
HELLO_BYTES = 8192

HANDSHAKE_RECORD = b"\x16"
RECORD_HEAD_BYTES, HANDSHAKE_HEAD_BYTES = 5, 4
# Enough for the head of a ClientHello though each of its bytes came in a record of its own.
HEAD_BYTES = HANDSHAKE_HEAD_BYTES * (RECORD_HEAD_BYTES + 1)


class Budget:
    """How many bytes may still come on one socket. Units: bytes."""

    def __init__(self, most: int, speaks_tls: bool) -> None:
        self._most = self._left = most
        # The first bytes, until they tell how large the ClientHello is to be.
        self._head: bytes | None = b"" if speaks_tls else None

    def take(self, data: bytes) -> bool:
        """Whether these bytes may be passed on."""
        self._left -= len(data)
        return self._left >= 0 and self._is_small_hello(data)

    def renew(self) -> None:
        """A request was answered, and the next one may begin."""
        self._left = self._most

    def _is_small_hello(self, data: bytes) -> bool:
        if self._head is None:
            return True
        self._head += data[:HEAD_BYTES]
        size = announced(self._head)
        if size is not None or not _is_handshake(self._head):
            self._head = None
            return size is None or size <= HELLO_BYTES
        # Records with nothing in them are no way to begin.
        return len(self._head) < HEAD_BYTES


def announced(head: bytes) -> int | None:
    """The size of the handshake message that begins here, over all its records; None while that is not known."""
    said = b""
    while len(said) < HANDSHAKE_HEAD_BYTES:
        if not head.startswith(HANDSHAKE_RECORD) or len(head) <= RECORD_HEAD_BYTES:
            return None
        size = int.from_bytes(head[3:RECORD_HEAD_BYTES], "big")
        body, head = head[RECORD_HEAD_BYTES:][:size], head[RECORD_HEAD_BYTES + size :]
        said += body
    return int.from_bytes(said[1:HANDSHAKE_HEAD_BYTES], "big")


def _is_handshake(head: bytes) -> bool:
    """Whether it begins as TLS does; OpenSSL refuses what does not."""
    return not head or head.startswith(HANDSHAKE_RECORD)

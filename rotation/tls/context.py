"""A server's TLS context: version 1.3 alone, our suites in our order, two groups, one certificate for each kind of key.

A context that has been used is never changed: a renewed certificate comes in a new one.
"""

from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from OpenSSL import SSL
from OpenSSL._util import lib

# Best first; the server's order counts.
SUITES = ("TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256")
GROUPS = ("X25519MLKEM768", "X25519")
# Ed25519 for programs; P-256 beside it for browsers, which refuse Ed25519.
SIGNATURES = ("ed25519", "ecdsa_secp256r1_sha256")
OPTIONS = SSL.OP_CIPHER_SERVER_PREFERENCE | SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_TICKET
HTTP_1 = b"http/1.1"

PrivateKey = Ed25519PrivateKey | EllipticCurvePrivateKey


class TlsProblem(Exception):
    """Why there is no TLS with these certificates, in a sentence that says what to do."""


class Pair(NamedTuple):
    """A certificate with its key. Without a file of the whole chain, the certificate alone is sent."""

    certificate: x509.Certificate
    key: PrivateKey
    chain_file: Path | None = None

    @property
    def signature(self) -> str:
        """The signature algorithm it is good for, one of SIGNATURES; empty when TLS here has no use for it."""
        if isinstance(self.key, Ed25519PrivateKey):
            return SIGNATURES[0]
        return SIGNATURES[1] if isinstance(self.key.curve, SECP256R1) else ""


def make_context(pairs: list[Pair]) -> SSL.Context:
    """A context for listeners that shows one of these certificates, as the client can.

    Raises: TlsProblem.
    """
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    _restrict(context, SIGNATURES)
    # The server remembers no session. OpenSSL still sends two short tickets in TLS 1.3, which resume nothing.
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_alpn_select_callback(_choose_protocol)
    try:
        for pair in pairs:
            if pair.chain_file is not None:
                # Read by OpenSSL, which keeps a chain for each kind of key only so.
                context.use_certificate_chain_file(str(pair.chain_file))
            else:
                context.use_certificate(pair.certificate)
            context.use_privatekey(pair.key)
            context.check_privatekey()
    except SSL.Error as error:
        raise TlsProblem(f"OpenSSL does not take the certificates: {_reason(error)}.") from None
    return context


def _restrict(context: SSL.Context, signatures: tuple[str, ...]) -> None:
    """Version, suites, groups and signatures, the same on both sides of the self-test."""
    context.set_min_proto_version(SSL.TLS1_3_VERSION)
    context.set_max_proto_version(SSL.TLS1_3_VERSION)
    context.set_options(OPTIONS)
    context.set_tls13_ciphersuites(":".join(SUITES).encode())
    # pyOpenSSL has no public call for these two; the self-test proves at every start what they did.
    taken = lib.SSL_CTX_set1_curves_list(context._context, ":".join(GROUPS).encode()) == 1
    taken = lib.SSL_CTX_set1_sigalgs_list(context._context, ":".join(signatures).encode()) == 1 and taken
    if not taken:
        raise TlsProblem(
            f"The OpenSSL inside the Python package `cryptography` does not know {GROUPS[0]}. "
            "Install the packages of requirements.txt as they are published, not built against an older OpenSSL."
        )


def _choose_protocol(connection: SSL.Connection, offered: list[bytes]) -> object:
    # Nobody is refused for an offer without it: clients that insist on HTTP/2 find out by themselves.
    return HTTP_1 if HTTP_1 in offered else SSL.NO_OVERLAPPING_PROTOCOLS


def _reason(error: SSL.Error) -> str:
    reasons = error.args[0] if error.args and isinstance(error.args[0], list) else []
    return "; ".join(reason[-1] for reason in reasons) or "it does not say why"


# The self-test


def prove(context: SSL.Context, pairs: list[Pair]) -> None:
    """Shake hands in memory, once for each certificate, and see that what was agreed on is what was meant.

    Raises: TlsProblem.
    """
    for pair in pairs:
        client = _shake_hands(context, pair.signature)
        shown = client.get_peer_certificate(as_cryptography=True)
        agreed = (client.get_protocol_version_name(), client.get_cipher_name(), client.get_group_name())
        if agreed != ("TLSv1.3", SUITES[0], GROUPS[0]) or shown != pair.certificate:
            raise TlsProblem(
                f"The TLS self-test agreed on {', '.join(map(str, agreed))} instead of TLSv1.3, {SUITES[0]}, "
                f"{GROUPS[0]}, or on another certificate than the one for {pair.signature}. "
                "Install exactly the versions of requirements.txt."
            )


def _shake_hands(context: SSL.Context, signature: str) -> SSL.Connection:
    """The client's side of a handshake with this context, by a client that takes one kind of signature."""
    mine = SSL.Context(SSL.TLS_CLIENT_METHOD)
    _restrict(mine, (signature,))
    client, server = SSL.Connection(mine, None), SSL.Connection(context, None)
    client.set_connect_state()
    server.set_accept_state()
    done: set[SSL.Connection] = set()
    # Client hello; everything of the server's; the client's Finished.
    for _ in range(4):
        for side, other in ((client, server), (server, client)):
            if side not in done:
                try:
                    side.do_handshake()
                    done.add(side)
                except SSL.WantReadError:
                    pass
                except SSL.Error as error:
                    raise TlsProblem(f"The TLS self-test for {signature} failed: {_reason(error)}.") from None
            _carry(side, other)
    if len(done) < 2:
        raise TlsProblem(f"The TLS self-test for {signature} came to no end.")
    return client


def _carry(side: SSL.Connection, other: SSL.Connection) -> None:
    try:
        while True:
            other.bio_write(side.bio_read(65_536))
    except SSL.WantReadError:
        return

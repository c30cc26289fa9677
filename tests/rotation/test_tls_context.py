"""What a listener's TLS context agrees to, and how it is exchanged while connections live."""

import socket
import ssl
import threading

import pytest
from OpenSSL import SSL

from rotation.tls import ContextSource, Pair, TlsProblem, make_context
from rotation.tls.context import SUITES, prove
from rotation.tls.files import FileSupply
from tests.rotation.certificates import agree, new_key, sign, write_pair


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    """A certificate for programs and one for browsers."""
    return [Pair(*sign(kind, kind=kind)) for kind in ("ed25519", "p256")]


@pytest.fixture(scope="module")
def context(pairs):
    """The context with both."""
    return make_context(pairs)


def test_a_capable_client_gets_the_best(context):
    """TLS 1.3, AES-256, the hybrid group, Ed25519."""
    found = agree(context)

    assert found[:3] == ("TLSv1.3", "TLS_AES_256_GCM_SHA384", "X25519MLKEM768")
    assert found.kind == "ed25519"


@pytest.mark.parametrize(("first", "then"), [(SUITES[2], SUITES[0]), (SUITES[2], SUITES[1]), (SUITES[1], SUITES[0])])
def test_the_order_of_suites_is_the_servers(context, first, then):
    """A client that prefers another of ours does not get it."""
    assert agree(context, suites=f"{first}:{then}").suite == then


@pytest.mark.parametrize("suite", SUITES)
def test_each_suite_is_there(context, suite):
    """For the client that has only this one."""
    assert agree(context, suites=suite).suite == suite


@pytest.mark.parametrize(("signatures", "kind"), [("ed25519", "ed25519"), ("ecdsa_secp256r1_sha256", "p256")])
def test_each_client_is_shown_a_certificate_that_it_takes(context, signatures, kind):
    """Browsers do not know Ed25519; the order of those who know both does not count."""
    assert agree(context, signatures=signatures).kind == kind
    assert agree(context, signatures="ecdsa_secp256r1_sha256:ed25519").kind == "ed25519"


def test_a_client_without_the_hybrid_gets_x25519(context):
    """And nothing else: no NIST curves."""
    assert agree(context, groups="X25519").group == "x25519"
    with pytest.raises(SSL.Error):
        agree(context, groups="P-256")


@pytest.mark.parametrize(
    "offers", [{"signatures": "rsa_pss_rsae_sha256"}, {"suites": "TLS_AES_128_CCM_SHA256"}], ids=["rsa", "ccm"]
)
def test_what_is_not_ours_is_refused(context, offers):
    """By an alert, in the handshake."""
    with pytest.raises(SSL.Error):
        agree(context, **offers)


def test_tls_1_2_is_refused(context):
    """However much the client insists."""
    old = SSL.Context(SSL.TLS_CLIENT_METHOD)
    old.set_max_proto_version(SSL.TLS1_2_VERSION)
    client, server = SSL.Connection(old, None), SSL.Connection(context, None)
    client.set_connect_state()
    server.set_accept_state()
    with pytest.raises(SSL.WantReadError):
        client.do_handshake()
    server.bio_write(client.bio_read(65_536))

    with pytest.raises(SSL.Error, match="unsupported protocol"):
        server.do_handshake()


def test_the_self_test_sees_another_certificate_and_another_suite(pairs, context):
    """It would not be one otherwise."""
    prove(context, pairs)
    with pytest.raises(TlsProblem, match="another certificate"):
        prove(context, [Pair(*sign("other"))])

    other_order = make_context(pairs)
    other_order.set_tls13_ciphersuites(SUITES[2].encode())
    with pytest.raises(TlsProblem, match=SUITES[2]):
        prove(other_order, pairs)
    with pytest.raises(TlsProblem, match="self-test for ed25519 failed"):
        prove(make_context(pairs[1:]), pairs[:1])


def test_a_key_of_another_certificate_makes_no_context():
    """OpenSSL's own words are in the sentence."""
    with pytest.raises(TlsProblem, match="OpenSSL does not take"):
        make_context([Pair(sign("one").certificate, new_key())])


def test_a_chain_of_a_public_authority_is_sent_whole(tmp_path, settings):
    """A P-256 certificate by a P-384 authority in between, by an RSA root: as one of today's public authorities."""
    settings.CLAWCHAT_HOST = "localhost"
    root = sign("root", kind="rsa", is_authority=True)
    between = sign("between", root, kind="p384", is_authority=True)
    files = write_pair(tmp_path, "server", sign("server", between), between)
    (root_file, _) = write_pair(tmp_path, "root", root)

    source = ContextSource(FileSupply([files]))

    listener = socket.create_server(("127.0.0.1", 0))
    answering = threading.Thread(target=_answer_once, args=(listener, source.getContext()))
    answering.start()
    trusting = ssl.create_default_context(cafile=root_file)
    with (
        socket.create_connection(listener.getsockname(), timeout=5) as plain,
        trusting.wrap_socket(plain, server_hostname="localhost") as client,
    ):
        assert client.version() == "TLSv1.3"
    answering.join()


def _answer_once(listener: socket.socket, context: SSL.Context) -> None:
    with listener:
        peer, _ = listener.accept()
        with peer:
            connection = SSL.Connection(context, peer)
            connection.set_accept_state()
            connection.do_handshake()


# Exchange


class Shelf:
    """A supply that gives what lies on it."""

    def __init__(self, *pairs: Pair) -> None:
        self.now: list[Pair] | TlsProblem = list(pairs)
        self.stale = False

    def is_stale(self) -> bool:
        return self.stale

    def pairs(self) -> list[Pair]:
        self.stale = False
        if isinstance(self.now, TlsProblem):
            raise self.now
        return self.now


def test_new_connections_get_a_new_certificate(pairs):
    """Contexts that are in use stay as they are."""
    shelf = Shelf(pairs[0])
    source = ContextSource(shelf)
    before = source.getContext()
    other = sign("other")

    assert not source.look()
    shelf.now, shelf.stale = [Pair(*other)], True
    assert source.look()

    assert agree(before).certificate == pairs[0].certificate
    assert agree(source.getContext()).certificate == other.certificate


def test_a_bad_certificate_keeps_the_old_one_and_is_said_once(pairs, caplog):
    """Half a renewal must not cost a running server its TLS."""
    shelf = Shelf(*pairs)
    source = ContextSource(shelf)
    before = source.getContext()

    shelf.now, shelf.stale = TlsProblem("it expired"), True
    assert [source.look() for _ in range(3)] == [False] * 3
    shelf.now, shelf.stale = [Pair(sign("one").certificate, new_key())], True
    assert not source.look()

    assert source.getContext() is before
    assert caplog.text.count("it expired") == 1
    assert caplog.text.count("the old ones stay") == 2


def test_without_a_good_certificate_there_is_no_start(pairs):
    """Nothing listens with TLS that does not work."""
    shelf = Shelf()
    shelf.now = TlsProblem("it expired")

    with pytest.raises(TlsProblem, match="it expired"):
        ContextSource(shelf)

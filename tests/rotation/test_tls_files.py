"""Certificates from files: renewed without a restart, refused in sentences."""

import time

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from rotation.tls import ContextSource, TlsProblem
from rotation.tls.files import FileSupply, load_pairs
from tests.rotation.certificates import Signed, new_key, sign, write_pair


@pytest.fixture(autouse=True)
def dialled(settings):
    """Clients dial this host."""
    settings.CLAWCHAT_HOST = "chat.example.org"
    settings.CLAWCHAT_FRONT_URL = "https://chat.example.org"
    settings.CLAWCHAT_FRONT_TLS = True


def server(**options) -> Signed:
    """A certificate for that host."""
    return sign("server", **{"hosts": ("chat.example.org",), **options})


def refusal(*files, now: float | None = None) -> str:
    """Why these files are not taken."""
    with pytest.raises(TlsProblem) as refused:
        load_pairs(files, time.time() if now is None else now)
    return str(refused.value)


def test_both_kinds_of_key_are_taken(tmp_path):
    """One pair for programs, one for browsers; the kinds are seen by themselves."""
    files = [write_pair(tmp_path, kind, server(kind=kind)) for kind in ("p256", "ed25519")]

    assert [pair.signature for pair in load_pairs(files, time.time())] == ["ecdsa_secp256r1_sha256", "ed25519"]


@pytest.mark.parametrize("host", ["chat.example.org", "*.example.org", "CHAT.example.org"])
def test_a_certificate_for_the_host_is_taken(tmp_path, host):
    """Also one with a wildcard."""
    assert load_pairs([write_pair(tmp_path, "server", server(hosts=(host,)))], time.time())


@pytest.mark.parametrize("host", ["example.org", "*.chat.example.org", "*.org", "chat.example.net"])
def test_a_certificate_for_another_host_is_refused(tmp_path, host):
    """A wildcard stands for one label; the sentence names file, host and remedy."""
    chain, key = write_pair(tmp_path, "server", server(hosts=(host,)))

    said = refusal((chain, key))

    assert str(chain) in said and "not for chat.example.org" in said and "CLAWCHAT_HOST" in said


def test_an_address_must_stand_in_the_certificate_as_one(tmp_path, settings):
    """A name that looks like an address is none."""
    settings.CLAWCHAT_HOST = "192.0.2.7"

    assert "not for 192.0.2.7" in refusal(
        write_pair(tmp_path, "server", server(hosts=("chat.example.org", "192.0.2.7")))
    )


def test_an_expired_certificate_is_refused(tmp_path):
    """With the day on which it ended."""
    chain, key = write_pair(tmp_path, "server", server(days=(-90, -1)))

    said = refusal((chain, key))

    assert str(chain) in said and "expired on 20" in said and "certbot renew" in said


def test_a_certificate_of_the_future_points_at_the_clock(tmp_path):
    """The clock is more often wrong than the authority."""
    files = write_pair(tmp_path, "server", server())

    assert "clock" in refusal(files, now=time.time() - 400 * 86_400)


def test_a_key_of_another_certificate_is_refused(tmp_path):
    """Both files are named."""
    chain, _ = write_pair(tmp_path, "one", server())
    _, key = write_pair(tmp_path, "two", server())

    said = refusal((chain, key))

    assert str(chain) in said and str(key) in said and "does not belong" in said


def test_a_chain_in_the_wrong_order_is_named(tmp_path):
    """The server's own certificate comes first."""
    root = sign("root", is_authority=True)
    own = server(issuer=root)
    chain, key = write_pair(tmp_path, "server", own, root)
    chain.write_bytes(b"".join(one.certificate.public_bytes(Encoding.PEM) for one in (root, own)))

    assert "Put it first" in refusal((chain, key))


def test_an_encrypted_key_is_refused(tmp_path):
    """Nobody sits there to type; the sentence has the command that helps."""
    chain, key = write_pair(tmp_path, "server", server(), password=b"secret")

    said = refusal((chain, key))

    assert f"openssl pkey -in {key}" in said


@pytest.mark.parametrize("kind", ["rsa", "p384"])
def test_a_key_of_another_kind_is_refused(tmp_path, kind):
    """The sentence has certbot's options for one that is taken."""
    chain, key = write_pair(tmp_path, "server", server(kind=kind))

    assert str(key) in (said := refusal((chain, key))) and "secp256r1" in said


def test_two_keys_of_one_kind_are_refused(tmp_path):
    """One of them would never be shown."""
    files = [write_pair(tmp_path, name, server()) for name in ("one", "two")]

    assert "of one kind" in refusal(*files)


def test_files_in_each_others_place_are_named(tmp_path):
    """Key where the certificate belongs, and the other way round."""
    chain, key = write_pair(tmp_path, "server", server())

    assert "holds a key where a certificate belongs" in refusal((key, chain))
    assert "holds no private key" in refusal((chain, chain))


def test_a_file_that_is_not_there_or_says_nothing_is_named(tmp_path):
    """With the setting that names it."""
    chain, key = write_pair(tmp_path, "server", server())

    said = refusal((chain, tmp_path / "absent"))
    assert "absent cannot be read: No such file" in said and "CLAWCHAT_TLS_FILES" in said
    chain.write_bytes(b"nothing of the kind")
    assert "holds no certificate" in refusal((chain, key))
    assert "names none" in refusal()


def test_a_renewal_is_seen(tmp_path):
    """Also half of one, which is not taken until the other half is there."""
    first, second = server(), server()
    files = write_pair(tmp_path, "server", first)
    supply = FileSupply([files])
    source = ContextSource(supply)
    assert not supply.is_stale()
    before = source.getContext()

    chain, key = write_pair(tmp_path, "draft", second)
    chain.replace(files[0])
    assert supply.is_stale()
    assert not source.look()
    assert source.getContext() is before

    key.replace(files[1])
    assert source.look()
    assert source.getContext() is not before
    assert not supply.is_stale()


def test_a_link_that_leads_elsewhere_is_seen(tmp_path):
    """certbot exchanges links, not files."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    pairs = [write_pair(tmp_path / name, "server", server()) for name in ("one", "two")]
    live = tmp_path / "live.pem", tmp_path / "live.key"
    for link, target in zip(live, pairs[0], strict=True):
        link.symlink_to(target)
    supply = FileSupply([live])
    supply.pairs()

    live[0].unlink()
    live[0].symlink_to(pairs[1][0])

    assert supply.is_stale()


def test_no_key_is_in_a_sentence(tmp_path):
    """Whatever is wrong, what is secret stays out of it."""
    chain, key = write_pair(tmp_path, "server", server())
    key.write_bytes(key.read_bytes().replace(b"PRIVATE KEY", b"PRIVATE KEX"))

    assert new_key() and "BEGIN PRIVATE KEX" not in (said := refusal((chain, key)))
    assert key.read_text().splitlines()[1] not in said

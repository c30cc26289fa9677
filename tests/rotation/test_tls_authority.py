"""The local authority: made once, able to vouch for this server alone, and renewed in time."""

import contextlib
import ipaddress
import os
import ssl
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

import pytest
from cryptography import x509
from OpenSSL import SSL

from rotation.tls import ContextSource, TlsProblem
from rotation.tls.authority import ensure_authority, issue, new_keys
from rotation.tls.local import DAY_SECONDS, LocalSupply, local_authority
from rotation.tls.names import machine_addresses, own_names, parse_name
from tests.rotation.certificates import agree

NOW = 1_800_000_000.0
HOST = "chat.example.org"
NAMES = frozenset({"localhost", HOST, ip_address("127.0.0.1"), ip_address("203.0.113.7")})


@pytest.fixture
def local(settings, tmp_path):
    """A server that vouches for itself, dialled as HOST, on every address of the machine."""
    settings.CLAWCHAT_DATA_DIR = tmp_path
    settings.CLAWCHAT_TLS, settings.CLAWCHAT_HOST = "local", HOST
    settings.CLAWCHAT_BIND, settings.CLAWCHAT_FRONT = "0.0.0.0", ("0.0.0.0", 8000)
    settings.CLAWCHAT_FRONT_TLS, settings.CLAWCHAT_FRONT_URL = True, f"https://{HOST}:8000"
    return settings


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def names_in(certificate: x509.Certificate) -> set:
    """What a certificate is good for."""
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {*extension.get_values_for_type(x509.DNSName), *extension.get_values_for_type(x509.IPAddress)}


def test_the_authority_is_made_once(tmp_path):
    """Its key is the owner's alone to read; the same is there ever after."""
    first = ensure_authority(tmp_path, "Home", NAMES, NOW)
    again = ensure_authority(tmp_path, "Home", frozenset({"other"}), NOW + DAY_SECONDS)

    assert first.certificate == again.certificate
    assert stat.S_IMODE((tmp_path / "tls").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "tls/ca.key").stat().st_mode) == 0o600
    assert b"PRIVATE" not in first.pem
    assert (first.certificate.not_valid_after_utc - first.certificate.not_valid_before_utc).days == 3651


def test_root_makes_it_for_the_owner_of_the_data_directory(tmp_path):
    """`trustca` as root before the first start must not shut the server out."""
    if os.geteuid() == 0:
        os.chown(tmp_path, 65_534, 65_534)

    ensure_authority(tmp_path, "Home", NAMES, NOW)

    for path in (tmp_path / "tls", *(tmp_path / "tls").iterdir()):
        assert (path.stat().st_uid, path.stat().st_gid) == (tmp_path.stat().st_uid, tmp_path.stat().st_gid)


def test_root_is_led_nowhere_else(tmp_path):
    """The data directory is the server's: links that its user has laid there give him nobody else's files."""
    theirs = tmp_path / "theirs"
    theirs.write_text("precious")
    data_dir = tmp_path / "data"
    (data_dir / "tls").mkdir(parents=True)
    (data_dir / "tls/link").symlink_to(theirs)
    if os.geteuid() == 0:
        os.chown(data_dir, 65_534, 65_534)

    ensure_authority(data_dir, "Home", NAMES, NOW)
    assert theirs.stat().st_uid == os.geteuid()

    (data_dir / "tls/lock").unlink()
    (data_dir / "tls/lock").symlink_to(theirs)
    with pytest.raises(TlsProblem, match="lock cannot be used"):
        ensure_authority(data_dir, "Home", NAMES, NOW)
    assert theirs.read_text() == "precious"


def test_two_processes_make_one_authority(tmp_path):
    """They share a data directory and start at once."""
    together = threading.Barrier(8)

    def make() -> bytes:
        together.wait()
        return ensure_authority(tmp_path, "Home", NAMES, NOW).pem

    with ThreadPoolExecutor(8) as pool:
        made = {future.result() for future in [pool.submit(make) for _ in range(8)]}

    assert len(made) == 1


def test_a_crash_while_it_is_made_heals(tmp_path):
    """A key without a certificate was trusted by nobody yet."""
    (tmp_path / "tls").mkdir(mode=0o700)
    (tmp_path / "tls/ca.key").write_text("half a k")
    (tmp_path / "tls/ca.crt.new").write_text("half a c")

    assert ensure_authority(tmp_path, "Home", NAMES, NOW).may_vouch_for(HOST)


@pytest.mark.parametrize("damage", ["absent", "other", "garbage", "encrypted"])
def test_a_lost_key_is_not_replaced(tmp_path, damage):
    """People trust the certificate: the operator decides, by the sentence."""
    authority = ensure_authority(tmp_path, "Home", NAMES, NOW)
    (tmp_path / "elsewhere").mkdir()
    other = ensure_authority(tmp_path / "elsewhere", "Home", NAMES, NOW)
    key = tmp_path / "tls/ca.key"
    if damage == "absent":
        key.unlink()
    elif damage == "other":
        key.write_bytes(other.path.with_suffix(".key").read_bytes())
    else:
        key.write_text("nothing" if damage == "garbage" else "-----BEGIN ENCRYPTED PRIVATE KEY-----\n")

    with pytest.raises(TlsProblem, match="Restore both") as refused:
        ensure_authority(tmp_path, "Home", NAMES, NOW)

    assert str(authority.path) in str(refused.value)


def test_an_authority_that_is_not_valid_yet_says_so(tmp_path):
    """It was made while the clock was a year ahead: no client would take what it issues now."""
    ensure_authority(tmp_path, "Home", NAMES, NOW + 365 * DAY_SECONDS)

    with pytest.raises(TlsProblem, match="timedatectl set-ntp true"):
        ensure_authority(tmp_path, "Home", NAMES, NOW)


def test_an_authority_that_expired_says_so(tmp_path):
    """After ten years."""
    ensure_authority(tmp_path, "Home", NAMES, NOW)

    with pytest.raises(TlsProblem, match="expired on"):
        ensure_authority(tmp_path, "Home", NAMES, NOW + 3651 * DAY_SECONDS)


@pytest.mark.parametrize("name", [HOST, "localhost", "10.1.2.3", "192.168.0.9", "::1", "fd00::1", "203.0.113.7"])
def test_it_may_vouch_for_this_server(tmp_path, name):
    """Its names, its addresses, and what never is anybody's on the internet."""
    assert ensure_authority(tmp_path, "Home", NAMES, NOW).may_vouch_for(parse_name(name))


@pytest.mark.parametrize("name", ["example.org", "bank.example", f"not{HOST}", "203.0.113.8", "2001:db8::7"])
def test_it_may_vouch_for_nobody_else(tmp_path, name):
    """Whoever steals its key cannot play the bank."""
    assert not ensure_authority(tmp_path, "Home", NAMES, NOW).may_vouch_for(parse_name(name))


@pytest.mark.parametrize(("host", "good"), [(HOST, True), ("bank.example", False)])
def test_a_client_goes_by_the_constraints(tmp_path, host, good):
    """Also when a stolen key has signed something else: Python's own TLS refuses it."""
    now = time.time()
    authority = ensure_authority(tmp_path, "Home", NAMES, now)
    pair = issue(authority, new_keys()[1], frozenset({host}), now)
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.use_certificate(pair.certificate)
    context.use_privatekey(pair.key)

    assert _is_believed(context, authority.path, host) is good


def _is_believed(context: SSL.Context, ca_file, host: str) -> bool:
    server = SSL.Connection(context, None)
    server.set_accept_state()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context(cafile=ca_file).wrap_bio(incoming, outgoing, server_hostname=host)
    for _ in range(4):
        try:
            client.do_handshake()
            return True
        except ssl.SSLWantReadError:
            server.bio_write(outgoing.read())
        except ssl.SSLCertVerificationError as error:
            assert "permitted subtree" in str(error)
            return False
        with contextlib.suppress(SSL.WantReadError):
            server.do_handshake()
        incoming.write(server.bio_read(65_536))
    raise AssertionError("no end")


def test_a_certificate_is_good_for_all_that_leads_here(local):
    """The host that is dialled, loopback, and the addresses of the machine."""
    pairs = LocalSupply(Clock()).pairs()

    assert [pair.signature for pair in pairs] == ["ed25519", "ecdsa_secp256r1_sha256"]
    for pair in pairs:
        assert {HOST, "localhost", ip_address("127.0.0.1"), ip_address("::1")} <= names_in(pair.certificate)
        assert (pair.certificate.not_valid_after_utc.timestamp() - NOW) == 90 * DAY_SECONDS
        usage = pair.certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        assert not usage.ca


def test_what_a_certificate_is_good_for_follows_the_listeners(local):
    """On one address only that one counts, on every address all of the machine's."""
    everywhere = own_names().all
    local.CLAWCHAT_BIND, local.CLAWCHAT_FRONT = "10.9.8.7", None

    assert own_names().all == {"localhost", HOST, *map(ip_address, ("127.0.0.1", "::1", "10.9.8.7"))}
    usual = {one for one in machine_addresses() if not one.is_link_local}
    assert usual and usual <= everywhere


def test_addresses_of_this_machine_are_found():
    """Loopback at least, and each is an address."""
    found = machine_addresses()

    assert ip_address("127.0.0.1") in found
    assert all(isinstance(one, ipaddress.IPv4Address | ipaddress.IPv6Address) for one in found)


def test_a_name_that_the_authority_may_not_vouch_for_is_refused(local):
    """The sentence says how to come to a new authority."""
    local_authority(NOW)
    local.CLAWCHAT_HOST = "elsewhere.example"

    with pytest.raises(TlsProblem, match=r"may not vouch for elsewhere\.example.*trustca"):
        LocalSupply(Clock()).pairs()


def test_the_authority_of_all_nodes_may_vouch_for_all_of_them(local):
    """It is made on one node and copied to the others."""
    local.CLAWCHAT_OTHER_HOSTS = ["two.example.org"]
    assert local_authority(NOW).may_vouch_for("two.example.org")

    local.CLAWCHAT_HOST = "two.example.org"
    assert LocalSupply(Clock()).pairs()


def test_certificates_are_renewed_a_month_before_they_end(local):
    """And at once when the clock was wrong."""
    clock = Clock()
    supply = LocalSupply(clock)
    first = supply.pairs()

    clock.now += 59 * DAY_SECONDS
    assert not supply.is_stale()
    clock.now += DAY_SECONDS
    assert supply.is_stale()
    second = supply.pairs()
    assert second[0].certificate.not_valid_after_utc > first[0].certificate.not_valid_after_utc
    assert second[0].key.public_key() != first[0].key.public_key()

    clock.now -= DAY_SECONDS
    assert supply.is_stale()


def test_a_machine_with_another_address_gets_another_certificate(local, monkeypatch):
    """It is looked at once a minute."""
    clock = Clock()
    addresses = {ip_address("10.0.0.1")}
    monkeypatch.setattr("rotation.tls.names.machine_addresses", lambda: addresses)
    supply = LocalSupply(clock)
    assert ip_address("10.0.0.1") in names_in(supply.pairs()[0].certificate)

    addresses = {ip_address("10.0.0.2"), ip_address("2001:db8::9")}
    assert not supply.is_stale()
    clock.now += 61
    assert supply.is_stale()
    names = names_in(supply.pairs()[0].certificate)

    assert ip_address("10.0.0.2") in names
    # Nobody allowed it to vouch for this one.
    assert ip_address("2001:db8::9") not in names


def test_another_authority_is_taken_over(local):
    """The operator has moved the old one away."""
    supply = LocalSupply(Clock())
    source = ContextSource(supply)
    before = agree(source.getContext()).certificate
    for name in ("ca.crt", "ca.key"):
        (local.CLAWCHAT_DATA_DIR / "tls" / name).unlink()

    assert source.look()

    assert agree(source.getContext()).certificate != before
    assert not source.look()


def test_a_renewal_that_fails_is_tried_again_after_an_hour(local, caplog):
    """Not at every look, and not only when it is too late."""
    clock = Clock()
    source = ContextSource(LocalSupply(clock))
    key = local.CLAWCHAT_DATA_DIR / "tls/ca.key"
    hidden = key.rename(key.with_name("hidden"))
    clock.now += 60 * DAY_SECONDS

    assert [source.look() for _ in range(3)] == [False] * 3
    assert caplog.text.count("the old ones stay") == 1
    hidden.rename(key)
    assert not source.look()
    clock.now += 3600
    assert source.look()

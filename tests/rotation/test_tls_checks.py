"""What is said about TLS before anything listens."""

from ipaddress import ip_network

import pytest

from rotation.checks import (
    check_addresses,
    check_certificates,
    check_kept_pages,
    check_proxies,
    check_reach,
    check_tls_settings,
)
from rotation.node import front_origins
from tests.rotation.certificates import sign, write_pair


@pytest.fixture(autouse=True)
def everywhere(settings, tmp_path):
    """Doors that other machines can reach."""
    settings.CLAWCHAT_DATA_DIR = tmp_path
    settings.CLAWCHAT_BIND, settings.CLAWCHAT_FRONT = "0.0.0.0", ("192.0.2.1", 8000)
    settings.CLAWCHAT_HOST, settings.CLAWCHAT_FRONT_URL = "chat.example.org", "https://chat.example.org"
    return settings


def ids(found) -> list[str]:
    """The ids of what was found."""
    return [message.id for message in found]


def test_without_tls_nothing_opens_off_loopback(everywhere):
    """Each door is named, with every remedy."""
    found = check_addresses()

    assert ids(found) == ["clawchat.E301"] * 2
    for remedy in ("CLAWCHAT_TLS=local", "CLAWCHAT_TLS=files", "127.0.0.1", "CLAWCHAT_TRUSTED_PROXIES"):
        assert remedy in found[0].hint


@pytest.mark.parametrize("tls", ["local", "files"])
def test_with_tls_it_does(everywhere, tls):
    """Whatever certificates there are."""
    everywhere.CLAWCHAT_TLS = tls

    assert check_addresses() == []


def test_behind_proxies_it_does(everywhere):
    """The guard resets everybody else."""
    everywhere.CLAWCHAT_TRUSTED_PROXIES = (ip_network("10.0.0.1"),)

    assert check_addresses() == []


def test_not_everybody_is_a_proxy(everywhere):
    """Who names the whole internet has switched off what keeps it out."""
    everywhere.CLAWCHAT_TRUSTED_PROXIES = tuple(map(ip_network, ("10.0.0.0/8", "fc00::/7", "2001:db8::1")))
    assert check_proxies() == []

    everywhere.CLAWCHAT_TRUSTED_PROXIES = tuple(map(ip_network, ("0.0.0.0/0", "128.0.0.0/1", "::/0", "10.0.0.1")))
    assert ids(check_proxies()) == ["clawchat.E313"] * 3


def test_settings_that_contradict_each_other_are_refused(everywhere, tmp_path):
    """Half a wish is not guessed at."""
    everywhere.CLAWCHAT_LOOPBACK_TLS = True
    assert ids(check_tls_settings()) == ["clawchat.E302"]

    everywhere.CLAWCHAT_TLS = "files"
    assert ids(check_tls_settings()) == ["clawchat.E303"]
    everywhere.CLAWCHAT_TLS_FILES = (write_pair(tmp_path, "server", sign("server")),)
    assert ids(check_tls_settings()) == []
    everywhere.CLAWCHAT_TLS = "local"
    assert ids(check_tls_settings()) == ["clawchat.E303"]


@pytest.mark.parametrize("tls", ["local", "files"])
def test_a_key_that_everybody_can_read_is_refused(everywhere, tmp_path, tls):
    """With the command that helps; a group may read it."""
    if tls == "files":
        chain, key = write_pair(tmp_path, "server", sign("server"))
        everywhere.CLAWCHAT_TLS_FILES = ((chain, key),)
    else:
        (tmp_path / "tls").mkdir()
        key = tmp_path / "tls/ca.key"
        key.touch()
    everywhere.CLAWCHAT_TLS = tls

    key.chmod(0o640)
    assert check_tls_settings() == []
    key.chmod(0o644)
    (found,) = check_tls_settings()
    assert found.id == "clawchat.E304"
    assert found.hint == f"chmod o-rwx {key}"


def test_a_host_that_no_client_will_dial_is_said(everywhere):
    """Without TLS clients connect to their own machine only."""
    assert ids(check_reach()) == ["clawchat.W305"]

    everywhere.CLAWCHAT_HOST = "localhost"
    assert check_reach() == []
    everywhere.CLAWCHAT_HOST, everywhere.CLAWCHAT_ENDPOINT_TLS = "chat.example.org", True
    assert check_reach() == []


def test_an_ipv6_address_is_no_host_for_browsers(everywhere):
    """Chromium ignores such a source in the policy, and then blocks the connection."""
    everywhere.CLAWCHAT_HOST, everywhere.CLAWCHAT_ENDPOINT_TLS = "2001:db8::1", True

    assert ids(check_reach()) == ["clawchat.W310"]


def test_a_proxys_front_door_is_https(everywhere):
    """People type what the proxy speaks."""
    everywhere.CLAWCHAT_ENDPOINT_TLS, everywhere.CLAWCHAT_TRUSTED_PROXIES = True, (ip_network("10.0.0.1"),)
    assert check_reach() == []

    everywhere.CLAWCHAT_FRONT_URL = "http://chat.example.org"
    assert ids(check_reach()) == ["clawchat.W306"]


def test_kept_apps_are_let_in_by_the_address_they_know(everywhere):
    """A front door that is off has had an address, or nobody has ever opened the app from it."""
    everywhere.CLAWCHAT_FRONT, everywhere.CLAWCHAT_FRONT_URL = None, ""
    assert ids(check_kept_pages()) == ["clawchat.W314"]

    everywhere.CLAWCHAT_FRONT_URL = "https://chat.example.org"
    assert check_kept_pages() == []

    everywhere.CLAWCHAT_FRONT, everywhere.CLAWCHAT_FRONT_URL = ("127.0.0.1", 8000), "http://localhost:8000"
    assert check_kept_pages() == []


def test_certificates_are_looked_at(everywhere, tmp_path):
    """Bad ones, old ones, and such that browsers do not take, are warned of; other commands go on."""
    everywhere.CLAWCHAT_TLS = "files"
    own = {"hosts": ("chat.example.org",)}

    def warn(name: str, **options) -> list[str]:
        everywhere.CLAWCHAT_TLS_FILES = (write_pair(tmp_path, name, sign(name, **own | options)),)
        return ids(check_certificates())

    assert warn("good") == []
    assert warn("elsewhere", hosts=("elsewhere.example",)) == ["clawchat.W307"]
    assert warn("old", days=(-80, 10)) == ["clawchat.W308"]
    assert warn("programs", kind="ed25519") == ["clawchat.W309"]


def test_pages_of_an_https_door_may_open_a_chat_port(everywhere):
    """The scheme is in the origin; a door on every address is known by the host that is dialled."""
    everywhere.CLAWCHAT_FRONT_TLS = True
    everywhere.CLAWCHAT_FRONT = ("0.0.0.0", 8443)
    assert front_origins() == {
        "https://localhost:8443",
        "https://127.0.0.1:8443",
        "https://chat.example.org:8443",
        "https://chat.example.org",
    }

    everywhere.CLAWCHAT_FRONT = ("chat.example.org", 443)
    assert front_origins() == {"https://localhost", "https://127.0.0.1", "https://chat.example.org"}

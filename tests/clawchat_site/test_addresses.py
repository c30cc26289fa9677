"""Addresses as the settings combine them, and what follows for a whole configuration."""

import json
import os
import subprocess
import sys

import pytest

from clawchat_site.addresses import host_of, is_loopback, is_whole_site, is_wildcard, listener_url
from tests.house.source import ROOT

ASKED = (
    "CLAWCHAT_FRONT_URL CLAWCHAT_FRONT_TLS CLAWCHAT_CHAT_TLS CLAWCHAT_ENDPOINT_TLS ALLOWED_HOSTS SESSION_COOKIE_SECURE "
    "CSRF_COOKIE_SECURE SECURE_HSTS_SECONDS CLAWCHAT_ADMIN_URL SESSION_COOKIE_NAME CSRF_COOKIE_NAME"
)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_is_seen(host):
    """By any of its addresses and by its name."""
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "localhost.example.org", ""])
def test_anything_else_can_be_reached(host):
    """Every address of the machine most of all."""
    assert not is_loopback(host)
    assert is_wildcard(host) == (host in {"0.0.0.0", "::"})


@pytest.mark.parametrize(
    ("host", "port", "tls", "url"),
    [
        ("127.0.0.1", 8000, False, "http://localhost:8000"),
        ("::1", 80, False, "http://localhost"),
        ("localhost", 8443, True, "https://localhost:8443"),
        ("chat.example.org", 443, True, "https://chat.example.org"),
        ("chat.example.org", 443, False, "http://chat.example.org:443"),
        ("2001:db8::1", 8000, True, "https://[2001:db8::1]:8000"),
    ],
)
def test_a_listener_is_written_as_browsers_write_it(host, port, tls, url):
    """Without a port where it is the scheme's own."""
    assert listener_url(host, port, tls=tls) == url


@pytest.mark.parametrize("url", ["http://[", "https://chat.example.org:port", "", "nonsense"])
def test_a_url_that_is_none_has_no_host(url):
    """A check says so; the settings go on."""
    assert host_of(url) in {"", "chat.example.org"}
    assert not is_whole_site(url)


def settings_for(folder, **environment: str) -> dict:
    """The settings of a server with this environment."""
    names = [name for name in os.environ if name.startswith("CLAWCHAT_")]
    clean = {name: value for name, value in os.environ.items() if name not in names}
    code = (
        "import json; from django.conf import settings; "
        f"print(json.dumps({{name: getattr(settings, name) for name in {ASKED.split()!r}}}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={
            **clean,
            "DJANGO_SETTINGS_MODULE": "clawchat_site.settings",
            "CLAWCHAT_DATA_DIR": str(folder),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)


def spoken(found: dict) -> tuple[bool, bool, bool]:
    """Whether the front door and the chat ports speak TLS, and whether clients dial it."""
    return found["CLAWCHAT_FRONT_TLS"], found["CLAWCHAT_CHAT_TLS"], found["CLAWCHAT_ENDPOINT_TLS"]


def test_without_settings_all_is_plain_and_local(tmp_path):
    """As `make run` starts it."""
    found = settings_for(tmp_path)

    assert found == {
        "CLAWCHAT_FRONT_URL": "http://localhost:8000",
        "CLAWCHAT_FRONT_TLS": False,
        "CLAWCHAT_CHAT_TLS": False,
        "CLAWCHAT_ENDPOINT_TLS": False,
        "ALLOWED_HOSTS": ["localhost", "127.0.0.1", "[::1]"],
        "SESSION_COOKIE_SECURE": False,
        "CSRF_COOKIE_SECURE": False,
        "SECURE_HSTS_SECONDS": 0,
        "CLAWCHAT_ADMIN_URL": "http://localhost:8000/admin/",
        "SESSION_COOKIE_NAME": "clawchat-operator",
        "CSRF_COOKIE_NAME": "clawchat-form",
    }


def test_tls_is_spoken_where_others_reach(tmp_path):
    """A front door for everybody, chat ports still on loopback: each listener goes by its own address."""
    environment = {"CLAWCHAT_TLS": "local", "CLAWCHAT_FRONT": "0.0.0.0:8000", "CLAWCHAT_HOST": "chat.example.org"}

    found = settings_for(tmp_path, **environment)

    assert found["CLAWCHAT_FRONT_URL"] == "https://chat.example.org:8000"
    assert "chat.example.org" in found["ALLOWED_HOSTS"]
    assert spoken(found) == (True, False, False)
    assert found["SESSION_COOKIE_SECURE"] and found["CSRF_COOKIE_SECURE"]
    # Browsers would keep it for everything else on that host, by an authority that only some of them trust.
    assert found["SECURE_HSTS_SECONDS"] == 0

    found = settings_for(tmp_path, **environment, CLAWCHAT_LOOPBACK_TLS="1")
    assert spoken(found) == (True, True, True)


@pytest.mark.parametrize(("port", "seconds"), [("443", 30 * 86_400), ("8443", 0)])
def test_hsts_is_for_the_hosts_own_site(tmp_path, port, seconds):
    """With a certificate of a public authority, at the port that browsers use by themselves."""
    found = settings_for(
        tmp_path,
        CLAWCHAT_TLS="files",
        CLAWCHAT_TLS_FILES="chain.pem:key.pem",
        CLAWCHAT_FRONT=f"0.0.0.0:{port}",
        CLAWCHAT_HOST="chat.example.org",
    )

    assert found["SECURE_HSTS_SECONDS"] == seconds


def test_behind_a_proxy_clients_dial_tls(tmp_path):
    """Which the proxy speaks; our own listeners stay plain."""
    found = settings_for(tmp_path, CLAWCHAT_TRUSTED_PROXIES="10.0.0.1", CLAWCHAT_FRONT_URL="https://chat.example.org")

    assert spoken(found) == (False, False, True)
    assert found["SECURE_HSTS_SECONDS"] == 0


@pytest.mark.parametrize(
    ("admin_host", "url", "cookie"),
    [
        ("", "http://localhost:8000/admin/", "clawchat-operator"),
        ("admin.example.org", "https://admin.example.org/admin/", "__Host-clawchat-operator"),
    ],
)
def test_the_admin_behind_a_proxy(tmp_path, admin_host, url, cookie):
    """By a tunnel, past the proxy and so without TLS; or under its own name, with cookies for that name alone."""
    found = settings_for(
        tmp_path,
        CLAWCHAT_TRUSTED_PROXIES="10.0.0.1",
        CLAWCHAT_FRONT_URL="https://chat.example.org",
        CLAWCHAT_ADMIN_HOST=admin_host,
    )

    assert found["CLAWCHAT_ADMIN_URL"] == url
    assert found["SESSION_COOKIE_NAME"] == cookie
    assert found["SESSION_COOKIE_SECURE"] == found["CSRF_COOKIE_SECURE"] == bool(admin_host)
    assert found["CSRF_COOKIE_NAME"].startswith("__Host-") == bool(admin_host)
    assert admin_host in ["", *found["ALLOWED_HOSTS"]]

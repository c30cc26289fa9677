"""Where the admin answers, and where it does not."""

import pytest
from django.test import Client

HERE, OUTSIDE = "127.0.0.1", "192.0.2.7"
ADMIN, APP = "admin.example.org", "chat.example.org"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def names(settings):
    """A server that answers to its own names."""
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", ADMIN, APP]


def ask(path: str, host: str, address: str = HERE):
    """The answer to a request for this host from this address."""
    return Client().get(path, headers={"host": host}, REMOTE_ADDR=address)


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1", "[::1]:8000", "LOCALHOST"])
@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_the_admin_answers_to_this_machine(host, address):
    """By any of its names, also over a socket for both families."""
    assert ask("/admin/login/", host, address).status_code == 200


@pytest.mark.parametrize(
    ("host", "address"), [(APP, OUTSIDE), (APP, HERE), ("localhost", OUTSIDE), ("[::1]", OUTSIDE), ("localhost", "")]
)
@pytest.mark.parametrize("path", ["/admin/login/", "/admin/", "/admin", "/admin/chat/device/"])
def test_elsewhere_there_is_no_admin(host, address, path):
    """Neither for who comes from outside, whatever name he writes, nor under the app's name; it is as if it were not
    there, and no cookie is set."""
    answer = ask(path, host, address)

    assert answer.status_code == 404
    assert answer.content == ask("/nowhere", host, address).content
    assert not answer.cookies
    assert "default-src 'none'" in answer["Content-Security-Policy"]


def test_with_a_host_of_its_own_it_answers_there_alone(settings):
    """To everybody who knows the name; under other names, those of loopback too, it is not there."""
    settings.CLAWCHAT_ADMIN_HOST = ADMIN

    assert ask("/admin/login/", ADMIN, OUTSIDE).status_code == 200
    assert ask("/admin/login/", f"{ADMIN}:8443", OUTSIDE).status_code == 200
    assert [ask("/admin/login/", host).status_code for host in (APP, "localhost")] == [404, 404]


def test_under_the_admins_name_there_is_no_app(settings):
    """No page, no connection file: what runs as the app never runs where an operator signs in."""
    settings.CLAWCHAT_ADMIN_HOST = ADMIN

    assert [ask(path, ADMIN).status_code for path in ("/connection.json", "/worker.js", "/x")] == [404, 404, 404]
    assert ask("/healthz", ADMIN).status_code == 200
    first = ask("/", ADMIN)
    assert (first.status_code, first["Location"]) == (302, "/admin/")
    assert ask("/", APP).status_code == 200


def test_the_apps_pages_set_no_cookie(settings):
    """Cookies are for every port of a host, so the app has none."""
    settings.CLAWCHAT_ADMIN_HOST = ADMIN

    assert not any(ask(path, APP).cookies for path in ("/", "/healthz", "/worker.js", "/nowhere"))
    assert ask("/admin/login/", ADMIN).cookies

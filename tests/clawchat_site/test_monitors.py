"""Who may ask how the server is: this machine, and who brings the token. For everybody else it is not there."""

from io import BytesIO
from ipaddress import ip_network

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.test import Client

from clawchat_site.this_machine import is_this_machine
from rotation.proxies import behind_proxies

TOKEN = "0123456789abcdef0123456789abcdef"
PATHS = ("/livez", "/readyz", "/metrics")
HERE, OUTSIDE = "127.0.0.1", "203.0.113.9"

pytestmark = pytest.mark.django_db


def ask(path: str, address: str = HERE, host: str = "localhost", **headers):
    """The answer to a request from there."""
    return Client().get(path, headers={"host": host, **headers}, REMOTE_ADDR=address)


@pytest.fixture(autouse=True)
def names(settings):
    """A server with a name, and a proxy."""
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", "chat.example.org"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_this_machine_may_ask(path, address):
    """Whatever the answer is, there is one, and nobody keeps it."""
    answer = ask(path, address)

    assert answer.status_code in (200, 503)
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", PATHS)
def test_for_everybody_else_it_is_not_there(path):
    """The answer is that to a page that does not exist, byte for byte."""
    answer, nothing = ask(path, OUTSIDE), ask("/nowhere", OUTSIDE)

    assert (answer.status_code, answer.content) == (404, nothing.content)


@pytest.mark.parametrize(
    "headers",
    [
        {"x-forwarded-for": "127.0.0.1"},
        {"x-real-ip": "127.0.0.1"},
        {"forwarded": "for=127.0.0.1"},
        {"via": "1.1 proxy"},
        {"host": "chat.example.org"},
    ],
    ids=lambda headers: next(iter(headers)),
)
@pytest.mark.parametrize("path", PATHS)
def test_a_proxy_on_this_machine_makes_nobody_local(path, headers):
    """One that the settings do not name still says that it brings somebody, or whom he asked for."""
    assert ask(path, HERE, **headers).status_code == 404


def test_a_trusted_proxy_is_not_this_machine(settings):
    """Even where it runs on it and says nothing of whom it brings."""
    settings.CLAWCHAT_TRUSTED_PROXIES = (ip_network("127.0.0.1/32"),)
    assert ask("/metrics").status_code == 404

    settings.CLAWCHAT_TRUSTED_PROXIES = ()
    assert ask("/metrics").status_code == 200


async def request_of(peer: tuple[str, int], *headers: tuple[bytes, bytes]) -> ASGIRequest:
    """What Django is handed when that peer, of whom only 192.0.2.1 is a trusted proxy, brings these headers."""
    handed = []

    async def application(scope, receive, send):
        handed.append(ASGIRequest(scope, BytesIO()))

    scope = {"type": "http", "method": "GET", "path": "/metrics", "client": list(peer)}
    scope["headers"] = [(b"host", b"localhost"), *headers]
    await behind_proxies(application, (ip_network("192.0.2.1/32"),))(scope, None, None)
    return handed[0]


async def test_what_a_trusted_proxy_passes_on_makes_nobody_local():
    """A careless one hands on the header that the caller himself wrote."""
    brought = await request_of(("192.0.2.1", 4444), (b"x-forwarded-for", b"127.0.0.1"))
    # The proxy's word is taken, and yet it is not this machine: also without the header that gave it away.
    del brought.META["HTTP_X_FORWARDED_FOR"]

    assert brought.META["REMOTE_ADDR"] == "127.0.0.1"
    assert not is_this_machine(brought)
    assert is_this_machine(await request_of(("127.0.0.1", 4444)))


def test_the_token_opens_from_anywhere(settings):
    """And nothing that is not the token."""
    settings.CLAWCHAT_METRICS_TOKEN = TOKEN

    def answer(authorization: str) -> int:
        return ask("/metrics", OUTSIDE, "chat.example.org", authorization=authorization).status_code

    assert answer(f"Bearer {TOKEN}") == 200
    wrong = ("", "Bearer ", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}0", f"Basic {TOKEN}", TOKEN, "Bearer \u00fc")
    assert [answer(each) for each in wrong] == [404] * len(wrong)


def test_without_a_token_an_empty_one_opens_nothing(settings):
    """None is set by default."""
    settings.CLAWCHAT_METRICS_TOKEN = ""

    assert ask("/metrics", OUTSIDE, authorization="Bearer ").status_code == 404

"""What every answer of the front door carries."""

import pytest
from django.db import OperationalError

from clawchat_site import headers

FRONT = "http://localhost:8000"
MEGA = ["https://g.api.mega.co.nz", "https://*.userstorage.mega.co.nz"]
KEY = "A" * 22


def policy_of(response) -> dict[str, str]:
    """The directives of an answer's content security policy."""
    directives = (part.strip().partition(" ") for part in response["Content-Security-Policy"].split(";"))
    return {name: value for name, _, value in directives}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/connection.json", "/admin/login/", "/nowhere", "/static/js/bytes.js"]
)
def test_every_answer_has_the_headers(client, path):
    """Pages, files, errors and the admin alike are protected; nothing comes without a policy."""
    response = client.get(path)
    response.close()

    policy = policy_of(response)
    assert policy["default-src"] == policy["object-src"] == policy["frame-ancestors"] == "'none'"
    assert "unsafe-inline" not in response["Content-Security-Policy"]
    assert "'unsafe-eval'" not in response["Content-Security-Policy"]
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.django_db
def test_the_app_runs_its_own_files_only(client):
    """Scripts come from the front door, markup is made by lit alone; what is reached are chat ports and mirrors."""
    policy = policy_of(client.get("/"))

    assert policy["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert policy["trusted-types"] == "lit-html worker"
    assert policy["connect-src"] == f"'self' ws://localhost:* ws://127.0.0.1:* {FRONT}"


@pytest.mark.django_db
def test_links_out_of_the_app_tell_nothing(client):
    """The app sends no referrer; the admin sends one to itself, or browsers would post its forms as from nowhere."""
    assert client.get("/")["Referrer-Policy"] == "no-referrer"
    assert client.get("/admin/login/")["Referrer-Policy"] == "same-origin"


@pytest.mark.django_db
def test_the_app_sets_no_cookie(client):
    """Cookies ignore ports, so the app's pages set none."""
    assert not client.get("/").cookies
    assert not client.get("/connection.json").cookies


@pytest.mark.django_db
def test_the_admin_has_a_policy_of_its_own(client):
    """The admin needs forms and gets no WebAssembly and no chat ports."""
    policy = policy_of(client.get("/admin/login/"))

    assert policy["form-action"] == "'self'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"


@pytest.mark.django_db
def test_an_unknown_host_name_gets_nothing(client):
    """A page that was led here under another name (DNS rebinding) is refused."""
    for path in ("/", "/static/js/bytes.js", "/admin/login/"):
        answer = client.get(path, headers={"host": "evil.example"})

        assert answer.status_code == 400
        assert policy_of(answer)["default-src"] == "'none'"


@pytest.mark.django_db
@pytest.mark.parametrize("host", ["evil.example", "a b\x01c", "localhost:port", "[::1", "x" * 300])
def test_a_hostile_host_costs_one_short_line_in_the_log(client, caplog, host):
    """Any stranger may send as many of them as he likes; it is no error of ours, and his words are not repeated."""
    assert client.get("/", headers={"host": host}).status_code == 400

    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [("WARNING", "Bad Request: /")]
    assert not caplog.records[0].exc_info


@pytest.mark.django_db
def test_with_tls_the_app_reaches_chat_ports_over_wss_alone(client, settings):
    """On any port of the hosts that clients dial, whatever host the page was opened under."""
    settings.CLAWCHAT_ENDPOINT_TLS = True
    settings.CLAWCHAT_HOST, settings.CLAWCHAT_OTHER_HOSTS = "chat.example.org", ["two.example.org", "chat.example.org"]

    policy = policy_of(client.get("/", headers={"host": "localhost"}))

    assert policy["connect-src"] == f"'self' wss://chat.example.org:* wss://two.example.org:* {FRONT}"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("locations", "origins"),
    [
        (["https://one.example/c.json", "https://One.example/d.json"], ["https://one.example"]),
        (["https://one.example:8443/a/c.json?b=1"], ["https://one.example:8443"]),
        ([f"https://mega.nz/folder/Handle_1#{KEY}", f"https://mega.nz/folder/Handle_2#{KEY}"], MEGA),
        ([f"http://127.0.0.1:4000/folder/Handle_1#{KEY}"], ["http://127.0.0.1:4000"]),
        (["https://[2001:db8::1::2]/c.json", "https://[1.2.3.4]/c.json"], []),
        (["https://[2001:DB8::1]:8443/c.json"], ["https://[2001:db8::1]:8443"]),
        (["http://plain.example/c.json", "https://a.example;script-src *", "https://a b/", "file:///etc/passwd"], []),
    ],
)
def test_the_page_reaches_the_places_of_the_mirrors(client, monkeypatch, locations, origins):
    """Their origins and MEGA's stand in the policy, each once; what is no place adds nothing to it."""
    monkeypatch.setattr(headers, "public_locations", lambda: locations)

    reached = policy_of(client.get("/"))["connect-src"].split()

    assert reached[3:] == origins
    assert KEY not in client.get("/")["Content-Security-Policy"]


@pytest.mark.django_db
def test_what_is_no_page_needs_no_mirrors(client, django_assert_num_queries):
    """A file costs no question to the database."""
    with django_assert_num_queries(0):
        response = client.get("/static/js/bytes.js")
        response.close()

    assert policy_of(response)["connect-src"] == "'self' ws://localhost:* ws://127.0.0.1:*"


@pytest.mark.django_db
def test_the_page_comes_while_the_database_is_away(client, monkeypatch):
    """It asks its own front door then."""

    def away():
        raise OperationalError("away")

    monkeypatch.setattr(headers, "public_locations", away)

    assert policy_of(client.get("/"))["connect-src"] == "'self' ws://localhost:* ws://127.0.0.1:*"

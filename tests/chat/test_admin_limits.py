"""What an operator can edit by mistake: limits that let nobody in, bans of the wrong people. Each has a sentence."""

from pathlib import Path

import pytest
from django.forms.models import model_to_dict
from django.urls import reverse

from chat.models import Ban, ConnectionPolicy, News
from chat.services.identity import ensure_server
from chat.services.policy import current_policy
from tests.chat.test_countries import FRENCH, GERMAN, NOBODYS, write_file

ADMIN = "admin.example.org"
POLICY = reverse("admin:chat_connectionpolicy_change", args=[1])


@pytest.fixture
def alice(admin_client, settings):
    """Alice, who runs the server, signed in from elsewhere."""
    ensure_server()
    settings.CLAWCHAT_ADMIN_HOST, settings.ALLOWED_HOSTS = ADMIN, [ADMIN]
    admin_client.defaults["HTTP_HOST"] = ADMIN
    return admin_client


def edit(alice, address: str = "192.0.2.1", **changes):
    """What the page answers when she saves it with these changes, from this address."""
    ConnectionPolicy.objects.get_or_create(pk=1)
    fields = {name: "" if value is None else value for name, value in model_to_dict(current_policy()).items()}
    return alice.post(POLICY, {**fields, **changes}, REMOTE_ADDR=address)


def sentences(answer, field: str) -> str:
    """What stands beside the field."""
    return " ".join(answer.context["adminform"].form.errors[field])


def test_a_limit_is_saved_and_told(alice):
    """Every node reads it again."""
    assert edit(alice, max_devices=7).status_code == 302

    assert current_policy().max_devices == 7
    assert News.objects.filter(kind=News.Kind.POLICY).count() == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_devices", 0),
        ("max_sessions_per_device", 1),
        ("max_sessions_per_address", 0),
        ("messages_per_second", 0),
        ("message_burst", -1),
        ("bytes_per_second", 0),
        ("address_request_burst", 0),
        ("handshakes_per_minute", 0),
        ("max_sockets", 0),
        ("ipv6_prefix_bits", 0),
        ("ipv6_prefix_bits", 129),
        ("address_retention_days", 999_999),
        ("audit_retention_days", 36_501),
        ("retention_days", 10**13),
        ("identity_days", 10**7),
        ("discovery_secret_days", 999_999),
        ("ban_minutes", 10**10),
        ("max_message_bytes", 131_073),
        ("max_file_bytes", 2**30 + 1),
        ("max_file_bytes", 4095),
        ("max_stored_bytes_per_device", 0),
        ("countries", "Germany"),
    ],
)
def test_a_limit_that_would_let_nobody_in_is_refused(alice, field, value):
    """With a sentence beside the field and its name at the top, and nothing is changed or told."""
    answer = edit(alice, **{field: value})

    assert answer.status_code == 200
    assert sentences(answer, field)
    named = str(answer.context["adminform"].form.fields[field].label)
    assert sentences(answer, "__all__") == f"Nothing was saved yet. Look at: {named}."
    assert getattr(current_policy(), field) == getattr(ConnectionPolicy(), field)
    assert not News.objects.filter(kind=News.Kind.POLICY).exists()


def test_a_rule_of_countries_does_not_shut_out_who_makes_it(alice, settings, tmp_path: Path):
    """Nor can it be set without a file; from elsewhere it is saved."""
    rule = {"country_rule": "deny", "countries": "de"}
    assert "CLAWCHAT_GEOIP_FILE" in sentences(edit(alice, **rule), "country_rule")
    settings.CLAWCHAT_GEOIP_FILE = tmp_path / "countries.mmdb"
    write_file(settings.CLAWCHAT_GEOIP_FILE)

    assert "shut out" in sentences(edit(alice, GERMAN, **rule), "country_rule")
    assert edit(alice, FRENCH, **rule).status_code == 302

    assert (current_policy().country_rule, current_policy().countries) == ("deny", "DE")

    unknown = edit(alice, NOBODYS, unknown_countries_may_come="False")
    assert "shut out" in sentences(unknown, "country_rule")
    assert current_policy().unknown_countries_may_come


@pytest.mark.parametrize(
    ("network", "sentence"),
    [
        ("0.0.0.0/0", "too wide"),
        ("::/0", "too wide"),
        ("127.0.0.1", "This machine"),
        ("203.0.113.0/24", "You come from there yourself"),
    ],
)
def test_a_ban_of_the_wrong_people_is_refused(alice, network, sentence):
    """Everybody, this machine, herself."""
    form = {"network": network, "minutes": 5, "reason": "as you wish"}

    answer = alice.post(reverse("admin:chat_ban_add"), form, REMOTE_ADDR="203.0.113.7")

    assert answer.status_code == 200
    assert sentence in sentences(answer, "network")
    assert not Ban.objects.exists()

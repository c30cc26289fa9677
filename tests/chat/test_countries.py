"""The operator's rule of countries: who may come, what becomes of a file that changes, breaks or goes."""

import os
from ipaddress import ip_network
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from chat.checks import check_country_file
from chat.countries import Countries
from chat.hub import Hub
from chat.models import Alert, ConnectionPolicy
from chat.models.country import parse_countries
from chat.services.country_file import CountryFileKeeper
from chat.services.policy import change_policy, check_country_rule, current_policy

GERMAN, FRENCH, NOBODYS, SIX = "81.2.69.142", "5.6.7.8", "9.9.9.9", "2a02:2e0::1"


def write_file(path: Path, german: str = f"{GERMAN}/32", ip_version: int = 6) -> None:
    """A file as MaxMind's are: countries, and for some networks only where their owner is registered."""
    writer = MMDBWriter(ip_version, database_type="Test-Country", ipv4_compatible=ip_version == 6)
    writer.insert_network(IPSet([german]), {"country": {"iso_code": "DE"}, "registered_country": {"iso_code": "US"}})
    writer.insert_network(IPSet([f"{FRENCH}/32"]), {"registered_country": {"iso_code": "FR"}})
    if ip_version == 6:
        writer.insert_network(IPSet([f"{SIX}/128"]), {"country": {"iso_code": "DE"}})
    fresh = path.with_suffix(".new")
    writer.to_db_file(str(fresh))
    os.replace(fresh, path)


@pytest.fixture
def file(tmp_path, settings) -> Path:
    """The operator's file."""
    settings.CLAWCHAT_GEOIP_FILE = tmp_path / "countries.mmdb"
    write_file(settings.CLAWCHAT_GEOIP_FILE)
    return settings.CLAWCHAT_GEOIP_FILE


def ruling(rule: str, countries: str, unknown: bool = True) -> Countries:
    """A rule at work with the file there is."""
    found = Countries()
    found.limit(ConnectionPolicy(country_rule=rule, countries=countries, unknown_countries_may_come=unknown))
    found.use(found.read())
    return found


@pytest.mark.parametrize(
    ("rule", "unknown", "may_come"),
    [
        ("off", False, {GERMAN, FRENCH, NOBODYS, SIX}),
        ("allow", True, {GERMAN, NOBODYS, SIX}),
        ("allow", False, {GERMAN, SIX}),
        ("deny", True, {FRENCH, NOBODYS}),
        ("deny", False, {FRENCH}),
    ],
)
def test_the_rule_says_who_may_come(file, rule, unknown, may_come):
    """By the country of the address, else by that of its owner; the unknown come or not, as the operator says."""
    countries = ruling(rule, "DE", unknown)

    assert {address for address in (GERMAN, FRENCH, NOBODYS, SIX) if countries.may_come(address)} == may_come
    assert countries.may_come(f"::ffff:{GERMAN}") == (GERMAN in may_come)


def test_this_machine_proxies_and_the_house_are_in_no_country(file, settings):
    """A rule that shuts out everybody unknown leaves them in."""
    settings.CLAWCHAT_TRUSTED_PROXIES = (ip_network("9.9.9.9/32"),)
    countries = ruling("allow", "FR", unknown=False)

    at_home = ("127.0.0.1", "::1", "192.168.1.7", "10.0.0.1", "fd00::1", "fe80::1%eth0", "9.9.9.9", "")
    assert all(countries.may_come(address) for address in at_home)
    assert not countries.may_come("8.8.8.8")


def test_a_private_network_that_is_in_the_file_is_judged_by_it(file):
    """Whoever writes one on purpose means it."""
    write_file(file, german="10.7.0.0/16")

    assert not ruling("deny", "DE").may_come("10.7.1.1")


def test_a_file_of_ipv4_alone_knows_nothing_of_ipv6(file):
    """And raises nothing for it."""
    write_file(file, ip_version=4)

    assert ruling("deny", "DE").may_come(SIX)
    assert not ruling("deny", "DE").may_come(GERMAN)


def test_a_file_that_changes_is_read_again(file):
    """And what was found in the one before is forgotten."""
    countries = ruling("deny", "DE")
    assert countries.may_come(NOBODYS)
    assert countries.read() is None

    write_file(file, german=f"{NOBODYS}/32")
    countries.use(countries.read())

    assert not countries.may_come(NOBODYS)
    assert countries.may_come(GERMAN)


def test_a_file_that_breaks_or_goes_leaves_the_last_good_one(file, db, caplog):
    """Nobody is locked out by it, nobody let in; the operator is told once, and when it is well again."""
    countries = ruling("deny", "DE")
    keeper = CountryFileKeeper(countries)
    keeper.look()

    for spoil in (lambda: file.write_bytes(b"\0" * 5000), lambda: file.write_text("DE"), file.unlink):
        spoil()
        assert keeper.look() is None
        assert not countries.may_come(GERMAN)
        assert countries.may_come(FRENCH)
    alert = Alert.objects.get()
    assert (alert.kind, alert.closed_at) == ("countries", None)
    assert "the file before stays in use" in alert.text

    write_file(file)
    countries.use(keeper.look())
    assert Alert.objects.get().closed_at is not None


def test_a_rule_without_a_file_shuts_nobody_out(tmp_path, settings, db):
    """The proof of a handshake keeps strangers out, not this; but the operator hears that the rule does nothing."""
    settings.CLAWCHAT_GEOIP_FILE = tmp_path / "gone.mmdb"
    countries = ruling("allow", "FR", unknown=False)

    assert countries.is_idle
    assert countries.may_come(GERMAN)
    CountryFileKeeper(countries).look()
    assert "everybody may come" in Alert.objects.get().text


def test_what_is_looked_up_is_remembered_within_a_bound(file, monkeypatch):
    """However many addresses knock."""
    monkeypatch.setattr("chat.countries.KEPT_ANSWERS", 10)
    countries = ruling("deny", "DE")

    for number in range(50):
        countries.may_come(f"9.9.9.{number}")

    assert len(countries._answers) == 10


def test_the_check_names_a_file_that_is_none(file, settings):
    """Before anything runs; a good file, or none, is no problem."""
    assert check_country_file(None) == []
    file.write_text("country,code\n")
    [error] = check_country_file(None)
    assert error.id == "clawchat.E106"
    assert "MaxMind" in error.msg
    settings.CLAWCHAT_GEOIP_FILE = None
    assert check_country_file(None) == []


@pytest.mark.parametrize(
    ("text", "codes"), [("", ()), ("de, FR gb", ("DE", "FR", "GB")), ("DE DE\nFR", ("DE", "FR")), ("xk", ("XK",))]
)
def test_countries_are_read_as_people_write_them(text, codes):
    """With spaces, commas or lines between, in any case."""
    assert parse_countries(text) == codes


@pytest.mark.parametrize("text", ["UK", "Germany", "DE;FR", "D", "ZZ FR", "<script>"])
def test_countries_that_are_none_are_named(text):
    """With what to write instead."""
    with pytest.raises(ValidationError, match="Write two letters"):
        parse_countries(text)


def test_a_policy_with_nonsense_is_not_stored(file, db):
    """Neither countries, nor a limit of 0, nor a rule that lets nobody in; and nothing of the rest of the change."""
    for limits in (
        {"countries": "UK"},
        {"country_rule": "allow", "countries": ""},
        {"country_rule": "sometimes"},
        {"max_devices": 0},
        {"messages_per_second": 0},
        {"max_sessions_per_device": 1},
        {"ipv6_prefix_bits": 0},
    ):
        with pytest.raises(ValidationError):
            change_policy("operator", request_burst=77, **limits)
    assert current_policy().request_burst == ConnectionPolicy().request_burst

    change_policy("operator", country_rule="deny", countries="fr,de")
    assert current_policy().countries == "DE FR"


def test_a_rule_that_cannot_be_is_refused_with_a_sentence(file, settings):
    """No file, no file that is one, the operator himself shut out."""
    denying = ConnectionPolicy(country_rule="deny", countries="DE")
    check_country_rule(denying, FRENCH)
    check_country_rule(denying, "127.0.0.1")
    with pytest.raises(ValidationError, match="shut out the address that you come from"):
        check_country_rule(denying, GERMAN)
    file.write_text("no file of countries")
    with pytest.raises(ValidationError, match="cannot be used"):
        check_country_rule(denying)
    settings.CLAWCHAT_GEOIP_FILE = None
    with pytest.raises(ValidationError, match="CLAWCHAT_GEOIP_FILE"):
        check_country_rule(denying)
    check_country_rule(ConnectionPolicy())


async def test_a_changed_rule_is_in_force_with_the_next_news(file, hub: Hub):
    """On the chat ports; a ban and a country refuse alike."""
    assert not hub.is_refused(GERMAN)

    await hub.database.run(lambda: change_policy("operator", country_rule="deny", countries="DE"))
    await hub.rounds.read_news()

    assert hub.is_refused(GERMAN)
    assert not hub.is_refused(FRENCH)
    write_file(file, german=f"{NOBODYS}/32")
    await hub.rounds.read_countries()
    assert (hub.is_refused(GERMAN), hub.is_refused(NOBODYS)) == (False, True)

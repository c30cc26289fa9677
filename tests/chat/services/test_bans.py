"""Bans: who is banned, who never is, and that everybody hears of it."""

from datetime import timedelta
from ipaddress import ip_network

import pytest
from django.utils import timezone

from chat.addresses import network_of
from chat.banned import Banned
from chat.models import Alert, AuditEvent, Ban, Connection, News
from chat.services import bans, connections
from chat.services.devices import Seat
from chat.services.policy import change_policy
from tests.fakes import Clock

MALLORY, PREFIX = "192.0.2.66", "2001:db8:0:6::/64"
HOME, HOME_IN_IPV6 = "198.51.100.7", "2001:db8:0:7::1"


def touch(network: str, before: int, after: int, known=()) -> bool:
    """Somebody has touched ports so often until now; whether anybody was banned for it."""
    return bans.judge({network: before}, {network: after}, known)


def be_at(person, address: str) -> Connection:
    """Somebody is connected from this address."""
    arrival = connections.arrive(person.pk, bytes(person.device.psk_id), Seat.of(address, 1, "here", "tests"))
    return Connection.objects.get(pk=arrival.connection_pk)


def codes() -> list[str]:
    """What the audit log says about bans."""
    return list(
        AuditEvent.objects.filter(code__in=["banned", "ban_lifted", "scan_by_member"])
        .order_by("id")
        .values_list("code", flat=True)
    )


@pytest.mark.parametrize("network", [MALLORY, PREFIX])
def test_ten_touches_within_ten_minutes_are_enough(server, network):
    """Not nine. Everybody hears of it, and the audit log says for how long."""
    assert not touch(network, 0, 9)
    assert not Ban.objects.exists()

    assert touch(network, 9, 10)

    assert list(bans.bans_in_force()) == [network]
    event = AuditEvent.objects.get(code="banned")
    assert (event.address, event.details) == (network, {"minutes": 60, "reason": "10 touches within ten minutes"})
    assert News.objects.filter(kind=News.Kind.BANS).count() == 1


def test_many_touches_at_once_are_enough(server):
    """A scanner does not wait for our count."""
    assert touch(MALLORY, 0, 500)


def test_operators_may_ban_nobody(server):
    """0 touches: no ban, whatever comes."""
    change_policy("operator", ban_after_touches=0)

    assert not touch(MALLORY, 0, 1000)


def test_operators_say_after_how_many_and_for_how_long(server):
    """Both are limits of the policy."""
    change_policy("operator", ban_after_touches=3, ban_minutes=5)

    assert touch(MALLORY, 0, 3)
    left = Ban.objects.get().until - timezone.now()
    assert timedelta(minutes=4) < left <= timedelta(minutes=5)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "10.1.2.3"])
def test_this_machine_and_proxies_are_never_banned(server, settings, address):
    """Behind them is everybody, or the operator."""
    settings.CLAWCHAT_TRUSTED_PROXIES = (ip_network("10.0.0.0/8"),)

    assert not touch(address, 0, 1000)
    with pytest.raises(bans.NotBanned, match="trusted proxies"):
        bans.ban(address, 60, "as you wish", "operator")
    assert codes() == []


@pytest.mark.parametrize("proxy", ["2001:db8:0:6::25", "2001:db8:0:6::/72", "2001:db8::/32"])
@pytest.mark.parametrize("knock", ["::1", "2001:db8:0:6::25"])
def test_a_network_of_ipv6_with_a_proxy_or_this_machine_in_it_is_never_banned(server, settings, knock, proxy):
    """A ban is about the whole 64-bit network, whose first address is nobody's."""
    settings.CLAWCHAT_TRUSTED_PROXIES = (ip_network(proxy),)

    assert not touch(network_of(knock), 0, 1000)
    with pytest.raises(bans.NotBanned, match="trusted proxies"):
        bans.ban(knock, 60, "as you wish", "operator")
    assert codes() == []
    assert touch("2001:db9:0:6::/64", 0, 1000)


def test_a_proxy_that_was_banned_before_it_was_named_is_let_in(server, settings):
    """From the next start on."""
    assert touch(PREFIX, 0, 10)
    assert PREFIX in bans.bans_in_force()

    settings.CLAWCHAT_TRUSTED_PROXIES = (ip_network("2001:db8:0:6::25"),)

    assert bans.bans_in_force() == {}


@pytest.mark.parametrize(("address", "network"), [(HOME, HOME), (HOME_IN_IPV6, "2001:db8:0:7::/64")])
def test_a_members_address_is_written_down_and_not_banned(alice, address, network):
    """While the session lives, and for a day after it came; neither the count nor an operator bans it."""
    connection = be_at(alice, address)
    assert not touch(network, 0, 10)
    assert codes() == ["scan_by_member"]

    Connection.objects.filter(pk=connection.pk).update(closed_at=timezone.now())
    assert not touch(network, 10, 20)
    with pytest.raises(bans.NotBanned, match="revoke the device"):
        bans.ban(network, 60, "as you wish", "operator")

    yesterday = timezone.now() - timedelta(hours=25)
    Connection.objects.filter(pk=connection.pk).update(opened_at=yesterday)
    assert touch(network, 20, 30)


def test_a_member_that_only_enrolled_is_known_too(server):
    """The process that let him in knows his address, though no connection has a row."""
    assert not touch(PREFIX, 0, 10, known={"2001:db8:0:6:1:2:3:4"})
    assert codes() == ["scan_by_member"]


def test_somebody_elses_member_does_not_protect(alice):
    """Nor does a neighbour's network."""
    be_at(alice, HOME), be_at(alice, HOME_IN_IPV6)

    assert touch(MALLORY, 0, 10)
    assert touch(PREFIX, 0, 10)


def test_a_ban_that_was_lifted_is_not_made_anew_at_once(server):
    """As many touches again are needed."""
    touch(MALLORY, 0, 10)
    assert bans.lift(MALLORY, "operator")

    assert not touch(MALLORY, 10, 11)
    assert bans.bans_in_force() == {}
    assert touch(MALLORY, 19, 20)
    assert codes() == ["banned", "ban_lifted", "banned"]
    assert not bans.lift("192.0.2.77", "operator")


def test_a_ban_is_about_an_address_or_a_network(server):
    """However it is written: one address, of IPv6 its network of 64 bits, or a network of a neighbour's size."""
    assert bans.ban(" 2001:DB8:0:6::77 ", 60, "seen before", "operator").network == PREFIX
    assert bans.ban(PREFIX, 5, "seen again", "operator").network == PREFIX
    assert Ban.objects.get().reason == "seen again"
    assert bans.ban("203.0.113.9/24", 5, "all of them", "operator").network == "203.0.113.0/24"
    assert bans.ban("2001:db8:7::/48", 5, "all of them", "operator").network == "2001:db8:7::/48"

    banned = Banned()
    banned.replace(bans.bans_in_force())

    assert all(each in banned for each in ("203.0.113.1", "::ffff:203.0.113.255", "2001:db8:7:ffff::1", PREFIX[:-3]))
    assert not any(each in banned for each in ("203.0.114.1", "2001:db8:8::1", "", "nobody"))


def test_an_address_of_one_version_is_not_banned_for_one_of_the_other(server):
    """Though they are the same number."""
    bans.ban(MALLORY, 5, "as you wish", "operator")
    banned = Banned()
    banned.replace(bans.bans_in_force())

    assert MALLORY in banned
    assert "::c000:242" not in banned


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("0.0.0.0/0", "too wide"),
        ("::/0", "too wide"),
        ("10.0.0.0/8", "too wide"),
        ("2001::/16", "too wide"),
        ("2001:db8:0:6::/72", "ban that"),
        ("127.0.0.0/16", "This machine"),
        ("::ffff:127.0.0.1", "This machine"),
        ("10.1.0.0/16", "trusted proxies"),
        ("198.51.100.0/24", "revoke the device"),
        ("203.0.113.0/24", "You come from there yourself"),
        ("mallory.example", "no address"),
        ("", "no address"),
    ],
)
def test_a_ban_that_would_shut_out_others_is_refused_with_a_sentence(alice, settings, text, sentence):
    """Everybody, this machine, a proxy, a member, the operator himself; nothing is stored and nothing told."""
    settings.CLAWCHAT_TRUSTED_PROXIES = (ip_network("10.1.2.0/24"),)
    be_at(alice, HOME)

    with pytest.raises(bans.NotBanned, match=sentence):
        bans.check_bannable(bans.parse_network(text), own_address="::ffff:203.0.113.7")

    assert not Ban.objects.exists()
    assert codes() == []


def test_a_ban_runs_out(server):
    """In the rows, in what a guard asks, and then the row itself goes."""
    bans.ban(MALLORY, 1, "as you wish", "operator")
    clock = Clock(timezone.now().timestamp())
    banned = Banned(clock)
    banned.replace(bans.bans_in_force())
    assert MALLORY in banned and f"::ffff:{MALLORY}" in banned and "192.0.2.67" not in banned
    assert bans.prune_bans() == 0

    clock.forward(61)
    Ban.objects.update(until=timezone.now() - timedelta(seconds=1))

    assert MALLORY not in banned
    assert bans.bans_in_force() == {}
    assert bans.prune_bans() == 1


def test_a_scan_is_told_once_with_what_was_done(server):
    """However long it goes on."""
    for number in range(5):
        touch(MALLORY, 10 * number, 10 * number + 10)

    row = Alert.objects.get()

    assert (row.kind, row.subject, row.count) == ("scan", MALLORY, 5)
    assert row.text == (
        "192.0.2.66 touched ports 50 times within ten minutes as only a scanner does; it is banned for 60 minutes."
    )


@pytest.mark.parametrize("network", ["127.0.0.1", HOME])
def test_who_is_not_banned_is_told_of_all_the_same(server, alice, network):
    """This machine, a trusted proxy, a member: with why, and what to do."""
    be_at(alice, HOME)

    assert not touch(network, 0, 10)

    row = Alert.objects.get()
    assert "it is not banned" in row.text
    assert "never banned" in row.remedy or "revoke the device" in row.remedy


def test_where_nobody_is_banned_a_scan_is_told(server):
    """The operator wanted no bans; he did not want not to know."""
    change_policy("operator", ban_after_touches=0)

    assert not touch(MALLORY, 0, 10)

    assert Alert.objects.get().subject == MALLORY

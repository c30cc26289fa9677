"""Addresses as limits and bans look at them."""

from ipaddress import ip_network

import pytest

from chat.addresses import is_loopback, is_trusted_proxy, network_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:0:1:aaaa::1", "2001:db8:0:1::/64"),
        ("2001:DB8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("not an address", "not an address"),
    ],
)
def test_a_caller_is_an_address_or_a_network(address, network):
    """Of IPv6, 64 bits: whoever has one address has all of these."""
    assert network_of(address) == network


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_this_machine_is_loopback(address):
    """However a socket writes it."""
    assert is_loopback(address)


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "", "localhost.example"])
def test_others_are_not_loopback(address):
    """Nor is what cannot be read."""
    assert not is_loopback(address)


def test_proxies_are_known_by_their_networks(settings):
    """Single addresses and networks, and IPv4 as a socket for both families writes it."""
    settings.CLAWCHAT_TRUSTED_PROXIES = (ip_network("10.1.0.0/16"), ip_network("2001:db8:5::/48"))

    found = [
        is_trusted_proxy(address) for address in ("10.1.2.3", "::ffff:10.1.2.3", "2001:db8:5:9::1", "10.2.0.1", "")
    ]

    assert found == [True, True, True, False, False]

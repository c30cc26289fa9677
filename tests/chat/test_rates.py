"""The rates of devices and addresses: what a refusal costs, whom they are for, and what a change does to them."""

from ipaddress import ip_network

import pytest

from chat.models import ConnectionPolicy
from chat.rates import Rates, counted_address

ALICE, BOB = 1, 2
HOME, AWAY = "192.0.2.1", "198.51.100.1"


def rates(**limits: int) -> Rates:
    """Rates at second 0."""
    return Rates(ConnectionPolicy(**limits), 0)


def test_each_device_has_its_burst_and_its_rate():
    """And the refusal says when there is room again."""
    limited = rates(messages_per_second=2, message_burst=3)

    assert [limited.take_message(ALICE, "", 1, 0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert limited.take_message(BOB, "", 1, 0) == 0
    assert limited.take_message(ALICE, "", 1, 0.5) == 0


def test_devices_behind_one_address_share_its_rate():
    """However many they are; elsewhere nobody notices."""
    limited = rates(address_messages_per_second=1, address_message_burst=2)

    assert [limited.take_message(device, HOME, 1, 0) for device in (1, 2, 3)] == [0, 0, 1]
    assert limited.take_message(3, AWAY, 1, 0) == 0
    assert limited.take_message(4, "", 1, 0) == 0


@pytest.mark.parametrize(("bits", "together"), [(64, False), (48, True)])
def test_addresses_of_ipv6_are_one_by_the_operators_prefix(bits, together):
    """Of a provider that gives each customer more, the operator counts by more."""
    limited = rates(address_request_burst=1, ipv6_prefix_bits=bits)
    limited.take_request(ALICE, "2001:db8:0:1::1", 1, 0)

    assert (limited.take_request(BOB, "2001:db8:0:2::1", 1, 0) > 0) == together


def test_bytes_are_counted_for_the_device_and_its_address():
    """Messages and requests together."""
    limited = rates(bytes_per_second=1024, byte_burst=1 << 20, address_bytes_per_second=2048)

    assert limited.take_message(ALICE, HOME, 1 << 19, 0) == 0
    assert limited.take_request(ALICE, HOME, 1 << 19, 0) == 0
    assert limited.take_message(ALICE, HOME, 1024, 0) == 1
    assert limited.take_message(BOB, HOME, 1024, 0) == 0


def test_what_is_handed_out_counts_as_bytes_alone():
    """A file that is read takes no message and no request from anybody."""
    limited = rates(byte_burst=1 << 20, message_burst=1, request_burst=1)

    assert [limited.take_bytes(ALICE, HOME, 1 << 19, 0) for _ in range(2)] == [0, 0]
    assert limited.take_bytes(ALICE, HOME, 1, 0) > 0
    assert (limited.take_message(BOB, HOME, 1, 0), limited.take_request(BOB, HOME, 1, 0)) == (0, 0)


def test_what_is_refused_takes_nothing():
    """A message that is too many for its address leaves its device's bucket as it was."""
    limited = rates(message_burst=2, address_message_burst=1)
    limited.take_message(BOB, HOME, 1, 0)

    for _ in range(5):
        assert limited.take_message(ALICE, HOME, 1, 0) > 0

    assert [limited.take_message(ALICE, AWAY, 1, 0), limited.take_message(ALICE, "", 1, 0)] == [0, 0]


def test_a_change_refills_nobodys_bucket():
    """What was used stays used, whichever limit is changed; a higher burst is more room, a lower one takes it away."""
    limited = rates(message_burst=10, messages_per_second=1)
    for _ in range(10):
        limited.take_message(ALICE, HOME, 1, 0)

    limited.limit(ConnectionPolicy(message_burst=10, messages_per_second=1, max_devices=7), 0)
    assert limited.take_message(ALICE, HOME, 1, 0) > 0
    limited.limit(ConnectionPolicy(message_burst=12, messages_per_second=1), 0)
    assert [limited.take_message(ALICE, HOME, 1, 0) for _ in range(3)] == [0, 0, 1]
    limited.limit(ConnectionPolicy(message_burst=1, messages_per_second=1), 0)

    assert limited.take_message(ALICE, HOME, 1, 0) > 0
    assert [limited.take_message(BOB, HOME, 1, 100), limited.take_message(BOB, HOME, 1, 100)] == [0, 1]


def test_a_package_is_taken_from_a_burst_of_four_minutes():
    """And one request of 16 can always pass."""
    limited = rates(packages_per_minute=1)

    assert limited.take_packages(ALICE, 16, 0) == 0
    assert limited.take_packages(ALICE, 1, 0) == 60
    assert limited.take_packages(ALICE, 1, 60) == 0


def test_this_machine_and_proxies_have_no_limits_by_address(settings):
    """Behind either are many people."""
    settings.CLAWCHAT_TRUSTED_PROXIES = (ip_network("10.1.0.0/16"),)
    exempt = ("127.0.0.1", "::1", "::ffff:127.0.0.1", "10.1.2.3")

    assert [counted_address(address) for address in exempt] == [""] * 4
    assert counted_address("10.2.2.3") == "10.2.2.3"
    limited = rates(handshake_burst=1)
    assert all(limited.take_handshake(address, 0) for address in exempt for _ in range(3))
    assert [limited.take_handshake(HOME, 0) for _ in range(2)] == [True, False]

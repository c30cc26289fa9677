"""Who may go on to a handshake: replays, buckets, places, and the half kept for those at home."""

import pytest

from chat.admission import IN_FLIGHT, Admission, SeenGates
from chat.models import ConnectionPolicy
from chat.rates import Rates

ALICE, MALLORY = "192.0.2.1", "198.51.100.1"


@pytest.fixture
def admission() -> Admission:
    """A server's admission at second 0 under the default policy."""
    return admitting(ConnectionPolicy())


def admitting(policy: ConnectionPolicy) -> Admission:
    """A server's admission at second 0."""
    return Admission(policy, Rates(policy, 0), 0)


def gate(number: int) -> bytes:
    """A gate value."""
    return number.to_bytes(16, "big")


def fill(admission: Admission, address: str, count: int, first: int = 1000) -> list:
    """Take places, loopback's so that no address bucket stands in between."""
    return [admission.enter(address, gate(first + number), 0) for number in range(count)]


def test_a_gate_value_passes_once(admission):
    """A recorded first message is worth nothing, from whatever address it comes."""
    assert admission.enter(ALICE, gate(1), 0)

    assert admission.enter(ALICE, gate(1), 0) is None
    assert admission.enter(MALLORY, gate(1), 0) is None


def test_seen_gates_keep_the_last_ones():
    """A value is known for at least so many others, and the memory has a bound."""
    seen = SeenGates(least=10)
    for number in range(15):
        seen.is_new(gate(number))

    assert not any(seen.is_new(gate(number)) for number in range(5, 15))
    for number in range(100, 120):
        seen.is_new(gate(number))
    assert seen.is_new(gate(5))


def test_an_address_has_a_burst_of_20_and_10_a_minute(admission):
    """One address cannot take all the handshakes."""
    tickets = [admission.enter(MALLORY, gate(number), 0) for number in range(21)]
    for ticket in tickets[:20]:
        ticket.give_back(False, 0)

    assert tickets[19] is not None
    assert tickets[20] is None
    assert admission.enter(ALICE, gate(50), 0)
    assert admission.enter(MALLORY, gate(51), 6.0)
    assert admission.enter(MALLORY, gate(52), 6.0) is None


def test_loopback_has_no_address_bucket(admission):
    """Whoever runs the server, and its tests, come from one address."""
    for number in range(60):
        ticket = admission.enter("127.0.0.1", gate(number), number)
        ticket.give_back(False, number)

    assert admission.enter("::1", gate(100), 60)


def test_half_the_places_are_kept_for_known_addresses(admission):
    """A crowd of newcomers does not lock out who was here in the last day."""
    admission.enter(ALICE, gate(1), 0).give_back(True, 0)

    newcomers = fill(admission, "127.0.0.1", IN_FLIGHT)

    assert sum(ticket is not None for ticket in newcomers) == IN_FLIGHT // 2
    assert admission.enter(ALICE, gate(2), 0)
    assert admission.enter(ALICE, gate(3), 86_400) is None


def test_a_place_is_freed_once(admission):
    """Giving a ticket back makes room for one, however often it is given back."""
    tickets = fill(admission, "127.0.0.1", IN_FLIGHT // 2)
    for _ in range(3):
        tickets[0].give_back(False, 0)

    after = fill(admission, "127.0.0.1", 2, first=5000)

    assert [ticket is not None for ticket in after] == [True, False]


def test_the_smallest_rate_lets_somebody_in():
    """A bucket of half a handshake would lock everybody out, the operator who set it too."""
    admission = admitting(ConnectionPolicy(handshakes_per_second=1))

    assert admission.enter(ALICE, gate(1), 0)
    assert admission.enter(ALICE, gate(2), 0) is None
    assert admission.enter(ALICE, gate(3), 2)


def test_the_process_has_a_rate(admission):
    """Handshakes cost; a flood from many addresses meets a limit of its own."""
    passed = 0
    for number in range(400):
        ticket = admission.enter(f"10.0.{number // 256}.{number % 256}", gate(number), 0)
        if ticket is not None:
            passed += 1
            ticket.give_back(False, 0)

    assert passed == 150


def test_changed_limits_fill_nobodys_bucket():
    """Who has used his burst does not get another one because the operator changes something."""
    policy = ConnectionPolicy(handshakes_per_second=2)
    rates = Rates(policy, 0)
    admission = Admission(policy, rates, 0)
    assert admission.enter("127.0.0.1", gate(1), 0)

    changed = ConnectionPolicy(handshakes_per_second=2, max_devices=7)
    rates.limit(changed, 0)
    admission.limit(changed, 0)
    assert admission.enter("127.0.0.1", gate(2), 0) is None
    faster = ConnectionPolicy(handshakes_per_second=6)
    rates.limit(faster, 0)
    admission.limit(faster, 0)

    assert [admission.enter("127.0.0.1", gate(3 + number), 0) is not None for number in range(3)] == [True, True, False]

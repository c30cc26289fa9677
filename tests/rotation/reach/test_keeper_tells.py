"""The keeper tells the mapper which ports listen."""

from clawchat.protocol.schedule import LeaseState
from tests.rotation.rows import T


def test_who_asks_hears_which_ports_listen(home):
    """After each pass, those that could be opened; the mapper has the router let them in."""
    home.move(T)
    (lease,) = home.house.leases(LeaseState.OPEN)
    assert [heard.port for heard in home.heard[-1]] == [lease.port]

    home.ports.taken = {lease.port}
    home.restart()
    home.keep()

    assert home.heard[-1] == []

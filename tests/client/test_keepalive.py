"""Silence, to the second: when a client pings, and when it gives a connection up."""

import pytest

from clawchat.client.keepalive import Due, Keepalive


def test_pings_after_25_seconds_and_gives_up_after_60():
    """Of silence; a ping is not repeated before another 25."""
    alive = Keepalive(60, 1000.0)
    looks = {second: alive.look(1000.0 + second) for second in (0, 24.9, 25, 26, 49.9, 50, 59.9, 60, 61)}
    said = {second: due for second, due in looks.items() if due is not Due.NOTHING}
    assert said == {25: Due.PING, 50: Due.PING, 60: Due.CLOSE, 61: Due.CLOSE}


def test_any_frame_ends_the_silence():
    """Counted from the last one that opened."""
    alive = Keepalive(60, 0.0)
    alive.heard(59.0)
    assert alive.look(83.9) is Due.NOTHING and alive.look(84.0) is Due.PING
    assert alive.look(118.9) is Due.PING and alive.look(119.0) is Due.CLOSE


@pytest.mark.parametrize(
    ("asked", "ping", "close"),
    [(24, 10, 24), (36, 15, 36), (60, 25, 60), (61, 25, 60), (2**32 - 1, 25, 60), (9, 25 / 6, 10), (0, 25 / 6, 10)],
)
def test_a_server_may_ask_for_less_patience(asked, ping, close):
    """H2's parameter 4, from 10 to 60 seconds; pings go after five twelfths of it."""
    alive = Keepalive(asked, 0.0)
    assert alive.look(ping - 0.01) is Due.NOTHING and alive.look(ping) is Due.PING
    alive = Keepalive(asked, 0.0)
    assert alive.look(close - 0.01) is Due.PING and alive.look(close) is Due.CLOSE

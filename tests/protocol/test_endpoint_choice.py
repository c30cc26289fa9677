"""Choosing an endpoint: the order, who stays, and how a crowd spreads."""

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from clawchat.protocol.connection_info import ConnectionInfo, Endpoint
from clawchat.protocol.endpoint_choice import (
    MAX_TIMES,
    better_endpoints,
    is_content,
    look_at,
    move_pause,
    order_endpoints,
    place_of,
    remember_time,
    slow_places,
)

NOW = 1_760_000_000
PATH = "/" + "A" * 22
INFO = ConnectionInfo(1, "", "", None, 0, 0, NOW, NOW, 300, ())
DRAWS = st.lists(st.floats(0, 1, exclude_max=True), min_size=12, max_size=12)
REGIONS = st.sampled_from(["", "eu", "us"])
ENDPOINTS = st.lists(
    st.builds(
        Endpoint,
        st.sampled_from(["a.example", "b.example", "c.example"]),
        st.integers(1, 40),
        st.just(PATH),
        st.booleans(),
        st.just(NOW - 100),
        st.integers(NOW - 3, NOW + 3),
        st.floats(0, 3),
        REGIONS,
        st.booleans(),
        st.booleans(),
    ),
    max_size=12,
    unique_by=lambda endpoint: endpoint.url,
)


@given(ENDPOINTS, DRAWS, REGIONS)
def test_every_endpoint_comes_once_and_by_the_rules(endpoints, draws, region):
    """Whatever the draws: nobody is left out, and no rule is broken by a later one."""
    slow = {place_of(endpoint) for endpoint in endpoints if endpoint.port % 3 == 0}
    ordered = order_endpoints(endpoints, now=NOW, draws=draws, slow=slow, region=region)
    ranks = [
        (
            endpoint.valid_until < NOW,
            endpoint.fixed,
            endpoint.retiring,
            place_of(endpoint) in slow,
            bool(region) and endpoint.region != region,
        )
        for endpoint in ordered
    ]

    assert sorted(each.url for each in ordered) == sorted(each.url for each in endpoints if each.is_dialable)
    assert ranks == sorted(ranks)


@given(ENDPOINTS, st.integers(0, 11))
def test_who_is_content_has_nowhere_better_to_go(endpoints, index):
    """And better is somewhere else, and to be dialled."""
    own = endpoints[index % len(endpoints)].url if endpoints else "ws://elsewhere"
    info = replace(INFO, endpoints=tuple(endpoints))
    better = better_endpoints(own, info)

    assert not (is_content(own, info) and better)
    assert all(each.url != own and each.is_dialable for each in better)


@given(ENDPOINTS, st.integers(0, 11))
def test_what_other_nodes_do_moves_nobody(endpoints, index):
    """A client on a listed port that does not retire stays, whatever else is listed."""
    moving = [replace(each, fixed=False, tls=True) for each in endpoints]
    if moving:
        own = replace(moving[index % len(moving)], retiring=False)
        others = tuple(each for each in moving if each.url != own.url)

        assert is_content(own.url, replace(INFO, endpoints=(*others, own)))


def test_a_crowd_spreads_by_what_is_free():
    """A thousand clients with evenly spread draws: each node gets what its load leaves."""
    nodes = [Endpoint("a.example", 1 + node, PATH, True, 0, NOW, node / 4) for node in range(4)]
    firsts = Counter(order_endpoints(nodes, now=NOW, draws=[client / 1000, 0, 0, 0])[0].load for client in range(1000))

    assert firsts == {0: 400, 0.25: 300, 0.5: 200, 0.75: 100}


def test_a_crowd_spreads_over_the_time_it_has():
    """A thousand clients that are told at once come evenly over four seconds."""
    tenths = Counter(int(move_pause(300, client / 1000) / 0.4) for client in range(1000))

    assert len(tenths) == 10
    assert all(99 <= count <= 101 for count in tenths.values())


@given(st.floats(-1e6, 1e9), st.floats(0, 1, exclude_max=True), st.integers(1, 86_400))
def test_pauses_and_looks_are_in_time(left, draw, grace):
    """Never more than a third of what is left, and a look in the third quarter of grace."""
    endpoint = Endpoint("a.example", 1, PATH, True, 0, NOW)

    assert 0 <= move_pause(left, draw) <= min(4, max(0, left / 3))
    assert NOW - grace / 2 <= look_at(endpoint, grace, draw) <= NOW - grace / 4


@given(st.lists(st.tuples(st.integers(1, 200), st.integers(0, 5000), st.integers(-4000, 4000))))
def test_times_are_few_and_somebody_is_quick(known):
    """Memory is bounded, and of those listed the quickest is never slow."""
    times: dict[str, tuple[int, int]] = {}
    for port, milliseconds, ago in known:
        times = remember_time(times, Endpoint("a", port, PATH, True, 0, NOW), milliseconds, NOW - ago)
    listed = [Endpoint("a", port, PATH, True, 0, NOW) for port in {port for port, _, _ in known}]

    assert len(times) <= MAX_TIMES
    assert not listed or len(slow_places(listed, times, NOW)) < len(listed)

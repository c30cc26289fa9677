"""Whether a node can be reached from outside: each answer with the evidence for it."""

from dataclasses import replace

import pytest

from rotation.reach.judgement import NO, UNKNOWN, YES, Evidence, judge

OUTSIDE, OTHER = "128.66.0.1", "128.66.0.2"
# At home behind a router that does what it is asked; nobody has come in yet.
HOME = Evidence(
    bind="192.168.77.2",
    host=OUTSIDE,
    port=50_000,
    host_addresses=(OUTSIDE,),
    own_address="192.168.77.2",
    asks_router=True,
    router="UPnP",
    router_address=OUTSIDE,
    is_mapped=True,
)
# A rented machine with an address of its own, and nothing in between.
RENTED = Evidence(bind=OUTSIDE, host=OUTSIDE, port=50_000, host_addresses=(OUTSIDE,), own_address=OUTSIDE)


@pytest.mark.parametrize(
    ("evidence", "because"),
    [
        (replace(HOME, port=0), "no chat port is open"),
        (replace(HOME, bind="127.0.0.1"), "chat ports listen on 127.0.0.1"),
        (replace(HOME, bind="localhost"), "chat ports listen on localhost"),
        (replace(HOME, host="localhost"), "dial localhost, which is their own machine"),
        (replace(HOME, router="", router_problem="No router answers to UPnP."), "no router answers to UPnP"),
        (replace(HOME, router=""), "none has answered yet"),
        (replace(HOME, router_address="100.70.1.2"), "100.70.1.2 is one that the provider shares among customers"),
        (replace(HOME, router_address="10.0.0.4"), "10.0.0.4 is a private one: another router stands before it"),
        (
            replace(HOME, is_mapped=False, refusal="The router refuses: no (606)."),
            "port 50000 in: the router refuses: no",
        ),
        (replace(HOME, seen_address=OTHER), f"outside we are {OTHER}: a second router"),
        (replace(HOME, seen_address="192.168.1.7"), "192.168.1.7 is a private one"),
        (replace(HOME, host="10.1.1.1", host_addresses=("10.1.1.1",)), "dial 10.1.1.1, which is a private one"),
        (replace(HOME, host=OTHER, host_addresses=(OTHER,)), f"dial {OTHER}, but our address outside is {OUTSIDE}"),
        (
            replace(HOME, host="chat.example.org", host_addresses=(OTHER,)),
            f"dial chat.example.org, which is {OTHER}, but our address outside is {OUTSIDE}",
        ),
    ],
)
def test_nobody_can_come_in(evidence, because):
    """No, and the sentence names what has to be changed."""
    verdict = judge(evidence)

    assert verdict.reachable == NO
    assert because in verdict.because


def test_somebody_who_came_in_from_outside_proves_it():
    """Whatever else seems wrong: it has happened."""
    for evidence in (HOME, RENTED, replace(HOME, router="", bind="127.0.0.1", came_in_by=50_000)):
        verdict = judge(replace(evidence, came_in_by=50_000))

        assert (verdict.reachable, verdict.because) == (YES, "a device came in from outside by port 50000")


def test_a_connection_that_comes_back_proves_it():
    """By the router's address outside; one that does not come back proves nothing, many routers cannot do that."""
    assert judge(replace(HOME, came_back=True)).reachable == YES
    assert judge(replace(HOME, came_back=False)).reachable == UNKNOWN


def test_a_connection_that_comes_back_does_not_outweigh_a_contradiction():
    """Behind two routers the inner one answers for itself."""
    assert judge(replace(HOME, came_back=True, seen_address=OTHER)).reachable == NO


@pytest.mark.parametrize(
    ("evidence", "because"),
    [
        (HOME, "let somebody connect who is not in this network"),
        (replace(HOME, is_mapped=False), "has not been asked for port 50000 yet"),
        (RENTED, "a firewall may stand before it"),
        (replace(RENTED, host="chat.example.org", host_addresses=()), "a firewall may stand before it"),
        (replace(HOME, asks_router=False, router="", router_address="", is_mapped=False), "CLAWCHAT_PORT_MAPPING"),
        (replace(HOME, host="chat.example.org", host_addresses=("192.168.77.2",)), "let somebody connect"),
        (replace(RENTED, bind="127.0.0.1", is_proxied=True), "a firewall may stand before it"),
    ],
)
def test_nobody_knows(evidence, because):
    """Unknown, and the sentence says what would tell."""
    verdict = judge(evidence)

    assert verdict.reachable == UNKNOWN
    assert because in verdict.because


def test_a_public_address_of_its_own_needs_no_router():
    """A router that does not answer is none of its business."""
    verdict = judge(replace(RENTED, asks_router=True, router_problem="No router answers to UPnP."))

    assert verdict.reachable == UNKNOWN

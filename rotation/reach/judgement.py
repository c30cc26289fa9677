"""Whether this node can be reached from outside, judged from what is known. Pure: no clock, no wire, no rows."""

from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from .addresses import is_public, parsed

YES, NO, UNKNOWN = "yes", "no", "unknown"
# What providers give to customers who share one address (RFC 6598).
SHARED = ip_network("100.64.0.0/10")


@dataclass(frozen=True)
class Evidence:
    """What is known. Empty means that it is not."""

    # What chat ports listen on, and what clients are told to dial.
    bind: str
    host: str
    # The port that clients are sent to; 0 when none is open.
    port: int
    # A port by which somebody with a public address came in within the last hour, if it is still in use; 0 if none.
    came_in_by: int = 0
    # The addresses of that host as this machine looks them up.
    host_addresses: tuple[str, ...] = ()
    # Whether somebody else takes the connections and hands them on (CLAWCHAT_TRUSTED_PROXIES).
    is_proxied: bool = False
    # The address this machine sends from.
    own_address: str = ""
    # Whether we ask a router to let ports in; how we speak with it, the address it has on its other side, why it does
    # not answer, whether it lets the port in, and why not.
    asks_router: bool = False
    router: str = ""
    router_address: str = ""
    router_problem: str = ""
    is_mapped: bool = False
    refusal: str = ""
    # The address outside as the operator configured it, or as others see us come.
    seen_address: str = ""
    # Whether a connection to the port by the address outside came back to us; None when that was not tried.
    came_back: bool | None = None


@dataclass(frozen=True)
class Verdict:
    """Yes, no or unknown, and why: half a sentence that goes on after "because"."""

    reachable: str
    because: str


def judge(evidence: Evidence) -> Verdict:
    """The verdict on that evidence; what has happened counts more than what should be possible."""
    if evidence.came_in_by:
        return Verdict(YES, f"a device came in from outside by port {evidence.came_in_by}")
    return (
        _of_doors(evidence)
        or _of_router(evidence)
        or _of_addresses(evidence)
        or _of_the_port(evidence)
        or Verdict(UNKNOWN, _what_is_missing(evidence))
    )


def _of_doors(evidence: Evidence) -> Verdict | None:
    """What this machine itself makes impossible."""
    if not evidence.port:
        return Verdict(NO, "no chat port is open")
    if _is_loopback(evidence.host):
        return Verdict(NO, f"clients are told to dial {evidence.host}, which is their own machine (CLAWCHAT_HOST)")
    if _is_loopback(evidence.bind) and not evidence.is_proxied:
        return Verdict(NO, f"chat ports listen on {evidence.bind}, which only this machine reaches (CLAWCHAT_BIND)")
    return None


def _of_router(evidence: Evidence) -> Verdict | None:
    """What the router makes impossible."""
    if not evidence.asks_router or is_public(evidence.own_address):
        return None
    if not evidence.router:
        return Verdict(
            NO, f"no router lets ports in to us: {_half(evidence.router_problem) or 'none has answered yet'}"
        )
    if evidence.router_address and not is_public(evidence.router_address):
        return Verdict(NO, f"the router's own address {evidence.router_address} is {_kind(evidence.router_address)}")
    if evidence.refusal and not evidence.is_mapped:
        return Verdict(NO, f"the router does not let port {evidence.port} in: {_half(evidence.refusal)}")
    return None


def _of_addresses(evidence: Evidence) -> Verdict | None:
    """Addresses that contradict each other, or that nobody outside can send to."""
    seen, router = evidence.seen_address, evidence.router_address
    if seen and not is_public(seen):
        return Verdict(NO, f"the address {seen} is {_kind(seen)}")
    if seen and router and parsed(seen) != parsed(router):
        return Verdict(
            NO, f"the router has the address {router}, but outside we are {seen}: a second router stands between them"
        )
    if parsed(evidence.host) and not is_public(evidence.host):
        return Verdict(NO, f"clients are told to dial {evidence.host}, which is {_kind(evidence.host)} (CLAWCHAT_HOST)")
    # A name may have another address inside this network than outside; only public ones tell something.
    dialled = [address for address in evidence.host_addresses if is_public(address)]
    outside = seen or router
    if outside and dialled and outside not in dialled and not evidence.is_proxied:
        return Verdict(
            NO,
            f"clients are told to dial {evidence.host}{_unless_same(evidence.host, dialled[0])}, "
            f"but our address outside is {outside} (CLAWCHAT_HOST)",
        )
    return None


def _unless_same(host: str, address: str) -> str:
    return "" if host == address else f", which is {address}"


def _of_the_port(evidence: Evidence) -> Verdict | None:
    if evidence.came_back:
        outside = evidence.seen_address or evidence.router_address
        return Verdict(YES, f"a connection to {outside}, port {evidence.port}, came back to us through the router")
    return None


def _what_is_missing(evidence: Evidence) -> str:
    if evidence.asks_router and evidence.is_mapped:
        return (
            f"the router lets port {evidence.port} in, but nobody has come in from outside yet; "
            "let somebody connect who is not in this network"
        )
    if is_public(evidence.own_address):
        return "this machine has a public address, but a firewall may stand before it; nobody has come in yet"
    if evidence.asks_router:
        return f"the router has not been asked for port {evidence.port} yet"
    return "nobody has come in from outside yet, and no router is asked to let ports in (CLAWCHAT_PORT_MAPPING)"


def _kind(text: str) -> str:
    """What is wrong with an address that is not public."""
    address = ip_address(text)
    if address.version == 4 and address in SHARED:
        return "one that the provider shares among customers, so nobody outside can call it"
    return (
        "a private one: another router stands before it"
        if address.is_private
        else "not one that people outside can call"
    )


def _is_loopback(text: str) -> bool:
    address = parsed(text)
    return text == "localhost" or (address is not None and address.is_loopback)


def _half(sentence: str) -> str:
    """A sentence as the end of another."""
    sentence = sentence.rstrip(".")
    return sentence[:1].lower() + sentence[1:]

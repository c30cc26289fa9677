"""Bans: addresses whose new connections to chat ports are reset for a while. Live sessions are never touched."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from ipaddress import ip_network

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from chat.addresses import PREFIX_BITS, is_never_banned, network_of, parse_address
from chat.models import Alert, Ban, Connection, News
from chat.services import alerts, audit, news
from chat.services.policy import current_policy

SERVER = "server"
# Who was a member's address so lately is alerted on, not banned.
MEMBER_FOR = timedelta(hours=24)
# The widest and the narrowest network of each version that may be banned, in bits; single addresses apart.
BANNED_BITS = {4: (16, 32), 6: (32, PREFIX_BITS)}


# Where nobody is banned, so many touches within ten minutes are a scan.
SCAN_TOUCHES = 10


class NotBanned(Exception):
    """This network is never banned, or not now; the text says why."""


def bans_in_force() -> dict[str, float]:
    """Until when each banned network is. Units: seconds since 1970."""
    rows = Ban.objects.in_force(timezone.now()).values_list("network", "until")
    # One that was banned before its proxy was named in the settings is let in from the next start on.
    return {network: until.timestamp() for network, until in rows if not is_never_banned(network)}


def parse_network(text: str) -> str:
    """The network that a ban of this address or network is about; of an IPv6 address, its network of 64 bits.

    Raises: NotBanned (it is neither, or too wide to be one neighbour's).
    """
    try:
        found = ip_network(text.strip(), strict=False)
    except ValueError:
        raise NotBanned("This is no address.") from None
    if found.prefixlen == found.max_prefixlen:
        return network_of(str(found.network_address))
    widest, narrowest = BANNED_BITS[found.version]
    if found.prefixlen < widest:
        raise NotBanned(
            f"This is too wide: it would shut out friends, too. Ban a network of {widest} bits or more; to shut out "
            "one address, write it alone."
        )
    if found.prefixlen > narrowest:
        raise NotBanned(f"Whoever has one of these addresses has all of {found.network_address}/{narrowest}: ban that.")
    return str(found)


@transaction.atomic
def ban(network: str, minutes: int, reason: str, actor: str = SERVER, known: Collection[str] = ()) -> Ban:
    """Refuse this network's new connections for so long; a ban that holds already is changed.

    `known` are addresses of members that the caller knows of. Raises: NotBanned.
    """
    network = parse_network(network)
    check_bannable(network, known)
    now = timezone.now()
    facts = {"since": now, "until": now + timedelta(minutes=minutes), "reason": reason[:128], "made_by": actor[:64]}
    row, _ = Ban.objects.update_or_create(network=network, defaults=facts)
    audit.record("banned", actor=actor[:64], address=network, minutes=minutes, reason=row.reason)
    news.tell(News.Kind.BANS)
    return row


def check_bannable(network: str, known: Collection[str] = (), own_address: str = "") -> None:
    """Nothing, when this network may be banned; `own_address` is that of the operator who asks.

    Raises: NotBanned.
    """
    if is_never_banned(network):
        raise NotBanned("This machine and the trusted proxies are never banned.")
    if own_address and _covers(network, own_address):
        raise NotBanned("You come from there yourself at this moment: this would shut out you, too.")
    if _is_members(network, known):
        raise NotBanned("A member is there, or was within the last day: revoke the device instead.")


@transaction.atomic
def lift(network: str, actor: str) -> bool:
    """Take a ban back; False when there is none."""
    removed, _ = Ban.objects.filter(network=network).delete()
    if removed:
        audit.record("ban_lifted", actor=actor[:64], address=network)
        news.tell(News.Kind.BANS)
    return bool(removed)


@transaction.atomic
def judge(before: Mapping[str, int], after: Mapping[str, int], known: Collection[str] = ()) -> bool:
    """Ban the networks whose touches within ten minutes, `before` and `after` the last ones, have become too many.

    Who is never banned, or is a member, is only alerted on. True when somebody was banned.
    """
    policy = current_policy()
    most, has_banned = policy.ban_after_touches, False
    for network, touches in after.items():
        # Each time as many again, so that a ban that was lifted is not made anew by the very next touch.
        pattern = most or SCAN_TOUCHES
        if touches // pattern == before.get(network, 0) // pattern:
            continue
        try:
            if not most:
                raise NotBanned("Nobody is banned for that: the connection policy says so.")
            ban(network, policy.ban_minutes, f"{touches} touches within ten minutes", known=known)
            has_banned = True
            answer, remedy = f"it is banned for {policy.ban_minutes} minutes", "Nothing: the ban ends by itself."
        except NotBanned as refusal:
            answer, remedy = "it is not banned", str(refusal)
            if is_never_banned(network):
                remedy += " Look at which program there does that."
            elif most:
                audit.record("scan_by_member", address=network, count=touches)
        _tell_of_scan(network, touches, answer, remedy)
    return has_banned


def _tell_of_scan(network: str, touches: int, answer: str, remedy: str) -> None:
    text = f"{network} touched ports {touches:,} times within ten minutes as only a scanner does; {answer}."
    alerts.raise_one_of_many("scan", network, Alert.Severity.WARNING, text, remedy, touches=touches)


def prune_bans() -> int:
    """How many bans that have run out were removed."""
    return Ban.objects.filter(until__lte=timezone.now()).delete()[0]


def _is_members(network: str, known: Collection[str]) -> bool:
    """Whether a member is connected from there, or proved who it is from there within the last day."""
    if any(_covers(network, address) for address in known):
        return True
    now = timezone.now()
    recent = Connection.objects.filter(Q(opened_at__gt=now - MEMBER_FOR) | Q(closed_at=None), address__isnull=False)
    if "/" not in network:
        # A socket for both families wrote the same address in another way.
        return recent.filter(address__in=[network, f"::ffff:{network}"]).exists()
    return any(_covers(network, address) for address in recent.values_list("address", flat=True).distinct())


def _covers(network: str, address: str) -> bool:
    found = parse_address(address)
    return found is not None and found in ip_network(network)

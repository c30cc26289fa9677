"""A burn: what it renews, what it waits for, and the time until it is safe."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from chat.models import Alert, AuditEvent, Connection, Device, News, Revocation
from chat.services.identity import current_kid
from chat.services.invites import create_invite
from clawchat.protocol.schedule import LeaseState
from discovery import mirrors
from discovery.mirrors import MirrorError
from discovery.models import Mirror, PublicationResult
from discovery.services import published_info
from rotation.models import Burn, LeaseKind, Node
from rotation.services import nodes
from rotation.services.burning import (
    GRACE_SECONDS,
    STEPS,
    BurnUnderWay,
    advance_burn,
    mirrors_without,
    prospect,
    seconds_of,
    start_burn,
    waiting_for,
)
from tests.rotation.rows import House, Shelf


@pytest.fixture
def now_house(shelf) -> House:
    """A node that runs at this very moment, with its port open."""
    house = House(now=int(timezone.now().timestamp()))
    house.settle()
    return house


@pytest.fixture
def session(now_house) -> Connection:
    """Somebody who is connected, with keys from before."""
    device = Device.objects.create(device_id=bytes(16), public=bytes(32))
    at = timezone.now()
    return Connection.objects.create(
        device=device, process="p", port=now_house.leases()[0].port, opened_at=at, seen_at=at, keys_since=at
    )


def burn(why: str = "a laptop was stolen") -> Burn:
    """The operator presses the button."""
    return start_burn("olga", why, drill=False)


def test_everything_is_renewed_in_one_transaction(now_house):
    """Secret, revocation and the word to every session are there when it returns."""
    kid = current_kid()
    row = burn()

    assert current_kid() != kid
    assert Revocation.objects.get(kind=Revocation.Kind.DISCOVERY).why == "a laptop was stolen"
    assert {News.Kind.SECRET, News.Kind.REKEY} <= set(News.objects.values_list("kind", flat=True))
    assert AuditEvent.objects.get(code="burn_begun").actor == "olga"
    assert waiting_for(row) == list(STEPS)


def test_a_second_burn_does_nothing(now_house):
    """The one that goes on does all that another would."""
    burn()
    kid = current_kid()

    with pytest.raises(BurnUnderWay):
        burn()

    assert Burn.objects.count() == 1 and current_kid() == kid


def test_each_step_is_noted_when_it_is_done_everywhere(now_house, session):
    """Secret, mirrors, ports, sessions: the last of them makes it safe, and the seconds are measured."""
    row, old = burn(), now_house.leases()[0]
    Node.objects.update(kid="00")
    advance_burn(row)
    row.refresh_from_db()
    assert waiting_for(row) == list(STEPS)

    # The node has read the secret and opens another port; the file is on the shelf.
    now_house.settle(now_house.now + 1)
    row.refresh_from_db()
    assert waiting_for(row) == ["ports_at", "sessions_at"]
    old.refresh_from_db()
    assert old.state == LeaseState.DRAINING
    assert {endpoint.port: endpoint.retiring for endpoint in published_info().endpoints}[old.port]

    # Live sessions have gone over to the new port long before the grace is over.
    now_house.tick(now_house.now + 2)
    old.refresh_from_db()
    assert (old.closes_at - row.started_at).total_seconds() <= GRACE_SECONDS + 1
    now_house.tick(now_house.now + GRACE_SECONDS + 1)
    row.refresh_from_db()
    assert waiting_for(row) == ["sessions_at"]

    Connection.objects.update(keys_since=timezone.now())
    now_house.tick()
    row.refresh_from_db()
    assert row.safe_at == max(getattr(row, step) for step in STEPS)
    assert seconds_of(row, "safe_at") >= 0
    assert "seconds" in AuditEvent.objects.get(code="burn_safe").details


def test_a_session_that_ends_needs_no_new_keys(now_house, session):
    """Whoever it was has to come by the new secret."""
    row = burn()
    Connection.objects.update(closed_at=timezone.now())
    advance_burn(row)

    row.refresh_from_db()
    assert row.sessions_at is not None


class Wall(Shelf):
    """A mirror that takes nothing, and does not count."""

    def put(self, name: str, data: bytes) -> None:
        raise MirrorError("It is full.")

    def public_locations(self) -> tuple[str, ...]:
        return ()


def test_a_mirror_that_is_still_to_be_visited_holds_up_a_burn(now_house):
    """Whoever reads there still finds the old file; one that was switched off is read by nobody."""
    other = Mirror.objects.create(kind="shelf", name="Slow cloud")
    row = burn()
    now_house.settle(now_house.now + 1)
    Burn.objects.update(mirrors_at=None, safe_at=None)
    PublicationResult.objects.filter(mirror=other).update(state=PublicationResult.State.WAITING)

    advance_burn(row)
    row.refresh_from_db()
    assert row.mirrors_at is None

    Mirror.objects.filter(pk=other.pk).update(enabled=False)
    advance_burn(row)
    row.refresh_from_db()
    assert row.mirrors_at is not None


def test_a_mirror_that_takes_nothing_holds_up_no_burn(now_house, monkeypatch):
    """While one that counts has the file; its name is told."""
    monkeypatch.setitem(mirrors.DRIVERS, "wall", Wall)
    Mirror.objects.create(kind="wall", name="Full cloud")
    row = burn()
    now_house.settle(now_house.now + 1)

    row.refresh_from_db()
    assert row.mirrors_at is not None
    assert mirrors_without() == ["Full cloud"]


def test_without_any_mirror_it_is_not_safe(now_house, shelf):
    """The old file still opens for whoever has the old secret, and names the old port, which serves on."""
    shelf.is_down = True
    row = burn()
    now_house.settle(now_house.now + 1)
    now_house.tick(now_house.now + GRACE_SECONDS + 5)

    row.refresh_from_db()
    assert {"mirrors_at", "ports_at"} <= set(waiting_for(row))


def test_a_burn_that_takes_long_is_an_alert_until_it_is_over(now_house, shelf):
    """It says what it waits for."""
    shelf.is_down = True
    row = burn()
    advance_burn(row, row.started_at + timedelta(days=1, minutes=6))
    alert = Alert.objects.get(kind="key", subject="burn")
    assert "is not over after 86760 s" in alert.text and "the mirrors have the new file" in alert.text

    shelf.is_down = False
    Burn.objects.update(**dict.fromkeys(STEPS, row.started_at))
    advance_burn(row)
    alert.refresh_from_db()
    assert alert.closed_at is not None


def test_a_node_that_ends_goes_by_no_secret(now_house):
    """It holds up nobody."""
    nodes.depart(now_house.node_pk, now_house.now)

    assert Node.objects.get().kid == ""


def test_what_would_be_renewed_is_counted(now_house, session):
    """For the dry run and the button's page."""
    create_invite()

    assert prospect() == {"nodes": 1, "ports": 1, "devices": 1, "mirrors": 1, "invitations": 1}


def test_a_dry_run_does_nothing(now_house, session, capsys):
    """It says what it would do."""
    kid = current_kid()
    call_command("burn", "--dry-run")

    said = capsys.readouterr().out
    assert "A burn would renew: the discovery secret, 1 port on 1 node, the keys of 1 device" in said
    assert said.rstrip().endswith("Nothing was done.")
    assert current_kid() == kid and not Burn.objects.exists()


def test_the_command_says_what_is_missing(now_house, shelf, capsys):
    """Status 1, each step with its seconds, and that it goes on by itself."""
    shelf.is_down = True
    with pytest.raises(CommandError, match=r"Not safe yet.*what is missing: .*no port from before takes anybody"):
        call_command("burn", "--drill", "--why", "a drill", "--wait", "1")

    said = capsys.readouterr().out
    assert "s  every session has new keys or has ended" in said
    row = Burn.objects.get()
    assert row.drill and row.why == "a drill" and row.made_by.startswith("burn, run by ")


def test_without_a_server_the_command_says_so(shelf, capsys):
    """The rows are renewed all the same."""
    with pytest.raises(CommandError, match="Not safe yet"):
        call_command("burn", "--wait", "0")

    assert "No server process runs" in capsys.readouterr().out


def test_fixed_ports_and_decoys_stay(shelf, settings):
    """A fixed port's number is no secret, and its gate has changed."""
    settings.CLAWCHAT_FIXED_PORT, settings.CLAWCHAT_DECOYS = 443, 1
    house = House(now=int(timezone.now().timestamp()))
    house.settle()
    stay = {lease.pk for lease in house.leases() if lease.kind != LeaseKind.MOVING}
    burn()
    house.settle(house.now + 1)
    house.tick(house.now + GRACE_SECONDS + 5)

    there = {lease.pk for lease in house.leases(LeaseState.OPEN, LeaseState.TRIPWIRE)}
    assert stay <= there
    assert Burn.objects.get().ports_at is not None

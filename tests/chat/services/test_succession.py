"""A handover as rows: what is made, what is refused, and what is left of the old identity when it is over."""

from datetime import timedelta

import pytest
from django.utils import timezone

from chat.models import AuditEvent, Invite, News, Revocation, ServerIdentity
from chat.services import identity, revocations, succession, wraps
from chat.services.invites import create_invite
from chat.services.secrets import open_secret
from chat.services.succession import HandoverError, begin_handover, finish_handover
from clawchat.protocol.errors import Malformed, Unauthentic
from clawchat.protocol.invite import Invite as InviteText
from clawchat.protocol.revocation_list import check_identity_revocation
from clawchat.protocol.succession import SuccessorStatement

State = ServerIdentity.State
OVERLAP = timedelta(hours=1)


def over(row: ServerIdentity):
    """The instant at which a handover ends."""
    return row.handover_until


def test_the_old_identity_names_the_new_one_and_both_serve(server):
    """By a statement that checks under the pin that clients have."""
    old = identity.current_identity()
    row = begin_handover("olga", OVERLAP)

    keys = identity.server_keys()
    statement = SuccessorStatement.parse(keys.statement)
    statement.check([old.public], int(timezone.now().timestamp()))
    assert keys.identity == old and keys.successor == identity.open_identity(row)
    assert statement.new == keys.successor.public
    assert statement.until - statement.begins == OVERLAP.total_seconds()
    assert [row.state for row in ServerIdentity.objects.order_by("pk")] == [State.ACTIVE, State.SUCCESSOR]
    assert News.objects.filter(kind=News.Kind.IDENTITY).count() == 1
    event = AuditEvent.objects.get(code="handover_begun")
    assert event.actor == "olga" and event.details == {"until": statement.until}


def test_an_identity_hands_over_once(server):
    """The next one follows when this is over, and the sentence says when that is."""
    row = begin_handover("olga", OVERLAP)

    with pytest.raises(HandoverError, match=f"until {row.handover_until:%Y-%m-%d %H:%M} UTC"):
        begin_handover("olga", OVERLAP)

    assert ServerIdentity.objects.count() == 2


@pytest.mark.parametrize("overlap", [timedelta(0), timedelta(seconds=9), timedelta(days=91), timedelta(days=-1)])
def test_an_overlap_has_bounds(server, overlap):
    """Nobody could follow in no time, and clients believe in none of more than 90 days."""
    with pytest.raises(HandoverError, match="10 seconds at least and 90 days at most"):
        begin_handover("olga", overlap)

    assert ServerIdentity.objects.count() == 1


def test_no_invitation_outlives_the_identity_that_it_names(server):
    """Neither one that was open, nor one that is made in the overlap; a shorter one keeps its time."""
    create_invite(lifetime_seconds=7 * 86_400, label="before")
    create_invite(lifetime_seconds=600, label="short")
    row = begin_handover("olga", OVERLAP)
    issued = create_invite(lifetime_seconds=86_400, label="after")

    times = {invite.label: invite.expires_at for invite in Invite.objects.all()}
    assert times["before"] == times["after"] == issued.expires_at == row.handover_until
    assert times["short"] < row.handover_until


def test_an_invitation_made_after_the_end_names_the_new_identity(server):
    """Also where nobody has ended the handover yet, since no server ran: the old one would let nobody in."""
    row = begin_handover("olga", OVERLAP)
    ServerIdentity.objects.filter(pk=row.pk).update(handover_until=timezone.now() - timedelta(seconds=1))
    issued = create_invite(lifetime_seconds=600)

    assert InviteText.parse(issued.text).server_public == identity.open_identity(row).public
    assert issued.expires_at > timezone.now()


def test_nothing_ends_before_its_time(server):
    """The decider asks again and again."""
    row = begin_handover("olga", OVERLAP)

    assert not finish_handover(over(row) - timedelta(seconds=1))
    assert identity.successor_row() == row


def test_when_it_is_over_the_new_identity_is_the_server(server):
    """The name stays that of the first, the old key is erased, and it has ended itself by its own word."""
    old, server_id = identity.current_identity(), identity.server_id()
    row = begin_handover("olga", OVERLAP)
    new = identity.open_identity(row)

    assert finish_handover(over(row))
    assert not finish_handover(over(row))

    keys = identity.server_keys()
    assert keys.identity == new and keys.successor is None and keys.statement == b""
    assert keys.server_id == server_id
    former = ServerIdentity.objects.get(state=State.RETIRED)
    assert bytes(former.private_sealed) == b"" and former.retired_at == over(row)
    with pytest.raises(Unauthentic):
        open_secret(identity.IDENTITY_PURPOSE, bytes(former.private_sealed), bytes(former.public))
    (entry,) = revocations.current_entries()
    assert check_identity_revocation(entry, old.public)
    assert not check_identity_revocation(entry, new.public)
    assert AuditEvent.objects.get(code="handover_over").details == {"devices_left": 0}


def test_a_third_identity_can_follow(server):
    """Each hands over to the next, and the name is still the first one's."""
    server_id = identity.server_id()
    for _ in range(2):
        finish_handover(over(begin_handover("olga", OVERLAP)))

    assert [row.state for row in ServerIdentity.objects.order_by("pk")] == [State.RETIRED, State.RETIRED, State.ACTIVE]
    assert identity.server_id() == server_id
    assert Revocation.objects.filter(kind=Revocation.Kind.IDENTITY).count() == 2


def test_the_lock_outlives_the_handover(server):
    """What changes wraps and secrets waits for one row, whoever is the server."""
    finish_handover(over(begin_handover("olga", OVERLAP)))

    identity.renew_discovery_secret("a device was lost", "olga")
    assert wraps.lock_secret().current


def test_by_hand_only_a_former_identity_is_ended(server):
    """The one that follows is in use; one that has handed over has ended itself already."""
    row = begin_handover("olga", OVERLAP)
    with pytest.raises(Malformed, match="in use"):
        revocations.revoke_identity(row, "", "olga")

    finish_handover(over(row))
    former = ServerIdentity.objects.get(state=State.RETIRED)
    assert revocations.revoke_identity(former, "again", "olga").why == succession.HANDED_OVER


def test_devices_that_have_not_come_by_the_new_identity_are_counted(alice, bob):
    """They would need an invitation."""
    row = begin_handover("olga", OVERLAP)
    assert succession.waiting_devices(row).count() == 2

    alice.device.server_identity = row
    alice.device.save()
    assert list(succession.waiting_devices(row)) == [bob.device]


def test_an_idle_look_asks_once(server, django_assert_num_queries):
    """It is a part of every pass of the decider."""
    with django_assert_num_queries(1):
        finish_handover(timezone.now())

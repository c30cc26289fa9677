"""Retention: addresses are erased, old events leave the log, and what is left can still be checked."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from chat.models import AuditCheckpoint, AuditEvent, AuditHead, Connection, ConnectionPolicy, ServerIdentity
from chat.services import audit
from chat.services.audit_chain import walk
from chat.services.audit_checkpoints import DAY_MS, erase_addresses, prune
from chat.services.audit_rows import BrokenLink
from chat.services.identity import IDENTITY_PURPOSE, current_identity
from chat.services.policy import change_policy
from chat.services.pruning import prune_leftovers
from chat.services.secrets import seal_secret
from clawchat.protocol.encoding import u64
from clawchat.protocol.key_schedule import PREFIXES
from clawchat.protocol.keys import IdentityKey
from clawchat.protocol.succession import sign_succession

KEPT_DAYS = 10


@pytest.fixture
def log(server) -> int:
    """A log of 22 events: two of the first start and twenty, the oldest of them twenty days old. The last one's number.

    Some are kept by the policy, which is changed by hand, without an event.
    """
    server_policy(audit_retention_days=KEPT_DAYS, address_retention_days=KEPT_DAYS)
    AuditEvent.objects.filter(number=None).update(time_ms=days_ago(21))
    batch = audit.Batch()
    for number in range(20):
        batch.record("banned", address=f"192.0.2.{number}", minutes=60)
    batch.save()
    for number, row in enumerate(AuditEvent.objects.filter(code="banned").order_by("id")):
        AuditEvent.objects.filter(pk=row.pk).update(time_ms=days_ago(20 - number))
    audit.seal_batch()
    return AuditEvent.objects.count()


def server_policy(**limits: int) -> None:
    """Change the limits as nobody else hears of it."""
    ConnectionPolicy.objects.update(**limits)


def days_ago(days: int) -> int:
    """Milliseconds since 1970, an hour into that day."""
    return int(timezone.now().timestamp() * 1000) // DAY_MS * DAY_MS - days * DAY_MS + 3_600_000


def test_old_events_leave_the_log_and_the_rest_can_be_checked(log):
    """A signed checkpoint stands for them; the chain goes on behind it, and over what comes later."""
    removed = prune()
    audit.seal_batch()

    checkpoint = AuditCheckpoint.objects.get()
    # Of the first two, and of the twenty those of ten whole days.
    assert removed == checkpoint.number == 2 + 20 - KEPT_DAYS
    assert AuditEvent.objects.order_by("number").first().number == checkpoint.number + 1
    assert walk().first == checkpoint.number + 1
    assert AuditEvent.objects.get(code="audit_pruned").details == {"count": removed}
    assert prune() == 0


def test_pruning_goes_on_from_its_checkpoint(log, monkeypatch):
    """In portions, each with its own; the newest is kept."""
    monkeypatch.setattr("chat.services.audit_checkpoints.PORTION", 3)

    assert prune() > 6
    assert AuditCheckpoint.objects.count() == 1
    server_policy(audit_retention_days=5)
    assert prune() == 5
    audit.seal_batch()

    assert walk().last == AuditEvent.objects.order_by("-number").first().number


def test_a_log_of_old_events_only_leaves_nothing_but_its_checkpoint(log):
    """A server that was off for a year."""
    server_policy(audit_retention_days=1)
    AuditEvent.objects.filter(time_ms__gte=days_ago(2)).delete()
    last = AuditEvent.objects.order_by("-number").first()
    AuditHead.objects.update(number=last.number, hash=last.hash)

    assert prune() == last.number
    assert walk().count == 0


@pytest.mark.parametrize("days", [0, 3650])
def test_what_is_kept_is_kept(log, days):
    """0 keeps all."""
    server_policy(audit_retention_days=days, address_retention_days=days)

    assert (prune(), erase_addresses()) == (0, 0)
    assert AuditEvent.objects.count() == log


def test_what_is_not_sound_is_kept_as_evidence(log):
    """No checkpoint vouches for it, however old it is."""
    AuditEvent.objects.filter(number=5).update(actor="nobody")

    assert prune() == 4
    with pytest.raises(BrokenLink) as found:
        walk()
    assert found.value.number == 5


def test_a_young_event_keeps_those_behind_it(log):
    """Its clock was wrong: the log is shortened from its beginning only."""
    row = AuditEvent.objects.get(number=4)
    AuditEvent.objects.exclude(number=None).update(number=None, previous_hash=None, hash=None)
    AuditEvent.objects.filter(pk=row.pk).update(time_ms=days_ago(0))
    AuditHead.objects.update(number=0, hash=bytes(32))
    audit.seal_batch()

    assert prune() == 3


@pytest.mark.parametrize("change", ["number", "hash", "signature", "removed", "forged"])
def test_a_checkpoint_that_this_server_did_not_sign_is_named(log, change):
    """Whoever can write the database could otherwise cut the log where it suits him."""
    prune()
    checkpoint = AuditCheckpoint.objects.get()
    if change == "removed":
        checkpoint.delete()
    elif change == "forged":
        forge(AuditEvent.objects.order_by("number")[3])
    elif change == "number":
        AuditCheckpoint.objects.update(number=checkpoint.number + 1)
    else:
        value = bytes(getattr(checkpoint, change))
        AuditCheckpoint.objects.update(**{change: bytes([value[0] ^ 1]) + value[1:]})

    with pytest.raises(BrokenLink):
        walk()
    assert prune() == 0


def forge(event: AuditEvent) -> None:
    """Cut the log at an event, under an identity that is put into the database."""
    mallory = IdentityKey.generate()
    ServerIdentity.objects.create(
        public=bytes(mallory.public), private_sealed=bytes(61), state=ServerIdentity.State.RETIRED
    )
    signature = mallory.sign(PREFIXES["audit checkpoint"] + u64(event.number) + bytes(event.hash))
    AuditCheckpoint.objects.all().delete()
    AuditCheckpoint.objects.create(
        number=event.number, hash=event.hash, public=bytes(mallory.public), signature=signature
    )
    AuditEvent.objects.filter(number__lte=event.number).delete()


@pytest.mark.parametrize("handed_over", ["by both", "by another", "by nobody"])
def test_a_checkpoint_of_the_identity_before_counts_when_it_handed_over(log, handed_over):
    """By a statement of both; a row that says so is not enough, nor a statement that they did not sign."""
    prune()
    old, new = current_identity(), IdentityKey.generate()
    statement = sign_succession(IdentityKey.generate() if handed_over == "by another" else old, new, 1_000, 2_000)
    if handed_over == "by nobody":
        statement = replace(statement, signature=bytes(64), proof=bytes(64))
    ServerIdentity.objects.update(state=ServerIdentity.State.RETIRED)
    public = bytes(new.public)
    ServerIdentity.objects.create(
        public=public, private_sealed=seal_secret(IDENTITY_PURPOSE, bytes(new), public), statement=statement.encode()
    )

    if handed_over == "by both":
        assert walk().count > 0
    else:
        with pytest.raises(BrokenLink, match="not signed by this server"):
            walk()


def test_addresses_are_erased_and_the_chain_holds(log, alice):
    """Of old events and of connections that ended long ago; with the salt, so that nobody can guess them."""
    now = timezone.now()
    ended = {
        "device": alice.device,
        "process": "x",
        "port": 1,
        "address": "192.0.2.1",
        "opened_at": now,
        "seen_at": now,
    }
    Connection.objects.create(**ended, closed_at=now - timedelta(days=KEPT_DAYS + 1))
    Connection.objects.create(**ended, closed_at=now - timedelta(days=KEPT_DAYS - 1))
    Connection.objects.create(**ended)

    erased = erase_addresses()

    old = AuditEvent.objects.filter(time_ms__lt=days_ago(KEPT_DAYS))
    assert set(old.values_list("address", "address_salt")) == {("", None)}
    assert AuditEvent.objects.exclude(address="").count() == 20 - (erased - 1)
    assert list(Connection.objects.order_by("id").values_list("address", flat=True)) == [None, "192.0.2.1", "192.0.2.1"]
    assert walk().count == log
    assert erase_addresses() == 0


def test_the_rounds_do_it(log):
    """With everything else that has had its time."""
    change_policy("operator", audit_retention_days=5, address_retention_days=2)

    done = prune_leftovers()

    assert done["audit events"] > 0
    assert done["addresses"] > 0


def test_a_broken_checkpoint_stops_nothing_else(log):
    """The other leftovers go all the same."""
    prune()
    AuditCheckpoint.objects.update(signature=bytes(64))
    server_policy(audit_retention_days=1)

    assert prune_leftovers()["audit events"] == 0

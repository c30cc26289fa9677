"""`manage.py rotate_keys`: one kind of key or all of them, told before and after."""

import asyncio
import json
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from django.core.management import CommandError, call_command
from django.utils import timezone

from chat.models import AuditEvent, Device, News, Revocation, ServerIdentity
from chat.services import identity
from chat.services.identity import current_identity, current_kid, server_id
from chat.services.master_key import master_keys
from chat.services.revocations import certificate_key
from clawchat.protocol.credential import device_id
from clawchat.protocol.fingerprint import fingerprint
from clawchat.protocol.keys import DeviceKey
from clawchat.protocol.revocation_list import revoked_id
from discovery.services import published_info
from rotation.models import Node
from rotation.services import key_rotation
from rotation.services.master_kind import MasterKind
from rotation.services.nodes import note_certificates
from rotation.services.tls_kind import REPLACED, withdraw_replaced
from rotation.tls import ContextSource, TlsProblem
from rotation.tls import source as tls_source
from rotation.tls.authority import ask_for_new_keys
from rotation.tls.local import LocalSupply, local_authority
from tests.rotation.certificates import agree
from tests.rotation.rows import House


@pytest.fixture
def now_house(shelf, monkeypatch, transactional_db) -> House:
    """A node that runs at this very moment; nobody seals anything but this test."""
    quick = tuple(MasterKind(0) if kind.name == "master" else kind for kind in key_rotation.KINDS)
    monkeypatch.setattr(key_rotation, "KINDS", quick)
    house = House(now=int(timezone.now().timestamp()))
    house.settle()
    return house


@pytest.fixture
def local(now_house, settings):
    """TLS by an authority of this server's own."""
    settings.CLAWCHAT_TLS, settings.CLAWCHAT_HOST = "local", "127.0.0.1"
    return settings


def rotate(capsys, *arguments: str) -> str:
    """What the command prints."""
    call_command("rotate_keys", *arguments)
    return capsys.readouterr().out


def test_without_an_option_it_tells_how_the_keys_stand(now_house, capsys):
    """Each kind has its line; no key is shown."""
    keys = identity.server_keys()
    said = rotate(capsys)

    for kind in ("identity", "discovery", "tls", "devices", "sessions", "master"):
        assert f"\n  {kind:<11}" in said
    assert fingerprint(keys.identity.public)[:19] in said and current_kid().hex() in said
    assert master_keys()[0].id.hex() in said
    for secret in (bytes(keys.identity), bytes(keys.discovery_secret), master_keys()[0].raw):
        assert secret.hex() not in said


def test_a_dry_run_changes_nothing(now_house, capsys):
    """It says what would change, for each kind."""
    before = (current_identity(), current_kid(), master_keys(), News.objects.count(), AuditEvent.objects.count())
    said = rotate(capsys, "--all", "--dry-run")

    assert "What would change:" in said and said.rstrip().endswith("Nothing was changed.")
    after = (current_identity(), current_kid(), master_keys(), News.objects.count(), AuditEvent.objects.count())
    assert after == before and ServerIdentity.objects.count() == 1


def test_all_changes_everything_that_there_is(now_house, capsys):
    """And says for each kind who has to do what; without TLS there is nothing to change there."""
    old, kid, master, name = current_identity(), current_kid(), master_keys(), server_id()
    said = rotate(capsys, "--all", "--why", "a yearly renewal")

    assert identity.successor_identity() is not None and current_identity() == old
    assert current_kid() != kid and master_keys() != master and len(master_keys()) == 1
    assert News.objects.filter(kind=News.Kind.REKEY).exists() and News.objects.filter(kind=News.Kind.PAIRS).exists()
    assert Revocation.objects.get(kind=Revocation.Kind.DISCOVERY).why == "a yearly renewal"
    assert said.count("Nobody has to do anything.") >= 3
    assert "Make a new backup of the master key file" in said
    assert "Not changed. This server speaks no TLS" in said
    assert "hands over to" in said.rpartition("Now:")[2]

    # The file follows with the next pass, signed by both.
    now_house.settle(now_house.now + 1)
    assert published_info().server_id == name


def told(capsys, *arguments: str) -> dict:
    """What the command prints for programs."""
    return json.loads(rotate(capsys, "--json", *arguments))


def test_programs_read_how_the_keys_stand_and_what_would_change(now_house, capsys):
    """One object whatever is asked; a dry run changes nothing."""
    kid = current_kid()
    standing = told(capsys)
    assert set(standing) == {"dry_run", "before", "keys", "after"} and standing["keys"] == {}
    assert set(standing["before"]) == {"identity", "discovery", "tls", "devices", "sessions", "master"}

    dry = told(capsys, "--all", "--dry-run")

    assert dry["dry_run"] and dry["before"] == dry["after"] == standing["before"]
    assert dry["keys"].pop("tls")["result"] == "would be refused"
    assert {found["result"] for found in dry["keys"].values()} == {"would change"} and len(dry["keys"]) == 5
    assert "new secret is drawn" in dry["keys"]["discovery"]["sentence"]
    assert current_kid() == kid and ServerIdentity.objects.count() == 1


def test_programs_read_what_became_of_each_kind(now_house, capsys):
    """All of it is one object on the standard output, also while a long change tells how far it is; no key is in it."""
    kid = current_kid()
    call_command("rotate_keys", "--all", "--json")
    out, err = capsys.readouterr()
    found = json.loads(out)

    assert found["keys"].pop("tls") == {
        "result": "refused",
        "sentence": "This server speaks no TLS, so there is no key of it.",
    }
    assert {each["result"] for each in found["keys"].values()} == {"changed"} and len(found["keys"]) == 5
    assert kid.hex() in found["before"]["discovery"] and current_kid().hex() in found["after"]["discovery"]
    assert "The new master key is in the file." in err
    keys = identity.server_keys()
    for secret in (bytes(keys.identity), bytes(keys.discovery_secret), master_keys()[0].raw):
        assert secret.hex() not in out + err


def test_programs_read_a_refusal_and_get_its_status(now_house, capsys):
    """As without --json: an error when nothing that was asked for was changed."""
    with pytest.raises(CommandError, match="speaks no TLS"):
        call_command("rotate_keys", "--tls", "--json")

    found = json.loads(capsys.readouterr().out)
    assert found["keys"]["tls"]["result"] == "refused" and found["before"] == found["after"]


def test_a_second_handover_is_refused_in_a_sentence(now_house, capsys):
    """Asked for alone it is an error; among all it holds up no other key."""
    rotate(capsys, "--identity")
    with pytest.raises(CommandError, match=r"handed over already, until .* UTC"):
        rotate(capsys, "--identity")

    kid = current_kid()
    rotate(capsys, "--all")
    assert current_kid() != kid


def test_an_overlap_that_is_none_is_refused(now_house, capsys):
    """Nothing was made then."""
    for seconds in ("1", "-5", "9" * 20):
        for dry in ((), ("--dry-run",)):
            with pytest.raises(CommandError, match="10 seconds at least and 90 days at most"):
                rotate(capsys, "--identity", "--overlap", seconds, *dry)

    assert ServerIdentity.objects.count() == 1


def test_the_decider_ends_a_handover(now_house, capsys):
    """When its time is over; the file names the new identity, and only that one has signed it."""
    rotate(capsys, "--identity", "--overlap", "60")
    new, old = identity.successor_identity(), current_identity()
    now_house.settle(now_house.now + 5)
    assert published_info().server_public == old.public

    now_house.settle(now_house.now + 120)

    assert current_identity() == new
    assert published_info().server_public == new.public
    assert not bytes(ServerIdentity.objects.get(state=ServerIdentity.State.RETIRED).private_sealed)


def test_it_says_how_many_devices_use_an_older_secret(now_house, capsys):
    """Those that were asked and have not come by another one; revoked ones are none."""
    keys = [DeviceKey.generate().public for _ in range(3)]
    rows = [Device(device_id=device_id(key), public=bytes(key), psk_id=device_id(key)) for key in keys]
    rows[2].revoked_at = timezone.now()
    Device.objects.bulk_create(rows)
    assert "of 2 devices; clients take new ones" in rotate(capsys, "--devices", "--dry-run")
    assert not Device.objects.exclude(psk_due_at=None).exists()

    said = rotate(capsys, "--devices")
    assert "2 devices left to go over" in said and "of 2 devices; 2 of them still use one" in said
    Device.objects.filter(pk=rows[0].pk).update(psk_made_at=timezone.now())
    assert "of 2 devices; 1 of them still use" in rotate(capsys)


# TLS


def test_new_tls_keys_are_served_at_once_and_the_old_ones_revoked(local, capsys):
    """The running listeners take them over with their next look; the authority stays."""
    source = ContextSource(LocalSupply())
    before, authority = agree(source.getContext()).certificate, local_authority(timezone.now().timestamp())
    assert not source.look()

    said = rotate(capsys, "--tls")
    assert "Nobody has to do anything." in said

    assert source.look() and not source.look()
    after = agree(source.getContext()).certificate
    assert after.public_key() != before.public_key()
    assert local_authority(timezone.now().timestamp()).certificate == authority.certificate
    withdrawn = source._supply.withdrawn()
    assert before in [pair.certificate for pair in withdrawn]
    withdraw_replaced([pair.certificate.public_bytes(Encoding.PEM).decode() for pair in withdrawn])
    ids = {bytes(row.subject) for row in Revocation.objects.filter(kind=Revocation.Kind.CERTIFICATE, why=REPLACED)}
    assert revoked_id(certificate_key(before.public_bytes(Encoding.PEM).decode())) in ids
    assert revoked_id(certificate_key(after.public_bytes(Encoding.PEM).decode())) not in ids


def test_what_could_not_be_revoked_is_tried_again(local, monkeypatch):
    """The database was away when the listeners had their new keys."""
    monkeypatch.setattr(tls_source, "LOOK_SECONDS", 0.01)
    source, tries, noted = ContextSource(LocalSupply()), [], []

    async def withdraw(certificates: list[str]) -> None:
        tries.append(certificates)
        if len(tries) == 1:
            raise OSError("away")

    async def note_exchange() -> None:
        noted.append(len(tries))
        if len(noted) == 1:
            raise OSError("away again")
        raise asyncio.CancelledError

    ask_for_new_keys(local_authority(timezone.now().timestamp()))
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(source.watch(withdraw, note_exchange))

    assert noted == [2, 2]
    assert len(tries) == 2 and tries[0] == tries[1] and len(tries[0]) == 2


def test_a_renewal_in_time_revokes_nothing(local):
    """Only what an operator had replaced is not to be believed any more."""
    clock = [timezone.now().timestamp()]
    supply = LocalSupply(lambda: clock[0])
    source = ContextSource(supply)
    clock[0] += timedelta(days=61).total_seconds()

    assert source.look()
    assert supply.withdrawn() == []


def test_certificates_from_files_are_the_operators_to_renew(now_house, settings, capsys):
    """The sentence says how."""
    settings.CLAWCHAT_TLS = "files"
    with pytest.raises(CommandError, match="certbot renew --force-renewal"):
        rotate(capsys, "--tls")


def test_a_folder_that_cannot_be_written_is_named(local, capsys, monkeypatch):
    """Nothing is revoked then."""

    def refuse(authority):
        raise TlsProblem("tls/renew cannot be written: No space left on device.")

    monkeypatch.setattr("rotation.services.tls_kind.ask_for_new_keys", refuse)
    with pytest.raises(CommandError, match="No space left"):
        rotate(capsys, "--tls")


def test_an_exchange_of_certificates_is_in_the_audit_log(now_house):
    """Whose listeners, and when."""
    node = Node.objects.first()
    note_certificates(node.pk)

    assert AuditEvent.objects.get(code="certificates_exchanged").subject == node.name

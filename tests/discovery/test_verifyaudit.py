"""`manage.py verifyaudit`: the log is compared with the heads that were published, wherever they still lie."""

import json
import time
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from chat.models import AuditEvent, AuditHead
from chat.services import audit
from clawchat.protocol.encoding import encode_base64
from clawchat.protocol.keys import IdentityKey
from discovery import services
from discovery.mirrors.base import FILE_NAME
from discovery.models import Mirror, Publication
from discovery.services import audit_heads
from tests.discovery.conftest import NOW, compose

# Two by the server's first start.
COUNT = 14
ZERO = "0" * 64


@pytest.fixture
def published(memory) -> type:
    """A log of fourteen events, published, and the mirror that has the file."""
    for number in range(12):
        audit.record("banned", address=f"192.0.2.{number}", minutes=60)
    assert audit.seal_batch() == COUNT
    services.publish(compose(), NOW)
    return memory


def run(*arguments: str) -> tuple[str, str]:
    """What the command says, and what it tells while it works."""
    out, told = StringIO(), StringIO()
    call_command("verifyaudit", *arguments, stdout=out, stderr=told)
    return out.getvalue(), told.getvalue()


def remove_newest(count: int = 10) -> None:
    """As somebody does it who can write the database and knows it well."""
    last = AuditEvent.objects.get(number=COUNT - count)
    AuditEvent.objects.filter(number__gt=last.number).delete()
    AuditHead.objects.update(number=last.number, hash=last.hash)


def test_a_whole_log_is_said_to_be_whole(published):
    """With what it was compared with, and what to write down."""
    last = AuditEvent.objects.get(number=COUNT)

    said, _ = run()

    assert "Events 1 to 14 hang together." in said
    assert "Compared with 1 stored connection files and 0 heads given here." in said
    assert "alpha: its file says 14." in said
    assert f"--head 14:{bytes(last.hash).hex()}" in said


@pytest.mark.parametrize("number", [1, 7, COUNT])
def test_a_changed_row_and_a_removed_row_are_named(published, number):
    """Status 1, and the row."""
    AuditEvent.objects.filter(number=number).update(actor="nobody")
    with pytest.raises(CommandError, match=rf"broken. Event {number} \(row"):
        run()

    AuditEvent.objects.filter(number=number).delete()
    with pytest.raises(CommandError, match=f"Event {number} is missing"):
        run()


def test_the_newest_ten_rows_removed_are_named_by_the_stored_file(published):
    """The head in the last signed connection file is ahead."""
    remove_newest()

    with pytest.raises(CommandError, match="Events 5 to 14 are missing: by the stored connection file of 2030-"):
        run("--no-mirrors")


def test_they_are_named_by_a_mirrors_file_when_the_stored_ones_are_gone_too(published):
    """Whoever writes our database does not write our mirrors."""
    remove_newest()
    Publication.objects.all().delete()
    assert "hang together" in run("--no-mirrors")[0]

    with pytest.raises(CommandError, match="Events 5 to 14 are missing: by the connection file at alpha of 2030-"):
        run()


def test_they_are_named_by_the_file_in_the_data_directory_when_no_mirror_is_left(published, settings):
    """It is on the disk, not in the database."""
    (settings.CLAWCHAT_DATA_DIR / FILE_NAME).write_bytes(published.held["alpha"])
    remove_newest()
    Publication.objects.all().delete()
    Mirror.objects.all().delete()

    with pytest.raises(CommandError, match="Events 5 to 14 are missing: by the connection file in the data directory"):
        run()


def test_they_are_named_by_a_head_given_by_hand(published):
    """One line on paper is enough."""
    noted = run()[0].partition("--head ")[2].strip()
    remove_newest()
    Publication.objects.all().delete()

    with pytest.raises(CommandError, match="Events 5 to 14 are missing: by the head given here"):
        run("--no-mirrors", "--head", noted)


@pytest.mark.parametrize("text", ["", "14", "14:", f"x:{ZERO}", f"14:{ZERO[1:]}", f"14:{ZERO[1:]}z", f"0:{ZERO}"])
def test_what_is_no_head_is_refused(published, text):
    """With the form that it has."""
    with pytest.raises(CommandError, match="NUMBER:HASH"):
        run("--head", text)


def test_a_file_of_somebody_else_says_nothing_about_our_log(published):
    """Signed by another key: it is neither believed nor held against the log."""
    file = json.loads(published.held["alpha"])
    file["sig"] = encode_base64(IdentityKey.generate().sign(b"something else"))
    published.held["alpha"] = json.dumps(file, separators=(",", ":")).encode()

    assert "alpha: not compared. It holds no file of this server that opens and says it." in run()[0]


def test_a_mirror_that_is_away_stops_nothing(published):
    """It is named, with its reason."""
    published.held.clear()

    assert "alpha: not compared. There is nothing." in run()[0]


def test_a_mirror_that_hangs_stops_nothing(published, monkeypatch):
    """Nobody waits longer than the time that is given."""
    monkeypatch.setattr(audit_heads, "SECONDS", 0.2)
    monkeypatch.setattr(published, "get", lambda self, name: time.sleep(1) or b"{}")

    assert "alpha: not compared. It takes too long." in run()[0]


def test_progress_is_told_for_long_logs(published, monkeypatch):
    """On the other stream, so that what is said can be kept."""
    monkeypatch.setattr("chat.services.audit_chain.PORTION", 5)
    monkeypatch.setattr("discovery.management.commands.verifyaudit.TOLD_EVERY", 6)

    said, told = run()

    assert told.splitlines() == ["10 events ...", "14 events ..."]
    assert "..." not in said

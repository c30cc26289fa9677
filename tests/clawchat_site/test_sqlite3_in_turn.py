"""Threads that write to SQLite take turns, and a turn ends whatever becomes of its transaction."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import DatabaseError, connection, transaction

from chat.models import AlertChannel
from clawchat_site.sqlite3_in_turn import base

pytestmark = pytest.mark.django_db(transaction=True)


def add(name: str) -> None:
    """One row, in a transaction and with a connection of its own."""
    try:
        with transaction.atomic():
            AlertChannel.objects.create(name=name, kind=AlertChannel.Kind.MAIL)
    finally:
        connection.close()


def test_all_who_come_at_once_write():
    """Each once, and nobody keeps the turn."""
    names = {f"channel {number}" for number in range(60)}
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(add, names))

    assert set(AlertChannel.objects.values_list("name", flat=True)) == names
    assert not base._turn.locked()


def test_the_turn_is_held_from_the_beginning_to_the_end():
    """Of a transaction that is kept, one that is not, and one whose connection goes."""
    with transaction.atomic():
        assert base._turn.locked()
        with transaction.atomic():
            assert base._turn.locked()
        assert base._turn.locked()
    assert not base._turn.locked()

    with pytest.raises(ZeroDivisionError), transaction.atomic():
        raise ZeroDivisionError
    assert not base._turn.locked()

    with pytest.raises(DatabaseError), transaction.atomic():
        connection.connection.close()
        AlertChannel.objects.count()
    connection.close()
    assert not base._turn.locked()


def test_what_only_reads_takes_no_turn():
    """Outside of a transaction nobody waits for those who write."""
    with base._turn:
        assert AlertChannel.objects.count() == 0


def test_who_waits_too_long_goes_on_and_ends_nobodys_turn(monkeypatch):
    """SQLite keeps the two apart then; a turn that was not had is not given back."""
    monkeypatch.setattr(base, "LONGEST_SECONDS", 0.01)
    with base._turn:
        writer = threading.Thread(target=add, args=("late",))
        writer.start()
        writer.join()
        assert base._turn.locked()

    assert AlertChannel.objects.get().name == "late"


def test_a_beginning_that_fails_ends_the_turn(monkeypatch):
    """A database that is locked by another process refuses; the next one is let on."""

    def refuse(_: base.base.DatabaseWrapper) -> None:
        raise OSError

    monkeypatch.setattr(base.base.DatabaseWrapper, "_start_transaction_under_autocommit", refuse)
    with pytest.raises(OSError), transaction.atomic():
        pass
    connection.close()
    assert not base._turn.locked()

"""What a client keeps on the disk: sealed, whole, for one process."""

import sqlite3

import pytest

from clawchat.client.cursors import Cursors
from clawchat.client.outbox import IN_FLIGHT, Outbox
from clawchat.client.store import Store
from clawchat.protocol.errors import OutOfOrder, Unauthentic, UsageError

ROOM, OTHER = b"room-of-alice-01", b"room-of-bob-0002"


@pytest.fixture
def store():
    """A store in memory."""
    with_rows = Store.in_memory()
    yield with_rows
    with_rows.close()


def message_id(number: int) -> bytes:
    return number.to_bytes(16, "big")


def test_rows_come_back_after_a_restart(tmp_path):
    """What was put is there for the next process, by key, in order."""
    first = Store.open(tmp_path / "state")
    first.put("letters", b"b", b"two")
    first.put("letters", b"a", b"one")
    first.put("letters", b"b", b"three")
    first.put("digits", b"a", b"other")
    first.delete("digits", b"a")
    first.close()
    second = Store.open(tmp_path / "state")

    assert second.items("letters") == [(b"a", b"one"), (b"b", b"three")]
    assert second.get("digits", b"a") is None
    second.close()


def test_files_are_the_owners_alone_and_sealed(tmp_path):
    """Nobody else may read the files, and the database without the key says nothing."""
    store = Store.open(tmp_path / "state")
    store.put("letters", b"a", b"a very secret thing")
    store.close()

    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "state" / "client.key").stat().st_mode & 0o777 == 0o600
    for path in (tmp_path / "state").iterdir():
        assert b"very secret" not in path.read_bytes()


def test_row_that_was_changed_or_moved_does_not_open(tmp_path):
    """Mallory with write access can destroy rows, not change or swap them."""
    store = Store.open(tmp_path / "state")
    store.put("letters", b"a", b"one")
    store.put("letters", b"b", b"two")
    store.close()
    database = sqlite3.connect(tmp_path / "state" / "client.sqlite3")
    database.execute("UPDATE rows SET sealed = (SELECT sealed FROM rows WHERE key = x'62') WHERE key = x'61'")
    database.commit()
    database.close()
    again = Store.open(tmp_path / "state")

    with pytest.raises(Unauthentic):
        again.get("letters", b"a")
    assert again.get("letters", b"b") == b"two"
    again.close()


def test_transaction_is_whole_or_not_at_all(store):
    """When something fails within, nothing of it is stored."""
    with pytest.raises(ZeroDivisionError), store.transaction():
        store.put("letters", b"a", b"one")
        store.put("letters", b"b", bytes(1 // 0))

    assert store.items("letters") == []


def test_cursor_takes_each_row_once_in_order(store):
    """The next row is new, an earlier one is not, a later one is a gap that changes nothing."""
    cursors = Cursors(store)
    cursors.start(ROOM, 0)

    assert [cursors.take(ROOM, seq) for seq in (1, 1, 2)] == [True, False, True]
    with pytest.raises(OutOfOrder):
        cursors.take(ROOM, 4)
    assert cursors.take(ROOM, 3)
    assert not cursors.take(OTHER, 1)


def test_cursor_of_an_answer_is_taken_when_it_differs(store):
    """The server may raise or lower a cursor; an answer that agrees changes nothing that came meanwhile."""
    cursors = Cursors(store)
    cursors.start(ROOM, 0)
    cursors.take(ROOM, 1)
    cursors.resumed(ROOM, 0, 0)
    agreed = cursors.received(ROOM)
    cursors.resumed(ROOM, 1, 7)
    raised = cursors.received(ROOM)
    cursors.resumed(ROOM, 7, 4)

    assert (agreed, raised, cursors.received(ROOM)) == (1, 7, 4)


def test_processed_rows_are_remembered(store):
    """After a restart the log goes on behind the last processed row, not the last received one."""
    cursors = Cursors(store)
    cursors.start(ROOM, 3)
    cursors.start(ROOM, 0)
    for seq in (4, 5, 6):
        cursors.take(ROOM, seq)
    cursors.processed(ROOM, 5)
    cursors.processed(ROOM, 4)

    assert Cursors(store).received(ROOM) == 5
    cursors.forget(ROOM)
    assert Cursors(store).rooms == []
    with pytest.raises(UsageError):
        cursors.received(ROOM)


def test_outbox_keeps_the_order_over_a_restart(store):
    """Messages go out in the order they were given, whatever their ids are."""
    outbox = Outbox(store)
    for number in (5, 3, 9):
        outbox.add(message_id(number), ROOM, b"m")
    outbox.add(message_id(5), ROOM, b"m")
    again = Outbox(store)
    again.add(message_id(1), ROOM, b"m")
    order = []
    while (outgoing := again.next_to_send()) is not None:
        order.append(outgoing.message_id)
        again.settle(outgoing.message_id)

    assert order == [message_id(number) for number in (5, 3, 9, 1)]
    assert len(Outbox(store)) == 0


def test_outbox_sends_a_bounded_number_ahead(store):
    """No more are under way than the server takes; each answer makes room, a lost connection for all."""
    outbox = Outbox(store)
    for number in range(IN_FLIGHT + 5):
        outbox.add(message_id(number), ROOM, b"m")
    for _ in range(IN_FLIGHT):
        outbox.sent(outbox.next_to_send().message_id)
    full = outbox.next_to_send()
    outbox.land(message_id(7))
    refused = outbox.next_to_send()
    outbox.land_all()

    assert full is None
    assert refused.message_id == message_id(7)
    assert outbox.next_to_send().message_id == message_id(0)


def test_outbox_refuses_another_message_under_an_id(store):
    """One id is one message."""
    outbox = Outbox(store)
    outbox.add(message_id(1), ROOM, b"m")
    with pytest.raises(UsageError):
        outbox.add(message_id(1), ROOM, b"n")

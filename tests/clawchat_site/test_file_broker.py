"""The file-system broker of the embedded default."""

import threading
import time

import pytest
from kombu import Connection
from kombu.exceptions import ChannelError
from kombu.utils.json import loads

from clawchat_site import file_broker

MESSAGES = 300


@pytest.fixture
def connection(tmp_path):
    """A connection of its own to a broker in a folder of its own."""
    file_broker.use()
    folders = {name: tmp_path / name for name in ("messages", "processed", "control")}
    for folder in folders.values():
        folder.mkdir()
    options = {
        "data_folder_in": str(folders["messages"]),
        "data_folder_out": str(folders["messages"]),
        "processed_folder": str(folders["processed"]),
        "control_folder": str(folders["control"]),
        "polling_interval": 0.01,
    }
    with Connection("filesystem://", transport_options=options) as opened:
        yield opened


def test_a_reader_never_sees_a_message_that_is_not_whole(connection, tmp_path):
    """Whatever a file named .msg holds at any moment is a complete message."""
    queue = connection.SimpleQueue("many")
    torn = []
    done = threading.Event()

    def read():
        while not done.is_set():
            for path in (tmp_path / "messages").glob("*.msg"):
                try:
                    loads(path.read_text())
                except ValueError:
                    torn.append(path.name)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(MESSAGES):
        queue.put({"number": number})
    done.set()
    reader.join()

    assert torn == []
    taken = [_take(queue) for _ in range(MESSAGES)]
    assert sorted(taken) == list(range(MESSAGES))


def test_a_folder_that_cannot_be_written_is_said_and_leaves_nothing(connection, tmp_path):
    """A task that cannot be queued is an error of the sender, with no half message behind."""
    queue = connection.SimpleQueue("lost")
    queue.put({"number": 0})
    queue.clear()
    (tmp_path / "messages").rmdir()

    with pytest.raises(ChannelError, match="Cannot add a task"):
        queue.put({"number": 1})


def test_a_worker_with_nothing_to_do_is_soon_asked_whether_it_is_to_end(connection):
    """Celery waits for two seconds at a time, and looks in between; here it looks several times a second."""
    connection.SimpleQueue("empty").consumer.consume()
    began = time.monotonic()

    with pytest.raises(TimeoutError):
        connection.drain_events(timeout=60.0)

    assert time.monotonic() - began < 30


def _take(queue) -> int:
    message = queue.get(timeout=5)
    message.ack()
    return message.payload["number"]

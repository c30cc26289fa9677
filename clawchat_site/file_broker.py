"""The file-system broker of the embedded default, with messages that appear whole.

Kombu's own transport creates a message's file and then writes it; a worker that looks in between reads an empty file
and ends. Here the file gets its name only when everything is in it.
"""

import contextlib
import os
import uuid
from pathlib import Path
from time import monotonic

from kombu.exceptions import ChannelError
from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps

UNFINISHED = ".part"
# A worker sees between two waits whether it was asked to end, and waits two seconds if it is let.
LONGEST_WAIT_SECONDS = 0.2


class Channel(filesystem.Channel):
    """A channel whose messages are complete from the moment a reader can see them."""

    def _put(self, queue, payload, **kwargs):
        """Put a message onto a queue: written under another name first, then renamed."""
        # The name begins with the time, because readers take the files in the order of their names.
        path = Path(self.data_folder_out) / f"{round(monotonic() * 1000)}_{uuid.uuid4()}.{queue}.msg"
        unfinished = path.with_name(path.name + UNFINISHED)
        try:
            unfinished.write_text(dumps(payload))
            os.replace(unfinished, path)
        except OSError as error:
            with contextlib.suppress(OSError):
                unfinished.unlink()
            raise ChannelError(f"Cannot add a task to {path.parent}: {error.strerror}") from error


class Transport(filesystem.Transport):
    """The transport behind `filesystem://`."""

    Channel = Channel

    def drain_events(self, connection, timeout=None):
        """Take what comes within `timeout` seconds, or within the longest wait.

        Raises: TimeoutError when nothing came.
        """
        return super().drain_events(connection, min(timeout or LONGEST_WAIT_SECONDS, LONGEST_WAIT_SECONDS))


def use() -> None:
    """Let `filesystem://` mean this transport, in this process."""
    TRANSPORT_ALIASES["filesystem"] = f"{__name__}:Transport"

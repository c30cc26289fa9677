"""An hour of a session's keys in a few seconds: what the operator's limits do not reach, in both processes."""

from pathlib import Path

from django.apps import AppConfig

from clawchat.protocol import rekey
from tests.soak.recorder import Recorder, into_files

# Instead of 10 s: an epoch lasts at least so long, and a client waits so much longer.
EPOCH_SECONDS, MARGIN_SECONDS = 0.5, 0.1


class ScaledRecorder(Recorder):
    """Writes every seal of this process into a folder, and lets an epoch be short, as long as it is installed."""

    def __init__(self, folder: Path) -> None:
        super().__init__(into_files(folder))

    def install(self) -> None:
        """Before anybody has a session."""
        super().install()
        self._replace(rekey, "REKEY_INTERVAL_SECONDS", EPOCH_SECONDS)
        self._replace(rekey, "_MARGIN_SECONDS", MARGIN_SECONDS)


class ScaledConfig(AppConfig):
    """The server's."""

    name = "tests.soak"
    label = "soak"

    def ready(self) -> None:
        """For good."""
        from django.conf import settings

        ScaledRecorder(recordings_of(settings.CLAWCHAT_DATA_DIR)).install()


def recordings_of(data_dir: Path) -> Path:
    """Where the processes of a server with this data directory, and its clients, write theirs."""
    return data_dir.parent / "recordings"

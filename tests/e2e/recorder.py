"""Keeps every frame's payload that the server opens: what its handlers could know."""

from pathlib import Path

from django.apps import AppConfig

RECORDED = "opened-frames"


class RecorderConfig(AppConfig):
    """Wraps the server's session so that each opened payload is appended to a file beside the data directory."""

    name = "tests.e2e"
    label = "recorder"

    def ready(self) -> None:
        """Put the recorder between layer A and the handlers."""
        from django.conf import settings

        from clawchat.protocol.session import Session

        path = recorded_path(settings.CLAWCHAT_DATA_DIR)
        opened = Session.open

        def open_and_record(session, data):
            frame = opened(session, data)
            with path.open("ab") as record:
                record.write(frame.payload + b"\n")
            return frame

        Session.open = open_and_record


def recorded_path(data_dir: Path) -> Path:
    """Where the opened payloads of a server with this data directory are kept."""
    return data_dir.parent / RECORDED

"""The log's form: lines for people, or one JSON object a line for machines. Both name where a line comes from."""

import logging
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from chat.origin import origin

# Who writes what anybody can bring about, as often as he likes, and partly in his own words.
OTHERS_BRING_ABOUT = ("django.request", "django.security", "chat.handlers.error", "chat.reception")
LINES_A_MINUTE, LINE_CHARACTERS = 60, 300


class OriginFilter(logging.Filter):
    """Puts the connection or the request into the record that was at work when it was made."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Every record passes."""
        record.origin = origin.get()
        record.origin_text = f" ({' '.join(record.origin)})" if record.origin else ""
        return True


class FewLinesFilter(logging.Filter):
    """Of what others bring about lets so many lines a minute pass, each shortened: nobody fills a disk with them.

    What is an error of ours always passes.
    """

    def __init__(self) -> None:
        super().__init__()
        self._minute = 0
        self._lines: Counter[str] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this one passes; the last one of a minute says that it is the last."""
        if record.levelno >= logging.ERROR or not record.name.startswith(OTHERS_BRING_ABOUT):
            return True
        if self._minute != (minute := int(record.created // 60)):
            self._minute = minute
            self._lines.clear()
        self._lines[record.name] += 1
        text = record.getMessage()
        if len(text) > LINE_CHARACTERS:
            text = text[:LINE_CHARACTERS] + "..."
        if self._lines[record.name] == LINES_A_MINUTE:
            text += " (and more, which are not written down in this minute)"
        record.msg, record.args = text, ()
        return self._lines[record.name] <= LINES_A_MINUTE


class JsonLines(JsonFormatter):
    """One object a line: `time` (UTC), `level`, `logger`, `message`, `process`, and where they are known `connection`
    or `request`, and `exception`.

    Nothing else that a library hangs on to a record gets in: whole requests are among it.
    """

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        """Choose the fields."""
        log_data["time"] = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        log_data["level"] = record.levelname
        log_data["logger"] = record.name
        log_data["message"] = record.message
        log_data["process"] = record.process
        found = getattr(record, "origin", None)
        if found is not None:
            kind, name = found
            log_data[kind] = name
        if message_dict.get("exc_info"):
            log_data["exception"] = message_dict["exc_info"]

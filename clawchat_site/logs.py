"""The log's form: lines for people, or one JSON object a line for machines. Both name where a line comes from."""

import logging
from datetime import UTC, datetime
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from chat.origin import origin


class OriginFilter(logging.Filter):
    """Puts the connection or the request into the record that was at work when it was made."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Every record passes."""
        record.origin = origin.get()
        record.origin_text = f" ({' '.join(record.origin)})" if record.origin else ""
        return True


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

"""Structured logs: one JSON object a line on standard error, with ids and numbers, never names of files, patients or people."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

_LOG = logging.getLogger("eyeground.serving")


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = getattr(record, "fields", {})
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"time": at, "level": record.levelname.lower(), "event": record.getMessage()} | fields
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__  # its text may quote a file
            line["where"] = _place(record.exc_info[2])
        return json.dumps(line, default=str)


def _place(trace: Any) -> str:
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}"


def log_to_standard_error() -> None:
    """Write the logs of this process; those of libraries from warnings on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    _LOG.setLevel(logging.INFO)


def log(event: str, **fields: object) -> None:
    """Log an event with its fields; they must identify nobody."""
    _LOG.info(event, extra={"fields": fields})


def log_error(event: str, **fields: object) -> None:
    """Log the exception that is being handled: its kind and place, not its text."""
    _LOG.error(event, extra={"fields": fields}, exc_info=True)

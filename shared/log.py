"""One line of JSON per event on standard error, with the words and persons of a call redacted."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

_REDACTED: Final = frozenset(
    {"narrative", "words", "caller", "phone", "address", "quote", "location", "position", "note", "text", "token", "authorization",
     "answers", "lat_deg", "lon_deg", "body", "name"}
)  # fmt: skip


def _redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key in _REDACTED & event.keys():
        event[key] = "[redacted]"
    return event


def configure(service: str, level: str) -> None:
    """Send structlog and the standard library's logging to standard error as JSON lines, from `level` up."""
    logging.basicConfig(
        level=level,
        stream=sys.stderr,
        format='{"level": "%(levelname)s", "logger": "%(name)s", "event": "%(message)s"}',
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _redact,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(default=str),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)

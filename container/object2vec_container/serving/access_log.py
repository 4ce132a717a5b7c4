"""Log lines of the server: as text with the trainer's prefix, or as one JSON object each.

A request's line holds its facts, never a body, a custom attribute or a model's name as it was sent.
"""

import json
import logging
import re
import sys
import time
from typing import Any

from object2vec_container.line_format import configure_logging

logger = logging.getLogger("object2vec.access")

_UNESCAPED = re.compile(r"[\x7f-\x9f\u2028\u2029\ud800-\udfff]")

FACTS = "facts"  # a record's `extra`: a request's facts, in order


class JSONFormatter(logging.Formatter):
    """One JSON object a line: time, level, process, message or a request's facts, traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line."""
        created = time.gmtime(record.created)
        line: dict[str, Any] = {
            "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', created)}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "process": record.process,
        }
        facts = getattr(record, FACTS, None)
        if facts is None:
            line["message"] = record.getMessage()
        else:
            line.update(facts)
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        text = json.dumps(line, ensure_ascii=False, default=str)
        # JSON leaves some control characters as they are, and halves of a pair cannot be encoded.
        return _UNESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def configure(level: int, as_json: bool) -> None:
    """Send every log line of the process to stdout."""
    configure_logging(logging.StreamHandler(sys.stdout))
    root = logging.getLogger()
    root.setLevel(level)
    if as_json:
        root.handlers[0].setFormatter(JSONFormatter())


def log_request(facts: dict[str, Any], level: int = logging.INFO) -> None:
    """Log one request.

    Args:
        facts: Names and values, in the order of the line; None leaves one out.
        level: The line's level.
    """
    if logger.isEnabledFor(level):
        kept = {name: value for name, value in facts.items() if value is not None}
        text = " ".join(f"{name}={value}" for name, value in kept.items())
        logger.log(level, "request %s", text, extra={FACTS: kept})

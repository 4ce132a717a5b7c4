"""The form of a log line: the original's prefix, and which lines go without it.

The prefix is `[MM/DD/YYYY HH:MM:SS LEVEL thread-id] `; `#metrics` lines and the table of parameters
have none.
"""

import logging

WITHOUT_PREFIX = {"has_prefix": False}  # a record's `extra`


class LineFormatter(logging.Formatter):
    """Lines with the original's prefix; a record with `has_prefix` False stands without it."""

    def __init__(self) -> None:
        super().__init__(
            "[%(asctime)s %(levelname)s %(thread)d] %(message)s", datefmt="%m/%d/%Y %H:%M:%S"
        )

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line."""
        if getattr(record, "has_prefix", True):
            return super().format(record)
        return record.getMessage()


def configure_logging(handler: logging.Handler) -> None:
    """Send every log line of the process, of libraries too, through one handler."""
    handler.setFormatter(LineFormatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)

"""The form of a log line: the original's prefix, and which lines go without it.

The prefix is `[MM/DD/YYYY HH:MM:SS LEVEL thread-id] `; `#metrics` lines and the table of parameters
have none.
"""

import logging
import re

WITHOUT_PREFIX = {"has_prefix": False}  # a record's `extra`


# All but line ends and tabs: what drives a terminal, ends lines elsewhere, or cannot be encoded.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def printable(text: str) -> str:
    """Return a line with its control characters, but for line ends and tabs, as escapes."""
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


class LineFormatter(logging.Formatter):
    """Lines with the original's prefix; a record with `has_prefix` False stands without it."""

    def __init__(self) -> None:
        super().__init__(
            "[%(asctime)s %(levelname)s %(thread)d] %(message)s", datefmt="%m/%d/%Y %H:%M:%S"
        )

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line."""
        if getattr(record, "has_prefix", True):
            return printable(super().format(record))
        return printable(record.getMessage())


def configure_logging(handler: logging.Handler) -> None:
    """Send every log line of the process, of libraries too, through one handler."""
    handler.setFormatter(LineFormatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)

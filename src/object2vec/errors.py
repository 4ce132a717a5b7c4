"""Whose fault it is: the one taxonomy of errors; exit codes and failure files are made from it.

A message says what was wrong, where, the value, what is allowed and what to do. This module knows
neither exit paths nor files; `object2vec_container` maps these classes to them.
"""

from typing import ClassVar


class Object2VecError(Exception):
    """Base of every error the project raises on purpose."""

    fault_name: ClassVar[str] = "AlgorithmError"
    exit_code: ClassVar[int] = 1


class ClientError(Object2VecError):
    """The caller can mend it: a hyperparameter, a channel, a record, a request."""

    fault_name = "ClientError"
    exit_code = 2


class AlgorithmError(Object2VecError):
    """A defect of this project; the message asks for a report."""

    fault_name = "AlgorithmError"
    exit_code = 1


class PlatformError(Object2VecError):
    """The machine or the service failed: a full disk, missing memory, an unreadable mount."""

    fault_name = "PlatformError"
    exit_code = 3


class RecordError(ClientError):
    """One record of a data file is not as it must be.

    Attributes:
        file: Path of the data file as text.
        line: Line number in the file, from 1.
        field: The record's field at fault (`in0`, `in1`, `label`), or None for the whole line.
    """

    def __init__(self, file: str, line: int, field: str | None, problem: str) -> None:
        where = f"{file}, line {line}" + (f", field {shorten(field)}" if field else "")
        super().__init__(f"{where}: {problem}")
        self.file = file
        self.line = line
        self.field = field


def show_name(name: str) -> str:
    """Return a name for the log: as it is, but in quotes and with escapes where it is no plain one.

    Names of files and of keys may hold line ends, and so look like lines of the log's own.
    """
    return name if name.isprintable() and len(name) <= 255 else shorten(name)


def shorten(value: object, limit: int = 80) -> str:
    """Return `repr(value)`, cut in the middle to at most `limit` characters.

    Example:
        >>> shorten("a" * 100, 20)
        "'aaaaaaa...aaaaaaaa'"
    """
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # nested too deeply, or a number of thousands of digits
        text = f"a value of type {type(value).__name__}"
    if len(text) <= limit:
        return text
    kept = limit - 3
    return f"{text[: kept // 2]}...{text[-(kept - kept // 2) :]}"

"""The kinds of value a hyperparameter can hold: how each is read from a string, worded and written.

A job sends strings (`5`, `"5"` quoted twice, `True`), a file written by hand may hold JSON numbers
and booleans; both are read here. A kind knows nothing of names: `hyperparameter_table` gives them.
"""

import json
import math
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass

_WHOLE = re.compile(r"[+-]?[0-9]{1,400}")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_FILE_NAME = re.compile(r"[A-Za-z0-9._-]*")
_QUOTINGS = 3  # a value quoted by the caller, by the SDK and by the service


class ValueRefused(ValueError):  # noqa: N818  (it is no fault of the program)
    """A value is not one of its kind; the text says what it should: `be within range (2, 30)`."""


def plain(value: object) -> object:
    """Return the value without the blanks and the JSON quotes around it.

    Example:
        >>> plain(' "adam" ')
        'adam'
    """
    for _ in range(_QUOTINGS):
        if not isinstance(value, str):
            break
        value = value.strip()
        if len(value) < 2 or not value.startswith('"') or not value.endswith('"'):
            break
        try:
            value = json.loads(value)
        except ValueError:
            break
    return value.strip() if isinstance(value, str) else value


class Kind(ABC):
    """One kind of value.

    `read` takes what a job sends and returns the value or raises `ValueRefused`; `write` is its
    inverse and returns the string that a job would send.
    """

    @property
    @abstractmethod
    def allowed(self) -> str:
        """What is allowed, for a table of the documentation."""

    @abstractmethod
    def read(self, value: object) -> object:
        """Return the value that a job's string (or JSON value) means."""

    def write(self, value: object) -> str:
        """Return the string that a job would send for a value that `read` returned."""
        return str(value)


@dataclass(frozen=True, slots=True)
class Whole(Kind):
    """A whole number from `minimum` to `maximum` (None: unbounded), or a word that means None."""

    minimum: int
    maximum: int | None
    word: str | None = None

    @property
    def allowed(self) -> str:
        """What is allowed, for a table of the documentation."""
        numbers = f"{self.minimum} to {self.maximum}"
        if self.maximum is None:
            numbers = f"{self.minimum} or more"
        return f"`{self.word}` or {numbers}" if self.word else numbers

    def read(self, value: object) -> int | None:
        """Return the number, or None for the word. `32.0` is the whole number 32."""
        value = plain(value)
        if self.word is not None and isinstance(value, str) and value.lower() == self.word:
            return None
        number = _whole_number(value)
        if self.maximum is None:
            range_text = f"at least {self.minimum}"
        else:
            range_text = f"within range ({self.minimum}, {self.maximum})"
        word = f"'{self.word}' or " if self.word else ""
        if number is None:
            of = "of " if self.maximum is None else ""
            raise ValueRefused(f"be {word}a whole number {of}{range_text}")
        if number < self.minimum or (self.maximum is not None and number > self.maximum):
            raise ValueRefused(f"be {word}{range_text}")
        return number

    def write(self, value: object) -> str:
        """Return the number's digits, or the word for None."""
        return str(self.word if value is None else value)


def _whole_number(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    number = _real_number(value)
    # Above 2**53 a float no longer tells neighbouring whole numbers apart.
    if number is not None and number.is_integer() and abs(number) <= 2**53:
        return int(number)
    return None


def _real_number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return None
    try:
        number = float(value)
    except OverflowError:  # a JSON integer of more than 308 digits
        return None
    return number if math.isfinite(number) else None


@dataclass(frozen=True, slots=True)
class Real(Kind):
    """A finite real number from `minimum` to `maximum`; bounds are kept as they are printed."""

    minimum: str
    maximum: str

    @property
    def allowed(self) -> str:
        """What is allowed, for a table of the documentation."""
        return f"{self.minimum} to {self.maximum}"

    def read(self, value: object) -> float:
        """Return the number; NaN and infinities are refused."""
        number = _real_number(plain(value))
        range_text = f"within range ({self.minimum}, {self.maximum})"
        if number is None:
            raise ValueRefused(f"be a number {range_text}")
        if not float(self.minimum) <= number <= float(self.maximum):
            raise ValueRefused(f"be {range_text}")
        return number

    def write(self, value: object) -> str:
        """Return the shortest text that reads back as the same number."""
        return repr(value)


@dataclass(frozen=True, slots=True)
class Choice(Kind):
    """One of a few words, spelt exactly so."""

    values: tuple[str, ...]

    @property
    def allowed(self) -> str:
        """What is allowed, for a table of the documentation."""
        return ", ".join(f"`{value}`" for value in self.values)

    def read(self, value: object) -> str:
        """Return the word."""
        value = plain(value)
        if not isinstance(value, str) or value not in self.values:
            raise ValueRefused(f"be one of {', '.join(self.values)}")
        return value


@dataclass(frozen=True, slots=True)
class Flag(Kind):
    """True or false, in any case."""

    @property
    def allowed(self) -> str:
        """What is allowed, for a table of the documentation."""
        return "`True`, `False`"

    def read(self, value: object) -> bool:
        """Return the boolean."""
        value = plain(value)
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        raise ValueRefused("be True or False")


@dataclass(frozen=True, slots=True)
class ItemList(Kind):
    """Some of a few words in any order, parted by commas, or as a JSON list."""

    values: tuple[str, ...]

    @property
    def allowed(self) -> str:
        """What is allowed, for a table of the documentation."""
        return "any of " + ", ".join(f"`{value}`" for value in self.values) + ", in any order"

    def read(self, value: object) -> tuple[str, ...]:
        """Return the items in the order given; an empty list and a repeated item are refused."""
        value = plain(value)
        if isinstance(value, str) and value.startswith("["):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                value = None
        given = value.split(",") if isinstance(value, str) else value
        names = ", ".join(self.values)
        if not isinstance(given, list | tuple):
            raise ValueRefused(f"be a comma-separated list of {names}")
        items = [plain(item) for item in given]
        chosen = tuple(item for item in items if isinstance(item, str) and item in self.values)
        if not chosen or len(chosen) != len(items):
            raise ValueRefused(f"be a comma-separated list of {names}")
        if len(set(chosen)) != len(chosen):
            raise ValueRefused(f"name each of {names} at most once")
        return chosen

    def write(self, value: object) -> str:
        """Return the items parted by a comma and a blank."""
        return ", ".join(value) if isinstance(value, tuple) else str(value)


@dataclass(frozen=True, slots=True)
class FileName(Kind):
    """The name of a file in the auxiliary channel, or nothing (read as None)."""

    @property
    def allowed(self) -> str:
        """What is allowed, for a table of the documentation."""
        return "a file name of letters, digits, `.`, `_`, `-`, or nothing"

    def read(self, value: object) -> str | None:
        """Return the name, or None for the empty string."""
        value = plain(value)
        if not isinstance(value, str) or not _FILE_NAME.fullmatch(value):
            raise ValueRefused(
                "be the name of a file in the auxiliary channel "
                "(letters, digits, '.', '_', '-'; no folder)"
            )
        if value and not value.strip("."):
            raise ValueRefused("be the name of a file in the auxiliary channel, not of a folder")
        return value or None

    def write(self, value: object) -> str:
        """Return the name, or the empty string for None."""
        return "" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Text(Kind):
    """Any text."""

    @property
    def allowed(self) -> str:
        """What is allowed, for a table of the documentation."""
        return "any text"

    def read(self, value: object) -> str:
        """Return the text."""
        value = plain(value)
        if not isinstance(value, str):
            raise ValueRefused("be a text")
        return value

"""The forms of requests and answers: what Content-Type and Accept say.

Real clients write these headers in any case and spacing, with parameters that mean nothing here
and with one that does: `infer_max_seqlens=20,10`. So names and parameters are read apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from object2vec.errors import shorten
from object2vec_container.serving.http_errors import (
    BadRequestFault,
    NotAcceptableFault,
    UnsupportedTypeFault,
)

JSON = "application/json"
JSON_LINES = ("application/jsonlines", "application/x-jsonlines", "application/jsonl")
CONTENT_TYPES = (JSON, *JSON_LINES)

SequenceLengths: TypeAlias = tuple[int | None, int | None]

_LENGTHS_PARAMETER = "infer_max_seqlens"
_LARGEST_LENGTH = 5000


@dataclass(frozen=True, slots=True)
class RequestForm:
    """What the Content-Type says.

    Attributes:
        content_type: One of `CONTENT_TYPES`, or None where the request names none.
        max_seq_lens: For in0 and in1, how many tokens to keep; None for what the training kept.
    """

    content_type: str | None
    max_seq_lens: SequenceLengths = (None, None)


def read_content_type(header: str | None) -> RequestForm:
    """Return the form of a request's body.

    Raises:
        UnsupportedTypeFault: It is of a form that is not read.
        BadRequestFault: infer_max_seqlens is not as it must be.
    """
    name, parameters = _parse(header or "")
    if not name:
        return RequestForm(None, _read_lengths(parameters))
    if name not in CONTENT_TYPES:
        raise UnsupportedTypeFault(
            f"Content type {shorten(name)} is not supported. Send {JSON} "
            f'({{"instances": [...]}}) or {JSON_LINES[0]} (one record a line; also called '
            f"{' and '.join(JSON_LINES[1:])})."
        )
    return RequestForm(name, _read_lengths(parameters))


def choose_answer(header: str | None, own: str, default: str | None) -> str:
    """Return the content type of the answer.

    Args:
        header: The request's Accept, or None.
        own: The form of the request itself.
        default: The form where the request leaves it open, or None for its own.

    Raises:
        NotAcceptableFault: No form that is asked for can be given.
    """
    wanted = _wanted(header or "*/*")
    preferred = default or own
    # The client's weight decides, then how exactly it names the form, then the order it wrote.
    best: tuple[float, int, int, int] | None = None
    chosen = None
    for content_type in (preferred, *CONTENT_TYPES):
        match = _weight(content_type, wanted)
        if match is None or match[0] <= 0:
            continue
        weight, exactness, place = match
        rank = (weight, exactness, -place, int(content_type == preferred))
        if best is None or rank > best:
            best, chosen = rank, content_type
    if chosen is None:
        raise NotAcceptableFault(
            f"No answer can have the form that Accept asks for: {shorten(header)}. "
            f"Answers are {' or '.join(CONTENT_TYPES)}."
        )
    return chosen


def _parse(header: str) -> tuple[str, dict[str, str]]:
    """Return the name and the parameters of a content type, names in lower case."""
    name, *rest = header.split(";")
    parameters = {}
    for part in rest:
        key, _, value = part.partition("=")
        parameters[key.strip().lower()] = value.strip().strip("\"'").strip()
    return name.strip().lower(), parameters


def _read_lengths(parameters: dict[str, str]) -> SequenceLengths:
    text = parameters.get(_LENGTHS_PARAMETER)
    if text is None:
        return None, None
    parts = [part.strip() for part in text.split(",")]
    numbers = [int(part) for part in parts if part.isascii() and part.isdigit() and len(part) < 9]
    in_range = all(1 <= number <= _LARGEST_LENGTH for number in numbers)
    if len(parts) != 2 or len(numbers) != 2 or not in_range:
        raise BadRequestFault(
            f"Content-Type: {_LENGTHS_PARAMETER} is {shorten(text)}, must be two whole numbers "
            f"1..{_LARGEST_LENGTH}: how many tokens to keep of in0 and of in1, such as "
            f"{_LENGTHS_PARAMETER}=20,10."
        )
    return numbers[0], numbers[1]


def _wanted(header: str) -> list[tuple[str, float]]:
    """Return the media ranges of an Accept header and their weights, in order."""
    wanted = []
    for part in header.split(","):
        name, parameters = _parse(part)
        if not name:
            continue
        try:
            weight = float(parameters.get("q", "1"))
        except ValueError:
            weight = 1.0
        wanted.append((name, weight if 0 <= weight <= 1 else 1.0))
    return wanted or [("*/*", 1.0)]


def _weight(
    content_type: str, wanted: Sequence[tuple[str, float]]
) -> tuple[float, int, int] | None:
    """Return weight, exactness and place of the most exact range that holds the content type."""
    kind = content_type.partition("/")[0]
    found = None
    for place, (name, weight) in enumerate(wanted):
        ranges = ("*/*", f"{kind}/*", content_type)
        if name in ranges and (found is None or ranges.index(name) > found[1]):
            found = (weight, ranges.index(name), place)
    return found

"""What a record must be, and what is said when it is not: the slow, exact look at one line.

`records.py` reads blocks of lines without looking at each; when a block does not fit, it comes
here to find the line at fault and to name the field, the value, what is allowed and what to do.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from object2vec.data.vocabulary import Vocabulary
from object2vec.errors import shorten
from object2vec.hyperparameters import Hyperparameters

_LARGEST_FLOAT32 = 3.4028235e38
_EXAMPLE = '{"label": 1, "in0": [10, 7], "in1": [4]}'


class RecordFaultError(ValueError):
    """What is wrong with a record, before it is known where the record stands.

    Attributes:
        field: The field at fault, or None for the whole record.
        problem: What is wrong, what is allowed, what to do.
    """

    def __init__(self, field: str | None, problem: str) -> None:
        super().__init__(problem)
        self.field = field
        self.problem = problem


@dataclass(frozen=True, slots=True)
class SideRules:
    """What one side of a pair may hold.

    Attributes:
        field: `in0` or `in1`.
        vocab_size: Ids are 0..vocab_size-1.
        vocabulary: Maps token strings to ids; None when the side takes integers only.
        ids_advice: What to do about an id that is out of range, for a message.
        strings_advice: What to do about strings where there is no vocabulary, for a message.
    """

    field: str
    vocab_size: int
    vocabulary: Vocabulary | None
    ids_advice: str
    strings_advice: str

    def check(self, value: object) -> list[int | str]:
        """Return `value`, a list whose elements are all allowed on this side.

        Raises:
            RecordFaultError: Something else; the first element at fault is named.
        """
        if not isinstance(value, list):
            raise RecordFaultError(self.field, self._say_no_list(value))
        for position, element in enumerate(value):
            place = f"{self.field}[{position}]"
            if isinstance(element, bool) or not isinstance(element, int | str):
                raise RecordFaultError(self.field, self._say_no_id(place, element))
            if isinstance(element, str):
                if self.vocabulary is None:
                    raise RecordFaultError(
                        self.field,
                        f"{place}: {describe(element)}; strings need a vocabulary. "
                        f"{self.strings_advice}",
                    )
            elif not 0 <= element < self.vocab_size:
                raise RecordFaultError(self.field, self._say_out_of_range(element))
        return value

    def _say_no_list(self, value: object) -> str:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return f"{as_json(value)} is a bare number; write [{as_json(value)}] for one token."
        if isinstance(value, str) and self.vocabulary is not None:
            return f"{as_json(value)} is a string; write a list of tokens, such as {_words(value)}."
        return f"{describe(value)}, must be a list of integer ids."

    def _say_no_id(self, place: str, element: object) -> str:
        problem = f"{place}: {describe(element)}; ids are integers"
        if isinstance(element, float) and element.is_integer():
            return f"{problem}: write {int(element)}."
        return f"{problem} 0..{self.vocab_size - 1}."

    def _say_out_of_range(self, token_id: int) -> str:
        problem = (
            f"is not less than vocab_size={self.vocab_size}" if token_id >= 0 else "is negative"
        )
        return (
            f'Inconsistent vocab for {self.field} found. Vocab id "{_as_digits(token_id)}" '
            f"{problem}. Ids run from 0 to vocab_size-1={self.vocab_size - 1}: {self.ids_advice}"
        )


@dataclass(frozen=True, slots=True)
class RecordRules:
    """What a record may hold.

    Attributes:
        in0: Rules of `in0`.
        in1: Rules of `in1`.
        num_classes: Labels are whole numbers 0..num_classes-1; None allows any finite number.
    """

    in0: SideRules
    in1: SideRules
    num_classes: int | None

    @classmethod
    def of_training(
        cls,
        hyperparameters: Hyperparameters,
        vocabularies: Sequence[Vocabulary | None] = (None, None),
    ) -> "RecordRules":
        """Return the rules of a training's channels."""
        enc0, enc1 = hyperparameters.enc0, hyperparameters.enc1
        # Under enc1_network=enc0 the value given for enc1 is not looked at.
        enc1_hint = "enc1_vocab_size" + (
            " (with enc1_network=enc0: enc0_vocab_size)" if enc0 == enc1 else ""
        )
        sides = [
            SideRules(
                f"in{side}",
                encoder.vocab_size,
                vocabularies[side],
                f"raise {size_name}, or mend the ids.",
                f"Give enc{side}_vocab_file (a file of channel auxiliary), or write integer ids.",
            )
            for side, encoder, size_name in ((0, enc0, "enc0_vocab_size"), (1, enc1, enc1_hint))
        ]
        num_classes = None if hyperparameters.is_regression else hyperparameters.num_classes
        return cls(sides[0], sides[1], num_classes)

    def check_line(self, line: bytes) -> tuple[float, list[int | str], list[int | str]]:
        """Return label, in0 and in1 of one line.

        Raises:
            RecordFaultError: The line is no record that this training can use.
        """
        record = parse_object(line)
        for field in ("in0", "in1", "label"):
            if field not in record:
                others = ", ".join(as_json(name) for name in list(record)[:8])
                raise RecordFaultError(field, f"is missing; the record has {others or 'no field'}.")
        in0 = self.in0.check(record["in0"])
        in1 = self.in1.check(record["in1"])
        return self.check_label(record["label"]), in0, in1

    def check_label(self, value: object) -> float:
        """Return a label as a number.

        Raises:
            RecordFaultError: It is no number, or no class where classes are wanted.
        """
        if isinstance(value, bool) or not isinstance(value, int | float):
            advice = ""
            if isinstance(value, str) and value.strip().lstrip("-").replace(".", "", 1).isdigit():
                advice = f": write {value.strip()} without quotes"
            problem = f"{describe(value)}, must be a number{advice}."
            raise RecordFaultError("label", problem)
        if self.num_classes is None:
            if not -_LARGEST_FLOAT32 <= value <= _LARGEST_FLOAT32:
                problem = f"{as_json(value)} does not fit into a 32-bit float, must be finite."
                raise RecordFaultError("label", problem)
            return float(value)
        last = self.num_classes - 1
        if isinstance(value, float) and not value.is_integer():
            raise RecordFaultError(
                "label",
                f"{as_json(value)} is no class: with output_layer=softmax labels are whole numbers "
                f"0..{last}; for scores set output_layer=mean_squared_error.",
            )
        if not 0 <= value <= last:
            raise RecordFaultError(
                "label",
                f"{as_json(value)} is no class: num_classes={self.num_classes} allows 0..{last}. "
                "Raise num_classes, or number the classes from 0.",
            )
        return float(value)


def parse_object(line: bytes) -> dict[str, object]:
    """Parse one line into a JSON object.

    Raises:
        RecordFaultError: The line is no UTF-8, no JSON, or another kind of JSON value.
    """
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RecordFaultError(
            None,
            f"byte 0x{line[error.start]:02x} in column {error.start + 1} is not UTF-8. "
            "Write the file as UTF-8.",
        ) from error
    constants: list[_Constant] = []

    def keep(name: str) -> _Constant:
        constants.append(_Constant(name))
        return constants[-1]

    try:
        value = json.loads(text, parse_constant=keep)
    except json.JSONDecodeError as error:
        raise RecordFaultError(None, _say_no_json(text, error)) from error
    except RecursionError as error:
        raise RecordFaultError(None, "is nested too deeply to be a record.") from error
    except ValueError as error:  # Python reads no number of more than 4300 digits.
        raise RecordFaultError(None, "holds a number of thousands of digits.") from error
    if constants:
        problem = f"{constants[0]} is not JSON; write a finite number."
        raise RecordFaultError(_find_field(value), problem)
    if not isinstance(value, dict):
        problem = f"{describe(value)}, must be an object such as {_EXAMPLE}"
        raise RecordFaultError(None, problem)
    return value


def describe(value: object) -> str:
    """Return a value as JSON spells it and what JSON calls its type, in words.

    Example:
        >>> describe([1.5])
        '[1.5] is a list'
    """
    for kind, name in (
        (bool, "a boolean"),
        (int, "an integer"),
        (float, "a float"),
        (str, "a string"),
        (list, "a list"),
        (dict, "an object"),
    ):
        if isinstance(value, kind):
            return f"{as_json(value)} is {name}"
    return "is null"


def as_json(value: object, limit: int = 80) -> str:
    """Return a value as JSON spells it, cut in the middle to at most `limit` characters."""
    if isinstance(value, int) and not isinstance(value, bool):
        return _as_digits(value)
    try:
        text = json.dumps(value, ensure_ascii=False)
    except RecursionError:  # the reader goes deeper than the writer
        text = "[...]" if isinstance(value, list) else "{...}"
    return text if len(text) <= limit else f"{text[: limit // 2 - 2]}...{text[1 - limit // 2 :]}"


def _as_digits(number: int) -> str:
    digits = str(number)
    return digits if len(digits) <= 40 else f"{digits[:20]}... ({len(digits)} digits)"


class _Constant(str):
    """NaN, Infinity or -Infinity, as Python writes them and JSON does not know them."""

    __slots__ = ()


def _find_field(record: object) -> str | None:
    """Return the name of the field that holds one of the constants, at any depth."""
    for name, value in record.items() if isinstance(record, dict) else ():
        parts = [value]
        while parts:
            part = parts.pop()
            if isinstance(part, _Constant):
                return str(name)
            if isinstance(part, list | dict):
                parts.extend(part.values() if isinstance(part, dict) else part)
    return None


def _words(text: str) -> str:
    return as_json(text.split()[:3] or ["cat"])


def _say_no_json(text: str, error: json.JSONDecodeError) -> str:
    shown = shorten(text.strip())
    if error.msg == "Extra data":
        return (
            f"more than one JSON value on the line, the second from column {error.colno}: {shown}"
        )
    problem = f"is not JSON ({error.msg}, column {error.colno}): {shown}"
    if text.lstrip().startswith("{'"):
        problem += ". JSON takes double quotes: write records with json.dumps, not str"
    return problem

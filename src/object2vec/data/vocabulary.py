"""Token strings and their ids: one side's vocabulary file, checked.

The file is a JSON object `{"token": id, ...}`, or with a name in `.txt` one token a line, whose
ids are the line numbers from 0. A vocabulary travels inside the model as the same JSON object.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from object2vec.data.files import open_text
from object2vec.errors import ClientError, shorten

MOST_BYTES = 1 << 30  # of a file: it is read as a whole, and a small .gz may hold far more


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What ids the token strings of one side have.

    Attributes:
        ids_by_token: Every token's id, 0..vocab_size-1.
        notes: Oddities of the file that were put up with, in words for the log.
    """

    ids_by_token: dict[str, int]
    notes: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def read(cls, path: Path | str, vocab_size: int, side: str) -> "Vocabulary":
        """Read a vocabulary file of `side` (`enc0` or `enc1`); `.gz` is read too.

        Raises:
            ClientError: The file is missing, no vocabulary, or has an id that is not
                0..vocab_size-1.
            PlatformError: The file cannot be read.
        """
        path = Path(path)
        if not path.is_file():
            raise ClientError(
                f"{side}_vocab_file: there is no file {path}. Put it into channel auxiliary."
            )
        with open_text(path) as stream:
            content = stream.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise ClientError(
                f"{path}: holds more than {MOST_BYTES} bytes (unpacked); {side}_vocab_file is read "
                "as a whole. Give a smaller one."
            )
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ClientError(
                f"{path}: byte 0x{content[error.start]:02x} at {error.start} is not UTF-8. "
                f"Write {side}_vocab_file as UTF-8."
            ) from error
        if path.name.removesuffix(".gz").endswith(".txt"):
            lines = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
            pairs = [(line, number) for number, line in enumerate(lines) if line]
            return cls._checked(pairs, vocab_size, side, str(path))
        return cls.from_json(text, vocab_size, side, str(path))

    @classmethod
    def from_json(
        cls, text: str, vocab_size: int, side: str, origin: str = "vocabulary"
    ) -> "Vocabulary":
        """Take a vocabulary from the text of a JSON object.

        Raises:
            ClientError: As in `read`; `origin` says in the message where the text is from.
        """
        expected = 'must be a JSON object of tokens and ids, such as {"cat": 1, "dog": 2}'
        try:
            # Pairs, as a token that stands there twice would be lost in a dict without a word.
            pairs = json.loads(text, object_pairs_hook=_Pairs)
        except json.JSONDecodeError as error:
            raise ClientError(
                f"{origin}, line {error.lineno}, column {error.colno}: is not JSON "
                f"({error.msg}); {side}_vocab_file {expected}, or end in .txt and hold one token "
                "a line."
            ) from error
        except RecursionError as error:
            raise ClientError(
                f"{origin}: is nested too deeply; {side}_vocab_file {expected}."
            ) from error
        except ValueError as error:  # Python reads no number of more than 4300 digits.
            raise ClientError(f"{origin}: holds a number of thousands of digits.") from error
        if not isinstance(pairs, _Pairs):
            raise ClientError(f"{origin}: holds {shorten(pairs)}; {side}_vocab_file {expected}.")
        return cls._checked(pairs, vocab_size, side, origin)

    @classmethod
    def _checked(
        cls, pairs: Sequence[tuple[str, object]], vocab_size: int, side: str, origin: str
    ) -> "Vocabulary":
        if not pairs:
            raise ClientError(f"{origin}: holds no token.")
        ids_by_token: dict[str, int] = {}
        past_the_end: list[str] = []
        for token, token_id in pairs:
            if isinstance(token_id, bool) or not isinstance(token_id, int):
                shown = "a nested object" if isinstance(token_id, _Pairs) else shorten(token_id)
                raise ClientError(
                    f"{origin}: the id of token {shorten(token)} is {shown}, must be an integer."
                )
            if token_id == vocab_size:
                past_the_end.append(token)
            elif not 0 <= token_id < vocab_size:
                problem = (
                    f"is not less than vocab_size={vocab_size}" if token_id > 0 else "is negative"
                )
                raise ClientError(
                    f"{origin}: token {shorten(token)}: vocab id {shorten(token_id)} {problem}. "
                    f"Ids run from 0 to {side}_vocab_size-1={vocab_size - 1}: "
                    f"raise {side}_vocab_size, or mend the file."
                )
            else:
                ids_by_token[token] = token_id
        notes = _describe(pairs, ids_by_token, past_the_end, f"{side} vocabulary {origin}")
        return cls(ids_by_token, notes)

    def encode(self, tokens: Sequence[str | int]) -> list[int]:
        """Return the tokens' ids; integers stay as they are, unknown strings are left out.

        Example:
            >>> Vocabulary({"a": 3, "cat": 5}).encode(["a", "zebra", "cat", 7])
            [3, 5, 7]
        """
        ids = self.ids_by_token
        found: list[int | None] = list(map(ids.get, cast(Sequence[str], tokens)))
        if None not in found:  # All were known strings; no list that holds an integer gets here.
            return cast(list[int], found)
        return [
            ids[token] if isinstance(token, str) else token
            for token in tokens
            if not isinstance(token, str) or token in ids
        ]

    @property
    def tokens_by_id(self) -> dict[int, str]:
        """Every id's token; the first one where several share an id."""
        return {token_id: token for token, token_id in reversed(self.ids_by_token.items())}

    def to_json(self) -> str:
        """Return the vocabulary as the text of a JSON object, on one line."""
        return json.dumps(self.ids_by_token, ensure_ascii=False)

    def __len__(self) -> int:
        return len(self.ids_by_token)


class _Pairs(list[tuple[str, object]]):
    """A JSON object as read: the names and values in their order, doubles kept."""


def _describe(
    pairs: Sequence[tuple[str, object]],
    ids_by_token: Mapping[str, int],
    past_the_end: Sequence[str],
    name: str,
) -> tuple[str, ...]:
    notes = []
    if past_the_end:
        # One of AWS's notebooks gives its token for unknown words this id, and no row has it.
        notes.append(
            f"{name}: the id of {shorten(past_the_end[0])} is vocab_size itself, one past the last "
            f"row ({len(past_the_end)} token(s)): treated as unknown, left out of every sequence."
        )
    doubled = len(pairs) - len(past_the_end) - len(ids_by_token)
    if doubled:
        notes.append(f"{name}: {doubled} token(s) stand there more than once: the last id counts.")
    shared = len(ids_by_token) - len(set(ids_by_token.values()))
    if shared:
        notes.append(f"{name}: {shared} token(s) have an id that another token has too.")
    return tuple(notes)

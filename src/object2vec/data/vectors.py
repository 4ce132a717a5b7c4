"""Pretrained token vectors from a text file: GloVe's layout, and word2vec's with its header line.

A line is a token and its numbers, separated by spaces. Only lines whose token the vocabulary has
are parsed and kept, so a file far larger than memory may be given.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from object2vec.data.files import open_text
from object2vec.data.growing import GrowingArray
from object2vec.data.vocabulary import Vocabulary
from object2vec.errors import ClientError, shorten

LONGEST_LINE_BYTES = 1 << 24


@dataclass(frozen=True, slots=True)
class TokenVectors:
    """The vectors that a file has for the tokens of a vocabulary.

    Attributes:
        ids: int64, (K,), the tokens' ids, each once, in the file's order.
        vectors: float32, (K, dimension).
        lines_read: Lines of the file, without header and blank lines.
        duplicates: Lines left out because their id had a vector already.
    """

    ids: npt.NDArray[np.int64]
    vectors: npt.NDArray[np.float32]
    lines_read: int
    duplicates: int


def read_vectors(
    path: Path | str,
    vocabulary: Vocabulary,
    dimension: int,
    file_hyperparameter: str = "enc0_pretrained_embedding_file",
    dimension_hyperparameter: str = "enc0_token_embedding_dim",
) -> TokenVectors:
    """Read the vectors of a vocabulary's tokens; `.gz` is read too.

    Tokens may hold spaces: the last `dimension` fields of a line are the numbers. Where a token
    stands in the file twice, its first line counts.

    Args:
        path: The text file.
        vocabulary: The tokens wanted, and their ids.
        dimension: Numbers in a vector.
        file_hyperparameter: The name that the user gave the file under, for messages.
        dimension_hyperparameter: The name to change when the file's dimension is another.

    Raises:
        ClientError: The file is missing, of another dimension, or a wanted line is damaged.
        PlatformError: The file cannot be read.
    """
    path = Path(path)
    if not path.is_file():
        raise ClientError(
            f"{file_hyperparameter}: there is no file {path}. Put it into channel auxiliary."
        )
    reader = _VectorReader(str(path), vocabulary, dimension, dimension_hyperparameter)
    with open_text(path) as stream:
        lines = iter(partial(stream.readline, LONGEST_LINE_BYTES), b"")
        for number, line in enumerate(lines, start=1):
            if len(line) == LONGEST_LINE_BYTES:
                raise ClientError(
                    f"{path}, line {number}: has {LONGEST_LINE_BYTES} bytes or more, so it is no "
                    f"token with its vector; {file_hyperparameter} must be a GloVe text."
                )
            reader.add(number, line)
    vectors = reader.finish()
    if not vectors.lines_read:
        raise ClientError(f"{path}: holds no vector; {file_hyperparameter} must be a GloVe text.")
    return vectors


class _VectorReader:
    """Takes a file's lines one after another and keeps the wanted vectors."""

    def __init__(
        self, file: str, vocabulary: Vocabulary, dimension: int, dimension_hyperparameter: str
    ) -> None:
        self._file = file
        self._dimension = dimension
        self._dimension_hyperparameter = dimension_hyperparameter
        self._ids_by_token = {
            b" ".join(token.encode("utf-8", "surrogatepass").split()): token_id
            for token, token_id in vocabulary.ids_by_token.items()
        }
        # Nearly every line of a large file is passed over after a look at its first word.
        self._first_words = {token.partition(b" ")[0] for token in self._ids_by_token}
        self._found: dict[int, int] = {}
        self._values = GrowingArray(np.float32)
        self._lines_read = self._duplicates = 0

    def add(self, number: int, line: bytes) -> None:
        """Take line `number` of the file.

        Raises:
            ClientError: The line is wanted and damaged.
        """
        if not self._lines_read or b" " not in line or line.startswith(b" "):
            self._add_uncommon(number, line)
            return
        self._lines_read += 1
        if line[: line.index(b" ")] in self._first_words:
            self._keep(number, line.split())

    def finish(self) -> TokenVectors:
        values = self._values.finish().reshape(-1, self._dimension)
        ids = np.fromiter(self._found, dtype=np.int64, count=len(self._found))
        return TokenVectors(ids, values, self._lines_read, self._duplicates)

    def _add_uncommon(self, number: int, line: bytes) -> None:
        """Take a file's first line, a blank or indented line, or one that tabs separate."""
        fields = line.split()
        if not fields:
            return
        if not self._lines_read:
            fields = line.removeprefix(b"\xef\xbb\xbf").split()
            if number == 1 and len(fields) == 2 and all(map(_is_count, fields)):
                self._check_dimension(number, int(fields[1]), "the header says")
                return
            self._check_first(number, fields)
        self._lines_read += 1
        if fields[0] in self._first_words:
            self._keep(number, fields)

    def _check_first(self, number: int, fields: list[bytes]) -> None:
        """Tell a file of another dimension by its first vector, wanted or not."""
        numbers = 0
        while numbers < len(fields) and _is_number(fields[-1 - numbers]):
            numbers += 1
        if not numbers:
            raise ClientError(
                f"{self._file}, line {number}: {_show(b' '.join(fields))} is no token with its "
                "vector; the file must be GloVe text: a token and its numbers on each line."
            )
        if numbers < self._dimension == len(fields) - 1:
            raise self._damaged(number, fields, f"{_show(fields[-1 - numbers])} among the numbers")
        # A token may itself be a number.
        self._check_dimension(number, min(numbers, len(fields) - 1), "the vector has")

    def _check_dimension(self, number: int, found: int, words: str) -> None:
        if found != self._dimension:
            raise ClientError(
                f"{self._file}, line {number}: {words} {found} numbers, but "
                f"{self._dimension_hyperparameter}={self._dimension}. "
                f"Set {self._dimension_hyperparameter}={found}, or give vectors of "
                f"{self._dimension} numbers."
            )

    def _keep(self, number: int, fields: list[bytes]) -> None:
        words = len(fields) - self._dimension
        token_id = self._ids_by_token.get(b" ".join(fields[: max(words, 1)]))
        if words < 1:
            if token_id is not None:
                raise self._damaged(number, fields, f"{len(fields) - 1} numbers")
            return
        if token_id is None:
            # Either a token with spaces that is not wanted, or a wanted one with more numbers.
            if fields[0] in self._ids_by_token and words > 2 and all(map(_is_number, fields[1:])):
                raise self._damaged(number, fields, f"{len(fields) - 1} numbers")
            return
        if token_id in self._found:
            self._duplicates += 1
            return
        try:
            with np.errstate(over="ignore"):
                vector = np.array(list(map(float, fields[words:])), dtype=np.float32)
        except ValueError as error:
            bad = next(field for field in fields[words:] if not _is_number(field))
            raise self._damaged(number, fields, f"{_show(bad)} among the numbers") from error
        if not np.isfinite(vector).all():
            raise self._damaged(number, fields, "a number that is not finite in 32 bits")
        self._found[token_id] = number
        self._values.extend(vector)

    def _damaged(self, number: int, fields: list[bytes], found: str) -> ClientError:
        return ClientError(
            f"{self._file}, line {number}, token {_show(fields[0])}: the line has {found}, "
            f"must have {self._dimension} numbers ({self._dimension_hyperparameter}). "
            "Mend the file."
        )


def _is_count(field: bytes) -> bool:
    return field.isdigit() and len(field) < 20


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _show(field: bytes) -> str:
    return shorten(field.decode("utf-8", "replace"))

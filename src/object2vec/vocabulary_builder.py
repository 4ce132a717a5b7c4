"""A vocabulary file from the token strings of records, counted and ordered by GluonNLP.

Ids run from 1 by falling frequency, strings of one frequency in alphabetical order; id 0 stays
free, as it is the padding. Training reads vocabularies elsewhere (`data.vocabulary`); this makes
one for those who have none.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from object2vec.data.files import find_files, read_blocks
from object2vec.data.record_check import RecordFaultError, parse_object
from object2vec.data.vocabulary import Vocabulary
from object2vec.errors import ClientError, RecordError
from object2vec.network import engine

PADDING = "<pad>"


def build_vocabulary(
    sources: Iterable[Path],
    fields: Sequence[str],
    *,
    max_size: int | None = None,
    min_frequency: int = 1,
) -> Vocabulary:
    """Return the vocabulary of the token strings in JSON Lines files.

    Args:
        sources: Files, or folders of files.
        fields: Which fields to take strings from: in0, in1 or both.
        max_size: Keep at most so many tokens, the most frequent ones.
        min_frequency: Keep only tokens that occur so often.

    Raises:
        ClientError: A file is not as it must be, or no token is left.
    """
    gluonnlp = engine.load_gluonnlp()
    counter: Counter[str] = Counter()
    for source in sources:
        for path in find_files(source, source.name).data:
            for tokens in _token_lists(path, fields):
                gluonnlp.data.count_tokens(tokens, counter=counter)
    # The padding would be one of the user's tokens otherwise, with a row of its own.
    counter.pop(PADDING, None)
    vocabulary: Any = gluonnlp.Vocab(
        counter,
        max_size=max_size,
        min_freq=min_frequency,
        unknown_token=None,
        padding_token=PADDING,
        bos_token=None,
        eos_token=None,
    )
    ids = {token: number for number, token in enumerate(vocabulary.idx_to_token) if number}
    if not ids:
        raise ClientError(
            f"No token string of {' or '.join(fields)} occurs {min_frequency} times or more in "
            f"the files given ({len(counter)} different ones were seen)."
        )
    return Vocabulary(ids)


def _token_lists(path: Path, fields: Sequence[str]) -> Iterator[list[str]]:
    for block in read_blocks(path):
        # As the reader of channels does: a carriage return alone ends no line.
        for number, line in enumerate(block.text.split(b"\n"), block.first_line):
            if not line.strip():
                continue
            try:
                record = parse_object(line)
            except RecordFaultError as error:
                raise RecordError(str(path), number, error.field, error.problem) from error
            for field in fields:
                tokens = record.get(field, [])
                if not isinstance(tokens, list):
                    raise RecordError(
                        str(path), number, field, 'must be a list of strings, such as ["a", "b"].'
                    )
                yield [token for token in tokens if isinstance(token, str)]

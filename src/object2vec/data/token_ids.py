"""Rows of parsed JSON to checked token ids, all at once.

What fits is converted without a look at each element; what does not is doubtful, and whoever asked
looks at each record (`record_check.py`) to find the one at fault.
"""

from array import array
from collections import deque
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from object2vec.data.ragged import RaggedArray, offsets_of
from object2vec.data.record_check import SideRules

Rows: TypeAlias = Sequence[Sequence[int | str]]


class DoubtfulError(ValueError):
    """There is something that only a look at each record can judge."""


def to_token_ids(rows: Rows, rules: SideRules) -> tuple[RaggedArray, int]:
    """Return rows of ids and strings as checked ids, not cut, and how many strings were left out.

    A boolean passes for an integer here; whoever cannot rule booleans out must look for them.

    Raises:
        TypeError: A row is no list, or an element no integer.
        OverflowError: An integer does not fit into 32 bits.
        DoubtfulError: An id is out of range.
    """
    unknown_tokens = 0
    if rules.vocabulary is not None:
        if set(map(type, rows)) != {list}:
            raise DoubtfulError  # A string as a row would be taken for a list of characters.
        encoded = [rules.vocabulary.encode(row) for row in rows]
        unknown_tokens = sum(map(len, rows)) - sum(map(len, encoded))
        rows = encoded
    ids = array("i")
    # array.fromlist takes lists of integers only (and booleans), at C's speed.
    deque(map(ids.fromlist, rows), maxlen=0)  # type: ignore[arg-type]
    values = np.frombuffer(ids, dtype=np.int32) if ids else np.empty(0, dtype=np.int32)
    if values.size and not 0 <= int(values.min()) <= int(values.max()) < rules.vocab_size:
        raise DoubtfulError
    lengths = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
    return RaggedArray(values, offsets_of(lengths)), unknown_tokens

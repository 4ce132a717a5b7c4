"""One channel's JSON Lines, read once into checked arrays.

Blocks of lines are parsed, flattened and range-checked as a whole, which is what makes reading
fast; a block that does not fit is looked at line by line (`record_check.py`), to name the line at
fault. At no time does more than one block stand in memory beside the arrays, which stand in files
themselves where they are too large (`array_space.py`).
"""

import gc
import time
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import orjson

from object2vec.data.array_space import ArraySpace
from object2vec.data.files import Block
from object2vec.data.growing import GrowingArray
from object2vec.data.ragged import RaggedArray, offsets_of
from object2vec.data.read_summary import Log, ReadSummary, SideSummary, log_skipped, log_summary
from object2vec.data.record_check import RecordFaultError, RecordRules
from object2vec.data.sources import FileSource, Place, find_source
from object2vec.data.token_ids import DoubtfulError, Rows, to_token_ids
from object2vec.data.vocabulary import Vocabulary
from object2vec.errors import ClientError, RecordError
from object2vec.hyperparameters import Hyperparameters

# Labels, and for each side the ids and how many strings were left out.
Columns: TypeAlias = tuple[
    npt.NDArray[np.float32], tuple[RaggedArray, int], tuple[RaggedArray, int]
]

__all__ = ["Log", "PairRecords", "ReadSummary", "SideSummary", "read_channel"]

_FIELDS = itemgetter("label", "in0", "in1")


@dataclass(frozen=True, slots=True)
class PairRecords:
    """N pairs with their labels.

    Attributes:
        in0: N rows of ids of the left side, without padding ids at either end.
        in1: N rows of ids of the right side.
        labels: float32, (N,): classes as whole numbers, or scores.
        summary: What reading them met with.
    """

    in0: RaggedArray
    in1: RaggedArray
    labels: npt.NDArray[np.float32]
    summary: ReadSummary

    def __len__(self) -> int:
        return int(self.labels.size)

    @property
    def nbytes(self) -> int:
        """Bytes that the arrays hold."""
        return self.in0.nbytes + self.in1.nbytes + int(self.labels.nbytes)


def read_channel(
    place: Place | str,
    name: str,
    hyperparameters: Hyperparameters,
    vocabularies: Sequence[Vocabulary | None] = (None, None),
    log: Log = lambda level, message: None,
    *,
    space: ArraySpace | None = None,
    may_be_empty: bool = False,
) -> PairRecords:
    """Read all that a channel holds, checking every record.

    Args:
        place: The channel's folder, or one file, or its pipe.
        name: The channel's name, for messages.
        hyperparameters: Say what ids, lengths and labels are allowed.
        vocabularies: For in0 and in1, what maps token strings to ids.
        log: Takes a level (`INFO`, `WARNING`) and a message.
        space: Where the arrays stand, shared by all channels of a job; None is memory, all of it.
        may_be_empty: Whether a channel without a byte is no error but one without records.

    Raises:
        RecordError: A record is not as it must be; names file, line and field.
        ClientError: The channel is missing, holds no record, or holds something else.
        PlatformError: A file cannot be read, a pipe gives nothing for too long, or the disk has no
            room for arrays.
    """
    begin = time.perf_counter()
    source = find_source(place, name)
    if isinstance(source, FileSource):
        log_skipped(source.found, name, log)
    else:
        log("INFO", f"Channel '{name}': reads the pipe {source.pipe.path}")
    reader = _ChannelReader(hyperparameters, vocabularies, space)
    with _no_garbage_collection():
        for path, block in source.blocks():
            reader.add(path, block)
    records = reader.finish(source.files, begin)
    if not len(records):
        if may_be_empty and not records.summary.bytes_read:
            return records
        raise ClientError(
            f"Channel '{name}': no record in {source.where} "
            f"({records.summary.blank_lines} blank lines). "
            'Looked for lines such as {"label": 1, "in0": [10, 7], "in1": [4]}'
        )
    log_summary(records.summary, name, hyperparameters, log)
    return records


class _SideReader:
    """Takes one side of block after block: cuts, counts, lays rows end to end."""

    def __init__(self, max_seq_len: int, padding_id: int | None, space: ArraySpace | None) -> None:
        self._max_seq_len = max_seq_len
        self._padding_id = padding_id
        self._values = GrowingArray(np.int32, space)
        self._offsets = GrowingArray(np.int64, space)
        self._offsets.extend(np.zeros(1, dtype=np.int64))
        self._tokens = self._longest = self._truncated = self._empty = 0
        self._padding_ids = self._only_padding = self._unknown_tokens = 0

    def add(self, rows: RaggedArray, unknown_tokens: int) -> None:
        lengths = rows.lengths
        self._longest = max(self._longest, int(lengths.max()))
        self._truncated += int((lengths > self._max_seq_len).sum())
        self._empty += int((lengths == 0).sum())
        self._unknown_tokens += unknown_tokens
        rows = rows.cut(self._max_seq_len)
        self._tokens += int(rows.values.size)
        padding_id = self._padding_id
        if padding_id is not None and (is_padding := rows.values == padding_id).any():
            sums = offsets_of(is_padding.astype(np.int64))[rows.offsets]
            counts = np.diff(sums)
            self._padding_ids += int(sums[-1])
            self._only_padding += int(((counts == rows.lengths) & (counts > 0)).sum())
            # Here, while it is a block: of a whole channel it would take a second copy.
            rows = rows.drop_outer_padding(padding_id)
        base = len(self._values)
        self._values.extend(rows.values)
        self._offsets.extend(rows.offsets[1:] + base)

    def finish(self) -> tuple[RaggedArray, SideSummary]:
        rows = RaggedArray(self._values.finish(), self._offsets.finish())
        return rows, SideSummary(
            tokens=self._tokens,
            longest=self._longest,
            truncated=self._truncated,
            empty=self._empty,
            padding_ids=self._padding_ids,
            only_padding=self._only_padding,
            unknown_tokens=self._unknown_tokens,
        )


class _ChannelReader:
    """Takes block after block of a channel's files."""

    def __init__(
        self,
        hyperparameters: Hyperparameters,
        vocabularies: Sequence[Vocabulary | None],
        space: ArraySpace | None,
    ) -> None:
        self._rules = RecordRules.of_training(hyperparameters, vocabularies)
        padding_id = hyperparameters.padding_id
        self._in0 = _SideReader(hyperparameters.enc0.max_seq_len, padding_id, space)
        self._in1 = _SideReader(hyperparameters.enc1.max_seq_len, padding_id, space)
        self._labels = GrowingArray(np.float32, space)
        self._blank_lines = self._bytes_read = 0

    def add(self, path: Path, block: Block) -> None:
        """Check a block's records and keep them.

        Raises:
            RecordError: A record is not as it must be.
        """
        lines = block.text.split(b"\n")
        if not lines[-1]:
            lines.pop()  # What stands after the last line end is no line.
        filled = [line for line in lines if line and not line.isspace()]
        self._blank_lines += len(lines) - len(filled)
        self._bytes_read += len(block.text)
        if not filled:
            return
        labels, in0, in1 = self._read_at_once(filled, block.text) or self._convert(
            *self._look_closely(path, block, lines)
        )
        self._labels.extend(labels)
        self._in0.add(*in0)
        self._in1.add(*in1)

    def finish(self, files: int, begin: float) -> PairRecords:
        in0, in0_summary = self._in0.finish()
        in1, in1_summary = self._in1.finish()
        labels = self._labels.finish()
        summary = ReadSummary(
            files=files,
            records=int(labels.size),
            blank_lines=self._blank_lines,
            in0=in0_summary,
            in1=in1_summary,
            bytes_read=self._bytes_read,
            seconds=time.perf_counter() - begin,
        )
        return PairRecords(in0, in1, labels, summary)

    def _read_at_once(self, lines: Sequence[bytes], text: bytes) -> Columns | None:
        """Return a block's checked columns, or None where a look at each line is needed."""
        try:
            labels, in0, in1 = zip(*map(_FIELDS, map(orjson.loads, lines)), strict=True)
            # Python takes a boolean for an integer everywhere, so they are looked for in the text
            # first: hardly a file has one, and a look at each element costs a fifth of the speed.
            if b"true" in text or b"false" in text:
                elements = chain(labels, chain.from_iterable(in0), chain.from_iterable(in1))
                if bool in set(map(type, elements)):
                    return None
            return self._convert(labels, in0, in1)
        except (ValueError, TypeError, KeyError, OverflowError):
            return None

    def _convert(self, labels: Sequence[float], in0: Rows, in1: Rows) -> Columns:
        numbers = array("d")
        numbers.fromlist(list(labels))
        values = np.frombuffer(numbers, dtype=np.float64)
        lowest, highest = float(values.min()), float(values.max())
        if self._rules.num_classes is None:
            limit = float(np.finfo(np.float32).max)
            is_allowed = -limit <= lowest <= highest <= limit
        else:
            is_allowed = 0 <= lowest <= highest < self._rules.num_classes and bool(
                (values == np.floor(values)).all()
            )
        if not is_allowed:
            raise DoubtfulError
        return (
            values.astype(np.float32),
            to_token_ids(in0, self._rules.in0),
            to_token_ids(in1, self._rules.in1),
        )

    def _look_closely(
        self, path: Path, block: Block, lines: Sequence[bytes]
    ) -> tuple[Sequence[float], Rows, Rows]:
        labels, rows0, rows1 = [], [], []
        for position, line in enumerate(lines):
            number = block.first_line + (0 if block.is_one_line else position)
            if not line or line.isspace():
                continue
            try:
                label, in0, in1 = self._rules.check_line(line)
            except RecordFaultError as fault:
                raise RecordError(str(path), number, fault.field, fault.problem) from fault
            labels.append(label)
            rows0.append(in0)
            rows1.append(in1)
        return labels, rows0, rows1


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Keep the cycle collector out: parsed records make no cycles, and it would go through all."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()

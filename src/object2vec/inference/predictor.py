"""A saved model, ready to answer: token sequences in, scores or embeddings out.

The engine keeps memory for every shape it ever saw, so what it is given comes in few of them:
numbers of records are rounded up to powers of two, lengths to four an octave (`lookup`).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from object2vec.data.ragged import RaggedArray
from object2vec.data.vocabulary import Vocabulary
from object2vec.inference.instances import sides_asked
from object2vec.network import engine
from object2vec.network.engine import nd
from object2vec.network.restoration import restore
from object2vec.saved_model import SavedModel

Floats = npt.NDArray[np.float32]

# So many records share a batch whatever their lengths: a batch of fewer costs as much.
_SMALL_BATCH = 8


class Predictor:
    """The network of a saved model, its tables mapped from disk.

    One thread may use it at a time: the engine keeps memory for every thread that ever called it.
    `prepare` and `costs` leave the engine alone, and any thread may call them.

    Args:
        model: The model to answer with.
        ctx: The engine's device; the CPU by default.
    """

    def __init__(self, model: SavedModel, ctx: Any = None) -> None:
        self.model = model
        self.hyperparameters = model.hyperparameters
        self.network, self.tables = restore(model, ctx or engine.device(0))
        sizes = {name: int(np.prod(shape)) for name, shape in self.network.shapes.items()}
        encoders = [
            sum(sizes[name] for name in each.collect_params()) for each in self.network.encoders
        ]
        self._costs_per_token = tuple(
            float(size or encoder.token_embedding_dim)
            for size, encoder in zip(encoders, self.hyperparameters.encoders, strict=True)
        )
        self._cost_per_pair = float(sum(sizes.values()) - sum(encoders))

    @classmethod
    def load(cls, folder: Path | str) -> "Predictor":
        """Open a model folder, checksums compared.

        Raises:
            ClientError: The folder holds no whole model.
        """
        return cls(SavedModel.open(folder))

    @property
    def vocabularies(self) -> tuple[Vocabulary | None, Vocabulary | None]:
        """For in0 and in1, the token strings' ids, where the model was trained on strings."""
        return self.model.vocabularies

    def embed(self, side: int, rows: RaggedArray) -> Floats:
        """Return the encodings of N sequences, shape (N, enc_dim).

        Args:
            side: 0 for in0's encoder, 1 for in1's.
            rows: Token ids below the side's vocab_size; longer rows are cut to its max_seq_len.
        """
        return self.answer(side, self.prepare(side, rows))

    def score(self, in0: RaggedArray, in1: RaggedArray) -> Floats:
        """Return class probabilities (N, num_classes), or predictions (N, 1), of N pairs."""
        return self.answer(None, self.prepare(0, in0), self.prepare(1, in1))

    def prepare(self, side: int, rows: RaggedArray, max_seq_len: int | None = None) -> RaggedArray:
        """Return N sequences as `answer` takes them: cut, and without padding at their ends.

        Args:
            side: 0 for in0's encoder, 1 for in1's.
            rows: Token ids below the side's vocab_size.
            max_seq_len: Tokens to keep of each; None takes the max_seq_len of the training.
        """
        rows = rows.cut(max_seq_len or self.hyperparameters.encoders[side].max_seq_len)
        padding_id = self.hyperparameters.padding_id
        return rows if padding_id is None else rows.drop_outer_padding(padding_id)

    def costs(self, side: int | None, *rows: RaggedArray) -> npt.NDArray[np.float64]:
        """Return about how many multiply-adds `answer` spends on each record, shape (N,)."""
        costs = np.full(len(rows[0]), self._cost_per_pair if side is None else 0.0)
        for each, sequences in zip(sides_asked(side), rows, strict=True):
            costs += self._costs_per_token[each] * np.maximum(sequences.lengths, 1)
        return costs

    def answer(self, side: int | None, *rows: RaggedArray) -> Floats:
        """Return embeddings of one side, or scores of pairs.

        Args:
            side: 0 or 1 for that side's embeddings, None for scores.
            rows: N prepared sequences; in0 and in1 for scores.

        Returns:
            (N, enc_dim) for a side; (N, num_classes) or (N, 1) for scores.
        """
        if side is not None:
            return self._encode(side, rows[0])
        left, right = self._encode(0, rows[0]), self._encode(1, rows[1])
        is_regression = self.hyperparameters.is_regression
        width = 1 if is_regression else self.hyperparameters.num_classes
        scores = np.zeros((len(left), width), dtype=np.float32)
        size = _power_of_two_below(self.network.scoring_batch_size(1))
        for start in range(0, len(left), size):
            part = slice(start, start + size)
            encodings = [self._on_device(each[part]) for each in (left, right)]
            scores[part] = self.network.scores(*encodings).asnumpy()[: len(scores[part])]
        return scores

    def _encode(self, side: int, rows: RaggedArray) -> Floats:
        encodings = np.zeros((len(rows), self.hyperparameters.enc_dim), dtype=np.float32)
        for chosen in self._batches(side, rows.lengths):
            batch = _with_empty_rows(rows.take(chosen), _power_of_two_above(len(chosen)))
            pair: list[RaggedArray | None] = [None, None]
            pair[side] = batch
            ((part, embeddings),) = self.network.sides_of(self.tables, *pair)
            encoded = self.network.encode(part, embeddings)  # (N', C)
            encodings[chosen] = encoded.asnumpy()[: len(chosen)]
        return encodings

    def _batches(
        self, side: int, lengths: npt.NDArray[np.int64]
    ) -> Iterator[npt.NDArray[np.int64]]:
        """Yield the indices of records that share a batch, so that little of it is padding."""
        if self.network.is_pooled(side):
            order = np.arange(len(lengths))
            size = _power_of_two_below(self.network.scoring_batch_size(1))
            yield from (order[start : start + size] for start in range(0, len(order), size))
            return
        order = np.argsort(-lengths, kind="stable")
        falling = lengths[order]
        start = 0
        while start < len(order):
            longest = max(1, int(falling[start]))
            size = _power_of_two_below(self.network.scoring_batch_size(longest))
            half = start + int(np.searchsorted(-falling[start:], -(longest // 2), side="right"))
            stop = min(start + size, max(half, start + _SMALL_BATCH))
            yield order[start:stop]
            start = stop

    def _on_device(self, encodings: Floats) -> Any:
        count = _power_of_two_above(len(encodings))
        padded = np.pad(encodings, ((0, count - len(encodings)), (0, 0)))
        return nd.array(padded, ctx=self.network.ctx)  # (N', C)

    def warm_up(self) -> None:
        """Answer once for every way of asking, so that the first request need not wait."""
        for count in (1, _SMALL_BATCH):
            rows = RaggedArray.from_rows([[1], *[[]] * (count - 1)])
            self.score(rows, rows)


def _with_empty_rows(rows: RaggedArray, count: int) -> RaggedArray:
    missing = count - len(rows)
    return RaggedArray(rows.values, np.pad(rows.offsets, (0, missing), mode="edge"))


def _power_of_two_above(count: int) -> int:
    return 1 << (count - 1).bit_length()


def _power_of_two_below(count: int) -> int:
    return 1 << (count.bit_length() - 1)

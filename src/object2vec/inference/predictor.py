"""A saved model, ready to answer: token sequences in, scores or embeddings out."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from object2vec.data.ragged import RaggedArray
from object2vec.data.vocabulary import Vocabulary
from object2vec.network import engine
from object2vec.network.restoration import restore
from object2vec.saved_model import SavedModel


class Predictor:
    """The network of a saved model, its tables mapped from disk.

    One thread may use it at a time: the engine keeps memory for every thread that ever called it.

    Args:
        model: The model to answer with.
        ctx: The engine's device; the CPU by default.
    """

    def __init__(self, model: SavedModel, ctx: Any = None) -> None:
        self.model = model
        self.hyperparameters = model.hyperparameters
        self.network, self.tables = restore(model, ctx or engine.device(0))

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

    def embed(self, side: int, rows: RaggedArray) -> npt.NDArray[np.float32]:
        """Return the encodings of N sequences, shape (N, enc_dim).

        Args:
            side: 0 for in0's encoder, 1 for in1's.
            rows: Token ids below the side's vocab_size; longer rows are cut to its max_seq_len.
        """
        parts = [np.zeros((0, self.hyperparameters.enc_dim), dtype=np.float32)]
        rows = self._prepare(side, rows)
        for chosen in self._batches(len(rows)):
            pair: list[RaggedArray | None] = [None, None]
            pair[side] = rows.take(chosen)
            ((part, embeddings),) = self.network.sides_of(self.tables, *pair)
            parts.append(self.network.encode(part, embeddings).asnumpy())
        return np.concatenate(parts)

    def score(self, in0: RaggedArray, in1: RaggedArray) -> npt.NDArray[np.float32]:
        """Return class probabilities (N, num_classes), or predictions (N, 1), of N pairs."""
        is_regression = self.hyperparameters.is_regression
        width = 1 if is_regression else self.hyperparameters.num_classes
        parts = [np.zeros((0, width), dtype=np.float32)]
        left, right = self._prepare(0, in0), self._prepare(1, in1)
        for chosen in self._batches(len(left)):
            sides = self.network.sides_of(self.tables, left.take(chosen), right.take(chosen))
            encodings = [self.network.encode(part, rows) for part, rows in sides]
            parts.append(self.network.scores(*encodings).asnumpy())
        return np.concatenate(parts)

    def _prepare(self, side: int, rows: RaggedArray) -> RaggedArray:
        rows = rows.cut(self.hyperparameters.encoders[side].max_seq_len)
        padding_id = self.hyperparameters.padding_id
        return rows if padding_id is None else rows.drop_outer_padding(padding_id)

    def _batches(self, count: int) -> list[npt.NDArray[np.int64]]:
        size = self.network.scoring_batch_size()
        order = np.arange(count, dtype=np.int64)
        return [order[start : start + size] for start in range(0, count, size)]

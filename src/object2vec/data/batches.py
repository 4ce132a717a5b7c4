"""Batches of pairs: which records stand together, in which order, in every epoch.

Training batches are all of one size: a bucket is filled up with random records of its own, as the
original does. Scoring batches hold every record once, in order. Nothing here touches tensors.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from object2vec.data.negatives import NegativeSampler
from object2vec.data.ragged import RaggedArray
from object2vec.data.records import PairRecords

Agree: TypeAlias = Callable[[int], int]


@dataclass(frozen=True)
class PairBatch:
    """Some pairs and what is known of them.

    Attributes:
        in0: N token sequences of the left side.
        in1: N token sequences of the right side.
        labels: float32 array of shape (N,).
        weight: The part that the batch is of a step over several hosts, by which its mean gradient
            counts; 0 where it stands in only for a host to make the step.
    """

    in0: RaggedArray
    in1: RaggedArray
    labels: npt.NDArray[np.float32]
    weight: float = 1.0

    def __len__(self) -> int:
        return len(self.labels)


def scoring_batches(records: PairRecords, batch_size: int) -> Iterator[PairBatch]:
    """Yield every record once, in order; the last batch may be smaller."""
    for start in range(0, len(records.labels), batch_size):
        chosen = np.arange(start, min(start + batch_size, len(records.labels)), dtype=np.int64)
        yield PairBatch(records.in0.take(chosen), records.in1.take(chosen), records.labels[chosen])


class TrainingBatches:
    """The train channel as shuffled batches of one size, redrawn every epoch.

    All chance comes from `generator`, so an epoch can be repeated from the generator's state at
    its beginning.
    """

    def __init__(
        self,
        records: PairRecords,
        *,
        batch_size: int,
        bucket_width: int,
        negative_sampling_rate: int,
        generator: np.random.Generator,
        weight: float = 1.0,
        agree: Agree = lambda steps: steps,
    ) -> None:
        """Prepare the buckets and the sampler.

        Args:
            records: N train records.
            batch_size: Records a batch.
            bucket_width: Lengths that differ by less may share a batch; 0 is one bucket for all.
            negative_sampling_rate: Made pairs a record; 0 makes none.
            generator: Source of order, fill and negatives.
            weight: That of every batch.
            agree: Takes an epoch's batches and returns how many to make, not fewer.
        """
        self._records = records
        self._batch_size = batch_size
        self._generator = generator
        self._sampler = (
            NegativeSampler(records.in0, records.in1, negative_sampling_rate)
            if negative_sampling_rate
            else None
        )
        self._bucket_width = bucket_width
        self._weight = weight
        self._agree = agree
        self.records_per_epoch = len(records) * (1 + negative_sampling_rate)

    def epoch(self) -> "Epoch":
        """Draw the next epoch: its negatives, its order, and what fills its buckets up."""
        count = len(self._records)
        left = right = np.arange(count, dtype=np.int64)
        if self._sampler is not None:
            made_left, made_right = self._sampler.draw(self._generator)
            left, right = np.concatenate([left, made_left]), np.concatenate([right, made_right])
        groups = self._groups(left, right)
        more = self._agree(len(groups)) - len(groups)
        if more:
            repeated = self._generator.integers(0, len(groups), more)
            groups += [groups[number] for number in repeated]
            groups = [groups[turn] for turn in self._generator.permutation(len(groups))]
        return Epoch(self._records, left, right, groups, self._weight)

    def _groups(
        self, left: npt.NDArray[np.int64], right: npt.NDArray[np.int64]
    ) -> list[npt.NDArray[np.int64]]:
        """Return the pairs of every batch, as indices into `left` and `right`."""
        size = self._batch_size
        order = self._generator.permutation(len(left))
        buckets = [order]
        if self._bucket_width:
            keys = self._bucket_keys(left, right)[order]
            by_bucket = np.argsort(keys, kind="stable")
            edges = np.flatnonzero(np.diff(keys[by_bucket])) + 1
            buckets = [order[part] for part in np.split(by_bucket, edges)]
        groups = []
        for bucket in buckets:
            fill = self._generator.choice(bucket, -len(bucket) % size)
            filled = np.concatenate([bucket, fill])
            groups += [filled[start : start + size] for start in range(0, len(filled), size)]
        # One bucket is shuffled already; several would come one after the other.
        if len(buckets) > 1:
            groups = [groups[turn] for turn in self._generator.permutation(len(groups))]
        return groups

    def _bucket_keys(
        self, left: npt.NDArray[np.int64], right: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int64]:
        """Return the bucket of every pair, shape (pairs,).

        Sockeye's parallel buckets: the longer side steps by the bucket width, the other side in
        proportion of the longest sequences, by 1 at least, so that a side of single tokens leaves
        the buckets of the other as they are. A pair is in the first bucket that holds both sides.
        """
        sides = self._records.in0.lengths, self._records.in1.lengths
        longest = [max(1, int(lengths.max())) for lengths in sides]
        # Whole steps: a length at a bucket's edge must not fall to either side by rounding.
        steps = [max(1, self._bucket_width * most // max(longest)) for most in longest]
        keys0, keys1 = (-(-lengths // step) for lengths, step in zip(sides, steps, strict=True))
        # At least 1: pairs without a token go with the shortest.
        keys: npt.NDArray[np.int64] = np.maximum(np.maximum(keys0[left], keys1[right]), 1)
        return keys


class Epoch:
    """The batches of one epoch, made one by one as they are asked for.

    Args:
        records: N train records.
        left: For every pair, the record whose in0 it has; the first N pairs are the records.
        right: For every pair, the record whose in1 it has.
        groups: The pairs of every batch.
        weight: That of every batch.
    """

    def __init__(
        self,
        records: PairRecords,
        left: npt.NDArray[np.int64],
        right: npt.NDArray[np.int64],
        groups: Sequence[npt.NDArray[np.int64]],
        weight: float = 1.0,
    ) -> None:
        self._records = records
        self._left = left
        self._right = right
        self._groups = groups
        self._weight = weight

    def __len__(self) -> int:
        return len(self._groups)

    def __getitem__(self, part: slice) -> "Epoch":
        """Return some of the batches."""
        return Epoch(self._records, self._left, self._right, self._groups[part], self._weight)

    def __iter__(self) -> Iterator[PairBatch]:
        records = self._records
        for chosen in self._groups:
            left, right = self._left[chosen], self._right[chosen]
            labels = np.where(chosen < len(records), records.labels[left], np.float32(0.0))
            in0, in1 = records.in0.take(left), records.in1.take(right)
            yield PairBatch(in0, in1, labels, self._weight)


class IdleBatches:
    """The epochs of a host without records: it only takes part in the steps of the others.

    Args:
        agree: Takes an epoch's batches and returns how many to make.
    """

    def __init__(self, agree: Agree) -> None:
        self._agree = agree

    def epoch(self) -> Sequence[PairBatch]:
        """Return a pair without a token, of weight 0, for every step; at least one."""
        nothing = RaggedArray.from_rows([[]])
        batch = PairBatch(nothing, nothing, np.zeros(1, dtype=np.float32), 0.0)
        return [batch] * self._agree(1)

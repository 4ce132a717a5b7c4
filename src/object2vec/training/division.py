"""How the records of a job, and those of every step, are divided over its hosts.

`mini_batch_size` is the records of one step over all hosts, so how many hosts there are changes no
result but by the order of sums. With asynchronous steps it is the records of one host's step.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from object2vec.data.array_space import ArraySpace
from object2vec.data.batches import IdleBatches, TrainingBatches
from object2vec.data.growing import GrowingArray
from object2vec.data.ragged import RaggedArray
from object2vec.data.records import PairRecords
from object2vec.hyperparameters import Hyperparameters
from object2vec.training.hosts import Hosts

_PIECE_RECORDS = 1 << 16


def own_part(records: PairRecords, hosts: Hosts, space: ArraySpace | None = None) -> PairRecords:
    """Return a host's part of records that all hosts have: every n-th, beginning with its rank.

    Args:
        records: All records.
        hosts: The hosts.
        space: Where the arrays stand; None is memory.
    """
    count = len(hosts.names)
    if count == 1:
        return records
    sides = []
    for side in (records.in0, records.in1):
        values, offsets = GrowingArray(np.int32, space), GrowingArray(np.int64, space)
        offsets.extend(np.zeros(1, dtype=np.int64))
        # Piece by piece: taking rows needs several times their memory.
        for start in range(hosts.rank, len(records), count * _PIECE_RECORDS):
            stop = min(start + count * _PIECE_RECORDS, len(records))
            rows = side.take(np.arange(start, stop, count, dtype=np.int64))
            base = len(values)
            values.extend(rows.values)
            offsets.extend(rows.offsets[1:] + base)
        sides.append(RaggedArray(values.finish(), offsets.finish()))
    labels = records.labels[hosts.rank :: count].copy()
    return replace(records, in0=sides[0], in1=sides[1], labels=labels)


def shares_of_step(batch_size: int, records: Sequence[int]) -> list[int]:
    """Return how many records of a step every host takes.

    In proportion to the records that they have; the records that whole numbers leave over go to the
    largest remainders, lower ranks first. A host that has records takes at least one of them where
    a step has enough for that.

    Args:
        batch_size: Records of a step over all hosts.
        records: Records of every host; at least one has some.

    Example:
        >>> shares_of_step(64, [1000, 1000, 0])
        [32, 32, 0]
        >>> shares_of_step(8, [1000, 10])
        [7, 1]
    """
    total = sum(records)
    shares = [batch_size * count // total for count in records]
    remainders = [batch_size * count % total for count in records]
    left_over = batch_size - sum(shares)
    by_remainder = sorted(range(len(records)), key=lambda rank: -remainders[rank])
    for rank in by_remainder[:left_over]:
        shares[rank] += 1
    for rank, count in enumerate(records):
        largest = max(range(len(shares)), key=shares.__getitem__)
        if count and not shares[rank] and shares[largest] > 1:
            shares[largest] -= 1
            shares[rank] = 1
    return shares


@dataclass(frozen=True, slots=True)
class Division:
    """What a host does of a training.

    Attributes:
        records: Train records of every host, by rank.
        share: Records of a step that this host takes; 0 where it only takes part.
        weight: The part of a step that this is: by what the mean gradient of its records counts.
        is_async: Whether hosts make steps of their own.
    """

    records: tuple[int, ...]
    share: int
    weight: float
    is_async: bool

    @classmethod
    def of(
        cls, train: PairRecords, hosts: Hosts, hyperparameters: Hyperparameters, is_async: bool
    ) -> "Division":
        """Divide the work; every host must call this."""
        records = tuple(hosts.gather(len(train)))
        size = hyperparameters.mini_batch_size
        if is_async:
            has_records = records[hosts.rank] > 0
            return cls(records, size if has_records else 0, float(has_records), is_async)
        share = shares_of_step(size, records)[hosts.rank]
        return cls(records, share, share / size, is_async)

    def batches(
        self,
        train: PairRecords,
        hosts: Hosts,
        hyperparameters: Hyperparameters,
        generator: np.random.Generator,
    ) -> TrainingBatches | IdleBatches:
        """Return this host's batches of every epoch; where steps are joint, equally many on all.

        Args:
            train: This host's records.
            hosts: The hosts; every one must go through equally many epochs.
            hyperparameters: Say how batches are made.
            generator: Source of order, fill and negatives.
        """

        def agree(steps: int) -> int:
            return steps if self.is_async else max(hosts.gather(steps))

        if not self.share:
            return IdleBatches(agree)
        return TrainingBatches(
            train,
            batch_size=self.share,
            bucket_width=hyperparameters.bucket_width,
            negative_sampling_rate=hyperparameters.negative_sampling_rate,
            generator=generator,
            weight=self.weight,
            agree=agree,
        )

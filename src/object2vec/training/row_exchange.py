"""The gradients of token tables' rows, summed over hosts at the cost of the rows that a step reads.

The engine's own sparse push aborts the process where there are several servers, and a dense one
would send whole tables. So the hosts first tell each other the ids they have, through a dense array
in which each has a slot of its own; then every host adds its gradients into an array over all those
ids, and the servers sum these arrays. Every host reads the same sums, to the last bit, so tables
that begin equal stay equal.

The arrays have few shapes, powers of two, as the servers need one key for every shape. A key is
made when it is first needed: all hosts need it at the same time, as sizes follow from what all
know.
"""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from object2vec.network.engine import nd

Ids: TypeAlias = npt.NDArray[np.int64]
Rows: TypeAlias = npt.NDArray[np.float32]

FIRST_KEY = 1_000_000  # The engine's Trainer counts its keys from 0.
ROWS_OF_PIECE = 1024
NUMBERS_OF_PIECE = 1 << 18  # of flat arrays; pieces lie on several servers
FEWEST_ROWS = 16
FEWEST_IDS = 64
LARGEST_ID = 2**24  # float32 holds every whole number up to here


class RowExchange:
    """Sums rows' gradients over the hosts; every host makes the same calls in the same order.

    Args:
        kv: A `dist_sync` store without an optimizer: a pull gives the sum of all hosts' pushes.
        rank: This host, from 0. The store's own rank may be another.
        count: Hosts.
    """

    def __init__(self, kv: Any, rank: int, count: int) -> None:
        self._kv = kv
        self._rank = rank
        self._count = count
        self._arrays: dict[tuple[object, ...], tuple[int, Any]] = {}
        self._capacities: dict[int, int] = {}  # by table: the ids that the first round takes

    def exchange(self, table: int, ids: Ids, gradient: Rows) -> tuple[Ids, Rows]:
        """Return the ids that any host gives, and the sums of their gradients.

        Args:
            table: Number of the table.
            ids: (U,), distinct, from 0 to 2**24; there may be none.
            gradient: (U, E), a row for every id.

        Returns:
            The ids of all hosts (W,), sorted, and their gradients (W, E): equal on every host.

        Raises:
            ValueError: An id is out of range.
        """
        if len(ids) and not (ids.min() >= 0 and ids.max() <= LARGEST_ID):
            raise ValueError(f"ids must be 0..{LARGEST_ID}, got {ids.min()}..{ids.max()}")
        everyone = self._gather_ids(table, ids)
        width = gradient.shape[1]
        rows = np.zeros((_padded(len(everyone)), width), dtype=np.float32)
        rows[np.searchsorted(everyone, ids)] = gradient
        pieces: list[tuple[tuple[object, ...], Rows]] = [
            (
                ("rows", table, start, min(ROWS_OF_PIECE, len(rows) - start), width),
                rows[start : start + ROWS_OF_PIECE],
            )
            for start in range(0, len(rows), ROWS_OF_PIECE)
        ]
        for (_, piece), summed in zip(pieces, self._sum(pieces), strict=True):
            piece[...] = summed
        return everyone, rows[: len(everyone)]

    def sum(self, name: str, values: Rows) -> Rows:
        """Return the sums over hosts of a flat array (n,), equal on every host.

        Args:
            name: What array it is; one of this name always has the same size.
            values: This host's.
        """
        given: list[tuple[tuple[object, ...], Rows]] = [
            (("values", name, start), values[start : start + NUMBERS_OF_PIECE])
            for start in range(0, len(values), NUMBERS_OF_PIECE)
        ]
        return np.concatenate(self._sum(given))

    def _gather_ids(self, table: int, ids: Ids) -> Ids:
        """Return the ids of all hosts, sorted, each once."""
        capacity = self._capacities.setdefault(table, FEWEST_IDS)
        slots = np.zeros((self._count, 1 + capacity), dtype=np.float32)
        first = ids[:capacity]
        slots[self._rank, 0] = len(ids)
        slots[self._rank, 1 : 1 + len(first)] = first
        (slots,) = self._sum([(("ids", table, capacity), slots)])
        counts = slots[:, 0].astype(np.int64)
        given = [
            slot[1 : 1 + min(count, capacity)] for slot, count in zip(slots, counts, strict=True)
        ]
        most = int(counts.max())
        if most > capacity:
            # One host has more than fit: the rest in a second round, all in one round from now on.
            given += self._gather_rest(table, ids[capacity:], counts - capacity)
            self._capacities[table] = _power_of_two(most)
        return np.unique(np.concatenate(given)).astype(np.int64)

    def _gather_rest(self, table: int, ids: Ids, counts: Ids) -> list[Rows]:
        width = _power_of_two(int(counts.max()))
        slots = np.zeros((self._count, width), dtype=np.float32)
        slots[self._rank, : len(ids)] = ids
        (slots,) = self._sum([(("rest", table, width), slots)])
        return [slot[: max(0, count)] for slot, count in zip(slots, counts, strict=True)]

    def _sum(self, given: list[tuple[tuple[object, ...], Rows]]) -> list[Rows]:
        """Return the sums over hosts of arrays under their names, in one round for all of them."""
        found = [self._array(name, values.shape) for name, values in given]
        for (key, array), (_, values) in zip(found, given, strict=True):
            array[:] = values
            self._kv.push(key, array)
        for key, array in found:
            self._kv.pull(key, out=array)
        return [array.asnumpy() for _, array in found]

    def _array(self, name: tuple[object, ...], shape: tuple[int, ...]) -> tuple[int, Any]:
        """Return the key and the array of a name; both are made at its first use."""
        if name not in self._arrays:
            key = FIRST_KEY + len(self._arrays)
            array = nd.zeros(shape)
            self._kv.init(key, array)
            self._arrays[name] = (key, array)
        return self._arrays[name]


def _padded(count: int) -> int:
    """Return a number of rows that is one of few: whole pieces and a power of two."""
    whole, rest = divmod(count, ROWS_OF_PIECE)
    padding = max(FEWEST_ROWS, _power_of_two(rest)) if rest else 0
    return whole * ROWS_OF_PIECE + padding


def _power_of_two(count: int) -> int:
    """Return the smallest power of two that is not less than a count of at least 1."""
    return 1 << (count - 1).bit_length()

"""The gradients of a step, summed over hosts at the cost of the tables' rows that it reads.

The engine's own sparse push aborts the process where there are several servers, and a dense one
would send whole tables. So the hosts first tell each other the ids they have, through a dense array
in which each has a slot of its own; then every host adds its gradients into an array over all those
ids, and the servers sum these arrays. Every host reads the same sums, to the last bit, so tables
that begin equal stay equal.

The arrays have few shapes, powers of two, as the servers need one key for every shape. A key is
made when it is first needed: all hosts need it at the same time, as sizes follow from what all
know.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from object2vec.network.engine import nd

Ids: TypeAlias = npt.NDArray[np.int64]
Rows: TypeAlias = npt.NDArray[np.float32]
Name: TypeAlias = tuple[object, ...]

FIRST_KEY = 1_000_000  # The engine's Trainer counts its keys from 0.
ROWS_OF_PIECE = 1024
NUMBERS_OF_PIECE = 1 << 18  # of flat arrays; pieces lie on several servers
FEWEST_ROWS = 16
FEWEST_IDS = 64
LARGEST_ID = 2**24  # float32 holds every whole number up to here


class RowExchange:
    """Sums gradients over the hosts; every host makes the same calls in the same order.

    Args:
        kv: A `dist_sync` store without an optimizer: a pull gives the sum of all hosts' pushes.
        rank: This host, from 0. The store's own rank may be another.
        count: Hosts.
    """

    def __init__(self, kv: Any, rank: int, count: int) -> None:
        self._kv = kv
        self._rank = rank
        self._count = count
        self._arrays: dict[Name, tuple[int, Any]] = {}
        self._capacities: dict[int, int] = {}  # by table: the ids that the first round takes

    def exchange(self, table: int, ids: Ids, gradient: Rows) -> tuple[Ids, Rows]:
        """Do as `exchange_step` for one table alone."""
        _, rows = self.exchange_step(np.zeros(0, dtype=np.float32), {table: (ids, gradient)})
        return rows[table]

    def exchange_step(
        self, flat: Rows, rows: Mapping[int, tuple[Ids, Rows]]
    ) -> tuple[Rows, dict[int, tuple[Ids, Rows]]]:
        """Return the sums of all gradients of a step, to the last bit the same on every host.

        It takes two rounds, a third one where a host has many more ids than ever before.

        Args:
            flat: The gradients of all that is no table, end to end, (n,); always as many.
            rows: By the number of a table, the same tables on every host: distinct ids (U,) from 0
                to 2**24, of which there may be none, and their gradients (U, E).

        Returns:
            The sums of `flat`, and by table the ids of all hosts (W,), sorted, with the sums of
            their gradients (W, E).

        Raises:
            ValueError: An id is out of range.
        """
        pieces: list[tuple[Name, Rows]] = [
            (("flat", start), flat[start : start + NUMBERS_OF_PIECE])
            for start in range(0, len(flat), NUMBERS_OF_PIECE)
        ]
        slots: list[tuple[Name, Rows]] = [
            (("ids", table, self._capacity(table)), self._slots(table, ids))
            for table, (ids, _) in rows.items()
        ]
        summed = self._sum([*slots, *pieces])
        found = self._all_ids(rows, summed[: len(slots)])
        flat = np.concatenate(summed[len(slots) :]) if pieces else flat
        return flat, self._sum_rows(rows, found)

    def _capacity(self, table: int) -> int:
        return self._capacities.setdefault(table, FEWEST_IDS)

    def _slots(self, table: int, ids: Ids) -> Rows:
        """Return a slot a host, (hosts, 1 + capacity): this one's says how many ids, and which."""
        if len(ids) and (ids.min() < 0 or ids.max() > LARGEST_ID):
            raise ValueError(f"ids must be 0..{LARGEST_ID}, got {ids.min()}..{ids.max()}")
        slots = np.zeros((self._count, 1 + self._capacity(table)), dtype=np.float32)
        first = ids[: self._capacity(table)]
        slots[self._rank, 0] = len(ids)
        slots[self._rank, 1 : 1 + len(first)] = first
        return slots

    def _all_ids(
        self, rows: Mapping[int, tuple[Ids, Rows]], slots: Sequence[Rows]
    ) -> dict[int, Ids]:
        """Return the ids of all hosts by table, sorted, each once."""
        given: dict[int, list[Rows]] = {}
        rest: list[tuple[Name, Rows]] = []
        rest_counts: list[tuple[int, Ids]] = []
        for table, of_hosts in zip(rows, slots, strict=True):
            capacity = self._capacity(table)
            counts = of_hosts[:, 0].astype(np.int64)
            given[table] = [
                slot[1 : 1 + min(count, capacity)]
                for slot, count in zip(of_hosts, counts, strict=True)
            ]
            most = int(counts.max())
            if most > capacity:
                # What does not fit goes in a second round; from now on the first one takes it.
                width = _power_of_two(most - capacity)
                more = np.zeros((self._count, width), dtype=np.float32)
                own_rest = rows[table][0][capacity:]
                more[self._rank, : len(own_rest)] = own_rest
                rest.append((("rest", table, width), more))
                rest_counts.append((table, counts - capacity))
                self._capacities[table] = _power_of_two(most)
        for (table, counts), more in zip(rest_counts, self._sum(rest), strict=True):
            given[table] += [
                slot[: max(0, count)] for slot, count in zip(more, counts, strict=True)
            ]
        return {
            table: np.unique(np.concatenate(parts)).astype(np.int64)
            for table, parts in given.items()
        }

    def _sum_rows(
        self, rows: Mapping[int, tuple[Ids, Rows]], found: Mapping[int, Ids]
    ) -> dict[int, tuple[Ids, Rows]]:
        """Return the ids of all hosts and the sums of their rows' gradients."""
        sums: dict[int, tuple[Ids, Rows]] = {}
        pieces: list[tuple[Name, Rows]] = []
        for table, (ids, gradient) in rows.items():
            everyone, width = found[table], gradient.shape[1]
            padded = np.zeros((_padded(len(everyone)), width), dtype=np.float32)
            padded[np.searchsorted(everyone, ids)] = gradient
            sums[table] = everyone, padded[: len(everyone)]
            for start in range(0, len(padded), ROWS_OF_PIECE):
                piece = padded[start : start + ROWS_OF_PIECE]
                pieces.append((("rows", table, start, *piece.shape), piece))
        for (_, piece), summed in zip(pieces, self._sum(pieces), strict=True):
            piece[...] = summed
        return sums

    def _sum(self, given: Sequence[tuple[Name, Rows]]) -> list[Rows]:
        """Return the sums over hosts of arrays under their names, in one round for all of them."""
        found = [self._array(name, values.shape) for name, values in given]
        for (key, array), (_, values) in zip(found, given, strict=True):
            array[:] = values
            self._kv.push(key, array)
        for key, array in found:
            self._kv.pull(key, out=array)
        return [array.asnumpy() for _, array in found]

    def _array(self, name: Name, shape: tuple[int, ...]) -> tuple[int, Any]:
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

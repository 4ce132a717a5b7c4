"""Updates of token tables at the cost of the rows a batch reads, with dense or lazy meaning.

row_sparse: only the rows of the batch are updated (the engine's lazy update).
dense: every step concerns every row, but what a zero gradient does to a row is known in advance, so
a row's missed steps are made up when it is next read (`update_rules`). With weight decay the missed
steps have no closed form, and every row is updated in every step.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from object2vec.network.blocks import block_rows, for_blocks
from object2vec.network.tables import TokenTable
from object2vec.training.update_rules import UpdateRule


@dataclass(frozen=True)
class _Rows:
    """Copies of some rows of a table and of its states."""

    token_ids: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32]
    states: list[npt.NDArray[np.float32]]


class TableUpdater:
    """One table in training: its rows, the optimizer's state of every row, and the step counts.

    Args:
        table: The table; its array is written in place.
        rule: The optimizer's arithmetic; its own, not shared with another table.
        is_lazy: True for row_sparse, False for dense.
    """

    def __init__(self, table: TokenTable, rule: UpdateRule, *, is_lazy: bool) -> None:
        self.table = table
        self.step = 0
        self._rule = rule
        self._is_deferred = not is_lazy and rule.weight_decay == 0
        self._touches_every_row = not is_lazy and not self._is_deferred
        # The array's own shape and order; zeros cost no memory until a row is touched.
        self.states = tuple(np.zeros_like(table.weights) for _ in range(rule.state_count))
        # What was read last: it is updated next, and need not be gathered once more.
        self._read: _Rows | None = None
        self.last_steps = np.zeros(len(table.weights), dtype=np.int64)
        self._block_rows = block_rows(table.weights)

    def read(self, token_ids: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Return a copy of the rows of distinct ids (U,), up to date: (U, E)."""
        self._read = self._take(token_ids)
        return self._read.weights[:]  # the engine makes what it is handed read-only

    def update(self, token_ids: npt.NDArray[np.int64], gradient: npt.NDArray[np.float32]) -> None:
        """Make one step with the gradient (U, E) of the rows of distinct ids (U,).

        What `read` gave for the same array of ids is written to.
        """
        read, self._read = self._read, None
        if read is None or read.token_ids is not token_ids:
            read = self._take(token_ids)
        self.step += 1
        self._rule.begin_step(self.step)
        if self._touches_every_row:
            self._update_every_row(token_ids, gradient)
            return

        def update(block: slice) -> None:
            weights, states = read.weights[block], [state[block] for state in read.states]
            self._rule.apply(weights, gradient[block], states)
            self._store(token_ids[block], weights, states)

        for_blocks(len(token_ids), self._block_rows, update)
        self.last_steps[token_ids] = self.step

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that a step changes, as it is: to be kept, and put back in place."""
        states = {f"state{number}": state for number, state in enumerate(self.states)}
        found: dict[str, npt.NDArray[Any]] = {"weights": self.table.weights, **states}
        if self._is_deferred:
            found |= {"last_steps": self.last_steps, **self._rule.arrays()}
        return found

    def begin_again(self, step: int, remembered: int) -> None:
        """Stand where so many steps were made; `arrays` are then put back in place.

        Args:
            step: How many.
            remembered: The length of the array that grows with the steps.
        """
        self.step = step
        self._rule.remember(remembered)

    def settle(self) -> None:
        """Bring every row up to date: before the table is scored, saved or checkpointed."""
        if not self._is_deferred:
            return
        late = np.flatnonzero(self._are_late(self.last_steps))

        def make_up(block: slice) -> None:
            rows = self._take(late[block])
            self._store(rows.token_ids, rows.weights, rows.states)

        for_blocks(len(late), self._block_rows, make_up)
        self.last_steps[late] = self.step

    def _take(self, token_ids: npt.NDArray[np.int64]) -> "_Rows":
        """Return copies of the rows of distinct ids (U,), and of their states, up to date."""
        sources = [self.table.weights]
        if not self._touches_every_row:
            sources += self.states
        copies = [np.empty((len(token_ids), each.shape[1]), dtype=np.float32) for each in sources]

        def take(block: slice) -> None:
            ids = token_ids[block]
            weights, *states = (copy[block] for copy in copies)
            for source, copy in zip(sources, (weights, *states), strict=True):
                # clip: it needs no copy to check ids first, and these are checked.
                source.take(ids, axis=0, out=copy, mode="clip")
            last = self.last_steps[ids]
            if self._is_deferred and self._are_late(last).any():
                # To a row that is not late this does nothing.
                self._rule.make_up(weights, states, last, self.step)

        for_blocks(len(token_ids), self._block_rows, take)
        return _Rows(token_ids, copies[0], copies[1:])

    def _are_late(self, last: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Return which rows have missed steps; a row never touched has nothing but zeros."""
        return (last > 0) & (last < self.step)

    def _store(
        self, ids: npt.NDArray[np.int64], weights: npt.NDArray[Any], states: list[npt.NDArray[Any]]
    ) -> None:
        self.table.weights[ids] = weights
        for state, rows in zip(self.states, states, strict=True):
            state[ids] = rows

    def _update_every_row(
        self, token_ids: npt.NDArray[np.int64], gradient: npt.NDArray[np.float32]
    ) -> None:
        order = np.argsort(token_ids)
        ids, rows = token_ids[order], gradient[order]

        def update(block: slice) -> None:
            first, last = np.searchsorted(ids, (block.start, block.stop))
            full = np.zeros_like(self.table.weights[block])
            full[ids[first:last] - block.start] = rows[first:last]
            states = [state[block] for state in self.states]
            self._rule.apply(self.table.weights[block], full, states)

        for_blocks(len(self.table.weights), self._block_rows, update)

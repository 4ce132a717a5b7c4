"""Deferred and lazy updates of tables against the engine's own optimizers, step by step."""

import numpy as np
import pytest

from object2vec.network import blocks
from object2vec.network.engine import mx, nd
from object2vec.network.tables import TokenTable
from object2vec.training.table_updates import TableUpdater
from object2vec.training.update_rules import make_rule

OPTIMIZERS = ["sgd", "adagrad", "rmsprop", "adadelta", "adam"]
V, E = 30, 3

# Rows by how often they are read: in nearly every step, now and then, hardly, late, never.
CHANCES = np.repeat([0.7, 0.1, 0.004, 0.0, 0.0], V // 5)
LATE, NEVER = slice(18, 24), slice(24, 30)


def updater(optimizer, *, is_lazy=False, learning_rate=0.01, weight_decay=0.0, seed=1):
    weights = np.random.default_rng(seed).normal(size=(V, E)).astype(np.float32)
    rule = make_rule(optimizer, learning_rate, weight_decay)
    return TableUpdater(TokenTable("embed_0_weight", weights), rule, is_lazy=is_lazy)


def steps(count, seed=2):
    """Ids in no order, with gradients of sizes from e-5 to e0."""
    generator = np.random.default_rng(seed)
    for step in range(count):
        chances = CHANCES.copy()
        if step > 3 * count // 4:
            chances[LATE] = 0.1
        ids = generator.permutation(np.flatnonzero(generator.random(V) < chances))
        if not len(ids):
            ids = np.array([0])
        sizes = 10.0 ** generator.uniform(-5, 0, (len(ids), 1))
        yield ids, (sizes * generator.normal(size=(len(ids), E))).astype(np.float32)


class EngineTable:
    """The same table, updated as a whole by the engine."""

    def __init__(self, optimizer, weights, *, is_lazy=False, learning_rate=0.01, weight_decay=0.0):
        self._optimizer = mx.optimizer.create(
            optimizer, learning_rate=learning_rate, wd=weight_decay
        )
        self._is_lazy = is_lazy
        self._weights = nd.array(weights)
        if is_lazy:
            self._weights = self._weights.tostype("row_sparse")
        self._state = self._optimizer.create_state(0, self._weights)

    def update(self, ids, gradient):
        if self._is_lazy:
            order = np.argsort(ids)
            full = nd.sparse.row_sparse_array((gradient[order], ids[order]), shape=(V, E))
        else:
            full = np.zeros((V, E), dtype=np.float32)
            full[ids] = gradient
            full = nd.array(full)
        self._optimizer.update(0, self._weights, full, self._state)

    @property
    def weights(self):
        return self._weights.asnumpy()

    @property
    def states(self):
        states = self._state if isinstance(self._state, tuple | list) else [self._state]
        return [state.asnumpy() for state in states if state is not None]


def longest_absence(count):
    last, longest = np.zeros(V, dtype=int), 0
    for step, (ids, _) in enumerate(steps(count), start=1):
        known = ids[last[ids] > 0]
        longest = max([longest, *(step - last[known])])
        last[ids] = step
    return longest


# Adam is the one whose weights move without a gradient: it needs rows that are long away.
CASES = [("adam", 0.0, 1500)]
CASES += [(name, 0.0, 400) for name in OPTIMIZERS if name != "adam"]
CASES += [(name, 0.02, 150) for name in OPTIMIZERS]


def test_rows_of_the_long_case_are_away_for_more_steps_than_adam_sums_up():
    assert longest_absence(1500) > 500


@pytest.mark.parametrize(("optimizer", "weight_decay", "count"), CASES)
def test_dense_is_the_engines_update_of_the_whole_table(optimizer, weight_decay, count):
    mine = updater(optimizer, weight_decay=weight_decay)
    began = mine.table.weights.copy()
    engine = EngineTable(optimizer, began, weight_decay=weight_decay)
    for step, (ids, gradient) in enumerate(steps(count)):
        rows = mine.read(ids)
        if step % 25 == 0:
            np.testing.assert_allclose(rows, engine.weights[ids], atol=2e-5, rtol=1e-4)
        mine.update(ids, gradient)
        engine.update(ids, gradient)
        if step in (100, 101, 1200):
            mine.settle()
            np.testing.assert_allclose(mine.table.weights, engine.weights, atol=2e-5, rtol=1e-4)
    mine.settle()
    np.testing.assert_allclose(mine.table.weights, engine.weights, atol=2e-5, rtol=1e-4)
    for state, expected in zip(mine.states, engine.states, strict=True):
        np.testing.assert_allclose(state, expected, atol=1e-6, rtol=1e-3)
    if not weight_decay:
        np.testing.assert_array_equal(mine.table.weights[NEVER], began[NEVER])
    moved = np.abs(mine.table.weights - began)
    assert moved[:12].min() > 1e-6
    assert moved.mean() > 1e-3


# The engine has no lazy adagrad with weight decay; ours is checked by hand below.
@pytest.mark.parametrize(
    ("optimizer", "weight_decay"),
    [("sgd", 0.0), ("adagrad", 0.0), ("adam", 0.0), ("sgd", 0.02), ("adam", 0.02)],
)
def test_row_sparse_is_the_engines_lazy_update(optimizer, weight_decay):
    mine = updater(optimizer, is_lazy=True, weight_decay=weight_decay)
    began = mine.table.weights.copy()
    engine = EngineTable(optimizer, began, is_lazy=True, weight_decay=weight_decay)
    for ids, gradient in steps(300):
        mine.read(ids)
        mine.update(ids, gradient)
        engine.update(ids, gradient)
    before_settling = mine.table.weights.copy()
    mine.settle()
    np.testing.assert_array_equal(mine.table.weights, before_settling)
    np.testing.assert_allclose(mine.table.weights, engine.weights, atol=2e-5, rtol=1e-4)
    np.testing.assert_array_equal(mine.table.weights[NEVER], began[NEVER])


@pytest.mark.parametrize("optimizer", ["sgd", "adagrad", "adam"])
def test_row_sparse_leaves_every_row_that_is_not_read(optimizer):
    mine = updater(optimizer, is_lazy=True, weight_decay=0.1)
    for ids in ([3, 7], [7, 20], [20]):
        before = mine.table.weights.copy()
        mine.read(np.array(ids))
        mine.update(np.array(ids), np.ones((len(ids), E), dtype=np.float32))
        rest = np.setdiff1d(np.arange(V), ids)
        np.testing.assert_array_equal(mine.table.weights[rest], before[rest])
        assert (mine.table.weights[ids] != before[ids]).all()


def test_lazy_adagrad_with_weight_decay_by_hand():
    mine = updater("adagrad", is_lazy=True, learning_rate=0.5, weight_decay=0.1)
    before = mine.table.weights[4].copy()
    mine.update(np.array([4]), np.full((1, E), 3.0, dtype=np.float32))
    # The first step of adagrad is the sign of the gradient.
    np.testing.assert_allclose(mine.table.weights[4], before - 0.5 * (1 + 0.1 * before), rtol=1e-5)


def test_dense_and_lazy_adam_are_not_the_same():
    dense, lazy = updater("adam"), updater("adam", is_lazy=True)
    for ids, gradient in steps(200):
        for table in (dense, lazy):
            table.read(ids)
            table.update(ids, gradient)
    dense.settle()
    assert np.abs(dense.table.weights - lazy.table.weights).max() > 1e-3


@pytest.mark.parametrize("is_lazy", [False, True])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_settling_twice_is_settling_once(optimizer, is_lazy):
    mine = updater(optimizer, is_lazy=is_lazy)
    for ids, gradient in steps(40):
        mine.read(ids)
        mine.update(ids, gradient)
    mine.settle()
    weights, states = mine.table.weights.copy(), [state.copy() for state in mine.states]
    mine.settle()
    np.testing.assert_array_equal(mine.table.weights, weights)
    for state, expected in zip(mine.states, states, strict=True):
        np.testing.assert_array_equal(state, expected)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_settling_in_between_changes_nothing(optimizer):
    often, once = updater(optimizer), updater(optimizer)
    for step, (ids, gradient) in enumerate(steps(500)):
        for table in (often, once):
            table.read(ids)
            table.update(ids, gradient)
        if step % 7 == 0:
            often.settle()
    often.settle()
    once.settle()
    np.testing.assert_allclose(often.table.weights, once.table.weights, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("weight_decay", [0.0, 0.02])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_blocks_of_rows_change_nothing(optimizer, weight_decay, monkeypatch):
    whole = updater(optimizer, weight_decay=weight_decay)
    monkeypatch.setattr(blocks, "BLOCK_ELEMENTS", 4 * E)
    in_blocks = updater(optimizer, weight_decay=weight_decay)
    for ids, gradient in steps(60):
        for table in (whole, in_blocks):
            table.read(ids)
            table.update(ids, gradient)
    whole.settle()
    in_blocks.settle()
    np.testing.assert_array_equal(in_blocks.table.weights, whole.table.weights)


def test_what_was_read_is_a_copy():
    mine = updater("sgd")
    rows = mine.read(np.array([1, 2]))
    before = mine.table.weights.copy()
    rows += 1
    np.testing.assert_array_equal(mine.table.weights, before)


def test_rows_wait_for_more_steps_than_adam_remembers_at_first():
    # Past step 1024 the sums by first step have to grow.
    mine = updater("adam")
    engine = EngineTable("adam", mine.table.weights.copy())
    ones = np.ones((1, E), dtype=np.float32)
    for step in range(1700):
        row = np.array([1 if step in (5, 1100, 1500) else 0])
        mine.read(row)
        mine.update(row, ones)
        engine.update(row, ones)
    mine.settle()
    np.testing.assert_allclose(mine.table.weights, engine.weights, atol=1e-4, rtol=1e-4)

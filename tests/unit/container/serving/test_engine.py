"""The engine's thread: what shares a step, whose turn it is, and what becomes of failures."""

import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from object2vec.data.ragged import RaggedArray
from object2vec.inference.instances import Query
from object2vec_container.serving import engine as engine_module
from object2vec_container.serving.engine import (
    STEP_COST,
    STEP_RECORDS,
    Engine,
    EngineDiedError,
    Job,
)

PATIENCE = 10  # seconds, for what takes some milliseconds


class Summer:
    """Answers each record with the sum of its ids and their number; in0 and in1 for scores.

    An id of -1 makes the answer fail, -2 kills the thread. `cost` is that of one token.
    """

    def __init__(self, cost: float = 1.0) -> None:
        self.cost = cost
        self.steps: list[tuple[int | None, int]] = []
        self.threads: set[str] = set()

    def costs(self, side: int | None, *rows: RaggedArray) -> np.ndarray:
        return self.cost * sum(each.lengths.astype(np.float64) for each in rows)

    def answer(self, side: int | None, *rows: RaggedArray) -> np.ndarray:
        self.steps.append((side, len(rows[0])))
        self.threads.add(threading.current_thread().name)
        for each in rows:
            if -2 in each.values:
                raise SystemExit
            if -1 in each.values:
                raise ValueError(f"{len(each)} records with a bad one")
        sums = [[float(row.sum()) for row in each] for each in rows]
        return np.array([*sums, rows[0].lengths], dtype=np.float32).T


class Slow(Summer):
    """Takes so many seconds for every step."""

    def __init__(self, cost: float, seconds: float) -> None:
        super().__init__(cost)
        self.seconds = seconds

    def answer(self, side: int | None, *rows: RaggedArray) -> np.ndarray:
        time.sleep(self.seconds)
        return super().answer(side, *rows)


def query_of(rows: list[list[int]], side: int | None = 0) -> Query:
    ragged = RaggedArray.from_rows(rows)
    return Query(side, np.arange(len(rows)), (ragged, ragged) if side is None else (ragged,))


def answer_of(job: Job) -> list[list[float]]:
    return job.future.result(PATIENCE).tolist()


def wait_until_dead(engine: Engine) -> None:
    deadline = time.monotonic() + PATIENCE
    while not engine.is_dead and time.monotonic() < deadline:
        time.sleep(0.001)
    assert engine.is_dead


class Gate:
    """Keeps an engine busy until it is opened, so that what is submitted meanwhile waits."""

    def __init__(self, engine: Engine) -> None:
        self._open = threading.Event()
        self._entered = threading.Event()
        engine.call(self._wait)
        assert self._entered.wait(PATIENCE)

    def _wait(self) -> None:
        self._entered.set()
        assert self._open.wait(PATIENCE)

    def open(self) -> None:
        self._open.set()


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine()
    engine.start()
    yield engine
    if not engine.is_dead:
        engine.stop()


def test_a_query_is_answered_by_the_engine_s_thread(engine: Engine) -> None:
    summer = Summer()
    job = engine.submit(summer, query_of([[1, 2], [], [3]]))
    assert answer_of(job) == [[3, 2], [0, 0], [3, 1]]
    assert job.future.result().dtype == np.float32
    scores = engine.submit(summer, query_of([[1, 2], [4]], None))
    assert answer_of(scores) == [[3, 3, 2], [4, 4, 1]]
    assert summer.threads == {"engine"}
    assert summer.steps == [(0, 3), (None, 2)]


def test_queries_that_wait_are_answered_in_one_step(engine: Engine) -> None:
    summer = Summer()
    gate = Gate(engine)
    jobs = [engine.submit(summer, query_of([[n], [n, 1]][: 1 + n % 2])) for n in range(9)]
    gate.open()
    for n, job in enumerate(jobs):
        assert answer_of(job) == [[n, 1], [n + 1, 2]][: 1 + n % 2]
    assert summer.steps == [(0, 13)]


def test_only_queries_that_are_answered_alike_share_a_step(engine: Engine) -> None:
    first, second = Summer(), Summer()
    gate = Gate(engine)
    jobs = [
        engine.submit(summer, query_of([[n]], side))
        for n in (1, 2)
        for summer in (first, second)
        for side in (0, 1, None)
    ]
    gate.open()
    assert [answer_of(job)[0][0] for job in jobs] == [1] * 6 + [2] * 6
    assert first.steps == second.steps == [(0, 2), (1, 2), (None, 2)]


def test_a_step_is_bounded_in_records_and_in_cost(engine: Engine) -> None:
    cheap, dear = Summer(0), Summer(STEP_COST / 4)
    gate = Gate(engine)
    jobs = [engine.submit(cheap, query_of([[n]] * 500)) for n in range(5)]
    jobs += [engine.submit(dear, query_of([[n]])) for n in range(9)]
    jobs += [engine.submit(dear, query_of([[9] * 100]))]
    gate.open()
    values = [answer_of(job)[0][0] for job in jobs]
    assert values == [*range(5), *range(9), 900]
    assert [records for _, records in cheap.steps] == [1000, 1000, 500]
    assert [records for _, records in dear.steps] == [4, 4, 1, 1]


def test_a_large_query_is_cut_into_steps_and_put_together_in_order(engine: Engine) -> None:
    summer = Summer(0)
    rows = [[n] for n in range(2 * STEP_RECORDS + 10)]
    assert answer_of(engine.submit(summer, query_of(rows))) == [[row[0], 1] for row in rows]
    assert [records for _, records in summer.steps] == [STEP_RECORDS, STEP_RECORDS, 10]


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.lists(st.lists(st.integers(0, 9), max_size=9), min_size=1, max_size=25),
        min_size=1,
        max_size=6,
    ),
    st.integers(1, 8),
    st.floats(1, 30),
)
def test_answers_do_not_depend_on_how_queries_are_cut_and_merged(
    queries: list[list[list[int]]], records: int, cost: float
) -> None:
    patch = pytest.MonkeyPatch()
    patch.setattr(engine_module, "STEP_RECORDS", records)
    patch.setattr(engine_module, "STEP_COST", cost)
    engine, summer = Engine(), Summer()
    jobs = [engine.submit(summer, query_of(rows, n % 2)) for n, rows in enumerate(queries)]
    engine.start()
    answers = [answer_of(job) for job in jobs]
    engine.stop()
    patch.undo()
    assert answers == [[[sum(row), len(row)] for row in rows] for rows in queries]
    assert max(size for _, size in summer.steps) <= records
    assert sum(size for _, size in summer.steps) == sum(map(len, queries))


def test_a_query_without_records_is_refused_and_does_no_harm(engine: Engine) -> None:
    with pytest.raises(ValueError, match="at least one record"):
        engine.submit(Summer(), query_of([]))
    assert answer_of(engine.submit(Summer(), query_of([[1]]))) == [[1, 1]]


def test_a_small_query_does_not_wait_for_the_end_of_a_huge_one(engine: Engine) -> None:
    summer, other = Summer(STEP_COST), Summer(STEP_COST)
    gate = Gate(engine)
    huge = engine.submit(summer, query_of([[1]] * 300))
    alike = engine.submit(summer, query_of([[2]]))
    unlike = engine.submit(other, query_of([[3]]))
    order: list[str] = []
    for name, job in (("huge", huge), ("alike", alike), ("unlike", unlike)):
        job.future.add_done_callback(lambda _, name=name: order.append(f"{name} {count()}"))

    def count() -> int:
        return len(summer.steps) + len(other.steps)

    gate.open()
    assert len(answer_of(huge)) == 300
    assert order == ["unlike 2", "alike 3", "huge 302"]


def test_huge_queries_take_turns(engine: Engine) -> None:
    summer = Summer(STEP_COST)
    gate = Gate(engine)
    jobs = [engine.submit(summer, query_of([[n]] * size)) for n, size in enumerate((50, 10, 50))]
    done: list[tuple[int, int]] = []
    for n, job in enumerate(jobs):
        job.future.add_done_callback(lambda _, n=n: done.append((n, len(summer.steps))))
    gate.open()
    for job in jobs:
        answer_of(job)
    assert [n for n, _ in done] == [1, 0, 2]
    assert done[0][1] <= 30


def test_a_failing_query_does_not_harm_those_that_share_its_step(engine: Engine) -> None:
    summer = Summer()
    gate = Gate(engine)
    jobs = [engine.submit(summer, query_of(rows)) for rows in ([[1]], [[2], [-1]], [[3], [4]])]
    gate.open()
    assert answer_of(jobs[0]) == [[1, 1]]
    with pytest.raises(ValueError, match="2 records with a bad one"):
        answer_of(jobs[1])
    assert answer_of(jobs[2]) == [[3, 1], [4, 1]]
    assert answer_of(engine.submit(summer, query_of([[5]]))) == [[5, 1]]
    assert not engine.is_dead


def test_what_is_left_of_a_query_that_failed_is_not_answered(engine: Engine) -> None:
    summer = Summer(STEP_COST)
    job = engine.submit(summer, query_of([[1], [-1], *[[2]] * 50]))
    with pytest.raises(ValueError, match="1 records"):
        answer_of(job)
    assert answer_of(engine.submit(summer, query_of([[5]]))) == [[5, 1]]
    assert len(summer.steps) == 3


def test_two_pieces_of_one_query_may_fail_in_one_step(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(engine)
    # Cut small and taken in large steps, so that several pieces of a query share one.
    monkeypatch.setattr(engine_module, "STEP_RECORDS", 1)
    summer = Summer()
    bad = engine.submit(summer, query_of([[-1], [1], [-1]]))
    good = engine.submit(summer, query_of([[1], [2], [3]]))
    monkeypatch.undo()
    gate.open()
    with pytest.raises(ValueError, match="1 records"):
        answer_of(bad)
    assert answer_of(good) == [[1, 1], [2, 1], [3, 1]]
    assert summer.steps[0] == (0, 6)


def test_a_query_that_nobody_waits_for_is_skipped(engine: Engine) -> None:
    summer = Summer()
    gate = Gate(engine)
    jobs = [engine.submit(summer, query_of([[n]])) for n in range(3)]
    assert jobs[0].future.cancel()
    assert jobs[2].future.cancel()
    gate.open()
    assert answer_of(jobs[1]) == [[1, 1]]
    assert summer.steps == [(0, 1)]
    with pytest.raises(CancelledError):
        jobs[0].future.result(PATIENCE)


def test_a_query_that_is_given_up_half_way_takes_no_more_steps(engine: Engine) -> None:
    summer = Slow(STEP_COST, seconds=0.001)
    huge = engine.submit(summer, query_of([[1]] * 3000))
    answer_of(engine.submit(summer, query_of([[2]])))
    assert huge.future.cancel()
    answer_of(engine.submit(summer, query_of([[3]])))
    taken = len(summer.steps)
    assert 1 < taken < 3000
    answer_of(engine.submit(summer, query_of([[3]])))
    assert len(summer.steps) == taken + 1


def test_an_answer_that_comes_after_its_query_was_given_up_is_dropped(engine: Engine) -> None:
    begun, may_end = threading.Event(), threading.Event()

    class Held(Summer):
        def answer(self, side: int | None, *rows: RaggedArray) -> np.ndarray:
            begun.set()
            assert may_end.wait(PATIENCE)
            return super().answer(side, *rows)

    job = engine.submit(Held(), query_of([[1]]))
    assert begun.wait(PATIENCE)
    assert engine.step_seconds > 0
    assert job.future.cancel()
    may_end.set()
    assert answer_of(engine.submit(Summer(), query_of([[2]]))) == [[2, 1]]
    assert not engine.is_dead


def test_calls_run_on_the_thread_before_the_next_step_in_their_order(engine: Engine) -> None:
    summer = Summer()
    gate = Gate(engine)
    job = engine.submit(summer, query_of([[1]]))
    calls = [
        engine.call(lambda n=n: (n, threading.current_thread().name, len(summer.steps)))
        for n in range(3)
    ]
    gate.open()
    answer_of(job)
    assert [call.result(PATIENCE) for call in calls] == [(n, "engine", 0) for n in range(3)]


def test_a_call_cuts_in_on_a_huge_query(engine: Engine) -> None:
    summer = Summer(STEP_COST)
    gate = Gate(engine)
    huge = engine.submit(summer, query_of([[1]] * 2000))
    call = engine.call(lambda: len(summer.steps))
    gate.open()
    assert call.result(PATIENCE) == 0
    answer_of(huge)


def test_a_call_that_fails_tells_who_called_and_nobody_else(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError):
        engine.call(lambda: 1 // 0).result(PATIENCE)
    assert engine.call(lambda: 7).result(PATIENCE) == 7


def test_a_call_that_was_cancelled_is_not_run(engine: Engine) -> None:
    ran: list[int] = []
    gate = Gate(engine)
    call = engine.call(lambda: ran.append(1))
    assert call.cancel()
    gate.open()
    assert engine.call(lambda: 7).result(PATIENCE) == 7
    assert ran == []


def test_times_tell_waiting_from_computing(engine: Engine) -> None:
    gate = Gate(engine)
    job = engine.submit(Slow(STEP_COST, seconds=0.05), query_of([[1], [2]]))
    time.sleep(0.05)
    assert job.queue_seconds >= 0.05
    gate.open()
    answer_of(job)
    waited = job.queue_seconds
    assert 0.05 <= waited < 5
    assert job.engine_seconds >= 0.1
    time.sleep(0.01)
    assert job.queue_seconds == waited
    engine.call(lambda: None).result(PATIENCE)
    assert engine.step_seconds == 0


def test_every_step_is_told_of() -> None:
    told: list[tuple[int, float]] = []
    engine = Engine(lambda records, seconds: told.append((records, seconds)))
    jobs = [engine.submit(Summer(), query_of(rows)) for rows in ([[1], [2]], [[-1]])]
    engine.start()
    answer_of(jobs[0])
    engine.stop()
    assert [records for records, _ in told] == [2, 1]
    assert all(seconds >= 0 for _, seconds in told)


def test_stopping_answers_what_waits_and_ends_the_thread() -> None:
    died: list[int] = []
    engine = Engine(on_death=lambda: died.append(1))
    summer = Summer(STEP_COST)
    jobs = [engine.submit(summer, query_of([[n]] * 20, n % 2)) for n in range(4)]
    call = engine.call(lambda: 7)
    cancelled = engine.submit(summer, query_of([[1]], None))
    cancelled.future.cancel()
    engine.start()
    engine.stop()
    assert all(job.future.done() for job in jobs)
    assert [len(answer_of(job)) for job in jobs] == [20] * 4
    assert call.result(0) == 7
    assert (engine.is_dead, died) == (False, [])
    assert summer.threads == {"engine"}


def test_an_idle_engine_stops_at_once() -> None:
    engine = Engine()
    engine.start()
    began = time.monotonic()
    engine.stop()
    assert time.monotonic() - began < 1


def test_death_fails_everything_that_is_owed_and_is_told_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    died = threading.Event()
    engine = Engine(on_death=died.set)
    summer, other = Summer(STEP_COST / 2), Summer()
    engine.start()
    gate = Gate(engine)
    jobs = [
        engine.submit(summer, query_of([[-2]])),
        engine.submit(summer, query_of([[1]] * 5)),
        engine.submit(other, query_of([[1]])),
    ]
    given_up = engine.submit(other, query_of([[1]]))
    given_up.future.cancel()
    with caplog.at_level(logging.CRITICAL):
        gate.open()
        for job in jobs:
            with pytest.raises(EngineDiedError):
                job.future.result(PATIENCE)
        assert died.wait(PATIENCE)
    assert engine.is_dead
    assert "The engine's thread has died" in caplog.text
    assert "SystemExit" in caplog.text
    with pytest.raises(EngineDiedError):
        engine.submit(summer, query_of([[1]]))
    with pytest.raises(EngineDiedError):
        engine.call(lambda: 7)


def test_death_in_a_call_fails_it_and_the_calls_behind_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    died = threading.Event()
    engine = Engine(on_death=died.set)

    def end() -> None:
        raise SystemExit

    calls = [engine.call(end), engine.call(lambda: None)]
    engine.start()
    for call in calls:
        with pytest.raises(EngineDiedError):
            call.result(PATIENCE)
    assert died.wait(PATIENCE)
    assert "The engine's thread has died" in caplog.text


def test_a_fault_of_the_engine_s_own_is_a_death(caplog: pytest.LogCaptureFixture) -> None:
    died = threading.Event()

    def fail(records: int, seconds: float) -> None:
        raise OSError("no room for metrics")

    engine = Engine(fail, died.set)
    job = engine.submit(Summer(), query_of([[1]]))
    engine.start()
    with pytest.raises(EngineDiedError):
        job.future.result(PATIENCE)
    assert died.wait(PATIENCE)
    wait_until_dead(engine)
    assert "no room for metrics" in caplog.text


def test_many_threads_get_their_own_answers(engine: Engine) -> None:
    summer = Summer(STEP_COST / 7)
    wrong: list[int] = []

    def ask(n: int) -> None:
        for k in range(20):
            rows = [[n, k]] * (1 + (n + k) % 5)
            if answer_of(engine.submit(summer, query_of(rows, k % 2))) != [[n + k, 2]] * len(rows):
                wrong.append(n)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads)
    assert wrong == []

"""The one thread of a worker that computes, and the queue in front of it.

The network's engine keeps memory for every thread that ever called it and gains from batches, so
one thread owns it. Requests are cut into pieces of bounded cost; each step takes pieces of several
requests that are answered alike and answers them as one batch. Requests take turns: a small one
waits for a step or two, however large the others are.
"""

import contextlib
import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from object2vec.data.ragged import RaggedArray
from object2vec.inference.instances import Query

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
Floats: TypeAlias = npt.NDArray[np.float32]
# A query's rows: of one side, or of both.
Rows: TypeAlias = tuple[RaggedArray, ...]
# Told of every step: records, seconds.
StepListener: TypeAlias = Callable[[int, float], None]

# Multiply-adds of one step: some 50 ms of one processor.
STEP_COST = 1e9
STEP_RECORDS = 1024


class Answerer(Protocol):
    """What a predictor is to the engine."""

    def costs(self, side: int | None, *rows: RaggedArray) -> npt.NDArray[np.float64]:
        """Return about how many multiply-adds each record takes."""

    def answer(self, side: int | None, *rows: RaggedArray) -> Floats:
        """Return a row of numbers a record."""


class EngineDiedError(RuntimeError):
    """The thread is gone, and with it every answer it owed."""


@dataclass(eq=False)
class Job:
    """A query that waits for its answer.

    Attributes:
        predictor: What answers it.
        side: As in `Query`.
        pieces: What no step has taken yet: rows and their cost.
        missing: Pieces without an answer.
        parts: Answers so far, in the order of the pieces.
        future: Where the answer goes.
        submitted: When it came, on the monotonic clock.
        begun: When its first piece was taken, None before.
        engine_seconds: Time of the steps that answered it, shared ones in full.
    """

    predictor: Answerer
    side: int | None
    pieces: deque[tuple[Rows, float]]
    missing: int
    parts: list[Floats] = field(default_factory=list)
    future: "Future[Floats]" = field(default_factory=Future)
    submitted: float = field(default_factory=time.monotonic)
    begun: float | None = None
    engine_seconds: float = 0.0

    @property
    def queue_seconds(self) -> float:
        """Time from its coming to its first step."""
        return (self.begun or time.monotonic()) - self.submitted


class Engine:
    """The thread and its queue.

    Args:
        on_step: Told of every step.
        on_death: Called when the thread ends without having been stopped.
    """

    def __init__(
        self,
        on_step: StepListener = lambda records, seconds: None,
        on_death: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_step = on_step
        self._on_death = on_death
        self._condition = threading.Condition()
        self._calls: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        # Jobs that can share a step, by predictor and side; groups and jobs take turns.
        self._groups: OrderedDict[tuple[int, int | None], deque[Job]] = OrderedDict()
        self._running: list[Job] = []
        self._step_began: float | None = None
        self._is_stopping = False
        self._is_dead = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Let the thread answer what waits and end."""
        with self._condition:
            self._is_stopping = True
            self._condition.notify()
        self._thread.join()

    @property
    def is_dead(self) -> bool:
        """Whether the thread has ended without having been stopped."""
        return self._is_dead

    @property
    def step_seconds(self) -> float:
        """How long the step under way has taken so far; 0 where none is."""
        began = self._step_began
        return 0.0 if began is None else time.monotonic() - began

    def call(self, function: Callable[[], Result]) -> "Future[Result]":
        """Have a function run by the thread, before the next step."""
        future: Future[Result] = Future()
        with self._condition:
            self._refuse_if_dead()
            self._calls.append((function, future))
            self._condition.notify()
        return future

    def submit(self, predictor: Answerer, query: Query) -> Job:
        """Queue a query whose rows are prepared.

        Raises:
            EngineDiedError: There is no thread any more.
            ValueError: The query has no record.
        """
        pieces = _cut(predictor, query)
        if not pieces:
            raise ValueError("a query asks for at least one record")
        job = Job(predictor, query.side, pieces, len(pieces))
        with self._condition:
            self._refuse_if_dead()
            self._groups.setdefault((id(predictor), query.side), deque()).append(job)
            self._condition.notify()
        return job

    def _refuse_if_dead(self) -> None:
        if self._is_dead:
            raise EngineDiedError("the engine's thread has died")

    def _run(self) -> None:
        try:
            while self._turn():
                pass
        except BaseException:
            logger.critical("The engine's thread has died:", exc_info=True)
            self._die()
            self._on_death()

    def _die(self) -> None:
        with self._condition:
            self._is_dead = True
            waiting = [job.future for group in self._groups.values() for job in group]
            waiting += [job.future for job in self._running]
            owed: list[Future[Any]] = [*waiting, *(future for _, future in self._calls)]
            self._groups.clear()
            self._calls.clear()
        for future in owed:
            # It may have its outcome, or be given up this moment.
            with contextlib.suppress(InvalidStateError):
                future.set_exception(EngineDiedError("the engine's thread has died"))

    def _turn(self) -> bool:
        """Run one call or one step; return False when all is done and the thread is to stop."""
        with self._condition:
            while not (self._calls or self._groups or self._is_stopping):
                self._condition.wait()
            call = self._calls.popleft() if self._calls else None
            step = [] if call else self._take_step()
        if call:
            self._run_call(*call)
        elif step:
            self._run_step(step)
        return bool(call or step or not self._is_stopping)

    def _run_call(self, function: Callable[[], Any], future: "Future[Any]") -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(function())
        except Exception as error:
            future.set_exception(error)
        except BaseException as error:
            future.set_exception(EngineDiedError(repr(error)))
            raise

    def _take_step(self) -> list[tuple[Job, Rows]]:
        """Take pieces of one group's jobs, as many as fit into a step."""
        step: list[tuple[Job, Rows]] = []
        cost, records = 0.0, 0
        while self._groups and not step:
            key, jobs = self._groups.popitem(last=False)
            while jobs:
                job = jobs[0]
                if job.future.cancelled():
                    jobs.popleft()
                    continue
                rows, piece_cost = job.pieces[0]
                fits = cost + piece_cost <= STEP_COST and records + len(rows[0]) <= STEP_RECORDS
                if step and not fits:
                    break
                cost, records = cost + piece_cost, records + len(rows[0])
                job.pieces.popleft()
                jobs.popleft()
                step.append((job, rows))
                if job.pieces:
                    jobs.append(job)
            if jobs:
                self._groups[key] = jobs
        self._running = [job for job, _ in step]
        return step

    def _run_step(self, step: Sequence[tuple[Job, Rows]]) -> None:
        began = self._step_began = time.monotonic()
        for job, _ in step:
            if job.begun is None:
                job.begun = began
        try:
            answers = self._answer(step)
        finally:
            self._step_began = None
        seconds = time.monotonic() - began
        self._on_step(sum(len(rows[0]) for _, rows in step), seconds)
        for (job, _), answer in zip(step, answers, strict=True):
            job.engine_seconds += seconds
            if isinstance(answer, Exception):
                self._give_up(job, answer)
            else:
                job.parts.append(answer)
                job.missing -= 1
                if not job.missing:
                    _settle(job.future, np.concatenate(job.parts))
        self._running = []

    @staticmethod
    def _answer(step: Sequence[tuple[Job, Rows]]) -> list[Floats | Exception]:
        """Return the answer of every piece, or why there is none."""
        job, rows = step[0]
        try:
            if len(step) == 1:
                return [job.predictor.answer(job.side, *rows)]
            sides = zip(*(rows for _, rows in step), strict=True)
            together = job.predictor.answer(job.side, *map(RaggedArray.concatenate, sides))
        except Exception as error:
            if len(step) == 1:
                return [error]
            # One piece may be at fault; the others must not suffer from it.
            return [answer for piece in step for answer in Engine._answer([piece])]
        ends = np.cumsum([len(rows[0]) for _, rows in step])
        return list(np.split(together, ends[:-1]))

    def _give_up(self, job: Job, error: Exception) -> None:
        with self._condition:
            key = (id(job.predictor), job.side)
            group = self._groups.get(key)
            if group is not None and job in group:
                group.remove(job)
                if not group:
                    del self._groups[key]
        _settle(job.future, error)


def _settle(future: "Future[Floats]", outcome: Floats | Exception) -> None:
    """Give a future its outcome, unless nobody waits for it any more."""
    if future.done() or not future.set_running_or_notify_cancel():
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


def _cut(predictor: Answerer, query: Query) -> deque[tuple[Rows, float]]:
    """Return a query's rows in pieces that fit into a step each, and what they cost."""
    sums = np.cumsum(predictor.costs(query.side, *query.rows))  # (M,)
    pieces: deque[tuple[Rows, float]] = deque()
    start, before = 0, 0.0
    while start < len(sums):
        stop = int(np.searchsorted(sums, before + STEP_COST, side="right"))
        stop = min(max(stop, start + 1), start + STEP_RECORDS)
        chosen = np.arange(start, min(stop, len(sums)), dtype=np.int64)
        whole = len(chosen) == len(sums)
        rows = query.rows if whole else tuple(side.take(chosen) for side in query.rows)
        start = int(chosen[-1]) + 1
        pieces.append((rows, float(sums[start - 1] - before)))
        before = float(sums[start - 1])
    return pieces

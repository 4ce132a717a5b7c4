"""Models that come and go, as two workers with one folder see them."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.unit.container.serving.small_models import save

from object2vec.data.ragged import RaggedArray
from object2vec.inference.instances import Query
from object2vec.inference.predictor import Predictor
from object2vec.saved_model import MANIFEST, SavedModel
from object2vec_container.serving import shelf as shelf_module
from object2vec_container.serving.engine import Engine
from object2vec_container.serving.http_errors import (
    BadRequestFault,
    ConflictFault,
    InsufficientMemoryFault,
    NotFoundFault,
    UnavailableFault,
)
from object2vec_container.serving.shelf import Entry, Shelf, page
from object2vec_container.serving.shelved_models import ShelvedModels

PATIENCE = 10  # seconds, for what takes some milliseconds
CAPACITY = 100
ROWS = RaggedArray.from_rows([[1, 2], [3], []])


@pytest.fixture
def shelves(tmp_path: Path) -> tuple[Shelf, Shelf]:
    folder = tmp_path / "shelf"
    return Shelf(folder, CAPACITY), Shelf(folder, CAPACITY)


def await_truth(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.002)
    assert condition()


def put(shelf: Shelf, name: str, size: int = 1) -> Entry:
    entry = shelf.reserve(name, f"/models/{name}", size)
    shelf.finish(entry)
    return replace(entry, is_ready=True)


def test_what_one_worker_puts_on_the_shelf_every_worker_finds(
    shelves: tuple[Shelf, Shelf],
) -> None:
    first, second = shelves
    assert second.find("a") is None
    reserved = first.reserve("a", "/models/a", 7)
    assert second.find("a") == reserved == Entry("a", "/models/a", 7, reserved.generation)
    assert second.ready_entries() == []
    first.finish(reserved)
    ready = replace(reserved, is_ready=True)
    assert second.find("a") == ready
    b = put(second, "b")
    assert first.ready_entries() == [ready, b]
    second.remove(ready)
    assert first.find("a") is None
    assert first.ready_entries() == [b]


@pytest.mark.parametrize(
    "name", ["../../x", "/etc/passwd", "a/b", ".", "", "ü", "\udc80", "x" * 5000, "a\nb", "*"]
)
def test_a_name_of_any_characters_stays_inside_the_folder(
    shelves: tuple[Shelf, Shelf], tmp_path: Path, name: str
) -> None:
    first, second = shelves
    with first.changing(name):
        entry = put(first, name)
    assert second.find(name) == entry
    assert second.ready_entries() == [entry]
    assert [path.name for path in tmp_path.iterdir()] == ["shelf"]


def test_a_model_that_is_loaded_is_not_loaded_again(shelves: tuple[Shelf, Shelf]) -> None:
    first, second = shelves
    entry = put(first, "a")
    with pytest.raises(ConflictFault, match="Model 'a' is loaded already"):
        second.reserve("a", "/elsewhere", 1)
    assert first.find("a") == entry


def test_there_is_room_up_to_the_capacity_and_again_after_unloading(
    shelves: tuple[Shelf, Shelf],
) -> None:
    first, second = shelves
    entry = put(first, "a", 60)
    put(second, "b", 40)
    with pytest.raises(
        InsufficientMemoryFault, match=r"'c' takes 1 bytes in memory; 100 of 100 are taken"
    ):
        second.reserve("c", "", 1)
    assert second.find("c") is None
    second.remove(entry)
    put(second, "c", 60)


def test_a_model_that_is_being_loaded_takes_room_too(shelves: tuple[Shelf, Shelf]) -> None:
    first, second = shelves
    first.reserve("a", "", 60)
    with pytest.raises(InsufficientMemoryFault):
        second.reserve("b", "", 41)


def test_what_a_dead_loader_left_is_replaced_and_not_counted_twice(
    shelves: tuple[Shelf, Shelf],
) -> None:
    first, second = shelves
    stale = first.reserve("a", "/old", 80)
    entry = second.reserve("a", "/new", 90)
    assert entry.generation != stale.generation
    assert first.find("a") == entry
    assert first.hold(stale) is None


def test_an_entry_that_goes_while_the_list_is_read_is_no_fault(
    shelves: tuple[Shelf, Shelf], tmp_path: Path
) -> None:
    first, _ = shelves
    entry = put(first, "a", 60)
    # As seen by whoever lists the folder before the file is removed and opens it afterwards.
    (tmp_path / "shelf" / "gone.json").symlink_to(tmp_path / "nowhere")
    assert first.ready_entries() == [entry]
    put(first, "b", 40)
    with pytest.raises(InsufficientMemoryFault):
        first.reserve("c", "", 1)


def test_a_model_is_held_by_any_number_of_workers_and_released_by_the_last(
    shelves: tuple[Shelf, Shelf], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf_module, "_RELEASE_SECONDS", 0.02)
    first, second = shelves
    entry = put(first, "a")
    held = [first.hold(entry), second.hold(entry)]
    first.remove(entry)
    for stream in held:
        assert not second.await_release(entry)
        assert stream is not None
        stream.close()
    assert second.await_release(entry)


def test_a_model_that_was_taken_off_or_replaced_is_not_held(shelves: tuple[Shelf, Shelf]) -> None:
    first, second = shelves
    old = put(first, "a")
    first.remove(old)
    assert second.hold(old) is None
    new = put(first, "a")
    assert second.hold(old) is None
    assert first.await_release(old)
    assert second.hold(old) is None
    stream = second.hold(new)
    assert stream is not None
    stream.close()


def test_a_worker_that_is_killed_lets_go(shelves: tuple[Shelf, Shelf], tmp_path: Path) -> None:
    first, _ = shelves
    entry = put(first, "a")
    program = """
import sys, time
from pathlib import Path
from object2vec_container.serving.shelf import Shelf
shelf = Shelf(Path(sys.argv[1]), 1)
held = shelf.hold(shelf.find("a"))
print("held" if held else "not held", flush=True)
time.sleep(60)
"""
    command = [sys.executable, "-c", program, str(tmp_path / "shelf")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "held\n"
        outcome: list[bool] = []
        waiting = threading.Thread(target=lambda: outcome.append(first.await_release(entry)))
        waiting.start()
        time.sleep(0.1)
        assert outcome == []
        os.kill(worker.pid, signal.SIGKILL)
        waiting.join(PATIENCE)
    assert outcome == [True]


def test_a_name_is_changed_by_one_at_a_time_and_others_meanwhile(
    shelves: tuple[Shelf, Shelf],
) -> None:
    first, second = shelves
    changed = threading.Event()

    def change() -> None:
        with second.changing("a"):
            changed.set()

    thread = threading.Thread(target=change)
    with first.changing("a"):
        thread.start()
        with second.changing("b"):
            pass
        assert not changed.wait(0.1)
    assert changed.wait(PATIENCE)
    thread.join(PATIENCE)


def test_pages_hold_every_entry_once() -> None:
    entries = [Entry(f"m{n:02}", "", 1, "") for n in range(10)]
    for limit in (1, 3, 5, 10, 11):
        seen: list[Entry] = []
        token: str | None = None
        for _ in range(20):
            part, token = page(entries, token, limit)
            assert len(part) <= limit
            seen += part
            if token is None:
                break
        assert seen == entries
    assert page([], None, 5) == ([], None)
    assert page(entries, "m09", 5) == ([], None)


def test_a_page_follows_its_token_though_models_came_and_went() -> None:
    entries = [Entry(name, "", 1, "") for name in ("a", "c", "d")]
    assert page(entries, "b", 1) == ([entries[1]], "c")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's folder."""
    return save(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model that answers otherwise."""
    return save(tmp_path_factory.mktemp("other"), seed=5)


@pytest.fixture
def broken(folder: Path, tmp_path: Path) -> Path:
    """The folder of a model that lacks an array."""
    copy = Path(shutil.copytree(folder, tmp_path / "broken"))
    manifest = copy / MANIFEST
    manifest.write_text(manifest.read_text().replace('"mlp_fc0_weight"', '"other_weight"'))
    return copy


@pytest.fixture
def engines() -> Iterator[tuple[Engine, Engine]]:
    pair = Engine(), Engine()
    for engine in pair:
        engine.start()
    yield pair
    for engine in pair:
        with contextlib.suppress(BaseException):
            engine.call(sys.exit).result(PATIENCE)  # What watches the shelf ends with it.


@pytest.fixture
def workers(tmp_path: Path, engines: tuple[Engine, Engine]) -> Iterator[list[ShelvedModels]]:
    """The models of two workers that share a shelf."""
    workers = [ShelvedModels(each, Shelf(tmp_path / "shelf", 10**6), 2, True) for each in engines]
    for worker in workers:
        worker.start()
    yield workers
    for entry in workers[1].entries():
        workers[1].unload(entry.name)


def ask(worker: ShelvedModels, name: str) -> np.ndarray:
    with worker.use(name) as model:
        job = worker._engine.submit(model.predictor, Query(0, np.arange(len(ROWS)), (ROWS,)))
        return job.future.result(PATIENCE)


def fault_of(worker: ShelvedModels, name: str | None) -> Exception:
    with pytest.raises((NotFoundFault, UnavailableFault)) as caught, worker.use(name):
        pass
    return caught.value


def test_a_model_that_one_worker_loads_every_worker_answers_with(
    workers: list[ShelvedModels], folder: Path, other: Path
) -> None:
    workers[0].load("mine", str(folder))
    workers[1].load("other", str(other))
    expected = [Predictor.load(each).embed(0, ROWS) for each in (folder, other)]
    assert np.abs(expected[0] - expected[1]).max() > 0.01
    for worker in workers:
        np.testing.assert_allclose(ask(worker, "mine"), expected[0], atol=1e-6)
        np.testing.assert_allclose(ask(worker, "other"), expected[1], atol=1e-6)
        assert worker.is_ready
        assert worker.count() == 2
        assert [entry.name for entry in worker.entries()] == ["mine", "other"]
        assert worker.entry("mine").url == str(folder)
        with worker.use("mine") as model:
            assert model.rules.ignores_unknown_ids


def test_a_model_is_built_once_and_kept(workers: list[ShelvedModels], folder: Path) -> None:
    workers[0].load("mine", str(folder))
    with workers[1].use("mine") as first, workers[1].use("mine") as second:
        assert first is second


def test_a_model_that_is_not_loaded_is_not_found(workers: list[ShelvedModels]) -> None:
    for worker in workers:
        assert str(fault_of(worker, "mine")) == "Model 'mine' is not loaded."
        assert "ask /models/{name}/invoke" in str(fault_of(worker, None))
        with pytest.raises(NotFoundFault, match="'mine' is not loaded"):
            worker.entry("mine")
        with pytest.raises(NotFoundFault, match="'mine' is not loaded"):
            worker.unload("mine")
        assert (worker.count(), worker.entries()) == (0, [])


def test_a_model_that_is_loaded_is_a_conflict_for_every_worker(
    workers: list[ShelvedModels], folder: Path
) -> None:
    workers[0].load("mine", str(folder))
    for worker in workers:
        with pytest.raises(ConflictFault):
            worker.load("mine", str(folder))
        ask(worker, "mine")


def test_a_model_that_many_load_at_once_is_loaded_once(
    workers: list[ShelvedModels], folder: Path
) -> None:
    outcomes: list[str] = []

    def load(worker: ShelvedModels) -> None:
        try:
            worker.load("mine", str(folder))
            outcomes.append("loaded")
        except ConflictFault:
            outcomes.append("conflict")

    threads = [threading.Thread(target=load, args=(worker,)) for worker in workers * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(outcomes) == ["conflict"] * 5 + ["loaded"]


def test_a_folder_without_a_whole_model_is_refused_and_leaves_the_name_free(
    workers: list[ShelvedModels], folder: Path, broken: Path, tmp_path: Path
) -> None:
    with pytest.raises(NotFoundFault, match="no model folder"):
        workers[0].load("mine", str(tmp_path / "none"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadRequestFault, match=r"model\.json is missing"):
        workers[0].load("mine", str(tmp_path / "empty"))
    with pytest.raises(BadRequestFault, match="names no array mlp_fc0_weight"):
        workers[0].load("mine", str(broken))
    assert "not loaded" in str(fault_of(workers[1], "mine"))
    workers[1].load("mine", str(folder))
    ask(workers[0], "mine")


def sizes(folder: Path) -> tuple[int, int]:
    """Bytes of a model's tables, and of its other weights."""
    arrays = SavedModel.open(folder).arrays
    tables = sum(each.nbytes for name, each in arrays.items() if name.startswith("embed"))
    return tables, sum(each.nbytes for each in arrays.values()) - tables


def test_tables_count_once_and_other_weights_once_a_worker(
    engines: tuple[Engine, Engine], folder: Path, tmp_path: Path
) -> None:
    tables, others = sizes(folder)
    size = tables + 3 * others
    with pytest.raises(InsufficientMemoryFault, match=f"'a' takes {size} bytes"):
        ShelvedModels(engines[0], Shelf(tmp_path / "1", size - 1), 3, False).load("a", str(folder))
    models = ShelvedModels(engines[0], Shelf(tmp_path / "2", 2 * size), 3, False)
    models.load("a", str(folder))
    models.load("b", str(folder))
    with pytest.raises(InsufficientMemoryFault, match=f"{2 * size} of {2 * size} are taken"):
        models.load("c", str(folder))
    models.unload("a")
    models.load("c", str(folder))
    assert [entry.name for entry in models.entries()] == ["b", "c"]
    models.unload("b")
    models.unload("c")


def test_a_folder_that_fails_to_build_gives_its_room_back(
    engines: tuple[Engine, Engine], folder: Path, broken: Path, tmp_path: Path
) -> None:
    tables, others = sizes(folder)
    models = ShelvedModels(engines[0], Shelf(tmp_path / "shelf", tables + others), 1, False)
    with pytest.raises(BadRequestFault):
        models.load("broken", str(broken))
    models.load("mine", str(folder))
    models.unload("mine")


def test_unloading_in_one_worker_unloads_in_all(workers: list[ShelvedModels], folder: Path) -> None:
    workers[0].load("mine", str(folder))
    models = []
    for worker in workers:
        with worker.use("mine") as model:
            models.append(model)
    workers[1].unload("mine")
    assert [model.predictor for model in models] == [None, None]
    for worker in workers:
        assert isinstance(fault_of(worker, "mine"), NotFoundFault)
        assert worker.count() == 0


def test_unloading_waits_for_the_requests_of_the_other_worker(
    workers: list[ShelvedModels], folder: Path
) -> None:
    workers[0].load("mine", str(folder))
    unloaded = threading.Event()

    def unload() -> None:
        workers[0].unload("mine")
        unloaded.set()

    thread = threading.Thread(target=unload)
    with workers[1].use("mine") as model:
        thread.start()
        await_truth(lambda: not workers[1].count())
        assert not unloaded.wait(0.3)
        assert isinstance(fault_of(workers[1], "mine"), NotFoundFault)
        query = Query(0, np.arange(len(ROWS)), (ROWS,))
        answer = workers[1]._engine.submit(model.predictor, query).future.result(PATIENCE)
        np.testing.assert_allclose(answer, Predictor.load(folder).embed(0, ROWS), atol=1e-6)
    assert unloaded.wait(PATIENCE)
    thread.join(PATIENCE)


def test_unloading_gives_up_on_a_request_without_end_and_the_name_is_free(
    workers: list[ShelvedModels], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf_module, "_RELEASE_SECONDS", 0.05)
    workers[0].load("mine", str(folder))
    with workers[1].use("mine") as model:
        with pytest.raises(UnavailableFault, match="A request still uses model 'mine'"):
            workers[0].unload("mine")
        workers[0].load("mine", str(folder))
        ask(workers[1], "mine")
        assert model.predictor is not None
    await_truth(lambda: model.predictor is None)
    ask(workers[1], "mine")


def test_a_name_that_is_loaded_anew_answers_with_the_new_model_in_every_worker(
    workers: list[ShelvedModels], folder: Path, other: Path
) -> None:
    for url in (folder, other, folder):
        expected = Predictor.load(url).embed(0, ROWS)
        workers[0].load("mine", str(url))
        for worker in workers:
            np.testing.assert_allclose(ask(worker, "mine"), expected, atol=1e-6)
        workers[1].unload("mine")


def test_what_a_dead_loader_left_is_said_to_be_loading_and_can_be_loaded_or_unloaded(
    workers: list[ShelvedModels], folder: Path, tmp_path: Path
) -> None:
    shelf = Shelf(tmp_path / "shelf", 10**6)
    shelf.reserve("mine", str(folder), 5)
    assert "is being loaded" in str(fault_of(workers[0], "mine"))
    with pytest.raises(NotFoundFault):
        workers[0].entry("mine")
    assert workers[0].entries() == []
    workers[0].load("mine", str(folder))
    ask(workers[1], "mine")
    shelf.reserve("other", str(folder), 5)
    workers[1].unload("other")
    assert shelf.find("other") is None


def test_a_worker_without_an_engine_does_not_leave_a_model_half_loaded(
    workers: list[ShelvedModels], engines: tuple[Engine, Engine], folder: Path
) -> None:
    with contextlib.suppress(BaseException):
        engines[0].call(sys.exit).result(PATIENCE)
    await_truth(lambda: engines[0].is_dead)
    with pytest.raises(Exception, match="the engine's thread has died"):
        workers[0].load("mine", str(folder))
    assert str(fault_of(workers[1], "mine")) == "Model 'mine' is not loaded."
    workers[1].load("mine", str(folder))
    ask(workers[1], "mine")

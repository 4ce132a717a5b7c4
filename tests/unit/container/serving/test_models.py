"""Loaded models: kept while they are used, released once, and the one model of an endpoint."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np
import pytest
from tests.unit.container.serving.small_models import save

from object2vec.data.ragged import RaggedArray
from object2vec.inference.instances import InstanceError, Query
from object2vec.inference.predictor import Predictor
from object2vec.saved_model import SavedModel
from object2vec_container.serving.engine import Engine
from object2vec_container.serving.http_errors import NotFoundFault, UnavailableFault
from object2vec_container.serving.models import LoadedModel, SingleModel, load

PATIENCE = 10  # seconds, for what takes some milliseconds


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine()
    engine.start()
    yield engine
    engine.stop()


@pytest.fixture
def released() -> list[LoadedModel]:
    return []


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> SavedModel:
    return SavedModel.open(save(tmp_path_factory.mktemp("model")))


@pytest.fixture
def model(saved: SavedModel, released: list[LoadedModel]) -> LoadedModel:
    return LoadedModel(*load(saved, False), on_release=released.append)


def test_a_model_that_nobody_uses_is_released_when_it_is_retired(
    model: LoadedModel, released: list[LoadedModel]
) -> None:
    with model.used() as used:
        assert used is model
    assert released == []
    model.retire()
    assert released == [model]


def test_a_retired_model_is_released_once_by_its_last_user_and_takes_no_new_one(
    model: LoadedModel, released: list[LoadedModel]
) -> None:
    with ExitStack() as first, ExitStack() as second:
        first.enter_context(model.used())
        second.enter_context(model.used())
        model.retire()
        model.retire()
        with model.used() as refused:
            assert refused is None
        first.close()
        assert released == []
        second.close()
        assert released == [model]
    model.retire()
    assert released == [model]


def test_a_user_that_fails_lets_go(model: LoadedModel, released: list[LoadedModel]) -> None:
    with pytest.raises(KeyError), model.used():
        raise KeyError
    model.retire()
    assert released == [model]


def test_threads_that_use_a_model_while_it_is_retired_release_it_once(
    model: LoadedModel, released: list[LoadedModel]
) -> None:
    start = threading.Barrier(9)
    late: list[bool] = []

    def use() -> None:
        start.wait()
        for _ in range(500):
            with model.used() as used:
                late.append(used is not None and bool(released))

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    start.wait()
    model.retire()
    for thread in threads:
        thread.join(PATIENCE)
    assert released == [model]
    assert len(late) == 4000
    assert not any(late)


@pytest.mark.parametrize("ignores", [False, True])
def test_loading_gives_what_answers_and_what_may_be_asked(saved: SavedModel, ignores: bool) -> None:
    predictor, rules = load(saved, ignores)
    assert isinstance(predictor, Predictor)
    assert rules.ignores_unknown_ids is ignores
    assert [each.vocab_size for each in rules.sides] == [9, 9]
    assert rules.padding_id == saved.hyperparameters.padding_id
    if not ignores:
        with pytest.raises(InstanceError, match="vocab_size=9"):
            rules.read([{"in0": [9]}])


def test_the_one_model_answers_once_the_engine_has_loaded_it(
    saved: SavedModel, engine: Engine
) -> None:
    told: list[object] = []
    models = SingleModel(engine, saved, True, lambda: told.append(models.is_ready), told.append)
    assert (models.is_ready, models.count()) == (False, 0)
    with pytest.raises(UnavailableFault, match="being loaded"), models.use(None):
        pass
    models.start()
    engine.call(lambda: None).result(PATIENCE)
    assert (models.is_ready, models.count()) == (True, 1)
    assert told == [True]
    rows = RaggedArray.from_rows([[1, 2], [3]])
    with models.use(None) as model:
        assert model.rules.ignores_unknown_ids
        job = engine.submit(model.predictor, Query(0, np.arange(2), (rows,)))
        answer = job.future.result(PATIENCE)
    np.testing.assert_allclose(answer, Predictor(saved).embed(0, rows), atol=1e-6)
    with pytest.raises(NotFoundFault, match="one model"), models.use("mine"):
        pass


def test_why_the_one_model_cannot_be_loaded_is_told(saved: SavedModel, engine: Engine) -> None:
    broken = SavedModel(
        saved.folder, saved.hyperparameters, {}, saved.vocabularies, saved.training, {}
    )
    failures: list[BaseException] = []
    warmths: list[int] = []
    models = SingleModel(engine, broken, False, lambda: warmths.append(1), failures.append)
    models.start()
    engine.call(lambda: None).result(PATIENCE)
    assert (models.is_ready, warmths) == (False, [])
    assert ["names no array" in str(failure) for failure in failures] == [True]

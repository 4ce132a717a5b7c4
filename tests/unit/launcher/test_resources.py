"""Finding things by name, whatever they are, and ending them."""

from typing import Any

import pytest
from tests.sagemaker_platform import IMAGE, ROLE, Look, Platform
from tests.service_model import find_faults

from object2vec.errors import ClientError
from object2vec.launcher import resources
from object2vec.launcher.locations import S3Location
from object2vec.launcher.resources import Kind
from object2vec.launcher.serving_requests import (
    Transform,
    endpoint_config_request,
    endpoint_request,
    model_request,
    transform_request,
)
from object2vec.launcher.session import Session
from object2vec.launcher.training_requests import Training, training_request

STRINGS = {"enc0_vocab_size": "50", "enc0_max_seq_len": "3"}


@pytest.fixture
def client(session: Session) -> Any:
    return session.client("sagemaker")


def make_training(client: Any, name: str) -> None:
    place = S3Location("b", "x")
    training = Training(name, IMAGE, ROLE, STRINGS, {"train": place}, place)
    client.create_training_job(**training_request(training))


def make_model(client: Any, name: str) -> None:
    place = S3Location("b", "model.tar.gz")
    client.create_model(**model_request(name, IMAGE, ROLE, place, environment={}, tags={}))


def make_endpoint(client: Any, name: str, config: str, model: str) -> None:
    make_model(client, model)
    client.create_endpoint_config(**endpoint_config_request(config, model, "ml.m5.xlarge", 1, {}))
    client.create_endpoint(**endpoint_request(name, config, {}))


def make_transform(client: Any, name: str, model: str) -> None:
    make_model(client, model)
    place = S3Location("b", "x")
    client.create_transform_job(
        **transform_request(Transform(name, model, place, place, "ml.m5.xlarge"))
    )


def end(client: Any, name: str, kind: Kind | None = None) -> list[str]:
    told: list[str] = []
    resources.end(client, resources.find(client, name, kind), told.append)
    return told


def kinds(client: Any, name: str) -> list[str]:
    found = (resources.describe(client, kind, name) for kind in resources.KINDS)
    return [kind.word for kind, one in zip(resources.KINDS, found, strict=True) if one]


@pytest.mark.parametrize("kind", resources.KINDS, ids=lambda kind: kind.word)
def test_the_calls_and_members_of_every_kind_are_the_api_s(kind: Kind, client: Any) -> None:
    calls = ["describe"] + ["delete"] * kind.can_delete + ["stop"] * kind.can_stop
    operations = {call: client.meta.method_to_api_mapping[f"{call}_{kind.call}"] for call in calls}
    for operation in operations.values():
        assert find_faults(operation, {f"{kind.prefix}Name": "a"}) == []
    model = client.meta.service_model.operation_model(operations["describe"])
    members = model.output_shape.members
    assert f"{kind.prefix}Name" in members
    if kind.moving:
        statuses = members[f"{kind.prefix}Status"].enum
        ends = {"Failed", "Stopped", "DeleteFailed", "OutOfService", "UpdateRollbackFailed"}
        # A transform job has no `Deleting`; every status is one of the three sorts.
        assert set(statuses) <= {*kind.moving, *kind.good, *ends}
        assert set(kind.good) <= set(statuses)


def test_a_thing_is_found_whatever_it_is(client: Any) -> None:
    make_training(client, "one")
    make_endpoint(client, "two", "two", "two")
    make_transform(client, "three", "three")
    found = {name: resources.find(client, name) for name in ("one", "two", "three")}
    assert {name: one.kind.word for name, one in found.items()} == {
        "one": "training job",
        "two": "endpoint",
        "three": "transform job",
    }
    assert all(one.name == name for name, one in found.items())


def test_what_is_nowhere_is_told(client: Any) -> None:
    with pytest.raises(ClientError, match=r"no training job, .* or model named x in eu-west-1"):
        resources.find(client, "x")
    with pytest.raises(ClientError, match="There is no endpoint named x"):
        resources.find(client, "x", resources.ENDPOINT)


def test_strangers_of_one_name_are_told_apart_by_kind(client: Any) -> None:
    make_training(client, "same")
    make_endpoint(client, "same", "same", "same")
    with pytest.raises(ClientError, match=r"--kind: training-job, endpoint, endpoint-config, mod"):
        resources.find(client, "same")
    assert resources.find(client, "same", resources.MODEL).kind is resources.MODEL
    end(client, "same", resources.ENDPOINT)
    assert kinds(client, "same") == ["training job"]


def test_an_endpoint_goes_with_its_config_and_model_of_whatever_name(client: Any) -> None:
    make_endpoint(client, "front", "config", "weights")
    make_model(client, "other")
    assert end(client, "front") == [
        "endpoint front: deleted",
        "endpoint config config: deleted",
        "model weights: deleted",
    ]
    assert [kinds(client, name) for name in ("front", "config", "weights")] == [[], [], []]
    assert kinds(client, "other") == ["model"]


def test_an_endpoint_goes_though_its_model_or_config_is_gone_already(client: Any) -> None:
    make_endpoint(client, "a", "a", "a")
    client.delete_model(ModelName="a")
    assert end(client, "a")[-1] == "model a: was not there any more"
    make_endpoint(client, "b", "b", "b")
    client.delete_endpoint_config(EndpointConfigName="b")
    assert end(client, "b") == ["endpoint b: deleted"]


def test_a_transform_job_stays_listed_and_its_own_model_goes(client: Any) -> None:
    make_transform(client, "own", "own")
    make_transform(client, "with", "shared")
    assert end(client, "own")[-1] == "model own: deleted"
    assert end(client, "with") == [
        "transform job with: has ended; SageMaker keeps its record, which costs nothing"
    ]
    assert kinds(client, "shared") == ["model"]


def test_a_running_job_is_stopped_and_one_that_has_ended_deleted(
    client: Any, platform: Platform
) -> None:
    make_training(client, "job")
    platform.courses["training_job"] = [Look("InProgress")]
    assert end(client, "job") == ["training job job: stopping; what it has written so far is kept"]
    assert platform.backend.training_jobs["job"].training_job_status == "Stopping"
    platform.courses["training_job"] = [Look("Stopped")]
    assert end(client, "job") == ["training job job: deleted"]
    assert kinds(client, "job") == []

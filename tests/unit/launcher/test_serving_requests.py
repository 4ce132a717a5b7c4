"""The bodies that create models, endpoints and transform jobs, against the service's own model."""

from dataclasses import replace
from typing import Any

import pytest
from tests.sagemaker_platform import IMAGE, ROLE
from tests.service_model import find_faults

from object2vec.launcher.locations import S3Location
from object2vec.launcher.serving_requests import (
    Transform,
    endpoint_config_request,
    endpoint_request,
    model_request,
    transform_request,
)

MODEL = S3Location("b", "job/output/model.tar.gz")
PLAIN = Transform("t", "m", S3Location("b", "in"), S3Location("b", "out"), "ml.m5.xlarge")
FULL = replace(
    PLAIN,
    instance_count=3,
    accept="application/jsonlines",
    strategy="MultiRecord",
    max_payload_mb=20,
    max_concurrent=4,
    tags={"team": "a"},
)


@pytest.mark.parametrize("extra", [{}, {"A": "1"}], ids=["plain", "full"])
def test_the_bodies_of_an_endpoint_fit_the_service_s_own_model(extra: dict[str, str]) -> None:
    model = model_request("n", IMAGE, ROLE, MODEL, environment=extra, tags=extra)
    config = endpoint_config_request("n", "n", "ml.m5.xlarge", 2, extra)
    assert find_faults("CreateModel", model) == []
    assert find_faults("CreateEndpointConfig", config) == []
    assert find_faults("CreateEndpoint", endpoint_request("n", "n", extra)) == []


@pytest.mark.parametrize("transform", [PLAIN, FULL], ids=["plain", "full"])
def test_the_body_of_a_transform_job_fits_the_service_s_own_model(transform: Transform) -> None:
    assert find_faults("CreateTransformJob", transform_request(transform)) == []


def test_a_model_is_the_image_with_the_archive() -> None:
    body = model_request("n", IMAGE, ROLE, MODEL, environment={"A": "1"}, tags={})
    assert body == {
        "ModelName": "n",
        "PrimaryContainer": {
            "Image": IMAGE,
            "ModelDataUrl": "s3://b/job/output/model.tar.gz",
            "Environment": {"A": "1"},
        },
        "ExecutionRoleArn": ROLE,
    }


def test_an_endpoint_s_config_names_model_and_machines() -> None:
    body: Any = endpoint_config_request("c", "m", "ml.m5.xlarge", 2, {})
    (variant,) = body["ProductionVariants"]
    assert (variant["ModelName"], variant["InstanceType"]) == ("m", "ml.m5.xlarge")
    assert variant["InitialInstanceCount"] == 2


@pytest.mark.parametrize(
    ("content_type", "split"),
    [
        ("application/jsonlines", "Line"),
        ("application/x-jsonlines; infer_max_seqlens=3,3", "Line"),
        ("application/jsonl", "Line"),
        ("application/json", "None"),
    ],
)
def test_only_lines_are_split_and_answers_are_joined_as_they_are(
    content_type: str, split: str
) -> None:
    body: Any = transform_request(replace(PLAIN, content_type=content_type))
    assert body["TransformInput"]["ContentType"] == content_type
    assert body["TransformInput"]["SplitType"] == split
    assert body["TransformOutput"] == {"S3OutputPath": "s3://b/out", "AssembleWith": "None"}


def test_what_is_not_given_is_left_to_the_service() -> None:
    given = {"BatchStrategy", "MaxPayloadInMB", "MaxConcurrentTransforms", "Tags"}
    assert not given & set(transform_request(PLAIN))
    assert given <= set(transform_request(FULL))

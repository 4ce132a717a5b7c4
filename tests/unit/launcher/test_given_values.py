"""Names, images, instance types and pairs, checked as the service checks them."""

from datetime import UTC, datetime

import pytest
from tests.service_model import find_faults

from object2vec.errors import ClientError
from object2vec.launcher import given_values


def test_a_made_name_is_its_time_and_fits_every_kind() -> None:
    name = given_values.unique_name(datetime(2026, 11, 24, 8, 5, 9, 7_654, UTC))
    assert name == "object2vec-20261124-080509-007"
    assert given_values.check_name(name, given_values.LONGEST_TUNING_NAME) == name


@pytest.mark.parametrize("name", ["", "-a", "a-", "a_b", "a.b", "é", "a" * 64, "a\n"])
def test_names_that_the_service_refuses_are_refused_here(name: str) -> None:
    body = {"EndpointName": "e", "EndpointConfigName": name}
    assert find_faults("CreateEndpoint", body) or not name
    with pytest.raises(ClientError, match="can be no name"):
        given_values.check_name(name)


@pytest.mark.parametrize("name", ["a", "A-1--b", "a" * 63])
def test_names_that_the_service_takes_are_taken(name: str) -> None:
    assert not find_faults("CreateEndpoint", {"EndpointName": name, "EndpointConfigName": "c"})
    assert given_values.check_name(name) == name


def test_an_image_names_a_registry() -> None:
    image = "1.dkr.ecr.eu-west-1.amazonaws.com/object2vec:cpu"
    assert given_values.check_image(image) == image
    with pytest.raises(ClientError, match=r"No image is given.*--image"):
        given_values.check_image(None)
    for wrong in ("object2vec:cpu", "a.b/c d", "x" * 255 + ".a/b"):
        with pytest.raises(ClientError, match="names no registry"):
            given_values.check_image(wrong)


def test_an_instance_type_begins_as_all_do() -> None:
    assert given_values.check_instance_type("ml.m7i-flex.large") == "ml.m7i-flex.large"
    for wrong in ("m5.xlarge", "ml.m5", "ml.m5.xlarge "):
        with pytest.raises(ClientError, match="begin with ml"):
            given_values.check_instance_type(wrong)


def test_pairs_are_read_and_faults_in_them_named() -> None:
    assert given_values.read_pairs(["a=1", "b=", "c=x=y"], "--tag") == {
        "a": "1",
        "b": "",
        "c": "x=y",
    }
    for wrong in ("a", "=1"):
        with pytest.raises(ClientError, match=r"--tag .* is no pair"):
            given_values.read_pairs([wrong], "--tag")
    with pytest.raises(ClientError, match="gives 'a' twice"):
        given_values.read_pairs(["a=1", "a=2"], "--tag")
    with pytest.raises(ClientError, match="'1A' can be no variable"):
        given_values.read_variables(["1A=1"])

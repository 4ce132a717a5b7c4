"""What the platform wrote is read and checked; each refusal says where and what to do."""

import json
from pathlib import Path

import pytest

from object2vec.errors import ClientError, PlatformError
from object2vec_container.environment import Environment
from object2vec_container.ml_folder import MLFolder


def message_of(folder: MLFolder) -> str:
    with pytest.raises(ClientError) as caught:
        Environment.read(folder)
    return str(caught.value)


def test_the_hosts_are_sorted_so_that_all_of_them_count_alike(folder: MLFolder) -> None:
    folder.resource_config_file.write_text('{"current_host": "b", "hosts": ["c", "b", "a"]}')
    environment = Environment.read(folder)
    assert (environment.hosts.names, environment.hosts.current) == (("a", "b", "c"), "b")


def test_without_a_file_of_hosts_the_job_has_one(folder: MLFolder) -> None:
    environment = Environment.read(folder)
    assert environment.hyperparameters == {"enc_dim": "8"}
    assert (environment.hosts.names, environment.hosts.current) == (("algo-1",), "algo-1")


def test_the_host_s_name_is_read(folder: MLFolder) -> None:
    folder.resource_config_file.write_text('{"current_host": "box-3", "topology": {}}')
    assert Environment.read(folder).hosts.current == "box-3"


def test_a_byte_order_mark_is_no_fault(folder: MLFolder) -> None:
    folder.hyperparameters_file.write_bytes(b'\xef\xbb\xbf{"enc_dim": "9"}')
    assert Environment.read(folder).hyperparameters == {"enc_dim": "9"}


def test_absent_hyperparameters_are_said_to_be_absent_where(tmp_path: Path) -> None:
    message = message_of(MLFolder(tmp_path / "no"))
    assert message.startswith(
        f"There are no hyperparameters: {tmp_path}/no/input/config/hyperparameters.json does not "
        "exist."
    )
    assert "OBJECT2VEC_ML_ROOT" in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "is not JSON: Expecting value: line 1 column 1"),
        (b'{"enc_dim": "8"', "is not JSON: Expecting ',' delimiter"),
        (b'["enc_dim"]', "must hold one JSON object, not ['enc_dim']."),
        (b'"enc_dim"', "must hold one JSON object, not 'enc_dim'."),
        (b"null", "must hold one JSON object, not None."),
        (b"\xff\xfe{", "is not UTF-8 text"),
    ],
)
def test_hyperparameters_that_are_no_json_object_are_refused(
    folder: MLFolder, text: bytes, words: str
) -> None:
    folder.hyperparameters_file.write_bytes(text)
    message = message_of(folder)
    assert message.startswith(f"{folder.hyperparameters_file} ")
    assert words in message


def test_a_file_that_cannot_be_read_is_the_platform_s_fault(folder: MLFolder) -> None:
    folder.resource_config_file.mkdir()
    with pytest.raises(PlatformError, match=r"resourceconfig\.json cannot be read: Is a directory"):
        Environment.read(folder)


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        ({"current_host": "a", "hosts": ["b", "c"]}, "'a' is not among hosts, ['b', 'c']."),
        ({"current_host": "a", "hosts": ["a", "b", "a"]}, "a host twice: ['a', 'b', 'a']."),
        ({"current_host": "a", "hosts": ["a", 2]}, "must be a list of names, not ['a', 2]."),
        ({"current_host": 1}, "current_host must be a name, not 1."),
        ({"current_host": "a", "hosts": "a"}, "hosts must be a list of names, not 'a'."),
    ],
)
def test_hosts_that_cannot_be_are_refused(
    folder: MLFolder, resources: dict[str, object], words: str
) -> None:
    folder.resource_config_file.write_text(json.dumps(resources))
    assert words in message_of(folder)

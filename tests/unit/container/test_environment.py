"""What the platform wrote is read and checked; each refusal says where and what to do."""

import json
import os
from pathlib import Path

import pytest

from object2vec.errors import ClientError, PlatformError
from object2vec_container.environment import Environment, MLFolder


@pytest.fixture
def folder(tmp_path: Path) -> MLFolder:
    """An ML folder with hyperparameters and the folder of a train channel."""
    (tmp_path / "input" / "config").mkdir(parents=True)
    (tmp_path / "input" / "data" / "train").mkdir(parents=True)
    folder = MLFolder(tmp_path)
    folder.hyperparameters_file.write_text('{"enc_dim": "8"}')
    return folder


def describe(folder: MLFolder, **channels: object) -> MLFolder:
    folder.input_data_config_file.write_text(json.dumps(channels))
    return folder


def message_of(folder: MLFolder) -> str:
    with pytest.raises(ClientError) as caught:
        Environment.read(folder)
    return str(caught.value)


def test_the_folder_is_opt_ml_unless_the_variable_moves_it() -> None:
    assert MLFolder.from_variables({}).root == Path("/opt/ml")
    assert MLFolder.from_variables({"OBJECT2VEC_ML_ROOT": ""}).root == Path("/opt/ml")
    assert MLFolder.from_variables({"OBJECT2VEC_ML_ROOT": "/a/b"}).root == Path("/a/b")
    assert MLFolder.from_variables({"OBJECT2VEC_ML_ROOT": "b"}).root == Path.cwd() / "b"


def test_folders_are_the_channels_where_nothing_describes_them(folder: MLFolder) -> None:
    for name in ("validation", ".ipynb_checkpoints"):
        (folder.data_folder / name).mkdir()
    (folder.data_folder / ".DS_Store").write_text("")
    environment = Environment.read(folder)
    assert environment.channels == {
        "train": folder.data_folder / "train",
        "validation": folder.data_folder / "validation",
    }
    assert environment.hyperparameters == {"enc_dim": "8"}
    assert environment.current_host == "algo-1"
    assert environment.warnings == ()


def test_a_file_may_be_a_channel_and_other_files_are_warned_of(folder: MLFolder) -> None:
    (folder.data_folder / "test").write_text("{}")
    (folder.data_folder / "notes.txt").write_text("")
    environment = Environment.read(folder)
    assert environment.channels["test"].is_file()
    assert environment.warnings == (
        f"{folder.data_folder}/notes.txt belongs to no channel and is ignored; "
        "a channel is a folder",
    )


@pytest.mark.parametrize(
    "content_type",
    [
        "application/jsonlines",
        "application/x-jsonlines",
        "application/jsonl",
        "Application/JSONLines; charset=utf-8",
        " application/jsonlines ;version=1.0",
        "",
        None,
    ],
)
def test_a_json_lines_content_type_is_taken(folder: MLFolder, content_type: str | None) -> None:
    Environment.read(describe(folder, train={"ContentType": content_type}))


@pytest.mark.parametrize("mode", ["File", "FastFile", "file", None])
def test_file_modes_are_taken(folder: MLFolder, mode: str | None) -> None:
    Environment.read(describe(folder, train={"TrainingInputMode": mode}))


@pytest.mark.parametrize("wrapper", [None, "", "None"])
def test_pipe_mode_is_taken_channel_by_channel(folder: MLFolder, wrapper: str | None) -> None:
    pipe = {"TrainingInputMode": "Pipe", "RecordWrapperType": wrapper, "CompressionType": "Gzip"}
    environment = Environment.read(describe(folder, train=pipe, validation=pipe, test={}))
    assert environment.piped == {"train", "validation"}
    assert environment.channels["train"] == folder.data_folder / "train"


def test_a_pipe_is_a_channel_where_nothing_describes_them(folder: MLFolder) -> None:
    for name in ("train_0", "test_0", "auxiliary_0"):
        os.mkfifo(folder.data_folder / name)
    (folder.data_folder / "validation_0").touch()
    environment = Environment.read(folder)
    # The folder of `train` is there, and pipes are not guessed.
    assert set(environment.channels) == {"train", "test"}
    assert environment.piped == {"test"}
    assert [warning.split(" ")[0] for warning in environment.warnings] == [
        f"{folder.data_folder}/{name}" for name in ("auxiliary_0", "train_0", "validation_0")
    ]


def test_a_pipe_beside_the_described_channels_is_warned_of(folder: MLFolder) -> None:
    os.mkfifo(folder.data_folder / "test_0")
    assert Environment.read(describe(folder, train={})).warnings == (
        f"{folder.data_folder}/test_0 is ignored: {folder.input_data_config_file} does not name "
        "the channel 'test'",
    )


def test_every_setting_of_a_channel_may_be_absent(folder: MLFolder) -> None:
    describe(folder, train={}, auxiliary={"ContentType": "application/json"})
    assert set(Environment.read(folder).channels) == {"train", "auxiliary"}


def test_the_description_decides_and_a_folder_beside_it_is_warned_of(folder: MLFolder) -> None:
    (folder.data_folder / "test").mkdir()
    environment = Environment.read(describe(folder, train={}))
    assert set(environment.channels) == {"train"}
    assert environment.warnings == (
        f"{folder.data_folder}/test is ignored: {folder.input_data_config_file} "
        "does not name the channel 'test'",
    )


def test_the_hosts_are_sorted_so_that_all_of_them_count_alike(folder: MLFolder) -> None:
    folder.resource_config_file.write_text('{"current_host": "b", "hosts": ["c", "b", "a"]}')
    environment = Environment.read(folder)
    assert (environment.hosts, environment.current_host) == (("a", "b", "c"), "b")


@pytest.mark.parametrize(
    ("settings", "is_sharded"),
    [
        ({}, False),
        ({"S3DistributionType": "FullyReplicated"}, False),
        ({"S3DistributionType": "ShardedByS3Key"}, True),
    ],
)
def test_a_channel_is_sharded_where_its_description_says_so(
    folder: MLFolder, settings: dict[str, str], is_sharded: bool
) -> None:
    assert Environment.read(folder).is_sharded == {"train": False}
    folder.input_data_config_file.write_text(json.dumps({"train": settings}))
    assert Environment.read(folder).is_sharded == {"train": is_sharded}


def test_an_unknown_distribution_is_refused(folder: MLFolder) -> None:
    described = {"train": {"S3DistributionType": "Scattered"}}
    folder.input_data_config_file.write_text(json.dumps(described))
    assert "S3DistributionType 'Scattered' is unknown" in message_of(folder)


def test_the_host_s_name_is_read(folder: MLFolder) -> None:
    folder.resource_config_file.write_text('{"current_host": "box-3", "topology": {}}')
    assert Environment.read(folder).current_host == "box-3"


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
    ("channels", "message"),
    [
        (
            {"train": {"TrainingInputMode": "Tube"}},
            "Channel 'train': TrainingInputMode 'Tube' is not supported, use 'File', 'FastFile' or "
            "'Pipe'.",
        ),
        (
            {"train": {"TrainingInputMode": "Pipe"}, "auxiliary": {"TrainingInputMode": "Pipe"}},
            "Channel 'auxiliary': TrainingInputMode 'Pipe' is not supported for it, as "
            "hyperparameters name its files. Use 'File' (or 'FastFile') for this channel; others "
            "may be in another mode.",
        ),
        (
            {"train": {"TrainingInputMode": "Pipe", "RecordWrapperType": "RecordIO"}},
            "Channel 'train': RecordWrapperType 'RecordIO' is not supported. Use 'None': the data "
            "must be JSON Lines, and comes through the pipe as it stands in its objects.",
        ),
        (
            {"train": {}, "test": {"ContentType": "text/csv"}},
            "Channel 'test': content type 'text/csv' is not supported. Allowed are "
            "application/jsonlines, application/x-jsonlines, application/jsonl, or none at all; "
            "the data must be JSON Lines.",
        ),
        (
            {"train": {"ContentType": "application/json"}},
            "Channel 'train': content type 'application/json' is not supported. Allowed are "
            "application/jsonlines, application/x-jsonlines, application/jsonl, or none at all; "
            "the data must be JSON Lines.",
        ),
        (
            {"train": {}, "auxiliary": {"ContentType": "application/x-recordio"}},
            "Channel 'auxiliary': content type 'application/x-recordio' is not supported. Allowed "
            "are application/json, text/plain, application/jsonlines, application/x-jsonlines, "
            "application/jsonl, or none at all; the data must be the files that hyperparameters "
            "name.",
        ),
    ],
)
def test_what_a_channel_cannot_be_is_refused(
    folder: MLFolder, channels: dict[str, object], message: str
) -> None:
    assert message_of(describe(folder, **channels)) == message


def test_a_channel_s_settings_must_be_an_object(folder: MLFolder) -> None:
    assert message_of(describe(folder, train="File")) == (
        f"{folder.input_data_config_file}: channel 'train' must be an object of settings, "
        "not 'File'."
    )


def test_an_unknown_channel_is_refused_with_the_known_ones(folder: MLFolder) -> None:
    expected = "Channels are train, validation, test, auxiliary; train is required."
    message = message_of(describe(folder, train={}, valid={}))
    assert message == f"Unknown channel 'valid' in {folder.input_data_config_file}. {expected}"
    folder.input_data_config_file.unlink()
    (folder.data_folder / "valid").mkdir()
    assert message_of(folder) == f"Unknown channel 'valid' in {folder.data_folder}. {expected}"


def test_the_sdk_s_channel_training_gets_a_hint(folder: MLFolder) -> None:
    assert "give it {'train': location}" in message_of(describe(folder, training={}))


def test_a_missing_train_channel_is_refused_with_what_is_there(folder: MLFolder) -> None:
    where = f"The training data (JSON Lines) belongs into {folder.data_folder}/train."
    assert message_of(describe(folder, test={}, validation={})) == (
        f"The channel 'train' is missing: {folder.input_data_config_file} holds only test, "
        f"validation. {where}"
    )
    folder.input_data_config_file.unlink()
    (folder.data_folder / "train").rmdir()
    nothing = f"The channel 'train' is missing: {folder.data_folder} holds no channel. {where}"
    assert message_of(folder) == nothing
    folder.data_folder.rmdir()
    assert message_of(folder) == nothing


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

"""A job's channels: described or found, each in a form that can be read, or refused."""

import json
import os

import pytest

from object2vec.errors import ClientError
from object2vec_container.input_channels import InputChannels
from object2vec_container.ml_folder import MLFolder


def describe(folder: MLFolder, **channels: object) -> MLFolder:
    folder.input_data_config_file.write_text(json.dumps(channels))
    return folder


def message_of(folder: MLFolder) -> str:
    with pytest.raises(ClientError) as caught:
        InputChannels.read(folder)
    return str(caught.value)


def test_folders_are_the_channels_where_nothing_describes_them(folder: MLFolder) -> None:
    for name in ("validation", ".ipynb_checkpoints"):
        (folder.data_folder / name).mkdir()
    (folder.data_folder / ".DS_Store").write_text("")
    channels = InputChannels.read(folder)
    assert channels.places == {
        "train": folder.data_folder / "train",
        "validation": folder.data_folder / "validation",
    }
    assert channels.warnings == ()


def test_a_file_may_be_a_channel_and_other_files_are_warned_of(folder: MLFolder) -> None:
    (folder.data_folder / "test").write_text("{}")
    (folder.data_folder / "notes.txt").write_text("")
    channels = InputChannels.read(folder)
    assert channels.places["test"].is_file()
    assert channels.warnings == (
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
    InputChannels.read(describe(folder, train={"ContentType": content_type}))


@pytest.mark.parametrize("mode", ["File", "FastFile", "file", None])
def test_file_modes_are_taken(folder: MLFolder, mode: str | None) -> None:
    InputChannels.read(describe(folder, train={"TrainingInputMode": mode}))


@pytest.mark.parametrize("wrapper", [None, "", "None"])
def test_pipe_mode_is_taken_channel_by_channel(folder: MLFolder, wrapper: str | None) -> None:
    pipe = {"TrainingInputMode": "Pipe", "RecordWrapperType": wrapper, "CompressionType": "Gzip"}
    channels = InputChannels.read(describe(folder, train=pipe, validation=pipe, test={}))
    assert channels.piped == {"train", "validation"}
    assert channels.places["train"] == folder.data_folder / "train"


def test_a_pipe_is_a_channel_where_nothing_describes_them(folder: MLFolder) -> None:
    for name in ("train_0", "test_0", "auxiliary_0"):
        os.mkfifo(folder.data_folder / name)
    (folder.data_folder / "validation_0").touch()
    channels = InputChannels.read(folder)
    # The folder of `train` is there, and pipes are not guessed.
    assert set(channels.places) == {"train", "test"}
    assert channels.piped == {"test"}
    assert [warning.split(" ")[0] for warning in channels.warnings] == [
        f"{folder.data_folder}/{name}" for name in ("auxiliary_0", "train_0", "validation_0")
    ]


def test_a_pipe_beside_the_described_channels_is_warned_of(folder: MLFolder) -> None:
    os.mkfifo(folder.data_folder / "test_0")
    assert InputChannels.read(describe(folder, train={})).warnings == (
        f"{folder.data_folder}/test_0 is ignored: {folder.input_data_config_file} does not name "
        "the channel 'test'",
    )


def test_every_setting_of_a_channel_may_be_absent(folder: MLFolder) -> None:
    describe(folder, train={}, auxiliary={"ContentType": "application/json"})
    assert set(InputChannels.read(folder).places) == {"train", "auxiliary"}


def test_the_description_decides_and_a_folder_beside_it_is_warned_of(folder: MLFolder) -> None:
    (folder.data_folder / "test").mkdir()
    channels = InputChannels.read(describe(folder, train={}))
    assert set(channels.places) == {"train"}
    assert channels.warnings == (
        f"{folder.data_folder}/test is ignored: {folder.input_data_config_file} "
        "does not name the channel 'test'",
    )


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
    assert InputChannels.read(folder).sharded == set()
    folder.input_data_config_file.write_text(json.dumps({"train": settings}))
    assert InputChannels.read(folder).sharded == ({"train"} if is_sharded else set())


def test_an_unknown_distribution_is_refused(folder: MLFolder) -> None:
    described = {"train": {"S3DistributionType": "Scattered"}}
    folder.input_data_config_file.write_text(json.dumps(described))
    assert "S3DistributionType 'Scattered' is unknown" in message_of(folder)


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

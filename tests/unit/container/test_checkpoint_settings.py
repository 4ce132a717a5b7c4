"""Where checkpoints are kept, and how often one is written."""

import json

import pytest

from object2vec.errors import ClientError
from object2vec_container.checkpoint_settings import checkpoint_seconds, find_checkpoints
from object2vec_container.ml_folder import MLFolder


def test_without_a_place_there_are_no_checkpoints(folder: MLFolder) -> None:
    assert find_checkpoints(folder) is None
    folder.checkpoint_config_file.write_text('{"LocalPath": ""}')
    assert find_checkpoints(folder) is None


def test_a_folder_that_is_there_is_taken(folder: MLFolder) -> None:
    (folder.root / "checkpoints").mkdir()
    assert find_checkpoints(folder) == folder.root / "checkpoints"


@pytest.mark.parametrize(
    ("named", "found"),
    [("/opt/ml/checkpoints", "{root}/checkpoints"), ("/opt/ml/a/b", "{root}/a/b"), ("/x", "/x")],
)
def test_the_folder_that_the_platform_names_is_taken(
    folder: MLFolder, named: str, found: str
) -> None:
    folder.checkpoint_config_file.write_text(json.dumps({"LocalPath": named}))
    assert str(find_checkpoints(folder)) == found.format(root=folder.root)


@pytest.mark.parametrize("named", ["checkpoints", 5, ["/a"]])
def test_a_place_that_is_no_absolute_path_is_refused(folder: MLFolder, named: object) -> None:
    folder.checkpoint_config_file.write_text(json.dumps({"LocalPath": named}))
    with pytest.raises(ClientError, match=r"LocalPath must be an absolute path, not "):
        find_checkpoints(folder)


@pytest.mark.parametrize(("given", "seconds"), [("", 600), ("0.5", 30), ("90", 5400)])
def test_minutes_are_read(given: str, seconds: float) -> None:
    assert checkpoint_seconds({"OBJECT2VEC_CHECKPOINT_MINUTES": given}) == seconds
    assert checkpoint_seconds({}) == 600


@pytest.mark.parametrize("given", ["0", "-1", "ten", "inf", "nan"])
def test_minutes_that_cannot_be_are_refused(given: str) -> None:
    with pytest.raises(ClientError, match="must be a number of minutes greater than 0"):
        checkpoint_seconds({"OBJECT2VEC_CHECKPOINT_MINUTES": given})

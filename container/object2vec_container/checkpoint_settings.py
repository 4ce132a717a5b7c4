"""Where a job keeps checkpoints, and how often."""

from collections.abc import Mapping
from pathlib import Path

from object2vec.data.array_space import SpaceVariable
from object2vec.errors import ClientError, shorten
from object2vec_container.ml_folder import DEFAULT_ROOT, MLFolder, read_object

CHECKPOINT_VARIABLE = "OBJECT2VEC_CHECKPOINT_MINUTES"
DEFAULT_CHECKPOINT_MINUTES = 10.0
CHECKPOINT_VARIABLES = (
    SpaceVariable(
        CHECKPOINT_VARIABLE,
        "a number greater than 0",
        f"{DEFAULT_CHECKPOINT_MINUTES:g}",
        "Minutes within an epoch after which a checkpoint is written, where checkpoints are kept.",
    ),
)


def find_checkpoints(folder: MLFolder) -> Path | None:
    """Return the folder that is named or there; a job without either has no checkpoints.

    Raises:
        ClientError: The file that names it is not as it must be.
        PlatformError: It cannot be read.
    """
    path = folder.checkpoint_config_file
    named = (read_object(path) or {}).get("LocalPath")
    if named is None or named == "":
        return folder.checkpoint_folder if folder.checkpoint_folder.is_dir() else None
    if not isinstance(named, str) or not named.startswith("/"):
        raise ClientError(
            f"{path}: LocalPath must be an absolute path, not {shorten(named)}. SageMaker's own "
            f"is {DEFAULT_ROOT}/checkpoints."
        )
    # Below the root that stands for /opt/ml, as all its other folders.
    prefix = f"{DEFAULT_ROOT}/"
    return folder.root / named.removeprefix(prefix) if named.startswith(prefix) else Path(named)


def checkpoint_seconds(variables: Mapping[str, str]) -> float:
    """Return after how many seconds a checkpoint is written within an epoch.

    Raises:
        ClientError: The environment variable's value is not as it must be.
    """
    given = variables.get(CHECKPOINT_VARIABLE, "")
    try:
        minutes = float(given or DEFAULT_CHECKPOINT_MINUTES)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes < float("inf"):
        raise ClientError(
            f"Environment variable {CHECKPOINT_VARIABLE} is {shorten(given)}, must be a number of "
            f"minutes greater than 0; the default is {DEFAULT_CHECKPOINT_MINUTES:g}."
        )
    return minutes * 60

"""The paths below `/opt/ml`, and its configuration files as JSON objects.

A file with the wrong content is the client's fault, one that cannot be read is the platform's.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from object2vec.errors import ClientError, PlatformError, shorten

ROOT_VARIABLE = "OBJECT2VEC_ML_ROOT"
DEFAULT_ROOT = "/opt/ml"


@dataclass(frozen=True, slots=True)
class MLFolder:
    """The paths of a training container, all below one root."""

    root: Path

    @classmethod
    def from_variables(cls, variables: Mapping[str, str]) -> Self:
        """Return the folder that the environment variable names, `/opt/ml` where it does not."""
        return cls(Path(variables.get(ROOT_VARIABLE) or DEFAULT_ROOT).absolute())

    @property
    def hyperparameters_file(self) -> Path:
        """Names and values of the job's hyperparameters."""
        return self.root / "input" / "config" / "hyperparameters.json"

    @property
    def input_data_config_file(self) -> Path:
        """The channels that the job was given."""
        return self.root / "input" / "config" / "inputdataconfig.json"

    @property
    def resource_config_file(self) -> Path:
        """The hosts of the job."""
        return self.root / "input" / "config" / "resourceconfig.json"

    @property
    def checkpoint_config_file(self) -> Path:
        """Where the platform keeps checkpoints; there only if the job was given a place."""
        return self.root / "input" / "config" / "checkpointconfig.json"

    @property
    def checkpoint_folder(self) -> Path:
        """Where checkpoints are, unless that file names another folder."""
        return self.root / "checkpoints"

    @property
    def data_folder(self) -> Path:
        """One folder a channel, or pipes that are named like it."""
        return self.root / "input" / "data"

    @property
    def model_folder(self) -> Path:
        """What the platform uploads as the model."""
        return self.root / "model"

    @property
    def failure_file(self) -> Path:
        """Why the job failed; its first 1,024 characters become the job's FailureReason."""
        return self.root / "output" / "failure"


def read_object(path: Path) -> dict[str, object] | None:
    """Return the JSON object in a file, None where there is no file."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise ClientError(f"{path} is not UTF-8 text: {error}.") from error
    except OSError as error:
        raise PlatformError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ClientError(
            f"{path} is not JSON: {error}. It must hold one JSON object; it begins with "
            f"{shorten(text[:60])}."
        ) from error
    if not isinstance(value, dict):
        raise ClientError(f"{path} must hold one JSON object, not {shorten(value)}.")
    return value

"""What a job was started with, as one frozen record: its hosts, channels and hyperparameters.

The meaning of the hyperparameters is not looked at here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from object2vec.errors import ClientError, shorten
from object2vec_container.checkpoint_settings import find_checkpoints
from object2vec_container.input_channels import InputChannels
from object2vec_container.ml_folder import DEFAULT_ROOT, ROOT_VARIABLE, MLFolder, read_object

DEFAULT_HOST = "algo-1"


@dataclass(frozen=True, slots=True)
class JobHosts:
    """The machines of a job.

    Attributes:
        names: All of them, sorted, so in the same order on every one.
        current: This one's name.
    """

    names: tuple[str, ...]
    current: str

    @classmethod
    def read(cls, folder: MLFolder) -> Self:
        """Read the names; without a file the job has one host.

        Raises:
            ClientError: The file is not as it must be.
            PlatformError: It cannot be read.
        """
        path = folder.resource_config_file
        resources = read_object(path) or {}
        current = resources.get("current_host", DEFAULT_HOST)
        names = resources.get("hosts", [current])
        if not isinstance(current, str) or not current:
            raise ClientError(f"{path}: current_host must be a name, not {shorten(current)}.")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ClientError(f"{path}: hosts must be a list of names, not {shorten(names)}.")
        if len(set(names)) < len(names):
            raise ClientError(f"{path}: hosts names a host twice: {shorten(names)}.")
        if current not in names:
            raise ClientError(
                f"{path}: current_host {shorten(current)} is not among hosts, {shorten(names)}."
            )
        return cls(tuple(sorted(names)), current)


@dataclass(frozen=True, slots=True)
class Environment:
    """What a job was started with.

    Attributes:
        folder: Where everything is.
        hyperparameters: Names to values as they were sent, unchecked.
        channels: Where the data is, and how it comes.
        hosts: The machines of the job.
        checkpoint_folder: Where checkpoints are kept; None where the job has no place for them.
    """

    folder: MLFolder
    hyperparameters: Mapping[str, object]
    channels: InputChannels
    hosts: JobHosts
    checkpoint_folder: Path | None

    @classmethod
    def read(cls, folder: MLFolder) -> Self:
        """Read and check what the platform wrote.

        Raises:
            ClientError: A file or channel is missing, holds something else, or is not supported.
            PlatformError: A file is there but cannot be read.
        """
        hyperparameters = read_object(folder.hyperparameters_file)
        if hyperparameters is None:
            raise ClientError(_say_no_hyperparameters(folder))
        hosts = JobHosts.read(folder)
        channels = InputChannels.read(folder)
        return cls(folder, hyperparameters, channels, hosts, find_checkpoints(folder))


def _say_no_hyperparameters(folder: MLFolder) -> str:
    return (
        f"There are no hyperparameters: {folder.hyperparameters_file} does not exist. SageMaker "
        "writes that file; for a run of your own, write a JSON object of names and values there, "
        f"and one folder a channel into {folder.data_folder}. The environment variable "
        f"{ROOT_VARIABLE} names the folder to use in place of {DEFAULT_ROOT}."
    )

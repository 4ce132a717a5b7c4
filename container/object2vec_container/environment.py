"""The ML folder as one frozen record: what the platform wrote there, and where results go.

Owns every path below `/opt/ml` and the reading of the three configuration files, all but the
meaning of the hyperparameters. A file with the wrong content is the client's fault, one that cannot
be read is the platform's.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from object2vec.data.array_space import SpaceVariable
from object2vec.errors import ClientError, PlatformError, shorten, show_name

ROOT_VARIABLE = "OBJECT2VEC_ML_ROOT"
DEFAULT_ROOT = "/opt/ml"
DEFAULT_HOST = "algo-1"
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
CHANNELS = ("train", "validation", "test", "auxiliary")

_JSON_LINES_TYPES = ("application/jsonlines", "application/x-jsonlines", "application/jsonl")
_AUXILIARY_TYPES = ("application/json", "text/plain", *_JSON_LINES_TYPES)
_PIPED_CHANNELS = ("train", "validation", "test")
_FILE_MODES = ("file", "fastfile")
_PIPE_MODE = "pipe"
_DISTRIBUTIONS = ("FullyReplicated", "ShardedByS3Key")


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
        resources = _read_object(path) or {}
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
        channels: Channel names to their folders; `train` is among them. In Pipe mode there is no
            such folder, but the pipes' names begin like it.
        hosts: All machines of the job, sorted.
        current_host: This machine's name in log lines.
        checkpoint_folder: Where checkpoints are kept; None where the job has no place for them.
        is_sharded: By channel: whether every host has another part of it, rather than all of it.
        warnings: What the log should warn of.
        piped: Names of the channels in Pipe mode.
    """

    folder: MLFolder
    hyperparameters: Mapping[str, object]
    channels: Mapping[str, Path]
    hosts: tuple[str, ...]
    current_host: str
    is_sharded: Mapping[str, bool]
    checkpoint_folder: Path | None = None
    warnings: tuple[str, ...] = ()
    piped: frozenset[str] = frozenset()

    @classmethod
    def read(cls, folder: MLFolder) -> Self:
        """Read and check what the platform wrote.

        Raises:
            ClientError: A file or channel is missing, holds something else, or is not supported.
            PlatformError: A file is there but cannot be read.
        """
        hyperparameters = _read_object(folder.hyperparameters_file)
        if hyperparameters is None:
            raise ClientError(_say_no_hyperparameters(folder))
        hosts = JobHosts.read(folder)
        described = _read_object(folder.input_data_config_file)
        if described is None:
            names, piped, warnings = _find_channels(folder.data_folder)
            source = str(folder.data_folder)
        else:
            names, piped, warnings = _check_described(described, folder)
            source = str(folder.input_data_config_file)
        _refuse_unknown_channels(names, source)
        channels = {name: folder.data_folder / name for name in CHANNELS if name in names}
        if "train" not in channels:
            raise ClientError(_say_no_train_channel(names, source, folder))
        is_sharded = {name: _is_sharded(name, (described or {}).get(name)) for name in channels}
        return cls(
            folder,
            hyperparameters,
            channels,
            hosts.names,
            hosts.current,
            is_sharded,
            _find_checkpoints(folder),
            tuple(warnings),
            frozenset(piped),
        )


def _read_object(path: Path) -> dict[str, object] | None:
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


def _find_checkpoints(folder: MLFolder) -> Path | None:
    """Return the folder that is named or there; a job without either has no checkpoints."""
    path = folder.checkpoint_config_file
    named = (_read_object(path) or {}).get("LocalPath")
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


def _say_no_hyperparameters(folder: MLFolder) -> str:
    return (
        f"There are no hyperparameters: {folder.hyperparameters_file} does not exist. SageMaker "
        "writes that file; for a run of your own, write a JSON object of names and values there, "
        f"and one folder a channel into {folder.data_folder}. The environment variable "
        f"{ROOT_VARIABLE} names the folder to use in place of {DEFAULT_ROOT}."
    )


def _find_channels(data_folder: Path) -> tuple[list[str], list[str], list[str]]:
    """Return the channels' names, which of them are pipes, and warnings, by what there is."""
    try:
        entries = sorted(data_folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return [], [], []
    except OSError as error:
        raise PlatformError(f"{data_folder} cannot be listed: {error.strerror}.") from error
    seen = [entry for entry in entries if not entry.name.startswith(".")]
    names = [entry.name for entry in seen if entry.is_dir() or entry.name in CHANNELS]
    pipes = {entry.name for entry in seen if entry.is_fifo()}
    piped = [name for name in _PIPED_CHANNELS if f"{name}_0" in pipes and name not in names]
    taken = {*names, *(f"{name}_0" for name in piped)}
    warnings = [
        f"{show_name(str(entry))} belongs to no channel and is ignored; a channel is a folder"
        for entry in seen
        if entry.name not in taken
    ]
    return [*names, *piped], piped, warnings


def _check_described(
    described: Mapping[str, object], folder: MLFolder
) -> tuple[list[str], list[str], list[str]]:
    """Return the described channels' names, which are pipes, and warnings; check each channel."""
    path = folder.input_data_config_file
    piped = []
    for name, settings in described.items():
        if not isinstance(settings, dict):
            raise ClientError(
                f"{path}: channel {shorten(name)} must be an object of settings, not "
                f"{shorten(settings)}."
            )
        if name in CHANNELS:
            if _is_piped(name, settings):
                piped.append(name)
            _check_content_type(name, settings.get("ContentType"))
    there, pipes, _ = _find_channels(folder.data_folder)
    warnings = [
        f"{show_name(str(folder.data_folder / (f'{name}_0' if name in pipes else name)))} is "
        f"ignored: {path} does not name the channel {shorten(name)}"
        for name in there
        if name not in described
    ]
    return list(described), piped, warnings


def _is_sharded(name: str, settings: object) -> bool:
    """Return whether every host gets another part of the channel."""
    distribution = settings.get("S3DistributionType") if isinstance(settings, dict) else None
    if distribution in (None, "", *_DISTRIBUTIONS):
        return distribution == "ShardedByS3Key"
    raise ClientError(
        f"Channel '{name}': S3DistributionType {shorten(distribution)} is unknown, use "
        f"{' or '.join(map(repr, _DISTRIBUTIONS))}."
    )


def _is_piped(name: str, settings: Mapping[str, object]) -> bool:
    """Return whether a channel comes through pipes, rather than as files."""
    mode = settings.get("TrainingInputMode")
    if mode is None or str(mode).lower() in _FILE_MODES:
        return False
    if str(mode).lower() != _PIPE_MODE:
        others = "'File', 'FastFile' or 'Pipe'" if name in _PIPED_CHANNELS else "'File'"
        raise ClientError(
            f"Channel '{name}': TrainingInputMode {shorten(mode)} is not supported, use {others}."
        )
    if name not in _PIPED_CHANNELS:
        raise ClientError(
            f"Channel '{name}': TrainingInputMode {shorten(mode)} is not supported for it, as "
            "hyperparameters name its files. Use 'File' (or 'FastFile') for this channel; others "
            "may be in another mode."
        )
    wrapper = settings.get("RecordWrapperType")
    if wrapper is not None and str(wrapper).lower() not in ("", "none"):
        raise ClientError(
            f"Channel '{name}': RecordWrapperType {shorten(wrapper)} is not supported. Use 'None': "
            "the data must be JSON Lines, and comes through the pipe as it stands in its objects."
        )
    return True


def _check_content_type(name: str, content_type: object) -> None:
    if content_type is None or content_type == "":
        return
    allowed = _AUXILIARY_TYPES if name == "auxiliary" else _JSON_LINES_TYPES
    if str(content_type).partition(";")[0].strip().lower() not in allowed:
        raise ClientError(
            f"Channel '{name}': content type {shorten(content_type)} is not supported. Allowed are "
            f"{', '.join(allowed)}, or none at all; the data must be "
            + ("the files that hyperparameters name." if name == "auxiliary" else "JSON Lines.")
        )


def _refuse_unknown_channels(names: list[str], source: str) -> None:
    unknown = [name for name in names if name not in CHANNELS]
    if not unknown:
        return
    hint = ""
    if "training" in unknown:
        hint = " The SageMaker SDK says 'training' where fit() is given a bare location: give it "
        hint += "{'train': location}."
    raise ClientError(
        f"Unknown channel {', '.join(shorten(name) for name in unknown)} in {source}. "
        f"Channels are {', '.join(CHANNELS)}; train is required.{hint}"
    )


def _say_no_train_channel(names: list[str], source: str, folder: MLFolder) -> str:
    found = f"holds only {', '.join(names)}" if names else "holds no channel"
    return (
        f"The channel 'train' is missing: {source} {found}. "
        f"The training data (JSON Lines) belongs into {folder.data_folder / 'train'}."
    )

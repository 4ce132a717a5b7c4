"""The channels of a job: which there are, where, and how each comes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from object2vec.errors import ClientError, PlatformError, shorten, show_name
from object2vec_container.ml_folder import MLFolder, read_object

CHANNELS = ("train", "validation", "test", "auxiliary")

_JSON_LINES_TYPES = ("application/jsonlines", "application/x-jsonlines", "application/jsonl")
_AUXILIARY_TYPES = ("application/json", "text/plain", *_JSON_LINES_TYPES)
_PIPED_CHANNELS = ("train", "validation", "test")
_FILE_MODES = ("file", "fastfile")
_PIPE_MODE = "pipe"
_DISTRIBUTIONS = ("FullyReplicated", "ShardedByS3Key")


@dataclass(frozen=True, slots=True)
class InputChannels:
    """The channels of a job.

    Attributes:
        places: Channel names to their folders; `train` is among them. In Pipe mode there is no
            such folder, but the pipes' names begin like it.
        piped: Names of the channels in Pipe mode.
        sharded: Names of the channels of which every host has another part, rather than all.
        warnings: What the log should warn of.
    """

    places: Mapping[str, Path]
    piped: frozenset[str]
    sharded: frozenset[str]
    warnings: tuple[str, ...]

    @classmethod
    def read(cls, folder: MLFolder) -> Self:
        """Return the channels that are described; where nothing describes them, what is there.

        Raises:
            ClientError: The description is not as it must be, or `train` is missing.
            PlatformError: It cannot be read, or the channels cannot be listed.
        """
        described = read_object(folder.input_data_config_file)
        if described is None:
            names, piped, warnings = _find_channels(folder.data_folder)
            source = str(folder.data_folder)
        else:
            names, piped, warnings = _check_described(described, folder)
            source = str(folder.input_data_config_file)
        _refuse_unknown_channels(names, source)
        places = {name: folder.data_folder / name for name in CHANNELS if name in names}
        if "train" not in places:
            raise ClientError(_say_no_train_channel(names, source, folder.data_folder))
        sharded = {name for name in places if _is_sharded(name, (described or {}).get(name))}
        return cls(places, frozenset(piped), frozenset(sharded), tuple(warnings))


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


def _say_no_train_channel(names: list[str], source: str, data_folder: Path) -> str:
    found = f"holds only {', '.join(names)}" if names else "holds no channel"
    return (
        f"The channel 'train' is missing: {source} {found}. "
        f"The training data (JSON Lines) belongs into {data_folder / 'train'}."
    )

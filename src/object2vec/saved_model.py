"""The model folder: plain files that need no code of this project to be read.

    model.json                     format version, hyperparameters, metrics, and what the files are
    embed_0_weight-1f2e….npy       one array a file (NumPy's format, no pickle), to be memory-mapped
    vocabulary_in0-93ab….json      token strings and their ids, where the model was trained on them

A file's name holds the beginning of its SHA-256, and model.json, replaced in one step, names the
files that belong to it: a job killed at any moment leaves the former model or the new one whole.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import object2vec
from object2vec.array_files import map_array
from object2vec.data.vocabulary import MOST_BYTES, Vocabulary
from object2vec.durable_files import flush_folder, npy_header, write_durably
from object2vec.errors import ClientError, PlatformError, shorten, show_name
from object2vec.hyperparameters import Hyperparameters

FORMAT = "object2vec"
FORMAT_VERSION = 1
MANIFEST = "model.json"

_NAMED_FILE = re.compile(r"[A-Za-z0-9_]+-[0-9a-f]{16}\.(npy|json)")
_OWN_FILE = re.compile(rf"{_NAMED_FILE.pattern}|\..+\.partial")
# Read as a whole, so more is refused: a file may be far longer than the room that it takes.
_MOST_MANIFEST_BYTES = 1 << 26
_ADVICE = "Take the model folder anew from its training job's output."


@dataclass(frozen=True)
class SavedModel:
    """A model as it stands in its folder.

    Attributes:
        folder: Where it stands.
        hyperparameters: What it was trained with.
        arrays: Name to array, mapped from the files, read-only.
        vocabularies: For in0 and in1, the token strings' ids, where it was trained on strings.
        training: What is told of the training: best epoch, metrics of every epoch.
        manifest: model.json as a whole.
    """

    folder: Path
    hyperparameters: Hyperparameters
    arrays: Mapping[str, npt.NDArray[np.float32]]
    vocabularies: tuple[Vocabulary | None, Vocabulary | None]
    training: Mapping[str, Any]
    manifest: Mapping[str, Any]

    @classmethod
    def open(cls, folder: Path | str, *, verify: bool = True) -> "SavedModel":
        """Open a model folder.

        Args:
            folder: A folder with a model.json.
            verify: Whether to compare every file with its checksum, at the price of reading it.

        Raises:
            ClientError: A file is missing, damaged, of a newer format, or not what it must be; the
                message names the file.
            PlatformError: A file cannot be read.
        """
        folder = Path(folder)
        manifest = _read_manifest(folder)
        path = folder / MANIFEST
        try:
            hyperparameters = Hyperparameters.from_strings(manifest["hyperparameters"])
            arrays = {
                name: _open_array(folder, name, entry, verify)
                for name, entry in manifest["arrays"].items()
            }
            vocabularies = tuple(
                _open_vocabulary(
                    folder, hyperparameters, side, manifest["vocabularies"].get(f"in{side}")
                )
                for side in (0, 1)
            )
            training = dict(manifest["training"])
        except (LookupError, TypeError, AttributeError, ValueError, RecursionError) as error:
            raise ClientError(
                f"{path}: {type(error).__name__} {shorten(str(error), 200)}: a part of the "
                f"file is missing or of the wrong kind. {_ADVICE}"
            ) from error
        except OSError as error:
            raise PlatformError(f"{folder} cannot be read: {error.strerror or error}.") from error
        return cls(
            folder, hyperparameters, arrays, (vocabularies[0], vocabularies[1]), training, manifest
        )


class ModelWriter:
    """Writes one job's models into a folder, each in place of the one before.

    Args:
        folder: The model folder; made if it is not there.
        hyperparameters: What the models are trained with.
        vocabularies: For in0 and in1.
    """

    def __init__(
        self,
        folder: Path,
        hyperparameters: Hyperparameters,
        vocabularies: tuple[Vocabulary | None, Vocabulary | None],
    ) -> None:
        self.folder = folder
        self._hyperparameters = hyperparameters
        self._vocabularies = vocabularies
        self._written: set[str] = set()
        self._array_entries: dict[str, dict[str, Any]] = {}
        self._vocabulary_entries: dict[str, dict[str, Any]] = {}

    def save(
        self, arrays: Mapping[str, npt.NDArray[np.float32]], training: Mapping[str, Any]
    ) -> None:
        """Write the arrays and what is told of the training, in place of what was there.

        Raises:
            OSError: The folder cannot be written; what stood there before still does.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._array_entries = {
            name: {
                **self._write(name, ".npy", npy_header(array), array.data.cast("B")),
                "dtype": array.dtype.name,
                "shape": list(array.shape),
            }
            for name, array in arrays.items()
        }
        if not self._vocabulary_entries:
            self._vocabulary_entries = {
                f"in{side}": {
                    **self._write(f"vocabulary_in{side}", ".json", vocabulary.to_json().encode()),
                    "tokens": len(vocabulary),
                }
                for side, vocabulary in enumerate(self._vocabularies)
                if vocabulary is not None
            }
        self.describe(training)

    def describe(self, training: Mapping[str, Any]) -> None:
        """Replace what is told of the training; arrays and vocabularies stay as they were saved."""
        manifest = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "object2vec_version": object2vec.__version__,
            "hyperparameters": self._hyperparameters.as_strings(),
            "training": training,
            "vocabularies": self._vocabulary_entries,
            "arrays": self._array_entries,
        }
        text = json.dumps(manifest, indent=1, allow_nan=False) + "\n"
        # The files must be on the disk under their names before a manifest there names them.
        flush_folder(self.folder)
        write_durably(self.folder / MANIFEST, text.encode())
        flush_folder(self.folder)
        entries = (*self._array_entries.values(), *self._vocabulary_entries.values())
        self._written = {entry["file"] for entry in entries}
        for path in self.folder.iterdir():
            if _OWN_FILE.fullmatch(path.name) and path.name not in self._written:
                path.unlink(missing_ok=True)

    def _write(self, name: str, suffix: str, *parts: bytes | memoryview) -> dict[str, Any]:
        """Write one file, unless this job wrote the same already; return its manifest entry."""
        digest = hashlib.sha256()
        for part in parts:
            digest.update(part)
        file = f"{name}-{digest.hexdigest()[:16]}{suffix}"
        if file not in self._written:
            write_durably(self.folder / file, *parts)
        size = sum(len(part) for part in parts)
        return {"file": file, "bytes": size, "sha256": digest.hexdigest()}


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not folder.is_dir():
        raise ClientError(f"There is no model folder {folder}.")
    try:
        if not path.exists():
            found = ", ".join(sorted(show_name(entry.name) for entry in folder.iterdir())[:5])
            raise ClientError(
                f"{path} is missing, so {folder} is no model folder (it holds "
                f"{found or 'nothing'}). A finished training job writes one; an unpacked "
                "model.tar.gz is one."
            )
        if _size_within(folder, path) > _MOST_MANIFEST_BYTES:
            raise ClientError(f"{path} has more than {_MOST_MANIFEST_BYTES} bytes. {_ADVICE}")
        manifest = json.loads(path.read_bytes())
    except OSError as error:
        raise PlatformError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise ClientError(
            f"{path} is not JSON ({error}): the file was cut off or changed. {_ADVICE}"
        ) from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ClientError(f"{path} does not describe an Object2Vec model (no format '{FORMAT}').")
    version = manifest.get("format_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ClientError(f"{path}: format_version is {shorten(version)}, must be an integer.")
    if version > FORMAT_VERSION:
        raise ClientError(
            f"{path} has format version {shorten(version)}; this program reads versions 1 to "
            f"{FORMAT_VERSION}. Use the image that trained the model, or a newer one."
        )
    return manifest


def _size_within(folder: Path, path: Path) -> int:
    """Return the bytes of a plain file, which must stand in the folder itself.

    Links may lead to other files there (some volumes are mounted so), and nowhere else: a folder
    from a stranger must not have this program read what is not the stranger's.
    """
    if not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
        raise ClientError(f"{path} is no plain file of the model folder. {_ADVICE}")
    return path.stat().st_size


def _checked_file(
    folder: Path, entry: Mapping[str, Any], verify: bool, most: int | None = None
) -> Path:
    """Return the path of a file of the model, after its name, size and checksum were checked."""
    file = entry["file"]
    if not isinstance(file, str) or not _NAMED_FILE.fullmatch(file):
        raise ClientError(f"{folder / MANIFEST}: {shorten(file)} is no name of a model's file.")
    path = folder / file
    if not path.exists():
        raise ClientError(f"{path} is missing, though {MANIFEST} names it. {_ADVICE}")
    size = _size_within(folder, path)
    if size != entry["bytes"]:
        raise ClientError(
            f"{path} has {size} bytes, must have {shorten(entry['bytes'])}. {_ADVICE}"
        )
    if most is not None and size > most:
        raise ClientError(f"{path} has {size} bytes, more than {most}. {_ADVICE}")
    if verify:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if digest != entry["sha256"]:
            raise ClientError(
                f"{path} was changed: its SHA-256 is not that of {MANIFEST}. {_ADVICE}"
            )
    return path


def _open_array(
    folder: Path, name: str, entry: Mapping[str, Any], verify: bool
) -> npt.NDArray[np.float32]:
    path = _checked_file(folder, entry, verify)
    try:
        array = map_array(path)
    except ValueError as error:
        raise ClientError(f"{path} is no array file: {error}. {_ADVICE}") from error
    if list(array.shape) != entry["shape"]:
        raise ClientError(
            f"{path}: {shorten(name)} is of shape {list(array.shape)}, {MANIFEST} says "
            f"{shorten(entry['shape'])}."
        )
    return array


def _open_vocabulary(
    folder: Path, hyperparameters: Hyperparameters, side: int, entry: Mapping[str, Any] | None
) -> Vocabulary | None:
    if entry is None:
        return None
    path = _checked_file(folder, entry, True, MOST_BYTES)
    vocab_size = hyperparameters.encoders[side].vocab_size
    return Vocabulary.from_json(path.read_text("utf-8"), vocab_size, f"enc{side}", str(path))

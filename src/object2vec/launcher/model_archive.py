"""The model as SageMaker stores it: the model folder's files in one model.tar.gz."""

import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from object2vec.errors import ClientError, PlatformError

ARCHIVE = "model.tar.gz"
_SUFFIXES = (".tar.gz", ".tgz")


def is_archive(name: str) -> bool:
    """Whether a file's name is that of such an archive."""
    return name.endswith(_SUFFIXES)


@contextmanager
def packed(folder: Path) -> Iterator[Path]:
    """Give a model folder as an archive, for as long as the block runs.

    Raises:
        PlatformError: A file cannot be read, or the disk is full.
    """
    with tempfile.TemporaryDirectory(prefix="object2vec-") as temporary:
        archive = Path(temporary) / ARCHIVE
        try:
            # Weights hardly shrink: the fastest level costs a tenth of the time of the usual one.
            with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
                for path in sorted(path for path in folder.iterdir() if path.is_file()):
                    tar.add(path, path.name)
        except OSError as error:
            raise PlatformError(f"Cannot pack {folder}: {error.strerror or error}.") from error
        yield archive


def unpack(archive: Path, folder: Path) -> None:
    """Write an archive's files into a folder. Nothing is ever written outside it.

    Raises:
        ClientError: It is no such archive, is cut short, or holds a link or a path that leads out.
        PlatformError: The archive cannot be read, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tarfile.open(archive, "r:*") as tar:
            for member in tar:
                _unpack_member(archive, tar, member, folder)
    except (tarfile.TarError, EOFError) as error:
        raise ClientError(
            f"{archive} is no whole archive of a model ({error}). A model lies in S3 as "
            f"{ARCHIVE}, written by a training job or by `tar -C FOLDER -czf {ARCHIVE} .`."
        ) from error
    except OSError as error:
        raise PlatformError(f"Cannot unpack {archive}: {error.strerror or error}.") from error


def _unpack_member(
    archive: Path, tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path
) -> None:
    # By hand: the standard library's safe filter came only within 3.11.
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts:
        raise ClientError(
            f"{archive} holds {member.name!r}, which leads out of the model's folder."
        )
    target = folder / name
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    source = tar.extractfile(member) if member.isfile() else None
    if source is None:
        raise ClientError(
            f"{archive} holds {member.name!r}, which is no plain file. A model is files only."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with source, target.open("wb") as stream:
        shutil.copyfileobj(source, stream)


@contextmanager
def model_folder(path: Path) -> Iterator[Path]:
    """Give a model folder, or an archive's files as one, for as long as the block runs.

    Raises:
        ClientError: It is a damaged archive.
        PlatformError: It cannot be read, or the disk is full.
    """
    if not (is_archive(path.name) and path.is_file()):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="object2vec-") as temporary:
        unpack(path, Path(temporary))
        yield Path(temporary)

"""The folder of checkpoints: their names, which are kept, and which one a job goes on from.

    algo-1-00002-000000300.npz     the state of host algo-1 in epoch 2 (from 0) after 300 batches
    algo-1-best-00001.npz          the best epoch's weights so far; the states after it name it

The platform uploads the folder's files while the job runs, and deletes there what is deleted here.
So a file is written under a name that the uploader passes over, and renamed; all hosts' files may
lie in one folder, so each host touches its own only; and none is deleted while it is uploaded.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from object2vec.durable_files import flush_folder
from object2vec.training.archive import Archive, DamagedArchiveError, write_archive

Arrays = Mapping[str, npt.NDArray[Any]]

KEPT = 2

_PASSED_OVER = ".sagemaker-ignore"
_UPLOADING = ".sagemaker-uploading"


@dataclass(frozen=True, order=True, slots=True)
class Position:
    """How far a training has come.

    Attributes:
        epoch: The epoch it is in, from 0.
        batches: Batches of that epoch that it has learnt.
    """

    epoch: int
    batches: int


@dataclass(frozen=True)
class Checkpoints:
    """One host's checkpoints.

    Args:
        folder: Where they are; made if it is not there.
        host: This host's name.
        seconds: How long a training may go without one within an epoch.
    """

    folder: Path
    host: str
    seconds: float = 600.0

    def save(self, position: Position, state: Mapping[str, Any], arrays: Arrays) -> Path:
        """Write a checkpoint, then delete those of this host that are not kept.

        Raises:
            OSError: It cannot be written; those before it are still there.
        """
        path = self.path(position)
        self._write(path, state, arrays)
        self._forget(position)
        return path

    def path(self, position: Position) -> Path:
        """Return where the checkpoint of a position is."""
        return self.folder / f"{self.host}-{position.epoch:05}-{position.batches:09}.npz"

    def save_best(self, epoch: int, arrays: Arrays) -> None:
        """Write an epoch's weights."""
        # One that is there may be of another training, whose states were passed over.
        self._write(self._best(epoch), {"epoch": epoch}, arrays)

    def fill_best(self, epoch: int, arrays: Arrays) -> None:
        """Read an epoch's weights into arrays.

        Raises:
            DamagedArchiveError: They are not there, or not these.
            OSError: The file cannot be read.
        """
        with Archive(self._best(epoch)) as archive:
            archive.fill(arrays)

    def positions(self) -> list[Position]:
        """Return the positions of this host's checkpoints, newest first, unread.

        Raises:
            OSError: The folder cannot be read.
        """
        return sorted(self._states(), reverse=True)

    def open(self, position: Position) -> Archive:
        """Return a checkpoint after every byte of it was checked, and of the best epoch it names.

        Raises:
            DamagedArchiveError: It is not whole, or not one of this program.
            OSError: It cannot be read.
        """
        archive = Archive(self.path(position))
        try:
            archive.check()
            best = archive.state.get("best_epoch")
            if best is not None:
                with self._open_best(best) as weights:
                    weights.check()
        except BaseException:
            archive.close()
            raise
        return archive

    def remove_partial(self) -> None:
        """Remove what a job that was killed left half written."""
        for path in self._own(rf"-.+{re.escape(_PASSED_OVER)}"):
            path.unlink(missing_ok=True)

    def _open_best(self, epoch: Any) -> Archive:
        if not isinstance(epoch, int) or isinstance(epoch, bool) or epoch < 0:
            raise DamagedArchiveError(f"best_epoch is {epoch!r}")
        try:
            return Archive(self._best(epoch))
        except FileNotFoundError as error:
            raise DamagedArchiveError(f"{self._best(epoch)} is missing") from error

    def _best(self, epoch: int) -> Path:
        return self.folder / f"{self.host}-best-{epoch:05}.npz"

    def _write(self, path: Path, state: Mapping[str, Any], arrays: Arrays) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + _PASSED_OVER)
        write_archive(partial, state, arrays)
        partial.replace(path)
        flush_folder(self.folder)

    def _forget(self, newest: Position) -> None:
        """Delete older states, and the weights of epochs that no state names any more.

        States beyond the newest were passed over when this job began.
        """
        states = self._states()
        kept = sorted((each for each in states if each <= newest), reverse=True)[:KEPT]
        for position, path in states.items():
            if position not in kept:
                _delete(path)
        named = set()
        for position in kept:
            try:
                with Archive(states[position]) as archive:
                    named.add(archive.state.get("best_epoch"))
            except (DamagedArchiveError, OSError):
                return  # it cannot be known what it names
        for path in self._own(r"-best-(\d{5})\.npz"):
            if int(path.stem[-5:]) not in named:
                _delete(path)

    def _states(self) -> dict[Position, Path]:
        found = {}
        for path in self._own(r"-(\d{5})-(\d{9})\.npz"):
            epoch, batches = path.stem.split("-")[-2:]
            found[Position(int(epoch), int(batches))] = path
        return found

    def _own(self, pattern: str) -> Iterator[Path]:
        if not self.folder.is_dir():
            return
        own = re.compile(re.escape(self.host) + pattern)
        yield from [path for path in self.folder.iterdir() if own.fullmatch(path.name)]


def _delete(path: Path) -> None:
    """Delete a file, unless it is being uploaded; a later checkpoint tries again."""
    if not path.with_name(path.name + _UPLOADING).exists():
        path.unlink(missing_ok=True)


def newest_common(
    checkpoints: Checkpoints,
    gather: Callable[[Any], list[Any]],
    check: Callable[[Mapping[str, Any]], None],
    warn: Callable[[str], None],
) -> Archive | None:
    """Return the newest checkpoint that every host has whole, open; None where there is none.

    Args:
        checkpoints: This host's.
        gather: Brings together what all hosts say; every one must call this function.
        check: Raises DamagedArchiveError where what an archive tells is not of a checkpoint.
        warn: Takes what is said of a checkpoint that is passed over.
    """
    whole: dict[Position, Archive] = {}
    for position in checkpoints.positions():
        try:
            archive = checkpoints.open(position)
            try:
                check(archive.state)
            except DamagedArchiveError:
                archive.close()
                raise
            whole[position] = archive
        except (DamagedArchiveError, OSError) as error:
            warn(f"Checkpoint {checkpoints.path(position)} is passed over: {error}")
        if len(whole) == KEPT:
            break
    said = [
        {Position(*position) for position in of_host}
        for of_host in gather([[position.epoch, position.batches] for position in whole])
    ]
    common = max(set.intersection(*said), default=None)
    for position, archive in whole.items():
        if position != common:
            archive.close()
    return None if common is None else whole[common]

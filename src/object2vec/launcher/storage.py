"""Files to S3 and back, and what lies in S3 as a path of this machine."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from botocore.exceptions import ClientError as AnswerError

from object2vec.errors import ClientError, Object2VecError
from object2vec.launcher.locations import Location, S3Location
from object2vec.launcher.service_errors import explained, is_missing, is_not_allowed
from object2vec.launcher.session import Session


class Storage:
    """The objects of S3 that a session may read and write."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @classmethod
    def of_environment(cls) -> "Storage":
        """Return the storage of the environment's credentials."""
        return cls(Session())

    @property
    def _client(self) -> Any:
        return self._session.client("s3")

    def upload(self, path: Path, place: S3Location) -> None:
        """Write one file to one object.

        Raises:
            ClientError: The bucket does not exist, or may not be written.
            PlatformError: The file cannot be read, or S3 cannot be reached.
        """
        with explained(f"upload {path} to {place}"):
            self._client.upload_file(str(path), place.bucket, place.key)

    def upload_files(self, files: Iterable[Path], folder: Path, prefix: S3Location) -> None:
        """Write files below a prefix, each under its path below the folder."""
        for path in files:
            below = path.name if path == folder else path.relative_to(folder).as_posix()
            self.upload(path, prefix / below)

    def write_text(self, text: str, place: S3Location) -> None:
        """Write a small file.

        Raises:
            ClientError: The bucket does not exist, or may not be written.
            PlatformError: S3 cannot be reached.
        """
        with explained(f"write {place}"):
            self._client.put_object(Bucket=place.bucket, Key=place.key, Body=text.encode("utf-8"))

    def find(self, place: S3Location) -> list[S3Location]:
        """Return the object that is named, or else all objects below the prefix.

        As in a folder, `a/b` is not above `a/bc`; keys that stand for folders are left out.

        Raises:
            ClientError: There is nothing there, or the bucket may not be listed.
            PlatformError: S3 cannot be reached.
        """
        if place.key and self._is_object(place):
            return [place]
        prefix = f"{place.key}/" if place.key else ""
        with explained(f"list {place}"):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=place.bucket, Prefix=prefix
            )
            keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
        found = [S3Location(place.bucket, key) for key in keys if not key.endswith("/")]
        if not found:
            raise ClientError(f"There is nothing at {place}: no object, and none below it.")
        return found

    def is_known_empty(self, place: S3Location) -> bool:
        """Whether nothing lies there; False where the caller may not look.

        A job reads with its role, which may be allowed what the caller is not.

        Raises:
            ClientError: There is no such bucket.
            PlatformError: S3 cannot be reached.
        """
        with explained(f"look into {place}"):
            try:
                # A job takes every key that begins with the prefix, also `a/bc` for `a/b`.
                answer = self._client.list_objects_v2(
                    Bucket=place.bucket, Prefix=place.key, MaxKeys=1
                )
            except AnswerError as error:
                if is_not_allowed(error):
                    return False
                raise
        return not answer.get("KeyCount", 0)

    def _is_object(self, place: S3Location) -> bool:
        with explained(f"look for {place}"):
            try:
                self._client.head_object(Bucket=place.bucket, Key=place.key)
            except AnswerError as error:
                if is_missing(error):
                    return False
                raise
        return True

    def download(self, place: S3Location, target: Path) -> list[Path]:
        """Bring an object to the path `target`, or all objects below a prefix into that folder.

        Returns:
            The files written.

        Raises:
            ClientError: There is nothing there, it may not be read, or a key leads out of a folder.
            PlatformError: The disk or S3 failed.
        """
        written = []
        for source in self.find(place):
            below = source.key.removeprefix(place.key).lstrip("/")
            if ".." in PurePosixPath(below).parts:
                raise ClientError(f"{source} has '..' in its key, which would leave {target}.")
            path = target / below if below else target
            with explained(f"download {source} to {path}"):
                path.parent.mkdir(parents=True, exist_ok=True)
                self._client.download_file(source.bucket, source.key, str(path))
            written.append(path)
        return written


@contextmanager
def local_copy(location: Location, storage: Storage | None = None) -> Iterator[Path]:
    """Give what lies at a location as a path of this machine, for as long as the block runs.

    Args:
        location: A path, given as it is, or a place in S3, which is copied.
        storage: The storage to use; None for that of the environment's credentials.

    Raises:
        ClientError: There is nothing in S3, or it may not be read.
        PlatformError: The disk or S3 failed.
    """
    if isinstance(location, Path):
        yield location
        return
    with tempfile.TemporaryDirectory(prefix="object2vec-") as folder:
        path = Path(folder) / location.name
        (storage or Storage.of_environment()).download(location, path)
        try:
            yield path
        except Object2VecError as error:
            # The user knows the URI and not the copy, which is gone by the time they read this.
            error.args = tuple(
                text.replace(str(path), str(location)) if isinstance(text, str) else text
                for text in error.args
            )
            raise

"""Where something lies: a path of this machine, or an `s3://` URI. Knows no network."""

import re
from dataclasses import dataclass
from pathlib import Path

from object2vec.errors import ClientError, shorten

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True, slots=True)
class S3Location:
    """An object of S3, or all objects below a prefix.

    Attributes:
        bucket: The bucket's name.
        key: The object's key, or the prefix without a slash at its end; empty for a whole bucket.
    """

    bucket: str
    key: str = ""

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}" if self.key else f"s3://{self.bucket}"

    def __truediv__(self, name: str) -> "S3Location":
        """Return what lies below this prefix under a name."""
        return S3Location(self.bucket, f"{self.key}/{name}" if self.key else name)

    @property
    def name(self) -> str:
        """The last part of the key, or the bucket's name."""
        return self.key.rpartition("/")[2] or self.bucket


Location = Path | S3Location


def parse_location(text: str) -> Location:
    """Read a path or an `s3://` URI as a command line gives it.

    Raises:
        ClientError: It is empty, a URI of another kind, or names no possible bucket.
    """
    scheme = _SCHEME.match(text)
    if not text:
        raise ClientError("A path is empty. Give a path of this machine or s3://bucket/key.")
    if scheme is None:
        return Path(text)
    if not text.startswith("s3://"):
        raise ClientError(
            f"{shorten(text)} is no place to read or write: allowed are a path of this machine and "
            "s3://bucket/key."
        )
    bucket, _, key = text.removeprefix("s3://").partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise ClientError(
            f"{shorten(text)} names the bucket {shorten(bucket)}; a bucket's name is 3 to 63 of "
            "a-z, 0-9, '.' and '-'. Write s3://bucket/key."
        )
    return S3Location(bucket, key.strip("/"))


def parse_s3(text: str, option: str, why: str) -> S3Location:
    """Read a location that must be in S3.

    Args:
        text: What was given.
        option: The option it was given to, for the message.
        why: Why it must be in S3, and what to use for a path of this machine.

    Raises:
        ClientError: It is a path of this machine, or no location at all.
    """
    location = parse_location(text)
    if isinstance(location, Path):
        raise ClientError(f"{option} is {shorten(text)}, but must be s3://bucket/prefix: {why}")
    return location

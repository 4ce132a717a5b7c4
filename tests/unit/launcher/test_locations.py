"""Paths and s3:// URIs."""

from pathlib import Path

import pytest

from object2vec.errors import ClientError
from object2vec.launcher.locations import S3Location, parse_location, parse_s3


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("data/train", Path("data/train")),
        ("/a/b.jsonl", Path("/a/b.jsonl")),
        ("a:b", Path("a:b")),
        ("s3://bucket", S3Location("bucket")),
        ("s3://bucket/", S3Location("bucket")),
        ("s3://bucket/a/b/", S3Location("bucket", "a/b")),
        ("s3://my.bucket-1/a b", S3Location("my.bucket-1", "a b")),
    ],
)
def test_a_location_is_read(text: str, place: object) -> None:
    assert parse_location(text) == place


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "A path is empty"),
        ("https://bucket.s3.amazonaws.com/a", "is no place to read or write"),
        ("S3://bucket/a", "is no place to read or write"),
        ("s3:/bucket/a", "is no place to read or write"),
        ("s3:///a", "names the bucket ''"),
        ("s3://My_Bucket/a", "names the bucket 'My_Bucket'"),
    ],
)
def test_what_is_no_location_is_refused(text: str, words: str) -> None:
    with pytest.raises(ClientError, match=words):
        parse_location(text)


def test_a_place_in_s3_is_written_as_it_is_read() -> None:
    place = S3Location("bucket") / "a" / "b.tar.gz"
    assert str(place) == "s3://bucket/a/b.tar.gz"
    assert parse_location(str(place)) == place
    assert (place.name, S3Location("bucket").name) == ("b.tar.gz", "bucket")
    assert str(S3Location("bucket")) == "s3://bucket"


def test_a_path_where_only_s3_will_do_is_refused_with_the_reason() -> None:
    assert parse_s3("s3://bucket/a", "--output", "") == S3Location("bucket", "a")
    with pytest.raises(ClientError) as caught:
        parse_s3("out/", "--output", "it is far away.")
    assert str(caught.value) == (
        "--output is 'out/', but must be s3://bucket/prefix: it is far away."
    )

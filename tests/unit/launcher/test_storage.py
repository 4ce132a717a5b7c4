"""Files to S3 and back, against a real server."""

from pathlib import Path

import pytest
from moto.s3.models import s3_backends
from tests.sagemaker_platform import ACCOUNT, BUCKET, Platform

from object2vec.errors import ClientError, PlatformError, RecordError
from object2vec.launcher.locations import S3Location
from object2vec.launcher.session import Session
from object2vec.launcher.storage import Storage, local_copy


@pytest.fixture
def storage(session: Session, platform: Platform) -> Storage:
    platform.make_bucket()
    return Storage(session)


def place(key: str = "") -> S3Location:
    return S3Location(BUCKET, key)


def test_a_folder_comes_back_as_it_went(storage: Storage, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "a/b").mkdir(parents=True)
    (folder / "a/b/c.jsonl").write_bytes(b"\0\xff")
    (folder / "d é.jsonl").write_text("d")
    files = [path for path in folder.rglob("*") if path.is_file()]
    storage.upload_files(files, folder, place("up"))
    written = storage.download(place("up"), tmp_path / "back")
    assert {path.relative_to(tmp_path / "back"): path.read_bytes() for path in written} == {
        Path("a/b/c.jsonl"): b"\0\xff",
        Path("d é.jsonl"): b"d",
    }


def test_one_file_goes_under_its_name_and_comes_to_the_path_named(
    storage: Storage, platform: Platform, tmp_path: Path
) -> None:
    path = tmp_path / "one.jsonl"
    path.write_text("1")
    storage.upload_files([path], path, place("x"))
    assert platform.keys() == ["x/one.jsonl"]
    assert storage.download(place("x/one.jsonl"), tmp_path / "new/two") == [tmp_path / "new/two"]
    assert (tmp_path / "new/two").read_text() == "1"


def test_a_prefix_ends_at_a_slash_and_folders_marks_are_no_files(
    storage: Storage, platform: Platform
) -> None:
    for key in ("a/b/", "a/b/1", "a/bc"):
        platform.put(key, b"")
    assert storage.find(place("a/b")) == [place("a/b/1")]
    assert storage.find(place("a/bc")) == [place("a/bc")]
    assert storage.find(place()) == [place("a/b/1"), place("a/bc")]


def test_many_objects_are_all_found(storage: Storage, platform: Platform) -> None:
    for number in range(1001):  # the service tells of 1,000 at a time
        s3_backends[ACCOUNT]["aws"].put_object(BUCKET, f"many/{number}", b"")
    assert len(storage.find(place("many"))) == 1001


def test_what_is_not_there_is_told(storage: Storage, tmp_path: Path) -> None:
    with pytest.raises(ClientError, match=f"There is nothing at s3://{BUCKET}/absent"):
        storage.download(place("absent"), tmp_path / "x")
    with pytest.raises(ClientError, match=r"no-such-bucket.*NoSuchBucket"):
        storage.find(S3Location("no-such-bucket"))
    with pytest.raises(ClientError, match="NoSuchBucket"):
        storage.upload(Path(__file__), S3Location("no-such-bucket", "a"))
    with pytest.raises(PlatformError, match="absent"):
        storage.upload(tmp_path / "absent", place("a"))


def test_a_key_that_leads_out_of_the_folder_is_refused(
    storage: Storage, platform: Platform, tmp_path: Path
) -> None:
    platform.put("evil/../../outside", b"x")
    with pytest.raises(ClientError, match=r"has '\.\.' in its key"):
        storage.download(place("evil"), tmp_path / "in/side")
    assert list(tmp_path.rglob("*")) == []


def test_emptiness_is_known_only_where_one_may_look(storage: Storage, platform: Platform) -> None:
    platform.put("data/1", b"")
    assert storage.is_known_empty(place("absent"))
    assert not storage.is_known_empty(place("data"))
    assert not storage.is_known_empty(place("dat"))  # as a job reads a prefix


def test_a_path_is_its_own_copy(tmp_path: Path) -> None:
    with local_copy(tmp_path) as path:
        assert path is tmp_path


def test_a_copy_is_there_for_the_block_only_and_keeps_its_name(
    storage: Storage, platform: Platform
) -> None:
    platform.put("data/vocab.json", b"{}")
    with local_copy(place("data/vocab.json")) as path:
        assert (path.name, path.read_bytes()) == ("vocab.json", b"{}")
    assert not path.exists()


def test_an_error_names_the_uri_and_not_the_copy(storage: Storage, platform: Platform) -> None:
    platform.put("data/a.jsonl", b"{}")
    with pytest.raises(RecordError) as caught, local_copy(place("data")) as path:
        raise RecordError(str(path / "a.jsonl"), 3, "in0", "is empty")
    assert str(caught.value) == f"s3://{BUCKET}/data/a.jsonl, line 3, field 'in0': is empty"


def test_text_is_written(storage: Storage, platform: Platform) -> None:
    storage.write_text("é", place("a.json"))
    answer = platform.client("s3").get_object(Bucket=BUCKET, Key="a.json")
    assert answer["Body"].read() == "é".encode()

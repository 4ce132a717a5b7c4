"""The files of a channel: which are refused, with which words, and whose fault it is."""

import gzip
import os
import tempfile
from pathlib import Path

import pytest

from object2vec.data import files
from object2vec.data.records import PairRecords, read_channel
from object2vec.errors import ClientError, PlatformError, RecordError
from object2vec.hyperparameters import Hyperparameters

GOOD = b'{"label": 1, "in0": [1, 2], "in1": [1]}\n'
FORMAT_HELP = (
    "Data must be JSON Lines in UTF-8, plain or gzip, one record a line: "
    '{"label": 1, "in0": [10, 7], "in1": [4]}'
)


@pytest.fixture
def channel(tmp_path: Path) -> Path:
    folder = tmp_path / "train"
    folder.mkdir()
    return folder


def read(folder: Path) -> PairRecords:
    strings = {"enc0_max_seq_len": "5", "enc0_vocab_size": "10"}
    return read_channel(folder, "train", Hyperparameters.from_strings(strings))


# Bad files


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"label,in0,in1\n1,2,3\n", "CSV"),
        (b"1\t2\t3\n", "tab-separated text"),
        (b'[{"label": 1}]', 'a JSON array (one "[...]" around all records, or around each)'),
        (b'[\n{"label": 1}\n]', 'a JSON array (one "[...]" around all records, or around each)'),
        (b'{"instances": [{"in0": [1]}]}', 'an inference request ({"instances": [...]})'),
        (b'{\n  "label": 1\n}', "a JSON document spread over several lines"),
        (b"PAR1\x15\x04", "a Parquet file"),
        (b"\x0a\x23\xd7\xce\x10\x00", "RecordIO (the SageMaker SDK's record_set writes it)"),
        (GOOD.decode().encode("utf-16"), "UTF-16 text"),
        (GOOD.decode().encode("utf-16-be"), "UTF-16 text"),
        (b"PK\x03\x04\x14\x00", "a zip archive"),
        (b"BZh91AY", "bzip2 data"),
        (b"\x7fELF\x02\x01\x00", "a binary file"),
        (b'<?xml version="1.0"?>', "XML or HTML"),
    ],
)
def test_other_formats_are_recognised_and_named(channel: Path, content: bytes, name: str) -> None:
    path = channel / "a.jsonl"
    for stored in (content, gzip.compress(content)):
        path.write_bytes(stored)
        with pytest.raises(ClientError) as caught:
            read(channel)
        assert str(caught.value) == f"{path}: this looks like {name}. {FORMAT_HELP}"


def test_gzip_cut_short_is_refused(channel: Path) -> None:
    path = channel / "a.jsonl.gz"
    path.write_bytes(gzip.compress(GOOD * 1000)[:-9])
    with pytest.raises(ClientError) as caught:
        read(channel)
    assert str(caught.value) == (
        f"{path}: the gzip data ends too early, the file is cut short. Upload it again."
    )


def test_gzip_with_a_wrong_checksum_is_refused(channel: Path) -> None:
    path = channel / "a.jsonl.gz"
    packed = bytearray(gzip.compress(GOOD * 1000))
    packed[-8:-4] = b"\0\1\2\3"
    path.write_bytes(packed)
    with pytest.raises(ClientError) as caught:
        read(channel)
    assert str(caught.value).startswith(f"{path}: the gzip data is damaged (CRC check failed 0x")
    assert str(caught.value).endswith("). Compress and upload it again.")


def test_gzip_with_damaged_blocks_is_refused(channel: Path) -> None:
    path = channel / "a.jsonl.gz"
    packed = bytearray(gzip.compress(bytes(range(256)) * 40))
    packed[10] = 0xFF
    path.write_bytes(packed)
    with pytest.raises(ClientError) as caught:
        read(channel)
    assert str(caught.value).startswith(f"{path}: the gzip data is damaged (Error -3 while")


def test_a_file_only_named_gz_is_refused(channel: Path) -> None:
    path = channel / "a.jsonl.gz"
    path.write_bytes(GOOD)
    with pytest.raises(ClientError) as caught:
        read(channel)
    assert str(caught.value) == (
        f"{path} is named .gz but is no gzip file (it begins with b'{{\"'). "
        "Compress it with gzip, or take .gz off its name."
    )


def test_an_endless_line_is_refused(channel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LONGEST_LINE_BYTES", 100_000)
    path = channel / "a.jsonl"
    path.write_bytes(GOOD + b'{"in0": [' + b"1, " * 100_000)
    with pytest.raises(RecordError) as caught:
        read(channel)
    assert str(caught.value) == (
        f"{path}, line 2: the line is longer than 100000 bytes; one record stands on one line"
    )


# Bad channels


def test_a_missing_channel_says_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "validation").mkdir()
    with pytest.raises(ClientError) as caught:
        read(tmp_path / "train")
    assert str(caught.value) == (
        f"Channel 'train' is missing: there is no folder {tmp_path / 'train'} "
        f"(found in {tmp_path}: 'validation'). "
        "Give JSON Lines data as channel 'train' in File mode."
    )


def test_an_empty_channel_says_what_was_looked_for(channel: Path) -> None:
    (channel / "_SUCCESS").touch()
    with pytest.raises(ClientError) as caught:
        read(channel)
    assert str(caught.value) == (
        f"Channel 'train': {channel} holds no data file (left out: _SUCCESS). "
        "Looked for JSON Lines files, plain or .gz, at any depth; put at least one there."
    )


def test_a_channel_without_a_record_is_refused(channel: Path) -> None:
    (channel / "a.jsonl").write_bytes(b"\n\n")
    (channel / "b.jsonl").touch()
    with pytest.raises(ClientError) as caught:
        read(channel)
    assert str(caught.value) == (
        f"Channel 'train': no record in 2 file(s) below {channel} (2 blank lines). "
        'Looked for lines such as {"label": 1, "in0": [10, 7], "in1": [4]}'
    )


def test_a_pipe_is_refused_and_not_waited_for(channel: Path) -> None:
    os.mkfifo(channel / "train_0")
    with pytest.raises(ClientError) as caught:
        read(channel)
    assert str(caught.value) == (
        f"Channel 'train': {channel / 'train_0'} is not a regular file. "
        "Data is read in File mode; a pipe or device cannot be read."
    )


def test_a_dangling_link_is_the_platforms_fault(channel: Path) -> None:
    (channel / "a.jsonl").symlink_to(channel / "nowhere")
    with pytest.raises(PlatformError) as caught:
        read(channel)
    assert str(caught.value) == f"{channel / 'a.jsonl'} cannot be read: No such file or directory."


def test_what_may_not_be_read_is_the_platforms_fault() -> None:
    # Not below tmp_path, which only its owner may enter.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"
        path.write_bytes(GOOD)
        path.chmod(0o000)
        Path(folder).chmod(0o755)
        is_root = os.geteuid() == 0
        if is_root:
            os.seteuid(65534)  # Root may read everything: be somebody else.
        try:
            with pytest.raises(PlatformError) as caught:
                read(Path(folder))
        finally:
            if is_root:
                os.seteuid(0)
    assert str(caught.value) == f"{path} cannot be read: Permission denied."


def test_a_failing_disk_is_the_platforms_fault(channel: Path) -> None:
    (channel / "a.jsonl").symlink_to("/proc/self/mem")  # Its first page cannot be read.
    with pytest.raises(PlatformError) as caught:
        read(channel)
    assert str(caught.value) == f"{channel / 'a.jsonl'} cannot be read: Input/output error."

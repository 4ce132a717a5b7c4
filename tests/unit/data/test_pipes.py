"""A channel through a real pipe: the records that files give, no hang, and no half of them."""

import gzip
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from object2vec.data.pipes import Pipe, pipe_seconds
from object2vec.data.records import PairRecords, read_channel
from object2vec.errors import ClientError, PlatformError, RecordError
from object2vec.hyperparameters import Hyperparameters

GOOD = b'{"label": 1, "in0": [1, 2], "in1": [1]}'
LONG = 20.0  # A writer that a test starts does not take so long.


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    path = tmp_path / "train_0"
    os.mkfifo(path)
    return path


@contextmanager
def writer(path: Path, pieces: Iterable[bytes], hold: float = 0) -> Iterator[None]:
    """Write pieces, each with a call of its own, and close the pipe `hold` seconds after."""

    def write() -> None:
        try:
            with path.open("wb", buffering=0) as stream:
                for piece in pieces:
                    stream.write(piece)
                released.wait(hold)
        except BrokenPipeError:
            pass

    released = threading.Event()
    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    try:
        yield
    finally:
        released.set()
        if thread.is_alive() and path.is_fifo():
            os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))  # if nobody has opened it
        thread.join(LONG)
        assert not thread.is_alive()


def read(path: Path, seconds: float = LONG, *, may_be_empty: bool = False) -> PairRecords:
    strings = {"enc0_max_seq_len": "5", "enc0_vocab_size": "100", "enc0_network": "hcnn"}
    place = Pipe(path.parent / "train", seconds) if path.name == "train_0" else path
    return read_channel(
        place, "train", Hyperparameters.from_strings(strings), may_be_empty=may_be_empty
    )


def read_written(path: Path, *pieces: bytes) -> PairRecords:
    with writer(path, pieces):
        return read(path)


def message_of(kind: type[Exception], path: Path, *pieces: bytes) -> str:
    with pytest.raises(kind) as caught:
        read_written(path, *pieces)
    return str(caught.value)


def rows(records: PairRecords) -> list[tuple[float, list[int], list[int]]]:
    return [
        (float(records.labels[n]), records.in0[n].tolist(), records.in1[n].tolist())
        for n in range(len(records))
    ]


def many(count: int) -> bytes:
    """Records with characters of several bytes, in a field that is not read."""
    return b"".join(
        json.dumps(
            {"label": n % 2, "in0": [n % 90, 10], "in1": [n % 7] * (n % 6), "note": "Grüße 🦉"},
            ensure_ascii=False,
        ).encode()
        + b"\n"
        for n in range(count)
    )


def assert_same(one: PairRecords, other: PairRecords) -> None:
    for first, second in (
        (one.labels, other.labels),
        (one.in0.values, other.in0.values),
        (one.in0.offsets, other.in0.offsets),
        (one.in1.values, other.in1.values),
        (one.in1.offsets, other.in1.offsets),
    ):
        assert first.dtype == second.dtype
        assert np.array_equal(first, second)


# What comes through


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("size", [1, 7, 4096, 10**9])
def test_pieces_of_any_size_give_what_a_file_gives(
    pipe: Path, pack: Callable[[bytes], bytes], size: int
) -> None:
    text = many(40 if size == 1 else 3000)
    file = pipe.with_name("file.jsonl")
    file.write_bytes(text)
    packed = pack(text)
    pieces = [packed[begin : begin + size] for begin in range(0, len(packed), size)]
    assert_same(read_written(pipe, *pieces), read(file))


def test_gzip_of_several_members_is_one_text(pipe: Path) -> None:
    members = [gzip.compress(GOOD + b"\n"), gzip.compress(b"", mtime=0), gzip.compress(GOOD)]
    assert len(read_written(pipe, *members)) == 2


def test_a_writer_may_come_late_and_be_slow(tmp_path: Path) -> None:
    path = tmp_path / "train_0"

    def pieces() -> Iterator[bytes]:
        for piece in (GOOD[:9], GOOD[9:], b"\n"):
            time.sleep(0.15)
            yield piece

    def make() -> None:
        time.sleep(0.15)
        os.mkfifo(path)

    thread = threading.Thread(target=make)
    thread.start()
    # Each wait has the limit to itself; all of them together take longer.
    with writer_of_late(thread, path, pieces()):
        assert len(read(path, 0.45)) == 1


@contextmanager
def writer_of_late(maker: threading.Thread, path: Path, pieces: Iterable[bytes]) -> Iterator[None]:
    def write() -> None:
        maker.join()
        with path.open("wb", buffering=0) as stream:
            for piece in pieces:
                stream.write(piece)

    thread = threading.Thread(target=write)
    thread.start()
    yield
    thread.join()


def test_a_regular_file_may_stand_in_for_the_pipe(tmp_path: Path) -> None:
    (tmp_path / "train_0").write_bytes(many(10))
    assert len(read(tmp_path / "train_0", 0.1)) == 10


@pytest.mark.parametrize(
    "text",
    [
        GOOD + GOOD + b"\n" + GOOD,
        GOOD + b"\n" + GOOD + GOOD,
        GOOD + b"\n\xef\xbb\xbf" + GOOD + GOOD + b"\n",
        b"\xef\xbb\xbf" + GOOD + b"\n\xef\xbb\xbf\n" + GOOD + b"\xef\xbb\xbf" + GOOD,
        GOOD + b"\r\n" + GOOD + GOOD + b"\r\n",
    ],
    ids=["first line", "last line", "mark at a line's begin", "mark between", "CRLF"],
)
def test_objects_without_a_last_line_end_may_follow_one_another(pipe: Path, text: bytes) -> None:
    assert rows(read_written(pipe, text)) == [(1.0, [1, 2], [1])] * 3


def test_braces_and_marks_within_strings_are_no_joints(pipe: Path) -> None:
    line = '{"note": "}{\ufeff", "label": 1, "in0": [1, 2], "in1": [1]}'.encode()
    assert len(read_written(pipe, line + line + b"\n" + line)) == 3


# What does not


@pytest.mark.parametrize("before", [b"", GOOD + GOOD + b"\n", b"\n\n"])
def test_a_fault_is_named_by_pipe_and_line(pipe: Path, before: bytes) -> None:
    bad = GOOD.replace(b"[1, 2]", b"[100]")
    with (
        writer(pipe, [GOOD + b"\n" + before + bad + b"\n" + GOOD]),
        pytest.raises(RecordError) as caught,
    ):
        read(pipe)
    number = 2 + before.count(b"\n")
    assert str(caught.value).startswith(f"{pipe}, line {number}, field 'in0': Inconsistent vocab")


def test_all_records_of_one_line_are_named_by_its_number(pipe: Path) -> None:
    bad = GOOD.replace(b"1, ", b"-1, ", 1)
    message = message_of(RecordError, pipe, GOOD + b"\n" + GOOD * 2 + bad + b"\n" + GOOD)
    assert message.startswith(f"{pipe}, line 2, field 'label': -1 is no class")


def test_other_formats_are_known_from_single_bytes_too(pipe: Path) -> None:
    recordio = b"\x0a\x23\xd7\xce\x10\x00"
    message = message_of(ClientError, pipe, *(recordio[n : n + 1] for n in range(len(recordio))))
    assert message.startswith(f"{pipe}: this looks like RecordIO")


@pytest.mark.parametrize("cut", range(1, len(GOOD)))
def test_a_record_that_breaks_off_is_refused_wherever_it_does(pipe: Path, cut: int) -> None:
    message = message_of(RecordError, pipe, GOOD + b"\n" + GOOD[:-cut])
    sent = 2 * len(GOOD) + 1 - cut
    assert message.startswith(
        f"{pipe}, line 2: the stream ended in the middle of a record, after {sent} bytes: "
    )


@pytest.mark.parametrize(
    "end",
    [
        b'{"label": tr',
        b'{"label": -',
        b'{"label": 1e-',
        b'{"a": "\\u00',
        b'{"a": "Gr\xc3',
        GOOD + b'{"la',
    ],
)
def test_a_literal_that_breaks_off_is_an_end_too(pipe: Path, end: bytes) -> None:
    message = message_of(RecordError, pipe, GOOD + b"\n" + end)
    assert message.startswith(f"{pipe}, line 2: the stream ended in the middle of a record")


def test_a_last_line_that_is_wrong_in_itself_is_not_said_to_break_off(pipe: Path) -> None:
    message = message_of(RecordError, pipe, GOOD + b"\n{'label': 1, 'in0': [1], 'in1': [1]}")
    assert message.startswith(f"{pipe}, line 2: is not JSON (Expecting property name")


@pytest.mark.parametrize("kept", [3, 20, 1000, -9, -1])
def test_gzip_that_breaks_off_is_refused_with_its_place(pipe: Path, kept: int) -> None:
    packed = gzip.compress(many(3000))[:kept]
    message = message_of(ClientError, pipe, packed)
    assert message.startswith(
        f"{pipe}: the gzip data ends too early, after {len(packed)} bytes, in or behind line "
    )


def test_damaged_gzip_is_refused_with_its_place(pipe: Path) -> None:
    packed = bytearray(gzip.compress(many(3000)))
    packed[-8:-4] = b"\0\1\2\3"
    message = message_of(ClientError, pipe, bytes(packed))
    assert message.startswith(f"{pipe}: the gzip data is damaged (CRC check failed")
    assert f"within its first {len(packed)} bytes, in or behind line " in message


def test_gzip_followed_by_plain_text_is_refused(pipe: Path) -> None:
    message = message_of(ClientError, pipe, gzip.compress(GOOD), GOOD)
    assert "a pipe takes no mixture of gzip and plain" in message


def test_a_writer_that_dies_before_it_writes_leaves_no_record(pipe: Path) -> None:
    message = message_of(ClientError, pipe)
    assert message.startswith(
        f"Channel 'train': no record in what came through the pipe {pipe} (0 blank lines). "
    )


@pytest.mark.parametrize("content", [b"", gzip.compress(b"", mtime=0)])
def test_nothing_is_an_empty_channel_where_that_is_allowed(pipe: Path, content: bytes) -> None:
    with writer(pipe, [content]):
        assert len(read(pipe, may_be_empty=True)) == 0


def test_a_blank_line_is_not_nothing(pipe: Path) -> None:
    with writer(pipe, [b"\n"]), pytest.raises(ClientError, match="no record in what came"):
        read(pipe, may_be_empty=True)


# Waiting


def test_a_pipe_that_is_not_made_is_waited_for_and_named(tmp_path: Path) -> None:
    (tmp_path / "validation_0").touch()
    started = time.monotonic()
    with pytest.raises(PlatformError) as caught:
        read(tmp_path / "train_0", 0.3)
    assert 0.3 <= time.monotonic() - started < 2
    assert str(caught.value) == (
        f"Channel 'train': TrainingInputMode is 'Pipe', but no pipe {tmp_path}/train_0 appeared "
        f"within 0.3 s (found in {tmp_path}: 'validation_0'). The platform makes and fills it: "
        "start the job again, or use File mode. In a run of your own make it with mkfifo and write "
        "the records into it. OBJECT2VEC_PIPE_SECONDS sets the time limit."
    )


def test_a_folder_in_the_channel_s_place_is_no_pipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("object2vec.data.pipe_stream._FOLDER_SECONDS", 0.1)
    (tmp_path / "train").mkdir()
    with pytest.raises(ClientError) as caught:
        read(tmp_path / "train_0")
    assert str(caught.value) == (
        f"Channel 'train': TrainingInputMode is 'Pipe', but there is no pipe {tmp_path}/train_0, "
        f"only {tmp_path}/train, which is how data stands in File mode. Use 'File' (or 'FastFile')."
    )


def test_a_folder_in_the_pipe_s_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train_0").mkdir()
    with pytest.raises(ClientError, match=r"train_0 must be a pipe .* and is a folder\."):
        read(tmp_path / "train_0")


def test_a_writer_that_never_comes_is_not_waited_for_for_ever(pipe: Path) -> None:
    started = time.monotonic()
    with pytest.raises(PlatformError) as caught:
        read(pipe, 0.3)
    assert 0.3 <= time.monotonic() - started < 2
    assert str(caught.value).startswith(
        f"{pipe}: no data came through this pipe for 0.3 s; nobody has written to it"
    )


def test_a_writer_that_stops_is_named_with_what_came(pipe: Path) -> None:
    with writer(pipe, [GOOD + b"\n", GOOD[:5]], hold=LONG), pytest.raises(PlatformError) as caught:
        read(pipe, 0.3)
    assert str(caught.value).startswith(
        f"{pipe}: no data came through this pipe for 0.3 s; its writer stopped after "
        f"{len(GOOD) + 6} bytes, but keeps it open. "
    )


class _Stopped(BaseException):
    pass


@pytest.mark.parametrize("is_there", [False, True])
def test_a_signal_ends_the_wait_at_once(tmp_path: Path, is_there: bool) -> None:
    path = tmp_path / "train_0"
    if is_there:
        os.mkfifo(path)

    def stop(number: int, frame: object) -> None:
        raise _Stopped

    before = signal.signal(signal.SIGALRM, stop)
    started = time.monotonic()
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(_Stopped):
            read(path)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(("text", "seconds"), [(None, 600), (" ", 600), ("1.5", 1.5), ("60", 60)])
def test_the_variable_sets_the_time_limit(text: str | None, seconds: float) -> None:
    assert pipe_seconds({} if text is None else {"OBJECT2VEC_PIPE_SECONDS": text}) == seconds


@pytest.mark.parametrize("text", ["0", "-1", "soon", "nan", "inf", "86401"])
def test_a_wrong_time_limit_is_refused(text: str) -> None:
    with pytest.raises(ClientError) as caught:
        pipe_seconds({"OBJECT2VEC_PIPE_SECONDS": text})
    assert str(caught.value) == (
        f"Environment variable OBJECT2VEC_PIPE_SECONDS='{text}' is no such number; allowed: a "
        "number of seconds greater than 0, at most 86400; the default is 600."
    )

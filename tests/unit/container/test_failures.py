"""Every error gets a fault, an exit code and a failure file that says what to do."""

import errno
import logging
import os
from pathlib import Path

import pytest

from object2vec.errors import AlgorithmError, ClientError, PlatformError, RecordError
from object2vec_container import failures
from object2vec_container.ml_folder import MLFolder


class MXNetError(RuntimeError):
    """Stands for the engine's error, which is known by its module's name."""


MXNetError.__module__ = "mxnet.base"


@pytest.fixture
def folder(tmp_path: Path) -> MLFolder:
    """An empty ML folder."""
    return MLFolder(tmp_path)


def raised(error: BaseException) -> BaseException:
    """The error as it is once it was raised, with a traceback."""
    with pytest.raises(type(error)) as caught:
        raise error
    return caught.value


def os_error(number: int, path: str | None = None) -> OSError:
    return OSError(number, os.strerror(number), path)


@pytest.mark.parametrize(
    ("error", "exit_code", "text"),
    [
        (ClientError("too many."), 2, "ClientError: too many."),
        (
            RecordError("/data/a.jsonl", 3, "in0", "no list."),
            2,
            "ClientError: /data/a.jsonl, line 3, field 'in0': no list.",
        ),
        (AlgorithmError("not so."), 1, "AlgorithmError: not so."),
        (PlatformError("no disk."), 3, "PlatformError: no disk."),
        (
            KeyError("weights"),
            1,
            "AlgorithmError: Unexpected KeyError: 'weights'. This is a defect of object2vec ",
        ),
        (ValueError(), 1, "AlgorithmError: Unexpected ValueError: no message. This is a defect"),
        (
            MXNetError("Shape inconsistent\nStack trace:\n  [bt] (0) libmxnet.so"),
            1,
            "AlgorithmError: Unexpected MXNetError: Shape inconsistent. This is a defect of ",
        ),
        (
            MemoryError("Unable to allocate 7.5 GiB"),
            2,
            "ClientError: The job ran out of memory (Unable to allocate 7.5 GiB). Take an instance "
            "with more memory, or make the batches or the network smaller: mini_batch_size, ",
        ),
        (
            MXNetError("[00:00] Check failed: e == cudaSuccess: CUDA: out of memory\nStack trace:"),
            2,
            "ClientError: The job ran out of memory ([00:00] Check failed: e == cudaSuccess: ",
        ),
        (MXNetError("std::bad_alloc"), 2, "ClientError: The job ran out of memory (std::bad_alloc"),
        (os_error(errno.ENOMEM), 2, "ClientError: The job ran out of memory ("),
        (
            os_error(errno.ENOSPC, "/opt/ml/model/x"),
            3,
            "PlatformError: The disk is full at /opt/ml/model/x (No space left on device). "
            "Give the job a larger volume (VolumeSizeInGB) or free space.",
        ),
        (os_error(errno.ENOSPC), 3, "PlatformError: The disk is full (No space left on device). "),
        (OSError("4096 requested and 0 written"), 3, "PlatformError: The disk is full ("),
        (
            os_error(errno.EACCES, "/x/y"),
            3,
            "PlatformError: /x/y cannot be read or written (Permission denied). The job must be ",
        ),
        (
            os_error(errno.EROFS, "/x/y"),
            3,
            "PlatformError: /x/y cannot be read or written (Read-only file system). ",
        ),
        (os_error(errno.EIO), 3, "PlatformError: The machine: Input/output error. Run the job "),
        (
            OSError("libgomp.so.1: cannot open shared object file: No such file or directory"),
            3,
            "PlatformError: A library is missing on this machine (libgomp.so.1: cannot open ",
        ),
        (os_error(errno.ENOENT, "/usr/x"), 1, "AlgorithmError: Unexpected FileNotFoundError: "),
    ],
)
def test_an_error_is_told_with_its_fault_and_exit_code(
    folder: MLFolder, error: BaseException, exit_code: int, text: str
) -> None:
    assert failures.report(raised(error), folder) == exit_code
    written = folder.failure_file.read_text()
    assert written.startswith(text)
    assert len(written) <= 1024
    assert "Stack trace" not in written


def test_an_error_of_a_file_below_the_ml_folder_is_the_platform_s(folder: MLFolder) -> None:
    path = str(folder.model_folder / "weights")
    assert failures.report(raised(os_error(errno.ENOTDIR, path)), folder) == 3
    assert folder.failure_file.read_text().startswith(f"PlatformError: {path}: Not a directory.")


def test_an_interrupt_has_the_shells_exit_code_and_no_traceback(
    folder: MLFolder, caplog: pytest.LogCaptureFixture
) -> None:
    assert failures.report(raised(KeyboardInterrupt()), folder) == 130
    assert "The job was interrupted before it ended." in folder.failure_file.read_text()
    assert [record.exc_info for record in caplog.records] == [None]


def test_the_log_has_the_message_then_the_traceback_with_its_cause(
    folder: MLFolder, caplog: pytest.LogCaptureFixture
) -> None:
    error = ClientError("x" * 3000)
    error.__cause__ = raised(ValueError("beneath it"))
    failures.report(raised(error), folder)
    message, traceback = caplog.records
    assert message.getMessage() == "ClientError: " + "x" * 3000
    told = logging.Formatter().format(traceback)
    assert "Traceback (most recent call last)" in told
    assert "ValueError: beneath it" in told
    written = folder.failure_file.read_text()
    assert len(written) == 1024
    assert "shortened here; the log has it all" in written
    assert "Traceback" not in written


def test_a_failure_file_that_cannot_be_written_does_not_hide_the_error(
    folder: MLFolder, caplog: pytest.LogCaptureFixture
) -> None:
    folder.failure_file.mkdir(parents=True)
    assert failures.report(raised(ClientError("the reason")), folder) == 2
    assert "ClientError: the reason" in caplog.text
    assert "The failure file cannot be written: " in caplog.text


def test_a_failure_of_an_earlier_job_is_forgotten(
    folder: MLFolder, caplog: pytest.LogCaptureFixture
) -> None:
    failures.forget(folder)  # there is none
    folder.failure_file.parent.mkdir()
    folder.failure_file.write_text("old")
    failures.forget(folder)
    assert not folder.failure_file.exists()
    folder.failure_file.mkdir()
    failures.forget(folder)
    assert "is of an earlier job and stays" in caplog.text


def test_a_file_name_that_is_no_utf_8_can_be_told(
    folder: MLFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a test logs may have to be handed from one process to another, as UTF-8.
    monkeypatch.setattr(logging.getLogger("object2vec_container"), "propagate", False)
    name = os.fsdecode(b"/data/\xff.jsonl")
    assert failures.report(raised(ClientError(f"{name}: bad.")), folder) == 2
    assert folder.failure_file.read_text() == "ClientError: /data/\\udcff.jsonl: bad."


class TestFit:
    """A text is cut in its middle."""

    def test_a_text_that_fits_stays(self) -> None:
        assert failures.fit("a\nb", 3) == "a\nb"

    def test_whole_lines_are_left_out_of_a_list(self) -> None:
        text = "head\n" + "\n".join(f"fault number {number}" for number in range(100))
        shorter = failures.fit(text, 200)
        lines = shorter.split("\n")
        assert len(shorter) <= 200
        assert lines[:2] == ["head", "fault number 0"]
        left_out = 101 - len(lines) + 1
        assert lines[-2] == f"[{left_out} lines are left out here; the log has them all]"
        assert lines[-1] == "fault number 99"
        assert set(lines) - set(text.split("\n")) == {lines[-2]}

    def test_characters_are_left_out_of_a_long_line(self) -> None:
        shorter = failures.fit("a" * 500 + "b" * 500, 200)
        assert len(shorter) == 200
        assert shorter.startswith("aaa")
        assert shorter.endswith("bbb")

    def test_a_long_line_in_a_list_is_not_left_out_whole(self) -> None:
        shorter = failures.fit("head\n" + "a" * 5000 + "\nend", 200)
        assert shorter.startswith("head\naaa")
        assert shorter.endswith("aaa\nend")

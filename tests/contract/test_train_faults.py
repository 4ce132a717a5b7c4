"""What the machine may do to a training: full and read-only disks, unreadable files, no memory.

Disks are file systems of their own, in a mount namespace that ends with the program.
"""

import json
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest
from tests.contract.conftest import MLFolderBuilder, Run, train_command

from object2vec.saved_model import SavedModel

pytestmark = pytest.mark.faults

NAMESPACE = ["unshare", "--map-root-user", "--mount"]


def can_mount() -> bool:
    probe = [*NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", "/tmp"]
    return bool(shutil.which("unshare")) and not subprocess.run(probe, check=False).returncode


needs_mounts = pytest.mark.skipif(not can_mount(), reason="no mount namespaces may be made here")


def train_with_mounts(
    folder: MLFolderBuilder, *mounts: str, after: str = "true", **variables: str
) -> Run:
    """Run `train` after some mount commands; whatever follows sees the same file systems."""
    script = "; ".join(["set -e", *mounts, "set +e", '"$@"', "code=$?", after, "exit $code"])
    done = subprocess.run(
        [*NAMESPACE, "sh", "-c", script, "sh", *train_command()],
        env=folder.environment(**variables),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    failure = folder.failure.read_text() if folder.failure.is_file() else None
    return Run(done.returncode, done.stdout, done.stderr, failure)


def small_disk(path: Path, kibibytes: int) -> str:
    path.mkdir(parents=True, exist_ok=True)
    return f"mount -t tmpfs -o size={kibibytes}k tmpfs {path}"


def job(folder: MLFolderBuilder, **changes: str) -> MLFolderBuilder:
    return folder.channel("train", folder.records(300)).hyperparameters(**changes)


@needs_mounts
def test_a_disk_too_small_for_the_model_is_the_platform_s_fault(ml_folder) -> None:
    job(ml_folder, enc_dim="512", mlp_dim="64")
    run = train_with_mounts(
        ml_folder, small_disk(ml_folder.model, 40), after=f"ls -A {ml_folder.model}"
    )
    assert run.exit_code == 3
    assert run.failure is not None
    assert run.failure.startswith(f"PlatformError: The disk is full at {ml_folder.model}/")
    assert "VolumeSizeInGB" in run.failure
    assert not run.log.splitlines()[-1].endswith(".partial")


@needs_mounts
def test_a_disk_that_fills_up_after_the_first_epoch_leaves_its_model_whole(
    ml_folder, tmp_path
) -> None:
    # One model of some 330 KiB has room, two at once have not.
    job(ml_folder, enc_dim="512", mlp_dim="64", learning_rate="0.0001")
    run = train_with_mounts(
        ml_folder,
        small_disk(ml_folder.model, 600),
        after=f"cp -r {ml_folder.model} {tmp_path}/kept",
    )
    assert run.exit_code == 3
    assert "The disk is full" in (run.failure or "")
    assert "Saved the model of epoch 0" in run.log
    assert SavedModel.open(tmp_path / "kept").training["best_epoch"] == 0
    assert not list((tmp_path / "kept").glob(".*"))


@needs_mounts
def test_a_full_disk_for_checkpoints_costs_a_warning_and_nothing_else(ml_folder) -> None:
    job(ml_folder, enc_dim="512", mlp_dim="64")
    folder = ml_folder.root / "checkpoints"
    run = train_with_mounts(
        ml_folder, small_disk(folder, 100), after=f"echo left: $(ls -A {folder})"
    )
    assert run.exit_code == 0, run.log
    assert "A checkpoint cannot be written" in run.log
    assert "No space left on device" in run.log
    assert run.log.splitlines()[-1] == "left:"
    assert SavedModel.open(ml_folder.model).training["epochs"]


@needs_mounts
def test_a_full_output_folder_hides_no_failure(ml_folder) -> None:
    job(ml_folder, enc_dim="3")
    output = ml_folder.failure.parent
    run = train_with_mounts(
        ml_folder, small_disk(output, 4), f"head -c 4096 /dev/zero > {output}/filler"
    )
    assert run.exit_code == 2
    assert "ClientError: 1 problem in the hyperparameters" in run.log
    assert "The failure file cannot be written" in run.log


@needs_mounts
def test_a_read_only_model_folder_is_the_platform_s_fault_and_says_what_must_be_written(
    ml_folder,
) -> None:
    job(ml_folder)
    ml_folder.model.mkdir()
    run = train_with_mounts(
        ml_folder, small_disk(ml_folder.model, 100), f"mount -o remount,ro {ml_folder.model}"
    )
    assert run.exit_code == 3
    assert (run.failure or "").startswith(f"PlatformError: {ml_folder.model}/")
    assert "cannot be read or written (Read-only file system)" in (run.failure or "")


@needs_mounts
def test_a_full_disk_for_records_is_the_platform_s_fault(ml_folder, tmp_path) -> None:
    ml_folder.channel("train", ml_folder.records(200_000)).hyperparameters()
    spill = tmp_path / "spill"
    run = train_with_mounts(
        ml_folder,
        small_disk(spill, 512),
        OBJECT2VEC_DATA_FOLDER=str(spill),
        OBJECT2VEC_DATA_MEMORY_MB="0",
    )
    assert run.exit_code == 3, run.log
    assert "PlatformError" in (run.failure or "")
    assert str(spill) in (run.failure or "")


@pytest.mark.skipif(os.getuid() != 0, reason="takes another user to be forbidden a file")
def test_a_file_that_may_not_be_read_is_the_platform_s_fault(ml_folder) -> None:
    job(ml_folder)
    data = ml_folder.root / "input" / "data" / "train" / "data.jsonl"
    data.chmod(0)
    for folder in (ml_folder.root, *ml_folder.root.parents):
        if folder == Path(tempfile.gettempdir()):
            break
        folder.chmod(0o777)
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *train_command()],
        env=ml_folder.environment(HOME="/tmp"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 3, done.stdout + done.stderr
    assert f"PlatformError: {data}" in done.stdout
    assert "Permission denied" in done.stdout


def test_a_channel_may_be_a_file_or_a_link(ml_folder, tmp_path) -> None:
    job(ml_folder)
    assert ml_folder.train().exit_code == 0
    expected = SavedModel.open(ml_folder.model).training
    data = ml_folder.root / "input" / "data"
    (data / "train").rename(tmp_path / "elsewhere")
    (data / "train").symlink_to(tmp_path / "elsewhere")
    assert ml_folder.train().exit_code == 0
    assert SavedModel.open(ml_folder.model).training == expected
    (data / "train").unlink()
    shutil.copy(tmp_path / "elsewhere" / "data.jsonl", data / "train")
    assert ml_folder.train().exit_code == 0
    assert SavedModel.open(ml_folder.model).training == expected


def test_a_link_to_nowhere_is_named(ml_folder, tmp_path) -> None:
    job(ml_folder)
    data = ml_folder.root / "input" / "data" / "train" / "data.jsonl"
    data.unlink()
    data.symlink_to(tmp_path / "nowhere")
    run = ml_folder.train()
    assert run.exit_code in {2, 3}
    assert str(data) in (run.failure or "")


def test_a_validation_channel_without_a_record_is_refused(ml_folder) -> None:
    job(ml_folder).channel("validation", [])
    run = ml_folder.train()
    assert run.exit_code == 2
    assert "'validation'" in (run.failure or "")


def test_without_memory_the_advice_is_what_to_make_smaller(ml_folder) -> None:
    job(ml_folder, enc0_vocab_size="3000000", enc_dim="1024")
    done = subprocess.run(
        ["prlimit", f"--data={2 << 30}", *train_command()],
        env=ml_folder.environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    failure = ml_folder.failure.read_text()
    assert done.returncode == 2, done.stdout
    assert failure.startswith("ClientError: The job ran out of memory")
    for name in ("mini_batch_size", "enc_dim", "row_sparse"):
        assert name in failure


def test_a_clock_that_jumps_changes_no_result(ml_folder, tmp_path) -> None:
    job(ml_folder)
    (ml_folder.root / "checkpoints").mkdir()
    assert ml_folder.train().exit_code == 0
    expected = SavedModel.open(ml_folder.model)
    shutil.rmtree(ml_folder.root / "checkpoints")
    (ml_folder.root / "checkpoints").mkdir()
    # Python imports this module at its start, whatever the program.
    (tmp_path / "sitecustomize.py").write_text(
        "import itertools, time\n"
        "real, jumps = time.time, itertools.cycle([0, -86400, 3600, 10**8, -10**9])\n"
        "time.time = lambda: real() + next(jumps)\n"
    )
    run = ml_folder.train(variables={"PYTHONPATH": str(tmp_path)})
    assert run.exit_code == 0, run.log + run.errors
    model = SavedModel.open(ml_folder.model)
    assert model.training == expected.training


def test_sigterm_keeps_a_checkpoint_and_the_next_job_ends_as_if_nothing_had_been(ml_folder) -> None:
    ml_folder.channel("train", ml_folder.records(2000)).hyperparameters(epochs="12")
    assert ml_folder.train().exit_code == 0
    expected = SavedModel.open(ml_folder.model).training
    shutil.rmtree(ml_folder.model)
    ml_folder.config("checkpointconfig", {"S3Uri": "s3://b/c", "LocalPath": "/opt/ml/kept"})
    run = ml_folder.train_and_interrupt("Saved the model of epoch 1", signal.SIGTERM)
    assert run.exit_code == 0
    assert "Stopped by SIGTERM before the end of the training" in run.log
    checkpoints = list((ml_folder.root / "kept").glob("algo-1-0*.npz"))
    assert 1 <= len(checkpoints) <= 2
    run = ml_folder.train()
    assert run.exit_code == 0, run.log
    assert "Going on from checkpoint" in run.log
    assert SavedModel.open(ml_folder.model).training == expected


def test_a_second_sigterm_ends_at_once(ml_folder) -> None:
    ml_folder.channel("train", ml_folder.records(2000)).hyperparameters(epochs="100")
    run = ml_folder.train_and_interrupt(
        "Saved the model of epoch 1", signal.SIGTERM, signal.SIGTERM
    )
    assert run.exit_code in {0, 128 + signal.SIGTERM}  # 0 where the first was quicker
    assert SavedModel.open(ml_folder.model)


def test_another_network_s_checkpoint_is_refused_with_what_differs(ml_folder) -> None:
    job(ml_folder)
    (ml_folder.root / "checkpoints").mkdir()
    assert ml_folder.train().exit_code == 0
    job(ml_folder, enc_dim="8", mlp_dim="5")
    run = ml_folder.train()
    assert run.exit_code == 2
    assert "enc_dim is 8 here and 4 there; mlp_dim is 5 here and 4 there" in (run.failure or "")


def test_a_checkpoint_folder_that_is_named_wrong_is_refused(ml_folder) -> None:
    job(ml_folder).config("checkpointconfig", json.dumps({"LocalPath": "kept"}))
    run = ml_folder.train()
    assert run.exit_code == 2
    assert "LocalPath must be an absolute path, not 'kept'" in (run.failure or "")

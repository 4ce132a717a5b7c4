"""What the image runs without a command, and with one."""

import subprocess
import sys
from pathlib import Path

import pytest

from object2vec_container.__main__ import complete


def test_without_a_command_a_folder_with_hyperparameters_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBJECT2VEC_ML_ROOT", str(tmp_path))
    assert complete([]) == ["serve"]
    (tmp_path / "input" / "config").mkdir(parents=True)
    (tmp_path / "input" / "config" / "hyperparameters.json").write_text("{}")
    assert complete([]) == ["train"]
    assert complete(["serve"]) == ["serve"]


def run(tmp_path: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "object2vec_container", *command],
        env={"OBJECT2VEC_ML_ROOT": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_the_exit_code_is_that_of_the_program(tmp_path: Path) -> None:
    assert run(tmp_path, "train").returncode == 2
    assert "There are no hyperparameters" in run(tmp_path, "train").stdout
    served = run(tmp_path)
    assert served.returncode == 2
    assert "There is no model folder" in served.stdout


def test_another_program_is_run_in_its_place(tmp_path: Path) -> None:
    assert run(tmp_path, "echo", "a", "b").stdout == "a b\n"


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = run(tmp_path, "no-such-program")
    assert missing.returncode == 127
    assert missing.stderr.startswith("no-such-program: No such file or directory.")

"""The Makefile on machines that lack something: one line that says what to install."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PROGRAMS = ("sh", "make", "sed", "touch", "mkdir")


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """The only folder on PATH: what every machine has, no Python and no compiler."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in PROGRAMS:
        found = shutil.which(name)
        if found is None:
            pytest.skip(f"needs {name}")
        (folder / name).symlink_to(found)
    return folder


def make(*arguments: str, programs: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run make in the checkout, with a .venv that does not exist, so that it must check."""
    return subprocess.run(
        [programs / "make", "--no-print-directory", f"VENV={programs.parent / 'venv'}", *arguments],
        cwd=REPOSITORY,
        env={"PATH": str(programs), "LANG": "C.UTF-8", **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def refusal(*arguments: str, programs: Path, **variables: str) -> str:
    """Run make, which must fail and print nothing but one line: return what it says."""
    done = make(*arguments, programs=programs, **variables)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert not (programs.parent / "venv").exists()
    return done.stderr.split("*** ", 1)[1].removesuffix(".  Stop.\n")


def this_python(programs: Path, patch: str = "", name: str = "python3") -> None:
    """Put this Python on PATH; `patch` is run at its start, to take something away from it."""
    start = programs.parent / "start"
    start.mkdir(exist_ok=True)
    (start / "sitecustomize.py").write_text(patch)
    script = programs / name
    script.write_text(f'#!/bin/sh\nPYTHONPATH="{start}" exec "{sys.executable}" "$@"\n')
    script.chmod(0o755)


def other_python(programs: Path, version: str, name: str = "python3") -> None:
    """Put a Python of another version on PATH: it prints that version and fails the check of it."""
    script = programs / name
    script.write_text(f'#!/bin/sh\ncase "$2" in *print*) echo {version} ;; *) exit 1 ;; esac\n')
    script.chmod(0o755)


def block(*modules: str) -> str:
    """Return a patch under which these modules cannot be imported."""
    return f"import sys\nsys.modules.update(dict.fromkeys({modules!r}))\n"


def test_make_alone_lists_the_commands(programs: Path) -> None:
    done = make(programs=programs)
    # sh's own printf and read are all that help needs.
    assert done.returncode == 0, done.stderr
    for command in ("install", "demo", "test", "lint", "lock", "clean"):
        assert f"  make {command} " in done.stdout


@pytest.mark.parametrize("command", ["install", "demo", "test", "lint"])
def test_no_python(programs: Path, command: str) -> None:
    assert refusal(command, programs=programs) == (
        "Python 3.11 or 3.12 is needed and none was found: "
        "apt-get install python3 python3-dev python3-venv"
    )


def test_only_an_unsupported_python(programs: Path) -> None:
    other_python(programs, "3.13")
    assert refusal("install", programs=programs) == (
        "Python 3.11 or 3.12 is needed, but python3 is 3.13: install one of them and name it, "
        "as in make install PYTHON=/path/to/python3.12"
    )


def test_a_named_python_of_another_version(programs: Path) -> None:
    this_python(programs)
    other_python(programs, "3.9", "python3.9")
    assert refusal("install", "PYTHON=python3.9", programs=programs) == (
        "Python 3.11 or 3.12 is needed, but python3.9 is 3.9: name one of them, "
        "as in make install PYTHON=/usr/bin/python3"
    )


def test_a_named_python_that_is_not_there(programs: Path) -> None:
    this_python(programs)
    assert refusal("install", "PYTHON=/no such/python", programs=programs) == (
        "Python 3.11 or 3.12 is needed, but PYTHON=/no such/python does not run: "
        "name one of them, as in make install PYTHON=/usr/bin/python3"
    )


def test_no_compiler(programs: Path) -> None:
    this_python(programs)
    assert refusal("install", programs=programs, CC="cc-of-nowhere -pthread") == (
        "this machine lacks a C compiler (cc-of-nowhere): apt-get install gcc"
    )


def test_everything_that_is_missing_is_said_at_once(programs: Path) -> None:
    this_python(
        programs,
        block("ensurepip")
        + "import ctypes, sysconfig\n"
        + "sysconfig.get_path = lambda name: '/nowhere'\n"
        + "def missing(library):\n    raise OSError(library)\n"
        + "ctypes.CDLL = missing\n",
    )
    assert refusal("test", programs=programs, CC="cc-of-nowhere") == (
        "this machine lacks a C compiler (cc-of-nowhere), "
        "Python's headers (/nowhere/Python.h), Python's venv and ensurepip modules, "
        "libgomp.so.1, libquadmath.so.0: "
        "apt-get install gcc python3-dev python3-venv libgomp1 libquadmath0"
    )


def test_a_python_without_its_libraries(programs: Path) -> None:
    this_python(programs, block("ssl"))
    said = refusal("install", programs=programs)
    assert "cannot import ssl: " in said
    assert "apt-get install python3" in said or "PYTHON=" in said


@pytest.mark.parametrize(
    ("patch", "machine"),
    [
        ("import platform; platform.machine = lambda: 'aarch64'", "Linux on aarch64"),
        (
            "import platform, sys; sys.platform = 'darwin'; platform.system = lambda: 'Darwin'",
            "Darwin on x86_64",
        ),
    ],
)
def test_a_machine_that_mxnet_was_not_released_for(
    programs: Path, patch: str, machine: str
) -> None:
    this_python(programs, patch)
    assert refusal("install", programs=programs) == (
        f"Linux on x86_64 is needed, this is {machine}: MXNet 1.9.1 was released for no other; "
        "use such a machine, or a container for linux/amd64"
    )


def test_an_unsupported_python3_is_passed_over(programs: Path) -> None:
    other_python(programs, "3.13")
    this_python(programs, name="python3.11")
    done = subprocess.run(
        [REPOSITORY / "docker" / "check_machine.sh"],
        env={"PATH": f"{programs}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout in {f"{programs / name}\n" for name in ("python3.11",)} | {
        # Where the machine has a python3.12 of its own, that comes first.
        f"{shutil.which('python3.12')}\n"
    }
    assert done.returncode == 0

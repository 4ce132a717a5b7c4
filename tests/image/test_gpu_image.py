"""The GPU image on a machine without a GPU: what it says, and that every library is there."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.contract.conftest import MLFolderBuilder
from tests.image.containers import Container, docker, job_folder, mounted, run

_LIBRARY = "/opt/object2vec/lib/python3.11/site-packages/mxnet/libmxnet.so"
_NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE


@pytest.fixture
def job(tmp_path: Path) -> MLFolderBuilder:
    return job_folder(tmp_path)


@pytest.fixture(scope="module")
def stub_driver(gpu_image: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Options of `docker run` that give a container a driver which knows no GPU.

    It has every function that the engine takes from the driver's library by name.
    """
    if shutil.which("gcc") is None:
        pytest.skip("no gcc here to make a driver's library with")
    folder = tmp_path_factory.mktemp("driver")
    options = (f"--volume={folder}:/driver:ro", "--env=LD_LIBRARY_PATH=/driver")
    make_library(folder, [])
    listed = docker("run", "--rm", *options, "--entrypoint", "ldd", gpu_image, "-r", _LIBRARY)
    names = re.findall(r"undefined symbol: (cu[A-Z]\w+)", listed.stdout + listed.stderr)
    assert names
    make_library(folder, names)
    return options


def make_library(folder: Path, names: list[str]) -> None:
    source = folder / "libcuda.c"
    source.write_text("".join(f"int {name}(void) {{ return {_NO_DEVICE}; }}\n" for name in names))
    library = folder / "libcuda.so.1"
    options = ["-shared", "-fPIC", "-Wl,-soname,libcuda.so.1"]
    subprocess.run(["gcc", *options, "-o", library, source], check=True)


def test_without_the_driver_train_says_in_one_line_what_it_needs(
    gpu_image: str, job: MLFolderBuilder
) -> None:
    done = docker("run", "--rm", mounted(job.root), gpu_image, "train")
    assert done.returncode == 3
    (line,) = (
        line for line in done.stdout.splitlines() if "ERROR" in line and "PlatformError" in line
    )
    assert "--gpus all" in line
    assert job.failure.read_text().startswith("PlatformError: ")
    assert "--gpus all" in job.failure.read_text()


def test_without_the_driver_serve_says_in_one_line_what_it_needs(
    gpu_image: str, job: MLFolderBuilder
) -> None:
    assert job.train().exit_code == 0
    done = docker("run", "--rm", mounted(job.root), gpu_image, "serve")
    assert done.returncode == 3
    assert "--gpus all" in done.stdout
    assert "Traceback" not in done.stdout


def test_every_library_but_the_drivers_is_in_the_image(
    gpu_image: str, stub_driver: tuple[str, ...]
) -> None:
    listed = run(gpu_image, "ldd", "-r", _LIBRARY, options=stub_driver).splitlines()
    assert not [line for line in listed if "undefined symbol" in line]
    assert not [line for line in listed if "not found" in line]
    assert [line for line in listed if "libcudnn" in line]
    assert [line for line in listed if "/driver/libcuda.so.1" in line]


def test_with_a_driver_that_knows_no_gpu_it_trains_and_serves_on_the_cpu(
    gpu_image: str, job: MLFolderBuilder, stub_driver: tuple[str, ...]
) -> None:
    done = docker("run", "--rm", *stub_driver, mounted(job.root), gpu_image, "train")
    assert done.returncode == 0, done.stdout
    assert "context [cpu(0)]" in done.stdout
    options = (*stub_driver, mounted(job.root))
    with Container(gpu_image, "serve", options=options) as server:
        server.await_log("The model is loaded and warm")
        status, answer = server.ask("POST", "/invocations", {"instances": [{"in0": [3]}]})
        assert status == 200
        assert len(json.loads(answer)["predictions"][0]["embeddings"]) == 4
        assert server.stop()[0] == 0

"""The locked requirements: complete, with hashes, the same for everyone."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).parents[2]
LOCKS = (
    "requirements-build.txt",
    "requirements.txt",
    "requirements-test.txt",
    "requirements-fuzz.txt",
    "requirements-sbom.txt",
    "requirements-gpu.txt",
    "requirements-sagemaker2.txt",
    "requirements-sagemaker3.txt",
)


def entries(lock: str) -> dict[str, tuple[str, int]]:
    """Return what a lock file pins: name to version and number of hashes."""
    text = (REPOSITORY / "docker" / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            pin = re.match(r"([a-z0-9-]+)==(\S+)", line)
            assert pin, f"{lock}: not a pinned requirement: {line!r}"
            found[pin[1]] = (pin[2], len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", line)))
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_has_hashes_and_no_file_names_a_host(lock: str) -> None:
    assert all(hashes for _, hashes in entries(lock).values())
    assert "://" not in (REPOSITORY / "docker" / lock).read_text(encoding="utf-8")


def test_the_locks_agree_with_pyproject_and_with_each_other() -> None:
    pyproject = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    groups = pyproject["dependency-groups"]
    asked = {
        "requirements-build.txt": groups["build"],
        "requirements.txt": pyproject["project"]["dependencies"],
        "requirements-test.txt": groups["test"],
        "requirements-fuzz.txt": groups["fuzz"],
        "requirements-sbom.txt": groups["sbom"],
    }
    versions: dict[str, str] = {}
    for lock, requirements in asked.items():
        pinned = {name: version for name, (version, _) in entries(lock).items()}
        for requirement in map(Requirement, requirements):
            assert requirement.specifier.contains(pinned[requirement.name]), (
                f"docker/{lock} does not have {requirement}: run make lock"
            )
        if lock == "requirements-sbom.txt":
            continue  # It has an environment of its own.
        for name, version in pinned.items():
            assert versions.setdefault(name, version) == version, f"{name} has two versions"


def test_the_gpu_image_differs_from_the_cpu_image_by_mxnet_and_cuda_alone() -> None:
    cpu, gpu = entries("requirements.txt"), entries("requirements-gpu.txt")
    assert cpu.keys() - gpu.keys() == {"mxnet"}
    added = gpu.keys() - cpu.keys()
    assert "mxnet-cu117" in added
    assert all(name.startswith(("mxnet-cu", "nvidia-", "wheel")) for name in added)
    assert all(gpu[name] == cpu[name] for name in cpu.keys() & gpu.keys())

"""What docs/docker.md tells is true: each of its commands is run here, or by CI as it stands."""

import json
import os
import re
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.serving.server import free_port
from tests.image.conftest import no_answer
from tests.image.containers import docker, job_folder
from tests.image.test_compose import base
from tests.scripts import ROOT

GUIDE = (ROOT / "docs" / "docker.md").read_text("utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)
# A block's first words, and who runs it.
RUN_BY = {
    "make image-cpu\n": "test_each_build_is_one_that_ci_runs",
    "docker/make_base": "test_each_build_is_one_that_ci_runs",
    "docker run --rm --user": "test_the_hardened_containers_train_and_serve",
    "docker run --detach": "test_the_hardened_containers_train_and_serve",
    "export MODEL_FOLDER": "test_compose_brings_up_what_the_guide_says",
    "docker/push_to_ecr": "test_push_to_ecr.test_the_command_of_the_guide_pushes_the_image",
    "docker run --rm --gpus": "test_with_gpus_it_trains_or_docker_says_what_the_guide_says",
}


def block(beginning: str) -> str:
    (found,) = (text for text in BLOCKS if text.startswith(beginning))
    return str(found)


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Path]:
    """A job's folder that any user may read."""
    builder = job_folder(tmp_path)
    builder.hyperparameters(enc0_vocab_size="40")
    # pytest's own folders are their user's alone.
    folder = Path("/tmp") / f"object2vec-test-{uuid.uuid4().hex[:12]}"
    shutil.copytree(builder.root, folder)
    yield folder
    shutil.rmtree(folder)


def run(script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-eu", "-c", script],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def test_every_block_is_run_by_a_test() -> None:
    assert len(BLOCKS) == len(RUN_BY)
    for beginning in RUN_BY:
        assert block(beginning)


def test_each_build_is_one_that_ci_runs() -> None:
    """CI's machine reaches no registry: it runs the second block; make turns both into builds."""
    ci = (ROOT / ".ci" / "run").read_text("utf-8").replace("$base", "object2vec-base:bookworm")
    ci = re.sub(r" DOCKER=\S+", "", ci)
    for command in block("docker/make_base").splitlines():
        assert command in ci
    for command in (block("make image-cpu\n") + block("docker/make_base")).splitlines():
        if command.startswith("make "):
            planned = run(command.replace("make ", "make --dry-run ", 1), BASE="")
            kind = "gpu" if "image-gpu" in command else "cpu"
            assert planned.returncode == 0, planned.stderr
            assert f"--file Dockerfile.{kind} --tag object2vec:{kind}" in planned.stdout
            for option in re.findall(r"--network host|BASE=\S+", command):
                assert option in planned.stdout
    helped = run("docker/make_base --help").stdout
    for option in ("--copy PATH", "--mirror URL", "/usr/local/share/ca-certificates"):
        assert option in GUIDE
        assert option in helped


def test_the_hardened_containers_train_and_serve(cpu_image: str, job: Path) -> None:
    script = block("docker run --rm --user") + block("docker run --detach")
    name = job.name
    script = script.replace("/tmp/my-job", str(job)).replace("8080:8080", "PORT:8080")
    script = script.replace("localhost:8080", "localhost:PORT").replace("PORT", str(free_port()))
    script = script.replace("--name object2vec ", f"--name {name} ")
    # The exit code is asked for between the last two commands.
    script = script.replace(
        "docker stop --time 30 object2vec\ndocker rm object2vec",
        f"docker stop --time 30 {name}\n"
        f"docker inspect --format '{{{{json .State.ExitCode}}}}' {name}\ndocker rm {name}",
    )
    assert "object2vec\n" not in script
    try:
        done = run(script)
    finally:
        docker("rm", "--force", name)
    assert done.returncode == 0, done.stdout + done.stderr
    (answer,) = re.findall(r'^(?:.*?)(\{"predictions".*\]\})', done.stdout, re.MULTILINE)
    scored, embedded = json.loads(answer)["predictions"]
    assert len(scored["scores"]) == 2
    assert len(embedded["embeddings"]) == 4
    assert done.stdout.endswith(f"{name}\n0\n{name}\n")


@pytest.mark.parametrize(
    ("ending", "printed"),
    [("object2vec --help", "usage: object2vec"), ("sbom.json", '"bomFormat": "CycloneDX"')],
)
def test_any_other_command_is_run_as_it_is(ending: str, printed: str, cpu_image: str) -> None:
    commands = re.findall(r"`(docker run [^`]*)`", GUIDE)
    (command,) = (command for command in commands if command.endswith(ending))
    assert printed in run(command).stdout


def test_compose_brings_up_what_the_guide_says(cpu_image: str, job: Path) -> None:
    if shutil.which("docker-compose") is None:
        pytest.skip("no docker-compose here: apt-get install docker-compose")
    ports = {"8080": str(free_port()), "9090": str(free_port())}
    variables = {
        "COMPOSE_PROJECT_NAME": job.name,
        "ENDPOINT_PORT": ports["8080"],
        "PROMETHEUS_PORT": ports["9090"],
    }
    if found := base():
        variables["BASE"] = found
    train = block("docker run --rm --user").replace("/tmp/my-job", str(job))
    script = block("export MODEL_FOLDER").replace("/tmp/my-job", str(job))
    for port, free in ports.items():
        script = script.replace(f"localhost:{port}", f"localhost:{free}")
    # Prometheus, which starts beside the endpoint, is given the time to see it.
    ask = f"curl -s localhost:{ports['9090']}"
    assert ask in script
    script = script.replace(ask, f"sleep 12\n{ask}")
    try:
        assert run(train).returncode == 0
        done = run(script, **variables)
    finally:
        ended = "docker-compose --file docker/compose.yaml down --volumes"
        run(ended, **variables, MODEL_FOLDER=str(job / "model"))
    assert done.returncode == 0, done.stdout + done.stderr
    (found_text,) = re.findall(r'\{"status":"success".*\}', done.stdout)
    assert '"path":"/ping"' in found_text
    assert "1.29" in GUIDE


def test_with_gpus_it_trains_or_docker_says_what_the_guide_says(gpu_image: str, job: Path) -> None:
    done = run(block("docker run --rm --gpus").replace("/tmp/my-job", str(job)))
    if done.returncode == 0:
        assert "context [gpu(0)]" in done.stdout
        return
    told = " ".join(GUIDE.split())
    assert 'could not select device driver "" with capabilities: [[gpu]]' in done.stderr
    assert 'could not select device driver "" with capabilities: [[gpu]]' in told


def test_without_gpus_the_image_says_what_the_guide_says(gpu_image: str, job: Path) -> None:
    done = docker("run", "--rm", f"--volume={job}:/opt/ml", gpu_image, "train")
    (said,) = re.findall(r"`(PlatformError: The NVIDIA driver[^`]*)`", " ".join(GUIDE.split()))
    assert done.returncode == 3
    for words in said.split(" …"):
        assert words in done.stdout


@pytest.mark.parametrize(("kind", "unit"), [("cpu", "MB"), ("gpu", "GB")])
def test_the_sizes_are_those_of_the_images(engine: None, kind: str, unit: str) -> None:
    if no_answer("docker", "image", "inspect", f"object2vec:{kind}"):
        pytest.skip(f"object2vec:{kind} is not built")
    (told,) = re.findall(rf"`object2vec:{kind}` \| \S+ \| ([\d.]+) {unit}", GUIDE)
    size = int(docker("image", "inspect", "--format", "{{.Size}}", f"object2vec:{kind}").stdout)
    assert size / {"MB": 1e6, "GB": 1e9}[unit] == pytest.approx(float(told), rel=0.03)

"""The endpoint and the Prometheus of docker/compose.yaml, brought up, asked and taken down."""

import json
import os
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.contract.serving.server import free_port
from tests.image.conftest import no_answer
from tests.image.containers import docker, job_folder

ROOT = Path(__file__).parents[2]
COMPOSE_FILE = ROOT / "docker" / "compose.yaml"
OWN_BASE = "object2vec-base:bookworm"


# The first line's compose and the second's: whichever this machine has, or both.
COMMANDS = [
    command
    for command in ("docker-compose", "docker compose")
    if not no_answer(*command.split(), "version")
]


@pytest.fixture(scope="module", params=COMMANDS or ["docker-compose"])
def command(request: pytest.FixtureRequest, engine: None) -> list[str]:
    if not COMMANDS:
        pytest.skip("neither docker-compose nor docker compose is installed")
    return list(request.param.split())


def base() -> str | None:
    """What to build on: BASE, else the image that docker/make_base makes, else the default."""
    if "BASE" in os.environ:
        return os.environ["BASE"]
    return None if no_answer("docker", "image", "inspect", OWN_BASE) else OWN_BASE


@dataclass(frozen=True)
class Project:
    """A project of compose that runs.

    Attributes:
        command: How compose is called for it.
        environment: The variables that the file reads, and all others.
    """

    command: list[str]
    environment: dict[str, str]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.command, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    def container(self, service: str) -> str:
        labels = {"project": self.environment["COMPOSE_PROJECT_NAME"], "service": service}
        filters = [f"--filter=label=com.docker.compose.{key}={labels[key]}" for key in labels]
        return docker("ps", "--all", "--quiet", *filters).stdout.strip()

    def inspect(self, service: str, template: str) -> Any:
        return json.loads(docker("inspect", "--format", template, self.container(service)).stdout)

    def ask(self, port: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.environment[port]}{path}",
            None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.read()

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Ask Prometheus itself."""
        path = "/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        return json.loads(self.ask("PROMETHEUS_PORT", path))["data"]["result"]

    def await_true(self, condition: Any, seconds: float) -> Any:
        deadline = time.monotonic() + seconds
        while True:
            try:
                if found := condition():
                    return found
            except OSError:
                pass
            assert time.monotonic() < deadline, self.run("logs").stdout
            time.sleep(0.3)


@pytest.fixture(scope="module")
def project(
    command: list[str], cpu_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    folder = tmp_path_factory.mktemp("compose")
    job = job_folder(folder)
    assert job.train().exit_code == 0
    # pytest's own folders are their user's alone; the server reads as nobody.
    mount = Path("/tmp") / f"object2vec-test-{uuid.uuid4().hex[:12]}"
    shutil.copytree(job.model, mount)
    environment = {
        **os.environ,
        "COMPOSE_PROJECT_NAME": mount.name,
        "IMAGE": cpu_image,
        "MODEL_FOLDER": str(mount),
        "ENDPOINT_PORT": str(free_port()),
        "PROMETHEUS_PORT": str(free_port()),
    }
    if found := base():
        environment["BASE"] = found
    project = Project([*command, "--file", str(COMPOSE_FILE)], environment)
    try:
        done = project.run("up", "--detach", "--build")
        assert done.returncode == 0, done.stdout + done.stderr
        project.await_true(lambda: project.ask("ENDPOINT_PORT", "/ping") == b"", 60)
        yield project
    finally:
        done = project.run("down", "--volumes", "--timeout", "30")
        shutil.rmtree(mount)
    assert done.returncode == 0, done.stderr
    label = f"label=com.docker.compose.project={mount.name}"
    assert not docker("ps", "--all", "--quiet", "--filter", label).stdout
    assert not docker("volume", "ls", "--quiet", "--filter", label).stdout
    assert not docker("network", "ls", "--quiet", "--filter", label).stdout


def test_prometheus_shows_the_endpoints_requests_within_half_a_minute(project: Project) -> None:
    body = {"instances": [{"in0": [3], "in1": [2]}, {"in0": [3]}]}
    scored, embedded = json.loads(project.ask("ENDPOINT_PORT", "/invocations", body))["predictions"]
    assert len(scored["scores"]) == 2
    assert len(embedded["embeddings"]) == 4
    expression = 'object2vec_requests_total{path="/invocations", code="200"}'
    (found,) = project.await_true(lambda: project.query(expression), 30)
    assert found["metric"]["job"] == "object2vec"
    assert float(found["value"][1]) >= 1
    (up,) = project.query('up{job="object2vec"}')
    assert up["value"][1] == "1"


def test_the_endpoint_is_hardened(project: Project) -> None:
    host = project.inspect("endpoint", "{{json .HostConfig}}")
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert "/tmp" in host["Tmpfs"]
    (mount,) = project.inspect("endpoint", "{{json .Mounts}}")
    assert (mount["Destination"], mount["RW"]) == ("/opt/ml/model", False)
    assert project.inspect("endpoint", "{{json .Config.User}}") == "65534:65534"
    status = docker("exec", project.container("endpoint"), "cat", "/proc/1/status").stdout
    assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    assert "Uid:\t65534" in status


def test_prometheus_is_hardened(project: Project) -> None:
    host = project.inspect("prometheus", "{{json .HostConfig}}")
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert project.inspect("prometheus", "{{json .Config.User}}") == "prometheus"


def test_only_this_machine_reaches_the_ports(project: Project) -> None:
    for service in ("endpoint", "prometheus"):
        bindings = project.inspect(service, "{{json .HostConfig.PortBindings}}")
        (hosts,) = bindings.values()
        assert [host["HostIp"] for host in hosts] == ["127.0.0.1"]


def test_the_endpoint_becomes_healthy(project: Project) -> None:
    health = "{{json .State.Health.Status}}"
    project.await_true(lambda: project.inspect("endpoint", health) == "healthy", 30)


def test_a_stopped_server_ends_in_good_order(project: Project) -> None:
    assert project.run("stop", "endpoint").returncode == 0
    assert project.inspect("endpoint", "{{json .State.ExitCode}}") == 0
    assert project.run("start", "endpoint").returncode == 0


def test_without_a_model_folder_it_says_what_to_set(command: list[str]) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "MODEL_FOLDER"}
    done = subprocess.run(
        [*command, "--file", str(COMPOSE_FILE), "config"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "set MODEL_FOLDER to the full path" in done.stderr

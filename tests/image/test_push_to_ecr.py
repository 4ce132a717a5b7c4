"""docker/push_to_ecr against moto's ECR and a registry of Debian's package docker-registry."""

import base64
import http.client
import json
import os
import runpy
import shutil
import stat
import subprocess
import sys
import tarfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from moto.ecr.models import Repository
from moto.ecr.responses import ECRResponse
from tests.contract.serving.server import free_port
from tests.image.containers import docker
from tests.sagemaker_platform import ACCOUNT, Platform
from tests.scripts import ROOT

SCRIPT = ROOT / "docker" / "push_to_ecr"
PASSWORD = f"{ACCOUNT}-auth-token"  # What moto gives out.
# The same for the registry: bcrypt, which it asks for and Python has not.
PASSWORD_HASH = "$2b$05$abcdefghijklmnopqrstuu/4ofrUS75HrKu6f.iuRo0I/XlrmpqlC"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


@dataclass(frozen=True)
class Registry:
    """A registry that runs; its user is AWS."""

    host: str

    def ask(self, path: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(self.host, timeout=10)
        login = base64.b64encode(f"AWS:{PASSWORD}".encode()).decode()
        headers = {"Authorization": f"Basic {login}", "Accept": DOCKER_MANIFEST}
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()


def run_registry(folder: Path, *, read_only: bool = False) -> Iterator[Registry]:
    if shutil.which("docker-registry") is None:
        pytest.skip("no docker-registry here: apt-get install docker-registry")
    host = f"127.0.0.1:{free_port()}"
    (folder / "users").write_text(f"AWS:{PASSWORD_HASH}\n")
    storage = {
        "filesystem": {"rootdirectory": str(folder / "images")},
        "maintenance": {"readonly": {"enabled": read_only}},
    }
    configuration = folder / "registry.yml"  # JSON is YAML.
    configuration.write_text(
        json.dumps(
            {
                "version": "0.1",
                "storage": storage,
                "http": {"addr": host},
                "auth": {"htpasswd": {"realm": "registry", "path": str(folder / "users")}},
            }
        )
    )
    log = (folder / "log").open("w")
    process = subprocess.Popen(
        ["docker-registry", "serve", str(configuration)], stdout=log, stderr=log
    )
    try:
        registry = Registry(host)
        deadline = time.monotonic() + 20
        while True:
            try:
                assert registry.ask("/v2/") == (200, {})
                break
            except OSError:
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.1)
        yield registry
    finally:
        process.terminate()
        process.wait(10)
        log.close()
        shutil.rmtree(folder / "images", ignore_errors=True)


@pytest.fixture(scope="module")
def registry(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    yield from run_registry(tmp_path_factory.mktemp("registry"))


@pytest.fixture
def read_only_registry(engine: None, tmp_path: Path) -> Iterator[Registry]:
    yield from run_registry(tmp_path, read_only=True)


@pytest.fixture(scope="module")
def image(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An image of one small file."""
    folder = tmp_path_factory.mktemp("image")
    (folder / "file").write_text(uuid.uuid4().hex)
    with tarfile.open(folder / "image.tar", "w") as archive:
        archive.add(folder / "file", "file")
    name = f"object2vec-test-{uuid.uuid4().hex[:12]}:small"
    assert docker("import", str(folder / "image.tar"), name).returncode == 0
    yield name
    docker("image", "rm", name)


@dataclass
class Caller:
    """Runs the script with a Docker of its own settings, whose command lines are noted."""

    environment: dict[str, str]
    command_lines: Path

    def run(self, *arguments: str, program: tuple[str, ...] = (), **changes: str) -> Any:
        return subprocess.run(
            [*(program or (sys.executable, str(SCRIPT))), *arguments],
            env={**self.environment, **changes},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )


@pytest.fixture
def caller(platform: Platform, tmp_path: Path) -> Caller:
    programs, settings = tmp_path / "programs", tmp_path / "docker"
    programs.mkdir()
    settings.mkdir()
    lines = tmp_path / "command_lines"
    wrapper = programs / "docker"
    wrapper.write_text(
        f'#!/bin/sh\necho "$@" >> {lines}\nexec {shutil.which("docker")} "$@"\n', "utf-8"
    )
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
    environment = platform.environment(
        PATH=f"{programs}:{os.environ['PATH']}", DOCKER_CONFIG=str(settings)
    )
    return Caller(environment, lines)


def point_to(monkeypatch: pytest.MonkeyPatch, registry: Registry) -> None:
    """Let moto's repositories be those of a registry."""
    original = Repository.__init__

    def place(self: Repository, *arguments: Any, **named: Any) -> None:
        original(self, *arguments, **named)
        self.uri = f"{registry.host}/{self.name}"

    monkeypatch.setattr(Repository, "__init__", place)


def the_line(done: Any) -> str:
    """The one line of a failed run."""
    assert done.returncode in (2, 3), done.stdout + done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return str(line)


def test_a_repository_is_made_and_the_image_pushed(
    caller: Caller,
    platform: Platform,
    registry: Registry,
    image: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    point_to(monkeypatch, registry)
    done = caller.run("--image", image)
    uri = f"{registry.host}/object2vec:small"
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{uri}\n", "")
    docker("image", "rm", uri)
    (repository,) = platform.client("ecr").describe_repositories()["repositories"]
    assert repository["repositoryName"] == "object2vec"
    assert repository["imageTagMutability"] == "MUTABLE"
    assert repository["imageScanningConfiguration"] == {"scanOnPush": True}
    status, manifest = registry.ask("/v2/object2vec/manifests/small")
    assert status == 200
    identity = docker("image", "inspect", "--format", "{{.Id}}", image).stdout.strip()
    assert manifest["config"]["digest"] == identity
    lines = caller.command_lines.read_text()
    assert f"login --username AWS --password-stdin {registry.host}" in lines
    assert PASSWORD not in lines


def test_the_command_of_the_guide_pushes_the_image(
    caller: Caller, registry: Registry, cpu_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_to(monkeypatch, registry)
    guide = (ROOT / "docs" / "docker.md").read_text("utf-8")
    (command,) = (line for line in guide.splitlines() if line.startswith("docker/push_to_ecr "))
    done = caller.run(*command.split()[1:])
    uri = f"{registry.host}/object2vec:cpu"
    assert (done.returncode, done.stdout) == (0, f"{uri}\n"), done.stderr
    docker("image", "rm", uri)
    _, manifest = registry.ask("/v2/object2vec/manifests/cpu")
    assert manifest["mediaType"] == DOCKER_MANIFEST


def test_a_repository_that_is_there_is_used_and_a_tag_overwritten(
    caller: Caller,
    platform: Platform,
    registry: Registry,
    image: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    point_to(monkeypatch, registry)
    platform.client("ecr", "us-west-2").create_repository(repositoryName="team/pairs")
    options = ("--repository", "team/pairs", "--tag", "1.0", "--region", "us-west-2")
    uri = f"{registry.host}/team/pairs:1.0"
    for _ in range(2):
        done = caller.run("--image", image, *options)
        assert (done.returncode, done.stdout) == (0, f"{uri}\n"), done.stderr
    docker("image", "rm", uri)
    assert registry.ask("/v2/team/pairs/tags/list")[1]["tags"] == ["1.0"]
    assert not platform.client("ecr").describe_repositories()["repositories"]


def test_an_image_in_a_form_that_sagemaker_may_refuse_is_told(
    caller: Caller,
    platform: Platform,
    registry: Registry,
    image: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    point_to(monkeypatch, registry)
    media_type = "application/vnd.oci.image.index.v1+json"
    client = platform.client("ecr")
    client.create_repository(repositoryName="object2vec")
    client.put_image(
        repositoryName="object2vec",
        imageManifest=json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": []}),
        imageManifestMediaType=media_type,
        imageTag="oci",
    )
    done = caller.run("--image", image, "--tag", "oci")
    docker("image", "rm", f"{registry.host}/object2vec:oci")
    assert done.returncode == 0, done.stderr
    assert "--provenance=false" in done.stderr


def test_any_python_may_start_it(caller: Caller) -> None:
    if not (ROOT / ".venv" / "bin" / "python").exists():
        pytest.skip("the script looks for .venv, and this checkout has none")
    for program in ((str(SCRIPT),), ("/usr/bin/python3", str(SCRIPT))):
        if Path(program[0]).exists():
            done = caller.run("--help", program=program, PATH="/usr/bin:/bin")
            assert done.returncode == 0, done.stderr
            assert "--repository" in done.stdout


def test_an_image_that_is_not_built_is_named(engine: None, caller: Caller) -> None:
    line = the_line(caller.run("--image", "object2vec:no-such"))
    assert line.startswith("ClientError: --image object2vec:no-such")
    assert "make image-cpu" in line


def test_without_docker_it_says_so(caller: Caller, tmp_path: Path) -> None:
    line = the_line(caller.run("--image", "object2vec:cpu", PATH=str(tmp_path)))
    assert line.startswith("ClientError: The program `docker` cannot be run: ")


def test_without_an_engine_it_says_so(engine: None, caller: Caller, tmp_path: Path) -> None:
    host = f"unix://{tmp_path}/none.sock"
    line = the_line(caller.run("--image", "object2vec:cpu", DOCKER_HOST=host))
    assert line.startswith("PlatformError: No Docker engine answers: ")
    assert "DOCKER_HOST" in line


def test_without_credentials_it_says_how_to_log_in(caller: Caller, image: str) -> None:
    del caller.environment["AWS_ACCESS_KEY_ID"], caller.environment["AWS_SECRET_ACCESS_KEY"]
    line = the_line(caller.run("--image", image))
    assert "No AWS credentials are found" in line
    assert "aws configure" in line


def test_without_a_region_it_says_how_to_give_one(caller: Caller, image: str) -> None:
    del caller.environment["AWS_DEFAULT_REGION"]
    line = the_line(caller.run("--image", image))
    assert "No AWS region is set" in line
    assert "--region" in line


def test_a_name_that_ecr_refuses_is_named(caller: Caller, image: str) -> None:
    line = the_line(caller.run("--image", image, "--repository", "Object 2"))
    assert "the ECR repository Object 2" in line


def test_an_unreachable_aws_is_told(caller: Caller, image: str) -> None:
    line = the_line(
        caller.run("--image", image, AWS_ENDPOINT_URL=f"http://127.0.0.1:{free_port()}")
    )
    assert line.startswith("PlatformError: Cannot look up the ECR repository object2vec")


def test_a_refused_login_is_told_without_the_password(
    caller: Caller, registry: Registry, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_to(monkeypatch, registry)
    wrong = base64.b64encode(b"AWS:not-this-one").decode()
    monkeypatch.setattr(
        ECRResponse,
        "get_authorization_token",
        lambda self: json.dumps({"authorizationData": [{"authorizationToken": wrong}]}),
    )
    line = the_line(caller.run("--image", image))
    assert line.startswith(f"PlatformError: Docker could not log in to {registry.host}: ")
    assert "Unauthorized" in line
    assert "not-this-one" not in line + caller.command_lines.read_text()


def test_a_refused_push_is_told_in_the_registrys_words(
    caller: Caller, read_only_registry: Registry, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_to(monkeypatch, read_only_registry)
    line = the_line(caller.run("--image", image))
    uri = f"{read_only_registry.host}/object2vec:small"
    docker("image", "rm", uri)
    assert line.startswith(f"PlatformError: {uri} was not pushed: ")
    assert "405" in line
    assert "try again" in line
    assert PASSWORD not in line


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ("tag invalid: The image tag 'cpu' already exists and is immutable", "another --tag"),
        ("denied: User is not authorized to perform: ecr:InitiateLayerUpload", "ecr:PutImage"),
        ("no basic auth credentials", "ecr:PutImage"),
        ("dial tcp: lookup x.amazonaws.com: no such host", "network"),
    ],
)
def test_what_docker_says_leads_to_what_to_do(refusal: str, words: str) -> None:
    assert words in script()["advice"](refusal)


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("object2vec:cpu", "cpu"),
        ("object2vec", "latest"),
        ("localhost:5000/object2vec", "latest"),
        ("localhost:5000/object2vec:1.0", "1.0"),
        ("object2vec@sha256:00", "latest"),
    ],
)
def test_the_tag_is_the_images_own(name: str, tag: str) -> None:
    assert script()["own_tag"](name) == tag


def script() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))

"""moto's server as the launcher's AWS: real HTTP on loopback, and what moto leaves out added to it.

moto's jobs are complete as soon as they are created, and it neither stops nor deletes training
jobs. A `Course` gives jobs a life of several looks; the missing calls are added to the server, so
that the launcher still speaks HTTP to all of it.
"""

import json
import os
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.core.responses import ActionResult
from moto.logs.models import logs_backends
from moto.sagemaker.models import SageMakerModelBackend, sagemaker_backends
from moto.sagemaker.responses import SageMakerResponse
from moto.server import ThreadedMotoServer

REGION = "eu-west-1"
ACCOUNT = "123456789012"
BUCKET = f"sagemaker-{REGION}-{ACCOUNT}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/launcher"
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/object2vec:cpu"
_RECORDED = (
    *("create_training_job", "create_hyper_parameter_tuning_job", "create_transform_job"),
    *("create_model", "create_endpoint_config", "create_endpoint"),
)
_JOBS = ("training_job", "transform_job", "endpoint", "hyper_parameter_tuning_job")


@dataclass
class Look:
    """What a job looks like at one look.

    Attributes:
        status: Its status.
        secondary: Its secondary status, which is noted with a message; training jobs only.
        message: The message.
        log: Lines that its container has written since the look before.
        reason: Why it failed.
    """

    status: str
    secondary: str | None = None
    message: str = ""
    log: tuple[str, ...] = ()
    reason: str | None = None


@dataclass
class Platform:
    """The running server.

    Attributes:
        url: Where it is.
        sent: The name of a Create call and its body, in the order of their coming.
        courses: Kind of job to the looks of every job of the kind.
        refused: Calls that the server refuses, and with what error.
    """

    url: str
    sent: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    courses: dict[str, list[Look]] = field(default_factory=dict)
    refused: dict[str, Exception] = field(default_factory=dict)

    def environment(self, **changes: str) -> dict[str, str]:
        """Return the environment variables of one who is logged in and has set everything."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return {
            **kept,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            **changes,
        }

    def client(self, service: str, region: str = REGION) -> Any:
        """Return a client of the server's, to prepare and to look."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )

    def reset(self) -> None:
        """Empty the server."""
        request = urllib.request.Request(f"{self.url}/moto-api/reset", method="POST")
        urllib.request.urlopen(request).close()
        self.sent.clear()
        self.courses.clear()
        self.refused.clear()

    @property
    def backend(self) -> SageMakerModelBackend:
        """What the server keeps of SageMaker."""
        return sagemaker_backends[ACCOUNT][REGION]

    def make_bucket(self, name: str = BUCKET, region: str = REGION) -> None:
        """Make a bucket."""
        place = {"LocationConstraint": region}
        self.client("s3", region).create_bucket(Bucket=name, CreateBucketConfiguration=place)

    def put(self, key: str, body: bytes, bucket: str = BUCKET) -> None:
        """Write an object."""
        self.client("s3").put_object(Bucket=bucket, Key=key, Body=body)

    def put_folder(self, prefix: str, folder: Path) -> None:
        """Write a folder's files below a prefix."""
        for path in folder.rglob("*"):
            if path.is_file():
                self.put(f"{prefix}/{path.relative_to(folder)}", path.read_bytes())

    def keys(self, bucket: str = BUCKET) -> list[str]:
        """Return the keys of a bucket."""
        answer = self.client("s3").list_objects_v2(Bucket=bucket)
        return [entry["Key"] for entry in answer.get("Contents", ())]

    def body(self, operation: str) -> dict[str, Any]:
        """Return the body of the one call of that name."""
        (found,) = (body for name, body in self.sent if name == operation)
        return found

    def write_log(self, group: str, stream: str, lines: tuple[str, ...]) -> None:
        """Write lines as a container does."""
        client = self.client("logs")
        backend = logs_backends[ACCOUNT][REGION]
        if group not in backend.groups:
            client.create_log_group(logGroupName=group)
        if stream not in backend.groups[group].streams:
            client.create_log_stream(logGroupName=group, logStreamName=stream)
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": line} for line in lines]
        client.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)

    def look(self, kind: str, name: str) -> None:
        """Let a job go on by one look, if its kind has a course."""
        looks = self.courses.get(kind)
        jobs = getattr(self.backend, f"{kind}s")
        if not looks or name not in jobs:
            return
        look, job = (looks.pop(0) if len(looks) > 1 else looks[0]), jobs[name]
        setattr(job, f"{kind}_status", look.status)
        job.failure_reason = look.reason
        if look.secondary is not None:
            job.secondary_status = look.secondary
            entry = {
                "Status": look.secondary,
                "StartTime": job.creation_time,
                "StatusMessage": look.message,
            }
            seen = [line["Status"] for line in job.secondary_status_transitions]
            if look.secondary not in seen:
                job.secondary_status_transitions.append(entry)
        if look.log:
            groups = {"training_job": "TrainingJobs", "transform_job": "TransformJobs"}
            self.write_log(f"/aws/sagemaker/{groups[kind]}", f"{name}/algo-1-17", look.log)
            look.log = ()


@contextmanager
def running_platform() -> Iterator[Platform]:
    """Run the server in this process, for as long as the block runs."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    platform = Platform(f"http://{host}:{port}")
    with pytest.MonkeyPatch.context() as patch:
        _extend(platform, patch)
        yield platform
    server.stop()


def _extend(platform: Platform, patch: pytest.MonkeyPatch) -> None:
    """Record Create calls, give jobs their courses, and add the calls that moto has not."""

    def record(operation: str) -> None:
        original = getattr(SageMakerResponse, operation)

        def recording(self: SageMakerResponse) -> Any:
            if operation in platform.refused:
                raise platform.refused[operation]
            platform.sent.append((operation, json.loads(self.body)))
            return original(self)

        patch.setattr(SageMakerResponse, operation, recording)

    def follow(kind: str) -> None:
        original = getattr(SageMakerModelBackend, f"describe_{kind}")

        def following(self: SageMakerModelBackend, *names: str, **arguments: str) -> Any:
            (name,) = (*names, *arguments.values())
            platform.look(kind, name)
            return original(self, name)

        patch.setattr(SageMakerModelBackend, f"describe_{kind}", following)

    def stop(self: SageMakerResponse) -> ActionResult:
        job = platform.backend.training_jobs[self._get_param("TrainingJobName")]
        job.training_job_status = "Stopping"
        return ActionResult({})

    def delete(self: SageMakerResponse) -> ActionResult:
        del platform.backend.training_jobs[self._get_param("TrainingJobName")]
        return ActionResult({})

    for operation in _RECORDED:
        record(operation)
    for kind in _JOBS:
        follow(kind)
    patch.setattr(SageMakerResponse, "stop_training_job", stop, raising=False)
    patch.setattr(SageMakerResponse, "delete_training_job", delete, raising=False)


def use(patch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> None:
    """Make an environment that of this process, for calls within it."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        patch.delenv(name)
    for name, value in environment.items():
        if name.startswith("AWS_"):
            patch.setenv(name, value)


def object2vec_command() -> list[str]:
    """The installed program."""
    return [str(Path(sys.executable).with_name("object2vec"))]

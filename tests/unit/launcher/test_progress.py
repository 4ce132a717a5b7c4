"""Waiting: what is shown on the way, and what is told at the end."""

import io

import pytest
from tests.sagemaker_platform import Look, Platform
from tests.unit.launcher.test_resources import make_endpoint, make_training

from object2vec.errors import AlgorithmError, ClientError, Object2VecError, PlatformError
from object2vec.launcher import progress, resources
from object2vec.launcher.resources import ENDPOINT, TRAINING, TRANSFORM
from object2vec.launcher.screen import Screen
from object2vec.launcher.session import Session

PROGRESS = "[11/24/2026 08:00:00 INFO 1] #progress_metric: host=algo-1, completed 50.0 % of epochs"
QUALITY = (
    "[11/24/2026 08:00:00 INFO 1] #quality_metric: host=algo-1, epoch=3, "
    "validation cross_entropy <loss>=0.25"
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def follow(session: Session, kind: resources.Kind, name: str, stream: io.StringIO) -> str:
    description = progress.follow(session, kind, name, Screen(stream), 0.01)
    return kind.status(description)


def test_statuses_and_log_lines_come_in_their_order_and_once(
    session: Session, platform: Platform
) -> None:
    make_training(session.client("sagemaker"), "job")
    platform.courses["training_job"] = [
        Look("InProgress", "Downloading", "data"),
        Look("InProgress", "Training", "image", ("one",)),
        Look("InProgress", "Training", "image", ("two",)),
        Look("Completed", "Completed", "done", ("three",)),
    ]
    stream = io.StringIO()
    assert follow(session, TRAINING, "job", stream) == "Completed"
    lines = [line.partition(" ")[2] or line for line in stream.getvalue().splitlines()]
    assert lines == [
        "Starting: Preparing the instances for training",
        "Downloading: data",
        "Training: image",
        "one",
        "two",
        "Completed: done",
        "three",
    ]


def test_log_lines_that_come_after_the_end_are_shown(session: Session, platform: Platform) -> None:
    make_training(session.client("sagemaker"), "job")

    class LateScreen(Screen):
        def sleep(self, seconds: float) -> None:
            platform.write_log("/aws/sagemaker/TrainingJobs", "job/algo-1-17", ("late",))

    stream = io.StringIO()
    progress.follow(session, TRAINING, "job", LateScreen(stream), 0.01)
    assert stream.getvalue().splitlines()[-1] == "late"


def test_a_terminal_gets_a_line_of_progress_under_the_log(
    session: Session, platform: Platform
) -> None:
    make_training(session.client("sagemaker"), "job")
    platform.courses["training_job"] = [
        Look("InProgress", "Training", "image", (PROGRESS, QUALITY)),
        Look("Completed", "Completed"),
    ]
    stream = Terminal()
    follow(session, TRAINING, "job", stream)
    drawn = stream.getvalue().replace("\r", "\n").splitlines()
    (bar,) = {line.strip() for line in drawn if line.startswith("job Training:  50%")}
    assert bar.endswith(", epoch 3, validation cross_entropy 0.25")
    assert PROGRESS in drawn
    assert drawn[-1].strip() == ""


def test_an_endpoint_is_followed_without_a_log(session: Session, platform: Platform) -> None:
    make_endpoint(session.client("sagemaker"), "front", "front", "front")
    platform.courses["endpoint"] = [Look("Creating"), Look("Creating"), Look("InService")]
    stream = io.StringIO()
    assert follow(session, ENDPOINT, "front", stream) == "InService"
    assert stream.getvalue().splitlines() == [
        "endpoint front: Creating",
        "endpoint front: InService",
    ]


def test_what_is_not_there_is_not_waited_for(session: Session) -> None:
    with pytest.raises(ClientError, match="There is no training job absent"):
        follow(session, TRAINING, "absent", io.StringIO())


def test_a_few_lost_answers_end_no_wait_and_many_do(
    session: Session, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_training(session.client("sagemaker"), "job")
    describe, failures = resources.describe, [4]

    def fail_at_first(*arguments: object) -> object:
        if failures[0]:
            failures[0] -= 1
            raise PlatformError("no network.")
        return describe(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(resources, "describe", fail_at_first)
    stream = io.StringIO()
    assert follow(session, TRAINING, "job", stream) == "Completed"
    assert stream.getvalue().count("no network. The job goes on.") == 4
    failures[0] = 5
    with pytest.raises(PlatformError, match="no network"):
        follow(session, TRAINING, "job", io.StringIO())


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("AlgorithmError: ClientError: 'enc_dim' is wrong, exit code: 2", ClientError),
        ("AlgorithmError: PlatformError: the disk is full, exit code: 3", PlatformError),
        ("AlgorithmError: Unexpected KeyError, exit code: 1", AlgorithmError),
        ("AlgorithmError: , exit code: 137", AlgorithmError),
        ("ClientError: Data download failed: no such key", ClientError),
        ("InternalServerError: We encountered an internal error", PlatformError),
        ("CapacityError: Unable to provision requested ML compute capacity", PlatformError),
        ("", AlgorithmError),
    ],
)
def test_a_failed_job_ends_with_its_reason_and_whose_fault_it_is(
    reason: str, kind: type[Object2VecError]
) -> None:
    description = {
        "TrainingJobName": "job",
        "TrainingJobStatus": "Failed",
        "FailureReason": reason,
    }
    with pytest.raises(Object2VecError) as caught:
        progress.check_end(TRAINING, description)
    assert type(caught.value) is kind
    words = reason or "the service gives no reason"
    assert f"training job job has failed (Failed): {words}" in str(caught.value)
    assert ("no memory" in str(caught.value)) is ("137" in reason)


@pytest.mark.parametrize(
    ("status", "secondary", "words"),
    [
        ("Stopped", "MaxRuntimeExceeded", "Raise --max-runtime"),
        ("Stopped", "MaxWaitTimeExceeded", "Raise --max-wait"),
        ("Completed", "Completed", None),
        ("Stopped", "Stopped", "training job job was stopped"),
    ],
)
def test_a_stopped_job_has_not_ended_well(status: str, secondary: str, words: str | None) -> None:
    description = {
        "TrainingJobName": "job",
        "TrainingJobStatus": status,
        "SecondaryStatus": secondary,
    }
    if words is None:
        progress.check_end(TRAINING, description)
        return
    with pytest.raises(ClientError, match=words):
        progress.check_end(TRAINING, description)


def test_a_failed_endpoint_says_where_its_log_is() -> None:
    description = {"EndpointName": "front", "EndpointStatus": "Failed", "FailureReason": "no ping"}
    with pytest.raises(AlgorithmError, match=r"no ping\n.*/aws/sagemaker/Endpoints/front"):
        progress.check_end(ENDPOINT, description)


def test_a_good_transform_job_passes() -> None:
    description = {"TransformJobName": "t", "TransformJobStatus": "Completed"}
    progress.check_end(TRANSFORM, description)

"""The bodies of the calls that create training and tuning jobs. Pure: nothing calls AWS here."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from object2vec.errors import ClientError
from object2vec.hyperparameters import Hyperparameters
from object2vec.launcher.locations import S3Location
from object2vec.launcher.request_parts import JSON_LINES, Body, s3_source, some, tag_list
from object2vec.metric_definitions import METRIC_DEFINITIONS

CHANNELS = ("train", "validation", "test", "auxiliary")


@dataclass(frozen=True, slots=True)
class Machine:
    """What a training job runs on, and for how long.

    Attributes:
        instance_type: SageMaker's name of the machine.
        instance_count: How many of them.
        volume_gb: The disk for data and model, in GB.
        max_runtime: Seconds after which the service stops the job.
        spot: Whether to take spare machines, cheaper and interrupted at times.
        max_wait: Seconds that a spot job may take, waiting included; None for as many as it runs.
    """

    instance_type: str = "ml.m5.2xlarge"
    instance_count: int = 1
    volume_gb: int = 30
    max_runtime: int = 86_400
    spot: bool = False
    max_wait: int | None = None

    def __post_init__(self) -> None:
        """Check what belongs together."""
        if self.max_wait is not None and not self.spot:
            raise ClientError("--max-wait is of spot jobs only: add --spot, or leave it out.")
        if self.max_wait is not None and self.max_wait < self.max_runtime:
            raise ClientError(
                f"--max-wait {self.max_wait} is shorter than --max-runtime {self.max_runtime}: the "
                "wait counts the run too. Raise the one or lower the other."
            )


@dataclass(frozen=True, slots=True)
class Training:
    """A training job to be, with everything checked but what the service alone knows.

    Attributes:
        name: The job's name (of a tuning job: its own, not its training jobs').
        image: URI of this project's image.
        role: ARN of the role that the job runs as.
        hyperparameters: Name to string.
        channels: Channel to the prefix of its data.
        output: The prefix below which the service writes NAME/output/model.tar.gz.
        machine: What it runs on.
        checkpoints: Where checkpoints are kept over interruptions; None for nowhere.
        environment: Environment variables of the container.
        tags: Tags of the job.
    """

    name: str
    image: str
    role: str
    hyperparameters: Mapping[str, str]
    channels: Mapping[str, S3Location]
    output: S3Location
    machine: Machine = field(default_factory=Machine)
    checkpoints: S3Location | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


def check_training(strings: Mapping[str, str], channels: Mapping[str, object]) -> Hyperparameters:
    """Check what a training job would refuse minutes after its machines were started.

    Args:
        strings: The hyperparameters as they will be sent.
        channels: The channels that are given.

    Returns:
        The hyperparameters as the job will read them, with its notes.

    Raises:
        ClientError: A hyperparameter is wrong, or a channel is missing.
    """
    hyperparameters = Hyperparameters.from_strings(strings)
    if "train" not in channels:
        raise ClientError(
            "No training data is given. Give a file or folder of JSON Lines with --train, or "
            "s3://bucket/prefix."
        )
    if "auxiliary" not in channels:
        for side, encoder in zip(("enc0", "enc1"), hyperparameters.encoders, strict=True):
            for part in ("vocab_file", "pretrained_embedding_file"):
                if getattr(encoder, part):
                    raise ClientError(
                        f"{side}_{part} is {getattr(encoder, part)!r}, a file of the channel "
                        "auxiliary, which is not given. Give its folder with --auxiliary."
                    )
    return hyperparameters


def training_request(training: Training) -> Body:
    """Return the body of CreateTrainingJob."""
    return {
        "TrainingJobName": training.name,
        "HyperParameters": dict(training.hyperparameters),
        **_definition(training),
        **some(Tags=tag_list(training.tags)),
    }


def tuning_request(
    training: Training,
    ranges: Mapping[str, object],
    objective: Mapping[str, str],
    *,
    jobs: int,
    parallel: int,
    strategy: str,
    stop_early: bool,
) -> Body:
    """Return the body of CreateHyperParameterTuningJob.

    Args:
        training: What every training job has; hyperparameters that are tuned are left out of it.
        ranges: ParameterRanges.
        objective: Type and MetricName.
        jobs: How many training jobs to run in all.
        parallel: How many of them at a time.
        strategy: How the next values are chosen.
        stop_early: Whether the service may stop training jobs that do badly.
    """
    return {
        "HyperParameterTuningJobName": training.name,
        "HyperParameterTuningJobConfig": {
            "Strategy": strategy,
            "HyperParameterTuningJobObjective": dict(objective),
            "ResourceLimits": {
                "MaxNumberOfTrainingJobs": jobs,
                "MaxParallelTrainingJobs": parallel,
            },
            "ParameterRanges": dict(ranges),
            "TrainingJobEarlyStoppingType": "Auto" if stop_early else "Off",
        },
        "TrainingJobDefinition": {
            "StaticHyperParameters": dict(training.hyperparameters),
            **_definition(training),
        },
        **some(Tags=tag_list(training.tags)),
    }


def _definition(training: Training) -> Body:
    """Return what a training job and a tuning job's definition have in common."""
    machine = training.machine
    stopping = {"MaxRuntimeInSeconds": machine.max_runtime}
    if machine.spot:
        stopping["MaxWaitTimeInSeconds"] = machine.max_wait or machine.max_runtime
    checkpoints = {"S3Uri": str(training.checkpoints)} if training.checkpoints else None
    return {
        "AlgorithmSpecification": {
            "TrainingImage": training.image,
            "TrainingInputMode": "File",
            "MetricDefinitions": [
                {"Name": metric.name, "Regex": metric.regex} for metric in METRIC_DEFINITIONS
            ],
        },
        "RoleArn": training.role,
        "InputDataConfig": [
            _channel(name, training.channels[name])
            for name in CHANNELS
            if name in training.channels
        ],
        "OutputDataConfig": {"S3OutputPath": str(training.output)},
        "ResourceConfig": {
            "InstanceType": machine.instance_type,
            "InstanceCount": machine.instance_count,
            "VolumeSizeInGB": machine.volume_gb,
        },
        "StoppingCondition": stopping,
        "EnableManagedSpotTraining": machine.spot,
        **some(CheckpointConfig=checkpoints, Environment=dict(training.environment)),
    }


def _channel(name: str, place: S3Location) -> Body:
    # The files of `auxiliary` are of several types, so it has none.
    content_type = None if name == "auxiliary" else JSON_LINES
    source = s3_source(place) | {"S3DataDistributionType": "FullyReplicated"}
    return {
        "ChannelName": name,
        "DataSource": {"S3DataSource": source},
        **some(ContentType=content_type),
    }

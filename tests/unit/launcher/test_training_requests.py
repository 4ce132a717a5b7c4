"""The bodies that create training and tuning jobs, against the service's own model."""

from dataclasses import replace
from typing import Any

import pytest
from tests.sagemaker_platform import IMAGE, ROLE
from tests.service_model import find_faults

from object2vec.errors import ClientError
from object2vec.launcher.locations import S3Location
from object2vec.launcher.training_requests import (
    Machine,
    Training,
    check_training,
    training_request,
    tuning_request,
)
from object2vec.launcher.tuning import choose_ranges
from object2vec.metric_definitions import METRIC_DEFINITIONS

STRINGS = {"enc0_vocab_size": "50", "enc0_max_seq_len": "3", "enc_dim": "16"}
PLAIN = Training(
    "job", IMAGE, ROLE, STRINGS, {"train": S3Location("b", "train")}, S3Location("b", "out")
)
FULL = replace(
    PLAIN,
    channels={name: S3Location("b", name) for name in ("auxiliary", "test", "validation", "train")},
    machine=Machine("ml.g4dn.xlarge", 2, 50, 3600, spot=True, max_wait=7200),
    checkpoints=S3Location("b", "checkpoints"),
    environment={"OBJECT2VEC_X": "1"},
    tags={"team": "a"},
)


def tuning_body(training: Training) -> dict[str, Any]:
    return tuning_request(
        replace(training, hyperparameters={"enc0_vocab_size": "50", "enc0_max_seq_len": "3"}),
        choose_ranges([], STRINGS),
        {"Type": "Minimize", "MetricName": "validation:cross_entropy"},
        jobs=10,
        parallel=3,
        strategy="Bayesian",
        stop_early=True,
    )


@pytest.mark.parametrize("training", [PLAIN, FULL], ids=["plain", "full"])
def test_the_bodies_fit_the_service_s_own_model(training: Training) -> None:
    assert find_faults("CreateTrainingJob", training_request(training)) == []
    assert find_faults("CreateHyperParameterTuningJob", tuning_body(training)) == []


def test_the_check_against_the_model_finds_what_the_service_refuses() -> None:
    wrong = replace(
        PLAIN, name="a_b", role="me", machine=Machine("ml.x9.huge"), tags={"a": "x" * 257}
    )
    faults = "\n".join(find_faults("CreateTrainingJob", training_request(wrong)))
    for part in ("TrainingJobName", "RoleArn", "InstanceType", "Tags[0].Value"):
        assert f"CreateTrainingJob.{part}" in faults.replace("ResourceConfig.", "")


def test_a_plain_job_has_what_it_needs_and_no_more() -> None:
    assert training_request(PLAIN) == {
        "TrainingJobName": "job",
        "HyperParameters": STRINGS,
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "MetricDefinitions": [
                {"Name": metric.name, "Regex": metric.regex} for metric in METRIC_DEFINITIONS
            ],
        },
        "RoleArn": ROLE,
        "InputDataConfig": [
            {
                "ChannelName": "train",
                "DataSource": {
                    "S3DataSource": {
                        "S3DataType": "S3Prefix",
                        "S3Uri": "s3://b/train",
                        "S3DataDistributionType": "FullyReplicated",
                    }
                },
                "ContentType": "application/jsonlines",
            }
        ],
        "OutputDataConfig": {"S3OutputPath": "s3://b/out"},
        "ResourceConfig": {
            "InstanceType": "ml.m5.2xlarge",
            "InstanceCount": 1,
            "VolumeSizeInGB": 30,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 86_400},
        "EnableManagedSpotTraining": False,
    }


def test_a_full_job_has_spot_checkpoints_and_all_channels() -> None:
    body: Any = training_request(FULL)
    assert body["EnableManagedSpotTraining"] is True
    assert body["StoppingCondition"] == {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 7200}
    assert body["CheckpointConfig"] == {"S3Uri": "s3://b/checkpoints"}
    assert body["Environment"] == {"OBJECT2VEC_X": "1"}
    assert body["Tags"] == [{"Key": "team", "Value": "a"}]
    types = {line["ChannelName"]: line.get("ContentType") for line in body["InputDataConfig"]}
    lines = "application/jsonlines"
    assert types == {"train": lines, "validation": lines, "test": lines, "auxiliary": None}


def test_a_spot_job_waits_as_long_as_it_may_run_if_nothing_else_is_said() -> None:
    body: Any = training_request(replace(PLAIN, machine=Machine(max_runtime=100, spot=True)))
    assert body["StoppingCondition"]["MaxWaitTimeInSeconds"] == 100


def test_a_tuning_job_s_definition_is_the_training_job_s_without_what_is_tuned() -> None:
    body: Any = tuning_body(FULL)
    definition = body["TrainingJobDefinition"]
    same = {key: value for key, value in training_request(FULL).items() if key in definition}
    assert {key: definition[key] for key in same} == same
    assert definition["StaticHyperParameters"] == {"enc0_vocab_size": "50", "enc0_max_seq_len": "3"}
    assert body["HyperParameterTuningJobConfig"]["ResourceLimits"] == {
        "MaxNumberOfTrainingJobs": 10,
        "MaxParallelTrainingJobs": 3,
    }
    assert body["HyperParameterTuningJobConfig"]["TrainingJobEarlyStoppingType"] == "Auto"


def test_waits_that_cannot_be_are_refused() -> None:
    with pytest.raises(ClientError, match="--max-wait is of spot jobs only"):
        Machine(max_wait=10)
    with pytest.raises(ClientError, match="--max-wait 10 is shorter than --max-runtime 20"):
        Machine(max_runtime=20, spot=True, max_wait=10)


def test_faults_of_the_job_are_told_before_anything_is_created() -> None:
    with pytest.raises(ClientError, match="'enc_dim' should be within range"):
        check_training({**STRINGS, "enc_dim": "1"}, {"train": ""})
    with pytest.raises(ClientError, match=r"No training data is given.*--train"):
        check_training(STRINGS, {"validation": ""})
    with pytest.raises(ClientError, match=r"enc0_vocab_file is 'v.json', .*--auxiliary"):
        check_training({**STRINGS, "enc0_vocab_file": "v.json"}, {"train": ""})
    record = check_training(
        {**STRINGS, "enc0_vocab_file": "v.json"}, {"train": "", "auxiliary": ""}
    )
    assert record.enc_dim == 16

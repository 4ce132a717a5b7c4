"""What is told of a thing, in lines."""

from object2vec.launcher import resources
from object2vec.launcher.resources import Resource
from object2vec.launcher.summaries import say_best, say_counts, summary


def test_a_training_job_tells_status_model_machines_and_metrics() -> None:
    description = {
        "TrainingJobName": "job",
        "TrainingJobStatus": "InProgress",
        "SecondaryStatus": "Training",
        "ModelArtifacts": {"S3ModelArtifacts": "s3://b/job/output/model.tar.gz"},
        "ResourceConfig": {"InstanceCount": 2, "InstanceType": "ml.m5.xlarge"},
        "FinalMetricDataList": [{"MetricName": "validation:accuracy", "Value": 0.93456789}],
        "BillableTimeInSeconds": 60,
    }
    assert summary(Resource(resources.TRAINING, description)) == [
        "training job job",
        "  status: InProgress (Training)",
        "  model data: s3://b/job/output/model.tar.gz",
        "  seconds billed: 60",
        "  instances: 2 x ml.m5.xlarge",
        "  validation:accuracy: 0.934568",
    ]


def test_a_tuning_job_tells_counts_and_its_best() -> None:
    description = {
        "HyperParameterTuningJobName": "tune",
        "HyperParameterTuningJobStatus": "Completed",
        "TrainingJobStatusCounters": {
            "Completed": 5,
            "InProgress": 2,
            "RetryableError": 1,
            "NonRetryableError": 2,
        },
        "BestTrainingJob": {
            "TrainingJobName": "tune-003",
            "TunedHyperParameters": {"enc_dim": "64"},
            "FinalHyperParameterTuningJobObjectiveMetric": {"MetricName": "m", "Value": 0.5},
        },
    }
    assert summary(Resource(resources.TUNING, description)) == [
        "tuning job tune",
        "  status: Completed",
        "  training jobs: 5 completed, 2 running, 3 failed",
        "  best: tune-003, m 0.5 (enc_dim=64)",
    ]


def test_a_tuning_job_without_a_result_has_no_best() -> None:
    assert say_best({"BestTrainingJob": {}}) == ""
    assert say_best({"BestTrainingJob": {"TrainingJobName": "a"}}) == "a ()"
    assert say_counts({}) == ""


def test_an_endpoint_and_a_model_tell_what_they_have() -> None:
    endpoint = {"EndpointName": "e", "EndpointStatus": "InService", "EndpointConfigName": "c"}
    model = {"ModelName": "m", "PrimaryContainer": {"ModelDataUrl": "s3://b/model.tar.gz"}}
    assert summary(Resource(resources.ENDPOINT, endpoint)) == [
        "endpoint e",
        "  status: InService",
        "  config: c",
    ]
    assert summary(Resource(resources.MODEL, model)) == [
        "model m",
        "  model data: s3://b/model.tar.gz",
    ]

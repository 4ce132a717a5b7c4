"""What is told of a thing that SageMaker keeps, in lines for a person."""

from object2vec.launcher.resources import ENDPOINT, Description, Resource


def summary(resource: Resource) -> list[str]:
    """Return its status and what a person asks of it."""
    kind, description = resource.kind, resource.description
    rows = [
        ("status", _say_status(resource)),
        ("reason", description.get("FailureReason")),
        ("created", description.get("CreationTime")),
        ("model data", description.get("ModelArtifacts", {}).get("S3ModelArtifacts")),
        ("model data", description.get("PrimaryContainer", {}).get("ModelDataUrl")),
        ("output", description.get("TransformOutput", {}).get("S3OutputPath")),
        ("seconds billed", description.get("BillableTimeInSeconds")),
        ("training jobs", say_counts(description)),
        ("best", say_best(description)),
        ("instances", _say_instances(description)),
        ("config", description.get("EndpointConfigName") if kind is ENDPOINT else None),
        *(
            (metric["MetricName"], f"{metric['Value']:.6g}")
            for metric in description.get("FinalMetricDataList", ())
        ),
    ]
    lines = [f"  {label}: {value}" for label, value in rows if value not in (None, "")]
    return [f"{kind.word} {resource.name}", *lines]


def say_counts(description: Description) -> str:
    """Return how many training jobs of a tuning job are where; nothing for other things."""
    counters = description.get("TrainingJobStatusCounters")
    if not counters:
        return ""
    failed = counters.get("NonRetryableError", 0) + counters.get("RetryableError", 0)
    return (
        f"{counters.get('Completed', 0)} completed, {counters.get('InProgress', 0)} running, "
        f"{failed} failed"
    )


def say_best(description: Description) -> str:
    """Return the best training job of a tuning job; nothing for other things."""
    best = description.get("BestTrainingJob") or {}
    if "TrainingJobName" not in best:
        return ""
    metric = best.get("FinalHyperParameterTuningJobObjectiveMetric") or {}
    value = f", {metric['MetricName']} {metric['Value']:.6g}" if "Value" in metric else ""
    tuned = best.get("TunedHyperParameters") or {}
    return f"{best['TrainingJobName']}{value} ({', '.join(f'{k}={v}' for k, v in tuned.items())})"


def _say_status(resource: Resource) -> str:
    status = resource.kind.status(resource.description)
    secondary = resource.description.get("SecondaryStatus", status)
    return status if secondary == status else f"{status} ({secondary})"


def _say_instances(description: Description) -> str:
    machine = description.get("ResourceConfig") or description.get("TransformResources") or {}
    if "InstanceType" not in machine:
        return ""
    return f"{machine['InstanceCount']} x {machine['InstanceType']}"

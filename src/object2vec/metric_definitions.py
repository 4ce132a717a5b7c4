"""The metrics that a job logs: their names in a tuning job and the patterns that find them.

The patterns are the built-in algorithm's own; the log lines are written to match them.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class MetricDefinition:
    """One metric.

    Attributes:
        name: The name in CloudWatch and in a tuning job's objective.
        regex: The pattern whose group 1 is the value in a log line.
        objective: How a tuning job takes it as its objective, None where it does not.
    """

    name: str
    regex: str
    objective: Literal["Minimize", "Maximize"] | None = None


def _quality_metrics(channel: Literal["train", "validation", "test"]) -> list[MetricDefinition]:
    epoch = "" if channel == "test" else r"epoch=\S+, "
    metrics: list[tuple[str, str, Literal["Minimize", "Maximize"]]] = [
        ("accuracy", "score", "Maximize"),
        ("cross_entropy", "loss", "Minimize"),
        ("mean_squared_error", "loss", "Minimize"),
    ]
    return [
        MetricDefinition(
            f"{channel}:{metric}",
            rf"#quality_metric: host=\S+, {epoch}{channel} {metric} <{label}>=(\S+)",
            None if channel == "train" else objective,
        )
        for metric, label, objective in metrics
    ]


METRIC_DEFINITIONS = (
    *_quality_metrics("train"),
    MetricDefinition("train:progress", r"#progress_metric: host=\S+, completed (\S+) %"),
    MetricDefinition(
        "train:throughput",
        r"#throughput_metric: host=\S+, train throughput=(\S+) records/second",
    ),
    *_quality_metrics("validation"),
    *_quality_metrics("test"),
)

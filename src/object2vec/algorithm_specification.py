"""The algorithm in the words of SageMaker's API: CreateAlgorithm and a tuning job's ranges.

Both are made from the table of hyperparameters and the metric definitions; `documentation` writes
them as files.
"""

from object2vec.hyperparameter_table import HYPERPARAMETERS, Hyperparameter
from object2vec.metric_definitions import METRIC_DEFINITIONS
from object2vec.value_kinds import Choice, Flag, Real, Whole

CONTENT_TYPES = ("application/jsonlines",)
REQUEST_TYPES = ("application/json", "application/jsonlines")
# The API has no number without an upper bound.
API_LARGEST_WHOLE = 2**31 - 1
IMAGE = "ACCOUNT.dkr.ecr.REGION.amazonaws.com/object2vec:cpu"

_CPU_INSTANCES = tuple(
    f"ml.{family}.{size}"
    for family, sizes in (
        ("m5", ("large", "xlarge", "2xlarge", "4xlarge", "12xlarge", "24xlarge")),
        ("c5", ("xlarge", "2xlarge", "4xlarge", "9xlarge", "18xlarge")),
    )
    for size in sizes
)
_GPU_INSTANCES = tuple(
    f"ml.{family}.{size}"
    for family, sizes in (
        ("p3", ("2xlarge", "8xlarge", "16xlarge")),
        ("g4dn", ("xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge")),
        ("g5", ("xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge")),
    )
    for size in sizes
)

_CHANNELS = (
    ("train", "Records to learn from.", CONTENT_TYPES),
    ("validation", "Records by which training stops and the best epoch is chosen.", CONTENT_TYPES),
    ("test", "Records by which the best model is scored at the end.", CONTENT_TYPES),
    (
        "auxiliary",
        "Files of vocabularies and pretrained token vectors.",
        ("application/json", "text/plain", "application/octet-stream"),
    ),
)


def create_algorithm_request() -> dict[str, object]:
    """Return the body of a CreateAlgorithm call; only the image is to be filled in."""
    instances = [*_CPU_INSTANCES, *_GPU_INSTANCES]
    return {
        "AlgorithmName": "object2vec",
        "AlgorithmDescription": "Learns embeddings of pairs of objects.",
        "TrainingSpecification": {
            "TrainingImage": IMAGE,
            "SupportedHyperParameters": [
                _hyperparameter_specification(line) for line in HYPERPARAMETERS.values()
            ],
            "SupportedTrainingInstanceTypes": instances,
            "SupportsDistributedTraining": False,
            "MetricDefinitions": [
                {"Name": metric.name, "Regex": metric.regex} for metric in METRIC_DEFINITIONS
            ],
            "TrainingChannels": [
                {
                    "Name": name,
                    "Description": description,
                    "IsRequired": name == "train",
                    "SupportedContentTypes": list(content_types),
                    "SupportedCompressionTypes": ["None", "Gzip"],
                    # A pipe has no files to be named by hyperparameters.
                    "SupportedInputModes": ["File"] if name == "auxiliary" else ["File", "Pipe"],
                }
                for name, description, content_types in _CHANNELS
            ],
            "SupportedTuningJobObjectiveMetrics": [
                {"Type": metric.objective, "MetricName": metric.name}
                for metric in METRIC_DEFINITIONS
                if metric.objective is not None
            ],
        },
        "InferenceSpecification": {
            "Containers": [{"Image": IMAGE}],
            "SupportedTransformInstanceTypes": instances,
            "SupportedRealtimeInferenceInstanceTypes": instances,
            "SupportedContentTypes": list(REQUEST_TYPES),
            "SupportedResponseMIMETypes": list(REQUEST_TYPES),
        },
    }


def _hyperparameter_specification(line: Hyperparameter) -> dict[str, object]:
    """Return the API's HyperParameterSpecification of one line of the table."""
    specification: dict[str, object] = {
        "Name": line.name,
        "Description": line.summary,
        "IsTunable": bool(line.tuning),
        "IsRequired": line.is_required,
    }
    if line.default:
        specification["DefaultValue"] = line.default
    return specification | _type_and_range(line)


def _type_and_range(line: Hyperparameter) -> dict[str, object]:
    kind = line.kind
    match kind:
        case Whole(word=None):
            largest = API_LARGEST_WHOLE if kind.maximum is None else kind.maximum
            return _numbers("Integer", str(kind.minimum), str(largest))
        case Whole(maximum=int(maximum)) if line.tuning:
            # The API has no number that may also be a word, and tunes no free text.
            numbers = range(kind.minimum, maximum + 1)
            return _words([str(kind.word), *(str(number) for number in numbers)])
        case Real():
            return _numbers("Continuous", kind.minimum, kind.maximum)
        case Choice():
            return _words(list(kind.values))
        case Flag():
            return _words(["True", "False", "true", "false"])
        case _:
            return {"Type": "FreeText"}


def _numbers(api_type: str, minimum: str, maximum: str) -> dict[str, object]:
    bounds = {"MinValue": minimum, "MaxValue": maximum}
    return {"Type": api_type, "Range": {f"{api_type}ParameterRangeSpecification": bounds}}


def _words(values: list[str]) -> dict[str, object]:
    specification = {"CategoricalParameterRangeSpecification": {"Values": values}}
    return {"Type": "Categorical", "Range": specification}


def tuning_ranges() -> dict[str, object]:
    """Return the recommended ranges as the ParameterRanges of a tuning job.

    Layers are whole numbers; they stand among the categories because an algorithm resource
    declares them so, to let `auto` in.
    """
    continuous, integer, categorical = [], [], []
    for line in HYPERPARAMETERS.values():
        match line.kind:
            case _ if not line.tuning:
                continue
            case Real():
                continuous.append(_tuning_bounds(line))
            case Whole(word=None):
                integer.append(_tuning_bounds(line))
            case Whole():
                minimum, maximum = (int(bound) for bound in line.tuning)
                numbers = [str(number) for number in range(minimum, maximum + 1)]
                categorical.append({"Name": line.name, "Values": numbers})
            case _:
                categorical.append({"Name": line.name, "Values": list(line.tuning)})
    return {
        "ContinuousParameterRanges": continuous,
        "IntegerParameterRanges": integer,
        "CategoricalParameterRanges": categorical,
    }


def _tuning_bounds(line: Hyperparameter) -> dict[str, str]:
    minimum, maximum = line.tuning
    return {"Name": line.name, "MinValue": minimum, "MaxValue": maximum, "ScalingType": "Auto"}

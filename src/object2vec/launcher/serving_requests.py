"""The bodies of the calls that create models, endpoints and transform jobs. Pure as well."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from object2vec.launcher.locations import S3Location
from object2vec.launcher.request_parts import JSON_LINES, Body, s3_source, some, tag_list

VARIANT = "AllTraffic"


def model_request(
    name: str,
    image: str,
    role: str,
    model: S3Location,
    *,
    environment: Mapping[str, str],
    tags: Mapping[str, str],
) -> Body:
    """Return the body of CreateModel; `model` is a model.tar.gz."""
    container = {"Image": image, "ModelDataUrl": str(model)}
    return {
        "ModelName": name,
        "PrimaryContainer": {**container, **some(Environment=dict(environment))},
        "ExecutionRoleArn": role,
        **some(Tags=tag_list(tags)),
    }


def endpoint_config_request(
    name: str, model_name: str, instance_type: str, instance_count: int, tags: Mapping[str, str]
) -> Body:
    """Return the body of CreateEndpointConfig."""
    variant = {
        "VariantName": VARIANT,
        "ModelName": model_name,
        "InstanceType": instance_type,
        "InitialInstanceCount": instance_count,
        "InitialVariantWeight": 1.0,
    }
    return {
        "EndpointConfigName": name,
        "ProductionVariants": [variant],
        **some(Tags=tag_list(tags)),
    }


def endpoint_request(name: str, config_name: str, tags: Mapping[str, str]) -> Body:
    """Return the body of CreateEndpoint."""
    return {
        "EndpointName": name,
        "EndpointConfigName": config_name,
        **some(Tags=tag_list(tags)),
    }


@dataclass(frozen=True, slots=True)
class Transform:
    """A batch transform to be; values that are None are left to the service and the container.

    Attributes:
        name: The job's name.
        model_name: Name of the model that answers.
        records: The prefix of the records.
        output: The prefix of the answers, a file `INPUT.out` for every input.
        instance_type: SageMaker's name of the machine.
        instance_count: How many of them.
        content_type: The records' form.
        accept: The answers' form.
        strategy: MultiRecord or SingleRecord.
        max_payload_mb: Largest request in MB.
        max_concurrent: Requests at a time and machine.
        tags: Tags of the job.
    """

    name: str
    model_name: str
    records: S3Location
    output: S3Location
    instance_type: str
    instance_count: int = 1
    content_type: str = JSON_LINES
    accept: str | None = None
    strategy: str | None = None
    max_payload_mb: int | None = None
    max_concurrent: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


def transform_request(transform: Transform) -> Body:
    """Return the body of CreateTransformJob.

    JSON Lines are cut into requests at line ends. Every answer ends with a line end already, so the
    answers are put together as they are: AssembleWith `Line` would add empty lines.
    """
    by_line = "lines" in transform.content_type or transform.content_type.endswith("jsonl")
    return {
        "TransformJobName": transform.name,
        "ModelName": transform.model_name,
        "TransformInput": {
            "DataSource": {"S3DataSource": s3_source(transform.records)},
            "ContentType": transform.content_type,
            "SplitType": "Line" if by_line else "None",
        },
        "TransformOutput": {
            "S3OutputPath": str(transform.output),
            "AssembleWith": "None",
            **some(Accept=transform.accept),
        },
        "TransformResources": {
            "InstanceType": transform.instance_type,
            "InstanceCount": transform.instance_count,
        },
        **some(
            BatchStrategy=transform.strategy,
            MaxPayloadInMB=transform.max_payload_mb,
            MaxConcurrentTransforms=transform.max_concurrent,
            Tags=tag_list(transform.tags),
        ),
    }

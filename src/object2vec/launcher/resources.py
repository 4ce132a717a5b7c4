"""What SageMaker keeps by name: the kinds, how each is described, and how it is ended."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError as AnswerError

from object2vec.errors import ClientError
from object2vec.launcher.service_errors import explained, is_missing

Description = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of thing, in the words of the API.

    Attributes:
        word: The kind in words; with '-' for blanks it is a value of --kind.
        call: The end of the names of its calls: `describe_CALL`, `delete_CALL`.
        prefix: The beginning of its members: PREFIXName, PREFIXStatus.
        moving: The statuses that change by themselves.
        good: The statuses of success.
        can_stop: Whether it is a job, which can be stopped.
        can_delete: Whether the API deletes it; a transform job stays listed for ever.
        log_group: Where its containers' log lines are, None where it has no containers of its own.
    """

    word: str
    call: str
    prefix: str
    moving: tuple[str, ...] = ()
    good: tuple[str, ...] = ()
    can_stop: bool = False
    can_delete: bool = True
    log_group: str | None = None

    def name(self, description: Description) -> str:
        """Return the name of what is described."""
        return str(description[f"{self.prefix}Name"])

    def status(self, description: Description) -> str:
        """Return the status of what is described; a model has none."""
        return str(description.get(f"{self.prefix}Status", ""))

    def is_moving(self, description: Description) -> bool:
        """Whether the status will change by itself."""
        return self.status(description) in self.moving


_RUNNING = ("InProgress", "Stopping", "Deleting")
TRAINING = Kind(
    "training job",
    "training_job",
    "TrainingJob",
    _RUNNING,
    ("Completed",),
    can_stop=True,
    log_group="/aws/sagemaker/TrainingJobs",
)
TUNING = Kind(
    "tuning job",
    "hyper_parameter_tuning_job",
    "HyperParameterTuningJob",
    _RUNNING,
    ("Completed",),
    can_stop=True,
)
TRANSFORM = Kind(
    "transform job",
    "transform_job",
    "TransformJob",
    _RUNNING,
    ("Completed",),
    can_stop=True,
    can_delete=False,
    log_group="/aws/sagemaker/TransformJobs",
)
ENDPOINT = Kind(
    "endpoint",
    "endpoint",
    "Endpoint",
    ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"),
    ("InService",),
)
ENDPOINT_CONFIG = Kind("endpoint config", "endpoint_config", "EndpointConfig")
MODEL = Kind("model", "model", "Model")
KINDS = (TRAINING, TUNING, TRANSFORM, ENDPOINT, ENDPOINT_CONFIG, MODEL)
# What belongs to another thing of the same name, which `deploy` and `transform` make together.
_PARTS = {ENDPOINT: (ENDPOINT_CONFIG, MODEL), TRANSFORM: (MODEL,), ENDPOINT_CONFIG: (MODEL,)}


@dataclass(frozen=True, slots=True)
class Resource:
    """One thing that SageMaker keeps.

    Attributes:
        kind: What it is.
        description: What the service says of it.
    """

    kind: Kind
    description: Description

    @property
    def name(self) -> str:
        """Its name."""
        return self.kind.name(self.description)


def describe(client: Any, kind: Kind, name: str) -> Description | None:
    """Return what the service says of a thing, None where there is none of that name.

    Raises:
        ClientError: The caller may not ask.
        PlatformError: The service fails or cannot be reached.
    """
    with explained(f"describe the {kind.word} {name}"):
        try:
            answer = getattr(client, f"describe_{kind.call}")(**{f"{kind.prefix}Name": name})
        except AnswerError as error:
            if is_missing(error):
                return None
            raise
    answer.pop("ResponseMetadata", None)
    return dict(answer)


def find(client: Any, name: str, kind: Kind | None = None) -> Resource:
    """Find by name whatever it is.

    Args:
        client: SageMaker's client.
        name: The name.
        kind: The kind, where several things may have that name.

    Raises:
        ClientError: Nothing has that name, or things do that have nothing to do with each other.
    """
    candidates = (kind,) if kind else KINDS
    found = []
    for candidate in candidates:
        description = describe(client, candidate, name)
        if description is not None:
            found.append(Resource(candidate, description))
    if not found:
        *words, last = [candidate.word for candidate in candidates]
        kinds = f"{', '.join(words)} or {last}" if words else last
        raise ClientError(
            f"There is no {kinds} named {name} in {client.meta.region_name}. Look at the name and "
            "at --region."
        )
    first, *others = found
    strangers = [one for one in others if one.kind not in _PARTS.get(first.kind, ())]
    if strangers:
        several = ", ".join(one.kind.word for one in found)
        values = ", ".join(one.kind.word.replace(" ", "-") for one in found)
        raise ClientError(
            f"{name} is the name of several: {several}. Say which with --kind: {values}"
        )
    return first


def end(client: Any, resource: Resource, tell: Callable[[str], None]) -> None:
    """Stop a running job, delete anything else, with all that was made for it.

    Args:
        client: SageMaker's client.
        resource: What to end.
        tell: Takes a line for everything that was done.

    Raises:
        ClientError: The service refuses.
        PlatformError: The service fails or cannot be reached.
    """
    kind, name = resource.kind, resource.name
    if kind.can_stop and kind.is_moving(resource.description):
        with explained(f"stop the {kind.word} {name}"):
            getattr(client, f"stop_{kind.call}")(**{f"{kind.prefix}Name": name})
        tell(f"{kind.word} {name}: stopping; what it has written so far is kept")
        return
    if kind is ENDPOINT:
        _end_endpoint(client, resource, tell)
    elif kind.can_delete:
        _delete(client, kind, name, tell)
    else:
        tell(f"{kind.word} {name}: has ended; SageMaker keeps its record, which costs nothing")
    if kind is TRANSFORM and resource.description.get("ModelName") == name:
        _delete(client, MODEL, name, tell)


def _end_endpoint(client: Any, resource: Resource, tell: Callable[[str], None]) -> None:
    config_name = resource.description["EndpointConfigName"]
    config = describe(client, ENDPOINT_CONFIG, config_name)
    # The endpoint first: it is what costs money, and the rest is of no use to it any more.
    _delete(client, ENDPOINT, resource.name, tell)
    if config is None:
        return
    _delete(client, ENDPOINT_CONFIG, config_name, tell)
    for variant in config.get("ProductionVariants", ()):
        if variant.get("ModelName"):
            _delete(client, MODEL, variant["ModelName"], tell)


def _delete(client: Any, kind: Kind, name: str, tell: Callable[[str], None]) -> None:
    with explained(f"delete the {kind.word} {name}"):
        try:
            getattr(client, f"delete_{kind.call}")(**{f"{kind.prefix}Name": name})
        except AnswerError as error:
            if not is_missing(error):
                raise
            tell(f"{kind.word} {name}: was not there any more")
            return
    tell(f"{kind.word} {name}: deleted")

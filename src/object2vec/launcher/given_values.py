"""What a user gives besides files: names, images, instance types, pairs; checked before any call.

The patterns are the API's own, so that a slip is told at once and in words, before data is moved.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from object2vec.errors import ClientError, shorten

LONGEST_NAME = 63
LONGEST_TUNING_NAME = 32  # the service adds to it to name the training jobs
_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*")
_IMAGE = re.compile(r"[^\s/]+\.[^\s/]+/\S+")
_VARIABLE = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def unique_name(now: datetime | None = None) -> str:
    """Return a name that nothing else has: the project's, and the time to the millisecond."""
    now = now or datetime.now(UTC)
    return f"object2vec-{now:%Y%m%d-%H%M%S}-{now.microsecond // 1000:03}"


def check_name(name: str, longest: int = LONGEST_NAME) -> str:
    """Return a name of a job, model or endpoint.

    Raises:
        ClientError: It is too long, or has characters that names have not.
    """
    if not _NAME.fullmatch(name) or len(name) > longest:
        raise ClientError(
            f"--name {shorten(name)} can be no name: up to {longest} of a-z, A-Z, 0-9 and '-', "
            "beginning and ending with a letter or digit."
        )
    return name


def check_image(image: str | None) -> str:
    """Return the URI of the image.

    Raises:
        ClientError: It is missing, or names no registry.
    """
    example = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/object2vec:cpu"
    if not image:
        raise ClientError(
            "No image is given. Push this project's image to a registry of your account "
            f"(Amazon ECR) and give its URI with --image ({example})."
        )
    if not _IMAGE.fullmatch(image) or len(image) > 255:
        raise ClientError(
            f"--image {shorten(image)} names no registry that SageMaker could pull from: {example}"
        )
    return image


def check_instance_type(instance_type: str) -> str:
    """Return an instance type; which there are the service knows.

    Raises:
        ClientError: It is none of SageMaker's.
    """
    if not re.fullmatch(r"ml\.[a-z0-9-]+\.[a-z0-9]+", instance_type):
        raise ClientError(
            f"--instance-type {shorten(instance_type)} is none of SageMaker's, which begin with "
            "ml.: ml.m5.xlarge, ml.g4dn.xlarge."
        )
    return instance_type


def read_pairs(texts: Iterable[str], option: str) -> dict[str, str]:
    """Read NAME=VALUE pairs of a repeated option.

    Raises:
        ClientError: One has no '=', no name, or a name that was there before.
    """
    pairs: dict[str, str] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise ClientError(f"{option} {shorten(text)} is no pair: write {option} NAME=VALUE.")
        if name in pairs:
            raise ClientError(f"{option} gives {shorten(name)} twice.")
        pairs[name] = value
    return pairs


def read_variables(texts: Iterable[str]) -> dict[str, str]:
    """Read the NAME=VALUE pairs of environment variables.

    Raises:
        ClientError: One is no pair, or its name can be no variable's.
    """
    variables = read_pairs(texts, "--environment")
    for name in variables:
        if not _VARIABLE.fullmatch(name):
            raise ClientError(
                f"--environment {shorten(name)} can be no variable: letters, digits and '_'."
            )
    return variables

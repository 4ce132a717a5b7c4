"""SageMaker's own model of its calls, and whether a body fits it to the letter.

botocore checks names, types and smallest lengths before it sends anything; the service also checks
words, patterns and largest lengths, which stand in the same model.
"""

import re
from functools import cache
from typing import Any

import boto3
from botocore.validate import ParamValidator

# What Python's `re` does not know.
_UNICODE = {r"\p{L}": "A-Za-z", r"\p{Z}": " ", r"\p{N}": "0-9"}


@cache
def _model() -> Any:
    return boto3.client("sagemaker", region_name="eu-west-1").meta.service_model


def find_faults(operation: str, body: dict[str, Any]) -> list[str]:
    """Return what the service would refuse in the body of a call, `CreateModel` say."""
    shape = _model().operation_model(operation).input_shape
    report = ParamValidator().validate(body, shape)
    faults = [report.generate_report()] if report.has_errors() else []
    _compare(shape, body, operation, faults)
    return faults


def _compare(shape: Any, value: Any, place: str, faults: list[str]) -> None:
    if shape.type_name == "structure":
        for name, part in value.items():
            if name in shape.members:
                _compare(shape.members[name], part, f"{place}.{name}", faults)
    elif shape.type_name == "list":
        _compare_size(shape, len(value), place, faults)
        for number, part in enumerate(value):
            _compare(shape.member, part, f"{place}[{number}]", faults)
    elif shape.type_name == "map":
        _compare_size(shape, len(value), place, faults)
        for key, part in value.items():
            _compare(shape.key, key, f"{place} key", faults)
            _compare(shape.value, part, f"{place}.{key}", faults)
    elif shape.type_name == "string":
        _compare_size(shape, len(value), place, faults)
        pattern = shape.metadata.get("pattern", ".*")
        for theirs, ours in _UNICODE.items():
            pattern = pattern.replace(theirs, ours)
        if not re.fullmatch(pattern, value):
            faults.append(f"{place}: {value!r} is not {pattern}")
        if shape.enum and value not in shape.enum:
            faults.append(f"{place}: {value!r} is none of {shape.enum}")
    elif shape.type_name in ("integer", "long", "float", "double"):
        _compare_size(shape, value, place, faults)


def _compare_size(shape: Any, size: float, place: str, faults: list[str]) -> None:
    low, high = shape.metadata.get("min", 0), shape.metadata.get("max", float("inf"))
    if not low <= size <= high:
        faults.append(f"{place}: {size} is not within {low} and {high}")

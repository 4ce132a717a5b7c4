"""What a tuning job varies and what it aims at, from the project's own ranges and metrics.

Every bound is tried with the job's other hyperparameters before anything is created: a range that
makes jobs fail, or changes nothing, would only be seen in the bill.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from object2vec.algorithm_specification import tuning_ranges
from object2vec.errors import ClientError, shorten
from object2vec.hyperparameter_table import HYPERPARAMETERS
from object2vec.hyperparameters import Hyperparameters
from object2vec.metric_definitions import METRIC_DEFINITIONS, MetricDefinition

SCALINGS = ("Auto", "Linear", "Logarithmic", "ReverseLogarithmic")
_KINDS = ("ContinuousParameterRanges", "IntegerParameterRanges", "CategoricalParameterRanges")

Range = dict[str, Any]


def choose_objective(
    name: str | None, hyperparameters: Hyperparameters, channels: Iterable[str]
) -> dict[str, str]:
    """Return a tuning job's objective.

    Args:
        name: A metric's name; None for the loss on the validation channel.
        hyperparameters: What is trained.
        channels: The channels that are given.

    Raises:
        ClientError: There is no such objective, or the job would not log it.
    """
    loss = "mean_squared_error" if hyperparameters.is_regression else "cross_entropy"
    allowed = [metric for metric in METRIC_DEFINITIONS if _is_logged(metric, loss)]
    wanted = name or f"validation:{loss}"
    chosen = next((metric for metric in allowed if metric.name == wanted), None)
    if chosen is None:
        raise ClientError(
            f"--objective {shorten(wanted)} is no metric that a tuning job can aim at with "
            f"output_layer {hyperparameters.output_layer}: allowed are "
            f"{', '.join(metric.name for metric in allowed)}."
        )
    channel = chosen.name.partition(":")[0]
    if channel not in channels:
        raise ClientError(
            f"The objective {chosen.name} is measured on the channel {channel}, which is not "
            f"given. Give it with --{channel}, or choose another --objective."
        )
    return {"Type": str(chosen.objective), "MetricName": chosen.name}


def _is_logged(metric: MetricDefinition, loss: str) -> bool:
    logged = ("accuracy", "cross_entropy") if loss == "cross_entropy" else (loss,)
    return metric.objective is not None and metric.name.partition(":")[2] in logged


def choose_ranges(wishes: Iterable[str], strings: Mapping[str, str]) -> dict[str, list[Range]]:
    """Return a tuning job's ParameterRanges.

    Args:
        wishes: `NAME` for the recommended range; `NAME=LOW:HIGH` or `NAME=LOW:HIGH:SCALING` for
            numbers, `NAME=A,B` for words. None at all means every recommended range that has an
            effect with the other hyperparameters.
        strings: The hyperparameters of the file.

    Raises:
        ClientError: A name is not tunable or given twice, a range is malformed, fails with the
            other hyperparameters or changes nothing.
    """
    recommended = {line["Name"]: (kind, line) for kind, line in _recommended()}
    chosen: dict[str, tuple[str, Range]] = {}
    for wish in wishes:
        name, sign, text = wish.partition("=")
        if name not in recommended:
            raise ClientError(
                f"--tune {shorten(name)} is not tunable; these are: {', '.join(recommended)}."
            )
        if name in chosen:
            raise ClientError(f"--tune names {name} twice.")
        kind, line = recommended[name]
        line = _read_range(wish, kind, name, text) if sign else _allowed_part(line, strings)
        problem = _find_problem(line, strings)
        if problem:
            raise ClientError(f"--tune {wish}: {problem}")
        chosen[name] = (kind, line)
    if not chosen:
        for name, (kind, line) in recommended.items():
            line = _allowed_part(line, strings)  # noqa: PLW2901  (its allowed part from here on)
            if not _find_problem(line, strings):
                chosen[name] = (kind, line)
    return {kind: [line for own, line in chosen.values() if own == kind] for kind in _KINDS}


def tuned_names(ranges: Mapping[str, list[Range]]) -> set[str]:
    """Return the names that the ranges vary."""
    return {line["Name"] for lines in ranges.values() for line in lines}


def _recommended() -> Iterable[tuple[str, Range]]:
    ranges: dict[str, Any] = tuning_ranges()
    return ((kind, line) for kind in _KINDS for line in ranges[kind])


def _read_range(wish: str, kind: str, name: str, text: str) -> Range:
    if kind == "CategoricalParameterRanges":
        values = [value.strip() for value in text.split(",")]
        if not all(values) or len(set(values)) != len(values):
            raise ClientError(f"--tune {wish}: write different words, as in {name}=A,B.")
        return {"Name": name, "Values": values}
    low, _, rest = text.partition(":")
    high, _, scaling = rest.partition(":")
    try:
        is_rising = float(low) < float(high)
    except ValueError:
        is_rising = False
    if not is_rising or (scaling or "Auto") not in SCALINGS:
        raise ClientError(
            f"--tune {wish}: write two numbers, the lower first, as in {name}=LOW:HIGH, and after "
            f"another ':' a scaling if you want one: {', '.join(SCALINGS)}."
        )
    return {"Name": name, "MinValue": low, "MaxValue": high, "ScalingType": scaling or "Auto"}


def _allowed_part(line: Range, strings: Mapping[str, str]) -> Range:
    """Return a recommended range without the words that the other hyperparameters forbid."""
    if "Values" not in line:
        return line
    values = [value for value in line["Values"] if _read(line["Name"], value, strings)[1] is None]
    return line | {"Values": values}


def _find_problem(line: Range, strings: Mapping[str, str]) -> str | None:
    """Return why a range must not be tuned with the other hyperparameters, None where it may."""
    name = line["Name"]
    records = []
    for value in _probes(line):
        record, fault = _read(name, value, strings)
        if record is None:
            return f"{name} {value} makes jobs fail. {fault}"
        records.append(record)
    if len(records) < 2:
        return f"{name} has no two values to choose from: {', '.join(_probes(line)) or 'none'}."
    side, _, part = name.partition("_")
    has_no_filter = part == "cnn_filter_width" and getattr(records[0], side).network != "hcnn"
    if has_no_filter or all(record == records[0] for record in records):
        condition = HYPERPARAMETERS[name].condition
        return (
            f"{name} changes nothing with the other hyperparameters"
            + (f" (it counts {condition})" if condition else "")
            + (", and enc1_network is enc0" if side == "enc1" else "")
            + ". Leave it out."
        )
    return None


def _probes(line: Range) -> list[str]:
    """Return values of a range to try: all words; the ends of numbers, and an odd and even one."""
    if "Values" in line:
        return list(line["Values"])
    low, high = line["MinValue"], line["MaxValue"]
    try:
        numbers = int(low), int(high)
    except ValueError:
        return [low, high]
    inner = (str(number) for number in (numbers[0] + 1, numbers[1] - 1))
    return list(dict.fromkeys((low, *inner, high)))


def _read(
    name: str, value: str, strings: Mapping[str, str]
) -> tuple[Hyperparameters | None, str | None]:
    try:
        return Hyperparameters.from_strings({**strings, name: value}), None
    except ClientError as error:
        return None, str(error).partition("\n")[2]  # without the count of the problems

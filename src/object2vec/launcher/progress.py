"""Waiting for a job or endpoint: its statuses and log lines as they come, and how it ended."""

import re
from datetime import datetime

from object2vec.errors import (
    AlgorithmError,
    ClientError,
    Object2VecError,
    PlatformError,
)
from object2vec.launcher import resources
from object2vec.launcher.job_logs import JobLogs
from object2vec.launcher.resources import Description, Kind
from object2vec.launcher.screen import Screen
from object2vec.launcher.session import Session
from object2vec.launcher.summaries import say_counts
from object2vec.metric_definitions import METRIC_DEFINITIONS

_PROGRESS = next(metric.regex for metric in METRIC_DEFINITIONS if metric.name == "train:progress")
_QUALITY = re.compile(r"#quality_metric: host=\S+, epoch=(\S+), (\S+) (\S+) <\w+>=(\S+)")
_EXIT_CODE = re.compile(r"exit code: (\d+)\W*$")
_OUR_CODES = {error.exit_code: error for error in (ClientError, AlgorithmError, PlatformError)}
_SERVICE_FAULTS = ("InternalServerError", "CapacityError", "InternalServiceError")
_MOST_LOST_ANSWERS = 5


def follow(session: Session, kind: Kind, name: str, screen: Screen, poll: float) -> Description:
    """Wait until a job has ended or an endpoint is there; show statuses, progress and log lines.

    Args:
        session: Who asks.
        kind: What is waited for.
        name: Its name.
        screen: Where to show it.
        poll: Seconds between two looks.

    Returns:
        The description at the end, of whatever end; `check_end` tells whether it was a good one.

    Raises:
        ClientError: It is not there, or is not there any more.
        PlatformError: The service cannot be reached, several times in a row.
    """
    follower = _Follower(session, kind, name, screen)
    try:
        while True:
            description = follower.look()
            if description is not None and not kind.is_moving(description):
                # The last log lines arrive after the status.
                screen.sleep(min(poll, 5) if follower.has_log else 0)
                follower.show_log()
                return description
            screen.sleep(poll)
    finally:
        screen.close()


class _Follower:
    """Remembers what was shown already."""

    def __init__(self, session: Session, kind: Kind, name: str, screen: Screen) -> None:
        self._client = session.client("sagemaker")
        self._kind = kind
        self._name = name
        self._screen = screen
        self._shown: list[tuple[object, ...]] = []
        self._percent: float | None = None
        self._note = ""
        self._lost_answers = 0
        self._is_refusal_told = False
        self._log = (
            JobLogs(session.client("logs"), kind.log_group, name) if kind.log_group else None
        )

    @property
    def has_log(self) -> bool:
        return self._log is not None

    def look(self) -> Description | None:
        """Ask once and show what is new; None where the service did not answer this time."""
        try:
            description = resources.describe(self._client, self._kind, self._name)
            if description is None:
                raise ClientError(f"There is no {self._kind.word} {self._name} (any more).")
            self._show_statuses(description)
            self.show_log()
        except PlatformError as error:
            # A job of hours outlives a laptop's network.
            self._lost_answers += 1
            if self._lost_answers >= _MOST_LOST_ANSWERS:
                raise
            self._screen.line(f"{error} The job goes on.")
            return None
        self._lost_answers = 0
        status = description.get("SecondaryStatus") or self._kind.status(description)
        note = say_counts(description) or self._note
        self._screen.progress(f"{self._name} {status}", self._percent, note)
        return description

    def _show_statuses(self, description: Description) -> None:
        for entry in _statuses(self._kind, description):
            # A status without a time may come back after another one, and is news then.
            seen = self._shown if entry[0] is not None else self._shown[-1:]
            if entry not in seen:
                self._shown.append(entry)
                time, *words = entry
                clock = f"{time.astimezone():%H:%M:%S} " if isinstance(time, datetime) else ""
                self._screen.line(clock + ": ".join(str(word) for word in words if word))

    def show_log(self) -> None:
        """Show the log lines that are new, and keep what they tell of the progress."""
        if self._log is None:
            return
        for line in self._log.read():
            self._screen.line(line)
            if match := re.search(_PROGRESS, line):
                self._percent = float(match.group(1))
            if match := _QUALITY.search(line):
                epoch, channel, metric, value = match.groups()
                self._note = f"epoch {epoch}, {channel} {metric} {float(value):.4g}"
        if self._log.refusal is not None and not self._is_refusal_told:
            self._is_refusal_told = True
            self._screen.line(f"The log cannot be shown: {self._log.refusal}")


def _statuses(kind: Kind, description: Description) -> list[tuple[object, ...]]:
    """Return times, statuses and messages so far; one entry a status and message."""
    transitions = description.get("SecondaryStatusTransitions")
    if transitions:
        return [
            (entry.get("StartTime"), entry["Status"], entry.get("StatusMessage"))
            for entry in transitions
        ]
    status = kind.status(description)
    return [(None, f"{kind.word} {kind.name(description)}", status, say_counts(description))]


def check_end(kind: Kind, description: Description) -> None:
    """Raise the error that a job or endpoint ended with, if it did not end well.

    Raises:
        ClientError: It was stopped, or failed of its data or hyperparameters.
        AlgorithmError: The container failed in another way.
        PlatformError: The service or its machines failed.
    """
    status = kind.status(description)
    if status in kind.good or not status:
        return
    name, reason = kind.name(description), str(description.get("FailureReason") or "")
    limit = str(description.get("SecondaryStatus", ""))
    if limit in ("MaxRuntimeExceeded", "MaxWaitTimeExceeded"):
        option = "--max-runtime" if limit == "MaxRuntimeExceeded" else "--max-wait"
        raise ClientError(
            f"{kind.word} {name} was stopped at its time limit ({limit}). Raise {option}."
        )
    if status == "Stopped":
        raise ClientError(f"{kind.word} {name} was stopped. {reason}".rstrip())
    error_class = _fault_of(reason)
    told = f"{kind.word} {name} has failed ({status}): {reason or 'the service gives no reason'}"
    if "exit code: 137" in reason:
        told += "\nExit code 137: it was killed, most likely as it had no memory left."
    if kind is resources.ENDPOINT:
        told += f"\nIts log is the group /aws/sagemaker/Endpoints/{name} in CloudWatch."
    raise error_class(told)


def _fault_of(reason: str) -> type[Object2VecError]:
    """Return whose fault a FailureReason is: it ends with the exit code of our own program."""
    code = _EXIT_CODE.search(reason)
    if code and int(code.group(1)) in _OUR_CODES:
        return _OUR_CODES[int(code.group(1))]
    if reason.startswith(_SERVICE_FAULTS):
        return PlatformError
    return ClientError if reason.startswith("ClientError") else AlgorithmError

"""The log lines of a job's containers, read from CloudWatch as they come."""

from typing import Any

from botocore.exceptions import ClientError as AnswerError

from object2vec.launcher.service_errors import explained, is_missing, is_not_allowed


class JobLogs:
    """Reads what is new in a job's log at every call.

    Args:
        client: CloudWatch Logs' client.
        group: The log group.
        job: The job's name; its streams are called JOB/HOST-TIME.
    """

    def __init__(self, client: Any, group: str, job: str) -> None:
        self._client = client
        self._group = group
        self._prefix = f"{job}/"
        self._tokens: dict[str, str | None] = {}
        self.refusal: str | None = None

    def read(self) -> list[str]:
        """Return the lines written since the last call, host by host.

        Where the caller may not read logs there are none, and `refusal` says so: a job is worth
        waiting for without its log.

        Raises:
            ClientError: The credentials are refused.
            PlatformError: The service fails or cannot be reached.
        """
        if self.refusal is not None:
            return []
        with explained(f"read the log {self._group}"):
            try:
                return self._read_new()
            except AnswerError as error:
                if is_missing(error):  # No container of the account has ever written there.
                    return []
                if is_not_allowed(error):
                    self.refusal = str(error)
                    return []
                raise

    def _read_new(self) -> list[str]:
        pages = self._client.get_paginator("describe_log_streams").paginate(
            logGroupName=self._group, logStreamNamePrefix=self._prefix
        )
        names = [stream["logStreamName"] for page in pages for stream in page["logStreams"]]
        for name in names:
            self._tokens.setdefault(name, None)
        lines: list[str] = []
        for name in self._tokens:
            host = name.removeprefix(self._prefix)
            mark = f"{host}: " if len(self._tokens) > 1 else ""
            lines += (mark + line for line in self._read_stream(name))
        return lines

    def _read_stream(self, name: str) -> list[str]:
        lines: list[str] = []
        while True:
            token = self._tokens[name]
            answer = self._client.get_log_events(
                logGroupName=self._group,
                logStreamName=name,
                startFromHead=True,
                **({"nextToken": token} if token else {}),
            )
            lines += (event["message"].rstrip() for event in answer["events"])
            self._tokens[name] = answer["nextForwardToken"]
            # The service says that there is no more by giving the same token again.
            if answer["nextForwardToken"] == token:
                return lines

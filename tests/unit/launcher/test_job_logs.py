"""Log lines as they come."""

import pytest
from moto.logs.responses import LogsResponse
from tests.sagemaker_platform import Platform

from object2vec.errors import ClientError
from object2vec.launcher.job_logs import JobLogs
from object2vec.launcher.session import Session

GROUP = "/aws/sagemaker/TrainingJobs"


@pytest.fixture
def logs(session: Session) -> JobLogs:
    return JobLogs(session.client("logs"), GROUP, "job")


def test_every_line_is_read_once(logs: JobLogs, platform: Platform) -> None:
    assert logs.read() == []  # not even the group is there
    platform.write_log(GROUP, "job/algo-1-17", ("a", "b\n"))
    platform.write_log(GROUP, "job-2/algo-1-17", ("of another job",))
    assert logs.read() == ["a", "b"]
    assert logs.read() == []
    platform.write_log(GROUP, "job/algo-1-17", ("c",))
    assert logs.read() == ["c"]


def test_lines_of_several_hosts_name_them(logs: JobLogs, platform: Platform) -> None:
    for host in ("algo-1-17", "algo-2-17"):
        platform.write_log(GROUP, f"job/{host}", ("hello",))
    assert logs.read() == ["algo-1-17: hello", "algo-2-17: hello"]


def test_a_long_log_is_read_to_its_end(logs: JobLogs, platform: Platform) -> None:
    lines = tuple(f"line {number}" for number in range(10_050))  # 10,000 in an answer
    for start in range(0, len(lines), 1000):
        platform.write_log(GROUP, "job/algo-1-17", lines[start : start + 1000])
    assert logs.read() == list(lines)


def test_without_the_right_to_read_there_are_no_lines_and_the_reason_is_kept(
    logs: JobLogs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: LogsResponse) -> tuple[int, dict[str, str], str]:
        return 400, {}, '{"__type": "AccessDeniedException", "message": "not you"}'

    monkeypatch.setattr(LogsResponse, "call_action", refuse)
    assert logs.read() == []
    assert logs.refusal is not None
    assert "not you" in logs.refusal


def test_another_refusal_is_told(logs: JobLogs, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: LogsResponse) -> tuple[int, dict[str, str], str]:
        return 400, {}, '{"__type": "OperationAbortedException", "message": "two at once"}'

    monkeypatch.setattr(LogsResponse, "call_action", fail)
    with pytest.raises(ClientError, match="two at once"):
        logs.read()

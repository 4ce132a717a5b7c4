"""Metrics of several processes add up; in processes of their own, as the library reads its folder
when it is imported.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from object2vec_container.serving.telemetry import Telemetry

# Two forked processes count; the first one asks while both live, and after each has been forgotten.
PROGRAM = """
import os, sys
from pathlib import Path
from object2vec_container.serving.telemetry import Telemetry

telemetry = Telemetry(Path(sys.argv[1]))
assert telemetry.is_on

def work(number):
    for _ in range(number):
        telemetry.count_request("/invocations", 200, 0.02)
        telemetry.count_step(100, 0.004)
    telemetry.count_request("/ping", 503, 0.0001)
    telemetry.count_answer("scores", 10 * number, 0.3)
    telemetry.count_answer("embeddings", number, 100.0)
    telemetry.set_queue_length(99)
    telemetry.set_queue_length(number)

def show(title):
    text, content_type = telemetry.exposition(lambda: 5)
    print("##", title, content_type)
    print(text.decode())

workers = []
for number in (2, 3):
    done, is_done = os.pipe()
    may_end, end = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(end)
        work(number)
        os.write(is_done, b"x")
        os.read(may_end, 1)
        os._exit(0)
    os.close(may_end)
    os.read(done, 1)
    workers.append((pid, end))
show("alive")
for pid, end in workers:
    os.write(end, b"x")
    os.waitpid(pid, 0)
    telemetry.forget_process(pid)
    show("forgotten")
"""


def parse(text: str) -> tuple[str, dict[str, float]]:
    """The content type, and every sample's number by its name and labels."""
    head, *lines = text.splitlines()
    samples = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
    return head.split(" ", 1)[1], {name: float(number) for name, number in samples}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, float]]:
    """The samples while two processes live, after one has ended, and after both have."""
    folder = tmp_path_factory.mktemp("metrics")
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder)], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    parsed = [parse(text) for text in finished.stdout.split("## ")[1:]]
    assert all("text/plain" in content_type for content_type, _ in parsed)
    return [samples for _, samples in parsed]


def test_counts_of_two_processes_add_up(shown: list[dict[str, float]]) -> None:
    expected = {
        'object2vec_requests_total{code="200",path="/invocations"}': 5,
        'object2vec_requests_total{code="503",path="/ping"}': 2,
        'object2vec_records_total{answer="scores"}': 50,
        'object2vec_records_total{answer="embeddings"}': 5,
    }
    assert {name: shown[0].get(name) for name in expected} == expected


def test_times_of_two_processes_add_up(shown: list[dict[str, float]]) -> None:
    samples = shown[0]
    seconds = "object2vec_request_seconds"
    assert samples[f'{seconds}_count{{path="/invocations"}}'] == 5
    assert samples[f'{seconds}_sum{{path="/invocations"}}'] == pytest.approx(0.1)
    assert samples[f'{seconds}_bucket{{le="0.01",path="/invocations"}}'] == 0
    assert samples[f'{seconds}_bucket{{le="0.025",path="/invocations"}}'] == 5
    assert samples["object2vec_engine_step_seconds_sum"] == pytest.approx(0.02)
    assert samples['object2vec_engine_step_records_bucket{le="64.0"}'] == 0
    assert samples['object2vec_engine_step_records_bucket{le="128.0"}'] == 5
    assert samples['object2vec_queue_seconds_bucket{le="60.0"}'] == 2
    assert samples['object2vec_queue_seconds_bucket{le="+Inf"}'] == 4


def test_requests_under_way_are_those_of_living_processes(shown: list[dict[str, float]]) -> None:
    lengths = [samples.get("object2vec_queue_length", 0) for samples in shown]
    assert lengths == [5, 3, 0]


def test_what_ended_processes_counted_is_kept(shown: list[dict[str, float]]) -> None:
    counts = [
        {name: number for name, number in samples.items() if name != "object2vec_queue_length"}
        for samples in shown
    ]
    assert counts[0] == counts[1] == counts[2]


def test_models_are_counted_when_they_are_asked_for_and_not_added_up(
    shown: list[dict[str, float]],
) -> None:
    assert [samples["object2vec_models_loaded"] for samples in shown] == [5, 5, 5]


def test_without_a_folder_nothing_is_counted_and_nothing_fails() -> None:
    telemetry = Telemetry(None)
    assert not telemetry.is_on
    telemetry.count_request("/ping", 200, 0.1)
    telemetry.count_answer("scores", 1, 0.1)
    telemetry.count_step(1, 0.1)
    telemetry.set_queue_length(1)
    telemetry.forget_process(1)


def test_a_telemetry_without_a_folder_does_not_import_the_library(tmp_path: Path) -> None:
    program = (
        "import sys; from object2vec_container.serving.telemetry import Telemetry; "
        "Telemetry(None); sys.exit('prometheus_client' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)

"""What ends one host ends all, soon, with the same exit code, and names the host."""

import os
import signal
import time
from pathlib import Path

import pytest
from tests.contract.conftest import MLFolderBuilder
from tests.contract.hosts.several import SeveralHosts, free_port

from object2vec.saved_model import SavedModel

pytestmark = pytest.mark.faults

LONG = {"epochs": "100", "early_stopping_patience": "5", "learning_rate": "0.0001"}


def start_long_job(hosts: SeveralHosts, line: str = "Completed Epoch: 0") -> None:
    """Start a job that would take minutes, and wait until all hosts train."""
    hosts.hyperparameters(**LONG).replicated("train", MLFolderBuilder.records(2000))
    hosts.start_all()
    for rank in range(len(hosts.hosts)):
        hosts.await_line(rank, line)


def assert_failed(run, code: int, *words: str) -> None:
    assert run.exit_code == code, run.log
    assert run.failure is not None
    for word in words:
        assert word in run.failure
        assert word in run.log


def assert_no_children(hosts: SeveralHosts) -> None:
    deadline = time.monotonic() + 5
    while hosts.children():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_host_is_named_by_all_others_which_end(make_hosts, victim) -> None:
    hosts = make_hosts(3)
    start_long_job(hosts)
    killed = hosts.kill(victim)
    runs = hosts.await_ends()
    for run in [run for rank, run in enumerate(runs) if rank != victim]:
        assert run.ended - killed < 10
        assert_failed(run, 3, "PlatformError", f"Host {hosts.names[victim]} died", "goodbye")
    assert_no_children(hosts)


def test_a_host_that_falls_silent_is_dead(make_hosts) -> None:
    hosts = make_hosts(2)
    hosts.variables["OBJECT2VEC_HOSTS_SILENCE_SECONDS"] = "4"
    start_long_job(hosts)
    stopped = hosts.kill(1, signal.SIGSTOP)
    hosts.await_line(0, "Host 127.0.0.2 died: nothing was heard of it for")
    assert time.monotonic() - stopped < 10
    hosts.kill(1)
    assert hosts.await_ends()[0].exit_code == 3


def test_bad_data_on_one_host_fails_all_with_its_message(make_hosts) -> None:
    records = MLFolderBuilder.records(20)
    hosts = make_hosts(3).hyperparameters()
    hosts.sharded("train", [records, [*records, {"in0": [99], "in1": [1], "label": 0}], records])
    runs = hosts.train()
    assert_failed(runs[1], 2, "ClientError: ", "data.jsonl, line 21, field 'in0'")
    for run in (runs[0], runs[2]):
        words = "ClientError: Host 127.0.0.2 failed: ", "data.jsonl, line 21, field 'in0'"
        assert_failed(run, 2, *words)
    assert max(run.ended for run in runs) - min(run.ended for run in runs) < 3


def test_bad_hyperparameters_are_each_host_s_own_failure(make_hosts) -> None:
    hosts = make_hosts(2).hyperparameters(enc_dim="3")
    hosts.replicated("train", MLFolderBuilder.records(20))
    for run in hosts.train():
        assert_failed(run, 2, "ClientError: ", "'enc_dim' should be within range")


def test_hosts_with_different_hyperparameters_are_refused(make_hosts) -> None:
    hosts = make_hosts(2).hyperparameters()
    hosts.replicated("train", MLFolderBuilder.records(20))
    hosts.hosts[1].hyperparameters(epochs="5")
    for run in hosts.train():
        assert_failed(run, 2, "127.0.0.1 and 127.0.0.2 have different hyperparameters")


def test_row_sparse_tables_are_refused_with_asynchronous_steps(make_hosts) -> None:
    hosts = make_hosts(2).hyperparameters(
        _kvstore="dist_async", token_embedding_storage_type="row_sparse"
    )
    hosts.replicated("train", MLFolderBuilder.records(20))
    for run in hosts.train():
        assert_failed(run, 2, "ClientError: ", "_kvstore=dist_sync")
        assert "Channel 'train'" not in run.log


def test_a_host_that_never_comes_is_named(make_hosts) -> None:
    hosts = make_hosts(3).hyperparameters()
    hosts.replicated("train", MLFolderBuilder.records(20))
    hosts.variables["OBJECT2VEC_HOSTS_WAIT_SECONDS"] = "4"
    hosts.start(0)
    hosts.start(1)
    for run in hosts.await_ends(30):
        assert_failed(run, 3, "PlatformError: ", "Host 127.0.0.3 did not come within 4 seconds")


def test_a_first_host_that_never_comes_is_named(make_hosts) -> None:
    hosts = make_hosts(2).hyperparameters()
    hosts.replicated("train", MLFolderBuilder.records(20))
    hosts.variables |= {
        "OBJECT2VEC_HOSTS_WAIT_SECONDS": "2",
        "OBJECT2VEC_HOSTS_PORT": str(free_port()),
    }
    hosts.start(1)
    (run,) = hosts.await_ends(30)
    assert_failed(run, 3, "PlatformError: ", "Host 127.0.0.1 could not be reached")


@pytest.mark.parametrize("ranks", [(0,), (1,), (0, 1)])
def test_sigterm_on_one_host_or_all_stops_all_with_the_best_model(make_hosts, ranks) -> None:
    hosts = make_hosts(2)
    start_long_job(hosts, "Completed Epoch: 1")
    for rank in ranks:
        stopped = hosts.kill(rank, signal.SIGTERM)
    runs = hosts.await_ends(30)
    for run in runs:
        assert run.exit_code == 0, run.log
        assert run.failure is None
        assert run.ended - stopped < 12
    assert "holds the best model so far" in runs[0].log
    assert "the model is on 127.0.0.1" in runs[1].log
    SavedModel.open(hosts.hosts[0].model)
    assert_no_children(hosts)


@pytest.mark.parametrize("role", ["scheduler", "server"])
def test_a_dead_parameter_server_ends_the_job(make_hosts, role) -> None:
    hosts = make_hosts(2)
    start_long_job(hosts)
    child = next(number for number in hosts.children() if role in role_of(number))

    os.kill(child, signal.SIGKILL)
    for run in hosts.await_ends(30):
        assert_failed(run, 3, "PlatformError: ", f"The parameter {role} on this host ended")


def role_of(process: int) -> str:

    return Path(f"/proc/{process}/environ").read_bytes().partition(b"DMLC_ROLE=")[2].decode()[:9]


def test_a_channel_without_a_record_on_any_host_is_refused(make_hosts) -> None:
    hosts = make_hosts(2).hyperparameters()
    hosts.replicated("train", MLFolderBuilder.records(20)).sharded("validation", [[], []])
    for run in hosts.train():
        assert_failed(run, 2, "ClientError: ", "Channel 'validation': there is no record on any of")

"""The real `train` on several hosts: they do the same steps, end together, and leave one model."""

import itertools
import re
import socket
import sys
import time

import numpy as np
import pytest
from tests.contract.conftest import MLFolderBuilder
from tests.contract.hosts.several import lines_of

from object2vec.saved_model import SavedModel

METRICS = ("#quality_metric: host=", "#throughput_metric", "#progress_metric", "Best model based")


def steps_of(run) -> list[str]:
    """The batches of every epoch, as the counters of the log have them."""
    return re.findall(r'"Number of Batches Since Last Reset": \{"sum": ([0-9.]+)', run.log)


def assert_all_well(hosts, runs) -> None:
    assert [run.exit_code for run in runs] == [0] * len(runs), [run.log for run in runs]
    assert [run.failure for run in runs] == [None] * len(runs)
    assert [run.errors for run in runs] == [""] * len(runs)
    assert max(run.ended for run in runs) - min(run.ended for run in runs) < 1
    first, *others = hosts.hosts
    SavedModel.open(first.model)
    assert [list(host.model.glob("*")) for host in others] == [[]] * len(others)
    for run in runs[1:]:
        told = [line for line in lines_of(runs[0], *METRICS) if ", test " not in line]
        assert lines_of(run, *METRICS) == told
        assert "#test_score" not in run.log


@pytest.mark.parametrize("count", [2, 4])
def test_hosts_make_the_same_steps_and_end_together_with_one_model(make_hosts, count) -> None:
    records = MLFolderBuilder.records
    hosts = make_hosts(count).hyperparameters(epochs="3")
    hosts.replicated("train", records(60))
    hosts.replicated("validation", records(31)).replicated("test", records(30))
    runs = hosts.train()
    assert_all_well(hosts, runs)
    # 60 records in steps of 8, over how many hosts ever; one step less, and it is not the job.
    assert {tuple(steps_of(run)[1:4]) for run in runs} == {("8.0", "8.0", "8.0")}
    assert "#test_score (127.0.0.1) : ('accuracy', " in runs[0].log
    assert f"Training on {count} hosts" in runs[-1].log
    assert hosts.children() == []


@pytest.mark.parametrize(
    ("shards", "changes"),
    [
        # The host without any record takes part in the steps as well.
        ([25, 15, 0], {"optimizer": "adagrad", "token_embedding_storage_type": "row_sparse"}),
        ([25, 15], {"optimizer": "adam"}),
        (
            [20, 20],
            {"enc0_network": "hcnn", "enc1_network": "bilstm", "enc1_max_seq_len": "3"}
            | {"enc1_vocab_size": "12", "enc0_layers": "2"},
        ),
        # Not adam, which makes steps of full size out of the rounding of gradients that are near 0.
        (
            [0, 40],
            {"tied_token_embedding_weight": "true", "output_layer": "mean_squared_error"}
            | {"optimizer": "sgd", "weight_decay": "0.1", "learning_rate": "0.5"},
        ),
    ],
)
def test_several_hosts_learn_what_one_host_learns(make_hosts, ml_folder, shards, changes) -> None:
    # One step takes all records, so the order in which they are drawn does not matter.
    records = MLFolderBuilder.records(40)
    settings = {"mini_batch_size": "40", "epochs": "5", **changes}
    alone = ml_folder.hyperparameters(**settings).channel("train", records)
    assert alone.train().exit_code == 0
    hosts = make_hosts(len(shards)).hyperparameters(**settings)
    rest = iter(records)
    hosts.sharded("train", [list(itertools.islice(rest, count)) for count in shards])
    assert_all_well(hosts, hosts.train())
    expected, found = (SavedModel.open(host.model).arrays for host in (alone, hosts.hosts[0]))
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-3, atol=2e-5, err_msg=name)


SLOW_TO_END = """
import sys, time
from object2vec_container.hosts.group import HostGroup
finish = HostGroup.finish
HostGroup.finish = lambda group: (time.sleep(2), finish(group))
from object2vec_container.train import main
sys.exit(main())
"""


@pytest.mark.faults
def test_parameter_servers_that_the_engine_ends_before_the_hosts_fail_nothing(make_hosts) -> None:
    hosts = make_hosts(2).hyperparameters()
    hosts.command = [sys.executable, "-c", SLOW_TO_END]
    hosts.replicated("train", MLFolderBuilder.records(60))
    runs = hosts.train()
    assert [run.exit_code for run in runs] == [0, 0], [run.log for run in runs]


def test_shards_of_different_sizes_and_one_without_any_record(make_hosts) -> None:
    records = MLFolderBuilder.records(100)
    hosts = make_hosts(3).hyperparameters(seed="random")
    hosts.sharded("train", [records[:60], [], records[60:]])
    hosts.sharded("validation", [[], records[:20], []])
    runs = hosts.train()
    assert_all_well(hosts, runs)
    counts = "Train records by host: 127.0.0.1 60, 127.0.0.2 0, 127.0.0.3 40; this host takes {}"
    for run, share in zip(runs, (5, 0, 3), strict=True):
        assert counts.format(share) in run.log


def test_asynchronous_steps_are_each_host_s_own(make_hosts) -> None:
    hosts = make_hosts(2).hyperparameters(
        _kvstore="dist_async", token_embedding_storage_type="dense"
    )
    hosts.replicated("train", MLFolderBuilder.records(60))
    runs = hosts.train()
    assert_all_well(hosts, runs)
    assert "dist_async" in runs[1].log


@pytest.mark.faults
def test_a_host_that_comes_late_is_waited_for_and_strangers_disturb_nothing(make_hosts) -> None:
    hosts = make_hosts(3).hyperparameters()
    hosts.replicated("train", MLFolderBuilder.records(60))
    hosts.start(2)  # it calls before anybody listens
    time.sleep(1)
    hosts.start(0)
    hosts.await_line(0, "Host 127.0.0.3 has come")
    strangers = []
    hello = b'{"kind": "hello", "job": "%s", "rank": 1}\n' % (b"0" * 64)
    for greeting in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 5000, b"[1]\n", hello):
        stranger = socket.create_connection(("127.0.0.1", int(hosts.variables[PORT])))
        stranger.sendall(greeting)
        strangers.append(stranger)
    time.sleep(4)
    hosts.start(1)
    assert_all_well(hosts, hosts.await_ends())
    for stranger in strangers:
        stranger.close()


PORT = "OBJECT2VEC_HOSTS_PORT"

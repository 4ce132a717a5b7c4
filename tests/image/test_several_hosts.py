"""Several containers train one model, as SageMaker's hosts do: a name and an /opt/ml each."""

import datetime
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.contract.conftest import MLFolderBuilder
from tests.image.containers import Container, docker, mounted

from object2vec.saved_model import SavedModel

HARDENED = ("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges")
LONG = {"epochs": "100", "early_stopping_patience": "5", "learning_rate": "0.0001"}
METRICS = ("#quality_metric", "#throughput_metric", "#progress_metric", "Best model based")


class Cluster:
    """Containers algo-1, algo-2, ... of one job, on a network of their own, by rank."""

    def __init__(self, image: str, network: str, folder: Path, count: int, user: str) -> None:
        self.names = [f"algo-{number}" for number in range(1, count + 1)]
        self.folders = [MLFolderBuilder(folder / name) for name in self.names]
        self.containers: dict[int, Container] = {}
        self.variables: tuple[str, ...] = ()
        self._image, self._network, self._user = image, network, user
        self._stack = ExitStack()

    def job(self, count: int, **changes: str) -> "Cluster":
        """Give every host the configuration that the platform writes, and the same records."""
        for name, folder in zip(self.names, self.folders, strict=True):
            folder.hyperparameters(**changes)
            folder.channel("train", folder.records(count))
            folder.channel("validation", folder.records(50)).channel("test", folder.records(40))
            folder.config("resourceconfig", self._resources(name))
            channels = {
                channel: {
                    "TrainingInputMode": "File",
                    "S3DistributionType": "FullyReplicated",
                    "RecordWrapperType": "None",
                }
                for channel in ("train", "validation", "test")
            }
            folder.config("inputdataconfig", channels)
            folder.model.mkdir()
            for place, _, _ in os.walk(folder.root):
                Path(place).chmod(0o777)
        return self

    def _resources(self, name: str) -> dict[str, object]:
        """What SageMaker tells a host. The network interface is not one that a container has."""
        kind = "ml.m5.xlarge"
        group = {
            "instance_group_name": "homogeneousCluster",
            "instance_type": kind,
            "hosts": self.names,
        }
        return {
            "current_host": name,
            "current_instance_type": kind,
            "current_group_name": "homogeneousCluster",
            "hosts": self.names,
            "instance_groups": [group],
            "network_interface_name": "ethwe",
        }

    def start(self, rank: int) -> None:
        name = self.names[rank]
        options = (
            *HARDENED,
            *(f"--env={variable}" for variable in self.variables),
            f"--user={self._user}",
            f"--network={self._network}",
            f"--hostname={name}",
            f"--network-alias={name}",
            mounted(self.folders[rank].root),
        )
        container = Container(self._image, "train", options=options)
        self.containers[rank] = self._stack.enter_context(container)

    def start_all(self) -> None:
        for rank in range(len(self.names)):
            self.start(rank)

    def cut_off(self, rank: int) -> None:
        """Take a container off the network, without a word to the others."""
        done = docker("network", "disconnect", self._network, self.containers[rank].name)
        assert done.returncode == 0, done.stderr

    def await_ends(self, seconds: float = 60) -> list[int]:
        """Wait until all containers have ended; return their exit codes by rank."""
        deadline = time.monotonic() + seconds
        names = [self.containers[rank].name for rank in sorted(self.containers)]
        while True:
            form = "{{.State.Running}} {{.State.ExitCode}}"
            told = docker("inspect", "--format", form, *names).stdout.splitlines()
            if not any(line.startswith("true") for line in told):
                return [int(line.split()[1]) for line in told]
            assert time.monotonic() < deadline, [each.log for each in self.containers.values()]
            time.sleep(0.1)

    def seconds_between_ends(self) -> float:
        ends = [
            datetime.datetime.fromisoformat(each.inspect("{{.State.FinishedAt}}")).timestamp()
            for each in self.containers.values()
        ]
        return max(ends) - min(ends)

    def log(self, rank: int) -> str:
        return self.containers[rank].log

    def remove(self) -> None:
        self._stack.close()
        for folder in self.folders:
            shutil.rmtree(folder.root, ignore_errors=os.geteuid() != 0)


@pytest.fixture(scope="module")
def network(engine: None) -> Iterator[str]:
    name = f"object2vec-test-{uuid.uuid4().hex[:12]}"
    done = docker("network", "create", name)
    assert done.returncode == 0, done.stderr
    yield name
    docker("network", "rm", name)


@pytest.fixture
def make_cluster(cpu_image: str, network: str, tmp_path: Path) -> Iterator[Callable[..., Cluster]]:
    made: list[Cluster] = []

    def make(count: int, user: str = "1000") -> Cluster:
        made.append(Cluster(cpu_image, network, tmp_path, count, user))
        return made[-1]

    yield make
    for cluster in made:
        cluster.remove()


def metrics(cluster: Cluster, rank: int) -> list[str]:
    """The lines of figures, without their time, and without the host's name."""
    lines = [line for line in cluster.log(rank).splitlines() if any(m in line for m in METRICS)]
    return [line.partition("] ")[2].replace(cluster.names[rank], "HOST") for line in lines]


def assert_all_well(cluster: Cluster) -> None:
    codes = cluster.await_ends()
    assert codes == [0] * len(codes), cluster.log(0)
    assert cluster.seconds_between_ends() < 2
    first, *others = cluster.folders
    SavedModel.open(first.model)
    assert [list(folder.model.iterdir()) for folder in others] == [[]] * len(others)
    assert not any(folder.failure.exists() for folder in cluster.folders)
    told = [line for line in metrics(cluster, 0) if ", test " not in line]
    # Two epochs: a loss, an accuracy or more of each channel, speed and progress; and the best.
    assert len(told) >= 2 * (2 + 2) + 1
    for rank in range(1, len(codes)):
        assert metrics(cluster, rank) == told
        assert f"Training on {len(codes)} hosts" in cluster.log(rank)
    assert "#test_score (algo-1) : (" in cluster.log(0)


@pytest.mark.parametrize(("count", "user"), [(2, "0"), (2, "1000"), (4, "1000")])
def test_containers_train_one_model_and_end_together(
    make_cluster: Callable[..., Cluster], count: int, user: str
) -> None:
    cluster = make_cluster(count, user).job(160)
    cluster.start_all()
    assert_all_well(cluster)


def test_a_first_host_whose_name_resolves_late_is_waited_for(
    make_cluster: Callable[..., Cluster],
) -> None:
    cluster = make_cluster(2).job(160)
    cluster.start(1)
    time.sleep(4)
    assert cluster.containers[1].inspect("{{.State.Running}}") == "true", cluster.log(1)
    cluster.start(0)
    assert_all_well(cluster)


def start_long_job(cluster: Cluster) -> None:
    """Start a job that would take minutes, and wait until all hosts train."""
    cluster.variables = ("OBJECT2VEC_HOSTS_SILENCE_SECONDS=5",)
    cluster.job(1000, **LONG).start_all()
    for container in cluster.containers.values():
        container.await_log("Completed Epoch: 0")


def assert_named_by_the_others(cluster: Cluster, victim: int, codes: list[int]) -> None:
    for rank, code in enumerate(codes):
        if rank != victim:
            assert code == 3, cluster.log(rank)
            for text in (cluster.log(rank), cluster.folders[rank].failure.read_text()):
                assert f"PlatformError: Host {cluster.names[victim]} died: " in text


@pytest.mark.parametrize(("count", "victim"), [(2, 0), (3, 2)])
def test_a_killed_container_is_named_by_all_others_which_end(
    make_cluster: Callable[..., Cluster], count: int, victim: int
) -> None:
    cluster = make_cluster(count)
    start_long_job(cluster)
    docker("kill", cluster.containers[victim].name)
    codes = cluster.await_ends(20)
    assert codes[victim] == 137
    assert_named_by_the_others(cluster, victim, codes)


def test_a_host_that_is_cut_off_from_the_network_is_named_and_ends_too(
    make_cluster: Callable[..., Cluster],
) -> None:
    cluster = make_cluster(3)
    start_long_job(cluster)
    cluster.cut_off(1)
    codes = cluster.await_ends(20)
    assert_named_by_the_others(cluster, 1, codes)
    assert codes[1] == 3
    assert "Host algo-1 died: nothing was heard of it for" in cluster.log(1)


def test_a_stopped_container_stops_all_with_exit_code_0(
    make_cluster: Callable[..., Cluster],
) -> None:
    cluster = make_cluster(2)
    start_long_job(cluster)
    code, seconds = cluster.containers[1].stop()
    assert code == 0
    assert seconds < 15
    assert cluster.await_ends(15) == [0, 0]
    SavedModel.open(cluster.folders[0].model)

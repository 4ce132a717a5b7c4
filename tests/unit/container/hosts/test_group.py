"""The group of hosts over real connections, in threads of one process."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from object2vec.errors import ClientError, PlatformError
from object2vec_container.hosts.group import HostGroup, Loss
from object2vec_container.hosts.link import BrokenLinkError, Link
from object2vec_container.hosts.settings import HostSettings

SETTINGS = HostSettings(silence_seconds=2)
NAMES = ("a", "b", "c")


class Job:
    """Three hosts that note what they lose."""

    def __init__(self) -> None:
        pairs = {rank: socket.socketpair(socket.AF_UNIX) for rank in (1, 2)}
        self.losses: dict[int, list[Loss]] = {0: [], 1: [], 2: []}
        self.sockets = [end for pair in pairs.values() for end in pair]
        links = [
            {rank: Link(pair[0]) for rank, pair in pairs.items()},
            *({0: Link(pair[1])} for pair in pairs.values()),
        ]
        self.groups = [
            HostGroup(rank, NAMES, links[rank], SETTINGS, self.losses[rank].append)
            for rank in range(3)
        ]

    def each(self, action) -> list:
        """Do something on all hosts at once; return what they got."""
        results: list = [None] * 3

        def run(rank: int) -> None:
            results[rank] = action(self.groups[rank], rank)

        threads = [threading.Thread(target=run, args=(rank,)) for rank in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        return results

    def await_losses(self, *ranks: int) -> list[Loss]:
        deadline = time.monotonic() + 8
        while not all(self.losses[rank] for rank in ranks):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return [self.losses[rank][0] for rank in ranks]


@pytest.fixture
def job() -> Iterator[Job]:
    made = Job()
    yield made
    made.each(lambda group, rank: group.leave())
    for end in made.sockets:
        end.close()


def test_every_host_gets_every_value_in_order_round_by_round(job: Job) -> None:
    def give(group: HostGroup, rank: int) -> list[object]:
        return [group.gather([number, rank, 0.1]) for number in range(50)]

    expected = [[[number, rank, 0.1] for rank in range(3)] for number in range(50)]
    assert job.each(give) == [expected] * 3


def end(group: HostGroup, rank: int) -> None:
    group.finish()
    group.leave()


def test_all_leave_together_without_a_loss(job: Job) -> None:
    began = time.monotonic()
    job.each(end)
    assert time.monotonic() - began < 1
    assert job.losses == {0: [], 1: [], 2: []}


def test_a_failure_is_told_to_all_others_with_its_class(job: Job) -> None:
    job.groups[1].tell_failure(ClientError("no good"))
    for loss in job.await_losses(0, 2):
        assert loss.host == "b"
        assert isinstance(loss.error, ClientError)
        assert str(loss.error) == "Host b failed: no good"
    assert job.losses[1] == []


def test_a_goodbye_before_the_end_is_a_death(job: Job) -> None:
    job.groups[2].leave()
    for loss in job.await_losses(0, 1):
        assert str(loss.error).startswith("Host c died: it left before the end.")


def test_a_stop_is_told_to_all_others(job: Job) -> None:
    job.groups[0].tell_stop()
    assert job.await_losses(1, 2) == [Loss("a", None)] * 2


def test_a_broken_connection_is_a_death_that_the_others_hear_of(job: Job) -> None:
    job.sockets[1].shutdown(socket.SHUT_RDWR)  # that of host b
    for loss in job.await_losses(0, 2):
        assert loss.host == "b"
        assert isinstance(loss.error, PlatformError)
        assert str(loss.error).startswith("Host b died: its connection broke without a goodbye")


def test_nonsense_from_a_host_is_a_death_too(job: Job) -> None:
    job.sockets[3].sendall(b"?\n")
    assert [loss.host for loss in job.await_losses(0, 1)] == ["c", "c"]


def test_a_link_takes_whole_messages_of_bounded_size() -> None:
    here, there = socket.socketpair()
    with here, there:
        link = Link(here, longest=100)
        there.sendall(b'{"kind": "a"}\n{"ki')
        assert link.receive() == [{"kind": "a"}]
        there.sendall(b'nd": "b"}\n')
        assert link.receive() == [{"kind": "b"}]
        there.sendall(b" " * 101)
        with pytest.raises(BrokenLinkError, match="more than 100 bytes"):
            link.receive()

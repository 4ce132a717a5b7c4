"""The settings of several hosts, and how servers go round."""

import pytest

from object2vec.errors import ClientError
from object2vec_container.hosts.parameter_servers import servers_of
from object2vec_container.hosts.settings import HostSettings


def test_defaults_hold_where_nothing_is_set() -> None:
    settings = HostSettings.from_variables({"OBJECT2VEC_HOSTS_PORT": " "})
    assert settings == HostSettings(7777, 300, 30)
    assert settings.beat_seconds == 5
    quick = HostSettings.from_variables({"OBJECT2VEC_HOSTS_SILENCE_SECONDS": "3"})
    assert quick.beat_seconds == 0.5


def test_every_fault_is_told() -> None:
    with pytest.raises(ClientError) as caught:
        HostSettings.from_variables(
            {"OBJECT2VEC_HOSTS_PORT": "0", "OBJECT2VEC_HOSTS_WAIT_SECONDS": "soon"}
        )
    assert "OBJECT2VEC_HOSTS_PORT='0' is out of range" in str(caught.value)
    assert "OBJECT2VEC_HOSTS_WAIT_SECONDS='soon' is no whole number" in str(caught.value)


@pytest.mark.parametrize(("hosts", "servers"), [(2, 1), (3, 3), (3, 7), (4, 2)])
def test_servers_go_round_the_hosts(hosts: int, servers: int) -> None:
    counts = [servers_of(rank, hosts, servers) for rank in range(hosts)]
    assert sum(counts) == servers
    assert max(counts) - min(counts) <= 1
    assert counts == sorted(counts, reverse=True)

"""The environment variables that `train` reads for several hosts; the reference is made from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from object2vec.errors import ClientError
from object2vec_container.serving.settings_table import Setting, read_table, whole_number

HOST_SETTINGS: tuple[Setting, ...] = (
    Setting(
        "port",
        "OBJECT2VEC_HOSTS_PORT",
        "1..65535",
        "7777",
        "The port at which the first host listens for the others.",
        whole_number(1, 65535),
    ),
    Setting(
        "wait_seconds",
        "OBJECT2VEC_HOSTS_WAIT_SECONDS",
        "1..86400",
        "300",
        "Seconds to wait for all hosts to come; then the job fails and names those that did not.",
        whole_number(1, 86400),
    ),
    Setting(
        "silence_seconds",
        "OBJECT2VEC_HOSTS_SILENCE_SECONDS",
        "2..3600",
        "30",
        "A host of which nothing was heard for so many seconds is dead, and the job fails.",
        whole_number(2, 3600),
    ),
)


@dataclass(frozen=True, slots=True)
class HostSettings:
    """How hosts find each other.

    Attributes:
        port: Where the first host listens.
        wait_seconds: How long to wait for all hosts.
        silence_seconds: After how long a silent host is dead.
    """

    port: int = 7777
    wait_seconds: float = 300.0
    silence_seconds: float = 30.0

    @classmethod
    def from_variables(cls, variables: Mapping[str, str]) -> Self:
        """Read the environment variables.

        Raises:
            ClientError: Values are not allowed; names all of them.
        """
        values: dict[str, Any]
        values, faults = read_table(HOST_SETTINGS, variables)
        if faults:
            raise ClientError("\n".join(["Problems in the environment variables:", *faults]))
        return cls(**values)

    @property
    def beat_seconds(self) -> float:
        """How often a host says that it is there."""
        return min(5.0, self.silence_seconds / 6)

"""The hosts of a job as a training sees them: who is there, and what all of them say.

How hosts reach each other is the affair of whoever starts the training; here stands only what a
training needs of them. With one host everything is as if there were none of this.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np

from object2vec.errors import ClientError
from object2vec.hyperparameters import Hyperparameters

StoreKind: TypeAlias = Literal["dist_sync", "dist_async"]


class Hosts(Protocol):
    """The hosts that train one model together, seen from one of them."""

    @property
    def rank(self) -> int:
        """This host's place in `names`, from 0; host 0 writes the model."""

    @property
    def names(self) -> Sequence[str]:
        """Every host's name, in the order of their ranks."""

    def gather(self, value: Any) -> list[Any]:
        """Give a value, and return the values of all hosts in the order of their ranks.

        Every host must call it equally often: a call returns when all hosts have made it.

        Args:
            value: Anything that JSON can say; floats arrive with every bit, NaN too.
        """


@dataclass(frozen=True, slots=True)
class SingleHost:
    """A job of one host."""

    rank: int = 0
    names: Sequence[str] = ("algo-1",)

    def gather(self, value: Any) -> list[Any]:
        """Return the one value."""
        return [value]


def sums_over(hosts: Hosts, values: Sequence[float]) -> list[float]:
    """Return the sums of all hosts' values, place by place, added in the order of ranks.

    Args:
        hosts: The hosts; every one must call this with equally many values.
        values: This host's.
    """
    total = np.zeros(len(values))
    for given in hosts.gather([float(value) for value in values]):
        total += given
    return [float(value) for value in total]


def choose_store(hyperparameters: Hyperparameters) -> StoreKind:
    """Return the key-value store that joins the gradients of several hosts.

    Raises:
        ClientError: The token tables cannot be trained with it.
    """
    if "async" not in hyperparameters.kvstore:
        return "dist_sync"
    if hyperparameters.token_embedding_storage_type == "row_sparse":
        raise ClientError(
            f"Hyperparameter _kvstore is '{hyperparameters.kvstore}' and "
            "token_embedding_storage_type is 'row_sparse': with asynchronous steps the parameter "
            "servers keep the optimizer, and they take no sparse gradients. Use "
            "_kvstore=dist_sync, or token_embedding_storage_type=dense."
        )
    return "dist_async"

"""What hosts say together, and which store joins their gradients."""

import math

import pytest

from object2vec.errors import ClientError
from object2vec.hyperparameter_table import KVSTORES
from object2vec.hyperparameters import Hyperparameters
from object2vec.training.hosts import SingleHost, choose_store, sums_over


def chosen(**changes: str) -> Hyperparameters:
    return Hyperparameters.from_strings(
        {"enc0_vocab_size": "9", "enc0_max_seq_len": "3", "optimizer": "adam", **changes}
    )


class Others:
    """This host is the second; the first one always says the same."""

    rank = 1
    names = ("a", "b")

    def gather(self, value: list[float]) -> list[list[float]]:
        return [[0.1, 1, math.nan], value]


def test_sums_are_taken_place_by_place() -> None:
    total = sums_over(Others(), [0.2, 2, 3])
    assert total[:2] == [0.1 + 0.2, 3.0]
    assert math.isnan(total[2])
    assert sums_over(SingleHost(), [0.1, 7]) == [0.1, 7.0]


@pytest.mark.parametrize("kvstore", KVSTORES)
def test_steps_are_joint_unless_the_store_is_an_asynchronous_one(kvstore: str) -> None:
    expected = "dist_async" if "async" in kvstore else "dist_sync"
    assert choose_store(chosen(_kvstore=kvstore)) == expected


def test_row_sparse_tables_are_refused_where_servers_keep_the_optimizer() -> None:
    sparse = {"token_embedding_storage_type": "row_sparse"}
    assert choose_store(chosen(**sparse)) == "dist_sync"
    with pytest.raises(ClientError, match=r"'dist_async'.*'row_sparse'.*Use _kvstore=dist_sync"):
        choose_store(chosen(**sparse, _kvstore="dist_async"))

"""Setting up the engine."""

import subprocess
import sys

import numpy as np
import pytest

from object2vec.network import engine
from object2vec.network.engine import mx, nd


def test_the_seed_decides_what_the_engine_draws():
    draws = []
    for seed in (1, 1, 2, 2**40 + 1):
        engine.seed(seed)
        draws.append(nd.random.uniform(shape=(5,)).asnumpy().tolist())
    assert draws[0] == draws[1]
    assert draws[0] != draws[2]
    assert draws[3]


@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_arrays_reach_the_engine_with_their_values(dtype):
    array = np.arange(12, dtype=dtype).reshape(3, 4)
    for given in (array, array.T, array[::2]):
        made = engine.from_numpy(given, mx.cpu())
        np.testing.assert_array_equal(made.asnumpy(), given)
        assert made.dtype == dtype


def test_no_gpu_is_taken_where_none_may_be():
    assert engine.device(0) == mx.cpu()


def test_settings_of_the_environment_are_kept():
    program = (
        "import os; os.environ['OMP_NUM_THREADS'] = '3'; os.environ.pop('OMP_WAIT_POLICY', None)\n"
        "from object2vec.network import engine\n"
        "print(os.environ['OMP_NUM_THREADS'], os.environ['OMP_WAIT_POLICY'])"
    )
    made = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert made.stdout.split() == ["3", "PASSIVE"]

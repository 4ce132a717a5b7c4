"""SIGTERM in a training, in a process of its own."""

import os
import signal
import subprocess
import sys

import pytest

from object2vec.training.stop import StopRequested
from object2vec_container.stopping import stoppable


def run(program: str) -> subprocess.CompletedProcess[str]:
    head = (
        "import os, signal, time\n"
        "from object2vec.training.stop import StopRequested\n"
        "from object2vec_container.stopping import stoppable\n"
        "def ask(): os.kill(os.getpid(), signal.SIGTERM)\n"
    )
    return subprocess.run(
        [sys.executable, "-c", head + program],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_sigterm_unwinds_the_context() -> None:
    before = signal.getsignal(signal.SIGALRM)
    steps = []

    def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            steps.append("went on")
        finally:
            steps.append("cleaned up")

    with pytest.raises(StopRequested), stoppable():
        work()
    assert steps == ["cleaned up"]
    assert signal.getsignal(signal.SIGALRM) is before
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def test_a_thread_can_request_a_stop_of_the_main_one() -> None:
    done = run(
        "import threading\n"
        "from object2vec_container.stopping import refuse_further_requests, request\n"
        "try:\n"
        "    with stoppable():\n"
        "        try:\n"
        "            threading.Thread(target=request).start()\n"
        "            time.sleep(20)\n"
        "        except StopRequested:\n"
        "            refuse_further_requests()\n"
        "            ask()\n"
        "            time.sleep(0.6)\n"
        "            print('ended in peace')\n"
        "except StopRequested:\n"
        "    print('stopped once more')\n"
    )
    assert (done.stdout, done.stderr, done.returncode) == ("ended in peace\n", "", 0)


def test_without_a_signal_all_is_as_before() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stoppable():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_stop_that_a_destructor_swallows_is_asked_for_again() -> None:
    done = run(
        "class Late:\n"
        "    def __del__(self): ask(); time.sleep(0.01)\n"
        "try:\n"
        "    with stoppable():\n"
        "        late = Late(); del late\n"
        "        print('swallowed', flush=True)\n"
        "        time.sleep(20)\n"
        "        print('never', flush=True)\n"
        "except StopRequested:\n"
        "    print('stopped')\n"
    )
    assert done.stdout.split() == ["swallowed", "stopped"]


def test_a_second_sigterm_ends_the_process_at_once() -> None:
    done = run(
        "with stoppable():\n"
        "    try:\n"
        "        ask(); time.sleep(20)\n"
        "    except StopRequested:\n"
        "        print('cleaning up', flush=True); ask(); time.sleep(20)\n"
        "    finally:\n"
        "        print('never', flush=True)\n"
    )
    assert done.returncode == 143
    assert done.stdout.split() == ["cleaning", "up"]

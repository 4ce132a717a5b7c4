"""What a worker takes in at a time: so many requests, so many bytes, and all of it given back."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from object2vec_container.serving.admission import Admission
from object2vec_container.serving.http_errors import UnavailableFault


def test_no_more_requests_are_let_in_than_there_are_places() -> None:
    admission = Admission(2, 1000)
    with admission.enter(1):
        with admission.enter(1):
            assert admission.requests_held == 2
            with pytest.raises(UnavailableFault, match="2 requests are under way") as caught:
                admission.enter(0).__enter__()
            assert caught.value.status == 503
            assert caught.value.headers == {"Retry-After": "1"}
            assert admission.requests_held == 2
        with admission.enter(1):
            assert admission.requests_held == 2
    assert admission.requests_held == 0


def test_no_more_bytes_are_let_in_than_there_is_room_for() -> None:
    admission = Admission(10, 100)
    with admission.enter(60):
        with pytest.raises(UnavailableFault, match=r"hold 60 bytes, and this one's 41 would"):
            admission.enter(41).__enter__()
        with admission.enter(40), admission.enter(0):
            assert admission.requests_held == 3
        with admission.enter(40):
            pass


def test_a_body_larger_than_all_room_is_let_in_alone() -> None:
    admission = Admission(10, 100)
    with admission.enter(0), admission.enter(500), pytest.raises(UnavailableFault):
        admission.enter(1).__enter__()
    with admission.enter(1), pytest.raises(UnavailableFault):
        admission.enter(500).__enter__()
    with admission.enter(500):
        pass


def test_a_request_that_fails_gives_its_place_back() -> None:
    admission = Admission(1, 100)
    for _ in range(3):
        with pytest.raises(KeyError), admission.enter(100):
            raise KeyError
    with ExitStack() as stack:
        stack.enter_context(admission.enter(100))
        assert admission.requests_held == 1


def test_threads_together_never_exceed_the_places_and_leave_none_taken() -> None:
    admission = Admission(3, 10**9)
    start = threading.Barrier(8)

    def come_and_go() -> tuple[int, int]:
        start.wait()
        most = refused = 0
        for _ in range(300):
            try:
                with admission.enter(7):
                    most = max(most, admission.requests_held)
            except UnavailableFault:
                refused += 1
        return most, refused

    with ThreadPoolExecutor(8) as pool:
        outcomes = [each.result() for each in [pool.submit(come_and_go) for _ in range(8)]]
    assert max(most for most, _ in outcomes) <= 3
    assert admission.requests_held == 0
    with admission.enter(1), admission.enter(1), admission.enter(1):
        pass


def test_whoever_asked_is_told_of_every_change_down_to_nothing() -> None:
    told: list[int] = []
    admission = Admission(1, 100, told.append)
    with admission.enter(1), pytest.raises(UnavailableFault):
        admission.enter(1).__enter__()
    assert told == [1, 0]

"""Items prepared ahead: order, one early, and errors where they belong."""

import threading

import pytest

from object2vec.training.ahead import ahead


def test_all_items_come_in_order():
    assert list(ahead(range(50), lambda item: item * 2)) == [item * 2 for item in range(50)]
    assert list(ahead([], str)) == []


def test_one_item_is_prepared_before_it_is_asked_for():
    prepared = []
    second = threading.Event()

    def prepare(item):
        prepared.append(item)
        if item == 1:
            second.set()
        return item

    items = ahead(iter(range(10)), prepare)
    assert next(items) == 0
    assert second.wait(10)
    assert prepared == [0, 1]
    items.close()


def test_an_error_is_raised_where_its_item_would_be():
    def items():
        yield 0
        yield 1
        raise ValueError("the third cannot be drawn")

    made = ahead(items(), str)
    assert [next(made), next(made)] == ["0", "1"]
    with pytest.raises(ValueError, match="the third"):
        next(made)

    made = ahead([1, 0], lambda item: 1 // item)
    assert next(made) == 1
    with pytest.raises(ZeroDivisionError):
        next(made)

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from penstock.predict.pipeline import (
    ANSWERING_PER_THREAD,
    READ_AHEAD,
    WRITES_WAITING,
    answered_in_order,
    one_behind,
)


def test_answers_come_in_the_order_of_the_items_whoever_is_faster() -> None:
    odd_may_go = threading.Event()

    def answer(item: int) -> int:
        if item == 0:
            assert odd_may_go.wait(30)
        if item == 1:
            odd_may_go.set()  # the first item is answered after the second
        return item * 10

    found = list(answered_in_order(iter(range(50)), answer, threads=2))
    assert found == [(item, item * 10) for item in range(50)]


def test_no_more_is_read_than_the_bounds_say_while_nobody_takes_answers() -> None:
    read = []

    def items() -> Iterator[int]:
        for item in range(1000):
            read.append(item)
            yield item

    answers = answered_in_order(items(), lambda item: item, threads=2)
    for taken in range(100):
        assert next(answers) == (taken, taken)
        assert len(read) <= taken + 1 + READ_AHEAD + ANSWERING_PER_THREAD * 2 + 1


def test_what_an_item_raises_comes_after_the_answers_before_it() -> None:
    def items() -> Iterator[int]:
        yield from range(7)
        raise ValueError("the file ends here")

    found = []
    with pytest.raises(ValueError, match="the file ends here"):
        for item, _ in answered_in_order(items(), lambda item: item, threads=3):
            found.append(item)
    assert found == list(range(7))


def test_what_an_answer_raises_is_raised_in_its_turn() -> None:
    def answer(item: int) -> int:
        return 10 // (3 - item)

    found = []
    with pytest.raises(ZeroDivisionError):
        for item, _ in answered_in_order(iter(range(10)), answer, threads=2):
            found.append(item)
    assert found == [0, 1, 2]


def test_writes_happen_in_order_one_behind_and_their_errors_are_raised() -> None:
    written: list[int] = []
    may_write = threading.Event()

    def write(item: int) -> None:
        assert may_write.wait(30)
        if item == 4:
            raise OSError("full")
        written.append(item)

    with one_behind(write) as writer:
        for item in range(WRITES_WAITING):
            writer.take(item)
        assert written == []
        may_write.set()
        with pytest.raises(OSError, match="full"):
            for item in range(WRITES_WAITING, 10):
                writer.take(item)
            writer.finish()
    assert written[:4] == [0, 1, 2, 3]

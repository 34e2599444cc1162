# SPDX-License-Identifier: Apache-2.0
"""The threads of plain handlers."""

import subprocess
import sys
import threading

import pytest

from penstock.hosting.threads import HandlerThreads


def test_results_and_errors_come_back() -> None:
    threads = HandlerThreads(2)
    assert threads.submit(divmod, 7, 2).result() == (3, 1)
    with pytest.raises(SystemExit):
        threads.submit(sys.exit, 3).result()
    assert list(threads.map(str, range(100))) == [str(number) for number in range(100)]
    threads.shutdown()


def test_as_many_run_at_a_time_as_there_may_be_and_no_more() -> None:
    threads = HandlerThreads(3)
    all_there = threading.Barrier(4)
    go = threading.Event()
    seen: set[int] = set()

    def stay() -> None:
        seen.add(threading.get_ident())
        all_there.wait(30)
        go.wait(30)

    staying = [threads.submit(stay) for _ in range(3)]
    all_there.wait(30)
    late = threads.submit(seen.add, 0)
    assert not late.done()
    go.set()
    for future in [*staying, late]:
        future.result(30)
    assert len(seen) == 4
    threads.shutdown()


def test_an_idle_thread_is_used_again() -> None:
    threads = HandlerThreads(8)
    used = {threads.submit(threading.get_ident).result() for _ in range(50)}
    assert len(used) < 8
    threads.shutdown()


def test_a_future_that_was_cancelled_in_line_is_not_begun() -> None:
    threads = HandlerThreads(1)
    go = threading.Event()
    first = threads.submit(go.wait, 30)
    second = threads.submit(pytest.fail)
    assert second.cancel()
    go.set()
    assert first.result()
    threads.shutdown()


def test_the_process_ends_while_a_handler_does_not() -> None:
    code = (
        "import threading\n"
        "from penstock.hosting.threads import HandlerThreads\n"
        "began = threading.Event()\n"
        "def never_ends():\n"
        "    began.set()\n"
        "    threading.Event().wait()\n"
        "threads = HandlerThreads(1)\n"
        "threads.submit(never_ends)\n"
        "began.wait()\n"
        "threads.shutdown(wait=False)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)

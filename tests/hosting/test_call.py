# SPDX-License-Identifier: Apache-2.0
"""A hosted call by itself, and the loop that joins calls to the core; the test is the core."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import pytest

from penstock.hosting.bridge_loop import BridgeLoop
from penstock.hosting.call import (
    MESSAGE_OVERHEAD_BYTES,
    UNWRITTEN_BYTES_MAX,
    CallEnded,
    CallHead,
    HostedCall,
)

HEAD = CallHead(
    path="/s/M", metadata=(), deadline_s=None, peer="test", accepted_encodings=frozenset()
)


class Written:
    """Verbs that were said."""

    def __init__(self) -> None:
        self.verbs: list[tuple[Any, ...]] = []

    def send_headers(self, call: int, metadata: Iterable[Any], encoding: str) -> None:
        self.verbs.append(("headers", call, tuple(metadata), encoding))

    def send_message(self, call: int, message: bytes, is_compressed: bool) -> None:
        self.verbs.append(("message", call, message, is_compressed))

    def consumed(self, call: int, messages: int, size: int) -> None:
        self.verbs.append(("consumed", call, messages, size))

    def finish(self, call: int, code: int, details: str, metadata: Iterable[Any]) -> None:
        self.verbs.append(("finish", call, code, details, tuple(metadata)))


class Core(Written):
    """A core that has the events the test gives it, and room for as many verbs as it says."""

    def __init__(self) -> None:
        super().__init__()
        self.flushes: list[bool] = []
        self.fd = os.eventfd(0, os.EFD_NONBLOCK)
        self._events: list[tuple[Any, ...]] = []

    async def happen(self, *events: tuple[Any, ...]) -> None:
        """Tells the loop of `events`, and waits until it has taken them."""
        self._events = list(events)
        os.eventfd_write(self.fd, 1)
        while self._events:
            await asyncio.sleep(0)
        await turn()

    def host(self, paths: Iterable[str], takes_any: bool) -> None:
        self.verbs.append(("host", *paths, takes_any))

    def take(self) -> list[tuple[Any, ...]]:
        os.eventfd_read(self.fd)
        events, self._events = self._events, []
        return events

    def flush(self) -> bool:
        self.verbs.append(("flush",))
        return self.flushes.pop(0) if self.flushes else True


def waits(task: asyncio.Task[Any]) -> bool:
    return not task.done()


async def turn() -> None:
    """Lets every task run that can."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_messages_are_read_in_order_and_given_back() -> None:
    async def story() -> None:
        written = Written()
        call = HostedCall(written, 7, HEAD)
        call.note_message(b"one", True)
        call.note_message(b"", False)
        call.note_half_close()
        assert (await call.read(), call.was_compressed) == (b"one", True)
        assert (await call.read(), call.was_compressed) == (b"", False)
        assert await call.read() is None
        assert await call.read() is None
        assert written.verbs == [("consumed", 7, 1, 3), ("consumed", 7, 1, 0)]

    asyncio.run(story())


def test_a_reader_waits_for_a_message_the_end_of_them_or_of_the_call() -> None:
    async def story() -> None:
        call = HostedCall(Written(), 1, HEAD)
        reading = asyncio.create_task(call.read())
        await turn()
        assert waits(reading)
        call.note_message(b"m", False)
        assert await reading == b"m"
        reading = asyncio.create_task(call.read())
        await turn()
        assert waits(reading)
        call.note_half_close()
        assert await reading is None
        call = HostedCall(Written(), 1, HEAD)
        reading = asyncio.create_task(call.read())
        await turn()
        call.note_end(1, "gone")
        with pytest.raises(CallEnded):
            await reading

    asyncio.run(story())


def test_a_writer_waits_while_too_much_is_unwritten() -> None:
    async def story() -> None:
        written = Written()
        call = HostedCall(written, 1, HEAD)
        size = UNWRITTEN_BYTES_MAX // 2
        await call.write(bytes(size))
        await call.write(bytes(size))
        writing = asyncio.create_task(call.write(b"more"))
        await turn()
        assert waits(writing)
        assert len(written.verbs) == 2
        call.note_written(MESSAGE_OVERHEAD_BYTES)
        await turn()
        assert waits(writing)
        call.note_written(size + MESSAGE_OVERHEAD_BYTES)
        await writing
        assert written.verbs[-1] == ("message", 1, b"more", False)

    asyncio.run(story())


def test_several_writers_wait_and_none_is_forgotten() -> None:
    async def story() -> None:
        written = Written()
        call = HostedCall(written, 1, HEAD)
        await call.write(bytes(UNWRITTEN_BYTES_MAX))
        writing = [asyncio.create_task(call.write(b"%d" % n)) for n in range(3)]
        await turn()
        assert all(waits(task) for task in writing)
        writing.pop().cancel()
        call.note_written(UNWRITTEN_BYTES_MAX + MESSAGE_OVERHEAD_BYTES)
        await asyncio.gather(*writing)
        assert [verb[2] for verb in written.verbs[1:]] == [b"0", b"1"]

    asyncio.run(story())


def test_a_writer_hears_that_the_call_has_ended() -> None:
    async def story() -> None:
        call = HostedCall(Written(), 1, HEAD)
        await call.write(bytes(UNWRITTEN_BYTES_MAX))
        writing = asyncio.create_task(call.write(b"more"))
        await turn()
        call.note_end(1, "gone")
        with pytest.raises(CallEnded):
            await writing
        with pytest.raises(CallEnded):
            await call.write(b"again")

    asyncio.run(story())


def test_tiny_messages_are_bounded_too() -> None:
    async def story() -> None:
        written = Written()
        call = HostedCall(written, 1, HEAD)

        async def pour() -> None:
            while True:
                await call.write(b"")

        pouring = asyncio.create_task(pour())
        await turn()
        assert waits(pouring)
        assert len(written.verbs) == UNWRITTEN_BYTES_MAX // MESSAGE_OVERHEAD_BYTES
        call.note_end(1, "gone")
        with pytest.raises(CallEnded):
            await pouring

    asyncio.run(story())


def test_a_call_is_finished_once() -> None:
    written = Written()
    call = HostedCall(written, 1, HEAD)
    call.finish(0, "", ())
    call.finish(13, "late", ())
    call.send_headers((), "identity")
    assert written.verbs == [("finish", 1, 0, "", ())]


def test_nothing_is_said_about_a_call_that_ended() -> None:
    written = Written()
    call = HostedCall(written, 1, HEAD)
    call.note_end(1, "gone")
    call.finish(0, "", ())
    call.send_headers((), "identity")
    assert written.verbs == []


def test_whoever_waits_for_the_end_is_called_once() -> None:
    call = HostedCall(Written(), 1, HEAD)
    called: list[str] = []
    call.when_ended(lambda: called.append("early"))
    call.note_end(4, "late")
    call.when_ended(lambda: called.append("after"))
    assert called == ["early", "after"]
    assert call.end == (4, "late")


@pytest.mark.parametrize("is_handled_first", [True, False])
def test_who_waits_for_both_ends_is_called_at_the_second(is_handled_first: bool) -> None:
    call = HostedCall(Written(), 1, HEAD)
    called: list[str] = []
    call.when_done(lambda: called.append("done"))
    for is_handled in (is_handled_first, not is_handled_first):
        assert called == []
        if is_handled:
            call.note_handled()
        else:
            call.note_end(1, "gone")
    assert called == ["done"]


Story = Callable[[BridgeLoop, Core, list[HostedCall]], Awaitable[None]]


def run_loop(story: Story) -> None:
    """Runs `story(loop, core, calls)`; `calls` are those that the loop has begun."""

    async def run() -> None:
        core = Core()
        calls: list[HostedCall] = []
        loop = BridgeLoop(core, calls.append)
        loop.start()
        await story(loop, core, calls)
        loop.stop()
        os.close(core.fd)

    asyncio.run(run())


def begin(number: int) -> tuple[Any, ...]:
    return (0, number, "/s/A", (), None, "", ())


def test_events_find_their_calls() -> None:
    async def story(loop: BridgeLoop, core: Core, calls: list[HostedCall]) -> None:
        await core.happen(
            (0, 5, "/s/A", (("k", "v"),), 1.5, "ipv4:x", ("gzip",)),
            begin(6),
            (1, 6, b"b", False),
            (2, 6),
            (4, 5, 1, "gone"),
        )
        first, second = calls
        assert first.head.metadata[0].key == "k"
        assert first.head.deadline_s == 1.5
        assert first.head.accepted_encodings == {"gzip"}
        assert first.end == (1, "gone")
        assert second.end is None
        assert (await second.read(), await second.read()) == (b"b", None)

    run_loop(story)


def test_verbs_of_a_turn_cross_together_and_are_tried_again_without_room() -> None:
    async def story(loop: BridgeLoop, core: Core, calls: list[HostedCall]) -> None:
        core.flushes = [False, True]
        loop.finish(1, 0, "", ())
        loop.finish(2, 0, "", ())
        assert ("flush",) not in core.verbs
        while core.verbs.count(("flush",)) < 2:
            await asyncio.sleep(0)
        assert [verb[0] for verb in core.verbs] == ["finish", "finish", "flush", "flush"]

    run_loop(story)


@pytest.mark.parametrize("error", [KeyError, SystemExit])
def test_a_callback_that_raises_costs_nobody_else_the_end(
    caplog: pytest.LogCaptureFixture, error: type[BaseException]
) -> None:
    def fail() -> None:
        raise error

    called: list[str] = []

    async def story(loop: BridgeLoop, core: Core, calls: list[HostedCall]) -> None:
        await core.happen(begin(1), begin(2))
        calls[0].when_ended(fail)
        calls[0].when_ended(lambda: called.append("next"))
        await core.happen((4, 1, 1, ""), (4, 2, 1, ""))
        assert [call.end for call in calls] == [(1, ""), (1, "")]

    run_loop(story)
    assert "done_callback_failed" in caplog.text
    assert called == ["next"]


def test_calls_that_are_open_when_the_loop_stops_are_over() -> None:
    async def story(loop: BridgeLoop, core: Core, calls: list[HostedCall]) -> None:
        await core.happen(begin(1))
        loop.stop()
        assert calls[0].end == (14, "the server has stopped")

    run_loop(story)

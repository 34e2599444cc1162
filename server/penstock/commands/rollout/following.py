# SPDX-License-Identifier: Apache-2.0
"""A rollout followed to its end, also across restarts of its server."""

import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.live import Live
from rich.text import Text

from penstock.commands.rollout.picture import log_line, picture
from penstock.commands.rollout.told import json_line, status_told
from penstock_client import Client, RolloutStatus, Unavailable

__all__ = ["PATIENCE_S", "follow", "followed"]

#: How long a server may be away until its rollout is followed no more.
PATIENCE_S = 60.0
#: Between two attempts to find it again.
PAUSE_S = 1.0


def follow(
    console: Console,
    client: Client,
    model: str,
    rollout: str,
    *,
    as_json: bool,
    ends_when_held: bool = False,
) -> RolloutStatus:
    """Shows how a rollout goes, and gives what it came to.

    On a terminal a picture that is drawn anew; elsewhere the lines of its log as they come; as JSON
    a line for each change. Held, it goes on only if a person acts: `ends_when_held` then returns.
    """
    statuses = followed(client, model, rollout)
    if as_json:
        told = _each(statuses, lambda one: print(json_line(status_told(one)), flush=True))
    elif console.is_terminal:
        told = _drawn(console, statuses)
    else:
        told = _printed(console, statuses)
    last = None
    for last in told:
        if ends_when_held and last.state == "held":
            break
    assert last is not None, "a watch has a first answer, or raises"
    return last


def followed(
    client: Client,
    model: str,
    rollout: str,
    *,
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[RolloutStatus]:
    """How it stands, at once and after each change, to its end.

    A server that is away for less than PATIENCE_S is asked again; else this raises Unavailable.
    """
    seen_s = clock()
    has_seen = False
    while True:
        try:
            for status in client.rollouts.watch(model, rollout):
                rollout, has_seen, seen_s = status.id, True, clock()
                yield status
            return
        except Unavailable:
            if not has_seen or clock() - seen_s > PATIENCE_S:
                raise
            pause(PAUSE_S)


def _each(
    statuses: Iterator[RolloutStatus], tell: Callable[[RolloutStatus], None]
) -> Iterator[RolloutStatus]:
    for status in statuses:
        tell(status)
        yield status


def _drawn(console: Console, statuses: Iterator[RolloutStatus]) -> Iterator[RolloutStatus]:
    with Live(console=console, auto_refresh=False, vertical_overflow="visible") as live:
        yield from _each(statuses, lambda one: live.update(picture(one), refresh=True))


def _printed(console: Console, statuses: Iterator[RolloutStatus]) -> Iterator[RolloutStatus]:
    lines = 0
    is_paused = False
    for status in statuses:
        for line in status.log[lines:]:
            console.print(log_line(line), soft_wrap=True)
        lines = len(status.log)
        if status.is_paused and not is_paused:
            console.print(Text(f"{status.model}: paused"), soft_wrap=True)
        is_paused = status.is_paused
        yield status

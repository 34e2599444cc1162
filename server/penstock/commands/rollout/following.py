# SPDX-License-Identifier: Apache-2.0
"""A rollout followed to its end, also across restarts of its server."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live

from penstock.commands.rollout.picture import log_line, picture
from penstock.commands.rollout.told import json_line, status_told
from penstock_client import Client, RolloutStatus, Unavailable

__all__ = ["PATIENCE_S", "follow", "followed"]

#: How long a server may be away until its rollout is followed no more.
PATIENCE_S = 60.0
#: Between two attempts to find it again.
PAUSE_S = 1.0

Tell = Callable[[RolloutStatus], None]


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

    On a terminal a picture that is drawn anew, and stays at the end; elsewhere the lines of its log
    as they come; as JSON a line for each change. Held, it goes on only if a person acts:
    `ends_when_held` then returns.
    """
    is_drawn = console.is_terminal and not as_json
    teller = _as_json() if as_json else _drawn(console) if is_drawn else _printed(console)
    last = None
    with teller as tell:
        for last in followed(client, model, rollout):
            tell(last)
            if ends_when_held and last.state == "held":
                break
    assert last is not None, "a watch has a first answer, or raises"
    if is_drawn:
        console.print(picture(last))
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


@contextmanager
def _as_json() -> Iterator[Tell]:
    yield lambda status: print(json_line(status_told(status)), flush=True)


@contextmanager
def _drawn(console: Console) -> Iterator[Tell]:
    """On a screen of its own, so that what does not fit is cut off, and not drawn twice."""
    with Live(console=console, screen=True, auto_refresh=False) as live:
        yield lambda status: live.update(picture(status), refresh=True)


@contextmanager
def _printed(console: Console) -> Iterator[Tell]:
    lines = 0

    def tell(status: RolloutStatus) -> None:
        nonlocal lines
        for line in status.log[lines:]:
            console.print(log_line(line), soft_wrap=True)
        lines = len(status.log)

    yield tell

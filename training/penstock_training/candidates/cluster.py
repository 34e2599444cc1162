# SPDX-License-Identifier: Apache-2.0
"""Runs trials on a Ray cluster. Its machines need penstock[training] installed, as this one.

Trials are asked for in batches of a fixed size, so that results are the same on every cluster; none
is stopped early, for trials of a batch do not know of each other.
"""

import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import ray

from penstock_training.candidates.outcome import Outcome, TrialSetting, run_trial
from penstock_training.errors import CandidateError

__all__ = ["OnRay", "connected"]

#: How long an address may take to answer, in seconds; Ray itself would try for minutes.
CONNECT_TIMEOUT_S = 5.0

#: Trials that are begun at once.
BATCH = 8


class OnRay:
    """On whichever machine has threads free."""

    batch = BATCH

    def run(
        self, setting: TrialSetting, trials: Sequence[tuple[Any, Mapping[str, Any]]]
    ) -> list[Outcome]:
        """See penstock_training.candidates.search.Runner."""
        shared = ray.put(setting)
        remote = ray.remote(run_trial).options(num_cpus=setting.spec.threads)
        try:
            found: list[Outcome] = ray.get(
                [remote.remote(shared, dict(parameters)) for _, parameters in trials]
            )
        except ray.exceptions.RayError as error:
            why = " ".join(str(error).split())[:300].rstrip(".")
            raise CandidateError(
                f"the Ray cluster at {setting.spec.search.ray_address} does not run trials: {why}."
            ) from None
        return found


@contextmanager
def connected(address: str) -> Iterator[OnRay]:
    """A connection to the cluster.

    Raises:
        CandidateError: there is none at `address`.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    _refuse_deaf(address)
    was_connected = ray.is_initialized()
    if not was_connected:
        try:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise _deaf(address, error) from None
    try:
        yield OnRay()
    finally:
        if not was_connected:
            ray.shutdown()


def _refuse_deaf(address: str) -> None:
    """Raises CandidateError if HOST:PORT does not take a connection."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        return  # "auto", which Ray finds or does not find at once
    try:
        socket.create_connection((host, int(port)), CONNECT_TIMEOUT_S).close()
    except (OSError, OverflowError) as error:
        raise _deaf(address, error) from None


def _deaf(address: str, error: Exception) -> CandidateError:
    why = " ".join(str(error).split())[:300].rstrip(".")
    return CandidateError(
        f"[search] ray_address is {address}, and no Ray cluster answers there: {why}."
    )

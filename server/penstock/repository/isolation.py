# SPDX-License-Identifier: Apache-2.0
"""Whether a model runs in processes of its own, and the bounds they are held to. Pure functions."""

import re

from penstock.errors import RepositoryError
from penstock.repository.parameters import Parameters, choice, text
from penstock.repository.plan import IsolationPlan

__all__ = ["isolation_plan"]

ISOLATION_KEY = "penstock.isolation"
BATCH_SECONDS_KEY = "penstock.batch_seconds_max"
LOAD_SECONDS_KEY = "penstock.load_seconds_max"
MEMORY_KEY = "penstock.memory_bytes_max"
SHARED_KEY = "penstock.shared_bytes_max"
BOUNDS = (BATCH_SECONDS_KEY, LOAD_SECONDS_KEY, MEMORY_KEY, SHARED_KEY)

SECONDS_MAX = 7 * 86_400
#: An interpreter with numpy takes about half of this by itself.
MEMORY_BYTES_MIN = 64 << 20
SHARED_BYTES_MIN = 64 << 10
BYTES_MAX = 2**46
UNITS = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def isolation_plan(parameters: Parameters, backend: str) -> IsolationPlan | None:
    """The plan of a model that sets penstock.isolation to "process"; None for all others.

    Raises RepositoryError, also for a bound that would bind nothing: whoever sets one relies on it.
    """
    wanted = choice(parameters, ISOLATION_KEY, ("none", "process"), default="none")
    if wanted == "none":
        for key in BOUNDS:
            if key in parameters:
                raise RepositoryError(
                    f"parameters.{key} is set, but the model runs in the server's own process, "
                    f'which it cannot bound: set parameters.{ISOLATION_KEY} to "process" as well.'
                )
        return None
    if backend != "python":
        raise RepositoryError(
            f"parameters.{ISOLATION_KEY} is 'process', but the model's backend is {backend}: "
            "wanted python, the only one that runs a model's own code."
        )
    defaults = IsolationPlan()
    return IsolationPlan(
        batch_seconds_max=_seconds(parameters, BATCH_SECONDS_KEY, defaults.batch_seconds_max),
        load_seconds_max=_seconds(parameters, LOAD_SECONDS_KEY, defaults.load_seconds_max),
        memory_bytes_max=_bytes(
            parameters, MEMORY_KEY, defaults.memory_bytes_max, least=MEMORY_BYTES_MIN, or_none=True
        ),
        shared_bytes_max=_bytes(
            parameters, SHARED_KEY, defaults.shared_bytes_max, least=SHARED_BYTES_MIN
        ),
    )


def _seconds(parameters: Parameters, key: str, default: float) -> float:
    found = text(parameters, key)
    if found is None:
        return default
    seconds = float(found) if re.fullmatch(r"\d+(\.\d+)?", found, re.ASCII) else -1.0
    if seconds != 0 and not 0.001 <= seconds <= SECONDS_MAX:
        raise RepositoryError(
            f"parameters.{key} is {found!r}: wanted seconds, from 0.001 to {SECONDS_MAX}, such as "
            "2.5; or 0 for no bound."
        )
    return seconds


def _bytes(
    parameters: Parameters, key: str, default: int, *, least: int, or_none: bool = False
) -> int:
    found = text(parameters, key)
    if found is None:
        return default
    parts = re.fullmatch(r"(\d{1,15}) ?(|KiB|MiB|GiB)", found, re.ASCII)
    size = int(parts[1]) * UNITS[parts[2]] if parts else -1
    if not (least <= size <= BYTES_MAX or (or_none and size == 0)):
        raise RepositoryError(
            f"parameters.{key} is {found!r}: wanted bytes, at least {least}, such as 536870912 or "
            f"512MiB{'; or 0 for no bound' if or_none else ''}."
        )
    return size

# SPDX-License-Identifier: Apache-2.0
"""Finds services that are to be hosted, and lets them register."""

import importlib
import inspect
import logging
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from penstock.errors import ServiceError
from penstock.hosting.host import ServiceHost

__all__ = ["ENTRY_POINTS", "register_services"]

log = logging.getLogger(__name__)

#: Where installed packages name functions that are called as those of --grpc-service are.
ENTRY_POINTS = "penstock.services"

WANTED = "wanted MODULE:FUNCTION, e.g. greeter:register, where FUNCTION(server) adds servicers"


async def register_services(host: ServiceHost, names: Iterable[str]) -> None:
    """Calls each of `names` ("module:function") and each entry point with `host`.

    Raises ServiceError, with what is wrong, if one cannot be found or fails.
    """
    for name in names:
        await _register(host, name, lambda name=name: _imported(name))  # type: ignore[misc]
    for point in entry_points(group=ENTRY_POINTS):
        await _register(host, f"{point.value} (entry point {point.name})", _loader(point))


async def _register(host: ServiceHost, name: str, load: Callable[[], Any]) -> None:
    before = set(host.services())
    try:
        outcome = load()(host)
        if inspect.isawaitable(outcome):
            await outcome
    except ServiceError:
        raise
    except (Exception, SystemExit) as error:
        log.exception("service_failed_to_register", extra={"service": name})
        raise ServiceError(
            f"--grpc-service {name} failed: {type(error).__name__}: {error}"
        ) from error
    added = sorted(set(host.services()) - before)
    log.info("services_registered", extra={"by": name, "services": ", ".join(added) or "none"})


def _loader(point: EntryPoint) -> Callable[[], Any]:
    return point.load


def _imported(name: str) -> Any:
    module_name, _, function_name = name.partition(":")
    if not module_name or not function_name:
        raise ServiceError(f"--grpc-service {name}: {WANTED}.")
    # As `python -m` does: a module beside where the command was given.
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name != module_name.partition(".")[0] and error.name != module_name:
            raise
        raise ServiceError(
            f"--grpc-service {name}: there is no module {module_name!r}, neither in {folder} nor "
            f"among the installed ones; {WANTED}."
        ) from None
    function = getattr(module, function_name, None)
    if not callable(function):
        own = [
            key
            for key, value in vars(module).items()
            if inspect.isfunction(value) and value.__module__ == module.__name__
        ]
        raise ServiceError(
            f"--grpc-service {name}: {module_name} has no function {function_name!r}; it has "
            f"{', '.join(own) or 'none'}."
        )
    return function

# SPDX-License-Identifier: Apache-2.0
"""Which route of REST a path is: a pure table. What a route does is in `rest_application`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from penstock.errors import ControlError

__all__ = ["ROUTES", "FoundRoute", "find_route"]

GET, POST, BOTH = ("GET",), ("POST",), ("GET", "POST")
MODEL = ("/v2/models/{model}", "/v2/models/{model}/versions/{version}")
REPOSITORY = ("/v2/repository", "/v2/repository/{repository}")
SYSTEM = ("/v2/systemsharedmemory", "/v2/systemsharedmemory/region/{region}")
ROLLOUTS = "/admin/v1/rollouts"
ROLLOUT = (f"{ROLLOUTS}/{{model}}",)
TRAFFIC = "/admin/v1/routes"
DRIFT = "/admin/v1/drift"
CUDA = ("/v2/cudasharedmemory", "/v2/cudasharedmemory/region/{region}")

#: Route -> its methods, the places where it stands, and the endings of its paths.
ROUTES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    # Before what may be a model's: Triton reads this as no model's name, too.
    "all_statistics": (GET, ("/v2/models/stats",), ("",)),
    "config": (GET, MODEL, ("/config",)),
    "statistics": (GET, MODEL, ("/stats",)),
    "docs": (GET, ("/v2", *MODEL), ("/docs",)),
    "openapi": (GET, ("/v2", *MODEL), ("/openapi.json", "/docs/dataplane.json")),
    "trace": (BOTH, ("/v2", "/v2/models/{model}"), ("/trace/setting",)),
    "logging": (BOTH, ("/v2/logging",), ("",)),
    "index": (POST, REPOSITORY, ("/index",)),
    "load": (POST, REPOSITORY, ("/models/{model}/load",)),
    "unload": (POST, REPOSITORY, ("/models/{model}/unload",)),
    "system_status": (GET, SYSTEM, ("/status",)),
    "system_register": (POST, SYSTEM, ("/register",)),
    "system_unregister": (POST, SYSTEM, ("/unregister",)),
    "cuda_status": (GET, CUDA, ("/status",)),
    "cuda_register": (POST, CUDA, ("/register",)),
    "cuda_unregister": (POST, CUDA, ("/unregister",)),
    # Penstock's own, under a place that a proxy can keep to operators.
    "rollouts": (BOTH, (ROLLOUTS,), ("",)),
    "rollout": (GET, ROLLOUT, ("",)),
    "rollout_promote": (POST, ROLLOUT, ("/promote",)),
    "rollout_pause": (POST, ROLLOUT, ("/pause",)),
    "rollout_resume": (POST, ROLLOUT, ("/resume",)),
    "rollout_rollback": (POST, ROLLOUT, ("/rollback",)),
    "rollout_explain": (GET, ROLLOUT, ("/explain",)),
    "rollout_examples": (GET, ROLLOUT, ("/examples",)),
    "traffic_routes": (GET, (TRAFFIC,), ("",)),
    "traffic_route": (GET, (f"{TRAFFIC}/{{model}}",), ("",)),
    "traffic_route_examples": (GET, (f"{TRAFFIC}/{{model}}",), ("/examples",)),
    "drift_all": (GET, (DRIFT,), ("",)),
    "drift": (GET, (f"{DRIFT}/{{model}}",), ("",)),
    # KServe's first protocol; its `:predict` is the port's own.
    "v1_alive": (GET, ("/",), ("",)),
    "v1_models": (GET, ("/v1/models",), ("",)),
    "v1_model": (GET, ("/v1/models/{model}",), ("",)),
}

MALFORMED = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRoute:
    """A route, the methods it has, and the names that its path carries, decoded."""

    route: str
    methods: tuple[str, ...]
    names: Mapping[str, str] = field(default_factory=dict)


def find_route(path: str) -> FoundRoute | None:
    """The route of `path`, which is percent-encoded and without its query.

    Raises ControlError if a name in it cannot be decoded.
    """
    for route, methods, pattern in _PATTERNS:
        if match := pattern.fullmatch(path):
            names = {
                name: _decoded(text) for name, text in match.groupdict().items() if text is not None
            }
            return FoundRoute(route=route, methods=methods, names=names)
    return None


def _decoded(segment: str) -> str:
    if MALFORMED.search(segment):
        raise ControlError(f"the path holds '{segment}', which is no percent-encoded text")
    try:
        return unquote_to_bytes(segment).decode("utf-8")
    except UnicodeDecodeError:
        raise ControlError(f"the path holds '{segment}', which is no UTF-8") from None


def _pattern(template: str) -> re.Pattern[str]:
    """The expression of a template; a version is a number, any other name what is between `/`."""

    def named(match: re.Match[str]) -> str:
        name = match.group(1)
        return f"(?P<{name}>{'[0-9]+' if name == 'version' else '[^/]+'})"

    return re.compile(re.sub(r"\\{(\w+)\\}", named, re.escape(template)))


_PATTERNS = [
    (route, methods, _pattern(place + ending))
    for route, (methods, places, endings) in ROUTES.items()
    for place in places
    for ending in endings
]

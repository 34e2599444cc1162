# SPDX-License-Identifier: Apache-2.0
"""Triton's flags that are no options here: which are accepted without effect, and which refused.

A flag that only tunes what this server does not have is accepted, and named in one warning: the
server answers as it would without. One that asks for protection, or for a feature that is not
built, stops the start: to go on without would be worse than not to start.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from penstock.errors import OptionsError

__all__ = ["TRITON_FLAGS", "TritonFlag", "without_triton_flags"]

#: Values that ask for nothing, whatever the flag.
NOTHING = frozenset({"", "false", "0", "off", "no"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TritonFlag:
    """A flag, by the name it has as an option. `asks_for` is what a refused one wants."""

    name: str
    help: str
    asks_for: str = ""

    @property
    def flag(self) -> str:
        """As it is written on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def is_refused(self) -> bool:
        """Whether it stops the start, unless its value asks for nothing."""
        return bool(self.asks_for)


def _ignored(why: str, *names: str) -> list[TritonFlag]:
    return [TritonFlag(name=name, help=f"Accepted, without effect: {why}.") for name in names]


def _refused(asks_for: str, *names: str) -> list[TritonFlag]:
    return [
        TritonFlag(name=name, help=f"Refused: {asks_for} is not built.", asks_for=asks_for)
        for name in names
    ]


TRITON_FLAGS: Mapping[str, TritonFlag] = {
    flag.name: flag
    for flag in [
        *_ignored(
            "connections share the threads of --grpc-infer-thread-count",
            "http_thread_count",
        ),
        *_ignored(
            "requests and answers are not kept in pools",
            "grpc_infer_allocation_pool_size",
            "grpc_max_response_pool_size",
        ),
        *_ignored(
            "pings are bounded by the rules of docs/http2.md",
            "grpc_http2_max_pings_without_data",
            "grpc_http2_min_recv_ping_interval_without_data",
            "grpc_http2_max_ping_strikes",
        ),
        *_ignored(
            "backends, caches and agents are no libraries of a folder",
            "backend_directory",
            "cache_directory",
            "repoagent_directory",
        ),
        *_ignored(
            "instances gather their inputs themselves",
            "buffer_manager_thread_count",
        ),
        *_ignored(
            "memory of GPUs is the runtime's own",
            "pinned_memory_pool_byte_size",
            "cuda_memory_pool_byte_size",
            "cuda_virtual_address_size",
            "min_supported_compute_capability",
            "enable_peer_access",
            "host_policy",
            "model_load_gpu_limit",
        ),
        *_ignored("there is no rate limiter", "rate_limit_resource"),
        *_ignored(
            "there is no such front end",
            "allow_sagemaker",
            "sagemaker_port",
            "sagemaker_safe_port_range",
            "sagemaker_thread_count",
            "allow_vertex_ai",
            "vertex_ai_port",
            "vertex_ai_thread_count",
            "vertex_ai_default_model",
        ),
        *_ignored(
            "Triton has deprecated it",
            "response_cache_byte_size",
            "trace_file",
            "trace_level",
            "trace_rate",
            "trace_count",
            "trace_log_frequency",
        ),
        *_refused(
            "TLS",
            "grpc_use_ssl",
            "grpc_use_ssl_mutual",
            "grpc_server_cert",
            "grpc_server_key",
            "grpc_root_cert",
        ),
        *_refused(
            "the restriction of calls to holders of a key",
            "http_restricted_api",
            "grpc_restricted_protocol",
        ),
        *_refused("the response cache", "cache_config"),
        *_refused("rate limiting", "rate_limit"),
        *_refused("tracing", "trace_config"),
        *_refused("several models of one name", "model_namespacing"),
    ]
}


def without_triton_flags(
    given: Mapping[str, str | Sequence[str]],
) -> tuple[dict[str, str | Sequence[str]], list[str]]:
    """`given` without the flags of this file, and those of them that have no effect, as written.

    Raises OptionsError with a line for each that is refused.
    """
    kept = {name: value for name, value in given.items() if name not in TRITON_FLAGS}
    found = [TRITON_FLAGS[name] for name in given if name in TRITON_FLAGS]
    refusals = [
        f"{flag.flag}: asks for {flag.asks_for}, which this version does not have; "
        "without the flag the server starts without it."
        for flag in found
        if flag.is_refused and _asks(given[flag.name])
    ]
    if refusals:
        raise OptionsError("\n".join(refusals))
    return kept, [flag.flag for flag in found if not flag.is_refused]


def _asks(value: str | Sequence[str]) -> bool:
    texts = [value] if isinstance(value, str) else value
    return any(text.strip().lower() not in NOTHING for text in texts)

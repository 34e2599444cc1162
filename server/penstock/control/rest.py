# SPDX-License-Identifier: Apache-2.0
"""A REST call that the control application answers, as plain values."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

__all__ = ["RestAnswer", "RestApplication", "RestCall"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RestCall:
    """A request of HTTP, complete. `path` is as it was sent, percent-encoded, without the query;
    names of `headers` are in lower case; `body` is decompressed.
    """

    method: str
    path: str
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestAnswer:
    """The answer to it; its content-length is added by the core."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)
    body: bytes = b""


RestApplication = Callable[[RestCall], Awaitable[RestAnswer]]

# SPDX-License-Identifier: Apache-2.0
"""Which proxies there are, and the models behind them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.doubles.model_files import add_affine, add_identity
from tests.doubles.running import RunningServer
from tests.proxies.proxies import HAPROXY, NGINX, Haproxy, HaproxyOverHttp2, Nginx, Proxy

#: The bound of the servers on the body of a request, for inference() to cross.
INPUT_BYTES_MAX = 16 << 20

needs_haproxy = pytest.mark.skipif(HAPROXY is None, reason="haproxy is not installed")
needs_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")

PROXIES = [
    pytest.param(Haproxy, marks=needs_haproxy, id="haproxy"),
    pytest.param(HaproxyOverHttp2, marks=needs_haproxy, id="haproxy-h2"),
    pytest.param(Nginx, marks=needs_nginx, id="nginx"),
]


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """echo (FP32 of any length) and affine (y = 2 x + 1 of three columns)."""
    folder = tmp_path_factory.mktemp("models")
    add_identity(folder, "echo", [("x", "TYPE_FP32", [-1])], rows_max=0)
    add_affine(folder, "affine", config="max_batch_size: 8")
    return folder


@pytest.fixture(params=PROXIES)
def proxy_class(request: pytest.FixtureRequest) -> type[Proxy]:
    made: type[Proxy] = request.param
    return made


@pytest.fixture(scope="session")
def servers(repository: Path) -> Iterator[tuple[RunningServer, RunningServer]]:
    """Two that no test ends."""
    flags = (f"--http-max-input-size={INPUT_BYTES_MAX}",)
    with (
        RunningServer(repository, flags=flags) as first,
        RunningServer(repository, flags=flags) as second,
    ):
        yield first, second


@pytest.fixture(scope="session", params=PROXIES)
def proxy(
    request: pytest.FixtureRequest,
    servers: tuple[RunningServer, RunningServer],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Proxy]:
    """In front of `servers`."""
    with request.param(servers, tmp_path_factory.mktemp("proxy")) as made:
        yield made

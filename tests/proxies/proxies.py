# SPDX-License-Identifier: Apache-2.0
"""haproxy and nginx in front of servers, as processes of their own on ports of loopback."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from textwrap import dedent
from types import TracebackType
from typing import IO

from tests.doubles.running import PATIENCE_S, RunningServer

HAPROXY = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

CHECK_INTERVAL_MS = 100
#: How often a check must fail or pass before the proxy believes it.
CHECKS_THAT_COUNT = 2


class Proxy(ABC):
    """In front of `backends` for as long as the `with` block does.

    Clients find it at `grpc` and `rest`. It holds the ports from the beginning, so nobody else
    gets them.
    """

    #: Whether it asks the servers if they are ready; if not, it also sends to one that starts.
    asks_servers: bool

    def __init__(self, backends: Sequence[RunningServer], folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        try:
            held = [self._stack.enter_context(self._hold_port()) for _ in range(2)]
            self.grpc, self.rest = (f"127.0.0.1:{one.getsockname()[1]}" for one in held)
            config = folder / "proxy.conf"
            config.write_text(self._config(backends, held))
            log = self._stack.enter_context((folder / "proxy.log").open("wb"))
            self._process = self._start(config, held, log)
            self._wait_until_open()
        except BaseException:
            self._end()
            raise

    @abstractmethod
    def _hold_port(self) -> socket.socket:
        """A socket that keeps a free port for the proxy."""

    @abstractmethod
    def _config(self, backends: Sequence[RunningServer], held: Sequence[socket.socket]) -> str: ...

    @abstractmethod
    def _start(
        self, config: Path, held: Sequence[socket.socket], log: IO[bytes]
    ) -> subprocess.Popen[bytes]: ...

    def log(self) -> str:
        """What it has said so far."""
        return (self._folder / "proxy.log").read_text()

    def _wait_until_open(self) -> None:
        """Open is: a request passes through."""
        assert self._process is not None
        end = time.monotonic() + PATIENCE_S
        while self._process.poll() is None and time.monotonic() < end:
            try:
                with socket.create_connection(split(self.rest), timeout=5) as client:
                    client.sendall(b"GET /v2/health/live HTTP/1.1\r\nhost: x\r\n\r\n")
                    if client.recv(64).startswith(b"HTTP/1.1 200"):
                        return
            except OSError:
                pass
        raise RuntimeError(f"the proxy did not start:\n{self.log()}")

    def __enter__(self) -> Proxy:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process is not None
        assert self._process.poll() is None, f"the proxy has ended:\n{self.log()}"
        self._end()

    def _end(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._stack.close()


def split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


class Haproxy(Proxy):
    """With active checks. To the backends it speaks HTTP/2 for gRPC, and `rest_protocol` for REST.

    Its checks see status and fields, and not the body in which gRPC's health check answers: for
    both ports they ask REST's readiness.
    """

    asks_servers = True
    rest_protocol = "h1"

    def _hold_port(self) -> socket.socket:
        return socket.create_server(("127.0.0.1", 0))

    def _config(self, backends: Sequence[RunningServer], held: Sequence[socket.socket]) -> str:
        def servers(protocol: str, addresses: Sequence[str]) -> str:
            return "\n".join(
                f"    server s{number} {address} proto {protocol}"
                f" check check-proto h1 port {backend.rest_port}"
                for number, (backend, address) in enumerate(zip(backends, addresses, strict=True))
            )

        checks = f"inter {CHECK_INTERVAL_MS}ms fall {CHECKS_THAT_COUNT} rise {CHECKS_THAT_COUNT}"
        grpc, rest = (one.fileno() for one in held)
        return dedent(
            """\
            global
                nbthread 2
            defaults
                mode http
                timeout connect 5s
                timeout client 60s
                timeout server 60s
                timeout check 5s
                retries 3
                option redispatch
                option httpchk GET /v2/health/ready
                default-server {checks}
            frontend grpc
                bind fd@{grpc} proto h2
                default_backend grpc
            frontend rest
                bind fd@{rest}
                default_backend rest
            backend grpc
            {grpc_servers}
            backend rest
            {rest_servers}
            """
        ).format(
            checks=checks,
            grpc=grpc,
            rest=rest,
            grpc_servers=servers("h2", [one.grpc for one in backends]),
            rest_servers=servers(self.rest_protocol, [one.rest for one in backends]),
        )

    def _start(
        self, config: Path, held: Sequence[socket.socket], log: IO[bytes]
    ) -> subprocess.Popen[bytes]:
        assert HAPROXY is not None
        return subprocess.Popen(
            [HAPROXY, "-db", "-f", config],
            pass_fds=[one.fileno() for one in held],
            stdout=log,
            stderr=log,
        )


class HaproxyOverHttp2(Haproxy):
    """The same with HTTP/2 to the backends for REST as well."""

    rest_protocol = "h2"


class Nginx(Proxy):
    """With passive checks, the only ones it has: whoever refuses connections is left out for 1 s.

    To the backends it speaks HTTP/2 for gRPC and HTTP/1.1 for REST, over pools of connections.
    """

    asks_servers = False

    def _hold_port(self) -> socket.socket:
        held = socket.socket()
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(("127.0.0.1", 0))  # and does not listen: all connections are nginx's
        return held

    def _config(self, backends: Sequence[RunningServer], held: Sequence[socket.socket]) -> str:
        def servers(addresses: Sequence[str]) -> str:
            return " ".join(f"server {one} max_fails=1 fail_timeout=1s;" for one in addresses)

        return dedent(
            """\
            daemon off;
            master_process off;
            pid {folder}/nginx.pid;
            error_log stderr warn;
            events {{ worker_connections 512; }}
            http {{
                access_log off;
                client_body_temp_path {folder}/body;
                proxy_temp_path {folder}/proxy;
                fastcgi_temp_path {folder}/fastcgi;
                uwsgi_temp_path {folder}/uwsgi;
                scgi_temp_path {folder}/scgi;
                client_max_body_size 0;
                keepalive_requests 1000000;
                upstream grpc {{ {grpc_servers} keepalive 16; keepalive_requests 1000000; }}
                upstream rest {{ {rest_servers} keepalive 16; keepalive_requests 1000000; }}
                server {{
                    listen {grpc} http2 reuseport;
                    location / {{ grpc_pass grpc://grpc; }}
                }}
                server {{
                    listen {rest} reuseport;
                    location / {{
                        proxy_pass http://rest;
                        proxy_http_version 1.1;
                        proxy_set_header Connection "";
                        proxy_set_header Host $http_host;
                    }}
                }}
            }}
            """
        ).format(
            folder=self._folder,
            grpc=self.grpc,
            rest=self.rest,
            grpc_servers=servers([one.grpc for one in backends]),
            rest_servers=servers([one.rest for one in backends]),
        )

    def _start(
        self, config: Path, held: Sequence[socket.socket], log: IO[bytes]
    ) -> subprocess.Popen[bytes]:
        assert NGINX is not None
        return subprocess.Popen(
            [NGINX, "-c", config, "-p", self._folder, "-e", "stderr"], stdout=log, stderr=log
        )

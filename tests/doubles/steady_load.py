# SPDX-License-Identifier: Apache-2.0
"""Clients that ask one request after the other over gRPC and REST, and check each answer."""

from __future__ import annotations

import http.client
import json
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType

import numpy as np

import penstock_client

PATIENCE_S = 30.0
#: Each client has a connection of its own: gRPC would share one between all of a process.
OWN_CONNECTION = (("grpc.use_local_subchannel_pool", 1),)


class Client(ABC):
    """Asks for a row of its own and holds the answer against it."""

    @abstractmethod
    def ask(self, number: int) -> None:
        """Raises whatever goes wrong."""

    @abstractmethod
    def close(self) -> None: ...


class GrpcClient(Client):
    def __init__(self, address: str, model: str) -> None:
        self._model = model
        self._client = penstock_client.Client(address, retry=None, options=OWN_CONNECTION)

    def ask(self, number: int) -> None:
        x = np.array([number, number + 1], np.float32)
        answer = self._client.infer(self._model, {"x": x}, timeout=10)["x_out"]
        assert np.array_equal(answer, x), answer

    def close(self) -> None:
        self._client.close()


class RestClient(Client):
    def __init__(self, address: str, model: str) -> None:
        self._path = f"/v2/models/{model}/infer"
        self._connection = http.client.HTTPConnection(address, timeout=10)

    def ask(self, number: int) -> None:
        x = [number, number + 1]
        tensor = {"name": "x", "datatype": "FP32", "shape": [2], "data": x}
        try:
            self._connection.request("POST", self._path, json.dumps({"inputs": [tensor]}))
            with self._connection.getresponse() as answer:
                said = answer.read()
        except BaseException:
            self._connection.close()
            raise
        assert answer.status == 200, (answer.status, said)
        assert json.loads(said)["outputs"][0]["data"] == x, said

    def close(self) -> None:
        self._connection.close()


class Asker(threading.Thread):
    """A client that never rests. `failures` are its sentences; `answered` counts what was right."""

    def __init__(self, client: Client, name: str, asked: threading.Condition) -> None:
        super().__init__(name=name)
        self._client = client
        self._asked = asked
        self.answered = 0
        self.failures: list[str] = []
        self.is_over = False

    def run(self) -> None:
        number = 0
        while not self.is_over:
            number += 1
            began = time.monotonic()
            try:
                self._client.ask(number)
                self.answered += 1
            except Exception as error:
                took_ms = (time.monotonic() - began) * 1e3
                self.failures.append(f"{self.name} {number} after {took_ms:.0f} ms: {error!r}")
            with self._asked:
                self._asked.notify_all()
        self._client.close()


class Load:
    """`count` clients of gRPC and as many of REST, for as long as the `with` block does."""

    def __init__(self, grpc: str, rest: str, count: int, model: str = "echo") -> None:
        # Told after each request, however it went.
        self._asked = threading.Condition()
        self.askers = [
            *(Asker(GrpcClient(grpc, model), f"grpc-{i}", self._asked) for i in range(count)),
            *(Asker(RestClient(rest, model), f"rest-{i}", self._asked) for i in range(count)),
        ]

    def __enter__(self) -> Load:
        for asker in self.askers:
            asker.start()
        self.go_on()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Asks no more; a second time it does nothing."""
        for asker in self.askers:
            asker.is_over = True
        for asker in self.askers:
            asker.join()

    @property
    def failures(self) -> list[str]:
        return [sentence for asker in self.askers for sentence in asker.failures]

    def go_on(self, answers: int = 20) -> None:
        """Waits until each client has had so many more answers."""
        wanted = [(asker, asker.answered + answers) for asker in self.askers]
        self.until(
            lambda: all(asker.answered >= count for asker, count in wanted), "clients are answered"
        )

    def until(self, is_so: Callable[[], bool], what: str) -> None:
        """Looks after each request until it is so; the load goes on while `is_so` looks."""
        end = time.monotonic() + PATIENCE_S
        while not is_so():
            assert time.monotonic() < end, f"waited in vain until {what}: {self.failures[:5]}"
            with self._asked:
                self._asked.wait(PATIENCE_S)

# SPDX-License-Identifier: Apache-2.0
"""A gate inside a Python model: it reports each batch to the test and waits to be let through."""

from __future__ import annotations

import json
import socket
import tempfile
from pathlib import Path
from types import TracebackType

PATIENCE_S = 30.0

#: model.py of a model that waits at the gate once per batch, then doubles its input.
GATED_MODEL = """
import json
import socket


class Gated:
    def load(self, context):
        self.path = context.config.parameters["gate"].string_value

    def execute(self, batch):
        with socket.socket(socket.AF_UNIX) as gate:
            gate.connect(self.path)
            told = {"request_rows": list(batch.request_rows), "first": batch["x"][:, 0].tolist()}
            gate.sendall(json.dumps(told).encode() + b"\\n")
            gate.recv(1)
        return {"y": batch["x"] * 2}
"""


class Batch:
    """A batch that waits at the gate."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE_S)
        self._connection = connection
        with connection.makefile() as lines:
            told = json.loads(lines.readline())
        self.request_rows: list[int] = told["request_rows"]
        self.first: list[float] = told["first"]

    def let_through(self) -> None:
        self._connection.close()


class Gate:
    """Where the batches arrive. `path` goes into the model's configuration as parameter `gate`."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="gate-")
        self.path = str(Path(self._folder.name) / "s")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen(64)
        self._listener.settimeout(PATIENCE_S)
        self._connections: list[socket.socket] = []

    def next_batch(self) -> Batch:
        """Waits for the next batch to arrive."""
        connection, _ = self._listener.accept()
        self._connections.append(connection)
        return Batch(connection)

    def __enter__(self) -> Gate:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for connection in (self._listener, *self._connections):
            connection.close()
        self._folder.cleanup()

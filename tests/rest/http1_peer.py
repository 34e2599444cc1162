# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 as bytes: what a library would not send, and answers read with little of our own."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer: `headers` by lower-case name."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The sentence of a refusal."""
        text: str = self.json["error"]
        return text


class Http1Peer:
    """A connection to the REST port. Sends what it is given; knows content-length and chunks."""

    def __init__(self, address: str, *, patience_s: float = PATIENCE_S) -> None:
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=patience_s)
        self._unread = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self, *, has_body: bool = True) -> Answer:
        """The next one. Raises EOFError if the server ends the connection before its end."""
        head = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        status = int(head[0].split(" ")[1])
        if not has_body or status < 200 or status == 204:
            return Answer(status=status, headers=headers, body=b"")
        if headers.get("transfer-encoding") == "chunked":
            return Answer(status=status, headers=headers, body=self._chunks())
        body = self._exactly(int(headers["content-length"]))
        return Answer(status=status, headers=headers, body=body)

    def is_ended(self) -> bool:
        """Waits for the server to end the connection; False: it says something instead."""
        with contextlib.suppress(ConnectionResetError):
            self._unread += self.socket.recv(1)
        return not self._unread

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self._until(b"\r\n").strip(), 16):
            body += self._exactly(size)
            assert self._exactly(2) == b"\r\n"
        self._until(b"\r\n")
        return body

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._unread:
            self._receive()
        found, _, self._unread = self._unread.partition(mark)
        return found

    def _exactly(self, size: int) -> bytes:
        while len(self._unread) < size:
            self._receive()
        taken, self._unread = self._unread[:size], self._unread[size:]
        return taken

    def _receive(self) -> None:
        data = self.socket.recv(1 << 16)
        if not data:
            raise EOFError(f"the connection ended after {self._unread!r}")
        self._unread += data

    def __enter__(self) -> Http1Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def request(
    method: str, path: str, body: bytes = b"", headers: Sequence[tuple[str, str]] = ()
) -> bytes:
    """A request with Host and, if it has a body, content-length."""
    fields = [("host", "x"), *headers]
    if body:
        fields.append(("content-length", str(len(body))))
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def infer_body(
    value: Any, *, name: str = "x", datatype: str = "FP32", shape: Sequence[int], **more: Any
) -> bytes:
    """The JSON of a request with one input."""
    tensor = {"name": name, "datatype": datatype, "shape": list(shape), "data": value}
    return json.dumps({"inputs": [tensor], **more}).encode()

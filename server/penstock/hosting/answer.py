# SPDX-License-Identifier: Apache-2.0
"""What a handler has said about its answer so far, and how that reaches the call."""

from collections.abc import Iterable
from typing import NoReturn

import grpc
import grpc.aio

from penstock.hosting.call import HostedCall
from penstock.hosting.metadata import Metadatum, checked_metadata

__all__ = ["Aborted", "Answer", "Pairs", "number_of", "status_of"]

Pairs = Iterable[tuple[str, str | bytes]]

ENCODINGS = {
    grpc.Compression.NoCompression: "identity",
    grpc.Compression.Deflate: "deflate",
    grpc.Compression.Gzip: "gzip",
}
_STATUSES: dict[int, grpc.StatusCode] = {status.value[0]: status for status in grpc.StatusCode}


class Aborted(grpc.aio.AbortError):
    """The handler has called `abort`; the status is in the Answer."""


def number_of(code: grpc.StatusCode | int) -> int:
    """gRPC's number of a status. Raises ValueError for a number that gRPC does not know."""
    if isinstance(code, grpc.StatusCode):
        return int(code.value[0])
    if code not in _STATUSES:
        raise ValueError(f"A status of gRPC is wanted, grpc.StatusCode or 0 to 16, got {code!r}.")
    return int(code)


def status_of(number: int) -> grpc.StatusCode:
    """The status with this number, 0 to 16."""
    return _STATUSES[number]


class Answer:
    """The status, trailing metadata and compression of a call's answer.

    The setters may be called from any thread that runs the call's handler; `send_headers` and
    `finish` on the event loop only.
    """

    def __init__(self, call: HostedCall) -> None:
        self.code = 0
        self.details = ""
        self.trailing: tuple[Metadatum, ...] = ()
        self.is_aborted = False
        self._call = call
        self._compression = grpc.Compression.NoCompression
        self._is_next_plain = False

    def abort(self, code: grpc.StatusCode | int, details: str, trailing: Pairs | None) -> NoReturn:
        """Settles the answer, and leaves the handler. Raises Aborted, always.

        A handler that swallows it can say nothing more. As in grpc, details and metadata that were
        set before stand where none are given, and an abort with OK is taken for the mistake that
        it is: UNKNOWN.
        """
        self._check_not_aborted()
        number = number_of(code)
        details = details or self.details
        if trailing:
            self.trailing = checked_metadata(trailing)
        self.code, self.details = (number, details) if number else (2, "")
        self.is_aborted = True
        raise Aborted(details)

    def abort_with_status(self, status: grpc.Status) -> NoReturn:
        """The same with a `grpc.Status`, e.g. of grpc-status, with rich details."""
        self.abort(status.code, status.details, status.trailing_metadata)

    def set_code(self, code: grpc.StatusCode | int) -> None:
        """The status if the handler returns. Raises ValueError if gRPC has no such."""
        self.code = number_of(code)

    def set_compression(self, compression: grpc.Compression) -> None:
        """How messages are compressed, if the peer accepts it.

        Raises RuntimeError once the headers were sent, which name the encoding.
        """
        if self._call.has_sent_headers:
            raise RuntimeError(
                "Compression must be set before the initial metadata or a message is sent."
            )
        self._compression = grpc.Compression(compression)

    def send_next_plain(self) -> None:
        """Leaves the next message as it is."""
        self._is_next_plain = True

    def takes_compressed(self) -> bool:
        """Whether the next message is to be compressed. Asked once for each."""
        is_plain, self._is_next_plain = self._is_next_plain, False
        return not is_plain and self._encoding() != "identity"

    def send_headers(self, metadata: tuple[Metadatum, ...] = ()) -> None:
        """Sends the initial metadata; raises RuntimeError the second time."""
        self._check_not_aborted()
        if self._call.has_sent_headers:
            raise RuntimeError("The initial metadata was sent before.")
        self._call.send_headers(metadata, self._encoding())

    async def write(self, message: bytes) -> None:
        """Sends a message, the headers before it if need be; see HostedCall.write."""
        self._check_not_aborted()
        if not self._call.has_sent_headers:
            self.send_headers()
        await self._call.write(message, is_compressed=self.takes_compressed())

    def finish(self) -> None:
        """Ends the answer with what was said."""
        self._call.finish(self.code, self.details, self.trailing)

    def _check_not_aborted(self) -> None:
        if self.is_aborted:
            raise Aborted(self.details)

    def _encoding(self) -> str:
        encoding = ENCODINGS[self._compression]
        return encoding if encoding in self._call.head.accepted_encodings else "identity"

# SPDX-License-Identifier: Apache-2.0
"""Requests at a rate that no answer slows down, each with a key and the time it was sent at."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from types import TracebackType

import numpy as np
from tests.doubles import canned

from penstock_client._proto import inference_pb2 as pb

PATH = "/inference.GRPCInferenceService/ModelInfer"
PATIENCE_S = 30.0
FRAME_HEAD_BYTES = 9


class PacedLoad:
    """`per_s` requests a second over one connection, for as long as the `with` block does.

    The model has one input `sent`, FP64[1, 1]: seconds since 1970. Each request has an id of its
    own, which is its key. Where the machine was too busy, what was missed is sent at once: the rate
    stays. `answered` are streams that the server has ended, `refused` those that it has reset.
    """

    def __init__(self, port: int, model: str, per_s: float) -> None:
        self._socket = canned.connect(port)
        request = pb.ModelInferRequest(model_name=model)
        tensor = request.inputs.add(name="sent", datatype="FP64")
        tensor.shape.extend([1, 1])
        self._head = request.SerializeToString()
        self._per_s = per_s
        self._counted = threading.Condition()
        self._is_over = False
        self._threads = [threading.Thread(target=one) for one in (self._send, self._receive)]
        self.sent = self.answered = self.refused = 0
        self.seconds = 0.0

    @property
    def rate(self) -> float:
        """Requests a second that were sent in truth."""
        return self.sent / self.seconds

    def _send(self) -> None:
        self._socket.sendall(canned.hello())
        began = time.monotonic()
        for number in itertools.count():
            due = began + number / self._per_s
            if (wait := due - time.monotonic()) > 0:
                time.sleep(wait)
            if self._is_over:
                break
            sent = np.float64(time.time()).tobytes()
            raw = pb.ModelInferRequest(id=f"user-{number}", raw_input_contents=[sent])
            # Messages of protobuf that follow each other are one.
            message = self._head + raw.SerializeToString()
            self._socket.sendall(canned.call(2 * number + 1, PATH, message))
            self.sent += 1
        self.seconds = time.monotonic() - began

    def _receive(self) -> None:
        kept = bytearray()
        while received := self._some():
            kept += received
            at = answered = refused = 0
            while len(kept) >= at + FRAME_HEAD_BYTES:
                high, low, kind, flags, _ = canned.FRAME_HEAD.unpack_from(kept, at)
                size = (high << 16) + low
                if len(kept) < at + FRAME_HEAD_BYTES + size:
                    break
                at += FRAME_HEAD_BYTES + size
                answered += kind == canned.HEADERS and bool(flags & canned.END_STREAM)
                refused += kind == canned.RST_STREAM
            del kept[:at]
            with self._counted:
                self.answered += answered
                self.refused += refused
                self._counted.notify_all()

    def _some(self) -> bytes:
        try:
            return self._socket.recv(1 << 16)
        except OSError:  # it is shut
            return b""

    def go_on(self, requests: int) -> None:
        """Waits until so many more have come to their end."""
        with self._counted:
            wanted = self.answered + requests
            assert self._counted.wait_for(lambda: self.answered >= wanted, PATIENCE_S), (
                f"{self.answered} of {self.sent} are answered, wanted {wanted}"
            )

    def __enter__(self) -> PacedLoad:
        for thread in self._threads:
            thread.start()
        self.go_on(100)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_over = True
        self._threads[0].join()
        with self._counted:
            self._counted.wait_for(lambda: self.answered + self.refused >= self.sent, PATIENCE_S)
        self._socket.shutdown(socket.SHUT_RDWR)
        self._threads[1].join()
        self._socket.close()

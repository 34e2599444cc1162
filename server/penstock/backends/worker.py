# SPDX-License-Identifier: Apache-2.0
"""A process that runs one instance of a Python model for the server that started it.

    python -m penstock.backends.worker     with descriptors 3, 4 and 5 as cpp/model/worker_process.h

It is told what to load and then handed one batch after another: headers through a socket, tensors
in shared memory, as cpp/model/worker_message.h draws them. The model's code runs as it would in the
server; if it takes this process down, the server sees that and starts another.
"""

import ctypes
import faulthandler
import os
import signal
import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType

from penstock.backends.isolation import LoadOrder
from penstock.backends.python_class import Instance, python_execute, running_model
from penstock.backends.shared_tensors import Answers, Requests, TooLargeError, cut_sentence
from penstock.backends.triton.current import settle_in
from penstock.backends.triton.instance import TritonInstance
from penstock.logs import LogChoice, start_logging

__all__ = ["main"]

SOCKET_FD, REQUESTS_FD, ANSWERS_FD = 3, 4, 5

HEADER = struct.Struct("<IIQQ")  # kind, number, bytes, words
LOAD, BATCH = 1, 2
DONE, RAISED, TOO_LARGE, ANSWERED = 1, 2, 3, 4

PR_SET_PDEATHSIG = 1
#: Between -1000 and 1000: when memory is out, the kernel is to end this and not the server.
OOM_SCORE = "500"


def main() -> None:
    """Serves until the server closes the socket, or ends."""
    # Before the first read: a server that has ended until here has closed the socket.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # or a crash loses it
    faulthandler.enable()
    # What the server sends before it kills a model that takes too long.
    faulthandler.register(signal.SIGXCPU)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave_to_server)
    with socket.socket(fileno=SOCKET_FD) as server:
        worker = _Worker(server)
        while header := server.recv(HEADER.size):
            worker.answer(*HEADER.unpack(header))
        worker.close()


class _Worker:
    """One instance, once it is loaded, and the memory that its batches come and go in."""

    def __init__(self, server: socket.socket) -> None:
        for descriptor in (SOCKET_FD, REQUESTS_FD, ANSWERS_FD):
            os.set_inheritable(descriptor, False)
        self._server = server
        self._requests = Requests(REQUESTS_FD)
        self._answers = Answers(ANSWERS_FD)
        self._execute: Instance | None = None

    def answer(self, kind: int, number: int, size: int, words: int) -> None:
        try:
            if kind == LOAD:
                self._load(number, size)
                told, size, words = DONE, 0, int(isinstance(self._execute, TritonInstance))
            else:
                told, size, words = self._run(size, words)
        except TooLargeError as error:
            told, size, words = TOO_LARGE, self._say(error), 0
        except BaseException as error:  # also SystemExit, or what a library has made of it
            told, size, words = RAISED, self._say(error), 0
        self._server.sendall(HEADER.pack(told, number, size, words))

    def _load(self, instance: int, size: int) -> None:
        order = LoadOrder.read(self._requests.take(size))
        sys.path[:] = order.python_path
        choice = LogChoice.from_level(order.log_level, order.log_format)
        start_logging(choice, file=order.log_file)
        self._requests.tensors = order.plan.inputs
        self._answers.tensors = order.plan.outputs
        self._answers.bytes_max = order.shared_bytes_max
        # Nobody else's code runs here, so files beside model.py are found at any time.
        folder = order.plan.model_path.parent
        sys.path.insert(0, str(folder))
        settle_in(running_model(order.plan))
        self._execute = python_execute(order.plan, order.config, instance)

    def _run(self, size: int, words: int) -> tuple[int, int, int]:
        if self._execute is None:
            raise RuntimeError("a batch came before the model was loaded")
        batch = self._requests.read(size, words)
        if isinstance(self._execute, TritonInstance):
            answers = self._execute(batch.inputs, batch.request_rows, batch.facts)
            return ANSWERED, *self._answers.write_answers(answers)
        return DONE, *self._answers.write(self._execute(batch.inputs, batch.request_rows))

    def close(self) -> None:
        """The server needs it no more."""
        if isinstance(self._execute, TritonInstance):
            self._execute.close()

    def _say(self, error: BaseException) -> int:
        sentence = cut_sentence(str(error) or type(error).__name__)
        self._answers.put(sentence)
        return len(sentence)


_PID = os.getpid()


def _leave_to_server(number: int, frame: FrameType | None) -> None:
    """Signals to end, sent to all processes of a service: when to end a worker, the server knows.

    A process that the model has forked ends, as it would without this.
    """
    del frame
    if os.getpid() != _PID:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


if __name__ == "__main__":
    main()

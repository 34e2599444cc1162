# SPDX-License-Identifier: Apache-2.0
"""Starting a server on its core, asking what it has cost, checking its answers, ending it."""

import contextlib
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc

from benchmarks import h2load, messages

_START_SECONDS_MAX = 60.0
_CALL_SECONDS_MAX = 30.0
_NOT_YET = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.NOT_FOUND)
_ROOT = Path(__file__).resolve().parent.parent

Check = Callable[[messages.Answer], None]
# Sends a request to a port and returns the answer's bytes. Raises NotYetError while the server is
# still starting, anything else where the answer is wrong.
Ask = Callable[[int, bytes], bytes]


class NotYetError(Exception):
    """A server does not answer yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that is running; `name` is the contestant's."""

    name: str
    pid: int
    port: int


def free_port() -> int:
    """Return a TCP port of the loopback that nobody had a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _family(pid: int) -> list[int]:
    """Return the process and all that descend from it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += _family(int(child))
    return found


def cpu_ns(pid: int) -> int:
    """Return the CPU time in ns that all threads of the process and its descendants have used.

    A thread that has ended is no longer counted, which could only make its server look cheaper;
    so where the kernel's own sum (in ticks of 10 ms) is greater by more than two, that is taken.
    """
    total = 0
    for process in _family(pid):
        exact = 0
        for task in Path(f"/proc/{process}/task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                exact += int((task / "schedstat").read_text().split()[0])
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        ticks_ns = (int(fields[11]) + int(fields[12])) * 10_000_000
        total += ticks_ns if ticks_ns > exact + 20_000_000 else exact
    return total


def ask(port: int, request: bytes) -> bytes:
    """Send a ModelInferRequest by grpcio and return the response's bytes.

    Raises grpc.RpcError unless grpc-status is 0; NotYetError if that may change.
    """
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(h2load.PATH)
        try:
            return call(request, timeout=_CALL_SECONDS_MAX)
        except grpc.RpcError as error:
            if isinstance(error, grpc.Call) and error.code() in _NOT_YET:
                raise NotYetError(str(error)) from error
            raise


def verify(server: Server, request: bytes, check: Check) -> int:
    """Ask with a real client; return the bytes of the answer with gRPC's prefix.

    Raises WrongAnswersError where status or values are wrong.
    """
    try:
        response = ask(server.port, request)
        check(messages.decode_response(response))
    except (grpc.RpcError, NotYetError, ValueError, AssertionError) as error:
        raise h2load.WrongAnswersError(f"{server.name}: {error}") from error
    return len(messages.framed(response))


def _announced_port(process: subprocess.Popen[bytes], log: Path) -> int:
    until = time.monotonic() + _START_SECONDS_MAX
    while time.monotonic() < until:
        if found := re.search(r"listening on (\d+)", log.read_text(errors="replace")):
            return int(found[1])
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} did not start:\n{log.read_text(errors='replace')}")


def _await_answer(
    process: subprocess.Popen[bytes], port: int, request: bytes, log: Path, asking: Ask
) -> None:
    until = time.monotonic() + _START_SECONDS_MAX
    last = "nothing was asked"
    while time.monotonic() < until and process.poll() is None:
        try:
            asking(port, request)
            return
        except NotYetError as error:
            last = str(error)
            time.sleep(0.1)
        except grpc.RpcError as error:
            last = str(error)
            break
    said = log.read_text(errors="replace")
    raise RuntimeError(f"{process.args!r} did not answer: {last}\nIt printed:\n{said}")


@contextlib.contextmanager
def running(
    name: str,
    argv: Sequence[str],
    core: int,
    probe: bytes,
    port: int | None = None,
    asking: Ask = ask,
) -> Iterator[Server]:
    """Run a server on one core until the block ends; it has answered `probe` when that begins.

    With `port` None the server chooses and prints "listening on PORT". Raises RuntimeError, with
    what the server printed, where it does not come up.
    """
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        log = Path(folder) / "log"
        with log.open("wb") as sink:
            process = subprocess.Popen(
                ["taskset", "-c", str(core), *argv],
                cwd=_ROOT,
                stdout=sink,
                stderr=subprocess.STDOUT,
            )
        try:
            bound = _announced_port(process, log) if port is None else port
            _await_answer(process, bound, probe, log, asking)
            yield Server(name=name, pid=process.pid, port=bound)
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                print(f"{name} did not end when asked to; it was killed", file=sys.stderr)
                process.kill()
                process.wait()

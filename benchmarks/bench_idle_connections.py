# SPDX-License-Identifier: Apache-2.0
"""What does an idle connection cost?

10 000 connections from a process of their own, each of which had one ModelInfer of [1,16] floats
answered, and then stays. Resident memory of each server before and after, per connection, and what
the kernel holds beside it for both ends of a connection.
"""

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import messages, models, report, runner
from benchmarks.servers import Server, verify
from benchmarks.tensors import echoes

_WIDTH = 16
_CONNECTIONS = 10_000
_QUICK_CONNECTIONS = 500
_WARM_CONNECTIONS = 200
_KIB = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a server and the kernel hold at one moment, in bytes; `kernel` None: not readable."""

    server: int
    kernel: int | None

    def each(self, before: "Held", connections: int) -> dict[str, float | None]:
        """Return what was added since, per connection."""
        kernel = None
        if self.kernel is not None and before.kernel is not None:
            kernel = (self.kernel - before.kernel) / connections
        return {
            "server_bytes": (self.server - before.server) / connections,
            "kernel_bytes_of_both_ends": kernel,
        }


def _resident(pid: int) -> int:
    found = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * _KIB


def _kernel() -> int | None:
    """Return the bytes of the kernel's objects: sockets, files, what epoll and names need."""
    kinds = {"TCP", "sock_inode_cache", "filp", "eventpoll_epi", "ep_head", "dentry"}
    try:
        lines = Path("/proc/slabinfo").read_text().splitlines()[2:]
    except OSError:
        return None
    fields = [line.split() for line in lines]
    return sum(int(f[1]) * int(f[3]) for f in fields if f[0] in kinds)


def _held(server: Server) -> Held:
    return Held(server=_resident(server.pid), kernel=_kernel())


@contextlib.contextmanager
def _seated(server: Server, connections: int, core: int) -> Iterator[None]:
    argv = ["taskset", "-c", str(core), sys.executable, "-m", "benchmarks.crowd"]
    process = subprocess.Popen(
        [*argv, str(server.port), str(connections), "identity"],
        cwd=runner.ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    with process:
        if process.stdout.readline() != "seated\n":
            raise RuntimeError(f"{server.name} did not answer {connections} connections")
        yield
        process.stdin.close()


def _weigh(server: Server, connections: int, core: int) -> dict[str, Any]:
    # What the first connections cost once, and no later one, is no cost of a connection.
    with _seated(server, _WARM_CONNECTIONS, core):
        pass
    before = _held(server)
    with _seated(server, connections, core):
        after = _held(server)
    return {"before": asdict(before), "after": asdict(after), **after.each(before, connections)}


def main() -> None:
    """Answer the question."""
    opts = runner.options(__doc__ or "")
    connections = _CONNECTIONS if opts.repeats > 2 else _QUICK_CONNECTIONS
    rows = np.random.default_rng(7).standard_normal((1, _WIDTH)).astype(np.float32)
    request = messages.encode_request("identity", rows.shape, rows.tobytes())
    with runner.stage(opts) as stage:
        models.add_identity(stage.folder / "models", "identity", _WIDTH)
        stage.penstock(stage.folder / "models", request)
        for rival in ("bare_h2_echo", "grpc_aio_echo"):
            stage.rival(rival, request)
        answer = {s.name: _weigh(s, connections, opts.load_core) for s in stage.servers}
        for server in stage.servers:
            verify(server, request, echoes(rows))

        def kib(value: float | None) -> str:
            return "unknown" if value is None else f"{value / _KIB:.1f}"

        report.table(
            f"{connections} idle connections, KiB each",
            ["server", "resident in the server", "kernel, both ends"],
            [
                [name, kib(own["server_bytes"]), kib(own["kernel_bytes_of_both_ends"])]
                for name, own in answer.items()
            ],
        )
        goal = report.Goal(what="KiB of resident memory for an idle connection", limit=24)
        verdict = goal.verdict(answer[runner.PENSTOCK]["server_bytes"] / _KIB)
        stage.keep("idle-connections", {"servers": answer, "goals": [verdict]})


if __name__ == "__main__":
    main()

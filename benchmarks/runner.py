# SPDX-License-Identifier: Apache-2.0
"""What every benchmark does: contestants side by side, timed in turns, checked before and after.

All servers of a question run at once on one core, and only one of them is loaded at a time, from
another core. A contestant's number of requests is set so that each run takes about as long.
"""

import argparse
import contextlib
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import onnxruntime

from benchmarks import compare, h2load, messages, record
from benchmarks.servers import Ask, Check, Server, ask, cpu_ns, free_port, running, verify

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "benchmarks" / "build"
RIVALS = ROOT / "benchmarks" / "rivals"
PENSTOCK = "penstock"

_PENSTOCK_COMMAND = (
    ".venv/bin/penstock serve --model-repository {repository} --grpc-port {grpc_port} "
    "--http-port {rest_port} --metrics-port {metrics_port} --grpc-infer-thread-count 1"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a benchmark is run. Seconds are those of one run of one contestant."""

    penstock: str
    seconds: float
    repeats: int
    is_recorded: bool
    server_core: int
    load_core: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One run of one contestant."""

    requests: int
    seconds: float
    cpu_us_per_request: float

    @property
    def requests_per_second(self) -> float:
        """Return the throughput that the load saw."""
        return self.requests / self.seconds


def options(description: str, *, has_rivals: bool = True) -> Options:
    """Read the command line, the same for each benchmark."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--penstock", default=_PENSTOCK_COMMAND, help="command of the server")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each run")
    parser.add_argument("--repeats", type=int, default=9, help="runs of each contestant")
    parser.add_argument("--quick", action="store_true", help="a smoke run; nothing is recorded")
    parser.add_argument("--discard", action="store_true", help="record nothing")
    parser.add_argument("--server-core", type=int, default=0)
    parser.add_argument("--load-core", type=int, default=1)
    given = parser.parse_args()
    if has_rivals and not (BUILD / "bare_h2_echo").exists():
        sys.exit("the rivals are not built: run benchmarks/rivals/build.sh")
    return Options(
        penstock=given.penstock.replace(f"{ROOT}/", ""),
        seconds=0.2 if given.quick else given.seconds,
        repeats=2 if given.quick else given.repeats,
        is_recorded=not (given.quick or given.discard),
        server_core=given.server_core,
        load_core=given.load_core,
    )


class Stage:
    """The servers of one question and the loads that are put on them."""

    def __init__(self, opts: Options, folder: Path, stack: contextlib.ExitStack) -> None:
        """Start with no server; the stack ends what is started."""
        self.options = opts
        self.folder = folder
        self._stack = stack
        self.machine = record.machine()
        self.servers: list[Server] = []

    def _start(
        self, name: str, argv: Sequence[str], probe: bytes, port: int | None, asking: Ask
    ) -> Server:
        core = self.options.server_core
        server = self._stack.enter_context(running(name, argv, core, probe, port, asking))
        self.servers.append(server)
        return server

    def penstock(
        self,
        repository: Path,
        probe: bytes,
        *flags: str,
        name: str = PENSTOCK,
        rest: Ask | None = None,
    ) -> Server:
        """Start Penstock over a model repository; with another `name`, as its own rival.

        Its port is that of gRPC, or, asked by `rest`, that of REST. Services that `flags` name are
        looked for in rivals/.
        """
        grpc_port, rest_port = free_port(), free_port()
        command = self.options.penstock.format(
            repository=repository,
            grpc_port=grpc_port,
            rest_port=rest_port,
            metrics_port=free_port(),
        )
        argv = ["env", f"PYTHONPATH={RIVALS}", *shlex.split(command), *flags]
        port = rest_port if rest else grpc_port
        return self._start(name, argv, probe, port, rest or ask)

    def rival(self, name: str, probe: bytes, *arguments: str, asking: Ask = ask) -> Server:
        """Start a rival by the name of its program in rivals/."""
        script = RIVALS / f"{name}.py"
        program = [sys.executable, str(script)] if script.exists() else [str(BUILD / name)]
        return self._start(name, [*program, "0", *arguments], probe, None, asking)

    def body(self, name: str, request: bytes) -> Path:
        """Write the request as h2load sends it."""
        path = self.folder / name
        path.write_bytes(messages.framed(request))
        return path

    def run_load(self, argv: Sequence[str]) -> str:
        """Run a load to its end on the load's core; return what it printed.

        Raises WrongAnswersError where it fails.
        """
        command = ["taskset", "-c", str(self.options.load_core), *argv]
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        if run.returncode != 0:
            raise h2load.WrongAnswersError(f"{argv[0]}: {run.stdout}{run.stderr}")
        return run.stdout

    def load_once(self, server: Server, load: h2load.Load, requests: int, answer: int) -> Sample:
        """Put `requests` on a server and check what h2load counted; `answer` in bytes."""
        before = cpu_ns(server.pid)
        outcome = h2load.parse(self.run_load(h2load.command(load, server.port, requests)))
        cpu = cpu_ns(server.pid) - before
        h2load.check(outcome, requests, answer)
        return Sample(
            requests=requests,
            seconds=outcome.seconds,
            cpu_us_per_request=cpu / requests / 1e3,
        )

    def time_in_turns(
        self, once: Callable[[Server, int], Sample], in_flight: int
    ) -> dict[str, list[Sample]]:
        """Run every server `repeats` times, in turns; `once` takes a number of requests.

        The first run, not counted, finds how many requests fill the time.
        """
        by_name = {server.name: server for server in self.servers}
        requests = {}
        for name, server in by_name.items():
            count = 4 * in_flight
            trial = once(server, count)
            while trial.seconds < 0.1 and count < 2_000_000:
                count *= 4
                trial = once(server, count)
            wanted = int(trial.requests_per_second * self.options.seconds)
            requests[name] = max(wanted, 2 * in_flight)
        samples: dict[str, list[Sample]] = {name: [] for name in by_name}
        for turn in compare.turns(list(by_name), self.options.repeats):
            for name in turn:
                samples[name].append(once(by_name[name], requests[name]))
        return samples

    def time_under_h2load(
        self, request: bytes, check: Check, load: h2load.Load
    ) -> dict[str, list[Sample]]:
        """Time every server under h2load, a real client checking each before and after."""
        answers = {server.name: verify(server, request, check) for server in self.servers}

        def once(server: Server, requests: int) -> Sample:
            return self.load_once(server, load, requests, answers[server.name])

        samples = self.time_in_turns(once, load.connections * load.streams)
        for server in self.servers:
            verify(server, request, check)
        return samples

    def keep(self, question: str, answer: dict[str, Any]) -> None:
        """Record the answer and say where."""
        facts = {"machine": self.machine, "options": asdict(self.options), **answer}
        machine = self.machine
        print(f"\n{machine['processor']}, {machine['cores']} cores; commit {record.commit()}")
        if self.options.is_recorded:
            print("recorded in", record.record(question, facts).relative_to(ROOT))
        else:
            print("not recorded")


@contextlib.contextmanager
def stage(opts: Options) -> Iterator[Stage]:
    """Give a stage whose servers and files are gone when the block ends."""
    with (
        tempfile.TemporaryDirectory(prefix="benchmark-") as folder,
        contextlib.ExitStack() as stack,
    ):
        yield Stage(opts, Path(folder), stack)


def onnxruntime_library() -> Path:
    """Return the native library of the installed onnxruntime wheel."""
    folder = Path(onnxruntime.__file__).parent / "capi"
    return next(iter(sorted(folder.glob("libonnxruntime.so.1.*"))))

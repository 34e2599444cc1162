# SPDX-License-Identifier: Apache-2.0
"""What does inference mind of its model being loaded again every second?

Identity of [1,16] floats and the 30-128-64-1 MLP in ONNX Runtime, 8 connections x 16 streams in a
closed loop: p99 with reloads and without, in turns on one server. Both models are written anew
every second and, in mode explicit, loaded by RepositoryModelLoad; in mode poll the server finds
out by itself, and the next writing waits until it has. A request that fails fails the run, and a
reload counts once ModelConfig tells what was written. For a minute of reloads: --seconds 60.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import onnxruntime

from benchmarks import compare, latency, messages, models, report, runner
from benchmarks.h2load import Load, WrongAnswersError
from benchmarks.servers import Check, Server, verify
from benchmarks.tensors import echoes, is_close_to
from penstock_client._proto import inference_extensions_pb2 as pb

_WIDTH = 16
_MODES = ("explicit", "poll")
_RELOAD_EVERY_S = 1.0
#: So that a run has several reloads in it.
_SECONDS_MIN = 5.0
_PATIENCE_S = 30.0
#: Each look is a call to the control plane, on the core whose latency is measured: at fifty looks
#: a second p99 was that of the looks.
_LOOK_EVERY_S = 0.25
_RATIO_MAX = 1.5
_SERVICE = "/inference.GRPCInferenceService/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One model under load."""

    request: bytes
    body: Path
    check: Check


class Reloads:
    """Writes the models of a repository anew and has them loaded; `took_s` has one of each."""

    def __init__(self, repository: Path, mode: str, server: Server) -> None:
        """Remember the configurations as they are."""
        self._mode = mode
        self._port = server.port
        files = sorted(repository.glob("*/config.pbtxt"))
        self._written = {file: file.read_text() for file in files}
        self._number = 0
        self.took_s: list[float] = []

    def once(self, channel: grpc.Channel) -> None:
        """Reload each model; raises WrongAnswersError where one is not."""
        self._number += 1
        for file, text in self._written.items():
            began = time.monotonic()
            mark = f'parameters {{ key: "written" value {{ string_value: "{self._number}" }} }}\n'
            # As a whole, for the server may look at any moment.
            part = file.with_suffix(".part")
            part.write_text(text + mark)
            part.replace(file)
            if self._mode == "explicit":
                load = pb.RepositoryModelLoadRequest(model_name=file.parent.name)
                self._call(channel, "RepositoryModelLoad", load.SerializeToString())
            while not self._is_served(channel, file.parent.name):
                if self._mode == "explicit" or time.monotonic() > began + _PATIENCE_S:
                    raise WrongAnswersError(f"{file.parent.name} was not loaded again")
                time.sleep(_LOOK_EVERY_S)
            self.took_s.append(time.monotonic() - began)

    def _is_served(self, channel: grpc.Channel, model: str) -> bool:
        asked = pb.ModelConfigRequest(name=model).SerializeToString()
        said = pb.ModelConfigResponse.FromString(self._call(channel, "ModelConfig", asked))
        return said.config.parameters["written"].string_value == str(self._number)

    def _call(self, channel: grpc.Channel, method: str, request: bytes) -> bytes:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_SERVICE + method)
        try:
            return call(request, timeout=_PATIENCE_S)
        except grpc.RpcError as error:
            raise WrongAnswersError(f"{method}: {error}") from error


@contextlib.contextmanager
def going_on(port: int, once: Callable[[grpc.Channel], None], every_s: float) -> Iterator[None]:
    """Call `once` every so many seconds until the block ends; raises WrongAnswersError as it does.

    A call that takes longer is not interrupted.
    """
    ended = threading.Event()
    failures: list[Exception] = []

    def go_on() -> None:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            while not ended.is_set():
                began = time.monotonic()
                try:
                    once(channel)
                except WrongAnswersError as error:
                    failures.append(error)
                    return
                ended.wait(max(0.0, began + every_s - time.monotonic()))

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    if failures:
        raise failures[0]


def main() -> None:
    """Answer the question."""
    opts = runner.options(__doc__ or "", has_rivals=False)
    with runner.stage(opts) as stage:
        answers = {mode: answer_of(stage, mode) for mode in _MODES}
        goals = [
            report.Goal(what=f"x p99 of {model}, {mode}", limit=_RATIO_MAX).verdict(ratio)
            for mode, answer in answers.items()
            for model, ratio in answer["ratios"].items()
        ]
        stage.keep("reload", {**answers, "goals": goals})


def answer_of(stage: runner.Stage, mode: str) -> dict[str, dict[str, Any]]:
    """Time with and without reloads, in turns; print and return both."""
    folder = stage.folder / mode
    repository = folder / "models"
    models.add_identity(repository, "identity", _WIDTH)
    file = models.add_mlp(repository, "mlp")
    asked = {
        "identity": identity_request(stage),
        "mlp": mlp_request(stage, file),
    }
    flags = ["--model-control-mode", mode]
    flags += ["--load-model", "*"] if mode == "explicit" else ["--repository-poll-secs", "1"]
    server = stage.penstock(repository, asked["mlp"].request, *flags, name=mode)
    reloads = Reloads(repository, mode, server)
    disturbed = partial(going_on, server.port, reloads.once, _RELOAD_EVERY_S)
    answer: dict[str, dict[str, Any]] = {"ratios": {}, "models": {}}
    rows = []
    for model, one in asked.items():
        runs = runs_of(stage, server, one, "reloaded", disturbed, seconds_min=_SECONDS_MIN)
        ratio = compare.paired_ratios(
            [run.p99 for run in runs["reloaded"]], [run.p99 for run in runs["alone"]]
        )
        p99 = {name: compare.spread([run.p99 for run in of]) for name, of in runs.items()}
        answer["ratios"][model] = ratio.median
        answer["models"][model] = {
            "runs": {name: [asdict(run) for run in of] for name, of in runs.items()},
            "p99_us": {name: asdict(each) for name, each in p99.items()},
            "p99_ratio": asdict(ratio),
        }
        rows.append([model, str(p99["alone"]), str(p99["reloaded"]), str(ratio)])
    took_ms = compare.spread([1e3 * one for one in reloads.took_s])
    report.table(
        f"8 x 16, mode {mode}, {len(reloads.took_s)} reloads that took {took_ms} ms",
        ["model", "p99 us", "with reloads", "ratio"],
        rows,
    )
    answer["reloads"] = {"count": len(reloads.took_s), "took_ms": asdict(took_ms)}
    return answer


def identity_request(stage: runner.Stage) -> Asked:
    """A row for the identity."""
    rows = np.random.default_rng(7).standard_normal((1, _WIDTH)).astype(np.float32)
    request = messages.encode_request("identity", rows.shape, rows.tobytes())
    return Asked(request=request, body=stage.body("identity", request), check=echoes(rows))


def mlp_request(stage: runner.Stage, file: Path) -> Asked:
    """A row for the MLP, whose answer ONNX Runtime alone gives."""
    rows = np.random.default_rng(8).standard_normal((1, models.MLP_WIDTHS[0])).astype(np.float32)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    (expected,) = session.run(["OUTPUT0"], {"INPUT0": rows})
    request = messages.encode_request("mlp", rows.shape, rows.tobytes())
    body = stage.body("mlp", request)
    return Asked(request=request, body=body, check=is_close_to(np.asarray(expected)))


def runs_of(
    stage: runner.Stage,
    server: Server,
    asked: Asked,
    name: str,
    disturbed: Callable[[], contextlib.AbstractContextManager[None]],
    *,
    seconds_min: float,
) -> dict[str, list[latency.Run]]:
    """Time one model's requests `alone`, and as `name` while something goes on beside them."""
    load = Load(connections=8, streams=16, body=asked.body)
    answer_bytes = verify(server, asked.request, asked.check)
    trial = latency.once(stage, server, load, 20_000, answer_bytes)
    seconds = max(stage.options.seconds, seconds_min) if stage.options.seconds >= 1 else 2.0
    count = int(seconds * load.connections * load.streams * 1e6 / trial.p50)
    runs: dict[str, list[latency.Run]] = {"alone": [], name: []}
    for turn in compare.turns(list(runs), stage.options.repeats):
        for each in turn:
            with disturbed() if each == name else contextlib.nullcontext():
                runs[each].append(latency.once(stage, server, load, count, answer_bytes))
    verify(server, asked.request, asked.check)
    return runs


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""What does a change-over to another version of the registry cost callers?

The 30-128-64-1 MLP in ONNX Runtime as two versions of one model, in an embedded registry of MLflow
that the server follows; 8 connections x 16 streams in a closed loop. p99 while the alias is moved
forward and back, and without, in turns on one server. A request that fails fails the run, and the
alias moves on once the version that it names is the only one that serves.

The process that speaks to MLflow runs on the server's core: what it takes for a fetch is part of
the price.
"""

import time
from dataclasses import asdict
from functools import partial
from pathlib import Path

import grpc

from benchmarks import compare, models, report, runner
from benchmarks.bench_reload import going_on, mlp_request, runs_of
from benchmarks.h2load import WrongAnswersError
from penstock.registry.place import registry_place
from penstock.registry.plain import make_servable
from penstock.registry.registry import Registry
from penstock_client._proto import inference_pb2 as pb

_MODEL, _ALIAS = "mlp", "champion"
_POLL_S = 1.0
_MOVE_EVERY_S = 2.0
#: So that a run has several change-overs in it.
_SECONDS_MIN = 10.0
_PATIENCE_S = 30.0
_LOOK_EVERY_S = 0.25
_RATIO_MAX = 1.5
_METADATA = "/inference.GRPCInferenceService/ModelMetadata"
_MLMODEL = "flavors:\n  onnx:\n    data: model.onnx\n"


class Rollovers:
    """Moves the alias between versions 1 and 2; `took_s` has the seconds of each change-over."""

    def __init__(self, registry: Registry) -> None:
        """Begin with version 1."""
        self._registry = registry
        self._version = 1
        self.took_s: list[float] = []

    def once(self, channel: grpc.Channel) -> None:
        """Change over; raises WrongAnswersError where the server does not follow."""
        began = time.monotonic()
        self._version = 3 - self._version
        move = self._registry.client.set_registered_model_alias
        move(_MODEL, _ALIAS, str(self._version))
        while _versions(channel) != [str(self._version)]:
            if time.monotonic() > began + _PATIENCE_S:
                raise WrongAnswersError(f"version {self._version} was not served")
            time.sleep(_LOOK_EVERY_S)
        self.took_s.append(time.monotonic() - began)


def _versions(channel: grpc.Channel) -> list[str]:
    asked = pb.ModelMetadataRequest(name=_MODEL).SerializeToString()
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_METADATA)
    try:
        return list(pb.ModelMetadataResponse.FromString(call(asked, timeout=_PATIENCE_S)).versions)
    except grpc.RpcError as error:
        raise WrongAnswersError(f"ModelMetadata: {error}") from error


def make_registry(folder: Path, graph: Path) -> Registry:
    """Make a registry whose model has the graph as versions 1, which the alias names, and 2."""
    registry = Registry(registry_place("sqlite:///mlflow.db", folder=folder), creates=True)
    registry.client.create_registered_model(_MODEL)
    for version in (1, 2):
        package = folder / f"package{version}"
        package.mkdir()
        (package / "MLmodel").write_text(_MLMODEL)
        (package / "model.onnx").write_bytes(graph.read_bytes())
        make_servable(package, _MODEL, allows_code=False)
        registry.client.create_model_version(_MODEL, package.as_uri())
    registry.client.set_registered_model_alias(_MODEL, _ALIAS, "1")
    return registry


def main() -> None:
    """Answer the question."""
    opts = runner.options(__doc__ or "", has_rivals=False)
    with runner.stage(opts) as stage:
        asked = mlp_request(stage, models.add_mlp(stage.folder / "graph", _MODEL))
        registry = make_registry(stage.folder, next(stage.folder.glob("graph/*/*/model.onnx")))
        empty = stage.folder / "models"
        empty.mkdir()
        flags = ("--registry", registry.place.uri, "--registry-poll-secs", str(_POLL_S))
        server = stage.penstock(empty, asked.request, *flags)
        rollovers = Rollovers(registry)
        disturbed = partial(going_on, server.port, rollovers.once, _MOVE_EVERY_S)
        runs = runs_of(stage, server, asked, "rolled", disturbed, seconds_min=_SECONDS_MIN)
        p99 = {name: compare.spread([run.p99 for run in of]) for name, of in runs.items()}
        ratio = compare.paired_ratios(
            [run.p99 for run in runs["rolled"]], [run.p99 for run in runs["alone"]]
        )
        took_s = compare.spread(rollovers.took_s)
        report.table(
            f"8 x 16, {len(rollovers.took_s)} change-overs that took {took_s} s, a look every "
            f"{_POLL_S:g} s included; no request failed",
            ["model", "p99 us", "with change-overs", "ratio"],
            [[_MODEL, str(p99["alone"]), str(p99["rolled"]), str(ratio)]],
        )
        goal = report.Goal(what="x p99 without", limit=_RATIO_MAX).verdict(ratio.median)
        answer = {
            "runs": {name: [asdict(run) for run in of] for name, of in runs.items()},
            "p99_us": {name: asdict(each) for name, each in p99.items()},
            "p99_ratio": asdict(ratio),
            "changes": {"count": len(rollovers.took_s), "took_s": asdict(took_s)},
            "failed": 0,
            "goals": [goal],
        }
        stage.keep("rollover", answer)


if __name__ == "__main__":
    main()

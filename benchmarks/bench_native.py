# SPDX-License-Identifier: Apache-2.0
"""What does serving a compiled model cost?

The LightGBM ensemble of 500 trees x 31 leaves and the 30-128-64-1 MLP, single-row requests at 8
connections x 16 streams: Penstock with `backend: native` beside Penstock with ONNX Runtime, a gRPC
C++ server and a Python grpc.aio server that run ONNX Runtime once for each request. All get the
same request of FP32. Then, alone: the ensemble as `penstock compile` makes it, which reads FP64 and
adds as LightGBM does, and the MLP as `penstock quantize` makes it, in int8 with static scales.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from benchmarks import messages, models, report, runner
from benchmarks.ensembles import Ensemble, ensembles, read_rows
from benchmarks.h2load import Load
from benchmarks.tensors import is_close_to
from benchmarks.tree_onnx import write_onnx
from penstock.errors import QuantizeError
from penstock.native.artifact import CompiledModel, read_artifact
from penstock.native.compiler import compile_file
from penstock.native.model_folder import write_model_folder
from penstock.native.options import CompileOptions
from penstock.native.quantize.data import bind_columns
from penstock.native.quantize.evidence import with_evidence
from penstock.native.quantize.gate import GatePlan, run_gate
from penstock.native.quantize.latency import native_measure
from penstock.native.reference import evaluate

Floats = npt.NDArray[np.floating]

_LIMIT_US = 6.0
_RIVALS = ("grpc_cpp_ort", "grpc_aio_ort")


def _add_native(repository: Path, name: str, model: CompiledModel) -> None:
    """Add the compiled model, its tensors named as the rivals name theirs."""
    model.manifest.inputs[0].name = "INPUT0"
    del model.manifest.outputs[1:]
    model.manifest.outputs[0].name = "OUTPUT0"
    write_model_folder(with_evidence(model, ""), repository / name)  # written with its new names


def _measure(opts: runner.Options, title: str, source: Path, graph: Path) -> dict[str, object]:
    """Time every contestant with one request; `graph` is what the rivals run."""
    with runner.stage(opts) as stage:
        native, plain = stage.folder / "native", stage.folder / "onnxruntime"
        options = CompileOptions(is_exact=False, input_datatype="FP32")
        _add_native(native, "model", compile_file(source, options))
        models.add_onnx(plain, "model", graph, [models.MLP_WIDTHS[0]], [1])
        rows = read_rows(runner.BUILD / "ensembles")[:1]
        request = messages.encode_request("model", rows.shape, rows.tobytes())
        (wanted,) = onnxruntime.InferenceSession(graph).run(None, {"INPUT0": rows})
        stage.penstock(native, request)
        stage.penstock(plain, request, name="penstock, onnxruntime")
        library = str(runner.onnxruntime_library())
        stage.rival("grpc_cpp_ort", request, library, str(graph), str(rows.shape[1]), "1")
        stage.rival("grpc_aio_ort", request, str(graph))
        load = Load(connections=8, streams=16, body=stage.body("request", request))
        samples = stage.time_under_h2load(request, is_close_to(wanted), load)
        answer = report.cpu_table(f"{title}, 8 connections x 16 streams", samples)
        own = answer[runner.PENSTOCK]["cpu_us_per_request"]["median"]
        goal = report.Goal(what=f"CPU us per request, {title}", limit=_LIMIT_US).verdict(own)
        return {"model": title, "servers": answer, "goal": goal}


def _measure_alone(
    opts: runner.Options, title: str, model: CompiledModel, rows: Floats, wanted: Floats
) -> dict[str, object]:
    with runner.stage(opts) as stage:
        repository = stage.folder / "models"
        _add_native(repository, "model", model)
        datatype = f"FP{8 * rows.itemsize}"
        request = messages.encode_request("model", rows.shape, rows.tobytes(), datatype)
        stage.penstock(repository, request)
        load = Load(connections=8, streams=16, body=stage.body("request", request))
        samples = stage.time_under_h2load(request, is_close_to(wanted), load)
        answer = report.cpu_table(title, samples)
        own = answer[runner.PENSTOCK]["cpu_us_per_request"]["median"]
        goal = report.Goal(what=f"CPU us per request, {title}", limit=_LIMIT_US).verdict(own)
        return {"model": title, "servers": answer, "goal": goal}


def _measure_exact(opts: runner.Options, one: Ensemble) -> dict[str, object]:
    rows = read_rows(runner.BUILD / "ensembles")[:1].astype(np.float64)
    wanted = 1 / (1 + np.exp(-np.load(one.answers)[:1, np.newaxis]))
    title = f"{one.name}, FP64 and LightGBM's own sums"
    return _measure_alone(opts, title, compile_file(one.source), rows, wanted)


def _measure_int8(opts: runner.Options, mlp: Path) -> dict[str, object]:
    """Calibrate on half of the rows and judge by the others, then serve; numpy says what is right.

    Raises QuantizeError where int8 is much worse than float32.
    """
    rows = read_rows(runner.BUILD / "ensembles")
    model = compile_file(mlp)
    plan = GatePlan(forms=("int8-static",))
    data = bind_columns(model, {"INPUT0": rows}, label="", wants_labels=False)
    verdict = run_gate(model, data, plan, measure=native_measure(plan.rows))
    if verdict.chosen is None:
        raise QuantizeError(verdict.refusal)
    quantized = verdict.chosen.model
    wanted = evaluate(quantized, {"INPUT0": rows[:1]})["OUTPUT0"]
    return _measure_alone(opts, "mlp-30-128-64-1, int8", quantized, rows[:1], wanted)


def main() -> None:
    """Answer the question."""
    opts = runner.options(__doc__ or "")
    lightgbm = next(one for one in ensembles() if one.source.suffix == ".txt")
    graph = lightgbm.source.with_suffix(".served.onnx")
    write_onnx(read_artifact(lightgbm.exact), graph, link="Sigmoid")
    with runner.stage(opts) as stage:
        cases = [_measure(opts, lightgbm.name, lightgbm.source, graph)]
        mlp = models.add_mlp(stage.folder / "mlp", "mlp")
        cases.append(_measure(opts, "mlp-30-128-64-1", mlp, mlp))
        cases.append(_measure_exact(opts, lightgbm))
        cases.append(_measure_int8(opts, mlp))
        stage.keep("native", {"cases": cases})


if __name__ == "__main__":
    main()

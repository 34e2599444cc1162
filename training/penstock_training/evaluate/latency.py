# SPDX-License-Identifier: Apache-2.0
"""What a model costs in Penstock's own executors: loaded as the server loads it, asked over gRPC.

The native executor where the model compiles and the spec lets it, else ONNX Runtime in the core.
The core's own statistics tell how long each batch was computed; a client on loopback tells how
long it waited. Numbers depend on the machine and on what else it does.
"""

import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock_training.evaluate.served import feeds_of

__all__ = ["Latency", "measure"]

#: Requests of one row, and batches of BATCH_ROWS.
REQUESTS = 200
WARM_UPS = 20
BATCHES = 30
BATCH_ROWS = 64
TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Microseconds, and rows a second of one core."""

    #: "native" or "onnxruntime".
    executor: str
    #: Why not "native", where it could have been.
    reason: str
    machine: str
    isa: str
    #: One row, computed.
    row_us_median: float
    row_us_p99: float
    #: One row, from a client on loopback and back.
    request_us_median: float
    request_us_p99: float
    batch_rows: int
    batch_us_median: float
    rows_per_second: float


def measure(
    model: Path, rows: Any, inputs: Sequence[Mapping[str, Any]], *, may_compile: bool
) -> Latency:
    """Load model.onnx and ask for rows of a pandas frame, which begin again when they are used up.

    Raises:
        EngineError: there is no native core here, or it does not load the model.
    """
    from penstock.backends.onnxruntime_library import find_onnxruntime
    from penstock.config import ServerOptions
    from penstock.engine import Engine, isa
    from penstock.repository.plan import ModelPlan
    from penstock_client import Client

    options = ServerOptions.model_validate(
        {
            "grpc_address": "127.0.0.1",
            "grpc_port": 0,
            "allow_http": False,
            "grpc_infer_thread_count": 1,
        }
    )
    with TemporaryDirectory(prefix="penstock-latency-") as folder:
        compiled, reason = _compiled(model, Path(folder)) if may_compile else (None, "not asked")
        executor = "native" if compiled else "onnxruntime"
        plan = ModelPlan(
            name="model",
            version=1,
            platform="native" if compiled else "onnxruntime_onnx",
            backend=executor,
            model_path=compiled or model,
            batch_rows_max=BATCH_ROWS,
            batch_rows_default=BATCH_ROWS,
            native_threads=1,
        )
        engine = Engine(options, find_onnxruntime())
        try:
            engine.start()
            engine.load(plan)
            engine.set_ready(True)
            with Client(f"127.0.0.1:{engine.grpc_port}") as client:
                single = _ask(client, engine, _slices(rows, inputs, 1, REQUESTS + WARM_UPS))
                batch = _ask(client, engine, _slices(rows, inputs, BATCH_ROWS, BATCHES + WARM_UPS))
        finally:
            engine.stop()
    batch_us = float(np.median(batch.computed_us))
    return Latency(
        executor=executor,
        reason=reason,
        machine=platform.machine(),
        isa=isa(),
        row_us_median=float(np.median(single.computed_us)),
        row_us_p99=float(np.quantile(single.computed_us, 0.99)),
        request_us_median=float(np.median(single.waited_us)),
        request_us_p99=float(np.quantile(single.waited_us, 0.99)),
        batch_rows=BATCH_ROWS,
        batch_us_median=batch_us,
        rows_per_second=BATCH_ROWS / batch_us * 1e6,
    )


def _compiled(model: Path, folder: Path) -> tuple[Path | None, str]:
    """The native form, or why there is none."""
    from penstock.errors import PenstockError
    from penstock.native.compiler import compile_file
    from penstock.native.model_folder import write_model_folder

    try:
        return write_model_folder(compile_file(model), folder), ""
    except PenstockError as error:
        return None, str(error).removeprefix(f"{model}: ")


def _slices(
    rows: Any, inputs: Sequence[Mapping[str, Any]], size: int, count: int
) -> list[dict[str, npt.NDArray[Any]]]:
    """`count` requests of `size` rows."""
    places = np.arange(size * count) % len(rows)
    feeds = feeds_of(rows.iloc[places], inputs)
    return [
        {name: array[first : first + size] for name, array in feeds.items()}
        for first in range(0, size * count, size)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Times:
    computed_us: list[float]
    waited_us: list[float]


def _ask(client: Any, engine: Any, requests: Sequence[Mapping[str, Any]]) -> _Times:
    """One request after the other; the first WARM_UPS do not count."""
    computed, waited = [], []
    before_ns = _compute_ns(engine)
    for request in requests:
        begin = time.perf_counter()
        client.infer("model", request, timeout=TIMEOUT_S)
        waited.append((time.perf_counter() - begin) * 1e6)
        after_ns = _compute_ns(engine)
        computed.append((after_ns - before_ns) / 1e3)
        before_ns = after_ns
    return _Times(computed_us=computed[WARM_UPS:], waited_us=waited[WARM_UPS:])


def _compute_ns(engine: Any) -> int:
    return int(engine.statistics("model")[0].compute_infer.ns)

# SPDX-License-Identifier: Apache-2.0
"""Parts answered by a Ray cluster, through Ray Data.

What is handed out are the numbers of parts. A worker opens the model and the input by itself, so
both must be where it can reach them: a file system that all share, a URL, a registry. It gives back
a part's answers, and the caller keeps and writes them as its own: the output is the same.
"""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow
import pyarrow.ipc
import ray
import ray.data

from penstock.errors import PredictError
from penstock.predict.columns import kept_columns
from penstock.predict.model import open_model
from penstock.predict.options import PredictOptions
from penstock.predict.parts import Part, bad_lines_of
from penstock.predict.predictor import Predictor
from penstock.predict.source import Source, find_input, open_source

__all__ = ["on_ray"]

#: How long an address may take to answer, in seconds; Ray itself would try for minutes.
CONNECT_SECONDS_MAX = 5.0


class PartAnswerer:
    """A worker: a model and an input that are open. Called with numbers of parts."""

    def __init__(self, options: PredictOptions, digest: str, part_rows: int) -> None:
        """`digest` is that of the caller's model.

        Raises:
            PenstockError: model or input are not here, or are others here.
        """
        self._part_rows = part_rows
        self._source = open_source(find_input(options.input), options.bounds)
        model = open_model(
            options.model,
            registry=options.registry,
            registry_allow_code=options.registry_allow_code,
            public_keys=options.public_keys,
        )
        if model.digest != digest:
            raise PredictError(
                f"The model {options.model} is another one on {socket.gethostname()}: copy it."
            )
        kept = kept_columns(self._source.schema, options.keep)
        self._predictor = Predictor(
            model, self._source.schema, feature_columns=options.feature_columns, kept=kept
        )

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        """Of each part its answers as a file of Arrow's, and the lines of its bad rows."""
        parts = [self._answered(int(number)) for number in batch["part"]]
        return {
            "part": [part.number for part in parts],
            "answers": [_written(part, self._predictor.schema_out) for part in parts],
            "bad": [b"".join(part.bad_lines) for part in parts],
        }

    def _answered(self, number: int) -> Part:
        part = Part(number=number)
        first = number * self._part_rows
        for chunk in self._source.chunks(self._predictor.columns, first, self._part_rows):
            if chunk.first // self._part_rows != number:
                break
            part.add(chunk, self._predictor.answer_chunk(chunk))
        return part


def _written(part: Part, schema: Any) -> bytes:
    stream = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_file(stream, schema) as writer:
        writer.write_table(part.table(schema))
    return bytes(stream.getvalue())


def on_ray(
    options: PredictOptions, digest: str
) -> Callable[[Source, Predictor, int, int], Iterator[Part]]:
    """What answers a run's parts on the cluster at `options.ray`."""

    def answering(
        source: Source, predictor: Predictor, first: int, part_rows: int
    ) -> Iterator[Part]:
        rows = source.rows
        if rows is None:
            raise PredictError(
                "--ray wants an input whose rows are counted beforehand: Parquet, or Arrow's files."
            )
        count = -(-rows // part_rows)
        if first >= count:
            return
        with _connected(options.ray), _told(options.ray):
            workers = max(1, int(ray.cluster_resources().get("CPU", 1)) - 1)
            ray.data.DataContext.get_current().execution_options.preserve_order = True
            numbers = [{"part": number} for number in range(first, count)]
            answers = ray.data.from_items(numbers, override_num_blocks=len(numbers)).map_batches(
                PartAnswerer,
                fn_constructor_args=(options, digest, part_rows),
                batch_size=1,
                compute=ray.data.ActorPoolStrategy(min_size=1, max_size=workers),
                num_cpus=1,
            )
            for row in answers.iter_rows():
                yield _read(row, (row["part"] + 1) / count)

    return answering


def _read(row: dict[str, Any], read: float) -> Part:
    table = pyarrow.ipc.open_file(pyarrow.py_buffer(row["answers"])).read_all()
    return Part(
        number=int(row["part"]),
        batches=table.to_batches(),
        bad_lines=bad_lines_of(bytes(row["bad"])),
        rows=table.num_rows,
        read=read,
    )


@contextmanager
def _connected(address: str) -> Iterator[None]:
    """A connection to the cluster. Raises PredictError if there is none at `address`."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        try:
            socket.create_connection((host, int(port)), CONNECT_SECONDS_MAX).close()
        except (OSError, OverflowError) as error:
            raise _deaf(address, error) from None
    was_connected = ray.is_initialized()
    if not was_connected:
        try:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise _deaf(address, error) from None
    ray.data.DataContext.get_current().enable_progress_bars = False
    try:
        yield
    finally:
        if not was_connected:
            ray.shutdown()


@contextmanager
def _told(address: str) -> Iterator[None]:
    try:
        yield
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None)
        why = str(cause) if isinstance(cause, PredictError) else str(error).strip().splitlines()[-1]
        raise PredictError(
            f"The Ray cluster at {address} does not answer rows: {why[:300].rstrip('.')}."
        ) from None


def _deaf(address: str, error: Exception) -> PredictError:
    why = " ".join(str(error).split())[:300].rstrip(".")
    return PredictError(f"--ray is {address}, and no Ray cluster answers there: {why}.")

# SPDX-License-Identifier: Apache-2.0
"""The statistics extension: what was counted of the models, as its messages."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from penstock.errors import UnknownModelError
from penstock_client._proto.inference_extensions_pb2 import (
    InferBatchStatistics,
    InferStatistics,
    ModelStatistics,
    StatisticDuration,
)

__all__ = ["BatchSizeStatistics", "CountedTime", "EngineStatistics", "VersionStatistics"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedTime:
    """How often something happened, and its nanoseconds together."""

    count: int
    ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSizeStatistics:
    """The executions of batches of `rows`; 0 rows: of sizes that were one too many to tell apart.

    Durations are nanoseconds together.
    """

    rows: int
    count: int
    compute_input_ns: int
    compute_infer_ns: int
    compute_output_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionStatistics:
    """What a loaded version has counted since it was loaded.

    `inference_count` are rows of requests that succeeded, `execution_count` batches; the times
    after `fail` are of requests that succeeded, each with the whole time of its batch.
    """

    model: str
    version: int
    last_inference_ms: int
    inference_count: int
    execution_count: int
    success: CountedTime
    fail: CountedTime
    queue: CountedTime
    compute_input: CountedTime
    compute_infer: CountedTime
    compute_output: CountedTime
    batch_sizes: tuple[BatchSizeStatistics, ...]


class EngineStatistics:
    """What the engine counts; a `StatisticsSource`. Every method is thread-safe."""

    def __init__(self, read: Callable[[str], Sequence[VersionStatistics]]) -> None:
        """`read` is `Engine.statistics`."""
        self._read = read

    def statistics(self, model: str = "", version: str = "") -> list[ModelStatistics]:
        """Of one version, of all of a model's, or of all models', by name and number.

        Only versions that are loaded have any. Raises UnknownModelError for others.
        """
        told = self._read(model)
        if not model:
            return [_message(one) for one in told]
        # Triton's clients look for these texts.
        if not told:
            raise UnknownModelError(
                f"Request for unknown model: requested model '{model}' is not available"
            )
        wanted = [one for one in told if version in ("", str(one.version))]
        if not wanted:
            ready = ", ".join(str(one.version) for one in told)
            raise UnknownModelError(
                "Request for unknown model: requested model version is not available for model "
                f"'{model}': version {version!r} was asked for, ready is {ready}"
            )
        return [_message(one) for one in wanted]


def _message(told: VersionStatistics) -> ModelStatistics:
    return ModelStatistics(
        name=told.model,
        version=str(told.version),
        last_inference=told.last_inference_ms,
        inference_count=told.inference_count,
        execution_count=told.execution_count,
        inference_stats=InferStatistics(
            success=_duration(told.success),
            fail=_duration(told.fail),
            queue=_duration(told.queue),
            compute_input=_duration(told.compute_input),
            compute_infer=_duration(told.compute_infer),
            compute_output=_duration(told.compute_output),
            # There is no cache yet. Present, because clients read them without asking.
            cache_hit=StatisticDuration(),
            cache_miss=StatisticDuration(),
        ),
        batch_stats=[
            InferBatchStatistics(
                batch_size=size.rows,
                compute_input=StatisticDuration(count=size.count, ns=size.compute_input_ns),
                compute_infer=StatisticDuration(count=size.count, ns=size.compute_infer_ns),
                compute_output=StatisticDuration(count=size.count, ns=size.compute_output_ns),
            )
            for size in told.batch_sizes
        ],
    )


def _duration(time: CountedTime) -> StatisticDuration:
    return StatisticDuration(count=time.count, ns=time.ns)

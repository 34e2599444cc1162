# SPDX-License-Identifier: Apache-2.0
"""Rows of a served model, as the core counts them, against a recount of what was sent."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from tests.doubles.in_process import InProcess, running
from tests.doubles.model_files import add_affine, add_config, add_identity, config_text

from penstock.drift import Layout, WatchedColumn
from penstock.drift.counting import EngineWatches, Watch
from penstock.drift.totals import Totals
from penstock.errors import EngineError
from penstock.profile.places import category_places, number_places
from penstock_client import Client

Inputs = dict[str, npt.NDArray[np.generic]]

EDGES = tuple(np.linspace(-2, 2, 40, dtype=np.float32).tolist())
COLOURS = ("red", "green", "")
LAYOUT = Layout(
    columns=(
        *(
            WatchedColumn(
                name=f"x[{i}]",
                tensor="x",
                reading="number",
                element=i,
                edges=EDGES[: 5 + i],
                minimum=-1.5,
                maximum=1.0,
                shift=0.5,
            )
            for i in range(6)
        ),
        WatchedColumn(name="colour", tensor="t", reading="category", categories=COLOURS[:2]),
        WatchedColumn(name="code", tensor="c", reading="category", categories=(3, -1)),
        WatchedColumn(name="secret", tensor="t", reading="present", is_sensitive=True),
        WatchedColumn(name="words", tensor="t", reading="length", edges=(1.0, 4.0)),
        WatchedColumn(name="norm", tensor="x", reading="norm", edges=(1.0, 2.0, 3.0)),
        WatchedColumn(
            name="score", tensor="x_out", is_output=True, reading="number", element=5, edges=EDGES
        ),
    )
)


@dataclass(kw_only=True)
class Rows:
    """All that was sent."""

    x: list[npt.NDArray[np.float32]]
    t: list[str]
    c: list[int]

    def draw(self, random: np.random.Generator, rows: int) -> Inputs:
        """Some more, as a request's inputs."""
        x = random.standard_normal((rows, 6)).astype(np.float32)
        x[random.random(x.shape) < 0.1] = np.nan
        x[random.random(x.shape) < 0.05] = -np.inf
        t = random.choice([*COLOURS, "a longer one"], (rows, 1))
        c = random.choice([3, -1, 100], (rows, 1)).astype(np.int32)
        self.x += list(x)
        self.t += t[:, 0].tolist()
        self.c += c[:, 0].tolist()
        return {"x": x, "t": t.astype(object), "c": c}

    def places(self, column: WatchedColumn) -> npt.NDArray[np.int64]:
        """Where a column's value of each row is counted, in numpy."""
        x = np.array(self.x)
        if column.reading == "category":
            values = self.t if column.tensor == "t" else self.c
            return category_places(values, column.categories)
        if column.reading == "present":
            return np.array([text == "" for text in self.t], np.int64)
        if column.reading == "length":
            return number_places([len(text) for text in self.t], column.edges)
        if column.reading == "norm":
            wide = x.astype(np.float64)
            return number_places(np.sqrt((wide * wide).sum(axis=1)), column.edges)
        return number_places(x[:, column.element], column.edges)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    repository = tmp_path_factory.mktemp("models")
    tensors = [("x", "TYPE_FP32", [6]), ("t", "TYPE_STRING", [1]), ("c", "TYPE_INT32", [1])]
    outputs = [(f"{name}_out", datatype, dims) for name, datatype, dims in tensors]
    for name, more in (("inline", ""), ("batch", "instance_group { count: 2 }")):
        text = config_text(tensors, outputs, f'backend: "identity" max_batch_size: 32\n{more}')
        add_config(repository, name, text)
    add_identity(repository, "wide", [("x", "TYPE_FP32", [-1])], 8)
    add_affine(repository, "affine")
    with asyncio.Runner() as runner:
        running_one = running(repository, load_model=["*"])
        found = runner.run(running_one.__aenter__())
        yield found
        runner.run(running_one.__aexit__(None, None, None))


def watched(served: InProcess, model: str, layout: Layout = LAYOUT, **options: float) -> Watch:
    watches = EngineWatches(served.engine.drift)
    return watches.open(model, 1, layout, now=time.time(), **options)  # type: ignore[arg-type]


def rows_answered(served: InProcess, model: str) -> int:
    (told,) = served.engine.statistics(model)
    return told.inference_count


def client(served: InProcess) -> Client:
    return Client(served.grpc)


def ask_rest(served: InProcess, model: str, inputs: Inputs) -> None:
    """One request in JSON, with the numbers behind it as bytes: some are not finite."""
    x, t, c = inputs["x"], inputs["t"], inputs["c"]
    head = {"name": "x", "datatype": "FP32", "shape": x.shape}
    tensors = [
        {**head, "parameters": {"binary_data_size": x.nbytes}},
        {"name": "t", "datatype": "BYTES", "shape": t.shape, "data": t.tolist()},
        {"name": "c", "datatype": "INT32", "shape": c.shape, "data": c.tolist()},
    ]
    text = json.dumps({"inputs": tensors, "parameters": {"binary_data_output": True}}).encode()
    request = urllib.request.Request(
        f"{served.rest}/v2/models/{model}/infer",
        text + x.tobytes(),
        {"Inference-Header-Content-Length": str(len(text))},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("model", ["inline", "batch"])
@pytest.mark.parametrize("protocol", ["grpc", "rest"])
def test_counts_are_those_of_a_recount(served: InProcess, model: str, protocol: str) -> None:
    random = np.random.default_rng(5)
    sent = Rows(x=[], t=[], c=[])
    watch = watched(served, model)
    requests = 60
    with client(served) as asking:
        for i in range(requests):
            inputs = sent.draw(random, 1 + i % 7)
            if protocol == "grpc":
                asking.infer(model, inputs)
            else:
                ask_rest(served, model, inputs)
    taken = watch.take(time.time(), ends_tick=True)
    assert (taken.requests, taken.rows, taken.dropped_rows) == (requests, len(sent.x), 0)
    assert (taken.tested_rows, taken.capped_rows, taken.unfit_rows) == (requests, 0, 0)
    for column, begin in zip(LAYOUT.columns, LAYOUT.offsets, strict=False):
        wanted = np.bincount(sent.places(column), minlength=column.places)
        found = taken.shown[begin : begin + column.places]
        assert found.tolist() == wanted.tolist(), column.name
        assert taken.tested[begin : begin + column.places].sum() == requests
        assert (taken.tested[begin : begin + column.places] <= found).all()
    numbers = np.array(sent.x, np.float64)
    for i in range(6):
        finite = numbers[np.isfinite(numbers[:, i]), i]
        assert taken.outside[i].tolist() == [(finite < -1.5).sum(), (finite > 1.0).sum()]
        off = finite - 0.5
        wanted_moments = [off.sum(), (off * off).sum(), finite.min(), finite.max()]
        assert taken.moments[i].tolist() == pytest.approx(wanted_moments, rel=1e-12)


def test_what_was_taken_is_not_taken_again(served: InProcess) -> None:
    watch = watched(served, "inline")
    with client(served) as asking:
        asking.infer("inline", Rows(x=[], t=[], c=[]).draw(np.random.default_rng(1), 2))
        first = watch.take(10.0, ends_tick=False)
        second = watch.take(12.5, ends_tick=True)
    assert (first.rows, second.rows) == (2, 0)
    assert (second.since, second.at, second.ends_tick) == (10.0, 12.5, True)
    assert second.shown.sum() == 0


def test_refused_requests_are_not_counted(served: InProcess) -> None:
    watch = watched(served, "inline")
    with client(served) as asking, pytest.raises(Exception, match="x"):
        asking.infer("inline", {"x": np.zeros((1, 3), np.float32)})
    assert watch.take(time.time(), ends_tick=True).requests == 0


def test_a_share_of_requests_is_one_of_their_ids(served: InProcess) -> None:
    random = np.random.default_rng(1)
    taken = []
    with client(served) as asking:
        for _ in range(2):
            watch = watched(served, "inline", share=0.25)
            for i in range(400):
                inputs = Rows(x=[], t=[], c=[]).draw(random, 1)
                asking.infer("inline", inputs, request_id=f"request {i}")
            taken.append(watch.take(time.time(), ends_tick=True))
    assert taken[0].rows == taken[1].rows
    assert 60 < taken[0].rows < 140
    assert taken[0].share == 0.25


def test_rows_are_sampled_without_what_is_sensitive(served: InProcess) -> None:
    sent = Rows(x=[], t=[], c=[])
    watch = watched(served, "inline", sample_rows=50)
    with client(served) as asking:
        asking.infer("inline", sent.draw(np.random.default_rng(1), 20))
        sample = watch.take(time.time(), ends_tick=True).sample
        watch.keep_sample(0)
        assert watch.take(time.time(), ends_tick=True).sample is not None
        assert watch.take(time.time(), ends_tick=True).sample is None
    assert sample is not None
    assert sample.numbers.shape == (20, len(LAYOUT.columns))
    assert np.array_equal(sample.numbers[:, :6], np.array(sent.x), equal_nan=True)
    assert np.array_equal(sample.numbers[:, 11], np.array(sent.x)[:, 5], equal_nan=True)
    assert np.isnan(sample.numbers[:, 8]).all()
    assert {place: list(values) for place, values in sample.texts.items()} == {6: sent.t, 7: sent.c}


def test_rows_that_are_too_narrow_are_missing(served: InProcess) -> None:
    column = WatchedColumn(name="x[2]", tensor="x", reading="number", element=2, edges=(0.0,))
    watch = watched(served, "wide", Layout(columns=(column,)))
    with client(served) as asking:
        for width in (2, 3, 5):
            asking.infer("wide", {"x": np.ones((2, width), np.float32)})
        taken = watch.take(time.time(), ends_tick=True)
    assert taken.shown.tolist() == [0, 4, 2, 0]
    assert taken.unfit_rows == 2


def test_of_a_request_that_is_too_large_to_copy_some_rows_are_counted(served: InProcess) -> None:
    column = WatchedColumn(name="x[2]", tensor="x", reading="number", element=2, edges=(0.0,))
    watch = watched(served, "wide", Layout(columns=(column,)))
    with client(served) as asking:
        asking.infer("wide", {"x": np.ones((8, 100_000), np.float32)})
        asking.infer("wide", {"x": np.ones((8, 10), np.float32)})
        taken = watch.take(time.time(), ends_tick=True)
    assert (taken.requests, taken.tested_rows) == (2, 2)
    assert (taken.rows, taken.large_rows, taken.dropped_rows) == (8 + 4, 4, 4)
    assert taken.shown.tolist() == [0, 12, 0, 0]


def test_every_row_that_was_answered_is_counted_or_told_as_left(served: InProcess) -> None:
    column = WatchedColumn(name="x[2]", tensor="x", reading="number", element=2, edges=(0.0,))
    layout, random = Layout(columns=(column,)), np.random.default_rng(3)
    before = rows_answered(served, "wide")
    watch, totals = watched(served, "wide", layout, share=0.7), Totals()
    with client(served) as asking:
        for number in range(200):
            width = int(random.choice([2, 10, 80_000]))
            rows = np.ones((1 + number % 8, width), np.float32)
            asking.infer("wide", {"x": rows}, request_id=f"request {number}")
            if number % 10 == 0:
                totals.add(watch.take(time.time(), ends_tick=True))
        totals.add(watch.take(time.time(), ends_tick=True))
    assert totals.answered_rows == rows_answered(served, "wide") - before
    assert min(totals.large_rows, totals.unsampled_rows, totals.unfit_rows, totals.rows) > 0
    assert totals.dropped_rows == sum(totals.dropped_by.values())


def test_a_watch_ends_with_its_version_and_keeps_what_it_had(served: InProcess) -> None:
    column = WatchedColumn(name="x[0]", tensor="x", reading="number", edges=(0.0,))
    watch = watched(served, "affine", Layout(columns=(column,)))
    row = {"x": np.ones((1, 3), np.float32)}
    with client(served) as asking:
        asking.infer("affine", row)
        assert watch.take(time.time(), ends_tick=True).rows == 1
    served.engine.unload("affine", 1)
    assert watch.take(time.time(), ends_tick=True).rows == 0
    with pytest.raises(EngineError, match='version 1 of model "affine" is not loaded') as caught:
        watched(served, "affine", Layout(columns=(column,)))
    assert caught.value.code == "NOT_FOUND"


def test_a_layout_of_another_version_is_refused_with_the_column_at_fault(
    served: InProcess,
) -> None:
    number = LAYOUT.columns[0]
    wrong = {
        'column "x\\[0\\]" cannot be watched: .* no input "z"': replace(number, tensor="z"),
        "no element 6 in a row, which has 6": replace(number, element=6),
        "each is greater than the one before": replace(number, edges=(1.0, 1.0)),
        "cannot be read as length": replace(number, reading="length"),
    }
    for sentence, column in wrong.items():
        with pytest.raises(EngineError, match=sentence) as caught:
            watched(served, "inline", Layout(columns=(column,)))
        assert caught.value.code == "INVALID_ARGUMENT"
    with pytest.raises(EngineError, match="wanted a share of requests above 0 and at most 1"):
        watched(served, "inline", share=0.0)


def test_a_watch_tells_its_memory(served: InProcess) -> None:
    watches = EngineWatches(served.engine.drift)
    columns = tuple(
        WatchedColumn(name=f"c{i}", tensor="x", reading="number", element=i % 6, edges=EDGES)
        for i in range(1000)
    )
    watch = watches.open("inline", 1, Layout(columns=columns), now=0.0)
    assert 1000 * 1024 < watch.memory_bytes < 1000 * 4096
    assert 0 < watches.ring_bytes <= 2 * (4 << 20)


def test_an_engine_without_a_watch_has_no_ring(tmp_path: Path) -> None:
    async def look() -> int:
        add_affine(tmp_path, "affine")
        async with running(tmp_path) as other:
            return EngineWatches(other.engine.drift).ring_bytes

    assert asyncio.run(look()) == 0


def test_projections_are_those_that_the_document_computes(served: InProcess) -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "monitoring.md").read_text()
    (code,) = [block for block in text.split("```python\n") if "def projections" in block]
    names: dict[str, Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float64]]] = {}
    exec(code.partition("```")[0], names)
    columns = tuple(
        WatchedColumn(name=f"p{k}", tensor="x", reading="projection", element=k) for k in range(16)
    )
    watch = watched(served, "wide", Layout(columns=columns), sample_rows=1)
    row = np.random.default_rng(3).standard_normal((1, 300)).astype(np.float32)
    with client(served) as asking:
        asking.infer("wide", {"x": row})
    sample = watch.take(time.time(), ends_tick=True).sample
    assert sample is not None
    assert sample.numbers[0] == pytest.approx(names["projections"](row[0]), rel=1e-6)

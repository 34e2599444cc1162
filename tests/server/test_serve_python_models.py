# SPDX-License-Identifier: Apache-2.0
"""A running server enters a Python model once per batch, and only its own requests fail with it.

All of it holds for models in the server's process and for models in processes of their own.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tests.doubles.gate import GATED_MODEL, Gate
from tests.doubles.model_files import add_python
from tests.doubles.running import RunningServer

from penstock_client import Client, PenstockError, Unavailable

BATCHING = "max_batch_size: 8 dynamic_batching { }"

VIEWS = """
    import numpy as np

    class Views:
        def execute(self, batch):
            x = batch["x"]
            try:
                x[0, 0] = 9
                said = "written"
            except ValueError:
                said = "read-only"
            facts = [said, str(x.flags.owndata), str(x.ctypes.data % 64), str(x.dtype)]
            return {"said": np.array([facts] * batch.rows, dtype=object)}
"""
FAILS_ON_NEGATIVES = """
    class Picky:
        def execute(self, batch):
            if (batch["x"] < 0).any():
                raise ValueError("a negative number")
            return {"y": batch["x"] + 1}
"""
SHORT = """
    class Short:
        def execute(self, batch):
            return {"y": batch["x"][:-1]}
"""
TEXTS = """
    import numpy as np

    class Texts:
        def execute(self, batch):
            upper = [[item.upper() for item in row] for row in batch["s"]]
            return {"upper": np.array(upper, dtype=object), "rows": np.full((batch.rows, 1),
                    batch.rows, np.int64)}
"""
OPTIONAL = """
    import numpy as np

    class Optional:
        def execute(self, batch):
            return {"y": batch["x"] + batch.get("hint", 0)}
"""
WHOLE = """
    class Whole:
        def execute(self, batch):
            return {"y": batch["x"].sum(axis=0, keepdims=True)}
"""
HALF = """
    class Half:
        def execute(self, batch):
            assert batch["x"].dtype == "float16", batch["x"].dtype
            return {"y": batch["x"] / 2}
"""
WIDE = """
    class Wide:
        def execute(self, batch):
            return {"y": batch["x"][:, ::2]}
"""


@pytest.fixture(scope="module")
def gate() -> Iterator[Gate]:
    with Gate() as made:
        yield made


@pytest.fixture(scope="module", params=["none", "process"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, gate: Gate
) -> Iterator[RunningServer]:
    repository = tmp_path_factory.mktemp("models")
    isolation = (
        f'parameters {{ key: "penstock.isolation" value {{ string_value: "{request.param}" }} }}'
    )
    batching = f"{BATCHING} {isolation}"
    gated = f'{batching} parameters {{ key: "gate" value {{ string_value: "{gate.path}" }} }}'
    add_python(repository, "gated", GATED_MODEL, more=gated)
    add_python(
        repository,
        "views",
        VIEWS,
        outputs=[("said", "TYPE_STRING", [4])],
        more=batching,
    )
    add_python(repository, "picky", FAILS_ON_NEGATIVES, more=f"max_batch_size: 1 {isolation}")
    add_python(repository, "short", SHORT, more=batching)
    add_python(
        repository,
        "texts",
        TEXTS,
        inputs=[("s", "TYPE_STRING", [2])],
        outputs=[("upper", "TYPE_STRING", [2]), ("rows", "TYPE_INT64", [1])],
        more=batching,
    )
    optional = 'input { name: "hint" data_type: TYPE_FP32 dims: [ 2 ] optional: true }'
    add_python(repository, "optional", OPTIONAL, more=f"{batching} {optional}")
    add_python(repository, "whole", WHOLE, inputs=[("x", "TYPE_FP32", [-1, 2])],
               outputs=[("y", "TYPE_FP32", [1, 2])], more=isolation)  # fmt: skip
    add_python(repository, "half", HALF, inputs=[("x", "TYPE_FP16", [2])],
               outputs=[("y", "TYPE_FP16", [2])], more=batching)  # fmt: skip
    add_python(repository, "wide", WIDE, inputs=[("x", "TYPE_FP32", [-1])],
               outputs=[("y", "TYPE_FP32", [-1])], more=batching)  # fmt: skip
    with RunningServer(repository) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[Client]:
    with Client(server.grpc, retry=None) as made:
        yield made


def rows(first: float, count: int = 1) -> np.ndarray:
    return np.full((count, 2), first, np.float32)


def test_requests_that_wait_together_are_executed_together(
    client: Client, server: RunningServer, gate: Gate
) -> None:
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(client.infer, "gated", {"x": rows(1)}, timeout=30)
        alone = gate.next_batch()
        others = [
            pool.submit(client.infer, "gated", {"x": rows(n, count=n)}, timeout=30) for n in (2, 3)
        ]
        while server.counted("nv_inference_pending_request_count", model="gated") < 2:
            pass
        alone.let_through()
        together = gate.next_batch()
        together.let_through()
        answers = [future.result()["y"] for future in (first, *others)]
    assert alone.request_rows == [1]
    assert sorted(together.request_rows) == [2, 3]
    assert sorted(together.first) == [2, 2, 3, 3, 3]
    for number, answer in zip((1, 2, 3), answers, strict=True):
        np.testing.assert_array_equal(answer, rows(number, count=number) * 2)


def test_a_batch_never_exceeds_its_bound(client: Client, server: RunningServer, gate: Gate) -> None:
    with ThreadPoolExecutor(16) as pool:
        first = pool.submit(client.infer, "gated", {"x": rows(0)}, timeout=30)
        blocking = gate.next_batch()
        others = [
            pool.submit(client.infer, "gated", {"x": rows(n, count=3)}, timeout=30)
            for n in range(5)
        ]
        while server.counted("nv_inference_pending_request_count", model="gated") < 5:
            pass
        blocking.let_through()
        seen: list[int] = []
        while len(seen) < 5:
            batch = gate.next_batch()
            assert sum(batch.request_rows) <= 8
            seen += batch.request_rows
            batch.let_through()
        answers = [future.result()["y"] for future in others]
        first.result()
    for number, answer in enumerate(answers):
        np.testing.assert_array_equal(answer, rows(number, count=3) * 2)


def test_inputs_are_aligned_read_only_views(client: Client) -> None:
    said = client.infer("views", {"x": rows(1)}, timeout=10)["said"]
    assert said.tolist() == [[b"read-only", b"False", b"0", b"float32"]]


def test_what_a_model_raises_reaches_its_own_callers_as_a_sentence(
    client: Client, server: RunningServer
) -> None:
    with pytest.raises(PenstockError) as caught:
        client.infer("picky", {"x": rows(-1)}, timeout=10)
    assert "Model 'picky' failed: ValueError: a negative number" in caught.value.why
    assert "Traceback" not in caught.value.why
    assert not isinstance(caught.value, Unavailable)
    assert "Traceback" in server.log()
    np.testing.assert_array_equal(client.infer("picky", {"x": rows(1)}, timeout=10)["y"], rows(2))
    failures = server.counted("nv_inference_request_failure", model="picky", reason="BACKEND")
    assert failures == 1


def test_an_output_with_too_few_rows_is_an_error_that_names_it(client: Client) -> None:
    with pytest.raises(PenstockError, match=r"y.*\b(3|2)\b"):
        client.infer("short", {"x": rows(1, count=3)}, timeout=10)


def test_texts_go_in_and_come_out_as_bytes(client: Client) -> None:
    sent = np.array([["a", "grüße"], ["", "z" * 1000]], dtype=object)
    answer = client.infer("texts", {"s": sent}, timeout=10)
    wanted = [[b"A", "grüße".encode().upper()], [b"", b"Z" * 1000]]
    assert answer["upper"].tolist() == wanted
    assert answer["rows"].shape == (2, 1)


def test_an_optional_input_may_be_left_out(client: Client) -> None:
    without = client.infer("optional", {"x": rows(1)}, timeout=10)["y"]
    given = client.infer("optional", {"x": rows(1), "hint": rows(5)}, timeout=10)["y"]
    np.testing.assert_array_equal(without, rows(1))
    np.testing.assert_array_equal(given, rows(6))


def test_a_model_without_batching_gets_each_request_whole(client: Client) -> None:
    answer = client.infer("whole", {"x": rows(2, count=5)}, timeout=10)["y"]
    np.testing.assert_array_equal(answer, rows(10))


def test_half_precision_is_numpys(client: Client) -> None:
    x = np.array([[1, 3]], np.float16)
    answer = client.infer("half", {"x": x}, timeout=10)["y"]
    assert answer.dtype == np.float16
    np.testing.assert_array_equal(answer, x / 2)


def test_a_strided_output_of_another_width_is_gathered(client: Client) -> None:
    x = np.arange(14, dtype=np.float32).reshape(2, 7)
    np.testing.assert_array_equal(client.infer("wide", {"x": x}, timeout=10)["y"], x[:, ::2])

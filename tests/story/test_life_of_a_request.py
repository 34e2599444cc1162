# SPDX-License-Identifier: Apache-2.0
"""From a trained model to answers, along the whole way: fit, export, serve, ask, count, drain."""

import asyncio
from pathlib import Path

import numpy as np
from skl2onnx import to_onnx
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingClassifier
from tests.doubles.running import RunningServer

from penstock_client import AsyncClient


def test_served_answers_are_the_models_own_and_the_server_leaves_quietly(tmp_path: Path) -> None:
    rows, labels = load_iris(return_X_y=True)
    rows = rows.astype(np.float32)
    model = GradientBoostingClassifier(n_estimators=10, random_state=0).fit(rows, labels)
    graph = to_onnx(
        model, rows[:1], target_opset={"": 21, "ai.onnx.ml": 3}, options={"zipmap": False}
    )
    (tmp_path / "iris" / "1").mkdir(parents=True)
    (tmp_path / "iris" / "1" / "model.onnx").write_bytes(graph.SerializeToString())

    async def ask(address: str) -> tuple[list[int], np.ndarray]:
        async with AsyncClient(address) as client:
            answers = await asyncio.gather(
                *(client.infer("iris", {"X": rows[i : i + 1]}, timeout=30) for i in range(150))
            )
        return (
            [answer["label"].item() for answer in answers],
            np.concatenate([answer["probabilities"] for answer in answers]),
        )

    with RunningServer(tmp_path) as server:
        served, probabilities = asyncio.run(ask(server.grpc))
        assert served == model.predict(rows).tolist()
        np.testing.assert_allclose(probabilities, model.predict_proba(rows), atol=1e-5)
        assert server.counted("nv_inference_count", model="iris") == len(rows)
        assert server.counted("nv_inference_request_success", model="iris") == len(rows)
        server.drain()
        assert server.wait() == 0

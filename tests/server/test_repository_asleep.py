# SPDX-License-Identifier: Apache-2.0
"""Models that sleep until a request asks for them, and the memory that loaded ones may take."""

import asyncio
import json
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.doubles.in_process import InProcess, running
from tests.doubles.model_files import add_affine, add_identity, add_python
from tests.doubles.recording_engine import RecordingEngine

from penstock.config import ServerOptions
from penstock.control.parts import LoadWish
from penstock.engine import VersionUse
from penstock.errors import ControlError
from penstock.repository import memory
from penstock.repository.controller import RepositoryController
from penstock.repository.instances import Machine
from penstock.repository.records import ASLEEP
from penstock.repository.room import Tenant, victims
from penstock_client import Client, DeadlineExceeded, NotFound, Unavailable

X = np.zeros((1, 3), np.float32)


# --- who must go: a pure function ---


def tenant(model: str, *, memory_bytes: int = 10, used_ms: int = 0, busy: bool = False) -> Tenant:
    return Tenant(model=model, version=1, memory_bytes=memory_bytes, used_ms=used_ms, is_busy=busy)


def chosen(tenants: list[Tenant], wanted_bytes: int, budget: int) -> list[str] | None:
    found = victims(tenants, wanted_bytes=wanted_bytes, budget=budget)
    return None if found is None else [one.model for one in found]


def test_nobody_goes_while_there_is_room() -> None:
    assert chosen([], 10, 10) == []
    assert chosen([tenant("a"), tenant("b")], 10, 30) == []


def test_who_was_used_longest_ago_goes_first_and_no_more_than_must() -> None:
    tenants = [tenant("new", used_ms=9), tenant("old", used_ms=1), tenant("mid", used_ms=5)]
    assert chosen(tenants, 10, 30) == ["old"]
    assert chosen(tenants, 11, 30) == ["old", "mid"]


def test_who_is_busy_stays() -> None:
    tenants = [tenant("busy", used_ms=1, busy=True), tenant("idle", used_ms=5)]
    assert chosen(tenants, 10, 20) == ["idle"]
    assert chosen(tenants, 20, 20) is None


# --- the controller, over an engine that writes down what it is told ---


class House:
    """A controller of a repository with some models of 100 bytes each."""

    def __init__(self, repository: Path, *names: str, **options: object) -> None:
        for name in names:
            add_identity(repository, name, [("x", "TYPE_FP32", [1])], 4)
            (repository / name / "1" / "weights").write_bytes(bytes(100))
        self.engine = RecordingEngine()
        wanted = ServerOptions.model_validate(
            {"model_repository": [str(repository)], "model_control_mode": "explicit", **options}
        )
        self.controller = RepositoryController(self.engine, wanted, Machine())

    async def load(self, name: str) -> None:
        await self.controller.load(LoadWish(model=name))

    async def ask_for(self, name: str, version: int = 1) -> None:
        told = len(self.engine.told)
        self.engine.ask_for(name, version)
        while len(self.engine.told) == told:
            await asyncio.sleep(0)
        await self.controller.idle()

    async def reasons(self) -> dict[str, str]:
        return {one.name: f"{one.state} {one.reason}" for one in await self.controller.index()}


def tell(house: House, story: Callable[[House], Awaitable[None]]) -> None:
    async def whole() -> None:
        await house.controller.start()
        await story(house)
        await house.controller.stop()

    asyncio.run(whole())


def test_a_lazy_model_sleeps_until_a_request_asks_for_it(tmp_path: Path) -> None:
    house = House(tmp_path, "m", "n", model_control_mode="none", model_load_mode="lazy")

    async def story(house: House) -> None:
        assert house.engine.serving == set()
        assert await house.reasons() == {"m": f"READY {ASLEEP}", "n": f"READY {ASLEEP}"}
        assert house.controller.config("m").max_batch_size == 4
        await house.ask_for("m")
        assert house.engine.serving == {("m", 1)}
        assert (await house.reasons())["m"] == "READY "

    tell(house, story)


def test_a_model_may_be_lazy_by_itself(tmp_path: Path) -> None:
    house = House(tmp_path, "eager", "lazy", model_control_mode="none")
    config = tmp_path / "lazy" / "config.pbtxt"
    lazy = 'parameters { key: "penstock.load" value { string_value: "lazy" } }'
    config.write_text(f"{config.read_text()}\n{lazy}")

    async def story(house: House) -> None:
        assert house.engine.serving == {("eager", 1)}

    tell(house, story)


def test_a_client_that_loads_a_lazy_model_gets_it_loaded(tmp_path: Path) -> None:
    house = House(tmp_path, "m", model_load_mode="lazy", load_model=["m"])

    async def story(house: House) -> None:
        assert house.engine.serving == set()
        await house.load("m")
        assert house.engine.serving == {("m", 1)}
        await house.controller.unload("m")
        assert house.engine.serving == set()
        assert await house.reasons() == {"m": "UNAVAILABLE unloaded"}

    tell(house, story)


def test_a_version_that_fails_to_wake_is_unavailable(tmp_path: Path) -> None:
    house = House(tmp_path, "m", model_control_mode="none", model_load_mode="lazy")

    async def story(house: House) -> None:
        house.engine.sick.add("m")
        await house.ask_for("m")
        assert await house.reasons() == {"m": "UNAVAILABLE it is sick"}
        assert house.engine.told[-1] == ("it is sick", "m", 1)

    tell(house, story)


def test_a_sleeping_version_whose_configuration_breaks_is_refused_by_the_engine_as_well(
    tmp_path: Path,
) -> None:
    house = House(tmp_path, "m", model_control_mode="poll", model_load_mode="lazy")

    async def story(house: House) -> None:
        (tmp_path / "m" / "config.pbtxt").write_text("nonsense")
        await house.controller.poll(10**19)
        await house.controller.idle()
        why = (await house.reasons())["m"]
        assert why.startswith("UNAVAILABLE config.pbtxt is not a model configuration")
        # Or its requests would wait for ever: to wake it is nobody's business any more.
        assert house.engine.told[-1] == (why.removeprefix("UNAVAILABLE "), "m", 1)

    tell(house, story)


def test_beyond_the_budget_the_model_that_was_used_longest_ago_falls_asleep(
    tmp_path: Path,
) -> None:
    house = House(tmp_path, "a", "b", "c", model_memory_budget=memory.resident_bytes())

    def weigh(share: float) -> None:
        """Every loaded model is taken to need this share of the budget."""
        budget = house.controller._options.model_memory_budget
        for record in house.controller._records:
            for version in record.versions.values():
                version.memory_bytes = int(budget * share)

    async def story(house: House) -> None:
        await house.load("a")
        await house.load("b")
        weigh(0.5)
        far = 2 * 10**12
        house.engine.used["a", 1] = VersionUse(model="a", version=1, last_ms=far, calls=0)
        await house.load("c")
        assert house.engine.serving == {("a", 1), ("c", 1)}
        assert (await house.reasons())["b"] == f"READY {ASLEEP}"
        weigh(0.5)
        await house.ask_for("b")
        assert house.engine.serving == {("a", 1), ("b", 1)}

    tell(house, story)


def test_a_model_larger_than_the_budget_is_refused_with_both_sizes(tmp_path: Path) -> None:
    house = House(tmp_path, "m", model_memory_budget=99)

    async def story(house: House) -> None:
        with pytest.raises(
            ControlError, match="needs about 100 bytes of memory: wanted at most 99"
        ):
            await house.load("m")

    tell(house, story)


def test_requests_for_a_version_that_finds_no_room_are_refused_and_it_sleeps_on(
    tmp_path: Path,
) -> None:
    house = House(
        tmp_path, "m", model_control_mode="none", model_load_mode="lazy", model_memory_budget=99
    )

    async def story(house: House) -> None:
        await house.ask_for("m")
        told, *which = house.engine.told[-1]
        assert "wanted at most 99" in told and which == ["m", 1]
        assert await house.reasons() == {"m": f"READY {ASLEEP}"}

    tell(house, story)


# --- real models, asked for over gRPC ---


async def infer(server: InProcess, model: str, timeout: float = 30, version: str = "") -> float:
    def ask() -> float:
        with Client(server.grpc, retry=None) as client:
            answer = client.infer(model, {"x": X}, version=version, timeout=timeout)
            return float(answer["y"][0, 0])

    return await asyncio.to_thread(ask)


LAZY = {"model_control_mode": "none", "model_load_mode": "lazy"}


def test_requests_wait_for_the_load_they_caused_and_it_is_one(tmp_path: Path) -> None:
    add_affine(tmp_path, "m", add=3)

    async def story() -> None:
        async with running(tmp_path, **LAZY) as server:
            assert server.engine.uses() == []
            answers = await asyncio.gather(*(infer(server, "m") for _ in range(8)))
            assert answers == [3.0] * 8
            (use,) = server.engine.uses()
            assert (use.model, use.version, use.calls) == ("m", 1, 0)
            assert use.last_ms > 0

    asyncio.run(story())


def test_a_sleeping_model_is_ready_and_tells_its_metadata(tmp_path: Path) -> None:
    add_affine(tmp_path, "m")

    async def story() -> None:
        async with running(tmp_path, **LAZY) as server:
            with Client(server.grpc, retry=None) as client:
                assert await asyncio.to_thread(client.model_ready, "m", timeout=10)
                assert server.engine.uses() == []
                found = await asyncio.to_thread(client.model_metadata, "m", timeout=10)
                assert [tensor.name for tensor in found.inputs] == ["x"]
                assert len(server.engine.uses()) == 1

    asyncio.run(story())


@pytest.mark.parametrize(
    ("path", "wanted"),
    [("v2/models/m/infer", [3.0, 3.0, 3.0]), ("v2/models/m/versions/1/infer", [3.0, 3.0, 3.0])],
)
def test_requests_of_rest_wait_too(tmp_path: Path, path: str, wanted: list[float]) -> None:
    add_affine(tmp_path, "m", add=3)
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 3], "data": [0, 0, 0]}

    async def story() -> None:
        async with running(tmp_path, **LAZY) as server:

            def ask(path: str, body: bytes | None = None) -> Any:
                with urllib.request.urlopen(f"{server.rest}/{path}", body, timeout=30) as answer:
                    return json.loads(answer.read() or b"null")

            await asyncio.to_thread(ask, "v2/models/m/ready")
            assert server.engine.uses() == []
            body = json.dumps({"inputs": [tensor]}).encode()
            answers = await asyncio.gather(
                *(asyncio.to_thread(ask, path, body) for _ in range(3)),
                asyncio.to_thread(ask, "v2/models/m"),
                asyncio.to_thread(ask, "v1/models/m:predict", b'{"instances": [[0, 0, 0]]}'),
            )
            assert [answer["outputs"][0]["data"] for answer in answers[:3]] == [wanted] * 3
            assert answers[3]["versions"] == ["1"]
            assert answers[4]["predictions"] == [wanted]

    asyncio.run(story())


def test_a_waiting_request_is_refused_with_what_the_load_failed_with(tmp_path: Path) -> None:
    add_affine(tmp_path, "cut")
    (tmp_path / "cut" / "1" / "model.onnx").write_bytes(b"no graph")
    add_affine(tmp_path, "large")

    async def story() -> None:
        async with running(tmp_path, **LAZY) as server:
            with pytest.raises(Unavailable, match=r"model\.onnx"):
                await infer(server, "cut")
        async with running(tmp_path, **LAZY, model_memory_budget=1) as server:
            for _ in range(2):
                with pytest.raises(Unavailable, match="--model-memory-budget"):
                    await infer(server, "large")

    asyncio.run(story())


SLOW = """
    import socket

    class Slow:
        def load(self, context):
            with socket.socket(socket.AF_UNIX) as gate:
                gate.connect(context.config.parameters["gate"].string_value)
                gate.recv(1)

        def execute(self, batch):
            return {"y": batch["x"]}
"""


def test_a_waiting_request_keeps_its_deadline_and_others_are_served(tmp_path: Path) -> None:
    import socket
    import tempfile

    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as gate:
        gate.bind(f"{folder}/s")
        gate.listen(1)
        parameter = f'parameters {{ key: "gate" value {{ string_value: "{folder}/s" }} }}'
        tensors = [("x", "TYPE_FP32", [3])], [("y", "TYPE_FP32", [3])]
        add_python(
            tmp_path,
            "slow",
            SLOW,
            inputs=tensors[0],
            outputs=tensors[1],
            more=f"max_batch_size: 4 {parameter}",
        )
        add_affine(tmp_path, "quick", add=2)

        async def story() -> None:
            async with running(tmp_path, **LAZY) as server:
                with pytest.raises(DeadlineExceeded):
                    await infer(server, "slow", timeout=0.2)
                waiting = asyncio.ensure_future(infer(server, "slow"))
                connection, _ = await asyncio.to_thread(gate.accept)
                assert await infer(server, "quick") == 2.0
                assert not waiting.done()
                connection.close()
                assert await waiting == 0.0

        asyncio.run(story())


def test_a_model_that_is_unloaded_while_requests_wait_is_not_found(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as server:
            server.engine.set_asleep("ghost", 1)
            waiting = asyncio.ensure_future(infer(server, "ghost"))
            done, _ = await asyncio.wait([waiting], timeout=0.2)
            assert not done
            await asyncio.to_thread(server.engine.unload, "ghost", 1)
            with pytest.raises(NotFound, match="Request for unknown model"):
                await waiting

    asyncio.run(story())


def test_three_models_take_turns_in_the_memory_of_two(tmp_path: Path) -> None:
    for number, name in enumerate("abc"):
        add_affine(tmp_path, name, add=number)
        (tmp_path / name / "1" / "ballast").write_bytes(bytes(40 << 20))

    async def story() -> None:
        async with running(tmp_path, **LAZY, model_memory_budget=100 << 20) as server:

            async def ask(name: str, wanted: float) -> None:
                for _ in range(10):
                    assert await infer(server, name) == wanted

            await asyncio.gather(*(ask(name, number) for number, name in enumerate("abc")))
            assert len(server.engine.uses()) == 2

    asyncio.run(story())

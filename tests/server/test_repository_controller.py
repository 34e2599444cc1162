# SPDX-License-Identifier: Apache-2.0
"""What clients ask of the controller: to load and unload, and for configurations."""

import asyncio
import threading
from pathlib import Path

import pytest
from tests.doubles.house import House, tell
from tests.doubles.model_files import add_config

from penstock.control.parts import IndexEntry
from penstock.errors import ControlError
from penstock.repository.bounded_calls import CALLS_MAX
from penstock.repository.controller import NOT_EXPLICIT

# --- modes ---


def test_explicit_control_starts_with_the_models_that_are_named(tmp_path: Path) -> None:
    house = House(tmp_path, load_model=["b", "absent"])
    house.add("a")
    house.add("b")

    async def story(house: House) -> None:
        reports = await house.controller.start()
        assert [(r.name, r.loaded is not None, r.reason) for r in reports] == [
            ("b", True, ""),
            ("absent", False, "failed to poll from model repository"),
        ]
        assert await house.states(ready_only=True) == [("b", "1", "READY", "")]
        assert ("a", "", "", "") in await house.states()

    tell(house, story)


@pytest.mark.parametrize("mode", ["none", "poll"])
def test_clients_load_nothing_where_the_server_decides(tmp_path: Path, mode: str) -> None:
    house = House(tmp_path, mode=mode)
    house.add("m")

    async def story(house: House) -> None:
        await house.controller.start()
        refusal = await house.failure("m")
        assert (str(refusal), refusal.code) == (NOT_EXPLICIT, "UNAVAILABLE")
        with pytest.raises(ControlError, match="is not allowed if polling is enabled"):
            await house.controller.unload("m")
        assert await house.states() == [("m", "1", "READY", "")]

    tell(house, story)


# --- load and unload ---


def test_a_model_comes_and_goes(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.add("m")

    async def story(house: House) -> None:
        assert await house.controller.start() == []
        assert await house.states() == [("m", "", "", "")]
        await house.load("m")
        assert await house.states() == [("m", "1", "READY", "")]
        assert house.controller.config("m").max_batch_size == 4
        await house.controller.unload("m", unload_dependents=True)
        assert await house.states() == [("m", "1", "UNAVAILABLE", "unloaded")]
        await house.controller.unload("m")
        await house.controller.unload("never heard of")
        await house.load("m")

    tell(house, story)
    assert house.loads() == [("m", 1), ("m", 1)]


def test_what_is_loaded_as_its_files_are_is_not_loaded_again(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.add("m")

    async def story(house: House) -> None:
        await house.load("m")
        await house.load("m")
        assert house.loads() == [("m", 1)]
        house.add("m", version=1)  # the same words, written anew
        await house.load("m")
        assert house.loads() == [("m", 1)] * 2

    tell(house, story)


def test_a_failing_reload_keeps_what_serves_and_says_so(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.add("m")

    async def story(house: House) -> None:
        await house.load("m")
        house.engine.sick.add("m")
        house.add("m", more="# changed")
        refusal = await house.failure("m")
        assert str(refusal).startswith("failed to load 'm', load failed for model 'm': version 1")
        assert refusal.code == "INVALID_ARGUMENT"
        assert await house.states() == [("m", "1", "READY", "the last reload failed: it is sick")]
        (house.repository / "m" / "config.pbtxt").write_text("max_batch_seize: 3")
        assert "max_batch_seize" in str(await house.failure("m"))
        assert house.engine.serving == {("m", 1)}
        house.engine.sick.clear()
        house.add("m")
        await house.load("m")
        assert await house.states() == [("m", "1", "READY", "")]

    tell(house, story)


def test_a_reload_that_failed_is_tried_again_though_no_file_has_changed(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.add("m")

    async def story(house: House) -> None:
        await house.load("m")
        house.engine.sick.add("m")
        house.add("m", more="# changed")
        await house.failure("m")
        assert "it is sick" in str(await house.failure("m"))
        house.engine.sick.clear()
        await house.load("m")
        assert await house.states() == [("m", "1", "READY", "")]

    tell(house, story)
    assert house.loads() == [("m", 1)] * 2


def test_a_model_that_fails_is_tried_again_by_the_next_load(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.add("m")

    async def story(house: House) -> None:
        house.engine.sick.add("m")
        await house.failure("m")
        assert await house.states() == [("m", "1", "UNAVAILABLE", "it is sick")]
        assert await house.states(ready_only=True) == []
        house.engine.sick.clear()
        await house.load("m")
        assert await house.states() == [("m", "1", "READY", "")]

    tell(house, story)


def test_a_model_that_no_repository_has_is_not_polled(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        for name in ("absent", "", "..", "a/b", "a" * 10_000):
            refusal = await house.failure(name)
            assert f"failed to load '{name}', failed to poll from model repository" in str(refusal)
            assert refusal.code == "INTERNAL"
        assert await house.states() == []

    tell(House(tmp_path), story)


def test_versions_that_the_policy_leaves_go_after_the_new_ones_serve(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.add("m", version=1)

    async def story(house: House) -> None:
        await house.load("m")
        house.add("m", version=3, more="version_policy { latest { num_versions: 1 } }")
        (house.repository / "m" / "02").mkdir()
        (house.repository / "m" / "notes").mkdir()
        await house.load("m")
        assert await house.states() == [
            ("m", "1", "UNAVAILABLE", "unloaded"),
            ("m", "3", "READY", ""),
        ]
        house.add("m", version=3, more="version_policy { all { } }")
        await house.load("m")
        assert house.engine.serving == {("m", 1), ("m", 3)}
        house.add("m", version=3, more="version_policy { specific { versions: [1, 7] } }")
        await house.load("m")
        assert house.engine.serving == {("m", 1)}

    tell(house, story)
    order = [told for told in house.engine.told if told[0] in ("loaded", "unloaded")]
    assert order.index(("loaded", "m", 3)) < order.index(("unloaded", "m", 1))


def test_the_old_version_serves_while_the_new_one_fails(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.add("m", version=1)

    async def story(house: House) -> None:
        await house.load("m")
        house.engine.sick.add("m")
        house.add("m", version=2)
        assert "version 2 is at UNAVAILABLE state" in str(await house.failure("m"))
        assert house.engine.serving == {("m", 1)}

    tell(house, story)


def test_one_models_loads_follow_one_another_and_several_models_go_on_at_a_time(
    tmp_path: Path,
) -> None:
    house = House(tmp_path, model_load_thread_count=2)
    for name in ("slow", "quick"):
        house.add(name)
    gate = house.engine.gates["slow"] = threading.Event()

    async def story(house: House) -> None:
        first = asyncio.ensure_future(house.load("slow"))
        await asyncio.to_thread(house.engine.at_gate.acquire)
        unload = asyncio.ensure_future(house.controller.unload("slow"))
        await house.load("quick")  # meanwhile
        assert not first.done() and not unload.done()
        assert ("slow", "1", "LOADING", "it is being loaded") in await house.states()
        gate.set()
        await asyncio.gather(first, unload)

    tell(house, story)
    done = [told for told in house.engine.told if told[0] in ("loaded", "unloaded")]
    assert done == [("loaded", "quick", 1), ("loaded", "slow", 1), ("unloaded", "slow", 1)]


def test_a_load_goes_on_though_its_client_went_away(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.add("m")
    gate = house.engine.gates["m"] = threading.Event()

    async def story(house: House) -> None:
        call = asyncio.ensure_future(house.load("m"))
        await asyncio.to_thread(house.engine.at_gate.acquire)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        gate.set()
        await house.controller.idle()
        assert await house.states() == [("m", "1", "READY", "")]

    tell(house, story)


def test_failures_last_until_they_are_mended_or_unloaded(tmp_path: Path) -> None:
    house = House(tmp_path, load_model=["m"])
    house.add("m")
    house.add("other")
    house.engine.sick.update({"m", "other"})
    told: list[bool] = []

    async def story(house: House) -> None:
        await house.controller.start()
        house.controller.when_changed(lambda: told.append(house.controller.has_failures))
        house.engine.sick.discard("m")
        await house.load("m")
        await house.failure("other")
        await house.controller.unload("other")
        house.engine.sick.add("m")
        house.add("m", more="# changed")
        await house.failure("m")  # which goes on to serve
        await house.failure("absent")

    tell(house, story)
    assert told[:6] == [True, False, True, False, False, False]


def test_calls_are_bounded(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.add("m")
    gate = house.engine.gates["m"] = threading.Event()

    async def story(house: House) -> None:
        calls = [asyncio.ensure_future(house.load("m")) for _ in range(CALLS_MAX)]
        await asyncio.to_thread(house.engine.at_gate.acquire)
        refusal = await house.failure("m")
        assert refusal.code == "RESOURCE_EXHAUSTED"
        gate.set()
        await asyncio.gather(*calls)
        await house.load("m")

    tell(house, story)
    assert house.loads() == [("m", 1)]


def test_a_stop_waits_for_no_load(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.add("m")
    gate = house.engine.gates["m"] = threading.Event()

    async def story(house: House) -> None:
        call = asyncio.ensure_future(house.load("m"))
        await asyncio.to_thread(house.engine.at_gate.acquire)
        await house.controller.stop()
        with pytest.raises(asyncio.CancelledError):
            await call
        gate.set()

    tell(house, story)


# --- overrides ---


# --- configurations ---


def test_the_configuration_of_what_serves_is_told(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.add("m", version=2, more="version_policy { all { } }")
    add_config(tmp_path, "broken", "nonsense")

    async def story(house: House) -> None:
        await house.load("m")
        await house.failure("broken")
        assert house.controller.config("m", "2").name == "m"
        for model, version, code in (
            ("absent", "", "NOT_FOUND"),
            ("m", "9", "NOT_FOUND"),
            ("m", "x", "NOT_FOUND"),
            ("broken", "", "UNAVAILABLE"),
        ):
            with pytest.raises(ControlError, match="Request for unknown model") as caught:
                house.controller.config(model, version)
            assert caught.value.code == code

    tell(house, story)


def test_an_index_entry_is_a_plain_value(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.add("m")

    async def story(house: House) -> None:
        assert await house.controller.index() == [IndexEntry(name="m")]

    tell(house, story)

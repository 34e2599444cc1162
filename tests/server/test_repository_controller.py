# SPDX-License-Identifier: Apache-2.0
"""The controller by itself, over an engine that writes down what it is told."""

import asyncio
import shutil
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest
from tests.doubles.model_files import add_config, add_identity
from tests.doubles.recording_engine import RecordingEngine

from penstock.config import ServerOptions
from penstock.control.parts import IndexEntry, LoadWish
from penstock.errors import ControlError, RepositoryError
from penstock.repository.changes import PollChanges
from penstock.repository.controller import CALLS_MAX, NOT_EXPLICIT, RepositoryController
from penstock.repository.instances import Machine
from penstock.repository.loader import LoadReport
from penstock.repository.records import DUPLICATE

X = [("x", "TYPE_FP32", [1])]
OVERRIDE = (
    '{"backend": "identity", "max_batch_size": 2,'
    ' "input": [{"name": "x", "data_type": "TYPE_FP32", "dims": ["1"]}],'
    ' "output": [{"name": "y", "data_type": "TYPE_FP32", "dims": [1]}]}'
)
#: A clock by which every file was written long ago.
LATER = 10**19


class House:
    """A controller, its engine, its repository and what it reported."""

    def __init__(self, *repositories: Path, mode: str = "explicit", **options: object) -> None:
        self.repository = repositories[0]
        self.engine = RecordingEngine()
        self.controller = RepositoryController(
            self.engine,
            ServerOptions.model_validate(
                {
                    "model_repository": [str(one) for one in repositories],
                    "model_control_mode": mode,
                    **options,
                }
            ),
            Machine(),
        )

    def add(self, name: str, *, version: int = 1, more: str = "") -> None:
        add_identity(self.repository, name, X, 4)
        config = self.repository / name / "config.pbtxt"
        config.write_text(f"{config.read_text()}\n{more}")
        folder = self.repository / name / str(version)
        folder.mkdir(exist_ok=True)
        (folder / "weights").write_text(str(version))

    async def load(self, name: str, **wish: object) -> None:
        await self.controller.load(LoadWish(model=name, **wish))  # type: ignore[arg-type]

    async def failure(self, name: str, **wish: object) -> ControlError:
        with pytest.raises(ControlError) as caught:
            await self.load(name, **wish)
        return caught.value

    async def polled(self) -> PollChanges:
        changes = await self.controller.poll(LATER)
        await self.controller.idle()
        return changes

    async def states(self, **filters: object) -> list[tuple[str, str, str, str]]:
        entries = await self.controller.index(**filters)  # type: ignore[arg-type]
        return [(one.name, one.version, str(one.state), one.reason) for one in entries]

    def loads(self) -> list[tuple[str, int]]:
        return [(name, version) for told, name, version in self.engine.told if told == "loaded"]


def tell(house: House, story: Callable[[House], Awaitable[None]]) -> House:
    async def whole() -> None:
        await story(house)
        await house.controller.stop()

    asyncio.run(whole())
    return house


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


def test_a_configuration_override_holds_until_the_next_plain_load(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.add("m")

    async def story(house: House) -> None:
        await house.load("m")
        await house.load("m", config=OVERRIDE)
        assert house.controller.config("m").max_batch_size == 2
        await house.load("m", config=OVERRIDE)
        await house.load("m")
        assert house.controller.config("m").max_batch_size == 4

    tell(house, story)
    assert house.loads() == [("m", 1)] * 4


def test_an_override_with_files_needs_no_repository_and_is_removed_with_its_model(
    tmp_path: Path,
) -> None:
    house = House(tmp_path, allow_model_file_override=True)
    files = {"7/weights": b"w"}

    def private_folders() -> list[Path]:
        return [one.folder for r in house.controller._records for one in r.overrides if one.folder]

    async def story(house: House) -> None:
        await house.load("sent", config=OVERRIDE, files=files)
        assert await house.states() == [("sent", "7", "READY", "")]
        (first,) = private_folders()
        assert (first / "sent" / "7" / "weights").read_bytes() == b"w"
        await house.load("sent", config=OVERRIDE, files=files)
        (second,) = private_folders()
        assert not first.exists()
        house.engine.sick.add("sent")
        await house.failure("sent", config=OVERRIDE, files=files)
        assert private_folders() == [second]
        await house.controller.unload("sent")
        assert not second.exists()
        assert "failed to poll from model repository" in str(await house.failure("sent"))

    tell(house, story)


def test_files_are_taken_only_where_the_server_allows_them(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        refusal = await house.failure("sent", config=OVERRIDE, files={"1/model.py": b""})
        assert "failed to load 'sent', failed to poll from model repository" in str(refusal)
        assert "--allow-model-file-override" in str(refusal)

    tell(House(tmp_path), story)


# --- several repositories ---


def test_a_name_in_two_repositories_is_unavailable_in_both(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    house = House(one, two)
    house.add("both")
    add_identity(two, "both", X, 4)
    add_identity(two, "single", X, 4)

    async def story(house: House) -> None:
        assert DUPLICATE in str(await house.failure("both"))
        assert await house.states() == [
            ("both", "", "UNAVAILABLE", DUPLICATE),
            ("single", "", "", ""),
        ]
        assert await house.states(repository="one") == [("both", "", "", "")]
        await house.load("single", repository=str(two))
        await house.load("both", repository="two")  # which says which is meant
        refusal = await house.failure("single", repository="three")
        assert "no repository 'three': wanted one of" in str(refusal)

    tell(house, story)


def test_a_duplicate_is_told_at_start(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    house = House(one, two, mode="poll")
    house.add("both", version=3)
    add_identity(two, "both", X, 4)

    async def story(house: House) -> None:
        (report,) = await house.controller.start()
        assert (report.version, report.reason) == (3, DUPLICATE)
        assert await house.states() == [("both", "3", "UNAVAILABLE", DUPLICATE)]
        assert await house.polled() == PollChanges()
        shutil.rmtree(two / "both")
        assert (await house.polled()).load == ("both",)
        assert ("both", "3", "READY", "") in await house.states()
        add_identity(two, "both", X, 4)
        await house.polled()
        assert [state for *_, state in await house.states()] == [DUPLICATE]
        assert house.engine.serving == set()

    tell(house, story)


# --- polling ---


def test_polling_follows_the_repository(tmp_path: Path) -> None:
    house = House(tmp_path, mode="poll")
    house.add("old")

    async def story(house: House) -> None:
        await house.controller.start()
        assert await house.polled() == PollChanges()
        house.add("new")
        house.add("old", version=2)
        assert await house.polled() == PollChanges(load=("new", "old"))
        assert house.engine.serving == {("new", 1), ("old", 2)}
        shutil.rmtree(tmp_path / "old")
        assert await house.polled() == PollChanges(unload=("old",))
        assert await house.states() == [("new", "1", "READY", "")]

    tell(house, story)


def test_a_version_added_under_polling_leaves_the_others_alone(tmp_path: Path) -> None:
    house = House(tmp_path, mode="poll")
    house.add("m", more="version_policy { all { } }")

    async def story(house: House) -> None:
        await house.controller.start()
        (tmp_path / "m" / "2").mkdir()
        await house.polled()
        assert house.loads() == [("m", 1), ("m", 2)]
        (tmp_path / "m" / "1" / "weights").write_text("other weights")
        await house.polled()
        assert house.loads() == [("m", 1), ("m", 2), ("m", 1)]

    tell(house, story)


def test_a_change_that_fails_is_tried_once_and_leaves_what_serves(tmp_path: Path) -> None:
    house = House(tmp_path, mode="poll")
    house.add("m")

    async def story(house: House) -> None:
        await house.controller.start()
        (tmp_path / "m" / "config.pbtxt").write_text("nonsense")
        assert (await house.polled()).load == ("m",)
        assert await house.polled() == PollChanges()
        assert house.engine.serving == {("m", 1)}
        house.add("m", more="# mended")
        assert (await house.polled()).load == ("m",)
        assert await house.states() == [("m", "1", "READY", "")]

    tell(house, story)


def test_a_model_that_is_being_loaded_is_left_for_the_next_look(tmp_path: Path) -> None:
    house = House(tmp_path, mode="poll")
    gate = house.engine.gates["m"] = threading.Event()

    async def story(house: House) -> None:
        await house.controller.start()
        house.add("m")
        await house.controller.poll(LATER)
        await asyncio.to_thread(house.engine.at_gate.acquire)
        shutil.rmtree(tmp_path / "m")
        assert await house.controller.poll(LATER) == PollChanges()
        gate.set()
        await house.controller.idle()
        assert (await house.polled()).unload == ("m",)
        assert house.engine.serving == set()

    tell(house, story)


def test_a_repository_that_is_away_for_a_moment_removes_no_model(tmp_path: Path) -> None:
    repository = tmp_path / "models"
    house = House(repository, mode="poll")
    house.add("m")

    async def story(house: House) -> None:
        await house.controller.start()
        repository.rename(tmp_path / "away")
        with pytest.raises(RepositoryError, match="There is no model repository"):
            await house.controller.poll(LATER)
        assert house.engine.serving == {("m", 1)}

    tell(house, story)


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

# SPDX-License-Identifier: Apache-2.0
"""Two writers that move one alias at one time: one moves it, or none does, and each is told."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest
from tests.doubles.registries import MlflowServer

from penstock.errors import RegistryError
from penstock.registry import RegistryPlace, registry_place
from penstock.registry.promotion import PromotionWish, archive, promote
from penstock.registry.registry import Registry
from penstock.registry.turn import TURN_SECONDS, WORK_SECONDS, Turn, moving_tags, server_turn

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 27, 12, 30, tzinfo=UTC)
ROUNDS = 8
OTHERS = "penstock.moving.champion.other"


def ago(seconds: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()


def as_server(registry: Registry) -> Registry:
    """The same database, as one that other machines write too: without its lock file."""
    return Registry(RegistryPlace(uri=registry.place.uri, file=None))


def champion_tags(registry: Registry) -> list[str]:
    return [key for key in registry.model_tags("iris") if key.startswith("penstock.moving.")]


def test_a_tag_counts_for_a_minute_whatever_its_clock_says() -> None:
    def at(seconds: float) -> str:
        return (NOW + timedelta(seconds=seconds)).isoformat()

    tags = {
        "penstock.moving.champion.a": at(1 - TURN_SECONDS),
        "penstock.moving.champion.b": at(-TURN_SECONDS),
        "penstock.moving.champion.c": at(TURN_SECONDS - 1),
        "penstock.moving.champion.d": at(TURN_SECONDS),
        "penstock.moving.champion.e": "never",
        "penstock.moving.champion.own": at(0),
        "penstock.moving.staging.a": at(0),
        "penstock.rollout": "canary",
    }
    working, killed = moving_tags(tags, NOW, alias="champion", but="penstock.moving.champion.own")
    assert [key[-1] for key in working] == ["a", "c"]
    assert [key[-1] for key in killed] == ["b", "d", "e"]
    assert len(moving_tags(tags, NOW)[0]) == 4


def test_a_writer_that_is_too_slow_gives_up_before_others_pass_it() -> None:
    now = 100.0
    turn = Turn("champion", WORK_SECONDS, lambda: now)
    turn.check()
    now += WORK_SECONDS + 1
    with pytest.raises(RegistryError, match="too slow to move alias 'champion' safely"):
        turn.check()
    assert WORK_SECONDS < TURN_SECONDS


def test_a_writer_that_finds_another_takes_its_own_tag_away(history: Registry) -> None:
    server = as_server(history)
    server.client.set_registered_model_tag("iris", OTHERS, ago(30))
    with pytest.raises(RegistryError, match=r"is being moved by another writer: .* Try again"):
        promote(server, PromotionWish(name="iris"))
    assert champion_tags(history) == [OTHERS]
    assert history.aliases("iris")["champion"] == 1
    with pytest.raises(RegistryError, match="is being moved: try again"):
        archive(server, "iris", "3")
    assert not history.version("iris", "3").is_archived
    # Another alias is nobody's concern.
    promote(server, PromotionWish(name="iris", to="staging"))


def test_the_tag_of_a_killed_writer_is_removed(history: Registry) -> None:
    server = as_server(history)
    server.client.set_registered_model_tag("iris", OTHERS, ago(TURN_SECONDS + 1))
    assert promote(server, PromotionWish(name="iris")).has_moved
    assert champion_tags(history) == []


def test_whoever_waits_gets_the_turn_when_the_other_has_ended(history: Registry) -> None:
    server = as_server(history)
    server.client.set_registered_model_tag("iris", OTHERS, ago(TURN_SECONDS - 1.5))
    with server_turn(server, "iris", "champion", tries=20) as turn:
        turn.check()
        assert len(champion_tags(history)) == 1
    assert champion_tags(history) == []


def test_an_alias_that_somebody_else_moves_without_asking_is_told(history: Registry) -> None:
    client = history.client

    class Late:
        """Sets aliases to version 3, as MLflow's own pages could at that moment."""

        def __getattr__(self, name: str) -> object:
            return self._set if name == "set_registered_model_alias" else getattr(client, name)

        def _set(self, name: str, alias: str, _: str) -> None:
            client.set_registered_model_alias(name, alias, "3")

    history.client = Late()
    with pytest.raises(RegistryError, match="names version 3 now, not version 2: somebody else"):
        promote(history, PromotionWish(name="iris"))


@pytest.mark.parametrize("is_server", [False, True], ids=["lock file", "tags"])
def test_of_threads_that_expect_the_same_at_most_one_wins(
    is_server: bool, history: Registry
) -> None:
    """Versions 1 and 2 have one signature, so they may follow each other."""
    start = Barrier(2)

    def move(registry: Registry, expect: int, which: int) -> str:
        wish = PromotionWish(name="iris", which=str(which), to="staging", expect=expect)
        start.wait()
        try:
            promote(registry, wish)
        except RegistryError as error:
            return str(error)
        return ""

    opened = [Registry(history.place), Registry(history.place)]
    if is_server:
        opened = [as_server(history), as_server(history)]
    wins = 0
    with ThreadPoolExecutor(2) as threads:
        for _ in range(ROUNDS):
            expect = history.aliases("iris").get("staging", 0)
            told = list(threads.map(move, opened, (expect, expect), (1, 2)))
            winners = [which for which, error in zip((1, 2), told, strict=True) if not error]
            now = history.aliases("iris").get("staging", 0)
            # Who wished for the version that it names already has won without moving it.
            moved = [which for which in winners if which != expect]
            assert len(moved) <= 1
            assert now == (moved[0] if moved else expect)
            assert all(error.endswith("nothing was moved.") for error in told if error) or is_server
            wins += len(moved)
    assert wins or is_server
    assert champion_tags(history) == []


@pytest.mark.slow
def test_of_two_processes_at_a_server_at_most_one_wins(made_history: Path, tmp_path: Path) -> None:
    """Each round both promote another version of the champion's signature, with --expect."""
    (tmp_path / "server.db").write_bytes((made_history / "mlflow.db").read_bytes())
    command = [sys.executable, "-m", "tests.package.racing_promoter"]
    with MlflowServer(tmp_path) as server, ExitStack() as stack:
        racers = [
            stack.enter_context(
                subprocess.Popen(
                    [*command, server.uri],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    cwd=ROOT,
                )
            )
            for _ in range(2)
        ]
        for racer in racers:
            assert racer.stdout is not None
            assert racer.stdout.readline() == "ready\n"
        registry = Registry(registry_place(server.uri, folder=tmp_path))
        for version in (1, 2, 3):
            registry.tag_version("iris", version, "penstock.signature_change", "allowed")
        refusals: list[str] = []
        wins = 0
        for round_ in range(3 * ROUNDS):
            before = registry.aliases("iris")["champion"]
            expect = before if round_ % 2 else None
            wishes = [version for version in (1, 2, 3) if version != before]
            for racer, version in zip(racers, wishes, strict=True):
                assert racer.stdin is not None
                racer.stdin.write(f"{json.dumps([version, expect])}\n")
                racer.stdin.flush()
            told = [json.loads(racer.stdout.readline()) for racer in racers if racer.stdout]
            winners = [one for one, error in zip(wishes, told, strict=True) if not error]
            now = registry.aliases("iris")["champion"]
            assert now in (winners or [before])
            if expect is not None:
                assert len(winners) <= 1
            losers = [error for error in told if error]
            assert all("nothing was moved" in error for error in losers), losers
            refusals += losers
            wins += len(winners)
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.close()
        assert champion_tags(registry) == []
        assert wins > 0
        assert any("by another writer" in error for error in refusals), "no round was a race"

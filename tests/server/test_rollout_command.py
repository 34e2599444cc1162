# SPDX-License-Identifier: Apache-2.0
"""`penstock rollout` against the admin service on a loopback port."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text
from tests.doubles.admin_server import AdminServer
from tests.doubles.rollouts import EXAMPLE, ListedRollouts
from typer.testing import CliRunner, Result

from penstock.cli import app
from penstock.commands.rollout.following import PATIENCE_S, follow, followed
from penstock.commands.rollout.pairs import Tolerance, differs, pair_picture
from penstock.commands.rollout.picture import picture
from penstock.commands.rollout.told import status_told
from penstock.control.examples import found_examples
from penstock.control.rollout_messages import rollout_json, rollout_message
from penstock.control.shadow_messages import examples_json
from penstock.rollout.spec import RolloutShadowSpec, RolloutSpec
from penstock.rollout.status import RolloutStatus
from penstock_client import Client, Unavailable
from penstock_client import RolloutStatus as ToldStatus
from penstock_client._rollout_calls import _read_status as read_status
from penstock_client.shadows import ShadowExample as ToldExample

LEAVES_SCREEN = "\x1b[?1049l"
LIVE, ROLLED_BACK, USAGE, HELD, FAILED = 0, 1, 2, 3, 4


@pytest.fixture
def server() -> Iterator[AdminServer]:
    with AdminServer() as running:
        yield running


def run(server: AdminServer, verb: str, *arguments: str | Path) -> Result:
    at = ["--url", server.address]
    runner = CliRunner(env={"COLUMNS": "80", "TERM": "dumb"})
    return runner.invoke(app, ["rollout", verb, *map(str, arguments), *at])


def begun(server: AdminServer, model: str = "m", *states: Any) -> None:
    asyncio.run(server.rollouts.start(model, 2))
    for state in states:
        server.rollouts.step(model, state)


def told(status: RolloutStatus) -> ToldStatus:
    """As the client has it."""
    return read_status(rollout_message(status).SerializeToString(), ())


def rendered(status: ToldStatus, width: int) -> str:
    console = Console(width=width, record=True, file=None, force_terminal=False)
    with console.capture() as capture:
        console.print(picture(status))
    return capture.get()


# -- start ----------------------------------------------------------------------------------------


def test_a_start_sends_the_file_and_shows_the_first_state(
    server: AdminServer, tmp_path: Path
) -> None:
    (tmp_path / "rollout.toml").write_text("dwell_s = 5\nshadow = false")
    spec = ("--spec", tmp_path / "rollout.toml")
    done = run(server, "start", "m", "--version", "2", "--stable", "1", *spec)
    assert done.exit_code == 0, done.output
    assert "m: version 1 → 2, shadow" in done.output
    (kept,) = server.rollouts.kept
    assert kept.spec["dwell_s"] == 5
    assert kept.spec["shadow"] is None
    assert server.rollouts.asked == [("start", "m", "2", "1")]


def test_a_wrong_file_is_told_by_its_key_before_anything_is_asked(
    server: AdminServer, tmp_path: Path
) -> None:
    path = tmp_path / "rollout.toml"
    path.write_text("dwell = 5")
    done = run(server, "start", "m", "--version", "2", "--spec", path)
    assert done.exit_code == FAILED
    assert f"{path}: dwell: there is no such key" in done.stderr
    path.unlink()
    assert "is not there" in run(server, "start", "m", "--version", "2", "--spec", path).stderr
    assert server.seen == []


def test_another_signature_must_be_allowed(server: AdminServer) -> None:
    done = run(server, "start", "m", "--version", "3")
    assert done.exit_code == FAILED
    assert "the signature of version 3 is another one: output y" in done.stderr
    done = run(server, "start", "m", "--version", "3", "--allow-signature-change")
    assert done.exit_code == 0


@pytest.mark.parametrize(
    ("states", "status"),
    [
        (["shadow", "canary", "live"], LIVE),
        (["shadow", "canary", "rolled_back"], ROLLED_BACK),
        (["shadow", "canary", "held"], HELD),
    ],
)
def test_a_start_that_waits_exits_by_what_came_of_it(
    server: AdminServer, states: list[Any], status: int
) -> None:
    server.rollouts.ahead["m"] = [*states]
    done = run(server, "start", "m", "--version", "2", "--wait")
    assert done.exit_code == status, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == "10:00:00  shadow  operator: started"
    assert [line.split()[1] for line in lines[1:]] == [one.split("_")[0] for one in states]


def test_a_start_that_waits_tells_each_change_as_a_line_of_json(server: AdminServer) -> None:
    server.rollouts.ahead["m"] = ["shadow", "canary", "live"]
    done = run(server, "start", "m", "--version", "2", "--wait", "--json")
    assert [json.loads(line)["state"] for line in done.stdout.splitlines()] == [
        "shadow",
        "canary",
        "live",
    ]


# -- status ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "status"),
    [("shadow", 0), ("canary", 0), ("live", LIVE), ("rolled_back", ROLLED_BACK), ("held", HELD)],
)
def test_a_status_exits_by_its_state(server: AdminServer, state: str, status: int) -> None:
    begun(server, "m", state)
    done = run(server, "status", "m")
    assert done.exit_code == status
    assert server.rollouts.kept[0].why in re.sub(r"\s+", " ", done.stdout)


def test_json_is_that_of_rest(server: AdminServer) -> None:
    begun(server, "m", "canary", "rolled_back")
    done = run(server, "status", "m", "--json")
    (kept,) = server.rollouts.kept
    assert json.loads(done.stdout) == rollout_json(kept) == status_told(told(kept))
    begun(server, "n")
    done = run(server, "status", "n", "--json")
    assert json.loads(done.stdout) == rollout_json(server.rollouts.kept[0])


def test_a_watch_ends_with_the_rollout_also_if_it_was_held(server: AdminServer) -> None:
    begun(server)
    server.rollouts.ahead["m"] = ["shadow", "held", "rolled_back"]
    done = run(server, "status", "m", "--watch")
    assert done.exit_code == ROLLED_BACK
    assert [line.split()[1] for line in done.stdout.splitlines()][-2:] == ["held", "rolled"]


def test_without_a_model_all_that_go_on_are_listed(server: AdminServer) -> None:
    assert "No rollout goes on; --all shows those that have ended." in run(server, "status").stdout
    begun(server, "m", "canary")
    begun(server, "n", "live")
    shown = run(server, "status").stdout
    assert re.search(r"m-1 +m +1 +2 +5 % +canary +2026-11-28", shown)
    assert "n-2" not in shown
    assert "n-2" in run(server, "status", "--all").stdout
    assert [one["id"] for one in json.loads(run(server, "status", "--all", "--json").stdout)] == [
        "n-2",
        "m-1",
    ]
    assert len(json.loads(run(server, "status", "--all", "--limit", "1", "--json").stdout)) == 1


def test_an_earlier_rollout_is_shown_by_its_id(server: AdminServer) -> None:
    begun(server, "m", "live")
    begun(server, "m")
    assert run(server, "status", "m").stdout.splitlines()[1].startswith("m-2")
    assert run(server, "status", "m", "--rollout", "m-1").stdout.splitlines()[1].startswith("m-1")
    assert run(server, "status", "--rollout", "m-1").exit_code == USAGE


def test_a_model_without_a_rollout_is_told(server: AdminServer) -> None:
    done = run(server, "status", "nobody")
    assert done.exit_code == FAILED
    assert "penstock: nobody: there is no rollout." in done.stderr


# -- verbs ----------------------------------------------------------------------------------------


def test_verbs_say_what_they_did(server: AdminServer) -> None:
    begun(server, "m", "canary")
    assert run(server, "pause", "m").stdout.startswith("m: version 2 stays where it is.\n")
    assert "canary, paused" in run(server, "status", "m").stdout
    assert run(server, "resume", "m", "--rollout", "m-1").stdout.startswith("m: version 2 goes on.")
    assert run(server, "promote", "m").stdout.startswith("m: version 2 is live.\n")
    begun(server, "m")
    done = run(server, "rollback", "m", "--reason", "prices are odd")
    assert (done.exit_code, done.stdout) == (
        0,
        "m: version 2 gets no more requests.\nprices are odd\n",
    )
    assert json.loads(run(server, "status", "m", "--json").stdout)["why"] == "prices are odd"


def test_a_verb_refuses_another_rollout_than_the_one_meant(server: AdminServer) -> None:
    begun(server)
    for verb in ("promote", "pause", "resume", "rollback"):
        done = run(server, verb, "m", "--rollout", "m-0")
        assert done.exit_code == FAILED
        assert "wanted its rollout m-0, found that m-1" in done.stderr
    assert server.rollouts.kept[0].state == "shadow"


# -- pictures -------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [80, 160])
@pytest.mark.parametrize("state", ["canary", "held", "live", "rolled_back"])
def test_a_picture_fits_its_width_and_loses_nothing(width: int, state: Any) -> None:
    control = ListedRollouts()
    asyncio.run(control.start("m", 2))
    text = rendered(told(control.step("m", state)), width)
    assert max(len(line) for line in text.splitlines()) <= width
    words = re.sub(r"\s+", " ", text)
    for part in (
        "errors ██████░░░░░░ 2.75 5.52 0.98 to 4.61 not yet",
        "split ░░░░░░░░░░░░ -2.10 9.21 nothing known passed",
        "canary",
        "3,661 12 0.328 % 2.11 4.3",
        "4,640 of 5,000 copies compared; 99.7 % agree; 6.24 % dropped (busy 310, no_memory 2)",
        "312 without a part in it",
        "3 failed on both sides; its median time is 1.1 times the primary's",
        "score 99.71 % 96.99 % < 0.13 99.89 % nan 1",
        "label 100 % 100 %",
        "amount[3] from 512.5 460 2.61 % 0.81 %",
        "age missing 31 3.23 % 0.03 %",
    ):
        assert part in words


def test_the_step_where_it_is_stands_out() -> None:
    control = ListedRollouts()
    asyncio.run(control.start("m", 2))
    marks = {"canary": "▸", "held": "▸", "rolled_back": "✗"}
    for state in ("canary", "held", "rolled_back"):
        lines = rendered(told(control.step("m", state)), 80).splitlines()
        (step,) = [line for line in lines if re.match(r"\S +5 %", line)]
        assert step.startswith(marks[state])
        (shadow,) = [line for line in lines if re.match(r"\S +shadow", line)]
        assert shadow.startswith("✓")
        assert any(re.match(r" +25 %", line) for line in lines)


def test_names_from_elsewhere_are_shown_as_they_are() -> None:
    control = ListedRollouts()
    asyncio.run(control.start("[red]m[/]", 2))
    assert "[red]m[/]: version" in rendered(told(control.kept[0]), 80)


# -- examples -------------------------------------------------------------------------------------

WANTS_EXAMPLES = RolloutSpec(shadow=RolloutShadowSpec(examples=3))


def test_an_example_is_shown_side_by_side_with_a_mark_where_it_differs(
    server: AdminServer,
) -> None:
    asyncio.run(server.rollouts.start("m", 2, WANTS_EXAMPLES))
    server.rollouts.examples_kept["m-1"] = [EXAMPLE] * 2
    done = run(server, "examples", "m", "--limit", "1")
    assert done.exit_code == 0, done.output
    words = re.sub(r"\s+", " ", done.stdout)
    for part in (
        "2026-11-28 10:00:05 UTC key 07c7024f, request r-17",
        "Primary Shadow input amount FP32 [1, 2] 1.5 -2",
        "input name BYTES [1, 1] sensitive",
        "output score FP32 [1, 2] 0.25 0.75 0.2500001 0.5*",  # the first is within the tolerance
        "1 older ones are kept besides.",
    ):
        assert part in words, words


def test_examples_as_json_are_those_of_rest(server: AdminServer) -> None:
    asyncio.run(server.rollouts.start("m", 2, WANTS_EXAMPLES))
    server.rollouts.examples_kept["m-1"] = [EXAMPLE]
    done = run(server, "examples", "m", "--rollout", "m-1", "--json")
    found = found_examples([EXAMPLE], rollout="m-1")
    assert json.loads(done.stdout) == examples_json(found)


def test_without_examples_it_is_told_whether_any_were_wanted(server: AdminServer) -> None:
    begun(server, "m")
    asyncio.run(server.rollouts.start("n", 2, WANTS_EXAMPLES))
    told = "m-1 keeps no examples: its shadow.examples is 0."
    assert told in run(server, "examples", "m").stdout
    assert "n-2: no pair that disagrees is kept." in run(server, "examples", "n").stdout
    assert run(server, "examples", "o").exit_code == FAILED


TOLERANCE = Tolerance(relative=1e-5, absolute=1e-6)


@pytest.mark.parametrize(
    ("primary", "shadow", "datatype", "is_other"),
    [
        (1.0, 1.000009, "FP32", False),
        (1.0, 1.00002, "FP32", True),
        (0.0, 9e-7, "FP64", False),
        (0.0, -2e-6, "FP16", True),
        ("NaN", "NaN", "FP32", False),
        ("NaN", 1.0, "BF16", True),
        ("Infinity", "Infinity", "FP32", False),
        ("Infinity", "-Infinity", "FP32", True),
        (100_000, 100_001, "INT32", True),
        (True, True, "BOOL", False),
        ("a", "b", "BYTES", True),
        ({"b64": "/w=="}, {"b64": "/w=="}, "BYTES", False),
    ],
)
def test_elements_differ_as_the_server_compares_them(
    primary: Any, shadow: Any, datatype: str, is_other: bool
) -> None:
    assert differs(primary, shadow, datatype, TOLERANCE) is is_other


def test_pairs_of_all_kinds_are_shown() -> None:
    def tensor(name: str, data: list[Any], **more: Any) -> dict[str, Any]:
        return {"name": name, "datatype": "FP32", "shape": [len(data)], "data": data, **more}

    flat = [0.0] * 40
    error = {"error": {"code": "INTERNAL", "message": "[red]no memory[/]"}}
    pairs: list[tuple[Any, Any, str]] = [
        (
            {"error": {"code": "INTERNAL", "sensitive": True}},
            {"outputs": []},
            "error INTERNAL: sensitive none",
        ),
        ({"outputs": []}, error, "error none INTERNAL: [red]no memory[/]"),
        (
            {"outputs": [tensor("y", flat)]},
            {"outputs": [tensor("y", [*flat[:31], 7.0, *flat[32:]])]},
            "output y FP32 [40] [31] 0 of 40 [31] 7* of 40",
        ),
        (
            {"outputs": [tensor("y", [1.0])]},
            {"outputs": [tensor("y", [1.0, 2.0])]},
            "output y FP32 [1]* 1 FP32 [2]* 1 2",
        ),
        ({"outputs": [tensor("y", [1.0])]}, {"outputs": []}, "output y 1 none"),
    ]
    for primary, shadow, wanted in pairs:
        pair = {"request_id": "", "inputs": [], "primary": primary, "shadow": shadow}
        example = ToldExample(shadow="b", wall_ms=0, key_hash="0" * 16, pair_json=json.dumps(pair))
        console = Console(width=120, force_terminal=False)
        with console.capture() as capture:
            console.print(pair_picture(example, TOLERANCE))
        words = re.sub(r"\s+", " ", capture.get())
        assert wanted in words, words
        assert words.startswith("b: 1970-01-01 00:00:00 UTC")


# -- following ------------------------------------------------------------------------------------


def test_a_terminal_is_drawn_anew(server: AdminServer) -> None:
    begun(server)
    server.rollouts.ahead["m"] = ["canary", "live"]
    console = Console(width=80, height=60, force_terminal=True, legacy_windows=False)
    with Client(server.address) as client, console.capture() as capture:
        last = follow(console, client, "m", "", as_json=False)
    assert last.state == "live"
    drawn, _, left = capture.get().partition(LEAVES_SCREEN)
    assert "canary at 5 %" in Text.from_ansi(drawn).plain
    assert Text.from_ansi(left).plain.startswith("m: version 1 → 2, live")


def test_a_server_that_is_away_for_a_while_is_asked_again() -> None:
    rollouts = ListedRollouts()
    asyncio.run(rollouts.start("m", 2))
    first = AdminServer(rollouts)
    first.__enter__()
    try:
        client = Client(first.address, retry=None)
        watched = followed(client, "m", "", pause=lambda _: None, clock=lambda: 0.0)
        assert next(watched).state == "shadow"
    finally:
        first.__exit__(None, None, None)
    with client, AdminServer(rollouts, address=first.address):
        rollouts.step("m", "live")
        assert [one.state for one in watched] == ["live"]


def test_patience_with_a_server_that_is_away_ends() -> None:
    now = [0.0]

    def pause(_: float) -> None:
        now[0] += PATIENCE_S / 3

    with AdminServer() as server:
        begun(server)
        client = Client(server.address, retry=None)
        watched = followed(client, "m", "", pause=pause, clock=lambda: now[0])
        assert next(watched).state == "shadow"
    with client, pytest.raises(Unavailable):
        next(watched)
    assert now[0] > PATIENCE_S


def test_a_server_that_was_never_there_is_not_waited_for() -> None:
    with AdminServer() as server:
        address = server.address
    with Client(address, retry=None) as client, pytest.raises(Unavailable):
        next(followed(client, "m", "", pause=lambda _: pytest.fail("it waited")))


def test_the_help_says_how_it_exits() -> None:
    for verb in ([], ["start"], ["status"]):
        shown = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["rollout", *verb, "--help"]).output
        assert "1 rolled back" in shown
        assert "3 held" in shown

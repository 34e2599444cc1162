# SPDX-License-Identifier: Apache-2.0
"""What the documents point at must be there: links, files, tests, flags."""

import re
from functools import cache
from pathlib import Path

import pytest
import typer

from penstock.cli import add_plugged_in, app
from penstock.config import ServerOptions
from penstock.config.sources import flag_name
from penstock.config.triton_flags import TRITON_FLAGS

ROOT = Path(__file__).resolve().parents[2]
NAMED = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "cpp/README.md")
DOCUMENTS = [
    *(ROOT / name for name in NAMED),
    ROOT / "tests/README.md",
    ROOT / "tests/interop/README.md",
    ROOT / "cpp/batching/README.md",
    ROOT / "cpp/kernels/README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
FLAGS_OF_OTHERS = {
    "--help",
    "--force-reinstall",
    "--no-deps",
    "--strict",
    "--model-store",  # of Triton: --model-repository
}
document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def python_tests() -> set[str]:
    sources = (path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    return {name for source in sources for name in re.findall(r"def (test_\w+)", source)}


def cpp_tests() -> set[str]:
    sources = (path.read_text() for path in (ROOT / "tests/cpp").glob("*.cc"))
    pattern = r"\bTEST\(\s*(\w+),\s*(\w+)\s*\)"
    return {f"{room}.{name}" for source in sources for room, name in re.findall(pattern, source)}


@cache
def flags_of_verbs() -> set[str]:
    """What `penstock VERB` takes, of all verbs."""
    add_plugged_in()
    command = typer.main.get_command(app)
    assert isinstance(command, typer.core.TyperGroup)
    verbs = list(command.commands.values())
    for group in [verb for verb in verbs if isinstance(verb, typer.core.TyperGroup)]:
        verbs += group.commands.values()
    return {
        flag
        for verb in verbs
        for option in verb.params
        for flag in option.opts
        if flag.startswith("--")
    }


@document
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text())
    missing = [link for link in links if "://" not in link and not (path.parent / link).exists()]
    assert missing == []


def test_the_events_of_the_log_and_those_that_are_told_of_are_the_same() -> None:
    sources = "\n".join(
        path.read_text()
        for room, kinds in (("server", ("py",)), ("cpp", ("cc", "h")))
        for kind in kinds
        for path in (ROOT / room).rglob(f"*.{kind}")
    )
    calls = r"\blog\.(?:debug|info|warning|error|exception)\(\s*\"([a-z_]+)\""
    documents = "\n".join(path.read_text() for path in (ROOT / "docs").glob("*.md"))
    untold = {event for event in re.findall(calls, sources) if f"`{event}`" not in documents}
    table = (ROOT / "docs/serving.md").read_text().partition("| event |")[2].partition("\n\n")[0]
    firsts = [row.split("|")[1] for row in table.splitlines()]
    told = {event for first in firsts for event in re.findall(r"`(\w+)`", first)}
    assert (untold, {event for event in told if f'"{event}"' not in sources}) == (set(), set())


@document
def test_every_named_test_exists(path: Path) -> None:
    text = path.read_text()
    named = set(re.findall(r"`(test_\w+)`", text)) - python_tests()
    rooms = {name.split(".")[0] for name in cpp_tests()}
    dotted = {name for name in re.findall(r"`(\w+\.\w+)`", text) if name.split(".")[0] in rooms}
    assert (named, dotted - cpp_tests()) == (set(), set())


@document
def test_every_named_flag_exists(path: Path) -> None:
    options = {flag_name(name) for name in ServerOptions.model_fields}
    ours = options | {flag.flag for flag in TRITON_FLAGS.values()}
    named = set(re.findall(r"`[^`]*?(?<![\w-])(--[a-z][a-z0-9-]+)", path.read_text()))
    assert named - ours - flags_of_verbs() - FLAGS_OF_OTHERS == set()

# SPDX-License-Identifier: Apache-2.0
"""Every command with curl in the documents works as it stands, but for the port and the model."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.doubles.model_files import add_affine, add_python
from tests.doubles.running import RunningServer

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PATIENCE_S = 60

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")


def commands(document: Path) -> list[str]:
    """The commands of a document's code blocks that begin with curl, with all their lines."""
    found = []
    for block in re.findall(r"^```\w*\n(.*?)^```", document.read_text(), re.DOTALL | re.MULTILINE):
        # A quote that is open goes on in the next line, as a backslash does.
        for match in re.finditer(
            r"^(?:\$ )?(curl (?:\\\n|'[^']*'|\"[^\"]*\"|[^'\"\n\\])*)", block, re.MULTILINE
        ):
            found.append(match.group(1).strip())
    return found


COMMANDS = [
    pytest.param(command, id=f"{document.name}-{number}")
    for document in DOCUMENTS
    for number, command in enumerate(commands(document))
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    repository = tmp_path_factory.mktemp("models")
    add_affine(repository, "resnet")
    for version in (7, 8):
        add_affine(repository, "prices", version=version, config="version_policy { all {} }")
    add_python(
        repository,
        "doubler",
        """
        class Doubler:
            def execute(self, batch):
                return {"y": batch["x"] * 2}
        """,
        more="max_batch_size: 8",
    )
    flags = ("--model-control-mode=explicit", "--load-model=*")
    with RunningServer(repository, flags=flags) as made:
        yield made


def test_there_are_commands_to_try() -> None:
    assert len(COMMANDS) > 5


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_documents_works(server: RunningServer, command: str) -> None:
    ports = {"8000": server.rest, "8001": server.grpc, "8002": server.metrics}
    for port, address in ports.items():
        command = command.replace(f"localhost:{port}", address)
    assert "localhost" not in command
    # The load before may have been an unload.
    again = ["curl", "-sf", "-X", "POST", f"http://{server.rest}/v2/repository/models/resnet/load"]
    subprocess.run(again, check=True, timeout=PATIENCE_S)
    marked = command.replace("curl", "curl --no-progress-meter --write-out '\\n%{http_code}'", 1)
    done = subprocess.run(
        marked, shell=True, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, done.stderr
    body, _, status = done.stdout.rpartition("\n")
    if server.grpc in command:
        return  # docs/http2.md shows what the port of gRPC says to HTTP/1.1
    assert status in ("200", "201"), body
    if body:
        assert "error" not in json.loads(body)

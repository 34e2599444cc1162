# SPDX-License-Identifier: Apache-2.0
"""Clients that cannot live in this environment, in environments of their own below build/.

kserve and mlserver each ask for libraries in versions that the other one, or this project, cannot
have. An environment is made once and kept until what is asked for changes.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.doubles.running import RunningServer

HERE = Path(__file__).parent
BUILD = HERE.parents[1] / "build"
#: Minutes, where the packages have to come from afar.
INSTALL_S = 1200
STORY_S = 120


class ClientEnvironment:
    """The environment build/venv_`name` with `requirements`; made unless it is there."""

    def __init__(self, name: str, *requirements: str) -> None:
        self._name = name
        self.folder = BUILD / f"venv_{name}"
        mark = self.folder / "requirements.txt"
        text = "\n".join([*requirements, sys.version, ""])
        if mark.is_file() and mark.read_text() == text:
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        _checked([sys.executable, "-m", "venv", str(self.folder)], INSTALL_S)
        pip = ["-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
        _checked([self.program("python"), *pip, *requirements], INSTALL_S)
        mark.write_text(text)

    def program(self, name: str) -> str:
        """The path of one of its programs."""
        return str(self.folder / "bin" / name)

    def run(self, program: str, *arguments: str) -> str:
        """What a program of it prints."""
        return _checked([self.program(program), *arguments], STORY_S)

    def told(self, server: RunningServer) -> dict[str, Any]:
        """What the story clients/NAME_story.py prints last, told against `server`."""
        story = HERE / "clients" / f"{self._name}_story.py"
        printed = self.run("python", str(story), server.rest, server.grpc)
        told: dict[str, Any] = json.loads(printed.splitlines()[-1])
        return told


def _checked(command: list[str], patience_s: float) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=patience_s, check=False)
    assert done.returncode == 0, f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}"
    return done.stdout

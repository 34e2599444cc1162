# SPDX-License-Identifier: Apache-2.0
"""Takes the steps of a written Dockerfile in a folder, as an image's builder takes them in a layer.

The two places of the image, /opt/penstock and /model, and /build of the first stage lie below
`root`. What only the base image could do, apt-get, is left out.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PLACES = ("/opt/penstock", "/build", "/model")
INSTALL_S = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An instruction of a Dockerfile and the rest of its line."""

    instruction: str
    text: str

    def words(self) -> list[str]:
        """The words of an instruction in JSON form."""
        words: list[str] = json.loads(self.text)
        return words


def steps_of(dockerfile: Path) -> list[Step]:
    """Its steps, without comments."""
    lines = [one for one in dockerfile.read_text().splitlines() if not one.startswith("#")]
    whole = re.sub(r"\\\n\s*", "", "\n".join(lines))
    pairs = [line.partition(" ") for line in whole.splitlines() if line]
    return [Step(instruction=one, text=text.strip()) for one, _, text in pairs]


def stages_of(dockerfile: Path) -> list[list[Step]]:
    """Its stages, each from its FROM on."""
    stages: list[list[Step]] = []
    for step in steps_of(dockerfile):
        if step.instruction == "FROM":
            stages.append([])
        stages[-1].append(step)
    return stages


class ImageBuild:
    """Takes steps; `base` stands for the base image and has `python` with pip, and nothing else."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._folder = root
        base = root / "base"
        subprocess.run([sys.executable, "-m", "venv", str(base)], check=True)
        # What is asked of Python here is not asked of an image's.
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        self.environment = {**kept, "PATH": f"{base / 'bin'}:/usr/bin:/bin"}

    def placed(self, text: str) -> str:
        """`text` with the image's places as they are here."""
        for place in PLACES:
            text = re.sub(rf"(?<![\w./]){place}(?![\w.])", f"{self.root}{place}", text)
        return text

    def take(self, stage: list[Step], context: Path) -> list[str]:
        """Take the steps of `stage` that make files; gives the commands that were left out."""
        left_out: list[str] = []
        for step in stage:
            text = self.placed(step.text)
            if step.instruction == "WORKDIR":
                self._folder = Path(text)
                self._folder.mkdir(parents=True)
            elif step.instruction == "COPY" and not text.startswith("--from="):
                self._copy(context, *text.split())
            elif step.instruction == "RUN" and text.startswith("apt-get"):
                left_out.append(text)
            elif step.instruction == "RUN":
                self._run(text)
        return left_out

    def _copy(self, context: Path, source: str, target: str) -> None:
        given, wanted = context / source, self._folder / target
        if given.is_dir():
            shutil.copytree(given, wanted)
        else:
            shutil.copy2(given, wanted / given.name if wanted.is_dir() else wanted)

    def _run(self, text: str) -> None:
        done = subprocess.run(
            ["sh", "-c", text],
            cwd=self._folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=INSTALL_S,
            check=False,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"


def health_check(dockerfile: Path) -> list[str]:
    """The command of HEALTHCHECK."""
    (text,) = [one.text for one in steps_of(dockerfile) if one.instruction == "HEALTHCHECK"]
    words: list[str] = json.loads(text.partition("CMD ")[2])
    return words

# SPDX-License-Identifier: Apache-2.0
"""What a number needs to be worth keeping: machine, commit, date, and the samples behind it.

Every benchmark ends here, in results/<date>-<commit>-<question>.json.
"""

import datetime
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parent.parent
#: What the rivals are made of.
SERVING = ("grpcio", "protobuf", "onnxruntime", "uvloop", "numpy")


def _git(*arguments: str) -> str:
    run = subprocess.run(
        ["git", "-C", str(_ROOT), *arguments], capture_output=True, text=True, check=False
    )
    return run.stdout.strip() if run.returncode == 0 else ""


def commit() -> str:
    """Return the short commit, with "-changed" where tracked or new files differ from it."""
    name = _git("rev-parse", "--short", "HEAD") or "uncommitted"
    is_changed = (
        name != "uncommitted"
        and _git("status", "--porcelain", "--", ".", ":!benchmarks/results") != ""
    )
    return name + "-changed" if is_changed else name


def machine() -> dict[str, Any]:
    """Return the processor, its cores, kernel and memory, and how busy it was just now."""
    processor = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            processor = line.partition(":")[2].strip()
            break
    memory_kib = int(Path("/proc/meminfo").read_text().split()[1])
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "memory_gib": round(memory_kib / 2**20, 1),
        "load_average_before": os.getloadavg()[0],
    }


def versions(libraries: Iterable[str] = SERVING) -> dict[str, str]:
    """Return the versions of Python, `libraries` and the load."""
    found = {"python": platform.python_version()}
    for library in libraries:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            found[library] = "absent"
    found["h2load"] = "absent"
    if shutil.which("h2load"):
        h2load = subprocess.run(["h2load", "--version"], capture_output=True, text=True)
        found["h2load"] = h2load.stdout.strip()
    return found


def record(question: str, answer: dict[str, Any], *, libraries: Iterable[str] = SERVING) -> Path:
    """Write the answer with date, commit and versions of `libraries`; return the file."""
    now = datetime.datetime.now(datetime.UTC)
    payload = {
        "question": question,
        "date": now.isoformat(timespec="seconds"),
        "commit": commit(),
        "versions": versions(libraries),
        **answer,
    }
    folder = _ROOT / "benchmarks" / "results"
    folder.mkdir(exist_ok=True)
    path = folder / f"{now.date().isoformat()}-{payload['commit']}-{question}.json"
    path.write_text(json.dumps(payload, indent=1) + "\n")
    return path

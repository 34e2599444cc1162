# SPDX-License-Identifier: Apache-2.0
"""A registry in which a model has a history: three versions that were made from each other.

1, the champion; 2, the candidate, is better and has other data and libraries; 3 reads another
column and has no alias.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.doubles.registries import registry_in

from penstock.package import read_manifest, write_manifest
from penstock.registry.registry import Registry
from penstock_training.tracking import TrackedRun, track

MODEL = "iris"
METRICS = {
    1: {"accuracy": 0.91, "accuracy_low": 0.88, "accuracy_high": 0.94, "log_loss": 0.31,
        "latency.row_us_median": 4.0, "latency.rows_per_second": 200_000.0},
    2: {"accuracy": 0.97, "accuracy_low": 0.95, "accuracy_high": 0.99, "log_loss": 0.29,
        "latency.row_us_median": 5.0, "latency.rows_per_second": 150_000.0},
    3: {"accuracy": 0.96, "accuracy_low": 0.93, "accuracy_high": 0.98, "log_loss": 0.30},
}  # fmt: skip


def make_history(folder: Path, store: Path, package: Path) -> Path:
    """The folder of a registry; `package`: one of iris, which is left as it is."""
    make_versions(registry_in(folder / "registry", store), folder, package)
    return folder / "registry"


def make_versions(registry: Registry, folder: Path, package: Path) -> None:
    """The same in any registry; `folder`: where packages may be made."""
    digest: str | None = None
    for version in METRICS:
        copy = Path(shutil.copytree(package, folder / str(version)))
        edit(copy, version, digest)
        digest = register(registry, copy, version)
    registry.client.set_registered_model_alias(MODEL, "champion", "1")
    registry.client.set_registered_model_alias(MODEL, "candidate", "2")


def edit(package: Path, version: int, parent: str | None) -> None:
    """Make a copy of the package that of a version."""
    (package / "card.md").write_text(f"# version {version}")
    lineage = json.loads((package / "lineage.json").read_text())
    lineage["parent"] = {"name": MODEL, "digest": parent} if parent else None
    lineage["data"] = {"kind": "table", "digest": data_digest(version), "rows": 100 + version}
    lineage["code"] = {"commit": "c0ffee" * 6 + "c0de", "is_dirty": version == 2}
    lineage["spec"]["problem"]["threshold"] = 0.9 + version / 100
    write(package / "lineage.json", lineage)
    (package / "environment.lock").write_text(
        f"# Python 3.11.2\nnumpy==2.4.{version}\nonnx==1.22.0\n"
    )
    if version == 3:
        signature = json.loads((package / "signature.json").read_text())
        signature["inputs"][0]["columns"][0] = "stem length (cm)"
        write(package / "signature.json", signature)
    write_manifest(package, MODEL)


def data_digest(version: int) -> str:
    """2 and 3 have the same data."""
    return f"{min(version, 2)}" * 64


def write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2))


def register(registry: Registry, package: Path, version: int) -> str:
    """The digest of the package."""
    digest = read_manifest(package).digest
    told = TrackedRun(
        name=f"run-{version}",
        parameters={
            "seed": "0",
            "family": "linear",
            "model.c": f"{version}.0",
            "data.digest": data_digest(version),
            "data.rows": str(100 + version),
        },
        metrics=METRICS[version],
        tags={"penstock.verdict": "accepted"},
    )
    run_id = track(registry, "tests", digest, told)
    tags: Mapping[str, str] = {"penstock.metric": "accuracy"}
    made = registry.register(package, run_id=run_id, tags=tags)
    assert made.version == version
    return digest

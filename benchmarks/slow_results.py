# SPDX-License-Identifier: Apache-2.0
"""Keeps what the slow tests reached: results/<date>-<commit>-training.json, -traffic.json,
-rollouts.json and -drift.json.

    python -m benchmarks.slow_results REPORT [QUESTION ...]

REPORT is what `pytest --junitxml` writes; `make test-slow` runs this. QUESTION is a key of KEPT;
without one all are kept. Each test below the packages of a question stands in its record with its
outcome, its seconds, and the figures that it gave to `record_property`.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from benchmarks import record


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Whose outcomes make one record, and which libraries they depend on."""

    packages: Sequence[str]
    libraries: Sequence[str]


KEPT: Mapping[str, Kept] = {
    "training": Kept(
        packages=("tests.training.",),
        libraries=(
            "feast", "flaml", "lightgbm", "numpy", "onnx", "onnxruntime", "onnxscript", "optuna",
            "ray", "scikit-learn", "skl2onnx", "torch", "xgboost-cpu",
        ),
    ),
    "traffic": Kept(
        packages=("tests.traffic.", "tests.server.rollout."), libraries=("numpy", "scipy")
    ),
    "rollouts": Kept(packages=("tests.rollout.",), libraries=("grpcio", "numpy")),
    "drift": Kept(packages=("tests.monitoring.", "tests.drift."), libraries=("numpy", "scipy")),
}  # fmt: skip


def outcomes_of(report: Path, packages: Sequence[str]) -> list[dict[str, Any]]:
    """The tests below `packages` in a report, in its order.

    Raises:
        ValueError: it has none.
    """
    found = [
        _test(case)
        for case in ElementTree.parse(report).iter("testcase")
        if case.get("classname", "").startswith(tuple(packages))
    ]
    if not found:
        raise ValueError(f"{report} has no test of {' or '.join(packages)}")
    return found


def _test(case: ElementTree.Element) -> dict[str, Any]:
    ends = {"failure": "failed", "error": "failed", "skipped": "skipped"}
    figures = {one.get("name", ""): _number(one.get("value", "")) for one in case.iter("property")}
    return {
        "test": f"{case.get('classname')}::{case.get('name')}",
        "outcome": next((ends[part.tag] for part in case if part.tag in ends), "passed"),
        "seconds": float(case.get("time", "nan")),
        "figures": figures,
    }


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def main(arguments: list[str]) -> int:
    """The command line. Returns the exit status."""
    questions = arguments[1:] or list(KEPT)
    if not arguments or not KEPT.keys() >= set(questions):
        print(__doc__, file=sys.stderr)
        return 2
    for question in questions:
        kept = KEPT[question]
        tests = outcomes_of(Path(arguments[0]), kept.packages)
        answer = {"machine": record.machine(), "tests": tests}
        print(record.record(question, answer, libraries=kept.libraries))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

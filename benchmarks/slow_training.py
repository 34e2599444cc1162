# SPDX-License-Identifier: Apache-2.0
"""Keeps what the slow tests of training reached: results/<date>-<commit>-training.json.

    python -m benchmarks.slow_training REPORT

REPORT is what `pytest --junitxml` writes; `make test-slow` runs this. Each test of tests/training
stands there with its outcome, its seconds, and the figures that it gave to `record_property`.
"""

import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from benchmarks import record

LIBRARIES = (
    "feast", "flaml", "lightgbm", "numpy", "onnx", "onnxruntime", "onnxscript", "optuna", "ray",
    "scikit-learn", "skl2onnx", "torch", "xgboost-cpu",
)  # fmt: skip


def outcomes_of(report: Path) -> list[dict[str, Any]]:
    """The tests of training in a report, in its order.

    Raises:
        ValueError: it has none.
    """
    found = [
        _test(case)
        for case in ElementTree.parse(report).iter("testcase")
        if case.get("classname", "").startswith("tests.training.")
    ]
    if not found:
        raise ValueError(f"{report} has no test of tests/training.")
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
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    answer = {"machine": record.machine(), "tests": outcomes_of(Path(arguments[0]))}
    print(record.record("training", answer, libraries=LIBRARIES))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

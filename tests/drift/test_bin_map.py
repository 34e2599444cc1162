# SPDX-License-Identifier: Apache-2.0
"""The long form of `drift_bin_map.is_upper_bound_for_every_float`, over as many floats as it is to.

What it finds is kept by `benchmarks.slow_results`.
"""

import os
import subprocess
from collections.abc import Callable

import pytest
from tests.doubles.sanitized import ROOT, built

VALUES = 100_000_000
RUN_SECONDS_MAX = 900


@pytest.mark.slow
def test_places_are_those_of_upper_bound_for_a_hundred_million_floats(
    record_property: Callable[[str, object], None],
) -> None:
    program = built("tests", "")
    ran = subprocess.run(
        [*program.command, "drift_bin_map"],
        cwd=ROOT,
        env={**os.environ, **program.environment, "PENSTOCK_DRIFT_VALUES": str(VALUES)},
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS_MAX,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    record_property("count", VALUES)

# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
from benchmarks.slow_results import KEPT, outcomes_of

REPORT = """<testsuites><testsuite>
<testcase classname="tests.story.test_soak" name="test_soak" time="9.1" />
<testcase classname="tests.training.candidates.test_torch" name="test_a[wine]" time="2.5">
<properties><property name="parity" value="1e-06" /><property name="chosen" value="torch" />
<property name="trials" value="20" />
</properties></testcase>
<testcase classname="tests.training.candidates.test_cluster" name="test_b" time="0.0">
<skipped message="no Ray" /></testcase>
<testcase classname="tests.training.candidates.test_automl" name="test_c" time="1.0">
<failure message="no" /></testcase>
<testcase classname="tests.traffic.test_trials" name="test_d" time="3.0" />
</testsuite></testsuites>"""


def test_outcomes_of_a_folder_are_kept_with_outcome_seconds_and_figures(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    first, second, third = outcomes_of(report, KEPT["training"].packages)
    assert first == {
        "test": "tests.training.candidates.test_torch::test_a[wine]",
        "outcome": "passed",
        "seconds": 2.5,
        "figures": {"parity": 1e-6, "chosen": "torch", "trials": 20},
    }
    assert [second["outcome"], third["outcome"]] == ["skipped", "failed"]
    (only,) = outcomes_of(report, KEPT["traffic"].packages)
    assert only["test"] == "tests.traffic.test_trials::test_d"


def test_a_report_without_them_is_refused(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text("<testsuites />")
    with pytest.raises(ValueError, match=r"has no test of tests\.training"):
        outcomes_of(report, KEPT["training"].packages)

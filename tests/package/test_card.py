# SPDX-License-Identifier: Apache-2.0
"""The model card says what the files say, and no name in it is markup."""

from __future__ import annotations

from pathlib import Path

from penstock_training.package.card import _beside, plain
from penstock_training.package.card_page import card_html


def test_the_card_has_quality_choice_data_importance_and_origin(
    made_packages: dict[str, Path],
) -> None:
    card = (made_packages["iris"] / "card.md").read_text()
    for line in (
        "# iris",
        "| accuracy | 0.97 | 0.95 to 0.99 |",
        "* metric accuracy is 0.97 (0.95 to 0.99), wanted at least 0.9.",
        "linear has the best score.",
        "* 1 row stands twice.",
        "| Rows put aside | 1 |",
        "![evaluate: calibration](pictures/evaluate-calibration.png)",
        "| sepal length (cm) | 0.4 |",
        "| petal width (cm) \\< 0.3 | 20 | 0.5 | 0.1 |",
        "penstock serve --package DIR",
    ):
        assert line in card.splitlines(), line
    assert "3.5" not in card


def test_a_champion_is_told_with_the_interval_and_what_was_tested() -> None:
    told = _beside(
        {
            "metric": "roc_auc", "value": 0.99, "champion": 0.98, "difference": 0.01,
            "low": 0.001, "high": 0.02, "outcome": "better", "test": "mcnemar_exact",
            "p_value": 0.125, "only_model_right": 4, "only_champion_right": 0,
        }
    )  # fmt: skip
    assert told == (
        "Beside its champion: better. The champion's roc\\_auc is 0.98, this one's 0.99: a "
        "difference of 0.01 (0.001 to 0.02). By McNemar's test of right answers, p = 0.125."
    )


def test_the_page_needs_no_other_file_and_runs_nothing(made_packages: dict[str, Path]) -> None:
    page = (made_packages["iris"] / "card.html").read_text()
    assert page.count('src="data:image/png;base64,') == 2
    assert "<td>0.95 to 0.99</td>" in page
    assert "<script" not in page
    assert "default-src 'none'" in page


def test_a_name_cannot_be_markup(tmp_path: Path) -> None:
    evil = "<img src=x onerror=alert(1)> | [a](javascript:alert(1)) **b**\n# head `c`"
    page = card_html(f"| {plain(evil)} |\n|---|\n\n{plain(evil)}\n", tmp_path, title=evil)
    body = page.partition("<body>")[2]
    for markup in ("<img", "<a ", "<strong", "<h1", "<code"):
        assert markup not in body
    assert body.count("&lt;img src=x onerror=alert(1)&gt; | [a](javascript:alert(1)) **b**") == 2

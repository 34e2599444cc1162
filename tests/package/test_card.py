# SPDX-License-Identifier: Apache-2.0
"""The model card says what the files say, and no name in it is markup."""

from __future__ import annotations

from pathlib import Path

from penstock_training.package.card import plain
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

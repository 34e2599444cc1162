# SPDX-License-Identifier: Apache-2.0
"""The report as a page: what it says, that it needs nothing else, and that no name is markup."""

import hashlib
import json
import re
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.doubles.admin_server import AdminServer
from tests.doubles.drift import AGE, ALARM, DRIFTED, LEARNING, SUSPECTED
from typer.testing import CliRunner

from penstock.cli import app
from penstock.drift import DriftStatus, Effect
from penstock.errors import MonitoringError
from penstock_client import Client
from penstock_monitoring import DriftReport, compare
from penstock_monitoring.commands import add_to
from penstock_monitoring.report.charts import (
    LABELS_MAX,
    LEFT,
    RIGHT,
    STEP_MAX,
    WIDTH,
    bars,
    line,
)
from penstock_monitoring.report.words import (
    shown_number,
    shown_p_value,
    shown_share,
    shown_span,
    shown_time,
)

VOID = {"meta", "input", "path", "circle"}


class Page(HTMLParser):
    """The elements of a page, in order; tags that must be closed and are not are a failure."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] not in ("script", "style"):
            self.texts.append(data)
        elif self._open:
            self.elements[-1][1]["content"] = data

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def all(self, tag: str, kind: str = "") -> list[dict[str, str | None]]:
        return [
            attributes
            for name, attributes in self.elements
            if name == tag and kind in [*(attributes.get("class") or "").split(), ""]
        ]


def page(status: DriftStatus) -> Page:
    return Page(DriftReport(status).to_html())


@pytest.fixture(scope="module")
def compared() -> DriftReport:
    draws = np.random.default_rng(0)
    times = pd.Timestamp("2026-03-01") + pd.to_timedelta(np.arange(4000) * 60, unit="s")

    def table(shift: float) -> pd.DataFrame:
        return pd.DataFrame(
            {f"feature_{n}": draws.normal(shift * (n % 5 == 0), 1, 4000) for n in range(100)}
            | {"at": times}
        )

    return compare(table(0), table(0.5), time="at", p_values=True)


def test_a_page_needs_no_other_file_and_runs_nothing_but_its_own(compared: DriftReport) -> None:
    text = compared.to_html()
    found = Page(text)
    assert not re.search(r"https?://|url\(|@import|<link|<img", text)
    assert all(
        not {"src", "href", "onclick"} & attributes.keys() for _, attributes in found.elements
    )
    [policy] = [one["content"] or "" for one in found.all("meta") if "http-equiv" in one]
    assert policy.startswith("default-src 'none'; ")
    for tag in ("script", "style"):
        [element] = found.all(tag)
        digest = b64encode(hashlib.sha256((element["content"] or "").encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_a_page_of_a_hundred_columns_is_less_than_a_megabyte(compared: DriftReport) -> None:
    text = compared.to_html()
    assert len(text.encode()) < 1_000_000
    cards = Page(text).all("details", "column")
    assert len(cards) == 100
    assert [card["data-state"] for card in cards] == ["alarm"] * 20 + ["ok"] * 80
    assert [("open" in card) for card in cards[:4]] == [True, True, True, False]


def test_of_very_many_columns_the_rest_have_a_line_each() -> None:
    columns = tuple(replace(AGE, name=f"c{n}") for n in range(300))
    found = page(replace(DRIFTED, columns=columns))
    assert len(found.all("details", "column")) == 200
    assert len(found.all("div", "plain")) == 100


def test_a_column_that_is_suspected_is_said_to_be_no_alarm() -> None:
    found = page(replace(DRIFTED, columns=(SUSPECTED,), alarms=()))
    for part in (
        "No alarm, but 1 of 1 column is suspected: age (PSI 0.310).",
        "number, suspected",
        "It is suspected from 10.5 on, which rows of the very reference reach as rarely as an "
        "alarm may be false; no alarm goes by that.",
    ):
        assert part in found.text, part
    assert "It would be suspected from 10.2" in page(DRIFTED).text


def test_a_page_says_first_how_it_stands() -> None:
    found = page(DRIFTED)
    [heading] = [text for text in found.texts if "drifted" in text and "PSI" in text][:1]
    assert heading == "1 of 2 columns has drifted since 18 Nov 2026, 11:06 UTC: age (PSI 0.310)."
    for part in (
        "1,200 rows beside 5,000 rows of the reference: held-out rows. At most 1 false alarm in 30 "
        "days, if rows do not depend on each other.",
        "age has drifted since 12:00: PSI 0.31 (0.25 to 0.36).",
        "and again on 2 days since",
        "largest effect: PSI 0.310 (0.250 to 0.360)",
        "The version has no column income of the profile: not watched.",
        "Not in the reference: Köln (7)",
    ):
        assert part in found.text, part


@pytest.mark.parametrize(
    ("status", "sentence", "state"),
    [
        (LEARNING, "Too few rows yet to say anything.", "learning"),
        (
            replace(DRIFTED, alarms=(), columns=(replace(AGE, state="ok"),)),
            "No drift: 1 column as in the reference.",
            "ok",
        ),
        (
            replace(DRIFTED, alarms=(), columns=(replace(AGE, state="warn"),)),
            "No alarm, but 1 of 1 column differs enough to be watched: age (PSI 0.310).",
            "warn",
        ),
        (
            replace(DRIFTED, alarms=(replace(ALARM, kind="silence", columns=()),)),
            "1 rule of data quality is broken.",
            "alarm",
        ),
        (
            replace(DRIFTED, alarms=(replace(ALARM, cleared_at=ALARM.onset + 9),), columns=()),
            "Too few rows yet to say anything.",
            "learning",
        ),
    ],
)
def test_the_verdict_is_one_sentence(status: DriftStatus, sentence: str, state: str) -> None:
    report = DriftReport(status)
    assert report.verdict == sentence
    assert report.is_alarmed == (state == "alarm")
    assert Page(report.to_html()).all("header")[0]["class"] == state


def test_a_name_cannot_be_markup() -> None:
    evil = "\"><script>alert(1)</script><b x='"
    column = replace(AGE, name=evil, bins=(evil, "b"), kind="categorical", unseen=((evil, 9),))
    alarm = replace(ALARM, message=evil, kind=evil)
    found = page(replace(DRIFTED, model=evil, columns=(column,), alarms=(alarm,), notes=(evil,)))
    assert len(found.all("script")) == 1
    assert not any("x" in attributes for attributes in found.all("b"))
    assert found.text.count("alert(1)") >= 6


@pytest.mark.parametrize("key", ["reference", "kind", "state", "against", "effect"])
def test_a_word_that_is_not_known_is_refused_and_never_markup(key: str) -> None:
    told = json.loads(DriftReport(DRIFTED).to_json())
    place = {"reference": told, "effect": told["columns"][0]["effects"][0]}
    place.get(key, told["columns"][0])["name" if key == "effect" else key] = "<b>"
    with pytest.raises(MonitoringError, match=f"it says {key} '<b>': wanted one of "):
        DriftReport.from_json(json.dumps(told))


def test_every_picture_says_what_it_shows_and_has_its_numbers_beside_it() -> None:
    found = page(DRIFTED)
    pictures = found.all("svg")
    assert pictures and all(one["role"] == "img" and one["aria-label"] for one in pictures)
    assert "[0.5, inf): live 75.0%, reference 50.0%" in found.texts
    assert found.all("details", "numbers")
    assert found.text.count("The same in numbers Bin Live Reference") == 2


def test_a_column_began_when_its_alarm_did() -> None:
    later = replace(AGE, onset=AGE.onset and AGE.onset + 1800)
    text = page(replace(DRIFTED, columns=(later, replace(later, name="other")))).text
    assert text.count("Began 18 Nov 2026, 11:06 UTC.") == 1
    assert "11:36" not in text


def test_of_a_sensitive_column_no_values_are_shown() -> None:
    hidden = replace(
        AGE, kind="sensitive", bins=(), live=(), reference=(), quantiles=(), history=()
    )
    text = page(replace(DRIFTED, columns=(hidden,))).text
    assert "A sensitive column: of its values nothing is counted" in text
    assert "Quantiles" not in text


def test_numbers_that_are_none_leave_the_page_whole() -> None:
    odd = replace(
        AGE,
        log_e=float("-inf"),
        smallest_psi=float("inf"),
        effects=(Effect(name="psi", value=float("nan"), low=0.0, high=float("inf")),),
        live=(0.0, 0.0),
        reference=(0.0, 0.0),
    )
    text = page(replace(DRIFTED, begin=float("nan"), columns=(odd,))).text
    assert "ln E -∞" in text and "PSI unknown" in text


def test_json_is_that_of_rest_and_comes_back_as_it_was(compared: DriftReport) -> None:
    for status in (DRIFTED, compared.status):
        report = DriftReport(status)
        assert DriftReport.from_json(report.to_json()).status == status
    assert json.loads(DriftReport(DRIFTED).to_json())["columns"][1]["log_e"] == "-Infinity"
    for text in ("", "[]", '{"model": 3}', '{"nothing": 1}'):
        with pytest.raises(MonitoringError):
            DriftReport.from_json(text)


def test_a_notebook_shows_the_page_in_a_frame_of_its_own() -> None:
    report = DriftReport(DRIFTED)
    [frame] = Page(report._repr_html_()).all("iframe")
    assert frame["srcdoc"] == report.to_html()
    assert unescape(report._repr_html_()).count("<!doctype html>") == 1
    assert "has drifted" in repr(report)


def test_p_values_are_shown_where_they_are_given(compared: DriftReport) -> None:
    assert "p-value" in Page(compared.to_html()).text
    assert "p-value" not in page(compared.status).text


def test_a_page_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(MonitoringError, match="cannot be written: No such file"):
        DriftReport(DRIFTED).save(tmp_path / "nothing" / "report.html")


def test_pictures_stay_within_their_frame() -> None:
    shares = [0.0, 1.0, 0.2]
    for picture in (
        bars(["< 1", "[1, 2)", ">= 2"], shares, shares, what="x", side="live"),
        line([(0, 1), (1, 2), (2, 3)], shares, what="x", limit=0.1, onset=1.0),
    ):
        [frame] = Page(picture).all("svg")
        width, height = (float(part) for part in (frame["viewbox"] or "").split()[2:])
        for x, y in re.findall(r"[ML]([\d.-]+) ([\d.-]+)", picture):
            assert 0 <= float(x) <= width and 0 <= float(y) <= height


@pytest.mark.parametrize("count", [1, 2, 3, 6, 7, 10, 11, 20])
@pytest.mark.parametrize("specials", [[], ["missing"], ["missing", "infinite"]])
def test_labels_below_many_bins_stand_apart(count: int, specials: list[str]) -> None:
    names = [f"[{place}, {place + 1})" for place in range(count)] + specials
    shares = [1 / len(names)] * len(names)
    picture = bars(names, shares, shares, what="x", side="live")
    found = [float(x) for x in re.findall(r'class="mid" x="([\d.]+)"', picture)]
    step = min(STEP_MAX, (WIDTH - LEFT - RIGHT) / len(names))
    gaps = [(after - before) / step for before, after in pairwise(found)]
    assert 1 <= len(found) <= LABELS_MAX + 1
    regular = gaps[: len(gaps) - len(specials)]
    assert not regular or min(regular) > 1.5 or len(names) <= LABELS_MAX


def test_numbers_are_short() -> None:
    assert [shown_number(value) for value in (0, 0.5, 0.0004, 12.34, 4560, 99_940, 1e20)] == [
        "0", "0.500", "0.0004", "12.3", "4,560", "99,940", "1e+20",
    ]  # fmt: skip
    assert [shown_number(value) for value in (99_960, -123_456, 999_600, 1.95e7, 4e9, 9e14)] == [
        "100k", "-123k", "1M", "19.5M", "4G", "900T",
    ]  # fmt: skip
    assert [shown_share(share) for share in (0, 1, 0.00001, 0.005, 0.25, 0.999999)] == [
        "0%", "100%", "<0.01%", "0.50%", "25.0%", ">99.99%",
    ]  # fmt: skip
    assert shown_p_value(-2000.0) == "1e-869" and shown_p_value(0.0) == "1"
    assert shown_time(1_795_000_000.0) == "18 Nov 2026, 11:06 UTC"
    assert shown_span(1_795_000_000.0, 1_795_003_600.0) == "18 Nov 2026, 11:06 to 12:06 UTC"
    assert shown_time(float("inf")) == "unknown"


@pytest.fixture
def server() -> Iterator[AdminServer]:
    with AdminServer() as running:
        yield running


def test_the_command_writes_what_a_server_says(server: AdminServer, tmp_path: Path) -> None:
    add_to(app)
    out = tmp_path / "report.html"
    runner = CliRunner(env={"COLUMNS": "200", "TERM": "dumb"})
    arguments = ["drift", "report", "fraud", "--out", str(out), "--url", server.address]
    done = runner.invoke(app, arguments)
    assert done.exit_code == 1, done.output
    assert out.read_text() == DriftReport(DRIFTED).to_html()
    with Client(server.address) as client:
        assert DriftReport.from_client(client.drift.status("fraud")).status == DRIFTED
    refused = runner.invoke(app, ["drift", "report", "nobody", "--url", server.address])
    assert refused.exit_code == 4


@pytest.mark.skipif(shutil.which("chromium") is None, reason="wants Debian's chromium")
def test_a_browser_runs_the_page_as_its_own_policy_allows(tmp_path: Path) -> None:
    file = DriftReport(DRIFTED).save(tmp_path / "report.html")
    command = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", f"file://{file}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    found = Page(done.stdout)
    # The script shows the search field, which the page hides: it was allowed to run.
    [form] = found.all("form")
    assert "hidden" not in form
    assert len(found.all("details", "column")) == 2

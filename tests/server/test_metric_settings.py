# SPDX-License-Identifier: Apache-2.0
import pytest

from penstock.errors import OptionsError, RepositoryError
from penstock.metric_settings import (
    HISTOGRAMS,
    MetricSettings,
    bounds_ns,
    label_tags,
    read_metric_settings,
)

REQUEST, QUEUE = HISTOGRAMS[:2]


def test_without_a_setting_durations_are_counters_and_histograms() -> None:
    assert read_metric_settings([]) == MetricSettings(
        has_counters=True,
        has_histograms=True,
        has_summaries=False,
        quantiles=(0.5, 0.9, 0.95, 0.99, 0.999),
        buckets={},
    )


def test_each_form_is_switched_by_tritons_name() -> None:
    settings = read_metric_settings(
        [
            "counter_latencies=false",
            "histogram_latencies=false",
            "summary_latencies=true",
            "summary_quantiles=0.5:0.05,0.99:0.001,0.5:0.1",
        ]
    )
    assert not settings.has_counters
    assert not settings.has_histograms
    assert settings.has_summaries
    assert settings.quantiles == (0.5, 0.99)


def test_a_later_line_wins_and_quotes_are_no_part_of_a_value() -> None:
    lines = ["summary_latencies=true", "summary_latencies=false", 'summary_quantiles="0.9:0.01"']
    settings = read_metric_settings(lines)
    assert not settings.has_summaries
    assert settings.quantiles == (0.9,)


def test_buckets_of_one_family_win_over_those_of_all() -> None:
    settings = read_metric_settings([f"{QUEUE},buckets=1,2.5", "histogram_buckets=100,1000"])
    assert settings.buckets[QUEUE] == (1.0, 2.5)
    assert settings.buckets[REQUEST] == (100.0, 1000.0)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("summary_latencies", "found 'summary_latencies'"),
        ("summary_latencies=yes", "counter_latencies=BOOL"),
        ("latencies=true", "found 'latencies=true'"),
        ("nv_inference_count,buckets=1", "found 'nv_inference_count,buckets=1'"),
        ("summary_quantiles=0.5", "QUANTILE:ERROR"),
        ("summary_quantiles=1.5:0.1", "each from 0 to 1"),
        ("summary_quantiles=0.5:nan", "each from 0 to 1"),
        ("summary_quantiles=" + ",".join(["0.5:0.1"] * 33), "at most 32 quantiles, found 33"),
        ("histogram_buckets=", "no number"),
        ("histogram_buckets=5,4", "found 4"),
        ("histogram_buckets=5,5", "found 5"),
        ("histogram_buckets=0", "above 0"),
        ("histogram_buckets=1e9", "within 68 s"),
        ("histogram_buckets=nan", "found nan"),
        ("histogram_buckets=0.0001", "whole nanoseconds"),
        ("histogram_buckets=" + ",".join(map(str, range(1, 66))), "at most 64"),
    ],
)
def test_a_line_that_means_nothing_is_told_with_what_was_wanted(line: str, found: str) -> None:
    with pytest.raises(OptionsError) as caught:
        read_metric_settings([line])
    assert str(caught.value).startswith("--metrics-config")
    assert found in str(caught.value)


def test_tags_become_labels_with_an_underscore_first_as_in_triton() -> None:
    assert label_tags({"team": 'a "b"', "1st": ""}) == [("_1st", ""), ("_team", 'a "b"')]


@pytest.mark.parametrize("name", ["", "_private", "a-b", "a b", "ä", "a\n"])
def test_a_tag_that_cannot_be_a_label_is_refused(name: str) -> None:
    with pytest.raises(RepositoryError, match=r"metric_tags: .* cannot be a label"):
        label_tags({name: "x"})


def test_more_tags_than_the_bound_are_refused() -> None:
    with pytest.raises(RepositoryError, match="at most 32, found 33"):
        label_tags({f"t{i}": "" for i in range(33)})


def test_a_models_buckets_win_over_the_servers() -> None:
    settings = read_metric_settings(["histogram_buckets=100,1000"])
    bounds, unknown = bounds_ns({QUEUE: (0.5, 2)}, settings)
    assert bounds == [[100_000, 1_000_000], [500, 2000], *[[100_000, 1_000_000]] * 3]
    assert unknown == []


def test_without_buckets_there_are_powers_of_two() -> None:
    assert bounds_ns({}, MetricSettings()) == ([[]] * 5, [])


def test_buckets_of_a_family_without_a_histogram_are_named() -> None:
    family = "nv_inference_first_response_histogram_ms"
    assert bounds_ns({family: (1, 2)}, MetricSettings())[1] == [family]


def test_buckets_that_do_not_rise_are_refused() -> None:
    with pytest.raises(RepositoryError, match=f"model_metrics: buckets of {QUEUE}: wanted"):
        bounds_ns({QUEUE: (2, 1)}, MetricSettings())

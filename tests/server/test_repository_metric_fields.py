# SPDX-License-Identifier: Apache-2.0
import pytest

from penstock.errors import RepositoryError
from penstock.repository.config_file import ModelConfig, parse_config
from penstock.repository.metric_fields import metric_buckets, metric_tags


def tagged(name: str) -> ModelConfig:
    return parse_config(f'metric_tags {{ key: "{name}" value: "a" }}').config


def controlled(*controls: str) -> ModelConfig:
    text = " ".join(f"metric_control {{ {control} }}" for control in controls)
    return parse_config(f"model_metrics {{ {text} }}").config


def test_tags_are_labels_by_name() -> None:
    assert metric_tags(tagged("team_1")) == {"team_1": "a"}
    assert metric_tags(ModelConfig()) == {}


@pytest.mark.parametrize("name", ["", "1a", "a-b", "__a", "ü"])
def test_a_tag_that_cannot_be_a_label_is_refused(name: str) -> None:
    with pytest.raises(RepositoryError, match="wanted a label's name"):
        metric_tags(tagged(name))


@pytest.mark.parametrize("name", ["model", "version", "le"])
def test_a_tag_that_the_server_has_itself_is_refused(name: str) -> None:
    with pytest.raises(RepositoryError, match="of the server's own"):
        metric_tags(tagged(name))


def test_buckets_are_found_by_family() -> None:
    config = controlled(
        'metric_identifier { family: "f" } histogram_options { buckets: [0.1, 1, 10] }'
    )
    assert metric_buckets(config) == {"f": (0.1, 1.0, 10.0)}
    assert metric_buckets(ModelConfig()) == {}


@pytest.mark.parametrize(
    ("controls", "sentence"),
    [
        (['metric_identifier { family: "f" }'], "wants a metric_identifier"),
        (["histogram_options { buckets: 1 }"], "wants a metric_identifier"),
        (
            ['metric_identifier { family: "f" } histogram_options { buckets: [1, 1] }'],
            r"of 'f' has buckets \[1.0, 1.0\]: wanted finite bounds, each above",
        ),
        (
            ['metric_identifier { family: "f" } histogram_options { buckets: 1 }'] * 2,
            "the family 'f' twice",
        ),
    ],
)
def test_buckets_that_make_no_histogram_are_refused(controls: list[str], sentence: str) -> None:
    with pytest.raises(RepositoryError, match=sentence):
        metric_buckets(controlled(*controls))

# SPDX-License-Identifier: Apache-2.0
import json

import pytest

from penstock.errors import RepositoryError
from penstock.repository.config_file import CONFIG_BYTES_MAX, parse_config
from penstock.repository.config_json import config_from_json


def refusal(text: str) -> str:
    with pytest.raises(RepositoryError) as caught:
        config_from_json(text)
    return str(caught.value)


def test_json_says_the_same_as_text() -> None:
    written = config_from_json(
        """{"maxBatchSize": 8,
            "input": [{"name": "x", "data_type": "TYPE_FP32", "dims": ["4", -1],
                       "reshape": {"shape": []}, "optional": null}],
            "version_policy": {"specific": {"versions": [1, "3"]}},
            "dynamic_batching": {"preferred_batch_size": [4, 8],
                                 "priority_queue_policy": {"1": {"max_queue_size": 5}}},
            "model_metrics": {"metric_control": [
                {"metric_identifier": {"family": "f"},
                 "histogram_options": {"buckets": [1, 2.5]}}]},
            "parameters": {"k": {"string_value": "v"}}}"""
    )
    assert written == parse_config(
        """
        max_batch_size: 8
        input { name: "x" data_type: TYPE_FP32 dims: [4, -1] reshape { } }
        version_policy { specific { versions: [1, 3] } }
        dynamic_batching { preferred_batch_size: [4, 8]
                           priority_queue_policy { key: 1 value { max_queue_size: 5 } } }
        model_metrics { metric_control { metric_identifier { family: "f" }
                                         histogram_options { buckets: [1, 2.5] } } }
        parameters { key: "k" value { string_value: "v" } }
        """
    )


@pytest.mark.parametrize(
    ("text", "has_batch_size"),
    [("{}", False), ('{"max_batch_size": 0}', True), ('{"maxBatchSize": null}', False)],
)
def test_a_batch_size_of_zero_is_told_from_none(text: str, has_batch_size: bool) -> None:
    assert config_from_json(text).has_batch_size is has_batch_size


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            '{"input": [{"name": "x", "dims": [1, "a"]}]}',
            'input[0].dims[1] is "a": wanted a whole number.',
        ),
        (
            '{"input": [{"name": "x", "dims": 4}]}',
            "input[0].dims is 4: wanted a list of whole numbers.",
        ),
        (
            '{"input": {"name": "x"}}',
            'input is {"name": "x"}: wanted a list of objects.',
        ),
        (
            '{"max_batch_seize": 8}',
            'The configuration has no field "max_batch_seize": did you mean max_batch_size?',
        ),
        (
            '{"version_policy": {"latest": {"zzz": 1}}}',
            'The configuration has no field "zzz" within version_policy.latest: there are '
            "num_versions.",
        ),
        (
            '{"max_batch_size": 2147483648}',
            "max_batch_size is 2147483648: wanted a whole number of -2147483648 to 2147483647.",
        ),
        (
            '{"max_batch_size": true}',
            "max_batch_size is true: wanted a whole number.",
        ),
        (
            '{"max_batch_size": 1.5}',
            "max_batch_size is 1.5: wanted a whole number.",
        ),
        (
            '{"instance_group": [{"kind": "KIND_TPU"}]}',
            'instance_group[0].kind is "KIND_TPU": wanted one of KIND_AUTO, KIND_GPU, KIND_CPU, '
            "KIND_MODEL.",
        ),
        (
            '{"parameters": {"k": "v"}}',
            'parameters["k"] is "v": wanted an object.',
        ),
        (
            '{"dynamic_batching": {"priority_queue_policy": {"one": {}}}}',
            'the key of dynamic_batching.priority_queue_policy is "one": wanted a whole number.',
        ),
        (
            '{"version_policy": {"latest": {}, "all": {}}}',
            "The configuration gives version_policy.latest and all: wanted one of them.",
        ),
        (
            '{"max_batch_size": 1, "maxBatchSize": 2}',
            "The configuration gives maxBatchSize twice: as max_batch_size and maxBatchSize.",
        ),
        ('{"name": 7}', "name is 7: wanted a text."),
        (r'{"name": "\ud800"}', r'name is "\ud800": wanted a text.'),
        (
            r'{"dynamic_batching": {"default_queue_policy": {"timeout_action": "\udcd0"}}}',
            r'dynamic_batching.default_queue_policy.timeout_action is "\udcd0": wanted one of '
            "REJECT, DELAY.",
        ),
        ('{"name": "a", "name": "b"}', 'The configuration gives "name" twice in one object.'),
        ("[]", "The configuration is []: wanted an object."),
        ("{", "The configuration is not JSON: Expecting property name enclosed in double quotes at "
              "line 1, column 2."),
        ('{"max_batch_size": NaN}', "The configuration has a bare NaN, which is not JSON: wanted a "
                                    'number, or "NaN".'),
        ("[" * 100_000, "The configuration is not JSON: it is nested too deeply."),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_by_its_path(text: str, sentence: str) -> None:
    assert refusal(text) == sentence


def test_a_configuration_too_large_is_refused_unread() -> None:
    assert "wanted at most" in refusal(" " * (CONFIG_BYTES_MAX + 1))
    config_from_json(" " * (CONFIG_BYTES_MAX - 2) + "{}")


def test_a_long_value_is_shown_shortened() -> None:
    assert len(refusal(json.dumps({"max_batch_size": "x" * 1000}))) < 150


def test_it_is_for_the_model_that_it_is_given_for() -> None:
    assert config_from_json("{}").config.name == ""
    assert config_from_json("{}", model="iris").config.name == "iris"
    assert config_from_json('{"name": "iris"}', model="iris").config.name == "iris"
    with pytest.raises(RepositoryError, match='for a model "rose", but it is given for "iris"'):
        config_from_json('{"name": "rose"}', model="iris")

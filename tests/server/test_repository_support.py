# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from penstock.errors import UnsupportedError
from penstock.repository.config_file import parse_config
from penstock.repository.support import (
    ACTED_ON,
    IGNORED,
    REFUSED,
    WITHOUT_EFFECT,
    ignored_fields,
    refuse_unsupported,
)
from penstock_client._proto.model_config_pb2 import ModelConfig


def config(text: str) -> ModelConfig:
    return parse_config(text).config


def undecided(message: Any, above: str = "") -> list[str]:
    """Fields that are in none of the lists, and whose parts are not either."""
    decided = ACTED_ON | IGNORED | WITHOUT_EFFECT | REFUSED.keys()
    found = []
    for field in message.fields:
        path = f"{above}{field.name}"
        if path in decided:
            continue
        parts = field.message_type
        if parts is None or not any(one.startswith(f"{path}.") for one in decided):
            found.append(path)
        else:
            found += undecided(parts, f"{path}.")
    return found


def test_every_field_of_the_contract_is_acted_on_ignored_or_refused() -> None:
    assert undecided(ModelConfig.DESCRIPTOR) == []


def test_the_four_lists_do_not_overlap() -> None:
    lists = (ACTED_ON, IGNORED, WITHOUT_EFFECT, frozenset(REFUSED))
    assert sum(map(len, lists)) == len(frozenset().union(*lists))


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("sequence_batching { }", "sequence_batching"),
        ("ensemble_scheduling { }", "ensemble_scheduling"),
        ("model_transaction_policy { decoupled: true }", "model_transaction_policy"),
        ("batch_input { kind: BATCH_ITEM_SHAPE }", "batch_input"),
        ('model_operations { op_library_filename: "a.so" }', "model_operations"),
        ('model_repository_agents { agents { name: "checksum" } }', "model_repository_agents"),
        ('output { name: "a" } output { name: "y" is_shape_tensor: true }', "output.is_shape"),
    ],
)
def test_what_would_give_wrong_answers_is_refused_in_a_sentence(text: str, field: str) -> None:
    with pytest.raises(UnsupportedError, match=rf"The configuration sets {field}.* yet\."):
        refuse_unsupported(config(text))


def test_a_model_that_says_it_is_not_decoupled_is_accepted() -> None:
    refuse_unsupported(config("model_transaction_policy { decoupled: false }"))


def test_fields_not_acted_on_are_named_once_each() -> None:
    found = ignored_fields(
        config(
            """
            input { name: "x" format: FORMAT_NHWC } input { name: "z" format: FORMAT_NHWC }
            instance_group { count: 2 host_policy: "p" }
            dynamic_batching { preserve_ordering: true }
            model_warmup { name: "w" }
            metric_tags { key: "team" value: "a" }
            response_cache { enable: true }
            optimization { cuda { graphs: true } graph { level: 1 } }
            """
        )
    )
    assert sorted(found) == [
        "dynamic_batching.preserve_ordering",
        "instance_group.host_policy",
        "optimization.cuda",
        "response_cache.enable",
    ]
    assert len(set(found)) == len(found)

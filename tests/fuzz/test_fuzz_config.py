# SPDX-License-Identifier: Apache-2.0
"""Whatever a configuration says, it is taken or refused with a sentence; what is taken is kept."""

import json
import math
import random
import re
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format, text_format
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.errors import RepositoryError
from penstock.repository import FoundModel, ModelPlan
from penstock.repository.completed import completed_config
from penstock.repository.config_file import ModelConfig, WrittenConfig, parse_config
from penstock.repository.config_json import config_from_json
from penstock.repository.instances import Machine
from penstock.repository.plan import TensorPlan
from penstock.repository.support import ignored_fields, refuse_unsupported
from penstock.repository.translate import translate

EXAMPLES = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
MODEL = FoundModel(name="m", folder=Path("models/m"), versions=(1,))
WRITTEN = """
name: "m" platform: "onnxruntime_onnx" max_batch_size: 8
version_policy { specific { versions: [1, 3] } }
input [ { name: "x" data_type: TYPE_FP32 dims: [ 3, -1 ] reshape { shape: [3, 1, -1] } } ]
output [ { name: "y" data_type: TYPE_STRING dims: [ 1 ] label_filename: "labels.txt" } ]
instance_group [ { count: 2 kind: KIND_CPU rate_limiter { resources [ { name: "R" count: 3 } ] } } ]
dynamic_batching { preferred_batch_size: [ 4, 8 ] max_queue_delay_microseconds: 100
                   default_queue_policy { timeout_action: DELAY allow_timeout_override: true } }
optimization { execution_accelerators { cpu_execution_accelerator : [ { name : "openvino" } ] } }
parameters { key: "intra_op_thread_count" value: { string_value: "2" } }
model_warmup [ { name: "w" batch_size: 1 inputs {
    key: "x" value { data_type: TYPE_FP32 dims: [3, 4] input_data_file: "x.bin" } } } ]
metric_tags { key: "team" value: "a" }
model_metrics { metric_control { metric_identifier { family: "f" }
                                 histogram_options { buckets: [1, 2.5] } } }
"""


class Turned:
    """A version that turned out to be as it was planned, or else a small model of one tensor."""

    def __init__(self, plan: ModelPlan) -> None:
        found = TensorPlan(name="found", datatype="INT64", dims=(2, -1))
        self.inputs = plan.inputs or (found,)
        self.outputs = plan.outputs or (found,)
        self.batch_rows_max = (
            plan.batch_rows_default if plan.batch_rows_max is None else plan.batch_rows_max
        )


def taken(written: WrittenConfig) -> ModelConfig | None:
    """The completed configuration; None if it was refused."""
    try:
        refuse_unsupported(written.config)
        ignored_fields(written.config)
        plan = translate(
            MODEL,
            1,
            written,
            files=["model.onnx", "model.py", written.config.default_model_filename],
            machine=Machine(gpu_count=1),
            batch_rows_default=4,
        )
    except RepositoryError as error:
        assert str(error)
        return None
    return completed_config(written, plan, Turned(plan))


TOKENS = re.compile(r"\w+|\S|\s+")
WORDS = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"',
    "-1",
    "0",
    "1",
    "9" * 30,
    "TYPE_BF16",
    "true",
    "x",
    "nan",
]


def mutated(text: str, seed: int) -> str:
    """`text` with some of its words, or of its bytes, changed, cut, doubled or moved."""
    chance = random.Random(seed)
    parts: list[Any] = TOKENS.findall(text) if seed % 4 else list(text.encode())
    new: list[Any] = WORDS if seed % 4 else list(range(256))
    for _ in range(chance.randint(1, 3)):
        at, other = chance.randrange(len(parts)), chance.randrange(len(parts))
        match chance.randrange(5):
            case 0:
                del parts[at]
            case 1:
                parts.insert(other, parts[at])
            case 2:
                parts[at] = chance.choice(new)
            case 3:
                parts.insert(at, chance.choice(new))
            case _:
                parts[at], parts[other] = parts[other], parts[at]
    if seed % 4:
        return "".join(parts)
    return bytes(parts).decode("utf-8", "surrogateescape" if seed % 8 else "replace")


# --- whole messages ----------------------------------------------------------------------------

NUMBERS = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}


def fill(message: Any, draw: Any, depth: int = 0) -> None:
    """Gives some of the message's fields values of their types, most of them small."""
    for field in message.DESCRIPTOR.fields:
        if draw(st.integers(0, 2 + depth)) != 0:
            continue
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            kinds = field.message_type.fields_by_name
            key = draw(value_of(kinds["key"]))
            if kinds["value"].message_type is not None:
                fill(getattr(message, field.name)[key], draw, depth + 1)
            else:
                getattr(message, field.name)[key] = draw(value_of(kinds["value"]))
        elif field.message_type is not None:
            target = getattr(message, field.name)
            if field.is_repeated:
                fill(target.add(), draw, depth + 1)
            else:
                target.SetInParent()
                fill(target, draw, depth + 1)
        elif field.is_repeated:
            getattr(message, field.name).extend(draw(st.lists(value_of(field), max_size=3)))
        else:
            setattr(message, field.name, draw(value_of(field)))


def value_of(field: Any) -> st.SearchStrategy[Any]:
    kind = field.cpp_type
    if kind in NUMBERS:
        least, most = NUMBERS[kind]
        return st.one_of(st.integers(max(least, -2), 8), st.integers(least, most))
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        return st.sampled_from([value.number for value in field.enum_type.values])
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return st.booleans()
    if kind == FieldDescriptor.CPPTYPE_STRING:
        words = st.sampled_from(["", "m", "x", "python", "onnxruntime", "model.py", "1", "../x"])
        return st.one_of(words, st.text(max_size=6))
    is_short = kind == FieldDescriptor.CPPTYPE_FLOAT
    return st.floats(allow_nan=False, allow_infinity=False, width=32 if is_short else 64)


@st.composite
def configs(draw: Any) -> ModelConfig:
    config = ModelConfig()
    fill(config, draw)
    return config


#: Top-level fields that random values hardly ever fit.
REFUSED_OR_FUSSY = (
    "sequence_batching",
    "ensemble_scheduling",
    "model_transaction_policy",
    "batch_input",
    "batch_output",
    "model_operations",
    "model_repository_agents",
    "model_warmup",
    "model_metrics",
    "metric_tags",
    "parameters",
    "optimization",
    "platform",
    "default_model_filename",
)


@st.composite
def plain_configs(draw: Any) -> ModelConfig:
    """Without what is refused, so that most of them are taken."""
    config: ModelConfig = draw(configs())
    for name in REFUSED_OR_FUSSY:
        config.ClearField(name)
    config.backend = draw(st.sampled_from(["onnxruntime", "python", ""]))
    config.max_batch_size = draw(st.integers(0, 8))
    config.dynamic_batching.ClearField("preferred_batch_size")
    for tensors in (config.input, config.output):
        del tensors[:]
        for i in range(draw(st.integers(1, 2))):
            tensors.add(
                name=f"t{i}",
                data_type=draw(st.integers(1, 14)),
                dims=draw(st.lists(st.sampled_from([-1, 1, 2, 7]), max_size=3)),
            )
    for group in config.instance_group:
        group.count = abs(group.count) % 4
        group.kind = group.KIND_CPU
        group.passive = False
    return config


# --- the laws ----------------------------------------------------------------------------------


@EXAMPLES
@given(st.integers(0, 2**32))
def test_changed_text_is_parsed_or_refused_with_a_sentence(seed: int) -> None:
    try:
        written = parse_config(mutated(WRITTEN, seed))
    except RepositoryError as error:
        assert str(error).endswith(".")
    else:
        taken(written)


@EXAMPLES
@given(st.integers(0, 2**32))
def test_changed_json_is_parsed_or_refused_with_a_sentence(seed: int) -> None:
    whole = json_format.MessageToJson(parse_config(WRITTEN).config)
    try:
        written = config_from_json(mutated(whole, seed))
    except RepositoryError as error:
        assert str(error).endswith((".", "?"))
    else:
        taken(written)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([field.name for field in ModelConfig.DESCRIPTOR.fields])
            | st.sampled_from(["dims", "shape", "latest", "count", "kind", "buckets", "inputs"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@EXAMPLES
@given(ANY_JSON)
def test_any_json_is_taken_or_refused_with_a_sentence(value: Any) -> None:
    try:
        written = config_from_json(json.dumps(value))
    except RepositoryError as error:
        assert str(error).endswith((".", "?"))
    else:
        taken(written)


@EXAMPLES
@given(configs())
def test_any_configuration_survives_text_and_json(config: ModelConfig) -> None:
    as_text = text_format.MessageToString(config)
    assert parse_config(as_text).config == config
    for as_written in (True, False):
        as_json = json_format.MessageToJson(config, preserving_proto_field_name=as_written)
        assert config_from_json(as_json).config == config
    taken(WrittenConfig(config=config, has_batch_size=True))


@EXAMPLES
@given(plain_configs())
def test_a_completed_configuration_completes_to_itself(config: ModelConfig) -> None:
    completed = taken(WrittenConfig(config=config, has_batch_size=True))
    if completed is None:
        return
    again = config_from_json(json_format.MessageToJson(completed))
    assert taken(again) == completed
    assert completed.input and completed.output and completed.instance_group
    assert all(group.count > 0 for group in completed.instance_group)


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_a_bucket_without_bound_is_refused(value: float) -> None:
    written = parse_config("")
    control = written.config.model_metrics.metric_control.add()
    control.metric_identifier.family = "f"
    control.histogram_options.buckets.append(value)
    assert taken(written) is None

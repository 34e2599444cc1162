# SPDX-License-Identifier: Apache-2.0
"""Which parts of a configuration this server acts on, warns about, or refuses.

Refused: what would give wrong answers if it were left out. Warned about: what would only be
slower, or less, than asked for. Taken without a word: what can make no difference. Every other
field that the configuration can hold is acted on; a test holds the four lists against the
contract, so none is forgotten.
"""

from collections.abc import Iterator

from penstock.errors import UnsupportedError
from penstock_client._proto.model_config_pb2 import ModelConfig

__all__ = [
    "ACTED_ON",
    "IGNORED",
    "REFUSED",
    "WITHOUT_EFFECT",
    "ignored_fields",
    "refuse_unsupported",
]

#: Field path -> the sentence that refuses it. A path means every element of a repeated field.
REFUSED = {
    "sequence_batching": "sequences are not served yet",
    "ensemble_scheduling": "ensembles are not served yet",
    "model_transaction_policy": "decoupled models are not served yet",
    "batch_input": "ragged batches are not served yet",
    "batch_output": "ragged batches are not served yet",
    "input.is_shape_tensor": "shape tensors are not served yet",
    "output.is_shape_tensor": "shape tensors are not served yet",
    "model_operations": "custom operator libraries are not loaded yet",
    "model_repository_agents": "repository agents are not run yet",
}

IGNORED = frozenset(
    {
        "response_cache.enable",
        "input.is_non_linear_format_io",
        "output.is_non_linear_format_io",
        "instance_group.profile",
        "instance_group.rate_limiter",
        "instance_group.secondary_devices",
        "instance_group.host_policy",
        "dynamic_batching.preserve_ordering",
        "dynamic_batching.priority_levels",
        "dynamic_batching.default_priority_level",
        "dynamic_batching.priority_queue_policy",
        "optimization.priority",
        "optimization.cuda",
        "optimization.eager_batching",
    }
)

#: Taken without a word, because what is served is the same whatever they say.
WITHOUT_EFFECT = frozenset(
    {
        "runtime",  # which of several libraries of one backend runs the model; there is one
        "cc_model_filenames",  # per GPU generation; default_model_filename is the file for all
        "input.format",  # what image clients want to know
        "input.allow_ragged_batch",  # a permission: only requests of equal shapes share a batch
        "optimization.input_pinned_memory",
        "optimization.output_pinned_memory",
        "optimization.gather_kernel_buffer_threshold",
    }
)

ACTED_ON = frozenset(
    {
        "name",
        "platform",
        "backend",
        "version_policy",
        "max_batch_size",
        "default_model_filename",
        "parameters",
        "input.name",
        "input.data_type",
        "input.dims",
        "input.optional",
        "input.reshape",
        "output.name",
        "output.data_type",
        "output.dims",
        "output.reshape",
        "output.label_filename",
        "instance_group.name",
        "instance_group.count",
        "instance_group.gpus",
        "instance_group.kind",
        "instance_group.passive",
        "dynamic_batching.preferred_batch_size",
        "dynamic_batching.max_queue_delay_microseconds",
        "dynamic_batching.default_queue_policy",
        "optimization.graph",
        "optimization.execution_accelerators",
        "model_warmup",
        "metric_tags",
        "model_metrics",
    }
)


def refuse_unsupported(config: ModelConfig) -> None:
    """Raises UnsupportedError if `config` sets what must not be left out."""
    for path in _set_paths(config):
        if path == "model_transaction_policy" and not config.model_transaction_policy.decoupled:
            continue
        if path in REFUSED:
            raise UnsupportedError(f"The configuration sets {path}: {REFUSED[path]}.")


def ignored_fields(config: ModelConfig) -> list[str]:
    """Paths of fields that `config` sets and this server does not act on, each once, in order."""
    return list(dict.fromkeys(path for path in _set_paths(config) if path in IGNORED))


def _set_paths(message: object, above: str = "") -> Iterator[str]:
    """Paths of all set fields, a parent before its children."""
    for field, value in message.ListFields():  # type: ignore[attr-defined]
        path = f"{above}{field.name}"
        yield path
        if field.message_type is not None and not field.message_type.GetOptions().map_entry:
            for part in value if field.is_repeated else [value]:
                yield from _set_paths(part, f"{path}.")

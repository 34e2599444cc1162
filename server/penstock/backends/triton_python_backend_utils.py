# SPDX-License-Identifier: Apache-2.0
"""What `import triton_python_backend_utils` gives to a model's code.

Its place on disk is `penstock.backends`; under its own name it exists only while a model's code is
imported and from then on (`python_class`), so that it clashes with no installation.
"""

from typing import Any, NoReturn

from penstock.backends.triton.current import get_model_dir
from penstock.backends.triton.datatypes import (
    TRITON_STRING_TO_NUMPY,
    deserialize_bytes_tensor,
    numpy_to_triton_type,
    serialize_byte_tensor,
    triton_string_to_numpy,
    triton_to_numpy_type,
)
from penstock.backends.triton.failures import TritonError, TritonModelException, not_served
from penstock.backends.triton.logger import Logger
from penstock.backends.triton.metric_families import Metric, MetricFamily
from penstock.backends.triton.model_config import (
    ModelConfig,
    get_input_config_by_name,
    get_output_config_by_name,
    using_decoupled_model_transaction_policy,
)
from penstock.backends.triton.requests import (
    RELEASE_ALL,
    SEQUENCE_END,
    SEQUENCE_START,
    InferenceRequest,
    InferenceResponse,
    PreferredMemory,
    get_input_tensor_by_name,
    get_output_tensor_by_name,
)
from penstock.backends.triton.tensor import Tensor

__all__ = [
    "TRITONSERVER_MEMORY_CPU",
    "TRITONSERVER_MEMORY_GPU",
    "TRITONSERVER_REQUEST_FLAG_SEQUENCE_END",
    "TRITONSERVER_REQUEST_FLAG_SEQUENCE_START",
    "TRITONSERVER_REQUEST_RELEASE_ALL",
    "TRITONSERVER_REQUEST_RELEASE_RESCHEDULE",
    "TRITONSERVER_RESPONSE_COMPLETE_FINAL",
    "TRITON_STRING_TO_NUMPY",
    "InferenceRequest",
    "InferenceResponse",
    "Logger",
    "Metric",
    "MetricFamily",
    "ModelConfig",
    "PreferredMemory",
    "Tensor",
    "TritonError",
    "TritonModelException",
    "deserialize_bytes_tensor",
    "get_input_config_by_name",
    "get_input_tensor_by_name",
    "get_model_dir",
    "get_output_config_by_name",
    "get_output_tensor_by_name",
    "is_model_ready",
    "load_model",
    "numpy_to_triton_type",
    "serialize_byte_tensor",
    "triton_string_to_numpy",
    "triton_to_numpy_type",
    "unload_model",
    "using_decoupled_model_transaction_policy",
]

TRITONSERVER_REQUEST_FLAG_SEQUENCE_START = SEQUENCE_START
TRITONSERVER_REQUEST_FLAG_SEQUENCE_END = SEQUENCE_END
TRITONSERVER_RESPONSE_COMPLETE_FINAL = 1
TRITONSERVER_REQUEST_RELEASE_ALL = RELEASE_ALL
TRITONSERVER_REQUEST_RELEASE_RESCHEDULE = 2
TRITONSERVER_MEMORY_CPU = 0
TRITONSERVER_MEMORY_GPU = 2


def load_model(*arguments: Any, **named: Any) -> NoReturn:
    """Raises TritonModelException."""
    del arguments, named
    raise not_served("Models that load others (load_model) are")


def unload_model(*arguments: Any, **named: Any) -> NoReturn:
    """Raises TritonModelException."""
    del arguments, named
    raise not_served("Models that unload others (unload_model) are")


def is_model_ready(*arguments: Any, **named: Any) -> NoReturn:
    """Raises TritonModelException."""
    del arguments, named
    raise not_served("Models that ask for others (is_model_ready) are")


def __getattr__(name: str) -> NoReturn:
    raise AttributeError(
        f"triton_python_backend_utils has no {name!r} here: that part of Triton's Python backend, "
        "if it is one, is not served by this server yet."
    )

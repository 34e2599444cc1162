# SPDX-License-Identifier: Apache-2.0
"""A server with what Triton's users have in their repositories, for the clients' stories."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.doubles.gate import GATED_MODEL, Gate
from tests.doubles.model_files import (
    TYPES,
    add_affine,
    add_config,
    add_identity,
    add_python,
    add_sum_and_difference,
    config_text,
)
from tests.doubles.running import RunningServer
from tests.story.triton_clients import KINDS, TritonClient

FLAGS = (
    "--model-control-mode=explicit",
    "--load-model=*",
    "--allow-client-shm=true",
    "--allow-model-file-override=true",
    "--grpc-infer-response-compression-level=medium",
)


def add_models(repository: Path, gate: Gate) -> None:
    """The models of the stories.

    `simple` is two inputs, two outputs; `affine` has versions 1 and 3; `every` gives back a tensor
    of each datatype, `texts` of strings alone; `pets` has labels; `fallible` fails; `gated` waits;
    `described` has a property of the Open Inference Protocol, `typed` a tensor with a parameter.
    """
    add_sum_and_difference(repository, "simple")
    add_affine(repository, "affine", config="max_batch_size: 8 version_policy { all {} }")
    add_affine(repository, "affine", version=3, add=3, config="")
    tensors = [(datatype.lower(), kind, [-1]) for datatype, kind in TYPES.items()]
    add_identity(repository, "every", tensors, rows_max=0)
    add_identity(repository, "texts", [("s", "TYPE_STRING", [-1])], rows_max=0)
    add_config(
        repository,
        "pets",
        config_text([("scores", "TYPE_FP32", [3])], [], 'backend: "identity" max_batch_size: 4')
        + '\noutput { name: "scores_out" data_type: TYPE_FP32 dims: [3]'
        ' label_filename: "labels.txt" }',
    )
    (repository / "pets" / "labels.txt").write_text("cat\ndog\nfish\n")
    add_identity(repository, "typed", [("x", "TYPE_FP32", [-1])], rows_max=0)
    add_identity(repository, "described", [("x", "TYPE_FP32", [-1])], rows_max=0)
    for name, key, value in (
        ("typed", "tensor.x.content_type", "np"),
        ("described", "property.owner", "vision"),
    ):
        with (repository / name / "config.pbtxt").open("a") as config:
            config.write(
                f'\nparameters {{ key: "penstock.{key}" value {{ string_value: "{value}" }} }}'
            )
    add_python(
        repository,
        "fallible",
        """
        class Fallible:
            def execute(self, batch):
                raise ValueError("the sensor is dark")
        """,
        more="max_batch_size: 2",
    )
    parameter = f'parameters {{ key: "gate" value {{ string_value: "{gate.path}" }} }}'
    add_python(repository, "gated", GATED_MODEL, more=f"max_batch_size: 1 {parameter}")


@pytest.fixture(scope="session")
def gate() -> Iterator[Gate]:
    """Where the model `gated` waits. Each test leaves it empty."""
    with Gate() as made:
        yield made


@pytest.fixture(scope="session")
def triton_server(tmp_path_factory: pytest.TempPathFactory, gate: Gate) -> Iterator[RunningServer]:
    """A server of `add_models` that lets clients do what Triton's examples do."""
    repository = tmp_path_factory.mktemp("models")
    add_models(repository, gate)
    with RunningServer(repository, flags=FLAGS) as made:
        yield made


@pytest.fixture(params=KINDS)
def client(request: pytest.FixtureRequest, triton_server: RunningServer) -> Iterator[TritonClient]:
    """Each of tritonclient's four clients."""
    made = TritonClient(request.param, triton_server)
    yield made
    made.close()

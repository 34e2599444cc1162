# SPDX-License-Identifier: Apache-2.0
"""Which models run in processes of their own, and which bounds are refused."""

import pytest

from penstock.errors import RepositoryError
from penstock.repository.config_file import parse_config
from penstock.repository.isolation import isolation_plan
from penstock.repository.plan import IsolationPlan


def plan(backend: str = "python", **values: str) -> IsolationPlan | None:
    text = "".join(
        f'parameters {{ key: "penstock.{key}" value {{ string_value: "{value}" }} }}'
        for key, value in values.items()
    )
    return isolation_plan(parse_config(text).config.parameters, backend)


def test_a_model_is_not_isolated_unless_it_says_so() -> None:
    assert plan() is None
    assert plan(isolation="none") is None
    assert plan(isolation="none", backend="onnxruntime") is None


def test_an_isolated_model_has_bounds_without_naming_them() -> None:
    assert plan(isolation="process") == IsolationPlan(
        batch_seconds_max=60.0,
        load_seconds_max=600.0,
        memory_bytes_max=0,
        shared_bytes_max=1 << 30,
    )


def test_every_bound_can_be_set() -> None:
    assert plan(
        isolation="process",
        batch_seconds_max="2.5",
        load_seconds_max="0",
        memory_bytes_max="1 GiB",
        shared_bytes_max="65536",
    ) == IsolationPlan(
        batch_seconds_max=2.5,
        load_seconds_max=0.0,
        memory_bytes_max=1 << 30,
        shared_bytes_max=65536,
    )


@pytest.mark.parametrize(
    ("size", "wanted"),
    [("0", 0), ("67108864", 64 << 20), ("65536KiB", 64 << 20), ("512MiB", 512 << 20)],
)
def test_a_size_is_bytes_or_has_a_unit(size: str, wanted: int) -> None:
    made = plan(isolation="process", memory_bytes_max=size)
    assert made is not None
    assert made.memory_bytes_max == wanted


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"isolation": "thread"}, "penstock.isolation is 'thread': wanted none or process"),
        ({"batch_seconds_max": "-1"}, "batch_seconds_max is '-1': wanted seconds, from 0.001"),
        ({"batch_seconds_max": "soon"}, "batch_seconds_max is 'soon': wanted seconds"),
        ({"batch_seconds_max": "0.0001"}, "'0.0001': wanted seconds"),
        ({"batch_seconds_max": "nan"}, "'nan': wanted seconds"),
        ({"load_seconds_max": "604801"}, "load_seconds_max is '604801': wanted seconds"),
        ({"memory_bytes_max": "63MiB"}, "'63MiB': wanted bytes, at least 67108864, such as .*or 0"),
        ({"memory_bytes_max": "1GB"}, "memory_bytes_max is '1GB': wanted bytes"),
        ({"memory_bytes_max": "99999999999999999999"}, "wanted bytes"),
        ({"shared_bytes_max": "0"}, r"shared_bytes_max is '0': wanted bytes, at least .*512MiB\."),
    ],
)
def test_a_bound_that_is_none_is_refused_with_what_was_found_and_wanted(
    values: dict[str, str], sentence: str
) -> None:
    with pytest.raises(RepositoryError, match=sentence):
        plan(**{"isolation": "process", **values})


@pytest.mark.parametrize(
    "key", ["batch_seconds_max", "load_seconds_max", "memory_bytes_max", "shared_bytes_max"]
)
@pytest.mark.parametrize("isolation", [{}, {"isolation": "none"}])
def test_a_bound_that_would_bind_nothing_is_refused(key: str, isolation: dict[str, str]) -> None:
    with pytest.raises(RepositoryError, match=f"penstock.{key} is set, but the model runs in the"):
        plan(**isolation, **{key: "100"})


@pytest.mark.parametrize("backend", ["onnxruntime", "identity"])
def test_only_a_models_own_code_is_isolated(backend: str) -> None:
    with pytest.raises(RepositoryError, match=f"the model's backend is {backend}: wanted python"):
        plan(backend, isolation="process")

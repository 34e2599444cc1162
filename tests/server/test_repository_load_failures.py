# SPDX-License-Identifier: Apache-2.0
"""Loads that failed, by the kind of reason."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from penstock.errors import (
    BackendError,
    EngineError,
    OptionsError,
    PackageError,
    RemoteRepositoryError,
    RepositoryError,
    SmokeError,
    UnsignedError,
    UnsupportedError,
)
from penstock.repository.load_failures import (
    MODELS_MAX,
    FailureReason,
    LoadFailures,
    failure_reason,
)
from penstock.repository.memory import NoRoomError


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (UnsignedError(""), "signature"),
        (SmokeError(""), "smoke"),
        (PackageError(""), "digest"),
        (RepositoryError(""), "config"),
        (UnsupportedError(""), "config"),
        (RemoteRepositoryError(""), "files"),
        (PermissionError(), "files"),
        ("model appears in two or more repositories", "files"),
        (EngineError("", code="INTERNAL"), "model"),
        (EngineError("", code="INTERNAL", stage="smoke"), "smoke"),
        (EngineError("", code="INTERNAL", stage="warmup"), "warmup"),
        (BackendError(""), "model"),
        (NoRoomError(""), "memory"),
        (MemoryError(), "memory"),
        (OptionsError(""), "other"),
    ],
)
def test_an_error_is_of_the_kind_of_what_found_it(error: Exception | str, kind: str) -> None:
    assert failure_reason(error) == kind


def test_failures_are_counted_by_model_and_kind_whatever_its_name_is() -> None:
    failures = LoadFailures()
    for model in ("a", "a", 'b"\\\n'):
        failures.count(model, FailureReason.DIGEST)
    failures.count("a", FailureReason.SMOKE)
    (family,) = text_string_to_metric_families(failures.text())
    assert {tuple(one.labels.values()): one.value for one in family.samples} == {
        ("a", "digest"): 2,
        ("a", "smoke"): 1,
        ('b"\\\n', "digest"): 1,
    }


def test_names_without_end_share_one_sample() -> None:
    failures = LoadFailures()
    for i in range(MODELS_MAX + 3):
        failures.count(f"m{i}", FailureReason.CONFIG)
    failures.count("m0", FailureReason.CONFIG)
    lines = failures.text().splitlines()
    assert len(lines) == 2 + MODELS_MAX + 1
    assert lines[2].endswith('{model="",reason="config"} 3')
    assert lines[3].endswith('{model="m0",reason="config"} 2')

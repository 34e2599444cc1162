# SPDX-License-Identifier: Apache-2.0

import pytest

from penstock.errors import RepositoryError
from penstock.repository.config_file import parse_config
from penstock.repository.versions import missing_versions, wanted_versions


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        ("", [10]),
        ("version_policy { latest { } }", [10]),
        ("version_policy { latest { num_versions: 2 } }", [9, 10]),
        ("version_policy { latest { num_versions: 9 } }", [1, 9, 10]),
        ("version_policy { all { } }", [1, 9, 10]),
        ("version_policy { specific { versions: [9, 1, 9] } }", [1, 9]),
    ],
)
def test_the_policy_chooses_among_the_versions_found(policy: str, wanted: list[int]) -> None:
    config = parse_config(policy).config
    assert wanted_versions([9, 10, 1], config.version_policy) == wanted


@pytest.mark.parametrize("versions", ["[2]", "[3, 2]", "[]"])
def test_specific_versions_of_which_none_is_there_are_an_error(versions: str) -> None:
    text = f"version_policy {{ specific {{ versions: {versions} }} }}"
    config = parse_config(text).config
    with pytest.raises(RepositoryError, match=r"version_policy wants versions .*has \[1, 9\]"):
        wanted_versions([1, 9], config.version_policy)


def test_a_specific_version_that_is_missing_stops_no_other_and_is_told() -> None:
    policy = parse_config("version_policy { specific { versions: [9, 2, 1] } }").config
    assert wanted_versions([1, 9], policy.version_policy) == [1, 9]
    assert missing_versions([1, 9], policy.version_policy) == [2]
    assert missing_versions([1, 9], parse_config("").config.version_policy) == []


def test_a_model_without_a_version_is_an_error() -> None:
    config = parse_config("").config
    with pytest.raises(RepositoryError, match=r"no version: wanted a folder .* such as 1"):
        wanted_versions([], config.version_policy)

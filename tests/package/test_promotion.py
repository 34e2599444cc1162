# SPDX-License-Identifier: Apache-2.0
"""Moving aliases and archiving: what is done, what is refused, and with which sentence."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from typer.testing import CliRunner

from penstock.cli import app
from penstock.errors import RegistryError
from penstock.registry.promotion import PromotionWish, archive, moved_alias, promote
from penstock.registry.registry import Registry

WISH = PromotionWish(name="iris")


def cli(registry: Registry, *arguments: str) -> Any:
    command = ["registry", *arguments, "--registry", registry.place.uri]
    return CliRunner().invoke(app, command)


def refused(registry: Registry, wish: PromotionWish) -> str:
    """The sentence of a promotion that must not move anything."""
    before = registry.aliases(wish.name)
    with pytest.raises(RegistryError) as caught:
        promote(registry, wish)
    assert registry.aliases(wish.name) == before
    return str(caught.value)


def test_the_candidate_becomes_the_champion_at_once(history: Registry) -> None:
    done = cli(history, "promote", "iris")
    assert done.stdout == "iris: champion was moved to version 2 at once; it named 1 before.\n"
    assert history.aliases("iris") == {"champion": 2, "candidate": 2}
    again = promote(history, WISH)
    assert again.sentence == "iris: champion names version 2 already."
    first = promote(history, replace(WISH, to="staging"))
    assert first.sentence == ("iris: staging was moved to version 2 at once; it named none before.")


def test_with_a_rollout_policy_the_candidate_is_set_and_the_champion_stays(
    history: Registry,
) -> None:
    history.client.set_registered_model_tag("iris", "penstock.rollout", "canary")
    done = promote(history, replace(WISH, which="3", allows_signature_change=True))
    assert done.sentence == (
        "iris has a rollout policy: candidate was set to version 3, which starts the rollout; it "
        "named 2 before, and champion stays at version 1 until it goes live."
    )
    assert history.aliases("iris") == {"champion": 1, "candidate": 3}
    assert "nothing was moved" in promote(history, WISH).sentence
    told = json.loads(cli(history, "promote", "iris", "--json").stdout)
    assert (told["alias"], told["is_rollout"], told["has_moved"]) == ("candidate", True, False)


def test_an_empty_policy_is_none() -> None:
    assert moved_alias("champion", {"penstock.rollout": ""}) == "champion"
    assert moved_alias("staging", {"penstock.rollout": "canary"}) == "staging"


def test_what_is_not_there_is_not_promoted(history: Registry) -> None:
    told = refused(history, replace(WISH, which="staging"))
    assert "has no version or alias 'staging'" in told
    assert "wanted one of 3, 2, 1, or an alias of theirs." in told
    assert "no version of a model 'rose'" in str(cli(history, "promote", "rose").output)
    assert cli(history, "promote", "iris", "--version", "9").exit_code == 1


def test_a_script_moves_an_alias_only_from_where_it_expects_it(history: Registry) -> None:
    told = refused(history, replace(WISH, expect=2))
    assert told == (
        "Alias 'champion' of 'iris' names version 1, not version 2 as expected: nothing was moved."
    )
    assert "names no version, not version 1" in refused(
        history, replace(WISH, to="staging", expect=1)
    )
    assert promote(history, replace(WISH, to="staging", expect=0)).after == 2
    assert promote(history, replace(WISH, expect=1)).after == 2


def test_an_archived_version_is_hidden_and_not_promoted(history: Registry) -> None:
    assert cli(history, "archive", "iris", "--version", "3").stdout == (
        "iris: version 3 is archived.\n"
    )
    assert history.version("iris", "3").tags["archived"] == "true"
    sentence = refused(history, replace(WISH, which="3"))
    assert "`penstock registry archive iris --version 3 --undo` brings it back" in sentence
    assert cli(history, "list", "--json").stdout.count('"latest": 2') == 1
    told = json.loads(cli(history, "list", "iris", "--json").stdout)
    assert [one["version"] for one in told] == [2, 1]
    everything = cli(history, "list", "iris", "--all", "--json").stdout
    assert [one["is_archived"] for one in json.loads(everything)] == [True, False, False]
    assert json.loads(cli(history, "show", "iris", "--json").stdout)["version"] == 2
    assert "3, archived" in cli(history, "show", "iris", "--version", "3").stdout
    assert archive(history, "iris", "3", undo=True).is_archived is False
    assert promote(history, replace(WISH, which="3", allows_signature_change=True)).after == 3


def test_a_version_with_an_alias_is_not_archived(history: Registry) -> None:
    with pytest.raises(RegistryError, match="is named by champion, so it is not archived"):
        archive(history, "iris", "1")
    assert not history.version("iris", "1").is_archived


def test_another_signature_is_promoted_only_if_that_is_allowed(history: Registry) -> None:
    told = refused(history, replace(WISH, which="3"))
    assert "input 'features' has no column \"sepal length (cm)\"" in told
    assert told.endswith("Promote it nevertheless with --allow-signature-change.")
    assert "penstock.signature_change" not in history.version("iris", "3").tags
    done = cli(history, "promote", "iris", "--version", "3", "--allow-signature-change")
    assert "Its signature has changed: beside version 1, " in done.stdout
    assert history.version("iris", "3").tags["penstock.signature_change"] == "allowed"
    # Back again is another change, and asks again; the tag of version 3 still holds.
    assert "--allow-signature-change" in refused(history, replace(WISH, which="1"))
    promote(history, replace(WISH, which="1", allows_signature_change=True))
    assert promote(history, replace(WISH, which="3")).after == 3


def test_an_alias_that_was_moved_elsewhere_is_allowed_its_signature_later(
    history: Registry,
) -> None:
    history.client.set_registered_model_alias("iris", "champion", "3")
    promote(history, replace(WISH, which="3", allows_signature_change=True))
    assert history.version("iris", "3").tags["penstock.signature_change"] == "allowed"


def test_a_signature_that_cannot_be_read_is_not_taken_for_the_same(history: Registry) -> None:
    """The files of versions are away, as in a store that was emptied."""
    empty = "file:///nowhere/at/all"
    for version in ("1", "2"):
        tag = {"penstock.package.digest": version * 64}
        history.client.create_model_version("iris", empty, tags=tag)
    history.client.set_registered_model_alias("iris", "staging", "4")
    assert "has lost its signature.json" in refused(history, replace(WISH, which="5"))
    told = refused(history, replace(WISH, which="2", to="staging"))
    assert "the signature of version 4, to compare it with, cannot be read" in told
    wish = replace(WISH, which="2", to="staging", allows_signature_change=True)
    assert promote(history, wish).after == 2


def test_a_version_that_is_no_package_is_promoted_without_comparing(history: Registry) -> None:
    history.client.create_model_version("iris", "file:///elsewhere")
    assert promote(history, replace(WISH, which="4")).after == 4


def test_what_a_server_has_refused_is_promoted_only_by_force(history: Registry) -> None:
    history.tag_version("iris", 2, "penstock.refused", "its smoke request gives another answer.")
    told = refused(history, WISH)
    assert told == (
        "Version 2 of 'iris' was refused by a server: its smoke request gives another answer. "
        "Promote it nevertheless with --force."
    )
    done = cli(history, "promote", "iris", "--force")
    assert "moved to version 2 at once" in done.stdout
    assert "A server refused it before: its smoke request gives another answer." in done.stdout


def test_lists_show_what_is_known_of_versions(history: Registry) -> None:
    history.tag_version("iris", 3, "penstock.refused", "a pickle")
    told = json.loads(cli(history, "list", "iris", "--json").stdout)
    assert [one["aliases"] for one in told] == [[], ["candidate"], ["champion"]]
    assert (told[0]["refused"], told[0]["verdict"]) == ("a pickle", "accepted")
    assert told[1]["metrics"]["accuracy"] == 0.97
    table = cli(history, "list", "iris").stdout
    assert "a pickle" in table.replace("\n", "")
    shown = cli(history, "show", "iris", "--version", "champion").stdout
    for wanted in ("0.91 (0.88 to 0.94)", "accepted", history.version("iris", "1").digest):
        assert wanted in shown

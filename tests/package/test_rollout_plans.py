# SPDX-License-Identifier: Apache-2.0
"""What the aliases of a registry mean for rollouts, and what is kept and written of them."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.doubles.pinned_routes import PinnedRoutes
from tests.package.test_promotion import WISH, cli, refused

from penstock.errors import RegistryError
from penstock.registry.entries import LookedModel, ModelAlias
from penstock.registry.following import Plan, plan_of
from penstock.registry.kept import KeptVersions
from penstock.registry.looks import looked_models
from penstock.registry.policy import policy_of
from penstock.registry.promotion import promote
from penstock.registry.registry import Registry
from penstock.registry.rolling import advance_champion, roll_back_candidate, set_policy
from penstock.registry.tags import ROLLED_BACK_TAG
from penstock.rollout.spec import RolloutSpec
from penstock.rollout.standing import Standing

ONE, TWO, THREE = (ModelAlias(version=number, made_ms=7) for number in (1, 2, 3))
LOOKED = LookedModel(served=ONE, candidate=TWO, policy="default")


def planned(looked: LookedModel, **known: Any) -> Plan:
    wanted = {"has_policy": True, "ongoing": None, "is_new": False, **known}
    return plan_of(looked, **wanted)


def test_a_candidate_is_loaded_beside_the_champion_where_there_is_a_policy() -> None:
    assert planned(LOOKED) == Plan(champion=ONE, candidate=TWO)
    assert planned(replace(LOOKED, policy="")) == Plan(champion=ONE)
    assert planned(replace(LOOKED, policy=""), ongoing=(1, 2)) == Plan(champion=ONE, candidate=TWO)


@pytest.mark.parametrize(
    "change", [{"candidate": ONE}, {"candidate": None}, {"rolled_back": "x"}, {"is_archived": True}]
)
def test_what_is_the_champion_rolled_back_or_archived_is_no_candidate(
    change: dict[str, Any],
) -> None:
    assert planned(replace(LOOKED, **change)) == Plan(champion=ONE)


def test_a_first_candidate_serves_where_nothing_else_does() -> None:
    looked = replace(LOOKED, served=None)
    assert planned(looked, is_new=True) == Plan(champion=TWO, is_first=True)
    assert planned(looked, is_new=False) == Plan(champion=None)
    # One by no policy is told so, for nobody would know why it does not serve.
    assert planned(looked, is_new=True, has_policy=False) == Plan(champion=None, candidate=TWO)


@pytest.mark.parametrize(
    ("change", "is_live", "why"),
    [
        ({"served": TWO}, True, "moved to it by somebody else"),
        ({"served": THREE}, False, "champion was moved to version 3"),
        ({"served": None}, False, "champion was taken away"),
        ({"candidate": THREE}, False, "candidate was moved to version 3"),
        ({"candidate": None}, False, "candidate was taken away"),
        ({"rolled_back": "Errors."}, False, "Another server rolled it back: Errors."),
        ({"is_archived": True}, False, "It was archived."),
    ],
)
def test_a_rollout_ends_by_what_the_registry_says(
    change: dict[str, Any], is_live: bool, why: str
) -> None:
    end = planned(replace(LOOKED, **change), ongoing=(1, 2)).end
    assert end is not None
    assert (end.is_live, why in end.why) == (is_live, True)


def test_a_rollout_goes_on_while_the_aliases_stay() -> None:
    assert planned(LOOKED, ongoing=(1, 2)).end is None
    assert planned(replace(LOOKED, policy="stages_bp = 3"), ongoing=(1, 2)).end is None


def test_a_policy_is_the_text_of_a_rollout_toml_or_the_word_default() -> None:
    assert policy_of("", "iris") is None
    assert policy_of("default", "iris") == RolloutSpec()
    assert policy_of("dwell_s = 5", "iris") == RolloutSpec(dwell_s=5)
    for text, said in [("true", "is not TOML"), ("dwel_s = 5\ndwell_s = 'x'", "dwel_s: there is")]:
        with pytest.raises(RegistryError) as caught:
            policy_of(text, "iris")
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)


# --- which version answers ---


def test_a_candidate_never_answers_by_itself_and_what_was_kept_of_it_neither() -> None:
    routes = PinnedRoutes()
    standing = Standing(routes, (), start=lambda model, number: None)
    standing.follow("m", 1, 2)
    assert standing.before_load("m", 1, Path(), ()) is False
    assert standing.before_load("m", 2, Path(), ()) is True
    standing.after_load("m", [1, 2])
    assert routes.pins == {"m": 1}
    standing.follow("m", 1, None, [1, 2])  # it was rolled back, and is still loaded
    assert routes.pins == {"m": 1}
    standing.after_load("m", [1])
    assert routes.pins == {}


def test_the_champion_answers_once_it_is_loaded_though_a_higher_one_is() -> None:
    routes = PinnedRoutes()
    standing = Standing(routes, (), start=lambda model, number: None)
    standing.follow("m", 3, None, [3])
    standing.follow("m", 1, None, [3])
    assert standing.served("m", [3]) == 3
    standing.after_loads("m", [1, 3])
    assert (routes.pins, standing.served("m", [1, 3])) == ({"m": 1}, 1)
    standing.leave("m")
    assert routes.pins == {}


def test_a_candidate_is_marked_until_it_is_the_champion_or_goes(tmp_path: Path) -> None:
    with closing(KeptVersions(tmp_path, "uri")) as kept:
        for version in (ONE, TWO):
            folder = kept.begin()
            kept.keep("churn", version, folder)
            if version is TWO:
                kept.mark_candidate("churn", version)
            kept.link("churn", version)
        assert kept.candidate("churn") == 2
        kept.tidy("churn")
        assert kept.candidate("churn") == 2
    with closing(KeptVersions(tmp_path, "uri")) as kept:
        assert kept.candidate("churn") == 2
        kept.unlink("churn", 2)
        assert kept.candidate("churn") is None
        kept.link("churn", TWO)
        kept.mark_candidate("churn", None)
        assert kept.candidate("churn") is None
        assert kept.candidate("nothing") is None


# --- what is written ---


def test_what_went_live_is_the_champion_and_no_candidate_any_more(history: Registry) -> None:
    assert advance_champion(history, "iris", 2, 1) == ""
    assert history.aliases("iris") == {"champion": 2}
    assert advance_champion(history, "iris", 2, 1) == ""  # nobody knew whether it was done
    assert "names version 2 by somebody else" in advance_champion(history, "iris", 3, 1)
    assert "no longer in the registry" in advance_champion(history, "iris", 9, 2)
    assert "no longer in the registry" in advance_champion(history, "rose", 1, None)
    assert history.aliases("iris") == {"champion": 2}


def test_what_was_rolled_back_is_tagged_once_and_no_candidate_any_more(history: Registry) -> None:
    assert roll_back_candidate(history, "iris", 2, "Errors.") == ""
    tag = history.version("iris", "2").rolled_back
    assert tag.endswith(": Errors.")
    assert roll_back_candidate(history, "iris", 2, "Later.") == ""
    assert history.version("iris", "2").rolled_back == tag
    assert history.aliases("iris") == {"champion": 1}
    assert "was rolled back by another server" in advance_champion(history, "iris", 2, 1)
    assert "is the champion" in roll_back_candidate(history, "iris", 1, "Errors.")
    assert history.aliases("iris") == {"champion": 1}


def test_another_candidate_keeps_its_alias_when_one_is_rolled_back(history: Registry) -> None:
    roll_back_candidate(history, "iris", 3, "Errors.")
    assert history.aliases("iris") == {"champion": 1, "candidate": 2}


def test_what_was_rolled_back_is_promoted_only_by_force_which_forgets_it(
    history: Registry,
) -> None:
    set_policy(history, "iris", "default")
    history.tag_version("iris", 2, ROLLED_BACK_TAG, "2026-11-27: Errors.")
    assert refused(history, WISH) == (
        "Version 2 of 'iris' was rolled back: 2026-11-27: Errors. Promote it nevertheless with "
        "--force."
    )
    done = promote(history, replace(WISH, is_forced=True))
    assert "It was rolled back before: 2026-11-27: Errors." in done.notes
    assert history.version("iris", "2").rolled_back == ""


def test_a_look_tells_of_a_candidate_only_beside_the_champion(history: Registry) -> None:
    assert looked_models(history, "champion")["iris"].candidate is not None
    set_policy(history, "iris", "default")
    roll_back_candidate(history, "iris", 3, "Errors.")
    history.client.set_registered_model_alias("iris", "candidate", "3")
    found = looked_models(history, "champion")["iris"]
    assert (found.policy, found.rolled_back.endswith("Errors.")) == ("default", True)
    history.client.delete_registered_model_alias("iris", "champion")
    assert looked_models(history, "champion")["iris"].served is None
    assert looked_models(history, "staging") == {}


def test_the_command_writes_shows_and_clears_a_policy_and_refuses_what_is_none(
    history: Registry, tmp_path: Path
) -> None:
    file = tmp_path / "rollout.toml"
    file.write_text("dwell_s = 5\n")
    assert "no rollout policy" in cli(history, "policy", "iris").stdout
    assert "is rolled out from now on" in cli(history, "policy", "iris", "--file", str(file)).stdout
    assert cli(history, "policy", "iris").stdout == "dwell_s = 5\n"
    assert json.loads(cli(history, "list", "--json").stdout)[0]["rollout_policy"] != ""
    assert "dwell_s = 5" in cli(history, "show", "iris").stdout
    file.write_text("dwel_s = 5\n")
    failed = cli(history, "policy", "iris", "--file", str(file))
    assert failed.exit_code == 1
    assert "dwel_s: there is no such key" in str(failed.output)
    assert cli(history, "policy", "iris", "--file", str(file), "--clear").exit_code == 1
    assert cli(history, "policy", "rose", "--default").exit_code == 1
    assert history.model_tags("iris")["penstock.rollout"] == "dwell_s = 5\n"
    assert "at once" in cli(history, "policy", "iris", "--clear").stdout
    assert "penstock.rollout" not in history.model_tags("iris")
    history.client.set_registered_model_tag("iris", "penstock.rollout", "true")
    told = json.loads(cli(history, "policy", "iris", "--json").stdout)
    assert (told["is_valid"], "no rollout policy" in told["reason"]) == (False, True)
    assert "No server rolls the version out" in "".join(
        promote(history, replace(WISH, which="2")).notes
        + promote(history, replace(WISH, which="3", allows_signature_change=True)).notes
    )

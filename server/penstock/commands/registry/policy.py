# SPDX-License-Identifier: Apache-2.0
"""`penstock registry policy`."""

from pathlib import Path

from rich.console import Console
from rich.text import Text

from penstock.commands.registry.opened import opened, print_json
from penstock.errors import OptionsError, RegistryError
from penstock.registry.policy import DEFAULT_POLICY, policy_of
from penstock.registry.rolling import set_policy
from penstock.registry.tags import ROLLOUT_TAG
from penstock.rollout.read import read_rollout

__all__ = ["set_model_policy", "show_policy", "wanted_policy"]


def wanted_policy(file: Path | None, *, is_default: bool, is_cleared: bool) -> str | None:
    """The text that the model is to have; None: it is only to be shown.

    Raises:
        OptionsError: more than one is wanted.
        RolloutError: the file is no rollout.toml; a line for each key that is wrong.
    """
    if (file is not None) + is_default + is_cleared > 1:
        raise OptionsError("Wanted one of --file, --default and --clear, found more.")
    if file is not None:
        read_rollout(file)
        # The defaults, where the file has nothing to say: an empty tag would be no policy.
        return file.read_text() or DEFAULT_POLICY
    return DEFAULT_POLICY if is_default else "" if is_cleared else None


def set_model_policy(console: Console, uri: str, name: str, text: str, as_json: bool) -> None:
    """Writes the policy, or removes it, and says so. Raises RegistryError."""
    set_policy(opened(console, uri), name, text)
    if as_json:
        print_json({"name": name, "policy": text})
        return
    told = (
        f"{name}: what candidate names is rolled out from now on, and champion follows once it is "
        "live. A rollout that goes on keeps the policy that it began by."
        if text
        else f"{name} has no rollout policy: promotions move champion at once. A rollout that goes "
        "on keeps the policy that it began by."
    )
    console.print(Text(told), soft_wrap=True)


def show_policy(console: Console, uri: str, name: str, as_json: bool) -> None:
    """Prints the policy of a model. Raises RegistryError, also for a tag that is none."""
    registry = opened(console, uri)
    registry.versions(name)
    text = registry.model_tags(name).get(ROLLOUT_TAG, "")
    if as_json:
        try:
            policy_of(text, name)
            reason = ""
        except RegistryError as error:
            reason = str(error)
        print_json({"name": name, "policy": text, "is_valid": not reason, "reason": reason})
        return
    spec = policy_of(text, name)
    shown = text if spec is not None else f"{name} has no rollout policy."
    console.print(Text(shown.rstrip("\n")), soft_wrap=True)

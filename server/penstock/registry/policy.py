# SPDX-License-Identifier: Apache-2.0
"""The rollout policy of a registered model: the text of a rollout.toml, or DEFAULT. Pure."""

from penstock.errors import RegistryError, RolloutError
from penstock.registry.tags import ROLLOUT_TAG
from penstock.rollout.read import rollout_of_toml
from penstock.rollout.spec import RolloutSpec

__all__ = ["DEFAULT_POLICY", "policy_of"]

#: Instead of a text, for the defaults of every key.
DEFAULT_POLICY = "default"


def policy_of(text: str, name: str) -> RolloutSpec | None:
    """What the tag of the model `name` says; None: it is empty, so there is no policy.

    Raises:
        RegistryError: it is neither; in one line.
    """
    if not text:
        return None
    if text.strip() == DEFAULT_POLICY:
        return RolloutSpec()
    try:
        return rollout_of_toml(text, source="it")
    except RolloutError as error:
        reason = "; ".join(line.rstrip(".") for line in str(error).splitlines())
        raise RegistryError(
            f"The tag {ROLLOUT_TAG} of {name!r} is no rollout policy: wanted {DEFAULT_POLICY!r} or "
            f"the text of a rollout.toml, but {reason}."
        ) from None

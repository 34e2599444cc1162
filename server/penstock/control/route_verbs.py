# SPDX-License-Identifier: Apache-2.0
"""What may be asked of routes, once for all ways to ask.

Lives on the control thread's event loop.
"""

from collections.abc import Sequence

from penstock.control.examples import ExamplesFound, found_examples
from penstock.control.parts import RouteControl
from penstock.control.rollout_verbs import LIST_DEFAULT, LIST_MAX
from penstock.errors import ControlError
from penstock.rollout.route_status import RouteStatus

__all__ = ["RouteVerbs"]


class RouteVerbs:
    """What a client may ask of a server's routes. Every refusal is a PenstockError."""

    def __init__(self, control: RouteControl | None) -> None:
        """None: this server has no routes, and every verb is refused."""
        self._routes = control

    def status(self, model: str) -> RouteStatus:
        """How the requests of a model are shared out now."""
        return self._control.route(_checked_model(model))

    def statuses(self, *, limit: int = 0) -> tuple[Sequence[RouteStatus], int]:
        """The first `limit` by name, and how many there are besides; 0: LIST_DEFAULT."""
        if not 0 <= limit <= LIST_MAX:
            raise ControlError(f"a list has at most {LIST_MAX} routes, found limit {limit}.")
        found = self._control.routes()
        told = found[: limit or LIST_DEFAULT]
        return told, len(found) - len(told)

    def examples(self, model: str, *, limit: int = 0) -> ExamplesFound:
        """Pairs that its shadows keep for a person to look at, newest first."""
        return found_examples(self._control.examples(_checked_model(model)), limit=limit)

    @property
    def _control(self) -> RouteControl:
        if self._routes is None:
            raise ControlError("this server has no routes.", code="UNIMPLEMENTED")
        return self._routes


def _checked_model(model: str) -> str:
    if not model:
        raise ControlError("a route wants the name of a model, found none.")
    return model

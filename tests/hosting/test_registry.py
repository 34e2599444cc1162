# SPDX-License-Identifier: Apache-2.0
"""Which handler answers which path."""

from typing import Any

import grpc
import pytest

from penstock.hosting.call import CallHead
from penstock.hosting.registry import Registry


def head(path: str, *metadata: tuple[str, str]) -> CallHead:
    return CallHead(
        path=path,
        metadata=metadata,  # type: ignore[arg-type]  # plain pairs do as well here
        deadline_s=None,
        peer="",
        accepted_encodings=frozenset(),
    )


def handler() -> Any:
    return grpc.unary_unary_rpc_method_handler(lambda request, context: request)


class ByMetadata(grpc.GenericRpcHandler):
    """Answers any path of callers that say so."""

    def __init__(self) -> None:
        self.handler = handler()

    def service(self, handler_call_details: Any) -> Any:
        wanted = ("wants", "any")
        return self.handler if wanted in handler_call_details.invocation_metadata else None


def test_generated_code_registers_both_ways_and_takes_no_other_path() -> None:
    registry, methods = Registry(), {"A": handler(), "B": handler()}
    registry.add_generic([grpc.method_handlers_generic_handler("s.S", methods)])
    assert registry.takes_any()  # code of an older generator does no more
    assert registry.find(head("/s.S/A")) is methods["A"]
    registry.add_methods("s.S", methods)
    assert not registry.takes_any()
    assert registry.paths() == ["/s.S/A", "/s.S/B"]
    assert registry.services() == ["s.S"]
    assert registry.find(head("/s.S/C")) is None
    assert registry.find(head("/S/A")) is None


def test_a_generic_handler_decides_by_what_the_caller_says() -> None:
    registry, generic = Registry(), ByMetadata()
    registry.add_generic([generic])
    assert registry.takes_any()
    assert registry.services() == []
    assert registry.find(head("/what/Ever", ("wants", "any"))) is generic.handler
    assert registry.find(head("/what/Ever")) is None


def test_a_method_that_is_added_again_is_replaced() -> None:
    registry, newer = Registry(), handler()
    registry.add_methods("s.S", {"A": handler()})
    registry.add_methods("s.S", {"A": newer})
    assert registry.find(head("/s.S/A")) is newer


def test_what_is_no_handler_is_refused() -> None:
    with pytest.raises(TypeError, match="generic handler"):
        Registry().add_generic([object()])  # type: ignore[list-item]

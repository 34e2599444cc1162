# SPDX-License-Identifier: Apache-2.0
"""Regions as the control application sees them, over an engine that serves nobody."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.config import ServerOptions
from penstock.control.parts import MemoryRegion, SharedMemoryControl
from penstock.engine import Engine
from penstock.errors import EngineError, PenstockError, RegionError
from penstock.shared_memory import SharedMemory


def _memory(*, is_allowed: bool = True, regions_max: int = 4) -> SharedMemory:
    options = {"allow_client_shm": is_allowed, "client_shm_regions_max": regions_max}
    return SharedMemory(Engine(ServerOptions.model_validate(options), None))


@pytest.fixture
def key() -> Iterator[str]:
    """Names an object of 64 bytes."""
    path = Path(f"/dev/shm/penstock-control-{os.getpid()}")
    path.write_bytes(bytes(64))
    yield f"/{path.name}"
    path.unlink()


def _region(key: str, name: str = "r", offset: int = 0, byte_size: int = 64) -> MemoryRegion:
    return MemoryRegion(name=name, key=key, offset=offset, byte_size=byte_size)


def test_it_is_the_part_that_the_control_application_wants(key: str) -> None:
    memory: SharedMemoryControl = _memory()
    memory.register(_region(key))
    memory.register(_region(key, "a", 16, 8))
    assert memory.regions() == [_region(key, "a", 16, 8), _region(key)]
    assert memory.regions("r") == [_region(key)]
    memory.unregister("r")
    memory.unregister("r")
    assert memory.regions() == [_region(key, "a", 16, 8)]
    memory.unregister()
    assert memory.regions() == []


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ("INVALID_ARGUMENT", _region("/a/b")),
        ("INVALID_ARGUMENT", _region("/a\0b")),
        ("INVALID_ARGUMENT", _region("/sem.a")),
        ("INVALID_ARGUMENT", _region("/triton_python_backend_shm_region_0")),
        ("NOT_FOUND", _region("/penstock-none")),
    ],
)
def test_a_refusal_has_grpcs_code(code: str, wrong: MemoryRegion) -> None:
    with pytest.raises(EngineError) as raised:
        _memory().register(wrong)
    assert raised.value.code == code


def test_a_name_that_is_not_registered_is_not_found() -> None:
    with pytest.raises(EngineError, match="Unable to find system shared memory region") as raised:
        _memory().regions("none")
    assert raised.value.code == "NOT_FOUND"


@pytest.mark.parametrize("number", [-1, 2**64])
@pytest.mark.parametrize("field", ["offset", "byte_size"])
def test_a_number_that_the_wire_cannot_carry_is_refused(key: str, field: str, number: int) -> None:
    sizes = {"offset": 0, "byte_size": 8} | {field: number}
    wrong = MemoryRegion(name="r", key=key, **sizes)
    with pytest.raises(RegionError, match=rf"{field} is a number of bytes .* got {number}"):
        _memory().register(wrong)


def test_there_are_no_more_regions_than_the_option_says(key: str) -> None:
    memory = _memory(regions_max=2)
    memory.register(_region(key, "a"))
    memory.register(_region(key, "b"))
    with pytest.raises(EngineError, match="2 regions are registered") as raised:
        memory.register(_region(key, "c"))
    assert raised.value.code == "RESOURCE_EXHAUSTED"


def test_memory_of_gpus_is_refused_but_not_as_unknown() -> None:
    memory = _memory()
    with pytest.raises(RegionError, match="GPUs not supported") as raised:
        memory.register_cuda("g", b"handle", 0, 64)
    assert raised.value.code == "INVALID_ARGUMENT"
    memory.unregister_cuda("g")
    memory.unregister_cuda()


def test_without_the_option_every_method_says_how_to_get_it(key: str) -> None:
    memory = _memory(is_allowed=False)
    for work in (
        lambda: memory.register(_region(key, offset=-1)),
        lambda: memory.unregister("r"),
        lambda: memory.unregister(),
        lambda: memory.regions(),
        lambda: memory.register_cuda("r", b"", 0, 64),
        lambda: memory.unregister_cuda(),
    ):
        with pytest.raises(PenstockError, match="--allow-client-shm=true") as raised:
            work()
        assert raised.value.code == "UNAVAILABLE"

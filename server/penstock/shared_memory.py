# SPDX-License-Identifier: Apache-2.0
"""Regions of memory that clients share with the server, as the control application sees them.

The core keeps them and checks them; see docs/shared_memory.md.
"""

from penstock.control.parts import MemoryRegion
from penstock.engine import Engine
from penstock.errors import RegionError

__all__ = ["SharedMemory"]

#: Sizes and offsets are uint64 on the wire.
BYTES_MAX = 2**64 - 1


class SharedMemory:
    """The engine's regions. Refuses everything unless the server runs with --allow-client-shm.

    Every method may be called from any thread and returns soon.
    """

    def __init__(self, engine: Engine) -> None:
        """`engine` keeps the regions."""
        self._engine = engine

    def register(self, region: MemoryRegion) -> None:
        """Opens a region of `/dev/shm`. Raises EngineError with what is wrong with it."""
        self._engine.regions()  # a server that shares no memory says so first
        for field in ("offset", "byte_size"):
            number = getattr(region, field)
            if not 0 <= number <= BYTES_MAX:
                raise RegionError(
                    f"failed to register shared memory region '{region.name}': {field} is a "
                    f"number of bytes from 0 to {BYTES_MAX}, got {number}"
                )
        self._engine.register_region(region.name, region.key, region.offset, region.byte_size)

    def unregister(self, name: str = "") -> None:
        """Forgets a region; a request that uses it keeps it until it is answered.

        A name that is not registered is no error: clients unregister before they register.
        """
        self._engine.unregister_region(name)

    def regions(self, name: str = "") -> list[MemoryRegion]:
        """What is registered, by name. Raises EngineError NOT_FOUND for a name that is not."""
        return [
            MemoryRegion(name=each, key=key, offset=offset, byte_size=byte_size)
            for each, key, offset, byte_size in self._engine.regions(name)
        ]

    def register_cuda(self, name: str, raw_handle: bytes, device_id: int, byte_size: int) -> None:
        """Always refused: this server opens no memory of GPUs."""
        del raw_handle, device_id, byte_size
        self._engine.regions()
        raise RegionError(
            f"failed to register CUDA shared memory region '{name}': GPUs not supported; share "
            "system memory instead"
        )

    def unregister_cuda(self, name: str = "") -> None:
        """Nothing to forget: no region of a GPU is ever registered."""
        del name
        self._engine.regions()

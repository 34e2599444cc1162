# SPDX-License-Identifier: Apache-2.0
"""Where the installed ONNX Runtime has its native library.

Law: the Python package is never imported. It would load its own copy of what the core opens, and
bring its start-up time; only its place on disk is asked for.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from penstock.repository.instances import Machine

__all__ = ["OnnxRuntimeLibrary", "find_onnxruntime", "find_machine"]

#: Wheels with CUDA's libraries, in the order in which one needs the other: folder below nvidia/.
NVIDIA_FOLDERS = (
    "cu13",
    "cuda_runtime",
    "cuda_nvrtc",
    "nvjitlink",
    "cublas",
    "curand",
    "cufft",
    "cudnn",
)
#: Within a folder, these come first.
FIRST = ("libcudart", "libnvrtc.", "libnvJitLink", "libcublasLt", "libcublas", "libcudnn.")

GPU_WHEEL_WANTED = "the installed ONNX Runtime is a CPU build: pip install onnxruntime-gpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxRuntimeLibrary:
    """The library, and those to open before it: a GPU build expects them to be there."""

    path: Path
    preload: tuple[Path, ...] = ()

    @property
    def has_cuda(self) -> bool:
        """Whether this is a GPU build."""
        return (self.path.parent / "libonnxruntime_providers_cuda.so").exists()


def find_onnxruntime() -> OnnxRuntimeLibrary | None:
    """The library of the installed onnxruntime or onnxruntime-gpu; None if neither is there."""
    folder = _package_folder("onnxruntime")
    libraries = sorted((folder / "capi").glob("libonnxruntime.so*")) if folder else []
    if not libraries:
        return None
    library = OnnxRuntimeLibrary(path=libraries[-1])
    if not library.has_cuda:
        return library
    return OnnxRuntimeLibrary(path=library.path, preload=tuple(_nvidia_libraries()))


def find_machine(library: OnnxRuntimeLibrary | None) -> Machine:
    """The GPUs that ONNX Runtime could use here."""
    if library is None or not library.has_cuda:
        return Machine(no_gpu_reason=GPU_WHEEL_WANTED)
    devices = [path for path in Path("/dev").glob("nvidia[0-9]*") if path.name[6:].isdigit()]
    return Machine(gpu_count=len(devices))


def _nvidia_libraries() -> list[Path]:
    found: list[Path] = []
    nvidia = _package_folder("nvidia")
    if nvidia is not None:
        for name in NVIDIA_FOLDERS:
            found += sorted((nvidia / name / "lib").glob("lib*.so.*"), key=_rank)
    tensorrt = _package_folder("tensorrt_libs")
    if tensorrt is not None:
        found += sorted(tensorrt.glob("libnvinfer.so.*"))
        found += sorted(tensorrt.glob("libnvinfer_plugin.so.*"))
        found += sorted(tensorrt.glob("libnvonnxparser.so.*"))
    return found


def _rank(path: Path) -> tuple[int, str]:
    for place, start in enumerate(FIRST):
        if path.name.startswith(start):
            return place, path.name
    return len(FIRST), path.name


def _package_folder(name: str) -> Path | None:
    """Where a top-level package lies, found without running any of its code."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))

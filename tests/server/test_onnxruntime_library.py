# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys
from pathlib import Path

from penstock.backends.onnxruntime_library import OnnxRuntimeLibrary, find_machine, find_onnxruntime


def test_the_installed_library_is_found() -> None:
    library = find_onnxruntime()
    assert library is not None
    assert library.path.name.startswith("libonnxruntime.so")
    assert library.path.is_file()


def test_finding_the_library_does_not_import_its_package() -> None:
    code = (
        "import sys; from penstock.backends.onnxruntime_library import find_onnxruntime\n"
        "find_onnxruntime(); sys.exit('onnxruntime' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_cpu_build_offers_no_gpu_and_says_what_to_install(tmp_path: Path) -> None:
    machine = find_machine(OnnxRuntimeLibrary(path=tmp_path / "libonnxruntime.so.1"))
    assert machine.gpu_count == 0
    assert "pip install onnxruntime-gpu" in machine.no_gpu_reason


def test_a_build_with_the_cuda_provider_is_a_gpu_build(tmp_path: Path) -> None:
    library = OnnxRuntimeLibrary(path=tmp_path / "libonnxruntime.so.1")
    assert not library.has_cuda
    (tmp_path / "libonnxruntime_providers_cuda.so").touch()
    assert library.has_cuda

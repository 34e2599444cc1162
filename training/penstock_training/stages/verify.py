# SPDX-License-Identifier: Apache-2.0
"""verify: everything that can be checked of the package, before it is registered."""

from penstock_training.errors import PackageError
from penstock_training.files import write_json
from penstock_training.stages.package import PACKAGE_FOLDER
from penstock_training.steps import Step, StepRun

__all__ = ["STEP"]


def _run(run: StepRun) -> None:
    from penstock.package.checks import check_package

    manifest, checks = check_package(run.inputs["package"] / PACKAGE_FOLDER)
    told = [{"name": one.name, "passed": one.passed, "reason": one.reason} for one in checks]
    write_json(run.folder / "verification.json", {"digest": manifest.digest, "checks": told})
    failed = [one for one in checks if not one.passed]
    if failed:
        raise PackageError(
            f"The package does not pass: {failed[0].name}: {failed[0].reason}."
            + (f" And {len(failed) - 1} further checks." if failed[1:] else "")
        )


STEP = Step(name="verify", needs=("package",), run=_run)

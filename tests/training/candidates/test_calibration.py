# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from penstock_training.candidates.calibration import Isotonic, calibrated
from penstock_training.candidates.family import Array


def overconfident(rows: int, classes: int) -> tuple[Array, Array]:
    """Probabilities that are surer than they may be, and what came true."""
    chance = np.random.default_rng(0)
    logits = chance.normal(size=(rows, classes))
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    said = np.exp(3 * logits) / np.exp(3 * logits).sum(axis=1, keepdims=True)
    target = (true.cumsum(axis=1) > chance.random((rows, 1))).argmax(axis=1)
    return said, target


def log_loss(answers: Array, target: Array) -> float:
    return float(-np.log(answers[np.arange(len(target)), target]).mean())


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibrated_probabilities_lose_less(method: str, classes: int) -> None:
    said, target = overconfident(4000, classes)
    calibration = calibrated(method, said[:2000], target[:2000])  # type: ignore[arg-type]
    made = calibration.applied(said[2000:])
    np.testing.assert_allclose(made.sum(axis=1), 1)
    assert log_loss(made, target[2000:]) < log_loss(said[2000:], target[2000:]) - 0.1


def test_a_sigmoid_finds_the_factor_by_which_logits_are_too_large() -> None:
    said, target = overconfident(20_000, 2)
    calibration = calibrated("sigmoid", said, target)
    assert calibration.slopes[0] == pytest.approx(1 / 3, abs=0.03)


def test_an_isotonic_map_rises_and_is_nowhere_steeper_than_float32_can_follow() -> None:
    said, target = overconfident(2000, 2)
    calibration = calibrated("isotonic", said, target)
    assert isinstance(calibration, Isotonic)
    _, _, widths, matrix, _ = calibration.ramps()
    assert (matrix >= 0).all()
    assert (widths >= 2e-3 - 1e-12).all()
    grid = np.linspace(0, 1, 1001)
    made = calibration.applied(np.column_stack([1 - grid, grid]))[:, 1]
    assert (np.diff(made) >= -1e-12).all()


def test_a_model_that_says_one_thing_only_can_be_calibrated() -> None:
    said = np.full((10, 2), 0.5)
    target = np.array([0, 1] * 5)
    for method in ("sigmoid", "isotonic"):
        made = calibrated(method, said, target).applied(said)
        np.testing.assert_allclose(made, 0.5, atol=0.02)

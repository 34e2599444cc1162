# SPDX-License-Identifier: Apache-2.0
"""PyTorch modules that the team writes: [candidates] torch_module makes one of two widths."""

import copy
import importlib
import io
import logging
import sys
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from penstock_training.candidates.family import Array, Fitted, Training
from penstock_training.candidates.net import NetClassifier, NetRegressor
from penstock_training.errors import CandidateError

__all__ = ["fit"]

#: Passes over the rows after which a trial says how far it is.
STEP = 5
#: Passes without gain after which training stops, at most.
PATIENCE_MAX = 20
#: The graph's version of ONNX's operators: what torch's exporter writes by itself.
OPSET = 18


def fit(training: Training) -> Fitted:
    """Train one with Adam; keep the one whose loss on the validation rows was least.

    Raises:
        CandidateError: the module cannot be made, or not be exported.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(training.threads)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(training.seed)
            return _fit(training)
    finally:
        torch.set_num_threads(threads)


def _fit(training: Training) -> Fitted:
    parameters = dict(training.parameters)
    table, held_out = training.train, training.validation
    width = table.x.shape[1]
    module = _made(training, width)
    scale = _Scale(table.y, is_identity=training.is_classifier)
    optimizer = torch.optim.Adam(
        module.parameters(),
        lr=float(parameters.get("learning_rate", 3e-3)),
        weight_decay=float(parameters.get("weight_decay", 0.0)),
    )
    x = torch.from_numpy(table.x)
    y = torch.from_numpy(scale.inward(table.y))
    weights = torch.from_numpy(
        np.ones(len(table.y), np.float32)
        if table.weights is None
        else table.weights.astype(np.float32)
    )
    batch = min(int(parameters.get("batch_size", 64)), len(x))
    patience = min(training.patience, PATIENCE_MAX)
    served = _Served(module, scale, is_classifier=training.is_classifier)
    best, best_loss, best_state = 0, np.inf, None
    for done in range(1, (training.rounds or int(parameters.get("epochs", 100))) + 1):
        module.train()
        order = torch.randperm(len(x))
        for first in range(0, len(x), batch):
            rows = order[first : first + batch]
            if len(rows) == 1 and first:
                continue  # layers that normalise by batch take no single row
            optimizer.zero_grad()
            _loss(module(x[rows]), y[rows], weights[rows], training).backward()
            optimizer.step()
        if held_out is None:
            best = done
            continue
        answers = served.answer(held_out.x)
        loss = _held_out_loss(answers, held_out.y, is_classifier=training.is_classifier)
        if loss < best_loss:
            best, best_loss, best_state = done, loss, copy.deepcopy(module.state_dict())
        if done % STEP == 0:
            found = answers if training.is_classifier else answers[:, 0]
            training.report(done, partial(_same, found))
        if done - best >= patience:
            break
    if best_state is not None:
        module.load_state_dict(best_state)
    kind = NetClassifier if training.is_classifier else NetRegressor
    graph = _exported(served, width) if held_out is None else b""
    return Fitted(estimator=kind(graph, width, served.answer), rounds=max(best, 1))


def _made(training: Training, width: int) -> Any:
    """What MODULE:FUNCTION makes."""
    named = training.torch_module or ""
    module_name, _, function = named.partition(":")
    folder = training.folder or "."
    sys.path.insert(0, folder)
    try:
        make: Callable[[int, int], Any] = getattr(importlib.import_module(module_name), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise CandidateError(
            f"[candidates] torch_module is {named}, which cannot be found ({error}): wanted "
            f"MODULE:FUNCTION, of a module in {folder} or one that is installed."
        ) from None
    finally:
        sys.path.remove(folder)
    made = make(width, training.classes if training.is_classifier else 1)
    if not isinstance(made, torch.nn.Module):
        raise CandidateError(
            f"[candidates] torch_module {named} makes a {type(made).__name__}: wanted a "
            "torch.nn.Module."
        )
    return made


class _Scale:
    """Values as the module learns them: of mean 0 and deviation 1."""

    def __init__(self, y: Array, *, is_identity: bool) -> None:
        self.shift = 0.0 if is_identity else float(y.mean())
        self.size = 1.0 if is_identity else float(max(y.std(), 1e-12))
        self._is_identity = is_identity

    def inward(self, y: Array) -> Array:
        if self._is_identity:
            return y.astype(np.int64)
        return ((y - self.shift) / self.size).astype(np.float32)


class _Served(torch.nn.Module):  # type: ignore[misc]
    """The module with what makes its outputs answers: probabilities, or values."""

    def __init__(self, module: Any, scale: _Scale, *, is_classifier: bool) -> None:
        super().__init__()
        self.module = module
        self._is_classifier = is_classifier
        self._shift, self._size = scale.shift, scale.size

    def forward(self, features: Any) -> Any:
        """(n, outputs)."""
        found = self.module(features)
        if self._is_classifier:
            return torch.softmax(found, dim=1)
        return found * self._size + self._shift

    def answer(self, rows: Array) -> Array:
        """The same of arrays, as it is served."""
        self.eval()
        with torch.no_grad():
            found: Array = self(torch.from_numpy(np.ascontiguousarray(rows))).numpy()
        return found


def _loss(outputs: Any, y: Any, weights: Any, training: Training) -> Any:
    if training.is_classifier:
        losses = torch.nn.functional.cross_entropy(outputs, y, reduction="none")
    else:
        losses = torch.square(outputs[:, 0] - y)
    return (losses * weights).sum() / weights.sum()


def _held_out_loss(answers: Array, y: Array, *, is_classifier: bool) -> float:
    if not is_classifier:
        return float(np.square(answers[:, 0] - y).mean())
    likelihood = answers[np.arange(len(y)), y]
    return float(-np.log(np.maximum(likelihood, 1e-15)).mean())


def _same(answers: Array, _: Array) -> Array:
    return answers


def _exported(served: _Served, width: int) -> bytes:
    """The graph, by torch's exporter."""
    served.eval()
    example = torch.zeros(2, width)
    said = logging.getLogger("torch.onnx")
    level = said.level
    said.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # torch's own use of what it deprecates.
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                served,
                (example,),
                dynamo=True,
                opset_version=OPSET,
                input_names=["features"],
                output_names=["answers"],
                dynamic_shapes={"features": {0: torch.export.Dim("rows")}},
                verbose=False,
            )
        written = io.BytesIO()
        program.save(written)
    except Exception as error:  # torch has a class for each way of failing
        why = " ".join(str(error).split())[:300].rstrip(".")
        raise CandidateError(f"torch cannot export the module to ONNX: {why}.") from None
    finally:
        said.setLevel(level)
    return written.getvalue()

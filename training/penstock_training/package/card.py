# SPDX-License-Identifier: Apache-2.0
"""The model card: what a version is for, what it was made of, and how good it is. Markdown.

It says what the package's files say, and nothing that was timed, so that it is the same for the
same version. Of sensitive columns it has names alone.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from penstock.package import ModelSignature
from penstock_training.files import read_json
from penstock_training.package.parts import PackageParts
from penstock_training.package.smoke_rows import columns_of

__all__ = ["card_markdown", "plain"]

#: Rows of a table, and columns that a line names.
ROWS_MAX = 20
COLUMNS_MAX = 40
#: Paired tests, by their names in evaluation.json.
_TESTS = {
    "mcnemar_exact": "McNemar's test of right answers",
    "sign_flip": "a sign-flip test of squared errors",
}
#: Kinds of probes of which there is one for each column.
_ONE_COLUMN = frozenset({"missing column", "unknown category"})
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|!~$&])")


def card_markdown(parts: PackageParts, signature: ModelSignature, folder: Path) -> str:
    """The card of the package in `folder`, all of whose other files are there."""
    told = {name: _document(path) for name, path in parts.told.items()}
    evaluation = _document(folder / "evaluation.json")
    explanation = _document(folder / "explanation.json")
    lineage = _document(folder / "lineage.json")
    sections = [
        _head(parts),
        _problem(parts),
        _data(told),
        _split(told.get("split", {})),
        _features(signature),
        _choice(told.get("selection", {})),
        _quality(evaluation),
        _classes(evaluation),
        _parts_of_rows(evaluation),
        _robustness(evaluation),
        _importance(explanation),
        _pictures(folder),
        _origin(lineage),
        _use(parts, signature),
    ]
    return "\n".join(line for section in sections for line in section)


def plain(text: object) -> str:
    """`text` as Markdown that means nothing but itself, on one line."""
    return _MARKUP.sub(r"\\\1", " ".join(str(text).split()))


def _head(parts: PackageParts) -> list[str]:
    lines = [f"# {plain(parts.name)}", ""]
    for label, value in (
        ("", parts.package.description),
        ("Intended use: ", parts.package.intended_use),
        ("Owner: ", parts.package.owner),
    ):
        if value:
            lines += [f"{label}{plain(value)}", ""]
    return lines


def _problem(parts: PackageParts) -> list[str]:
    problem = parts.problem
    lines = [
        "## Problem",
        "",
        f"A {plain(problem.task)} task: the target is {plain(problem.target)}, "
        f"the metric that decides is {plain(problem.metric)}.",
        "",
    ]
    if problem.values:
        rows = [(plain(name), _number(worth)) for name, worth in sorted(problem.values.items())]
        lines += [*_table(("Outcome", "Value"), rows), ""]
    return lines


def _data(told: Mapping[str, Any]) -> list[str]:
    source, checked = told.get("source", {}), told.get("validation", {})
    rows = [
        ("Kind", source.get("kind")),
        ("Digest", source.get("digest")),
        ("Rows read", source.get("rows")),
        ("Rows accepted", checked.get("accepted")),
        ("Rows put aside", checked.get("quarantined")),
    ]
    known = [(label, plain(value)) for label, value in rows if value is not None]
    if not known:
        return []
    lines = ["## Data", "", *_table(("", ""), known), ""]
    reasons = checked.get("reasons")
    if isinstance(reasons, dict) and reasons:
        pairs = [(plain(reason), _number(count)) for reason, count in reasons.items()]
        lines += [*_table(("Put aside because of", "Rows"), pairs[:ROWS_MAX]), ""]
    for finding in _dicts(checked.get("findings"))[:ROWS_MAX]:
        lines.append(f"* {plain(finding.get('sentence', finding.get('check', '')))}")
    return lines if lines[-1] == "" else [*lines, ""]


def _beside(champion: Mapping[str, Any]) -> str:
    """The interval decides; the test is of right answers or squared errors, not of the metric."""
    metric = plain(champion.get("metric"))
    value, interval = _estimate({**champion, "value": champion.get("difference")})
    tested = _TESTS.get(str(champion.get("test")), "a paired test")
    return (
        f"Beside its champion: {plain(champion.get('outcome'))}. The champion's {metric} is "
        f"{_number(champion.get('champion'))}, this one's {_number(champion.get('value'))}: a "
        f"difference of {value}{f' ({interval})' if interval else ''}. By {tested}, p = "
        f"{_number(champion.get('p_value'))}."
    )


def _split(split: Mapping[str, Any]) -> list[str]:
    parts = split.get("parts")
    if not isinstance(parts, dict):
        return []
    rows = [
        (what, _number(parts[name].get("rows")))
        for name, what in (
            ("train", "train"),
            ("validation", "choose among candidates"),
            ("test", "judge the chosen one"),
        )
        if isinstance(parts.get(name), dict)
    ]
    method = f"Split: {plain(split.get('method'))}."
    return [method, "", *_table(("Rows that", "Count"), rows), ""]


def _features(signature: ModelSignature) -> list[str]:
    lines = ["## Inputs and outputs", ""]
    sensitive = signature.sensitive
    for tensor in signature.inputs:
        columns = columns_of(tensor)
        names = ", ".join(
            plain(one) + (" (sensitive)" if one in sensitive else "")
            for one in columns[:COLUMNS_MAX]
        )
        more = f" and {len(columns) - COLUMNS_MAX} more" if len(columns) > COLUMNS_MAX else ""
        shape = plain(list(tensor.shape))
        lines.append(f"* input {plain(tensor.name)}: {tensor.datatype} {shape}: {names}{more}")
    for tensor in signature.outputs:
        classes = ", ".join(map(plain, tensor.classes[:COLUMNS_MAX]))
        ending = f": {classes}" if classes else ""
        shape = plain(list(tensor.shape))
        lines.append(f"* output {plain(tensor.name)}: {tensor.datatype} {shape}{ending}")
    return [*lines, ""]


def _choice(selection: Mapping[str, Any]) -> list[str]:
    if not selection:
        return []
    lines = ["## Choice", ""]
    if why := selection.get("why"):
        lines += [plain(why), ""]
    rows = [
        (plain(one.get("family")), _number(one.get("score")))
        for one in _dicts(selection.get("ranking"))[:ROWS_MAX]
    ]
    if rows:
        lines += [*_table(("Candidate", "Score on validation rows"), rows), ""]
    parameters = selection.get("parameters")
    if isinstance(parameters, dict) and parameters:
        pairs = [(plain(key), _number(value)) for key, value in sorted(parameters.items())]
        lines += [*_table(("Parameter", "Value"), pairs[:ROWS_MAX]), ""]
    return lines


def _quality(evaluation: Mapping[str, Any]) -> list[str]:
    if not evaluation:
        return []
    lines = ["## Quality on test rows", ""]
    metrics = evaluation.get("metrics")
    if isinstance(metrics, dict) and metrics:
        rows = [(plain(name), *_estimate(value)) for name, value in sorted(metrics.items())]
        lines += [*_table(("Metric", "Value", "Interval"), rows), ""]
    verdict = evaluation.get("verdict")
    if isinstance(verdict, dict):
        word = "passed" if verdict.get("accepted") else "missed"
        lines += [f"What the spec asks for is {word}.", ""]
        checks = [plain(one.get("sentence", "")) for one in _dicts(verdict.get("checks"))]
        if checks:
            lines += [*(f"* {sentence}" for sentence in checks[:ROWS_MAX]), ""]
    champion = evaluation.get("champion")
    if isinstance(champion, dict):
        lines += [_beside(champion), ""]
    return lines


def _classes(evaluation: Mapping[str, Any]) -> list[str]:
    rows = [
        (
            plain(one.get("class")),
            *(_number(one.get(key)) for key in ("rows", "precision", "recall", "f1")),
        )
        for one in _dicts(evaluation.get("per_class"))[:ROWS_MAX]
    ]
    if not rows:
        return []
    head = ("Class", "Rows", "Precision", "Recall", "F1")
    return ["### By class", "", *_table(head, rows), ""]


def _robustness(evaluation: Mapping[str, Any]) -> list[str]:
    """Of the kinds that spoil a column alone, the column that it harms most."""
    worst: dict[str, Mapping[str, Any]] = {}
    for one in _dicts(evaluation.get("robustness")):
        kind = str(one.get("kind"))
        key = kind if kind in _ONE_COLUMN else str(one.get("name"))
        if key not in worst or _spoilt(one) > _spoilt(worst[key]):
            worst[key] = one
    if not worst:
        return []
    rows = [
        (plain(one.get("name")), _number(one.get("metric")), f"{_spoilt(one):.1%}")
        for one in worst.values()
    ]
    head = ("Rows are spoilt by", plain(evaluation.get("metric")), "Answers that change")
    return ["### Robustness", "", *_table(head, rows), ""]


def _spoilt(probe: Mapping[str, Any]) -> float:
    return float(probe.get("changed") or 0.0)


def _parts_of_rows(evaluation: Mapping[str, Any]) -> list[str]:
    lines = []
    for group in _dicts(evaluation.get("groups")):
        rows = [
            (plain(one.get("name")), _number(one.get("rows")), *_estimate(one))
            for one in _dicts(group.get("groups"))[:ROWS_MAX]
        ]
        head = ("Group", "Rows", plain(group.get("metric")), "Interval")
        lines += [f"### By {plain(group.get('column'))}", "", *_table(head, rows), ""]
    slices = [one for one in _dicts(evaluation.get("slices")) if one.get("is_significant")]
    if slices:
        rows = [
            (
                plain(one.get("name")),
                _number(one.get("rows")),
                _number(one.get("loss")),
                _number(one.get("loss_of_others")),
            )
            for one in slices[:ROWS_MAX]
        ]
        head = ("Rows with", "Rows", "Loss", "Loss of the others")
        lines += ["### Worst slices", "", *_table(head, rows), ""]
    return lines


def _importance(explanation: Mapping[str, Any]) -> list[str]:
    told = explanation.get("permutation")
    found = told if isinstance(told, dict) else {}
    rows = [
        (plain(one.get("column")), _number(one.get("mean")))
        for one in _dicts(found.get("columns"))[:ROWS_MAX]
    ]
    if not rows:
        return []
    head = ("Column", f"Loss of {plain(found.get('metric'))} without it")
    return ["## Importance", "", *_table(head, rows), ""]


def _pictures(folder: Path) -> list[str]:
    found = sorted((folder / "pictures").glob("*.png"))
    if not found:
        return []
    lines = ["## Pictures", ""]
    for picture in found:
        title = picture.stem.replace("-", ": ", 1).replace("_", " ")
        lines += [f"![{plain(title)}](pictures/{picture.name})", ""]
    return lines


def _origin(lineage: Mapping[str, Any]) -> list[str]:
    code, parent = lineage.get("code") or {}, lineage.get("parent") or {}
    serving = lineage.get("serving") or {}
    commit = code.get("commit")
    rows = [
        ("Code", f"{commit}{', with changes' if code.get('is_dirty') else ''}" if commit else None),
        ("Spec", lineage.get("spec_digest")),
        ("Seed", lineage.get("seed")),
        ("Parent", f"{parent.get('name')}, digest {parent.get('digest')}" if parent else None),
        ("Penstock", lineage.get("penstock")),
        ("Backend", serving.get("backend")),
        ("Not native", serving.get("reason") or None),
    ]
    known = [(label, plain(value)) for label, value in rows if value is not None]
    return ["## Origin", "", *_table(("", ""), known), ""] if known else []


def _use(parts: PackageParts, signature: ModelSignature) -> list[str]:
    names = ", ".join(f'"{tensor.name}": ...' for tensor in signature.inputs)
    return [
        "## Use",
        "",
        "```",
        "penstock verify DIR",
        "penstock serve --package DIR",
        f"mlflow.pyfunc.load_model(DIR).predict({{{names}}})",
        "```",
        "",
        f"smoke.json holds a request for /v2/models/{plain(parts.name)}/infer and its answer.",
        "",
    ]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return plain("" if value is None else value)


def _estimate(value: Any) -> tuple[str, str]:
    if not isinstance(value, dict):
        return _number(value), ""
    low, high = value.get("low"), value.get("high")
    interval = "" if low is None or high is None else f"{_number(low)} to {_number(high)}"
    return _number(value.get("value")), interval


def _dicts(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _document(path: Path) -> dict[str, Any]:
    found = read_json(path) if path.is_file() else {}
    return found if isinstance(found, dict) else {}

# SPDX-License-Identifier: Apache-2.0
"""`penstock quantize` as a person meets it."""

import json
from pathlib import Path

import numpy as np
import pytest
from tests.native.trained_nets import TrainedNet, cancer_net, hurt_net
from typer.testing import CliRunner, Result

from penstock.cli import app
from penstock.native.artifact import read_artifact, write_artifact
from penstock_client._proto import native_artifact_pb2 as pb

WEIGHTS = {
    "bf16": pb.Dense.BF16,
    "int8-static": pb.Dense.S8,
    "int8-dynamic": pb.Dense.S8,
    "int4": pb.Dense.U4,
}
#: All forms but the one that is none.
QUANTISED = "int8-static,int8-dynamic,mixed,int4,bf16"


def quantize(*arguments: str | Path) -> Result:
    runner = CliRunner(env={"COLUMNS": "160", "TERM": "dumb"})
    return runner.invoke(app, ["quantize", *map(str, arguments)])


def written(net: TrainedNet, folder: Path) -> tuple[Path, Path]:
    """The model and its rows as files."""
    write_artifact(net.model, folder / "net.pnst")
    lines = [",".join([*(f"p{i}" for i in range(net.x.shape[1])), "malign"])]
    lines += [",".join(map(str, [*x, y])) for x, y in zip(net.x, net.y, strict=True)]
    (folder / "rows.csv").write_text("\n".join(lines))
    return folder / "net.pnst", folder / "rows.csv"


def test_a_net_becomes_a_folder_for_a_repository_with_its_evidence(tmp_path: Path) -> None:
    model, data = written(cancer_net(), tmp_path)
    folder = tmp_path / "repository" / "net"
    done = quantize(
        model,
        *("--data", data, "--metric", "auc", "--label", "malign", "-o", folder),
        *("--forms", QUANTISED),
    )
    assert done.exit_code == 0, done.output
    assert "auc of output 'y' was 0.9" in done.output
    assert all(f"fc{layer}" in done.output for layer in (1, 2, 3))
    assert (folder / "config.pbtxt").read_text() == 'backend: "native"\n'
    found = read_artifact(folder / "1" / "model.pnst").manifest
    evidence = json.loads(found.evidence)
    assert f"{evidence['chosen']} is kept." in done.output
    (chosen,) = (form for form in evidence["forms"] if form["form"] == evidence["chosen"])
    assert chosen["passes"] and chosen["drop"] <= 0.001
    said = [WEIGHTS[layer["form"]] for layer in chosen["layers"]]
    assert [step.dense.weights for step in found.steps[1:]] == said
    assert (evidence["data"], evidence["label"]) == ("rows.csv", "malign")
    assert (folder / "quantization.svg").read_text().startswith("<svg")


def test_without_a_folder_nothing_is_written(tmp_path: Path) -> None:
    model, data = written(cancer_net(), tmp_path)
    before = model.read_bytes()
    done = quantize(model, "--data", data, "--metric", "accuracy", "--label", "malign")
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.pnst", "rows.csv"]
    assert model.read_bytes() == before


def test_a_refusal_names_the_nearest_form_and_writes_nothing(tmp_path: Path) -> None:
    model, data = written(hurt_net(), tmp_path)
    folder = tmp_path / "out"
    done = quantize(
        model,
        *("--data", data, "--metric", "auc", "--label", "malign", "-o", folder),
        *("--forms", "int8-static,int8-dynamic"),
    )
    assert done.exit_code == 1
    assert "penstock: no form keeps auc within 0.001" in done.stderr
    assert "fails" in done.output
    assert not folder.exists()


def test_where_only_float32_passes_it_is_said_that_nothing_is_quantised(tmp_path: Path) -> None:
    model, data = written(hurt_net(), tmp_path)
    done = quantize(
        model,
        *("--data", data, "--metric", "auc", "--label", "malign"),
        *("--forms", "int8-static,fp32"),
    )
    assert done.exit_code == 0, done.output
    assert "Nothing is quantised: fp32 is the fastest that passes." in done.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--metric", "auc"], "wanted labels in a column named 'label' or 'target' or 'y'"),
        (["--metric", "aux"], "metric 'aux' is not known"),
        (["--label", "right"], "wanted labels in column 'right'"),
        ([], "wanted 30 columns for input 'x'; found 31"),
        (["--label", "malign", "--answer", "p"], "wanted output 'p'; the model has 'y'"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    tmp_path: Path, options: list[str], message: str
) -> None:
    model, data = written(cancer_net(), tmp_path)
    done = quantize(model, "--data", data, *options)
    assert done.exit_code == 1
    assert message in " ".join(done.stderr.split())


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", x=np.zeros((3, 2)))
    for name, content in [("no.pnst", b"\x89PNST\r\n\x1a"), ("text.onnx", b"hello")]:
        path = tmp_path / name
        path.write_bytes(content)
        done = quantize(path, "--data", tmp_path / "rows.npz")
        assert done.exit_code == 1
        assert f"penstock: {path}: " in " ".join(done.stderr.split())
    done = quantize(tmp_path / "nowhere", "--data", tmp_path / "rows.npz")
    assert "nowhere cannot be read: No such file or directory." in done.stderr.replace("\n", "")

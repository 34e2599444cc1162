# SPDX-License-Identifier: Apache-2.0
"""A run of `penstock predict`: here its parts are put together.

files ─> source ─> pipeline(predictor) ─> parts ─> work folder ─> sink ─> output
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from penstock.cores import usable_cores
from penstock.errors import PredictError
from penstock.predict.columns import kept_columns
from penstock.predict.fingerprint import difference, fingerprint_of
from penstock.predict.model import OpenModel, open_model
from penstock.predict.options import PART_BYTES, PredictOptions
from penstock.predict.outputs import check_not_read, check_outputs, check_overwritten
from penstock.predict.parts import BAD_HEADER, Part, bad_lines_of, gathered, part_rows_of
from penstock.predict.pipeline import answered_in_order, one_behind
from penstock.predict.predictor import Answered, Predictor
from penstock.predict.progress import Progressing, QuietProgress
from penstock.predict.sinks import Sink, check_columns, open_sink
from penstock.predict.source import Chunk, InputFiles, Source, find_input, open_source
from penstock.predict.work_folder import WorkFolder, writing_to

__all__ = ["Outcome", "predict_file"]

#: Of a run, as (its source, its predictor, the first part that is wanted, rows of a part).
Answering = Callable[[Source, Predictor, int, int], Iterator[Part]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run went. `resumed_rows`: those that an earlier run had answered."""

    rows: int
    bad: int
    resumed_rows: int
    model: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Job:
    """A run that can be begun: everything has been looked at."""

    options: PredictOptions
    files: InputFiles
    source: Source
    predictor: Predictor
    part_rows: int
    fingerprint: dict[str, Any]
    model: OpenModel


def predict_file(options: PredictOptions, progress: Progressing | None = None) -> Outcome:
    """Answers to all rows of the input, in the output, which appears when it is whole.

    A run that was interrupted is gone on with: the output is then, byte for byte, that of a run
    that was not.

    Raises:
        PenstockError: the model, the input or the output is not as it must be.
    """
    check_outputs(options)
    folder = WorkFolder(options.output)
    if folder.ended_with() is None:
        check_overwritten(options)
    job = _job(options)
    with folder.held():
        if (ended := folder.ended_with()) is not None:
            if not difference(ended["begun"], job.fingerprint):
                folder.remove()
                return Outcome(**ended["outcome"])
            check_overwritten(options)
            folder.begin(job.fingerprint)
        return _run(job, folder, progress or QuietProgress())


def _job(options: PredictOptions) -> _Job:
    files = find_input(options.input)
    marks = files.marks()
    check_not_read(options, files)
    source = open_source(files, options.bounds)
    kept = kept_columns(source.schema, options.keep)
    model = open_model(
        options.model,
        registry=options.registry,
        registry_allow_code=options.registry_allow_code,
        public_keys=options.public_keys,
    )
    predictor = Predictor(model, source.schema, feature_columns=options.feature_columns, kept=kept)
    check_columns(options.output, predictor.schema_out)
    answers = sum(one.width * 8 for one in predictor.outputs)
    row_bytes = answers + (source.row_bytes if kept else 0)
    part_rows = part_rows_of(row_bytes, rows_max=options.part_rows, bytes_max=PART_BYTES)
    return _Job(
        options=options,
        files=files,
        source=source,
        predictor=predictor,
        part_rows=part_rows,
        fingerprint=fingerprint_of(
            options,
            model=model.digest,
            input_marks=marks,
            kept=kept,
            part_rows=part_rows,
            schema=predictor.schema_out.to_string(show_schema_metadata=False),
        ),
        model=model,
    )


def _first_part(job: _Job, folder: WorkFolder) -> int:
    """The number of the first part that is not there yet.

    Raises:
        PredictError: what was begun is not what is wanted now.
    """
    begun = folder.begun_with()
    if begun is None or job.options.restarts:
        folder.begin(job.fingerprint)
        return 0
    if changed := difference(begun["begun"], job.fingerprint):
        raise PredictError(
            f"{changed} since the run that {folder.path} keeps was interrupted: add --restart to "
            "begin anew."
        )
    return folder.parts()


def _run(job: _Job, folder: WorkFolder, progress: Progressing) -> Outcome:
    first = _first_part(job, folder)
    written = _Written(job, folder, progress)
    if first:
        progress.gone_on(first * job.part_rows)
    answering = _on_ray(job) if job.options.ray else _here(job.options)
    with _open(job, folder) as sink:
        for number in range(first):
            written.old(number, sink)
        with one_behind(partial(written.new, sink=sink)) as writer:
            for part in answering(job.source, job.predictor, first, job.part_rows):
                writer.take(part)
            writer.finish()
    if job.files.marks() != {name: list(m) for name, m in job.fingerprint["input"].items()}:
        raise PredictError(f"{job.files.shown} has changed while it was read: add --restart.")
    if written.rows and written.bad == written.rows:
        folder.remove()
        raise PredictError(
            f"None of {written.rows} rows can be answered. The first: {written.first_bad}."
        )
    outcome = Outcome(
        rows=written.rows,
        bad=written.bad,
        resumed_rows=min(first * job.part_rows, written.rows),
        model=job.model.name,
        version=job.model.version,
    )
    written.write_bad_rows()
    folder.finish(job.fingerprint, asdict(outcome))
    return outcome


@contextmanager
def _open(job: _Job, folder: WorkFolder) -> Iterator[Sink]:
    """The output, of which nobody knows yet; it is whole if the block ends well."""
    with folder.writing():
        sink = open_sink(folder.partial, job.predictor.schema_out)
    try:
        yield sink
    except BaseException:
        with suppress(OSError, PredictError):  # what went wrong is told already
            sink.close()
        raise
    with folder.writing():
        sink.close()


class _Written:
    """Parts on their way to the output, and what is known of them."""

    def __init__(self, job: _Job, folder: WorkFolder, progress: Progressing) -> None:
        self._job = job
        self._folder = folder
        self._progress = progress
        self._parts = 0
        self.rows = 0
        self.bad = 0
        self.first_bad = ""

    def old(self, number: int, sink: Sink) -> None:
        """A part that an earlier run has left."""
        table = self._folder.part(number, self._job.predictor.schema_out)
        with self._folder.writing():
            sink.write(table)
        self._count(table.num_rows, bad_lines_of(self._folder.bad_lines(number)))

    def new(self, part: Part, sink: Sink) -> None:
        """A part that was answered just now: it is kept, then written."""
        if part.number != self._parts:
            raise PredictError(
                f"{self._job.files.shown} has changed while it was read: add --restart."
            )
        table = part.table(self._job.predictor.schema_out)
        bad = part.bad_lines
        most = self._job.options.bad_rows_max
        if most is not None and self.bad + len(bad) > most:
            first = self.first_bad or bad[0].decode().strip()
            raise PredictError(
                f"More than {most} rows cannot be answered, which is what --max-bad-rows allows. "
                f"The first: {first}."
            )
        self._folder.keep(part.number, table, b"".join(bad))
        with self._folder.writing():
            sink.write(table)
        self._count(part.rows, bad)
        self._progress.at(self.rows, self._job.source.rows, part.read, self.bad)

    def _count(self, rows: int, bad: list[bytes]) -> None:
        self._parts += 1
        self.rows += rows
        self.bad += len(bad)
        if bad and not self.first_bad:
            self.first_bad = bad[0].decode().strip()

    def write_bad_rows(self) -> None:
        """The list of bad rows, if there are any; one of an earlier output is removed."""
        path = self._job.options.bad_rows_file
        with writing_to(path):
            if not self.bad:
                path.unlink(missing_ok=True)
                return
            beside = path.with_name(f".{path.name}.partial")
            with beside.open("wb") as file:
                file.write(BAD_HEADER)
                for number in range(self._parts):
                    file.write(self._folder.bad_lines(number))
            beside.replace(path)


def _here(options: PredictOptions) -> Answering:
    threads = options.threads or usable_cores()

    def answering(
        source: Source, predictor: Predictor, first: int, part_rows: int
    ) -> Iterator[Part]:
        def answer(chunk: Chunk) -> Answered:
            return predictor.answer_chunk(chunk)

        chunks = source.chunks(predictor.columns, first * part_rows, part_rows)
        yield from gathered(answered_in_order(chunks, answer, threads=threads), part_rows)

    return answering


def _on_ray(job: _Job) -> Answering:
    try:
        from penstock.predict.ray_data import on_ray
    except ImportError as error:
        raise PredictError(
            f"Ray cannot be imported ({error}): `pip install 'penstock[predict,ray]'`."
        ) from None

    return on_ray(job.options, job.model.digest)

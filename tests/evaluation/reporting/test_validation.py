"""A validation: the sections of a table alone, those that further inputs add, and the files."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from eyeground.data.predictions import Predictions, validated_predictions
from eyeground.errors import UserError
from eyeground.evaluation.reporting.validation import (
    Presentation,
    ReportInputs,
    Request,
    evaluated,
    external_remark,
    sections_of,
    write_validation,
)
from eyeground.evaluation.robustness.corrupted_predictions import CLEAN, CorruptedPredictions, read_corrupted

REQUEST = Request(resamples=20)
ALONE = [
    "methods", "flow", "discrimination", "operating_points", "calibration", "decision_curve", "subgroups", "shortcuts",
]  # fmt: skip


@pytest.fixture
def made(study) -> Predictions:
    table = study(40, seed=1).assign(split=["validation"] * 40 + ["test"] * 40)
    return validated_predictions(table.assign(sex=np.repeat(["female", "male"], 2).tolist() * 20), "table")


@pytest.fixture
def corrupted(made) -> CorruptedPredictions:
    worse = made.table.assign(probability_dr=0.5 + (made.table["probability_dr"] - 0.5) * 0.5)
    return CorruptedPredictions(made, {("haze", 3): validated_predictions(worse, "haze")})


def keys(made: Predictions, inputs: ReportInputs) -> list[str]:
    return [section.key for section in sections_of(evaluated(made, REQUEST), made, REQUEST, inputs)]


def test_a_table_alone_gives_every_section_that_needs_no_more(made):
    assert keys(made, ReportInputs()) == ALONE


def test_further_inputs_add_sections(made, study, corrupted):
    elsewhere = validated_predictions(study(30, seed=5), "elsewhere")
    assert keys(made, ReportInputs(external={"elsewhere": elsewhere}, corrupted=corrupted)) == [
        *ALONE,
        "external",
        "robustness",
    ]


def test_everything_is_written_and_photos_are_named_only_in_the_table_beside_it(made, tmp_path):
    evaluation = evaluated(made, REQUEST)
    presentation = Presentation("A <b>title</b>", "eyeground evaluate table.csv")
    write_validation(evaluation, made, REQUEST, ReportInputs(), presentation, tmp_path)
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {
        "metrics.json", "metrics.csv", "metrics.md", "flow.csv", "results.csv", "failures.csv", "figures", "tables",
        "checklist.json", "report.html",
    }  # fmt: skip
    report = (tmp_path / "report.html").read_text()
    assert "A &lt;b&gt;title&lt;/b&gt;" in report
    errors = pd.read_csv(tmp_path / "failures.csv")
    assert len(errors) > 0
    assert not any(photo in report for photo in made.table["photo"])
    assert f"{evaluation.outputs[0].estimate('auroc').value:.3f}" in report
    assert {"calibration", "subgroups"} <= set(pd.read_csv(tmp_path / "results.csv")["section"])
    answered = json.loads((tmp_path / "checklist.json").read_text())
    assert len(answered["checklists"]) == 3


def test_predictions_of_corrupted_photos_are_read_as_they_were_written(corrupted, tmp_path):
    corrupted.table().to_parquet(tmp_path / "corrupted.parquet")
    read = read_corrupted(tmp_path / "corrupted.parquet")
    assert list(read.corrupted) == [("haze", 3)]
    pd.testing.assert_series_equal(read.clean.table["probability_dr"], corrupted.clean.table["probability_dr"])
    np.testing.assert_array_equal(
        read.corrupted["haze", 3].table["probability_dr"], corrupted.corrupted["haze", 3].table["probability_dr"]
    )


@pytest.mark.parametrize(
    ("corrupt", "message"),
    [
        (lambda table: table.drop(columns="corruption"), "no column 'corruption'"),
        (lambda table: table.assign(severity="much"), "no severity"),
        (lambda table: table[table["corruption"] != CLEAN[0]], "no clean photos"),
    ],
)
def test_a_table_without_corruptions_is_refused_with_the_reason(corrupted, tmp_path, corrupt, message):
    corrupt(corrupted.table()).to_parquet(tmp_path / "corrupted.parquet")
    with pytest.raises(UserError, match=message):
        read_corrupted(tmp_path / "corrupted.parquet")


def test_a_table_of_sources_that_the_bundle_was_not_trained_on_is_external(made, tmp_path, tiny_bundle):
    trained = tiny_bundle(tmp_path / "bundle").description
    training = trained.training.model_copy(update={"sources": ("odir5k",)})
    inputs = ReportInputs(description=trained.model_copy(update={"training": training}))
    elsewhere = validated_predictions(made.table.assign(source="idrid"), "table")
    request = Request(resamples=10, remarks=external_remark(elsewhere, inputs.description))
    write_validation(evaluated(elsewhere, request), elsewhere, request, inputs, Presentation("t", "c"), tmp_path)
    assert set(pd.read_csv(tmp_path / "metrics.csv")["dataset"]) == {"idrid"}
    report = (tmp_path / "report.html").read_text()
    assert "External validation: tiny was trained on odir5k, and these photos are of idrid" in report
    assert "external validation on idrid" in report and "--every-photo" in report
    assert external_remark(made, inputs.description) == () == external_remark(elsewhere, None)


def test_an_error_found_late_leaves_no_files(made, tmp_path):
    request = Request(resamples=10, subgroups=("site",))
    with pytest.raises(UserError, match="site"):
        write_validation(
            evaluated(made, request), made, request, ReportInputs(), Presentation("t", "c"), tmp_path / "o"
        )
    assert not (tmp_path / "o").exists()


def test_results_hold_every_estimate_of_every_section_once(made, study, corrupted, tmp_path):
    elsewhere = validated_predictions(study(30, seed=5), "elsewhere")
    inputs = ReportInputs(external={"elsewhere": elsewhere}, corrupted=corrupted)
    evaluation = evaluated(made, REQUEST)
    write_validation(evaluation, made, REQUEST, inputs, Presentation("Title", "eyeground evaluate"), tmp_path)
    results, metrics = pd.read_csv(tmp_path / "results.csv"), pd.read_csv(tmp_path / "metrics.csv")
    assert list(results.columns) == [
        "section", "output", "subset", "metric", "operating_point", "value", "low", "high", "p", "p_adjusted",
        "photos", "patients", "positives", "note",
    ]  # fmt: skip
    assert not results.duplicated(["section", "output", "subset", "metric", "operating_point"]).any()
    held = [row for section in sections_of(evaluation, made, REQUEST, inputs) for row in section.results]
    stored = sum(len(output.all_estimates()) for output in evaluation.outputs)
    assert len(results) == stored + len(held)
    assert set(results["section"]) == {*ALONE[2:], "external", "robustness"}
    assert results.loc[results["value"].isna() | results["low"].isna(), "note"].notna().all()
    (theirs,) = results.query("section == 'external' and subset == 'elsewhere' and metric == 'auroc'")["value"]
    assert theirs == metrics.query("dataset == 'elsewhere' and metric == 'auroc'")["value"].item()
    gaps = results[results["metric"].str.endswith("_gap") & results["p"].notna()]
    assert len(gaps) and (gaps["p_adjusted"] >= gaps["p"]).all()


def report_of(made: Predictions, request: Request, folder: Path) -> str:
    evaluation = evaluated(made, request)
    presentation = Presentation("Title", "eyeground evaluate table.csv")
    write_validation(evaluation, made, request, ReportInputs(), presentation, folder)
    return (folder / "report.html").read_text()


def test_where_photos_stand_as_patients_the_report_counts_photos_and_says_so(made, study, tmp_path):
    unknown = validated_predictions(study(40, seed=1).assign(patient=lambda table: table["photo"]), "table")
    report = report_of(unknown, Request(resamples=20, rules=("threshold=0.5",)), tmp_path / "unknown")
    assert "Patients are unknown" in report and "80 photos of unknown patients" in report
    assert "80 patients" not in report and ">Patients</th>" not in report
    assert "80 photos of unknown patients" in (tmp_path / "unknown" / "metrics.md").read_text()
    known = report_of(made, REQUEST, tmp_path / "known")
    assert "40 photos of 20 patients" in known and ">Patients</th>" in known and "unknown patients" not in known


def test_the_boxes_show_the_threshold_that_was_given_and_never_the_optimistic_one(study, tmp_path):
    made = validated_predictions(study(40, seed=1), "table")
    both = report_of(made, Request(resamples=20, rules=("youden", "threshold=0.5")), tmp_path / "both")
    boxes = both.split('<section class="summary"')[1].split("</section>")[0]
    assert "at 0.5 (given beforehand)" in boxes and "optimistic" not in boxes
    alone = report_of(made, Request(resamples=20, rules=("youden",)), tmp_path / "alone")
    boxes = alone.split('<section class="summary"')[1].split("</section>")[0]
    assert "AUROC" in boxes and "Sensitivity" not in boxes


def test_notes_of_the_evaluation_stand_in_the_report(study, tmp_path):
    made = validated_predictions(study(40, seed=1), "table")
    report = report_of(made, Request(resamples=20, rules=("threshold=0.5",)), tmp_path)
    notes = {row.rsplit("|", 2)[1].strip() for row in (tmp_path / "metrics.md").read_text().splitlines() if "|" in row}
    told = [note for note in notes if note and note not in ("note", "---", "unknown", "called negative")]
    told = [note for note in told if " " in note and any(letter.isalpha() for letter in note)]
    assert told and all(note in report for note in told)
    assert "times those predicted" in report and "log odds" in report

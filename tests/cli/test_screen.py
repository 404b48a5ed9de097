"""`screen` at the command line: its operating point, and what it says of it."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch
from PIL import Image

from eyeground.bundle.description import AnswerRules, TrainingRecord
from eyeground.bundle.model_info import ModelInfo
from eyeground.cli import main
from eyeground.config.operating_point import DecisionRule, Share
from eyeground.config.targets import Target
from eyeground.config.training_recipe import Architecture, Preprocessing
from eyeground.datasets.synthetic import render
from eyeground.models.classifier import Classifier
from eyeground.models.export import export_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    classifier = Classifier(
        Architecture(backbone="test_resnet"), Preprocessing(side=48), [Target(name="abnormal"), Target(name="amd")]
    )
    record = TrainingRecord(
        manifest_fingerprint="0" * 64,
        photos=9,
        patients=9,
        initialisation="scratch",
        method="pretrain",
        epochs=0,
        seed=0,
    )
    other = DecisionRule(
        rule="sensitivity=0.95",
        thresholds={"abnormal": 0.0, "amd": 0.3},
        chosen_on="validation",
        positives=40,
        negatives=60,
        sensitivity=Share(value=0.9, low=0.8, high=0.95, photos=50),
        specificity=Share(value=0.5, low=0.4, high=0.6, photos=50),
    )
    first = other.model_copy(update={"rule": "youden", "thresholds": {"abnormal": 0.5}})
    return export_bundle(
        classifier,
        tmp_path_factory.mktemp("bundles") / "tiny",
        ModelInfo(
            name="tiny",
            training=record,
            answers=AnswerRules(decisions=(first, other), without_threshold={"amd": "few patients"}),
            card="# tiny\n",
            licence="apache-2.0",
        ),
    ).folder


@pytest.fixture
def screen(bundle: Path, tmp_path: Path) -> Callable[..., int]:
    (tmp_path / "photos").mkdir()
    Image.fromarray(render("normal", height=120, width=120, seed=1).pixels).save(tmp_path / "photos" / "eye.png")

    def run(*options: str) -> int:
        output = ["-o", str(tmp_path / "out"), "--jobs", "1"]
        return main(["screen", str(tmp_path / "photos"), "--bundle", str(bundle), *output, *options])

    return run


def test_the_asked_for_threshold_decides_and_its_cost_is_told(screen, tmp_path, capsys) -> None:
    assert screen("--operating-point", "sensitivity=0.95", "--prevalence", "0.2") == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "of 1,000 photos with 200 abnormal ones 580 are called abnormal: 180 of those found, 20 missed" in printed
    row = pd.read_csv(tmp_path / "out" / "results.csv").iloc[0]
    assert (
        row["threshold_abnormal"] == 0.0
        and row["threshold_amd"] == 0.3
        and row["operating_point"] == "sensitivity=0.95"
    )


def test_with_another_threshold_photos_are_screened_anew(screen, tmp_path, capsys) -> None:
    assert screen() == 0
    capsys.readouterr()
    assert screen("--operating-point", "threshold=0.25") == 2, "other findings are not replaced without a word"
    assert screen("--operating-point", "threshold=0.25", "--overwrite") == 0
    row = pd.read_csv(tmp_path / "out" / "results.csv").iloc[0]
    assert (row["threshold_abnormal"] == 0.25 and "0.25" in row["reason"]) or row["status"] == "ungradable"
    assert "was not measured" in capsys.readouterr().out


def test_one_that_is_not_offered_is_one_sentence(screen, tmp_path, capsys) -> None:
    assert screen("--operating-point", "sensitivity=0.9") == 2
    printed = capsys.readouterr().err
    assert "it offers youden, sensitivity=0.95, or threshold=0.5" in printed and "Traceback" not in printed
    assert not (tmp_path / "out").exists()


def test_a_clinics_own_table_is_screened_and_its_columns_are_kept(screen, tmp_path, capsys) -> None:
    table = tmp_path / "clinic.csv"
    table.write_text("File;MRN;Side;Accession;status;age\nphotos/eye.png;AB-7;OD;0042;urgent;n.k.\n")
    given = ["--column", "photo=File, patient=MRN", "--column", "eye=Side", "--keep", "Accession", "--keep", "status"]
    assert screen(str(table), *given) == 0
    rows = pd.read_csv(tmp_path / "out" / "results.csv", dtype=str)
    assert len(rows) == 1
    row = rows.iloc[0]
    assert (row["patient"], row["eye"], row["Accession"], row["kept_status"]) == ("AB-7", "right", "0042", "urgent")
    assert row["status"] != "urgent"
    assert pd.read_parquet(tmp_path / "out" / "results.parquet")["Accession"].tolist() == ["0042"]
    assert "AB-7" not in (tmp_path / "out" / "report.html").read_text()


def test_columns_of_no_table_are_a_mistake(screen, capsys) -> None:
    assert screen("--keep", "mrn") == 2
    assert "none is named" in capsys.readouterr().err


def test_cells_that_excel_would_run_are_text_in_csv_where_that_is_asked_for(bundle: Path, tmp_path: Path) -> None:
    Image.fromarray(render("normal", height=120, width=120, seed=1).pixels).save(tmp_path / "=1+1.png")
    rows = {"photo": ["=1+1.png"], "patient": ["@SUM(A1)"], "eye": ["left"], "+note": ["-2+3"]}
    pd.DataFrame(rows).to_csv(tmp_path / "clinic.csv", index=False)
    command = ["screen", str(tmp_path / "clinic.csv"), "--bundle", str(bundle), "--keep", "+note", "--jobs", "1"]
    out = tmp_path / "out"
    assert main([*command, "-o", str(out), "--for-spreadsheets"]) == 0
    row = pd.read_csv(out / "results.csv").iloc[0]
    assert (row["photo"], row["patient"], row["'+note"]) == ("'=1+1.png", "'@SUM(A1)", "'-2+3")
    assert 0 <= row["probability_abnormal"] <= 1
    for table in ("eyes.csv", "patients.csv"):
        of_patient = pd.read_csv(out / table).iloc[0]
        assert (of_patient["patient"], of_patient["photo"]) == ("'@SUM(A1)", "'=1+1.png")
    assert pd.read_parquet(out / "results.parquet").loc[0, "photo"] == "=1+1.png"
    assert main([*command, "-o", str(out)]) == 0
    assert pd.read_csv(out / "results.csv").loc[0, "photo"] == "=1+1.png"

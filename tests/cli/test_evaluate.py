"""`eyeground evaluate` as a user meets it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from eyeground.cli import main


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    """Sixty patients with two eyes each, in the words of somebody else."""
    generator = np.random.default_rng(0)
    truth = (generator.random(120) < 0.4).astype(int)
    score = 1 / (1 + np.exp(-2 * truth + 1 - generator.normal(size=120)))
    names = [f"{'north' if index % 2 else 'south'}/{index:03}.jpg" for index in range(120)]
    foreign = pd.DataFrame({"File name": names, "id": np.repeat(np.arange(60), 2), "Label": truth, "Score": score})
    foreign.to_csv(tmp_path / "foreign.csv", index=False)
    return foreign


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["evaluate", *arguments, "--resamples", "20"])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


COLUMNS = "photo=File name, patient=id, truth:dr=Label, probability:dr=Score, source=folder(File name)"


def test_a_foreign_table_becomes_a_report(table, tmp_path, capsys) -> None:
    code, out, _ = run(
        capsys,
        str(tmp_path / "foreign.csv"),
        "--columns",
        COLUMNS,
        "--rule",
        "threshold=0.5",
        "-o",
        str(tmp_path / "o"),
    )
    assert code == 0
    assert "report.html" in out
    metrics = pd.read_csv(tmp_path / "o" / "metrics.csv").set_index("metric")
    called = table["Score"] >= 0.5
    assert metrics.loc["sensitivity", "value"] == pytest.approx(called[table["Label"] == 1].mean())
    subsets = pd.read_csv(tmp_path / "o" / "results.csv")["subset"].dropna().astype(str)
    assert subsets.str.contains("north").any()


def test_external_datasets_stand_beside(table, tmp_path, capsys) -> None:
    ours = table.rename(columns={"File name": "photo", "id": "patient", "Label": "truth_dr", "Score": "probability_dr"})
    ours.to_csv(tmp_path / "ours.csv", index=False)
    ours.iloc[:60].to_csv(tmp_path / "theirs.csv", index=False)
    given = [str(tmp_path / "ours.csv"), "--external", f"theirs={tmp_path / 'theirs.csv'}", "-o", str(tmp_path / "o")]
    assert run(capsys, *given)[0] == 0
    assert "theirs" in (tmp_path / "o" / "report.html").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--external", "theirs.csv"], "expected NAME=PATH"),
        (["--external", "a=b.csv", "--external", "a=c.csv"], "'a' is given twice"),
        (["--contamination", "a=b"], "not an external dataset"),
        (["--rule", "best"], "not a rule"),
        (["--prevalence", "2"], "prevalence"),
        (["--target", "amd"], "no output 'amd'"),
        (["--run", "nowhere"], "nowhere"),
        (["--photos", "nowhere"], "nowhere"),
        (["--subgroup", "site"], "site"),
        (["--columns", "photo=Nmae"], "Nmae"),
    ],
)
def test_mistakes_are_named(table, tmp_path, capsys, options: list[str], message: str) -> None:
    own = [] if "--columns" in options else ["--columns", COLUMNS]
    code, _, error = run(capsys, str(tmp_path / "foreign.csv"), *own, *options, "-o", str(tmp_path / "o"))
    assert code == 2
    assert message in error
    assert "Traceback" not in error


def test_bad_ages_are_refused_at_reading_with_file_row_and_count(table, tmp_path, capsys) -> None:
    ages = ["061Y", "64 y", "", "45", "n/a", "-1", "abc", "200"] * 15
    ours = table.rename(columns={"File name": "photo", "id": "patient", "Label": "truth_dr", "Score": "probability_dr"})
    ours.assign(age=ages).to_csv(tmp_path / "ages.csv", index=False)
    code, _, error = run(capsys, str(tmp_path / "ages.csv"), "-o", str(tmp_path / "o"))
    assert code == 2 and not (tmp_path / "o").exists()
    assert "ages.csv, row 6 (and 59 more rows): 'age' is 'n/a'" in " ".join(error.split())
    ours.assign(age=ages[:4] * 30, eye=["OD", "L"] * 60, sex=["F", "w", "M", "male"] * 30).to_csv(
        tmp_path / "ages.csv", index=False
    )
    assert run(capsys, str(tmp_path / "ages.csv"), "-o", str(tmp_path / "o"))[0] == 0
    found = pd.read_csv(tmp_path / "o" / "results.csv").query("section == 'subgroups'")["subset"].unique()
    assert {"eye=left", "eye=right", "sex=female", "sex=male", "age=60–69", "age=unknown"} <= set(found)
    assert not [one for one in found if one.startswith(("eye=", "sex=")) and one.split("=")[1] in ("OD", "F", "w")]


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("scores", [(0.2, 0.8), (0.0, 1.0), (0.1, 0.5, 0.9), (0, 0.001, 1)])
def test_tied_probabilities_warn_of_nothing(table, tmp_path, capsys, scores: tuple[float, ...]) -> None:
    tied = np.random.default_rng(1).choice(scores, len(table))
    ours = table.rename(columns={"File name": "photo", "id": "patient", "Label": "truth_dr"}).drop(columns="Score")
    ours.assign(probability_dr=np.where(table["Score"] > 0.8, scores[-1], tied)).to_csv(tmp_path / "t.csv", index=False)
    code, _, error = run(capsys, str(tmp_path / "t.csv"), "-o", str(tmp_path / "o"))
    assert code == 0 and "Warning" not in error


def test_a_report_shows_no_folder_of_its_maker(table, tmp_path, capsys, monkeypatch) -> None:
    given = [str(tmp_path / "foreign.csv"), "--columns", COLUMNS, f"--output={tmp_path / 'o'}"]
    monkeypatch.setattr("sys.argv", ["/opt/bin/eyeground", "evaluate", *given])
    assert run(capsys, *given)[0] == 0
    report = (tmp_path / "o" / "report.html").read_text()
    assert str(tmp_path) not in report and "foreign.csv" in report and "--output=o" in report


def test_outputs_without_a_truth_are_reported_and_have_no_empty_sections(table, tmp_path, capsys) -> None:
    ours = table.rename(columns={"File name": "photo", "id": "patient", "Label": "truth_dr", "Score": "probability_dr"})
    wide = ours.assign(truth_amd=np.nan, probability_amd=0.5)
    wide.to_csv(tmp_path / "wide.csv", index=False)
    code, out, _ = run(capsys, str(tmp_path / "wide.csv"), "-o", str(tmp_path / "o"))
    assert code == 0 and "no truth is known" in out and "amd" in out
    assert set(pd.read_csv(tmp_path / "o" / "metrics.csv")["output"]) == {"dr"}
    wide.assign(truth_dr=np.nan).to_csv(tmp_path / "none.csv", index=False)
    code, _, error = run(capsys, str(tmp_path / "none.csv"), "-o", str(tmp_path / "n"))
    assert code == 2 and "no truth is known of any output" in error and not (tmp_path / "n").exists()


def test_external_results_are_in_metrics_with_the_name_of_their_dataset(table, tmp_path, capsys) -> None:
    ours = table.rename(columns={"File name": "photo", "id": "patient", "Label": "truth_dr", "Score": "probability_dr"})
    ours.to_csv(tmp_path / "ours.csv", index=False)
    ours.iloc[:60].to_csv(tmp_path / "theirs.csv", index=False)
    given = [str(tmp_path / "ours.csv"), "--external", f"theirs={tmp_path / 'theirs.csv'}", "-o", str(tmp_path / "o")]
    assert run(capsys, *given, "--rule", "threshold=0.5")[0] == 0
    metrics = pd.read_csv(tmp_path / "o" / "metrics.csv").set_index(["dataset", "metric"])
    assert set(metrics.index.get_level_values("dataset")) == {"internal", "theirs"}
    assert metrics.loc[("theirs", "auroc"), "n_photos"] == 60
    assert metrics.loc[("theirs", "sensitivity"), "chosen_on"] == "given"
    assert not [name for _, name in metrics.index if name.endswith("_gap")]


def test_an_output_folder_that_is_a_file_is_refused_before_any_work(tmp_path, capsys) -> None:
    (tmp_path / "o").write_text("mine")
    code, _, error = run(capsys, "nowhere.csv", "-o", str(tmp_path / "o"))
    assert code == 2 and "is a file" in error

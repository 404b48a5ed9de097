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
    subsets = pd.read_csv(tmp_path / "o" / "sections.csv")["subset"].dropna().astype(str)
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
        (["--contamination", "a=b"], "no external dataset"),
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

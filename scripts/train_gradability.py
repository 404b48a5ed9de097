"""Trains the model of gradability, and measures it: writes `imaging/grader.json` and docs/results/gradability.

.venv/bin/python scripts/train_gradability.py path/to/datasets odir-split.csv
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import typer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from eyeground.config.training_recipe import Preprocessing
from eyeground.core.machine import processes, usable_cores
from eyeground.core.progress import track
from eyeground.data.manifest import Manifest, read_manifest
from eyeground.data.predictions import validated_predictions
from eyeground.datasets import DATASETS
from eyeground.evaluation import evaluate
from eyeground.imaging.corruptions import CORRUPTIONS, corrupt
from eyeground.imaging.grader import FILE, Grader
from eyeground.imaging.quality_measures import Measures, measure
from eyeground.imaging.standard import StandardPhoto, standard_photo

OUTPUT = Path(__file__).parents[1] / "docs" / "results" / "gradability"
PREPROCESSING = Preprocessing(side=224)
MEASURES = [name for name in asdict(Measures()) if name != "redness"]  # a rule of its own; cameras differ in it
GRAVE = ("defocus", "motion_blur", "low_resolution", "too_dark", "too_bright", "haze", "uneven_illumination")
KNOTS, C = 5, 0.3  # C of 0.3, 1, 3, 10 was chosen by the same cross-validation
GRADABLE_PHOTOS, CORRUPTED_PHOTOS = 1200, 40
STOPPED = 0.012  # share of ODIR-5K's training photographs that the model may stop
WEIGHT_OF_REAL = 6.0  # of one photograph of DRIMDB, beside one of ODIR-5K: there are few, and their faults are real
SEED = 0
TWICE = 10  # severity 5, applied twice


def main(data: Path, odir: Path) -> None:
    """Measure, cross-validate, fit, write."""
    split = read_manifest(odir)
    drimdb = DATASETS["drimdb"].read(data / "drimdb")
    parts = [_measured(drimdb, "drimdb").assign(quality=drimdb.table["quality"].to_numpy())]
    parts.append(_measured(split.in_split("train"), "odir-train", GRADABLE_PHOTOS, corrupted=True))
    parts.append(_measured(split.in_split("test"), "odir-test"))
    parts += [_measured(DATASETS[name].read(data / name), name) for name in ("idrid", "hrf")]
    table = pd.concat(parts, ignore_index=True)
    known = table["gradable"] = _truth(table)
    out_of_fold = _cross_validated(table)
    fitted = known.notna()
    model = _fitted(table[fitted])
    table["probability"] = [model.probability(row) for row in table[MEASURES].to_dict("records")]
    intact = table["set"].eq("odir-train") & table["fault"].eq("")
    limit = float(np.quantile(table["probability"][intact], STOPPED))
    content = {"constant": model.constant, "limit": limit, "curves": _as_json(model)}
    FILE.write_text(json.dumps(_rounded(content), indent=1) + "\n", encoding="utf-8")
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / "README.md").write_text(_page(table, out_of_fold, limit), encoding="utf-8")


def _measured(manifest: Manifest, name: str, count: int | None = None, corrupted: bool = False) -> pd.DataFrame:
    """Measures of each photo of a manifest, and of some with faults; unreadable photos are left out."""
    paths = [manifest.root / photo for photo in manifest.table["photo"]]
    if count is not None:
        chosen = np.random.default_rng(SEED).permutation(len(paths))[:count]
        paths = [paths[index] for index in chosen]
    with processes(usable_cores()) as pool:
        rows = list(track(pool.map(_measures, paths, chunksize=16), name, total=len(paths)))
        if corrupted:
            jobs = [(path, fault, severity) for fault, severity, path in _corrupted(paths)]
            rows += list(track(pool.map(_corrupted_measures, jobs, chunksize=8), "corrupting", total=len(jobs)))
    return pd.DataFrame(rows).assign(set=name, quality="")


def _corrupted(paths: Sequence[Path]) -> Iterator[tuple[str, int, Path]]:
    random = np.random.default_rng(SEED)
    for fault in CORRUPTIONS:
        for severity in (1, 3, 5, TWICE):
            for index in random.permutation(len(paths))[:CORRUPTED_PHOTOS]:
                yield fault, severity, paths[index]


def _measures(path: Path) -> dict[str, object]:
    standard = standard_photo(path, PREPROCESSING)
    return {**asdict(measure(standard)), "fault": "", "severity": 0}


def _corrupted_measures(job: tuple[Path, str, int]) -> dict[str, object]:
    path, fault, severity = job
    standard = standard_photo(path, PREPROCESSING)
    changed = standard
    for _ in range(2 if severity == TWICE else 1):
        changed = StandardPhoto(corrupt(changed, fault, min(severity, 5), SEED), standard.disc, standard.geometry)
    return {**asdict(measure(changed)), "fault": fault, "severity": severity}


def _truth(table: pd.DataFrame) -> pd.Series:
    """1 gradable, 0 not, missing for what takes no part in the fit."""
    truth = pd.Series(np.nan, index=table.index)
    of_odir = table["set"].eq("odir-train")
    truth[table["quality"].eq("good") | (of_odir & table["severity"].le(1))] = 1.0
    truth[table["quality"].eq("bad") | (of_odir & table["severity"].ge(5) & table["fault"].isin(GRAVE))] = 0.0
    return truth


def _fitted(table: pd.DataFrame) -> Grader:
    """Logistic regression on hat functions between quantiles of each measure: piecewise linear curves."""
    knots = {name: np.unique(np.quantile(table[name], np.linspace(0, 1, KNOTS))) for name in MEASURES}
    hats = {
        name: np.stack([np.interp(table[name], at, one) for one in np.eye(len(at))], axis=1)
        for name, at in knots.items()
    }
    weight = np.where(table["set"].eq("drimdb"), WEIGHT_OF_REAL, 1.0)
    regression = LogisticRegression(C=C, max_iter=5000)
    regression.fit(np.concatenate(list(hats.values()), axis=1), table["gradable"], sample_weight=weight)
    heights = np.split(regression.coef_[0], np.cumsum([len(at) for at in knots.values()])[:-1])
    gradable = table["gradable"].eq(1).to_numpy()
    constant, curves = float(regression.intercept_[0]), {}
    for (name, at), height in zip(knots.items(), heights, strict=True):
        mean = float((hats[name][gradable] @ height).mean())
        constant += mean
        curves[name] = (tuple(map(float, at)), tuple(map(float, height - mean)))
    return Grader(constant, curves, 0.5)


def _cross_validated(table: pd.DataFrame) -> pd.DataFrame:
    """DRIMDB's good and bad photographs, each judged by a model that was fitted without it.

    DRIMDB does not say which photographs are of one patient, so photographs are the unit.
    """
    judged = table.index[table["quality"].isin(["good", "bad"])]
    rows = []
    folds = StratifiedKFold(5, shuffle=True, random_state=SEED).split(judged, table.loc[judged, "gradable"])
    for _, held_out in folds:
        left = table.drop(index=judged[held_out])
        model = _fitted(left[left["gradable"].notna()])
        for index in judged[held_out]:
            row = table.loc[index, MEASURES].to_dict()
            rows.append({"photo": str(index), "probability": model.probability(row), "row": index})
    return pd.DataFrame(rows).set_index("row").join(table[["gradable", "quality"]])


def _as_json(model: Grader) -> dict[str, dict[str, tuple[float, ...]]]:
    return {name: {"value": at, "logit": height} for name, (at, height) in model.curves.items()}


def _rounded(content: object) -> object:
    if isinstance(content, dict):
        return {name: _rounded(value) for name, value in content.items()}
    if isinstance(content, tuple):
        return [_rounded(value) for value in content]
    return round(content, 6) if isinstance(content, float) else content


def _page(table: pd.DataFrame, out_of_fold: pd.DataFrame, limit: float) -> str:
    predictions = out_of_fold.reset_index(drop=True).rename(
        columns={"gradable": "truth_gradable", "probability": "probability_gradable"}
    )
    predictions = predictions.assign(patient=predictions["photo"])[
        ["photo", "patient", "truth_gradable", "probability_gradable"]
    ]
    (output,) = evaluate(validated_predictions(predictions, "DRIMDB")).outputs
    auroc = next(one for one in output.estimates if one.metric == "auroc")
    real = table[table["fault"].eq("")].copy()
    real.loc[out_of_fold.index, "probability"] = out_of_fold["probability"]
    real["model"] = real["probability"] < limit
    real["name"] = real["set"] + real["quality"].map(lambda word: f", {word}" if word else "")
    faults = table[table["fault"].ne("")].assign(stopped=table["probability"] < limit)
    by_fault = faults.pivot_table(index="fault", columns="severity", values="stopped", sort=False)
    lines = [
        "# Gradability\n",
        "How well the model of `eyeground.imaging.grader` tells gradable photographs from others. Made by",
        "`scripts/train_gradability.py`. Fitted to DRIMDB, its outliers excepted, and to 1,200 photographs of ODIR-5K's training",
        "patients: gradable as they are or with a barely visible fault, ungradable with a grave one. Others took no part in the fit.\n",
        f"DRIMDB, good against bad, out of fold: AUROC {auroc.value:.4f} ({auroc.low:.4f}–{auroc.high:.4f}),",
        f"{int(predictions['truth_gradable'].sum())} and {int((1 - predictions['truth_gradable']).sum())} photographs.\n",
        f"Stopped at the limit ({limit:.3f}), by the model alone; the rules of `imaging.gradability` come on top:\n",
        "| photographs | number | stopped by the model |",
        "|---|---|---|",
        *(
            f"| {name} | {len(rows):,} | {rows['model'].mean():.1%} |"
            for name, rows in real.groupby("name", sort=False)
        ),
        "\nODIR-5K's training photographs with faults, of severity 1 (barely visible), 3, 5 (to be taken again) and 5 twice over:\n",
        "| fault | 1 | 3 | 5 | twice |",
        "|---|---|---|---|---|",
        *(
            f"| {fault.replace('_', ' ')} | {row[1]:.0%} | {row[3]:.0%} | {row[5]:.0%} | {row[TWICE]:.0%} |"
            for fault, row in by_fault.iterrows()
        ),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    typer.run(main)

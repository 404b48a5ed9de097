"""Prints a study's main results as a Markdown table, from its `figures.csv`.

.venv/bin/python scripts/tabulate_study.py studies/odir-cpu/figures.csv imagenet imagenet+fundus 0.1 1.0
"""

import sys
from pathlib import Path

import pandas as pd

from eyeground.evaluation.estimates import Estimate, as_text, signed
from eyeground.workflows.study.results import MACRO


def rows(table: pd.DataFrame, reference: str, start: str, fractions: list[float]) -> list[str]:
    """A row for each task, photographs and label fraction: both starts, and their paired difference."""
    found = ["| task | photos | labels | " + f"{reference} | {start} | difference |", "|---|---|---|---|---|---|"]
    chosen = table[(table["method"] == "probe") & table["label_fraction"].isin(fractions)]
    for (task, photos, fraction), of in chosen.groupby(["task", "photos_of", "label_fraction"], sort=False):
        main = of[of["output"] == MACRO] if (of["output"] == MACRO).any() else of
        by_start = {row["initialisation"]: row for _, row in main.iterrows()}
        one, other = by_start[reference], by_start[start]
        where = "held out" if photos == "task" else str(photos)
        cells = [str(task).replace("_", " "), where, f"{fraction:.0%}", _auroc(one), _auroc(other), _difference(other)]
        found.append("| " + " | ".join(cells) + " |")
    return found


def _auroc(row: "pd.Series[float]") -> str:
    return as_text(Estimate("auroc", row["auroc"], row["low"], row["high"]))


def _difference(row: "pd.Series[float]") -> str:
    return signed(Estimate("difference", row["difference"], row["difference_low"], row["difference_high"]))


if __name__ == "__main__":
    path, reference, start, *fractions = sys.argv[1:]
    print("\n".join(rows(pd.read_csv(Path(path)), reference, start, [float(fraction) for fraction in fractions])))

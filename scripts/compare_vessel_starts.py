"""Vessels of DRIVE from five starts of one network, trained alike: writes starts.md and starts.csv in docs/results/structures.

.venv/bin/python scripts/compare_vessel_starts.py path/to/datasets work
"""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import typer

from eyeground.config.segmentation_recipe import Structure
from eyeground.data.manifest import write_manifest
from eyeground.datasets import DATASETS
from eyeground.evaluation.structures import compare, structure_estimates
from eyeground.screening.segmenter import load_segmenter
from eyeground.workflows.segment.measure import measure_segmentations

ROOT = Path(__file__).parents[1]
OUTPUT = ROOT / "docs" / "results" / "structures"
SHOWN = ("dice", "auroc", "cl_dice")
REFERENCE = "imagenet"
NETWORK = ("architecture.backbone=mobilenetv2_100", "architecture.backbone_options={pad_type: same}")
NORMALISATION = ("preprocessing.mean=[0.5, 0.5, 0.5]", "preprocessing.std=[0.5, 0.5, 0.5]")


def main(data: Path, work: Path, epochs: int = 8) -> None:
    """Train by `eyeground adapt --structure vessel`, few epochs, where starts differ most; measure, compare and write."""
    work.mkdir(parents=True, exist_ok=True)
    drive = DATASETS["drive"].read(data / "drive")
    write_manifest(drive, work / "drive.csv")
    starts = {
        "scratch": "scratch",
        REFERENCE: str(data / "weights" / "imagenet_mobilenetv2_100.safetensors"),
        "fundus": "eyeground-mobilenetv2-fundus-224",
        "imagenet+fundus": "eyeground-mobilenetv2-imagenet+fundus-224",  # stem and two stages as ImageNet left them
        "imagenet+fundus, all layers": "eyeground-mobilenetv2-imagenet+fundus-384",
    }
    for name, source in starts.items():
        _train(work, name, source, epochs)
    vessel = Structure(name="vessel")
    measured = {}
    for name in starts:
        segmenter = load_segmenter(work / name / "bundle")
        preprocessing = segmenter.bundle.description.preprocessing
        found = measure_segmentations(drive.in_split("test"), [vessel], preprocessing, segmenter.segment)
        measured[name] = found.model["vessel"]
    parts = []
    for name, photos in measured.items():
        parts.append(structure_estimates("vessel", photos).assign(start=name, reference=""))
        if name != REFERENCE:
            parts.append(compare("vessel", photos, measured[REFERENCE]).assign(start=name, reference=REFERENCE))
    table = pd.concat(parts, ignore_index=True)
    first = ["start", "reference"]
    OUTPUT.mkdir(parents=True, exist_ok=True)
    table[[*first, *(column for column in table if column not in first)]].round(5).to_csv(
        OUTPUT / "starts.csv", index=False
    )
    (OUTPUT / "starts.md").write_text(page(table, epochs), encoding="utf-8")


def page(table: pd.DataFrame, epochs: int) -> str:
    """Metrics over all pixels, and their differences from the reference, as a page."""
    pooled = table.fillna({"reference": ""})
    pooled = pooled[pooled["over"] == "pooled"].set_index(["start", "reference", "metric"])
    lines = [
        "# Vessels from five starts\n",
        f"One network and one recipe (`recipes/vessels.yaml`, {epochs} epochs), DRIVE's official halves; metrics over all pixels of the 20",
        "test photographs, with 95 % intervals over them. Made by `scripts/compare_vessel_starts.py`; every row is in",
        "[starts.csv](starts.csv).\n",
        f"| start | {' | '.join(SHOWN)} | {' | '.join(f'{metric} minus {REFERENCE}' for metric in SHOWN)} |",
        f"|---|{'---|' * 2 * len(SHOWN)}",
    ]
    for start in pooled.index.get_level_values("start").unique():
        cells = [_cell(pooled.loc[(start, "", metric)], "") for metric in SHOWN]
        if start != REFERENCE:
            cells += [_cell(pooled.loc[(start, REFERENCE, metric)], "+") for metric in SHOWN]
        else:
            cells += ["–"] * len(SHOWN)
        lines.append(f"| {start} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(row: "pd.Series", sign: str) -> str:
    return f"{row['value']:{sign}.3f} ({row['low']:{sign}.3f} to {row['high']:{sign}.3f})"


def _train(work: Path, name: str, source: str, epochs: int) -> None:
    folder = work / name
    if (folder / "bundle").is_dir():
        return
    settings = [*NETWORK, *NORMALISATION, f"optimisation.epochs={epochs}"]
    command = [sys.executable, "-m", "eyeground", "adapt", str(work / "drive.csv"), "--bundle", source]
    command += ["--structure", "vessel", "--recipe", str(ROOT / "recipes" / "vessels.yaml"), "-o", str(folder)]
    command += ["--cache", str(work / "cache"), *(part for one in settings for part in ("--set", one))]
    if (folder / "recipe.yaml").is_file():
        command.append("--resume")
    subprocess.run(command, check=True)


if __name__ == "__main__":
    typer.run(main)

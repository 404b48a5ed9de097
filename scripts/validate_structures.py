"""Measures segmenters on every dataset with masks at hand: writes docs/results/structures.

.venv/bin/python scripts/validate_structures.py path/to/datasets work --vessels BUNDLE --lesions BUNDLE
"""

from pathlib import Path

import pandas as pd
import typer

from eyeground.data.manifest import write_manifest
from eyeground.datasets import DATASETS
from eyeground.screening.segmenter import load_segmenter
from eyeground.workflows.segment.measure import measured_against, value_text

OUTPUT = Path(__file__).parents[1] / "docs" / "results" / "structures"
VESSEL_SETS = ("drive", "chasedb1", "stare", "hrf")
ABSENT = ("hard_exudate", "haemorrhage", "microaneurysm", "soft_exudate")
SHOWN = ("dice", "auroc", "auprc", "sensitivity", "specificity", "accuracy", "cl_dice")


def main(data: Path, work: Path, vessels: str = typer.Option(...), lesions: str = typer.Option(...)) -> None:
    """Measure vessels at the threshold of DRIVE's training half, lesions and disc on IDRiD's official test part; write."""
    parts = [_measured(data / name, name, vessels, work) for name in VESSEL_SETS]
    parts.append(_measured(data / "idrid", "idrid-segmentation", lesions, work))
    table = pd.concat(parts, ignore_index=True)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    table.round(5).to_csv(OUTPUT / "figures.csv", index=False)
    models = [load_segmenter(name).bundle.identity for name in (vessels, lesions)]
    (OUTPUT / "README.md").write_text(page(table, models), encoding="utf-8")


def _measured(folder: Path, dataset: str, bundle: str, work: Path) -> pd.DataFrame:
    manifest = DATASETS[dataset].read(folder)
    if "split" in manifest.table:
        manifest = manifest.in_split("test")
    write_manifest(manifest, work / dataset / "photos.csv")
    estimates = measured_against(manifest, load_segmenter(bundle), work / dataset, ABSENT)
    return estimates.assign(dataset=dataset)[["dataset", *estimates.columns]]


def page(table: pd.DataFrame, models: list[str]) -> str:
    """The metrics over all pixels as a table."""
    pooled = table[table["over"] == "pooled"]
    lines = [
        "# Structures\n",
        f"Models: {', '.join(f'`{model}`' for model in models)}. Metrics over all pixels in the field of view, with 95 % intervals",
        "over patients; what they mean is in [Structures](../../structures.md). Every row, and means over photos, are in",
        "[figures.csv](figures.csv). Made by `scripts/validate_structures.py`. Thresholds are from training photographs of DRIVE and",
        "IDRiD; CHASE_DB1, STARE and HRF were seen by no training.\n",
        f"| dataset | structure | reader | photos | {' | '.join(SHOWN)} |",
        f"|---|---|---|---|{'---|' * len(SHOWN)}",
    ]
    for (dataset, structure, reader), rows in pooled.groupby(["dataset", "structure", "reader"], sort=False):
        by_metric = rows.set_index("metric", drop=False)
        cells = [value_text(by_metric.loc[metric]) if metric in by_metric.index else "–" for metric in SHOWN]
        photos = by_metric["photos"].max()
        lines.append(f"| {dataset} | {structure.replace('_', ' ')} | {reader} | {photos} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    typer.run(main)

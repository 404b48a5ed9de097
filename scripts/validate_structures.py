"""Measures segmenters on every dataset with masks at hand: writes docs/results/structures.

.venv/bin/python scripts/validate_structures.py path/to/datasets work --vessels BUNDLE --disc BUNDLE --lesions BUNDLE
"""

from pathlib import Path

import pandas as pd
import typer

from eyeground.data.manifest import write_manifest
from eyeground.datasets import DATASETS
from eyeground.screening.segmenter import load_segmenter
from eyeground.workflows.segment.measure import measured_against, value_text

OUTPUT = Path(__file__).parents[1] / "docs" / "results" / "structures"
# Dataset, and the folder of its photographs.
VESSEL_SETS = {"drive": "drive", "hrf-artery-vein": "hrf", "chasedb1": "chasedb1", "stare": "stare"}
DISC_SETS = {"idrid-segmentation": "idrid", "drishti_gs": "drishti_gs", "idrid": "idrid"}
LESION_SETS = {"idrid-segmentation": "idrid", "hei_med": "hei_med"}
SHOWN = ("dice", "area", "auroc", "auprc", "sensitivity", "specificity", "cl_dice")


def main(
    data: Path,
    work: Path,
    vessels: str = typer.Option(...),
    disc: str = typer.Option(...),
    lesions: str = typer.Option(...),
) -> None:
    """Measure each model on the test halves of the datasets it learnt from, and on others entirely; write."""
    sets = {vessels: VESSEL_SETS, disc: DISC_SETS, lesions: LESION_SETS}
    parts = [
        _measured(data / folder, dataset, bundle, work) for bundle, of in sets.items() for dataset, folder in of.items()
    ]
    table = pd.concat(parts, ignore_index=True)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    table.round(5).to_csv(OUTPUT / "figures.csv", index=False)
    models = [load_segmenter(name).bundle.identity for name in sets]
    (OUTPUT / "README.md").write_text(page(table, models), encoding="utf-8")


def _measured(folder: Path, dataset: str, bundle: str, work: Path) -> pd.DataFrame:
    manifest = DATASETS[dataset].read(folder)
    if "split" in manifest.table:
        manifest = manifest.in_split("test")
    write_manifest(manifest, work / dataset / "photos.csv")
    estimates = measured_against(manifest, load_segmenter(bundle), work / dataset, ())
    return estimates.assign(dataset=dataset)[["dataset", *estimates.columns]]


def page(table: pd.DataFrame, models: list[str]) -> str:
    """The metrics over all pixels as a table."""
    pooled = table[table["over"] == "pooled"]
    lines = [
        "# Structures\n",
        f"Models: {', '.join(f'`{model}`' for model in models)}. Metrics over all pixels in the field of view, with 95 % intervals",
        "over patients; what they mean is in [Structures](../../structures.md). Every row, and means over photos, are in",
        "[figures.csv](figures.csv). Made by `scripts/validate_structures.py`. Thresholds are from training photographs of the datasets",
        "with a test half here; CHASE_DB1 and STARE were seen by no training.\n",
        f"| dataset | structure | reader | photos | {' | '.join(SHOWN)} |",
        f"|---|---|---|---|{'---|' * len(SHOWN)}",
    ]
    for (dataset, structure, reader), rows in pooled.groupby(["dataset", "structure", "reader"], sort=False):
        by_metric = rows.set_index("metric", drop=False)
        cells = [value_text(by_metric.loc[metric]) if metric in by_metric.index else "–" for metric in SHOWN]
        photos = by_metric["photos"].max()
        lines.append(f"| {dataset} | {structure.replace('_', ' ')} | {reader} | {photos} | {' | '.join(cells)} |")
    return "\n".join([*lines, *_others(table)]) + "\n"


def _others(table: pd.DataFrame) -> list[str]:
    """Distances of points and false alarms, a line each."""
    rows = table[(table["over"] == "without") | table["metric"].isin(["distance", "within_one_diameter"])]
    lines = ["\n| dataset | structure | photos | metric | value |", "|---|---|---|---|---|"]
    for row in rows.dropna(subset=["value"]).to_dict("records"):
        metric = f"{row['metric'].replace('_', ' ')}, {row['over']}"
        structure = row["structure"].replace("_", " ")
        lines.append(f"| {row['dataset']} | {structure} | {row['photos']} | {metric} | {value_text(pd.Series(row))} |")
    return lines if len(lines) > 2 else []


if __name__ == "__main__":
    typer.run(main)

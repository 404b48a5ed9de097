"""Screens photographs that should be judged, and pictures that should not: writes docs/results/abstention.

.venv/bin/python scripts/validate_abstention.py path/to/datasets odir-split.csv work --bundle BUNDLE
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import skimage
import sklearn
import typer
from impostors import IMPOSTORS, impostor
from PIL import Image

from eyeground.data.manifest import Manifest, read_manifest
from eyeground.datasets import DATASETS
from eyeground.screening.batch import screen
from eyeground.screening.decision import STATUSES
from eyeground.screening.runtime import Screener, load

OUTPUT = Path(__file__).parents[1] / "docs" / "results" / "abstention"
PER_IMPOSTOR = 20
DISEASES = (
    "abnormal",
    "diabetic_retinopathy",
    "glaucoma",
    "cataract",
    "amd",
    "pathologic_myopia",
    "retinal_vein_occlusion",
    "epiretinal_membrane",
)
FEWEST_POSITIVE = 10  # photographs with a disease, to be counted apart
FUNDUS_AMONG_PICTURES = ("retina.jpg", "microaneurysms.png")


def main(data: Path, odir: Path, work: Path, bundle: str = typer.Option(...)) -> None:
    """Screen and write."""
    screener = load(bundle)
    rows: list[dict[str, object]] = []
    for name, manifest in (
        ("ODIR-5K, test patients", read_manifest(odir).in_split("test")),
        ("IDRiD (510 distinct)", DATASETS["idrid"].read(data / "idrid")),
        ("HRF", DATASETS["hrf"].read(data / "hrf")),
    ):
        rows += _by_truth(name, manifest, _statuses(name, _paths(manifest), screener, work / "screened"))
    groups: list[tuple[str, Sequence[Path]]] = []
    drimdb = DATASETS["drimdb"].read(data / "drimdb")
    for quality in ("good", "bad", "outlier"):
        chosen = drimdb.table["quality"].eq(quality)
        groups.append((f"DRIMDB, {quality}", _paths(Manifest(drimdb.table[chosen], drimdb.root))))
    groups.append(("everyday pictures", _everyday()))
    groups += [(f"drawn: {kind.replace('_', ' ')}", _drawn(kind, work / "drawn")) for kind in IMPOSTORS]
    rows += [_counts(name, _statuses(name, paths, screener, work / "screened")) for name, paths in groups]
    counted = pd.DataFrame(rows)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    counted.to_csv(OUTPUT / "counts.csv", index=False)
    (OUTPUT / "README.md").write_text(_page(counted, screener), encoding="utf-8")


def _paths(manifest: Manifest) -> list[Path]:
    return [manifest.root / photo for photo in manifest.table["photo"]]


def _everyday() -> list[Path]:
    folders = (Path(skimage.__file__).parent / "data", Path(sklearn.__file__).parent / "datasets" / "images")
    found = [path for folder in folders for path in sorted(folder.iterdir()) if path.suffix in (".png", ".jpg")]
    return [path for path in found if path.name not in FUNDUS_AMONG_PICTURES]


def _drawn(kind: str, folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{kind}-{seed}.png" for seed in range(PER_IMPOSTOR)]
    for seed, path in enumerate(paths):
        Image.fromarray(impostor(kind, 512, seed)).save(path)
    return paths


def _statuses(name: str, paths: Sequence[Path], screener: Screener, work: Path) -> pd.Series:
    """Status of each picture, in order."""
    output = work / "".join(letter if letter.isalnum() else "-" for letter in name)
    screen(paths, screener, output)
    statuses = pd.read_csv(output / "results.csv", usecols=["status"])["status"]
    assert len(statuses) == len(paths)
    return statuses


def _by_truth(name: str, manifest: Manifest, statuses: pd.Series) -> list[dict[str, object]]:
    """Counts of a dataset's photographs: all, without a finding, and by disease, as none should be refused more often."""
    table = manifest.table
    chosen = {name: pd.Series(True, index=table.index), f"{name}: no finding": table["abnormal"].eq(0)}
    chosen |= {
        f"{name}: {label.replace('_', ' ')}": table[label].eq(1)
        for label in DISEASES
        if label in table and table[label].eq(1).sum() >= FEWEST_POSITIVE
    }
    return [_counts(group, statuses[rows.fillna(False).to_numpy(bool)]) for group, rows in chosen.items()]


def _counts(name: str, statuses: pd.Series) -> dict[str, object]:
    counts = statuses.value_counts()
    return {"pictures": name, "number": len(statuses), **{status: counts.get(status, 0) for status in STATUSES}}


def _page(counted: pd.DataFrame, screener: Screener) -> str:
    lines = [
        "# Abstention\n",
        f"What `{screener.bundle.identity}` says of photographs that should be judged and of pictures that should not. Made by",
        "`scripts/validate_abstention.py`. Everyday pictures are those of scikit-image and scikit-learn. DRIMDB's good and bad",
        "photographs also took part in the fit of the [gradability model](../gradability/README.md); the reference of familiar",
        "photographs is of ODIR-5K's training patients alone.\n",
        f"| pictures | number | not judged | {' | '.join(STATUSES)} |",
        f"|---|---|---|{'---|' * len(STATUSES)}",
    ]
    for row in counted.to_dict("records"):
        judged = row["normal"] + row["abnormal"]
        cells = " | ".join(f"{row[status]:,}" for status in STATUSES)
        lines.append(f"| {row['pictures']} | {row['number']:,} | {1 - judged / row['number']:.1%} | {cells} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    typer.run(main)

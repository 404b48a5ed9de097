"""Screens photographs that should be judged, and pictures that should not: the figures of docs/results/abstention.

    .venv/bin/python scripts/validate_abstention.py path/to/datasets odir-split.csv work --bundle BUNDLE

To be judged: ODIR-5K's test patients, IDRiD, HRF. Not to be judged: DRIMDB's bad photographs and outliers, pictures of
everyday things (those that come with scikit-image and scikit-learn), and drawn impostors (`synthetic.impostors`). DRIMDB's
good photographs and bad ones also took part in the fit of the gradability model, see docs/results/gradability; the
reference of familiar photographs is made of ODIR-5K's training patients alone.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import skimage
import sklearn
import typer
from PIL import Image

from eyeground.datasets import DATASETS
from eyeground.manifest import Manifest, read_manifest
from eyeground.screening.batch import screen
from eyeground.screening.decision import STATUSES
from eyeground.screening.runtime import Screener, load
from eyeground.synthetic.impostors import IMPOSTORS, impostor

OUTPUT = Path(__file__).parents[1] / "docs" / "results" / "abstention"
PER_IMPOSTOR = 20
FUNDUS_AMONG_PICTURES = ("retina.jpg", "microaneurysms.png")


def main(data: Path, odir: Path, work: Path, bundle: str = typer.Option(...)) -> None:
    """Screen and write."""
    screener = load(bundle)
    groups: list[tuple[str, Sequence[Path]]] = [
        ("ODIR-5K, test patients", _paths(read_manifest(odir).in_split("test"))),
        *(
            (name, _paths(DATASETS[key].read(data / key)))
            for name, key in (("IDRiD (510 distinct)", "idrid"), ("HRF", "hrf"))
        ),
    ]
    drimdb = DATASETS["drimdb"].read(data / "drimdb")
    for quality in ("good", "bad", "outlier"):
        chosen = drimdb.table["quality"].eq(quality)
        groups.append((f"DRIMDB, {quality}", _paths(Manifest(drimdb.table[chosen], drimdb.root))))
    groups.append(("everyday pictures", _everyday()))
    groups += [(f"drawn: {kind.replace('_', ' ')}", _drawn(kind, work / "drawn")) for kind in IMPOSTORS]
    counted = pd.DataFrame([_counts(name, paths, screener, work / "screened") for name, paths in groups])
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


def _counts(name: str, paths: Sequence[Path], screener: Screener, work: Path) -> dict[str, object]:
    output = work / "".join(letter if letter.isalnum() else "-" for letter in name)
    counts = screen(paths, screener, output).counts
    return {"pictures": name, "number": len(paths), **{status: counts.get(status, 0) for status in STATUSES}}


def _page(counted: pd.DataFrame, screener: Screener) -> str:
    lines = [
        "# Abstention\n",
        f"What `{screener.bundle.identity}` says of photographs that should be judged and of pictures that should not. Made by",
        "`scripts/validate_abstention.py`, whose head says what was seen in training.\n",
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

"""Which eye disc and fovea show, against the side that ODIR's file names state: the sentence in docs/screening.md.

.venv/bin/python scripts/measure_laterality.py path/to/odir5k results.csv --eyes 840
"""

import csv
import random
from collections import Counter
from pathlib import Path

import typer

from eyeground.core.progress import track
from eyeground.core.proportions import wilson_interval
from eyeground.imaging.gradability import assess
from eyeground.imaging.standard import standard_at
from eyeground.screening.anatomy import anatomy_segmenter, find_anatomy

SIDE = 512  # of the standard photos of the default model


def main(data: Path, output: Path, eyes: int = typer.Option(840), seed: int = typer.Option(0)) -> None:
    """Take a sample of eyes, find their side as a screening does, and count."""
    photos = sorted(data.glob("preprocessed_images/*_left.jpg")) + sorted(data.glob("preprocessed_images/*_right.jpg"))
    sample = random.Random(seed).sample(photos, eyes)
    segmenter = anatomy_segmenter(SIDE, required=True)
    assert segmenter is not None
    counts: Counter[tuple[str, str]] = Counter()
    with output.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["photo", "told", "seen", "seen_by", "reason"])
        for photo in track(sample, "finding eyes"):
            standard, told = standard_at(photo, SIDE), photo.stem.rpartition("_")[2]
            found = find_anatomy(segmenter, standard, assess(standard))
            writer.writerow([photo.name, told, found.eye, found.seen_by, found.reason])
            verdict = "not told" if found.eye is None else "right" if found.eye == told else "wrong"
            counts[found.seen_by or (found.reason or "not told"), verdict] += 1
    for seen_by in ("disc and fovea", "disc"):
        right, wrong = counts[seen_by, "right"], counts[seen_by, "wrong"]
        low, high = wilson_interval(right, right + wrong)
        print(f"by {seen_by}: {right} of {right + wrong} right ({low:.3f} to {high:.3f})")
    print({" | ".join(key): count for key, count in counts.most_common()})


if __name__ == "__main__":
    typer.run(main)

"""What someone else's program looks like; `make lint` checks it with mypy as it stands, and nothing runs it."""

from pathlib import Path

import eyeground
from eyeground.evaluation import auroc


def everything(folder: Path) -> float:
    photos = eyeground.import_folder(folder="photos", output=folder / "all.csv")
    eyeground.split(manifest=folder / "all.csv", output=folder / "split.csv", stratify=["dr"])
    bundle = eyeground.adapt(manifest="split.csv", bundle="base", output=folder / "dr", targets=["dr"], healthy="none")
    predictions = eyeground.predict(manifest="split.csv", bundle=bundle.folder, output=folder / "predictions.csv")
    evaluation = eyeground.evaluate(predictions=folder / "predictions.csv", output="report", rules=["youden"])
    screened = eyeground.screen(photos=folder, bundle=bundle.folder, output=folder / "screened", jobs=2)
    model = eyeground.load(str(bundle.folder))
    for finding in model.stream(["a.jpg", folder / "b.jpg"]):
        print(finding.status, finding.suspected, finding.probabilities["dr"])
    print(len(photos), len(predictions.table), screened.counts, evaluation.outputs[0].output)
    return auroc([0, 1], [0.2, 0.8], patients=["a", "b"]).value or 0.0

"""Make `docs/results/odir/`: the validation report of the upstream model, with IDRiD and HRF as external datasets.

    python scripts/validate_odir.py RUN DATA WORK

RUN is the run folder of `eyeground pretrain` on ODIR-5K, DATA the folder that holds `odir5k/`, `idrid/` and `hrf/`,
WORK a folder for what lies between. Everything is done by the commands that a user has, so the report can be made
again line by line. No photograph and no photo's name goes into the repository.
"""

import shutil
import sys
from pathlib import Path

from eyeground.cli import main

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "results" / "odir"
EXTERNAL = ("idrid", "hrf")
STRESSED_PATIENTS = "120"
TARGETS = ("abnormal", "amd", "epiretinal_membrane", "glaucoma", "pathologic_myopia")
NOT_FOR_THE_REPOSITORY = ("failures.csv", "metrics.json")


def validate(run: Path, data: Path, work: Path) -> None:
    """Predict, check, stress and evaluate; leave the report in `docs/results/odir`."""
    bundle = ["--bundle", str(run / "bundle")]
    manifest = str(run / "manifest.parquet")
    embeddings, stressed = work / "odir-embeddings.parquet", work / "odir-stress"
    done("predict", manifest, *bundle, "-o", work / "odir.parquet", "--embeddings", embeddings)
    done("check", manifest, "-o", work / "odir-checked")
    done("stress", manifest, *bundle, "--sample", STRESSED_PATIENTS, "-o", stressed)
    beside = ["--embeddings", embeddings, "--stress", stressed, "--checked", work / "odir-checked"]
    for name in EXTERNAL:
        table, found = work / f"{name}.csv", work / f"{name}-checked"
        done("import", name, data / name, "-o", table)
        done("predict", table, *bundle, "-o", work / f"{name}.parquet")
        done("check", table, "--against", manifest, "-o", found)
        beside += ["--external", f"{name}={work / name}.parquet", "--contamination", f"{name}={found}"]
    for target in TARGETS:
        beside += ["--target", target]
    title = "A fundus model of ODIR-5K, validated"
    done("evaluate", run / "predictions.parquet", "--run", run, *beside, "--title", title, "-o", work / "report")
    shutil.rmtree(RESULTS, ignore_errors=True)
    shutil.copytree(work / "report", RESULTS, ignore=shutil.ignore_patterns("*.png", *NOT_FOR_THE_REPOSITORY))


def done(*arguments: object) -> None:
    """Run one command of eyeground, and stop if it fails."""
    print("eyeground", *arguments, flush=True)
    code = main([str(argument) for argument in arguments])
    if code:
        sys.exit(code)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    validate(*map(Path, sys.argv[1:]))

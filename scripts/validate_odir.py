"""Makes docs/results/odir, the validation report of a released model, with IDRiD and HRF as external datasets.

python scripts/validate_odir.py RUN BUNDLE DATA WORK
"""

import shutil
import subprocess
import sys
from pathlib import Path

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "results" / "odir"
EXTERNAL = ("idrid", "hrf")
CORRUPTED_PATIENTS = "120"
TARGETS = ("abnormal", "amd", "epiretinal_membrane", "glaucoma", "pathologic_myopia")


def validate(run: Path, model: str, data: Path, work: Path) -> None:
    """Predict, check, corrupt and evaluate by the commands of a user, so that every table can be made again.

    Args:
        run: Run folder of `eyeground pretrain` on ODIR-5K.
        model: What `eyeground release` made of it, a folder or the name of a released model.
        data: Folder with `odir5k/`, `idrid/` and `hrf/`.
        work: For intermediate files. No photograph and no photo's name goes into the repository.
    """
    bundle = ["--bundle", model]
    manifest = str(run / "manifest.parquet")
    embeddings, corrupted = work / "odir-embeddings.parquet", work / "odir-corrupted"
    done("predict", manifest, *bundle, "-o", work / "odir.parquet", "--embeddings", embeddings)
    done("check", manifest, "-o", work / "odir-checked")
    done("robustness", manifest, *bundle, "--sample", CORRUPTED_PATIENTS, "-o", corrupted)
    beside = ["--embeddings", embeddings, "--robustness", corrupted, "--checked", work / "odir-checked"]
    for name in EXTERNAL:
        table, found = work / f"{name}.csv", work / f"{name}-checked"
        done("import", name, data / name, "-o", table)
        done("predict", table, *bundle, "-o", work / f"{name}.parquet")
        done("check", table, "--against", manifest, "-o", found)
        beside += ["--external", f"{name}={work / name}.parquet", "--contamination", f"{name}={found}"]
    for target in TARGETS:
        beside += ["--target", target]
    title = "A fundus model of ODIR-5K, validated"
    done("evaluate", work / "odir.parquet", "--run", run, *bundle, *beside, "--title", title, "-o", work / "report")
    (work / "report" / "failures.csv").unlink()  # names photos; the report's own table has running numbers
    shutil.rmtree(RESULTS, ignore_errors=True)
    shutil.copytree(work / "report", RESULTS, ignore=shutil.ignore_patterns("*.png", "metrics.json"))


def done(*arguments: object) -> None:
    """Run one command of eyeground as a user does, so that the report names that command; stop if it fails."""
    print("eyeground", *arguments, flush=True)
    finished = subprocess.run([sys.executable, "-m", "eyeground", *map(str, arguments)], check=False)
    if finished.returncode:
        sys.exit(finished.returncode)


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    validate(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))

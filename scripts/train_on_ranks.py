"""Train on one process and on two, kill and stop them on purpose, resume on another number, and compare with the undisturbed run.

    python scripts/train_on_ranks.py

Rendered photos and a tiny network without batch normalisation or dropout, on CPUs (gloo). Takes minutes; exits with 1 if a run
differs by more than the tolerance.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

from eyeground.config.training_recipe import Preprocessing
from eyeground.data.manifest import read_manifest
from eyeground.data.predictions import read_predictions
from eyeground.data.splits import split_patients
from eyeground.datasets.synthetic import render_dataset
from eyeground.scale.shards import standardise
from eyeground.training.batches import Place
from eyeground.training.checkpoints import place_to_resume

PATIENTS, SIDE = 48, 48
LOSS, PROBABILITY = 1e-3, 2e-3  # tolerances: relative of an epoch's loss, absolute of a probability
SETTINGS = (
    "initialisation=scratch",
    f"preprocessing.side={SIDE}",
    "architecture.backbone=test_efficientnet_ln",
    "optimisation={epochs: 3, batch_size: 4, learning_rate: 0.0003, precision: fp32}",
    "machine={accelerator: cpu, workers: 0}",
)
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--no-python", "--nproc-per-node")
PROGRAM = (sys.executable, "-c", "from eyeground.cli import run; run()")
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def command(shards: Path, output: Path, ranks: int, *further: str) -> list[str]:
    launcher = (*TORCHRUN, str(ranks)) if ranks > 1 else ()
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    return [
        *launcher,
        *PROGRAM,
        "pretrain",
        str(shards),
        "-o",
        str(output),
        "--cache",
        str(output.parent),
        *settings,
        *further,
    ]


def train(shards: Path, output: Path, ranks: int, *further: str) -> None:
    """Train to the end."""
    subprocess.run(command(shards, output, ranks, *further), env=ENVIRONMENT, check=True, stdout=subprocess.DEVNULL)


def disturbed(shards: Path, output: Path, disturb: signal.Signals) -> tuple[int, Place]:
    """Train on two processes; once an epoch is done, kill the second or tell the launcher to stop. Exit code, and place left."""
    launcher = subprocess.Popen(command(shards, output, 2), env=ENVIRONMENT, stdout=subprocess.DEVNULL)
    last = output / "checkpoints" / "last.ckpt"
    while not last.exists() and launcher.poll() is None:
        time.sleep(0.01)
    if disturb == signal.SIGKILL:
        os.kill(process_of_rank(launcher.pid, 1), disturb)
    else:
        launcher.send_signal(disturb)
    return launcher.wait(timeout=120), place_to_resume(last)


def process_of_rank(launcher: int, rank: int) -> int:
    children = psutil.Process(launcher).children(recursive=True)
    return next(child.pid for child in children if child.environ().get("RANK") == str(rank))


def on_slurm(shards: Path, output: Path) -> None:
    """Two processes with the variables that srun sets, and nothing else of SLURM."""
    shared = {
        **ENVIRONMENT,
        "SLURM_JOB_ID": str(10_000 + os.getpid() % 1000),
        "SLURM_JOB_NAME": "pretrain",
        "SLURM_NTASKS": "2",
        "SLURM_NTASKS_PER_NODE": "2",
        "SLURM_NNODES": "1",
        "SLURM_NODEID": "0",
        "SLURM_NODELIST": "127.0.0.1",
    }
    tasks = [
        subprocess.Popen(
            command(shards, output, 1),
            env={**shared, "SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank)},
            stdout=subprocess.DEVNULL,
        )
        for rank in range(2)
    ]
    codes = [task.wait(timeout=600) for task in tasks]
    if any(codes):
        raise SystemExit("a task failed")


def difference(run: Path, whole: Path) -> tuple[float, float]:
    """Largest relative difference of an epoch's loss, and largest difference of a probability."""
    losses = [pd.read_csv(folder / "history.csv")["loss"].to_numpy() for folder in (run, whole)]
    ours, theirs = (
        read_predictions(folder / "predictions.parquet").table["probability_abnormal"] for folder in (run, whole)
    )
    return float(np.abs(losses[0] / losses[1] - 1).max()), float(np.abs(ours - theirs).max())


def prepared(folder: Path) -> Path:
    """Rendered photos, split and packed."""
    manifest = render_dataset(folder / "photos", PATIENTS, side=64, seed=4, prevalence={"diabetic_retinopathy": 0.5})
    split = split_patients(manifest, {"train": 0.6, "validation": 0.2, "test": 0.2}, ["abnormal"], seed=1)
    return standardise(split, folder / "shards", Preprocessing(side=SIDE), folder / "none", 2, 25).folder


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shards = prepared(folder)
        print(f"{len(read_manifest(shards)):,} photos, {', '.join(SETTINGS)}", flush=True)
        whole = folder / "one"
        train(shards, whole, 1)
        wrong = 0
        for what, run in trials(shards, folder):
            loss, probability = difference(run, whole)
            print(f"{what}: loss within {loss:.1e}, probabilities within {probability:.1e}", flush=True)
            wrong += loss > LOSS or probability > PROBABILITY
        if wrong:
            raise SystemExit(f"{wrong} runs differ by more than {LOSS} of a loss or {PROBABILITY} of a probability")


def trials(shards: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    """Each way to train, and its run folder."""
    train(shards, folder / "two", 2)
    yield "two processes by torchrun", folder / "two"
    train(shards, folder / "passes", 2, "--set", "machine.accumulate=2")
    yield "two processes by torchrun, two passes each", folder / "passes"
    on_slurm(shards, folder / "slurm")
    yield "two processes with the variables of srun", folder / "slurm"
    for disturb in (signal.SIGKILL, signal.SIGTERM):
        run = folder / disturb.name
        code, place = disturbed(shards, run, disturb)
        train(shards, run, 1, "--resume")
        yield f"{disturb.name} on two (exit {code}), resumed on one from epoch {place.epoch}, step {place.step}", run


if __name__ == "__main__":
    main()

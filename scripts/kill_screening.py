"""Kills a screening again and again, lets it continue each time, and compares it with an uninterrupted one.

python scripts/kill_screening.py [--photos PHOTOS] [--kills 20] [--seed 1]
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
from PIL import Image

from eyeground.core.progress import track
from eyeground.datasets.synthetic import render
from eyeground.screening.batch import PICTURES
from eyeground.screening.photos import LEDGER

HEIGHTS = (240, 480, 720)
LONGEST_LIFE = 5.0  # seconds that a decoder may outlive its parent
STARTING, ENDING = 0.1, 0.15  # shares of kills before the first photograph is finished, and after the last


def main() -> int:
    """Run, kill by SIGKILL at random moments, run again, compare; 1 if anything differs.

    Tables and pictures must be equal to the byte, without a photograph twice or lost, a half-written file, or a decoder
    that outlives its parent.
    """
    arguments = _parser().parse_args()
    folder = Path(arguments.folder or tempfile.mkdtemp(prefix="kill-"))
    photos = arguments.photos or _rendered(folder / "photos", arguments.count)
    uninterrupted, killed = folder / "uninterrupted", folder / "killed"
    for earlier in (uninterrupted, killed):
        shutil.rmtree(earlier, ignore_errors=True)
    started = time.monotonic()
    subprocess.run(_command(photos, uninterrupted, arguments), check=True, stdout=subprocess.DEVNULL)
    seconds = time.monotonic() - started
    count = _finished(uninterrupted)
    print(f"uninterrupted: {count} photos in {seconds:.1f} s", flush=True)
    random = np.random.default_rng(arguments.seed)
    problems = []
    for place in _places(count, arguments.kills, random):
        pause = random.uniform(0, seconds * (STARTING if place == 0 else 0.02))
        orphans = _kill_at(_command(photos, killed, arguments), killed, place, pause)
        print(f"killed with {_finished(killed)} photos finished", flush=True)
        problems += [f"decoder {orphan} outlived its parent" for orphan in orphans]
    subprocess.run(_command(photos, killed, arguments), check=True)
    problems += _differences(uninterrupted, killed)
    for problem in problems:
        print("WRONG:", problem)
    print(f"{arguments.kills} kills, {len(problems)} problems; in {folder}")
    if not problems and not arguments.folder:
        shutil.rmtree(folder)
    return 1 if problems else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="screen the photographs in this folder; rendered ones by default")
    parser.add_argument("--count", type=int, default=300, help="photographs to render")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--folder", help="where to work; kept. By default a temporary folder, kept if anything is wrong"
    )
    parser.add_argument("--bundle", default="eyeground-mobilenetv2-imagenet+fundus-224")
    return parser


def _rendered(folder: Path, count: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in track(range(count), "rendering", total=count):
        path = folder / f"clinic {number % 3}" / f"{number:04d}.jpg"
        path.parent.mkdir(exist_ok=True)
        if not path.exists():
            height = HEIGHTS[number % len(HEIGHTS)]
            pixels = render("diabetic_retinopathy", grade=number % 5, height=height, seed=number).pixels
            Image.fromarray(pixels).save(path, quality=90)
    return folder


def _command(photos: Path, output: Path, arguments: argparse.Namespace) -> list[str]:
    options = ["-o", str(output), "--bundle", arguments.bundle, "--jobs", "2"]
    return [sys.executable, "-m", "eyeground", "screen", str(photos), *options]


def _places(count: int, kills: int, random: np.random.Generator) -> list[int]:
    """How many photographs are to be finished before each kill, in order; `count` is the writing of the tables."""
    early, late = round(STARTING * kills), round(ENDING * kills)
    within = np.sort(random.integers(1, count, kills - early - late))
    return [*[0] * early, *map(int, within), *[count] * late]


def _finished(output: Path) -> int:
    ledger = output / LEDGER
    return max(0, ledger.read_bytes().count(b"\n") - 1) if ledger.exists() else 0


def _kill_at(command: Sequence[str], output: Path, place: int, pause: float) -> list[int]:
    """Kill a screening some time after so many photographs are finished; return the decoders that survive."""
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)
    while _finished(output) < place and process.poll() is None:
        time.sleep(0.005)
    time.sleep(pause)
    decoders = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    _, alive = psutil.wait_procs(decoders, timeout=LONGEST_LIFE)
    return [decoder.pid for decoder in alive]


def _differences(uninterrupted: Path, killed: Path) -> list[str]:
    problems = []
    if (uninterrupted / "results.csv").read_bytes() != (killed / "results.csv").read_bytes():
        problems.append("results.csv differs")
    tables = [pd.read_parquet(folder / "results.parquet") for folder in (uninterrupted, killed)]
    if not tables[0].equals(tables[1]):
        problems.append("results.parquet differs")
    if tables[1]["photo"].duplicated().any():
        problems.append("a photo has two rows")
    pictures = [
        {path.relative_to(folder): path.read_bytes() for path in (folder / PICTURES).rglob("*") if path.is_file()}
        for folder in (uninterrupted, killed)
    ]
    problems += [f"picture {path}" for path, _ in sorted(set(pictures[0].items()) ^ set(pictures[1].items()))]
    problems += [f"half-written {path}" for path in killed.rglob("*.partial")]
    return problems


if __name__ == "__main__":
    sys.exit(main())

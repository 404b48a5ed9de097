"""Screening on a Ray cluster of this machine beside one process: overhead at equal cores, memory, and what losses change.

python -m benchmarks.scale_batch overhead|losses [--photos 5000] [--bundle NAME]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
from PIL import Image

from eyeground.core.machine import usable_cores
from eyeground.core.progress import track
from eyeground.datasets.synthetic import DISEASES, render
from eyeground.scale.batch.shard import LEDGER_FOLDER

MODEL = "eyeground-mobilenetv2-imagenet+fundus-224"
RENDERED, HEIGHTS = 40, (420, 480, 720)
LOOK = 0.5  # seconds
PHOTOS = 2_000


def measure(photos: int = PHOTOS, bundle: str = MODEL) -> list[tuple[str, str, str, float]]:
    """Rows: what, ours, peer, ratio. One process and one cluster screen the same photographs, one after the other, twice."""
    with tempfile.TemporaryDirectory(prefix="scale-") as name:
        folder = Path(name)
        source = photographs(folder / "photos", photos)
        seconds: dict[str, list[float]] = {"one": [], "ray": []}
        peaks: dict[str, int] = {}
        for turn in range(2):  # in both orders, as other work on the machine comes and goes
            for kind in ("one", "ray") if turn == 0 else ("ray", "one"):
                took, peaks[kind] = watched(
                    command(source, folder / f"{kind} {turn}", bundle, ["--ray"] * (kind == "ray"))
                )
                seconds[kind].append(took)
        problems = differences(folder / "one 0", folder / "ray 0")
        if problems:
            raise RuntimeError("; ".join(problems))
    one, ray = min(seconds["one"]), min(seconds["ray"])
    what = f"{photos:,} photos on {usable_cores()} cores, {bundle}, `screen --ray` with its start"
    return [
        (
            what,
            f"{photos / ray:.1f} photos/s",
            f"{photos / one:.1f} photos/s, `screen --no-report --overlays none`",
            one / ray,
        ),
        (
            f"{what}: peak memory",
            f"{peaks['ray'] / 1e6:.0f} MB",
            f"{peaks['one'] / 1e6:.0f} MB",
            peaks["ray"] / peaks["one"],
        ),
    ]


def photographs(folder: Path, count: int) -> Path:
    """A folder of links to rendered photographs, a few of them damaged."""
    originals = folder.with_name("originals")
    originals.mkdir(parents=True, exist_ok=True)
    diseases = sorted(DISEASES)
    for index in track(range(RENDERED), "rendering"):
        path = originals / f"{index:02d}.jpg"
        if not path.exists():
            pixels = render(diseases[index % len(diseases)], height=HEIGHTS[index % len(HEIGHTS)], seed=index).pixels
            Image.fromarray(pixels).save(path, quality=90)
    whole = (originals / "00.jpg").read_bytes()
    for index, content in enumerate([whole[: len(whole) // 2], whole[:200], b"no photograph", b""]):
        (originals / f"damaged {index}.jpg").write_bytes(content)
    files = sorted(originals.iterdir())
    for index in range(count):
        link = folder / f"clinic {index % 7}" / f"{index:06d}.jpg"
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            os.link(files[index % len(files)], link)
    return folder


def command(photos: Path | str, output: Path, bundle: str, options: Sequence[str] = ()) -> list[str]:
    """A screening that writes tables alone; with `--ray` among the options its summary too."""
    bare = [] if any(option.startswith("--ray") for option in options) else ["--no-report"]
    given = ["--bundle", bundle, "-o", str(output), "--overlays", "none", *bare, *options]
    return [sys.executable, "-m", "eyeground", "screen", str(photos), *given]


def watched(command: Sequence[str]) -> tuple[float, int]:
    """Seconds that a command takes, and the most memory (bytes) of all its processes together."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0

    def watch() -> None:
        nonlocal peak
        while process.poll() is None:
            peak = max(peak, memory(process.pid))
            time.sleep(LOOK)

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    seconds = time.perf_counter() - started
    watcher.join()
    if code != 0:
        raise RuntimeError(f"{command} ended with {code}")
    return seconds, peak


def memory(pid: int) -> int:
    """Memory of a process and all below it, of what they share each its part."""
    total = 0
    try:
        root = psutil.Process(pid)
        for one in [root, *root.children(recursive=True)]:
            try:
                total += int(one.memory_full_info().pss)
            except psutil.Error:  # it has ended meanwhile
                continue
    except psutil.Error:
        return 0
    return total


def differences(one: Path, scaled: Path) -> list[str]:
    """What differs between the results of one machine and of a cluster."""
    expected, found = pd.read_parquet(one / "results.parquet"), pd.read_parquet(scaled / "results")
    problems = []
    if found["photo"].duplicated().any():
        problems.append("a photograph has two rows")
    if lost := set(expected["photo"]) - set(found["photo"]):
        problems.append(f"{len(lost)} photographs have no row")
    ordered = found.sort_values("photo").reset_index(drop=True)
    if not problems and not ordered.equals(expected.sort_values("photo").reset_index(drop=True)):
        problems.append("rows differ")
    return problems


def losses(photos: int, bundle: str, folder: Path) -> list[str]:
    """Screen on two machines of loopback, of which one is lost, with a driver that is killed twice; what is wrong then."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    source, output = photographs(folder / "photos", photos), folder / "scaled"
    share = max(1, usable_cores() // 2)
    machine: dict[str, Any] = {"num_cpus": share, "object_store_memory": 2**27}
    cluster = Cluster(initialize_head=True, head_node_args=machine | {"include_dashboard": False})
    second = cluster.add_node(**machine)
    run = command(source, output, bundle, [f"--ray={cluster.address}"])
    started, peak = time.perf_counter(), 0
    # What is done at which share of the photographs.
    events = [(0.2, "driver"), (0.4, "machine"), (0.6, "driver")]
    driver = subprocess.Popen(run, stdout=subprocess.DEVNULL)
    shards = None
    while driver.poll() is None:
        time.sleep(LOOK)
        peak = max(peak, memory(os.getpid()))
        done = len(list((output / LEDGER_FOLDER).glob("*.parquet")))
        shards = shards or _shards(output)
        if not events or not shards or done < events[0][0] * shards:
            continue
        _, what = events.pop(0)
        print(f"{what} lost at {done} of {shards} shards, {time.perf_counter() - started:.0f} s", flush=True)
        if what == "machine":
            cluster.remove_node(second, allow_graceful=False)
        else:
            driver.kill()
            driver.wait()
            driver = subprocess.Popen(run, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - started
    cluster.shutdown()
    problems = [f"the driver ended with {driver.returncode}"] if driver.returncode else []
    problems += [f"there was no loss of a {what}" for _, what in events]
    print(f"{photos:,} photos in {seconds:.0f} s, peak memory of all processes {peak / 1e6:.0f} MB", flush=True)
    subprocess.run(command(source, folder / "one", bundle), check=True, stdout=subprocess.DEVNULL)
    statuses = json.loads((output / "summary.json").read_text())["statuses"]
    print(f"rows: {sum(statuses.values()):,} {statuses}")
    return problems + differences(folder / "one", output)


def _shards(output: Path) -> int | None:
    from pyarrow.parquet import read_metadata

    plan = output / "plan.parquet"
    return int(read_metadata(plan).num_row_groups) if plan.exists() else None


def main() -> int:
    """Print rows of a benchmark, or what losses changed; 1 if anything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("overhead", "losses"))
    parser.add_argument("--photos", type=int, default=PHOTOS)
    parser.add_argument("--bundle", default=MODEL)
    given = parser.parse_args()
    if given.what == "overhead":
        for row in measure(given.photos, given.bundle):
            print(" | ".join(map(str, row)))
        return 0
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        problems = losses(given.photos, given.bundle, Path(folder))
    for problem in problems:
        print("WRONG:", problem)
    print(f"{len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

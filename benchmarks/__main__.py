"""Run every benchmark and write `benchmarks/results.md`."""

import os
import platform
from pathlib import Path

import torch

from benchmarks import scale_batch, scale_shards, screening, standard_photo, statistics, training_overhead

RESULTS = Path(__file__).parent / "results.md"


def main() -> None:
    rows = [
        *standard_photo.measure(),
        *scale_shards.measure(),
        *screening.measure(),
        *scale_batch.measure(),
        *statistics.measure(),
        *training_overhead.measure(),
    ]
    machine = (
        f"{os.cpu_count()} cores, {platform.machine()}, torch {torch.__version__} on {torch.get_num_threads()} threads"
    )
    lines = [
        "# Benchmarks",
        "",
        f"Made by `make bench` on {machine}. Compare ratios, not absolute times: machines differ and are shared.",
        "",
        "| what | ours | peer | ratio |",
        "|---|---|---|---|",
        *(f"| {what} | {ours} | {peer} | {ratio:.2f} |" for what, ours, peer, ratio in rows),
        "",
    ]
    RESULTS.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()

"""What 10^5, 10^6 and 10^8 photos take, from measured rates: cores, hours, storage, money, and what saturates first.

    python scripts/plan_scale.py [--cores 1000 --core-hour 0.04 --gpus 8 --gpu-hour 3 --read 5 --original 2.5 …]
    python scripts/plan_scale.py --write

Without arguments it prints what docs/scale.md shows; --write renews it there, which needs no other argument.
"""

import argparse
from dataclasses import dataclass, fields
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "scale.md"
BEGIN, END = "<!-- Begin: written by scripts/plan_scale.py -->", "<!-- End: written by scripts/plan_scale.py -->"
NUMBERS = (100_000, 1_000_000, 100_000_000)
DAYS = 24.0


@dataclass(frozen=True)
class Measured:
    """Rates that were measured; see "On paper" in docs/scale.md for on what."""

    standardise: float = 27.0  # photos per core and second
    screen: float = 16.0  # photos per core and second, with evidence map and report
    read_shards: float = 190.0  # photos per core and second
    train_gpu: float = 1000.0  # photos per GPU and second
    shard_bytes: float = 155e3  # of a photo in a shard
    index_memory: float = 1000.0  # bytes of a photo in the memory of each training process


@dataclass(frozen=True)
class Given:
    """What is asked for; each is an option of the command."""

    cores: int = 64
    core_hour: float = 0.04
    gpus: int = 8
    gpu_hour: float = 3.0
    readers: int = 8
    epochs: int = 20
    original: float = 2.5
    storage_month: float = 20.0
    read: float = 5.0
    memory: float = 64.0


MEANING = {
    "cores": "CPU cores that standardise or screen",
    "core_hour": "price of a core for an hour",
    "gpus": "GPUs that train",
    "gpu_hour": "price of a GPU for an hour",
    "readers": "cores that read photos beside each GPU",
    "epochs": "epochs of a training",
    "original": "size of a photograph's file in MB",
    "storage_month": "price of a TB for a month",
    "read": "GB/s that the storage of the photographs gives to all machines together",
    "memory": "GB of memory of a machine per training process",
}


@dataclass(frozen=True)
class Stage:
    """A stage of work: photos per second of one worker, how many workers, and bytes read per photo."""

    name: str
    rate: float
    workers: int
    unit: str
    price_hour: float
    bytes_read: float
    times: int = 1

    def seconds(self, photos: int, given: Given) -> float:
        """Of all workers together, slowed down where the storage gives less than they can read."""
        return photos * self.times / min(self.rate * self.workers, given.read * 1e9 / self.bytes_read)

    def worker_hours(self, photos: int) -> float:
        return photos * self.times / self.rate / 3600

    def saturates(self, given: Given) -> str:
        """How many workers the storage feeds, and whether these or it come first."""
        most = given.read * 1e9 / self.bytes_read / self.rate
        first = "storage" if most < self.workers else self.unit + "s"
        return f"{first} (storage feeds {rounded(most)} {self.unit}s)"


def stages(measured: Measured, given: Given) -> list[Stage]:
    original = given.original * 1e6
    cores = {"workers": given.cores, "unit": "core", "price_hour": given.core_hour}
    return [
        Stage("standardise", measured.standardise, bytes_read=original, **cores),
        Stage("screen", measured.screen, bytes_read=original, **cores),
        Stage(
            f"pretrain, {given.epochs} epochs",
            min(measured.train_gpu, measured.read_shards * given.readers),
            given.gpus,
            "GPU",
            given.gpu_hour,
            measured.shard_bytes,
            given.epochs,
        ),
    ]


def table(measured: Measured, given: Given) -> str:
    """What each stage takes, as a table in Markdown, and what all photos need at once."""
    lines = [
        "| photos | stage | work | time | price | saturates first |",
        "|---|---|---|---|---|---|",
    ]
    for photos in NUMBERS:
        for stage in stages(measured, given):
            hours = stage.seconds(photos, given) / 3600
            price = hours * stage.workers * stage.price_hour
            lines.append(
                f"| {photos:,} | {stage.name} | {rounded(stage.worker_hours(photos))} {stage.unit} hours | {duration(hours)} on "
                f"{stage.workers:,} {stage.unit}s | {rounded(price)} | {stage.saturates(given)} |"
            )
    lines += [
        "",
        "| photos | photographs | shards | files | a month's storage | index in each training process |",
        "|---|---|---|---|---|---|",
    ]
    for photos in NUMBERS:
        originals, shards = photos * given.original * 1e6, photos * measured.shard_bytes
        month = (originals + shards) / 1e12 * given.storage_month
        index = photos * measured.index_memory
        too_much = "" if index < given.memory * 1e9 else f", more than the {given.memory:g} GB there are"
        lines.append(
            f"| {photos:,} | {size(originals)} | {size(shards)} | {photos:,} photographs, or {-(-photos // 1000):,} shards | "
            f"{rounded(month)} | {size(index)}{too_much} |"
        )
    return "\n".join(lines)


def rounded(number: float) -> str:
    """Two significant digits, since the rates have no more."""
    return f"{float(f'{number:.2g}'):,.0f}" if number >= 10 else f"{number:.2g}"


def duration(hours: float) -> str:
    return (
        f"{rounded(hours * 60)} min"
        if hours < 1
        else f"{rounded(hours)} h"
        if hours < 2 * DAYS
        else f"{rounded(hours / DAYS)} days"
    )


def size(number: float) -> str:
    return f"{rounded(number / 1e9)} GB" if number < 1e12 else f"{rounded(number / 1e12)} TB"


def assumptions(given: Given) -> str:
    """What was asked for, in words."""
    return "; ".join(f"{MEANING[name]}: {getattr(given, name):g}" for name in MEANING)


def page(text: str) -> str:
    """docs/scale.md with its tables renewed."""
    before, rest = text.split(BEGIN)
    given = Given()
    drawn = f"{BEGIN}\n\nAssumed: {assumptions(given)}.\n\n{table(Measured(), given)}\n\n{END}"
    return before + drawn + rest.split(END)[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="renew docs/scale.md")
    for field in fields(Given):
        option = "--" + field.name.replace("_", "-")
        parser.add_argument(option, type=type(field.default), default=field.default, help=MEANING[field.name])
    arguments = vars(parser.parse_args())
    if arguments.pop("write"):
        PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
        return
    given = Given(**arguments)
    print(f"{assumptions(given)}\n\n{table(Measured(), given)}")


if __name__ == "__main__":
    main()

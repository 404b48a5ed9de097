"""Screens thousands of damaged files under 1 GB of address space, and checks that nothing but their rows comes of it.

python scripts/fuzz_screening.py [--count 10000] [--seed 1] [--originals PHOTOS]
"""

import argparse
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import psutil
from fuzz_damage import Hostile, hostile_files
from fuzz_originals import NAME, medical_originals, originals_from, rendered_originals

from eyeground.core.progress import track
from eyeground.screening.decoder_pool import SECONDS_PER_PHOTO
from eyeground.screening.inputs import BATCH_SIZE
from eyeground.screening.photos import LEDGER

HEIGHTS, LARGE_HEIGHTS = (64, 96, 240, 480), (1424,)
LONGEST_REASON = 200
# A batch that is read by one process, each photograph of which takes the longest time allowed.
LONGEST_STANDSTILL = 1.5 * BATCH_SIZE * SECONDS_PER_PHOTO
DECODER = "eyeground.screening.decoder_process"


@dataclass
class Watched:
    """What was seen of a screening from outside."""

    code: int | None = None
    output: str = ""
    seconds: float = 0.0
    most_memory: int = 0  # resident, of all its processes together, in bytes
    decoders: set[psutil.Process] = field(default_factory=set)


def main() -> int:
    """Make the files, screen them, print counts by format, damage and reason; 1 if anything is wrong.

    Wrong are another exit code, a row that is missing, a traceback, a crash of ours, a file's content or path in what is
    written, a process left alive, or an untouched file that is not read.
    """
    arguments = _parser().parse_args()
    folder = Path(arguments.folder or tempfile.mkdtemp(prefix="fuzz-"))
    photos, screened = folder / "photos", folder / "screened"
    for earlier in (photos, screened):
        shutil.rmtree(earlier, ignore_errors=True)
    photos.mkdir(parents=True)
    hostile = _made(photos, arguments)
    watched = _watch(_command(photos, screened, arguments), screened, int(arguments.memory * 2**30))
    (folder / "output.txt").write_text(watched.output)
    table = pd.DataFrame([{"photo": one.name, "format": one.original.kind, "damage": one.damage} for one in hostile])
    problems = _problems(hostile, watched, screened, folder)
    if (screened / "results.parquet").exists():
        rows = pd.read_parquet(screened / "results.parquet")[["photo", "status", "reason"]]
        _print_counts(table.merge(rows, on="photo"))
    print(
        f"\n{len(hostile):,} files, exit code {watched.code}, {watched.seconds:.0f} s, {len(watched.decoders)} decoders,"
    )
    print(f"at most {watched.most_memory / 2**20:.0f} MB resident in all processes together; in {folder}")
    for problem in problems:
        print("WRONG:", problem)
    if not problems and not arguments.folder:
        shutil.rmtree(folder)
    return 1 if problems else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="files to make")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--folder", help="where to work; kept. By default a temporary folder, kept if anything is wrong"
    )
    parser.add_argument("--originals", type=Path, help="damage the photographs below this folder instead")
    parser.add_argument("--bundle", default="eyeground-mobilenetv2-imagenet+fundus-224")
    parser.add_argument("--memory", type=float, default=1.0, help="address space of each process, in GiB")
    parser.add_argument("--jobs", type=int, default=2, help="decoder processes")
    return parser


def _made(photos: Path, arguments: argparse.Namespace) -> list[Hostile]:
    """Write the files; contents are dropped, since thousands of them would fill the memory."""
    if arguments.originals:
        originals, large = originals_from(arguments.originals), []
    else:
        originals = [*rendered_originals(HEIGHTS), *medical_originals()]
        large = rendered_originals(LARGE_HEIGHTS)
    hostile = []
    files = hostile_files(originals, large, arguments.count, arguments.seed)
    for one in track(files, "damaging", total=arguments.count):
        (photos / one.name).write_bytes(one.content)
        hostile.append(Hostile(one.name, b"", one.original, one.damage))
    return hostile


def _command(photos: Path, screened: Path, arguments: argparse.Namespace) -> list[str]:
    options = ["--bundle", arguments.bundle, "--jobs", str(arguments.jobs)]
    return [sys.executable, "-m", "eyeground", "screen", str(photos), "-o", str(screened), *options]


def _watch(command: Sequence[str], screened: Path, memory: int) -> Watched:
    """Run a screening to its end, or kill it where it makes no progress."""
    watched = Watched()
    started = last_growth = time.monotonic()
    size = 0
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (memory, memory)),  # noqa: PLW1509 - no threads here
        )
        while process.poll() is None:
            time.sleep(0.2)
            _observe(process.pid, watched)
            ledger = screened / LEDGER
            grown = ledger.stat().st_size if ledger.exists() else 0
            if grown != size:
                size, last_growth = grown, time.monotonic()
            elif time.monotonic() - last_growth > LONGEST_STANDSTILL:
                process.kill()
        watched.code, watched.seconds = process.wait(), time.monotonic() - started
        output.seek(0)
        watched.output = output.read()
    psutil.wait_procs(watched.decoders, timeout=5)
    return watched


def _observe(pid: int, watched: Watched) -> None:
    try:
        parent = psutil.Process(pid)
        children = parent.children(recursive=True)
        watched.decoders |= {child for child in children if DECODER in child.cmdline()}
        watched.most_memory = max(watched.most_memory, sum(one.memory_info().rss for one in (parent, *children)))
    except psutil.NoSuchProcess:  # it ended meanwhile
        return


def _problems(hostile: Sequence[Hostile], watched: Watched, screened: Path, folder: Path) -> list[str]:
    problems = []
    if watched.code not in (0, 1):
        problems.append(f"exit code {watched.code}; {watched.output[-2000:]}")
    if "Traceback" in watched.output or "Error" in watched.output:
        problems.append(f"a traceback: {watched.output[-2000:]}")
    problems += [f"decoder {one.pid} is still alive" for one in watched.decoders if one.is_running()]
    if not (screened / "results.parquet").exists():
        return [*problems, "no table was written"]
    rows = pd.read_parquet(screened / "results.parquet")
    if sorted(rows["photo"]) != sorted(one.name for one in hostile):
        problems.append(f"{len(rows)} rows ({rows['photo'].nunique()} photos) of {len(hostile)} files")
    expected = 1 if set(rows["status"]) == {"unreadable"} else 0
    if watched.code != expected:
        problems.append(f"exit code {watched.code}; expected {expected}")
    unreadable = rows[rows["status"] == "unreadable"]
    problems += [
        f"{photo}: reason '{reason}'"
        for photo, reason in zip(unreadable["photo"], unreadable["reason"], strict=True)
        if not _is_proper(reason, photo, folder)
    ]
    untouched = {one.name for one in hostile if one.damage == "untouched" and one.original.readable}
    problems += [f"{photo}: is untouched and was not read" for photo in unreadable["photo"] if photo in untouched]
    return [*problems, *_leaks(watched, screened)]


def _is_proper(reason: str, photo: str, folder: Path) -> bool:
    """Whether a reason is a plain sentence without the file's path, and no crash of our own code."""
    plain = isinstance(reason, str) and reason.isascii() and reason.isprintable() and 10 < len(reason) < LONGEST_REASON
    return plain and str(folder) not in reason and photo not in reason and "(exit 1)" not in reason


def _leaks(watched: Watched, screened: Path) -> list[str]:
    """Where the patient's name that the originals carry can be read."""
    written = {path.name: path.read_bytes() for path in screened.glob("*") if path.is_file()}
    written["the output"] = watched.output.encode()
    return [f"{name} holds the patient's name" for name, content in written.items() if NAME.encode() in content]


def _print_counts(table: pd.DataFrame) -> None:
    """Counts by format and status, by damage and status, and of reasons, whose numbers are left out."""
    pd.set_option("display.max_rows", None, "display.width", 200, "display.max_colwidth", 160)
    print(pd.crosstab(table["format"], table["status"], margins=True, margins_name="all").to_string(), end="\n\n")
    first = table["damage"].str.split("+").str[0]
    print(pd.crosstab(first, table["status"]).to_string(), end="\n\n")
    unreadable = table[table["status"] == "unreadable"]
    reasons = unreadable["reason"].map(lambda reason: re.sub(r"\d+", "N", reason))
    print(pd.crosstab(reasons, unreadable["format"]).to_string())


if __name__ == "__main__":
    sys.exit(main())

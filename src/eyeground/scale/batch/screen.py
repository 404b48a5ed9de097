"""Screening on many machines: plan, shards, tables. What is finished is a file in the run's folder, and nothing else is.

A run whose driver, workers or machines are lost continues when the command is repeated; see docs/scale.md.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import eyeground
from eyeground.core.console import Console
from eyeground.core.progress import track, working
from eyeground.errors import UserError
from eyeground.scale.batch.plan import PLAN, Plan, write_plan
from eyeground.scale.batch.shard import LEDGER_FOLDER, Task, anatomy_of, shard_name
from eyeground.scale.batch.sources import gather
from eyeground.scale.batch.storage import Place
from eyeground.scale.batch.tables import SUMMARY_PAGE, Tables, write_tables
from eyeground.scale.batch.workers import Call, Workers, cluster, machines
from eyeground.screening.batch import SUMMARY
from eyeground.screening.decision import NO_RULE
from eyeground.screening.finding_writer import Overlays
from eyeground.screening.photos import LEDGER, RUN
from eyeground.screening.results import RESULTS
from eyeground.screening.runtime import Screener
from eyeground.screening.sources import OUR_NAMES, TableColumns

FORMAT = 1


@dataclass(frozen=True)
class Options:
    """How a run screens.

    Attributes:
        bundle: Name or folder of the model, the same on all machines; the default model if None.
        operating_point: Which thresholds decide.
        overlays: Which photographs get a picture.
        columns: Which columns of a table are ours, and which are copied to the results.
        identifiers: Show names in the summary, and keep those of DICOM patients.
        jobs: Most workers; by default one per core of the cluster.
        overwrite: Replace a run of another model or other thresholds.
    """

    bundle: str | None = None
    operating_point: str | None = None
    overlays: Overlays = "none"
    columns: TableColumns = OUR_NAMES
    identifiers: bool = False
    jobs: int | None = None
    overwrite: bool = False


@dataclass(frozen=True)
class ScreenedAtScale:
    """The result of a screening on many machines.

    Attributes:
        output: Holds `results/` (Parquet parts), `summary.html`, `summary.json`, and the run's plan and ledger.
        counts: Photographs per status.
        finished_before: Photographs that an earlier, interrupted run had finished.
        seconds: Time taken.
        notes: What was left out, in sentences.
        warnings: How the photographs differ from what the bundle expects, in sentences.
    """

    output: str
    counts: dict[str, int]
    finished_before: int
    seconds: float
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def photos(self) -> int:
        """How many photographs have a row."""
        return sum(self.counts.values())


def screen_at_scale(
    photos: Sequence[str], screener: Screener, output: str, address: str, options: Options
) -> ScreenedAtScale:
    """Screen photographs on the workers of a Ray cluster.

    Args:
        photos: Local sources, a table, or URLs; see `eyeground.scale.batch.sources.gather`.
        screener: The model that the workers open by the same name.
        output: A folder that all machines share, or a URL of object storage.
        address: Of the cluster; `local` starts one of this machine's cores.
        options: How.

    Raises:
        UserError: If there is no photograph, the output cannot be written or holds other results, or there is no
            cluster.
    """
    started = time.monotonic()
    if screener.rule.decision is None:
        raise UserError(f"{screener.bundle.identity}: {NO_RULE}")
    place = Place(output)
    place.require_writable()
    settings = _settings(screener, options)
    _refuse_other_results(place, settings, options.overwrite)
    with TemporaryDirectory(prefix="eyeground-run-") as scratch:
        plan = _planned(photos, place, settings, options, Path(scratch))
        task = Task(
            place,
            options.bundle,
            screener.bundle.digest,
            options.operating_point,
            anatomy_of(screener),
            options.overlays,
            plan.photos,
        )
        with cluster(address):
            workers = Workers(task, options.jobs)
            finished_before = _finish_shards(plan, workers)
            tables = Tables(plan, place, screener, options.columns.keep, options.identifiers, Path(scratch))
            written = write_tables(tables, workers)
    return ScreenedAtScale(
        output=output,
        counts=written.counts,
        finished_before=finished_before,
        seconds=time.monotonic() - started,
        notes=plan.notes,
        warnings=written.warnings,
    )


def _settings(screener: Screener, options: Options) -> dict[str, Any]:
    """All that a shard depends on beside its photographs."""
    return {
        "eyeground_run": FORMAT,
        "eyeground": eyeground.__version__,
        "model": screener.bundle.identity,
        "digest": screener.bundle.digest,
        "anatomy": anatomy_of(screener),
        "thresholds": dict(screener.rule.thresholds),
        "overlays": options.overlays,
    }


def _refuse_other_results(place: Place, settings: dict[str, Any], overwrite: bool) -> None:
    """Refuse to replace results of another model or other thresholds silently, and results that are not of a run."""
    if place.text(LEDGER) is not None:
        raise UserError(f"{place.url}: holds a screening of one machine; choose another output folder")
    before = place.text(RUN)
    if before is None:
        if place.names(RESULTS) or place.text(SUMMARY_PAGE) is not None:
            raise UserError(f"{place.of(RESULTS)}: was not written by a screening; choose another output folder")
        return
    try:
        run = dict(json.loads(before))
    except (ValueError, TypeError):
        run = {}
    differ = any(run.get(name) != settings[name] for name in ("digest", "anatomy", "thresholds"))
    if differ and not overwrite:
        raise UserError(
            f"{place.url}: holds results of {run.get('model', 'another model')}"
            f"{' at other thresholds or with other --anatomy' if run.get('digest') == settings['digest'] else ''}, and this is {settings['model']}; choose "
            "another folder with -o, or replace them with --overwrite"
        )
    if differ:
        place.remove(LEDGER_FOLDER)


def _planned(photos: Sequence[str], place: Place, settings: dict[str, Any], options: Options, scratch: Path) -> Plan:
    """Write the plan and the settings of the run; what is older than both goes."""
    sources = gather(photos, place, options.columns, options.identifiers)
    with working("planning"):
        plan = write_plan(sources.table, scratch / PLAN, json.dumps(settings, sort_keys=True), sources.notes)
        place.put_text(RUN, json.dumps(settings, indent=1) + "\n")
        for name in (SUMMARY, SUMMARY_PAGE):  # whoever sees them takes the results for complete
            place.remove(name)
        place.put(PLAN, lambda path: path.write_bytes(plan.path.read_bytes()))
    return plan


def _finish_shards(plan: Plan, workers: Workers) -> int:
    """Have all shards screened that are not, and return how many photographs were finished before."""
    finished = workers.task.output.names(LEDGER_FOLDER)
    calls = [
        Call("screen", shard, digest)
        for shard, digest in enumerate(plan.digests)
        if shard_name(shard, digest).rpartition("/")[2] not in finished
    ]
    todo = sum(plan.rows_of(call.shard) for call in calls)
    if calls:
        counted = machines()
        Console(stderr=True).print(
            f"{todo:,} photos in {len(calls):,} shards on {counted:,} machine{'' if counted == 1 else 's'}"
        )
    # A finished shard counts as its photographs, so that the rate is theirs.
    photos = (call for call, rows in workers.run(calls) for _ in range(rows))
    for _ in track(photos, "screening", total=todo):
        pass
    return plan.photos - todo

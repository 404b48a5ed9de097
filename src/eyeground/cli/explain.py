"""`explain`: where the evidence lies, drawn and measured."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from eyeground.cli.data import CACHE, FOR_SPREADSHEETS, JOBS
from eyeground.cli.predict import MOST_UNREADABLE_SHOWN
from eyeground.core.console import Console
from eyeground.core.files import require_writable
from eyeground.core.machine import usable_cores
from eyeground.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from eyeground.models.classifier import Classifier
    from eyeground.workflows.explain.explain import ExplainedPhotos, ExplainPlan

METHODS_HELP = (
    "Map to draw; repeat for several: evidence (exact, one pass), traced (the same logit, split finer), gradcam, gradcam++, layercam, eigencam, "
    "rollout (transformers only). evidence if not given."
)


def explain(
    model: str = typer.Argument(..., help="Bundle: its folder, or the name of a released one."),
    manifest: Path = typer.Argument(..., help="Manifest of photos; with mask columns of lesions for --measure."),
    output: Path = typer.Option(
        ..., "-o", "--output-folder", help="Folder for photos, contact sheets, tables and report."
    ),
    explained: str | None = typer.Option(
        None,
        "--output",
        help="Which of the model's outputs is explained: 'abnormal' where it has one, or its only one, if not given.",
    ),
    method: list[str] | None = typer.Option(None, "--method", help=METHODS_HELP),
    against: list[str] | None = typer.Option(
        None, "--against", help="Another bundle whose maps stand beside; repeat for several."
    ),
    measure: bool = typer.Option(
        False, "--measure", help="Hold maps against lesion masks; photos without an outlined lesion are left out."
    ),
    curves: bool = typer.Option(
        False,
        "--curves",
        help="With --measure: also the areas under deletion and insertion curves, which take twenty passes more for each map.",
    ),
    split: str | None = typer.Option(None, "--split", help="Only photos of this split: train, validation or test."),
    resamples: int = typer.Option(2000, min=0, help="Bootstrap resamples of patients behind each 95 % interval."),
    seed: int = typer.Option(0, min=0, help="Seed of the resamples."),
    for_spreadsheets: bool = FOR_SPREADSHEETS,
    cache: Path = CACHE,
    jobs: int | None = JOBS,
) -> "pd.DataFrame":
    """Draw where the evidence for an output lies, photo by photo, under several methods and models, and measure it.

    The evidence map is the decision itself: its mean plus a constant is the logit; it tells how much, and roughly where.
    The traced map splits the same logit among finer cells: ask it for the place. Gradient maps and attention rollout are
    estimates, drawn beside these for comparison.

    --measure needs masks of lesions (mask_microaneurysm, mask_haemorrhage, mask_hard_exudate, mask_soft_exudate) and
    tells, with 95 % intervals over patients and beside what chance gives: how often a map's highest point lies on a
    lesion, how much of its evidence does, how much lies where no disease is (the border of the field of view, the optic
    disc), and what the map cost. mask_optic_disc is needed for the disc.
    """
    from eyeground.core.tables import write_table
    from eyeground.data.manifest import read_manifest
    from eyeground.explanation.maps import EVIDENCE
    from eyeground.models import load
    from eyeground.workflows.explain.explain import ExplainPlan, explain_manifest

    require_writable(output)
    if curves and not measure:
        raise UserError("--curves goes with --measure; add it")
    console = Console(soft_wrap=True)
    names = list(dict.fromkeys([model, *(against or [])]))
    photos = read_manifest(manifest)
    chosen = photos.in_split(split) if split else photos
    methods = tuple(dict.fromkeys([*([EVIDENCE] if measure else []), *(method or [EVIDENCE])]))
    models = {_short(name, names): load(name) for name in names}
    plan = ExplainPlan(explained or _usual_output(models), methods, measure, curves)
    found = explain_manifest(chosen, models, plan, output, cache, jobs or usable_cores())
    for photo, reason in list(found.left_out.items())[:MOST_UNREADABLE_SHOWN]:
        console.print(f"left out: {photo}: {reason}", markup=False)
    write_table(found.photos.drop(columns="patient"), output / "photos.csv", for_spreadsheets)
    if measure:
        _measured(found, plan, output, resamples, seed, console)
    console.print(f"written: {output}, {found.photos['photo'].nunique():,} photos; left out: {len(found.left_out):,}")
    return found.photos


def _usual_output(models: "dict[str, Classifier]") -> str:
    """The output to explain where none was named."""
    first, *others = ([one for target in model.targets for one in target.outputs] for model in models.values())
    shared = [output for output in first if all(output in outputs for outputs in others)]
    if "abnormal" in shared:
        return "abnormal"
    if len(shared) == 1:
        return shared[0]
    raise UserError(f"which output is to be explained? Add --output with one of {', '.join(shared or first)}")


def _short(name: str, names: list[str]) -> str:
    """A bundle's name as pictures show it; whole where two would be called alike."""
    short = [Path(other).name for other in names]
    return Path(name).name if short.count(Path(name).name) == 1 else name


def _measured(
    found: "ExplainedPhotos", plan: "ExplainPlan", output: Path, resamples: int, seed: int, console: Console
) -> None:
    from eyeground.core.tables import write_table
    from eyeground.evaluation.estimates import as_text, signed
    from eyeground.workflows.explain.measures import measure_table
    from eyeground.workflows.explain.report import WORDS, estimate_of, write_explanation_report

    figures = measure_table(found.photos, resamples, seed)
    write_table(figures, output / "measures.csv")
    for row in figures[figures["measure"].isin(["pointing", "milliseconds"])].to_dict("records"):
        told = signed(estimate_of(row)) if row["minus"] else as_text(estimate_of(row))
        minus = f" − {row['minus']}" if row["minus"] else ""
        console.print(f"{row['model']}, {row['method']}{minus}: {WORDS[row['measure']]} {told}", highlight=False)
    console.print(f"written: {write_explanation_report(found, figures, plan.output, output, resamples, seed)}")

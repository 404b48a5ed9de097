"""`explain`: evidence maps, rendered and measured."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from eyeground.cli.options import CACHE, FOR_SPREADSHEETS, JOBS, RESAMPLES, SEED
from eyeground.cli.printing import print_left_out, print_lines
from eyeground.core.files import require_writable
from eyeground.core.machine import usable_cores
from eyeground.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from eyeground.models.classifier import Classifier
    from eyeground.workflows.explain.explain import ExplainedPhotos, ExplainPlan

METHODS_HELP = (
    "Kind of map; repeat for more: evidence (exact, one pass), traced (the same logit, split finer), gradcam, gradcam++, layercam, eigencam, "
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
        None, "--against", help="Another bundle to compare maps with; repeat for more."
    ),
    measure: bool = typer.Option(
        False, "--measure", help="Compare maps with lesion masks; photos without an annotated lesion are left out."
    ),
    curves: bool = typer.Option(
        False,
        "--curves",
        help="With --measure: also the areas under deletion and insertion curves, which take twenty passes more for each map.",
    ),
    split: str | None = typer.Option(None, "--split", help="Only photos of this split: train, validation or test."),
    resamples: int = RESAMPLES,
    seed: int = SEED,
    for_spreadsheets: bool = FOR_SPREADSHEETS,
    cache: Path = CACHE,
    jobs: int | None = JOBS,
) -> "pd.DataFrame":
    """Show where the evidence for an output is, photo by photo, by several methods and models, and measure it.

    The evidence map is the decision itself: its mean plus a constant is the logit; it shows how much, and roughly where.
    The traced map divides the same logit among finer cells and shows the place. Gradient maps and attention rollout are
    estimates, for comparison.

    `measure` needs masks of lesions (mask_microaneurysm, mask_haemorrhage, mask_hard_exudate, mask_soft_exudate) and
    gives, with 95 % intervals over patients and the values of chance: how often a map's highest point is on a lesion, how
    much of its evidence is, how much is where no disease is (the border of the field of view, the optic disc), and the
    time per map. mask_optic_disc is needed for the disc.
    """
    from eyeground.core.tables import write_table
    from eyeground.data.manifest import read_manifest
    from eyeground.explanation.maps import EVIDENCE
    from eyeground.models import load
    from eyeground.workflows.explain.explain import ExplainPlan, explain_manifest

    require_writable(output)
    if curves and not measure:
        raise UserError("--curves goes with --measure; add it")
    names = list(dict.fromkeys([model, *(against or [])]))
    photos = read_manifest(manifest)
    chosen = photos.in_split(split) if split else photos
    methods = tuple(dict.fromkeys([*([EVIDENCE] if measure else []), *(method or [EVIDENCE])]))
    models = {_short(name, names): load(name) for name in names}
    plan = ExplainPlan(explained or _usual_output(models), methods, measure, curves)
    found = explain_manifest(chosen, models, plan, output, cache, jobs or usable_cores())
    print_left_out(found.left_out)
    write_table(found.photos.drop(columns="patient"), output / "photos.csv", for_spreadsheets)
    if measure:
        _write_measures(found, plan, output, resamples, seed)
    print_lines(f"written: {output}, {found.photos['photo'].nunique():,} photos; left out: {len(found.left_out):,}")
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
    """A bundle's name as pictures show it; the entire path where two have one name."""
    short = [Path(other).name for other in names]
    return Path(name).name if short.count(Path(name).name) == 1 else name


def _write_measures(found: "ExplainedPhotos", plan: "ExplainPlan", output: Path, resamples: int, seed: int) -> None:
    from eyeground.core.tables import write_table
    from eyeground.evaluation.estimates import as_text, signed
    from eyeground.workflows.explain.measures import measure_table
    from eyeground.workflows.explain.report import WORDS, estimate_of, write_explanation_report

    measures = measure_table(found.photos, resamples, seed)
    write_table(measures, output / "measures.csv")
    for row in measures[measures["measure"].isin(["pointing", "milliseconds"])].to_dict("records"):
        estimate = signed(estimate_of(row)) if row["minus"] else as_text(estimate_of(row))
        minus = f" − {row['minus']}" if row["minus"] else ""
        print_lines(f"{row['model']}, {row['method']}{minus}: {WORDS[row['measure']]} {estimate}")
    print_lines(f"written: {write_explanation_report(found, measures, plan.output, output, resamples, seed)}")

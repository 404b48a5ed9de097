"""`pretrain` and `adapt`: from a manifest to a bundle with its results."""

import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from eyeground.bundle.installed import how_to_install
from eyeground.cli.options import CACHE, JOBS, MASK_VALUE, SET
from eyeground.cli.printing import print_lines
from eyeground.core.console import Console
from eyeground.core.machine import process_rank, usable_cores
from eyeground.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from eyeground.bundle.open import Bundle
    from eyeground.config.targets import Target
    from eyeground.data.manifest import Manifest
    from eyeground.workflows.build.validated_build import Built, Plan

RUN = typer.Option(..., "-o", "--output", help="Run folder: checkpoints, predictions, evaluation and the bundle.")
RECIPE = typer.Option(
    None, "--recipe", help="YAML file of settings; see docs/recipe.md. What it leaves out keeps its default."
)
RESUME = typer.Option(False, "--resume", help="Continue a run that was interrupted; results are as if it had not been.")
OVERWRITE = typer.Option(
    False,
    "--overwrite",
    help="Replace the run in the folder, whatever its recipe; other files there are kept.",
)
NAME = typer.Option(None, "--name", help="Name of the model; the run folder's name if not given.")
LICENCE = typer.Option("apache-2.0", "--licence", help="Licence of the weights, for the model card.")
FOLD = typer.Option(
    None,
    "--fold",
    min=0,
    help="Train without this fold of the training photos (column 'fold'), which become the test photos; the manifest's own test "
    "photos are left out. For models whose predictions become soft labels: see soft_labels.predictions in docs/recipe.md.",
)
DIVISIONS = ("split", "fold")  # what training needs of a manifest besides its labels
LEAKAGE = typer.Option(False, "--allow-leakage", help="Train although the same photo is in two splits.")


def pretrain(
    manifest: Path = typer.Argument(..., help="Manifest with the label 'abnormal' (or the recipe's targets)."),
    output: Path = RUN,
    recipe: Path | None = RECIPE,
    overrides: list[str] = SET,
    fold: int | None = FOLD,
    resume: bool = RESUME,
    overwrite: bool = OVERWRITE,
    name: str | None = NAME,
    licence: str = LICENCE,
    allow_leakage: bool = LEAKAGE,
    cache: Path = CACHE,
    jobs: int | None = JOBS,
) -> "Bundle":
    """Train a model with supervision, from scratch or from ImageNet weights; by default normal against abnormal.

    Patients are split 70/10/20 unless the manifest has splits. The epoch and the thresholds are chosen on
    validation photos; results are of test photos, with 95 % intervals over patients.
    """
    need_torch()
    from eyeground.config.settings import read_recipe
    from eyeground.config.training_recipe import TrainingRecipe
    from eyeground.data.manifest import read_manifest
    from eyeground.data.splits import hold_out
    from eyeground.datasets.summary import report_remarks
    from eyeground.workflows.build.run_folder import make_room
    from eyeground.workflows.build.validated_build import Plan

    plan = Plan(
        output, cache, name or output.resolve().name, "pretrain", licence, allow_leakage, jobs or usable_cores()
    )
    settings = read_recipe(TrainingRecipe, recipe, overrides)
    photos = read_manifest(manifest, needs=(*DIVISIONS, *(target.name for target in settings.targets)))
    report_remarks(photos, _console())
    photos = photos if fold is None else hold_out(photos, fold)
    _refuse_wrong_targets(photos, settings.targets)
    make_room(output, resume, overwrite)
    train_and_validate = _with_torch().train_and_validate
    return _report(train_and_validate(photos, settings, plan, _console(), resume), output)


def adapt(
    manifest: Path = typer.Argument(..., help="Manifest with the labels to learn."),
    bundle: str = typer.Option(
        ...,
        "--bundle",
        help="Bundle to start from: its folder, or the name of a released one. With --structure also scratch, imagenet or a "
        ".safetensors file, on the recipe's network.",
    ),
    targets: list[str] = typer.Option(
        [],
        "--target",
        help="Label to learn; repeat for more. 'grade:ordinal' and 'class:multiclass' say how; 'DR:ordinal:none,NPDR,PDR' also says "
        "the order of grades whose words have no known one, from health to the worst.",
    ),
    healthy: list[str] = typer.Option(
        [],
        "--healthy",
        help="Class that means health, where its name does not say so (0, none, normal, no X, non-X … do); TARGET=CLASS where there "
        "are several targets; 'none' if no class does. Repeat for more.",
    ),
    structures: list[str] = typer.Option(
        [],
        "--structure",
        help="Structure to segment, from the manifest's column mask_NAME; repeat for more. 'NAME:absent' says that a photo without "
        "a mask shows none. Trains a segmenter over the bundle's encoder; classifies nothing.",
    ),
    output: Path = RUN,
    mask_values: list[str] = MASK_VALUE,
    probe: bool = typer.Option(
        True,
        "--probe/--finetune",
        help="Probe: logistic regression on the frozen embedding. Fine-tune: train all layers.",
    ),
    recipe: Path | None = RECIPE,
    overrides: list[str] = SET,
    resume: bool = RESUME,
    overwrite: bool = OVERWRITE,
    name: str | None = NAME,
    licence: str = LICENCE,
    allow_leakage: bool = LEAKAGE,
    cache: Path = CACHE,
    jobs: int | None = JOBS,
) -> "Bundle":
    """Adapt a bundle to labels of your own (diseases, grades, classes) or to masks of your own (vessels, optic disc, lesions)."""
    if bool(targets) == bool(structures):
        raise UserError("name what to learn: labels with --target, or what to segment with --structure; not both")
    if structures or not probe:
        need_torch()
    from eyeground.bundle.open import open_classifier
    from eyeground.config.settings import read_recipe
    from eyeground.config.training_recipe import ProbeRecipe
    from eyeground.data.manifest import read_manifest
    from eyeground.datasets.summary import report_remarks
    from eyeground.workflows.build.probe import finetune_recipe, probe_embedding
    from eyeground.workflows.build.run_folder import make_room
    from eyeground.workflows.build.validated_build import Plan

    if probe and resume and not structures:
        raise UserError("--resume is for --finetune; a probe is simply run again; its embeddings are kept")
    wanted = _with_healthy([_target(text) for text in targets], healthy)
    method: Literal["probe", "finetune", "segmentation"] = (
        "segmentation" if structures else "probe" if probe else "finetune"
    )
    plan = Plan(output, cache, name or output.resolve().name, method, licence, allow_leakage, jobs or usable_cores())
    if structures:
        return _segmenter(manifest, structures, mask_values, bundle, plan, recipe, overrides, resume, overwrite)
    photos = read_manifest(manifest, needs=(*DIVISIONS, *(target.name for target in wanted)))
    report_remarks(photos, _console())
    _refuse_wrong_targets(photos, wanted)
    if probe:
        given = ["targets=" + json.dumps([target.model_dump(exclude_unset=True) for target in wanted])]
        settings = read_recipe(ProbeRecipe, recipe, [*given, *overrides])
        make_room(output, resume=True, overwrite=overwrite)
        built = probe_embedding(photos, settings, bundle, plan, _console())
    else:
        fine = finetune_recipe(open_classifier(bundle), bundle, wanted, recipe, overrides)
        make_room(output, resume, overwrite)
        built = _with_torch().train_and_validate(photos, fine, plan, _console(), resume)
    return _report(built, output)


def _segmenter(
    manifest: Path,
    structures: list[str],
    mask_values: list[str],
    bundle: str,
    plan: "Plan",
    recipe: Path | None,
    overrides: list[str],
    resume: bool,
    overwrite: bool,
) -> "Bundle":
    from eyeground.core.progress import working
    from eyeground.data.manifest import read_manifest
    from eyeground.imaging.masks import with_mask_values
    from eyeground.workflows.build.run_folder import make_room

    photos = with_mask_values(read_manifest(manifest), mask_values)
    make_room(plan.folder, resume or overwrite, overwrite=False)
    with working("loading torch"):
        from eyeground.workflows.build.segmenter import segmentation_recipe, train_segmenter
    from eyeground.workflows.segment.measure import as_lines

    settings = segmentation_recipe(bundle, structures, recipe, overrides)
    make_room(plan.folder, resume, overwrite)
    built = train_segmenter(photos, settings, plan, _console(), resume)
    print_lines(
        *as_lines(built.estimates),
        f"model {built.bundle.identity}",
        f"written: {built.bundle.folder} (the model), {plan.folder / 'evaluation'} (metrics)",
    )
    return built.bundle


def _target(text: str) -> "Target":
    from eyeground.config.settings import read_recipe
    from eyeground.config.targets import Target

    name, _, meaning = text.partition(":")
    kind, _, order = meaning.partition(":")
    classes = [word.strip() for word in order.split(",")] if order else []
    if classes and kind != "ordinal":
        raise UserError(f"--target {text}: an order is for grades; write '{name}:ordinal:{order}'")
    given = [f"name={json.dumps(name)}", f"kind={kind or 'binary'}"]
    return read_recipe(Target, overrides=[*given, *([f"classes={json.dumps(classes)}"] if classes else [])])


def _with_healthy(targets: "list[Target]", given: Sequence[str]) -> "list[Target]":
    """The targets with their healthy class, given as CLASS for the only one or as TARGET=CLASS."""
    names = [target.name for target in targets]
    declared: dict[str, str] = {}
    for text in given:
        name, equals, word = text.partition("=")
        if not equals or name not in names:
            if len(names) > 1:
                raise UserError(
                    f"--healthy {text}: say of which target, as TARGET=CLASS; the targets are {', '.join(names)}"
                )
            name, word = names[0], text
        declared[name] = word
    return [
        target.model_copy(update={"healthy": declared[target.name]}) if target.name in declared else target
        for target in targets
    ]


def _refuse_wrong_targets(manifest: "Manifest", targets: "Sequence[Target]") -> None:
    """Report mistakes in labels before torch is loaded and a folder made."""
    from eyeground.imaging.prepared_photos import truth_table, with_classes

    truth_table(manifest, [with_classes(target, manifest) for target in targets])


def _with_torch() -> "ModuleType":
    """`workflows.build.train`, which takes seconds to load."""
    from eyeground.core.progress import working

    with working("loading torch"):
        from eyeground.workflows.build import train
    return train


def need_torch() -> None:
    """Raise a `UserError` that says how to install what training needs, if it is missing."""
    missing = [package for package in ("torch", "timm", "lightning") if importlib.util.find_spec(package) is None]
    if missing:
        raise UserError(f"training needs {', '.join(missing)}; {how_to_install('train')}")


def _console() -> Console:
    """Where a build reports; of several processes that train together, the first alone does."""
    return Console(soft_wrap=True, quiet=process_rank() > 0)


def _report(built: "Built", output: Path) -> "Bundle":
    from eyeground.workflows.build.run_folder import BUNDLE, EVALUATION, RECIPE

    if not (output / RECIPE).is_file():
        raise UserError(f"{output}: was removed while it was written to; repeat the command")
    print_lines(
        (output / EVALUATION / "metrics.md").read_text(encoding="utf-8"),
        f"model {built.bundle.identity}",
        f"written: {output / BUNDLE} (the model), {output / EVALUATION} (tables and figures)",
    )
    return built.bundle

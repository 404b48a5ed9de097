"""`release`: a finished run to a bundle for others."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from eyeground.cli.build import need_torch
from eyeground.cli.options import CACHE, JOBS, RESAMPLES, named_paths, pair
from eyeground.cli.printing import print_lines
from eyeground.core.console import Console
from eyeground.core.machine import usable_cores
from eyeground.errors import UserError

if TYPE_CHECKING:
    from eyeground.bundle.open import Bundle


def release(
    run: Path = typer.Argument(..., help="Folder of a finished run, which `pretrain` or `adapt` wrote."),
    output: Path = typer.Option(..., "-o", "--output", help="Folder for the released bundle; one there is replaced."),
    name: str = typer.Option(..., "--name", help="Name of the model: letters, digits, '.', '_', '+' and '-'."),
    external: list[str] = typer.Option(
        [],
        "--external",
        help="A dataset that the model has never seen, as NAME=TABLE: a manifest, which the released graph predicts, or a "
        "predictions table of the run's model. Repeat for more.",
    ),
    report: Path | None = typer.Option(
        None,
        "--report",
        help="Folder that `evaluate` wrote, whose report.html goes into the bundle; not one that shows or names photos.",
    ),
    licence: str | None = typer.Option(None, "--licence", help="Licence of the weights; the run's if not given."),
    views: str | None = typer.Option(
        None,
        "--views",
        help="Test-time augmentation, copies of a photo that the released model averages: 1, 2 (and upside down) or 4 (and mirrored). Calibration and "
        "thresholds are chosen again. The training's if not given.",
    ),
    side: int | None = typer.Option(
        None,
        "--side",
        min=32,
        max=4096,
        help="Side of the released model's standard photos, in pixels. The training's if not given.",
    ),
    scales: str | None = typer.Option(
        None,
        "--scales",
        help="Sizes of a photo, relative to the side, whose predictions are averaged: '1,0.75' is the photo and the "
        "photo reduced to three quarters.",
    ),
    stack: str | None = typer.Option(
        None,
        "--stack",
        help="Add a share of the logit of one output to another's, as OUTPUT=ADDED: 'abnormal=glaucoma' adds a share, fitted on validation "
        "photos, of the logit for glaucoma. Refused where that share is not above 0.",
    ),
    int8: bool = typer.Option(
        True, "--int8/--no-int8", help="Try graphs in 8 bits, and release the first that is good enough on validation."
    ),
    resamples: int = RESAMPLES,
    cache: Path = CACHE,
    jobs: int | None = JOBS,
) -> "Bundle":
    """Make a bundle for others from a finished run: 16-bit weights, metrics measured again, and a model card.

    The released graph predicts validation and test photos again, so the run's photos must still be there. The loss by
    rounding and 8-bit arithmetic is measured and recorded. Hashes of the training photos are included, photos are not.
    """
    need_torch()
    from eyeground.workflows.release.external import ReleasePlan
    from eyeground.workflows.release.inference_settings import InferenceSettings
    from eyeground.workflows.release.release import release as release_run

    datasets = named_paths("--external", external)
    plan = ReleasePlan(
        run,
        output,
        name,
        cache,
        jobs or usable_cores(),
        datasets,
        report,
        licence,
        inference=InferenceSettings(
            side,
            _views(views),
            _scales(scales),
            pair("--stack", stack, "OUTPUT=ADDED, such as abnormal=glaucoma") if stack is not None else None,
        ),
        int8=int8,
        resamples=resamples,
    )
    bundle = release_run(plan, Console(soft_wrap=True))
    print_lines(
        f"model {bundle.identity}, {bundle.size / 1e6:.1f} MB",
        f"written: {output} (README.md is the model card)",
    )
    return bundle


def _views(text: str | None) -> int | None:
    if text not in (None, "1", "2", "4"):
        raise UserError(f"--views {text}: expected 1, 2 or 4")
    return None if text is None else int(text)


def _scales(text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    from pydantic import ValidationError

    from eyeground.config.training_recipe import Architecture

    try:
        return Architecture.model_validate({"scales": [part.strip() for part in text.split(",")]}).scales
    except ValidationError as error:
        problem = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UserError(f"--scales {text}: {problem}; expected numbers such as 1,0.75") from error

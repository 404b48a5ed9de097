"""`calibrate`: thresholds by photographs of one's own site, without torch."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from eyeground.cli.data import CACHE, JOBS
from eyeground.cli.truths import TRUTH, columns_of_truths
from eyeground.core.console import Console

if TYPE_CHECKING:
    from eyeground.bundle.open import Bundle


def calibrate(
    bundle: str = typer.Argument(..., help="Bundle to calibrate: its folder, or a name that `models` lists."),
    manifest: Path = typer.Argument(
        ...,
        help="Manifest of photos of your own site, with labels the model knows, such as abnormal (0/1); 50 photos suffice. Photos of a "
        "split called test are only measured on.",
    ),
    output: Path = typer.Option(..., "-o", "--output", help="Folder of the new bundle, to screen with."),
    operating_point: str | None = typer.Option(
        None,
        "--operating-point",
        help="What the rule keeps at your site: youden, sensitivity=0.95, specificity=0.9. As before if not given.",
    ),
    expected_abnormal: float | None = typer.Option(
        None,
        "--expected-abnormal",
        min=0.0,
        max=1.0,
        help="For photos without labels: the share of them that you know to be abnormal. Weaker than labels, better than nothing.",
    ),
    truth: list[str] = TRUTH,
    name: str | None = typer.Option(None, "--name", help="Name of the new model; the folder's name if not given."),
    cache: Path = CACHE,
    jobs: int | None = JOBS,
) -> "Bundle":
    """Set a model's thresholds again by photos of your own site, since thresholds do not travel between cameras.

    Weights and evidence stay as they are. The new bundle says where its thresholds come from, and what the rule did on photos that
    they were not chosen on.

    50 labelled photos: `eyeground calibrate eyeground-mobilenetv2-imagenet+fundus-512 clinic.csv -o clinic-model`

    Then: `eyeground screen photos/ --bundle clinic-model -o screened`
    """
    from eyeground.core.machine import usable_cores
    from eyeground.data.manifest import read_manifest
    from eyeground.workflows.calibrate import SitePlan
    from eyeground.workflows.calibrate import calibrate as at_site

    console = Console(soft_wrap=True)
    plan = SitePlan(
        folder=output,
        cache=cache,
        rule=operating_point,
        expected_abnormal=expected_abnormal,
        name=name or output.resolve().name,
        jobs=jobs or usable_cores(),
        truth=columns_of_truths(truth),
    )
    made = at_site(bundle, read_manifest(manifest), plan, console)
    console.print(f"model {made.identity}", highlight=False)
    console.print(
        f"written: {output}; screen with it: eyeground screen PHOTOS --bundle {output} -o OUT", highlight=False
    )
    return made

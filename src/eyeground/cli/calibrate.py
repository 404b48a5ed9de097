"""`calibrate`: thresholds by photographs of your own site, without torch."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from eyeground.cli.options import CACHE, JOBS, TRUTH, truth_columns
from eyeground.cli.printing import print_lines
from eyeground.core.console import Console

if TYPE_CHECKING:
    from eyeground.bundle.open import Bundle


def calibrate(
    bundle: str = typer.Argument(..., help="Bundle to calibrate: its folder, or a name that `models` lists."),
    manifest: Path = typer.Argument(
        ...,
        help="Manifest of photos of your own site, with labels the model knows, such as abnormal (0/1); 50 photos suffice. Photos of a "
        "split called test are used for results only.",
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
        help="For photos without labels: the share of them that you know to be abnormal. Less reliable than labels.",
    ),
    truth: list[str] = TRUTH,
    name: str | None = typer.Option(None, "--name", help="Name of the new model; the folder's name if not given."),
    cache: Path = CACHE,
    jobs: int | None = JOBS,
) -> "Bundle":
    """Set a model's thresholds again by photos of your own site, since thresholds are not valid for every camera.

    Weights and evidence stay as they are. The new bundle says where its thresholds come from, and the results of the rule on photos
    that they were not chosen on.

    50 labelled photos: `eyeground calibrate eyeground-mobilenetv2-imagenet+fundus-512 clinic.csv -o clinic-model`

    Then: `eyeground screen photos/ --bundle clinic-model -o screened`
    """
    from eyeground.core.machine import usable_cores
    from eyeground.data.manifest import read_manifest
    from eyeground.workflows.calibrate import SitePlan
    from eyeground.workflows.calibrate import calibrate as at_site

    plan = SitePlan(
        folder=output,
        cache=cache,
        rule=operating_point,
        expected_abnormal=expected_abnormal,
        name=name or output.resolve().name,
        jobs=jobs or usable_cores(),
        truth=truth_columns(truth),
    )
    made = at_site(bundle, read_manifest(manifest), plan, Console(soft_wrap=True))
    print_lines(
        f"model {made.identity}",
        f"written: {output}; screen with it: eyeground screen PHOTOS --bundle {output} -o OUT",
    )
    return made

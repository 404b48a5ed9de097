"""`inspect` and `models`: the bundles on this machine, without torch."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.table import Table

from eyeground.core.console import Console
from eyeground.errors import UserError

if TYPE_CHECKING:
    from eyeground.bundle.description import BundleDescription
    from eyeground.bundle.open import Bundle

MOST_SEEN_SHOWN = 5
MOST_OUTPUTS_SHOWN = 3


def inspect(
    bundle: str = typer.Argument(..., help="Bundle: its folder, or a name that `models` lists."),
    photos: list[Path] = typer.Option(
        [],
        "--photos",
        help="Photos, or folders of them: how many were among those that the model was trained on? Repeat for more.",
    ),
) -> None:
    """Verify a bundle (hashes, tensors, label map) and show what is in it.

    With --photos, also show which of them the model was trained on, by the hashes of their files; a copy that was saved
    again is not found in this way.
    """
    from eyeground.bundle.open import open_bundle

    opened = open_bundle(bundle)
    console = Console(soft_wrap=True)
    facts = Table(show_header=False, box=None)
    for fact, what in _facts(opened):
        facts.add_row(fact, what)
    console.print(facts)
    description = opened.description
    console.print(f"verified: {len(description.files)} files, {len(description.tensors)} tensors")
    if photos:
        _report_seen(opened, photos, console)


def models() -> None:
    """List the models that can be opened by name: those of this install, and those that were pulled."""
    from eyeground.bundle.description import read_description
    from eyeground.bundle.installed import DEFAULT, DESCRIPTION, RELEASED, default_model
    from eyeground.bundle.installed import models as models_by_name

    console = Console(soft_wrap=True)
    found = models_by_name()
    if not found:
        console.print(
            "no model comes with this install, and none was pulled; fetch one with `eyeground pull OWNER/NAME`"
        )
        return
    default = default_model() if (RELEASED / DEFAULT).is_file() else None
    for name, folder in found.items():
        origin = ("install" if folder.parent == RELEASED else "pulled") + (", default" if name == default else "")
        console.print(f"[bold]{name}[/] ({origin})", highlight=False)
        try:
            description = read_description(folder / DESCRIPTION)
        except UserError:
            console.print(f"  damaged; see `eyeground inspect {name}`", highlight=False)
            continue
        size = sum((folder / one).stat().st_size for one in description.files if (folder / one).is_file())
        side, backbone = str(description.preprocessing.side), description.architecture.backbone
        outputs = ", ".join(description.outputs[:MOST_OUTPUTS_SHOWN])
        if (more := len(description.outputs) - MOST_OUTPUTS_SHOWN) > 0:
            outputs += f" and {more} more"
        console.print(f"  {backbone}, {side} px, {size / 1e6:.1f} MB", highlight=False)
        console.print(f"  {_measure(description)} on its own test photos: {_headline(description)}", highlight=False)
        console.print(f"  {'outputs' if description.decoder is None else 'segments'}: {outputs}", highlight=False)


def _measure(description: "BundleDescription") -> str:
    return "AUROC" if description.decoder is None else "Dice"


def _headline(description: "BundleDescription") -> str:
    metric = description.headline
    if metric is None:
        return "not recorded"
    interval = "" if metric.low is None or metric.high is None else f" ({metric.low:.3f}–{metric.high:.3f})"
    return f"{metric.output} {metric.value:.3f}{interval}"


def _top(description: "BundleDescription") -> str:
    if description.decoder is None:
        return f"{description.architecture.head} head"
    return f"decoder of {'-'.join(map(str, description.decoder.channels))} channels"


def _facts(opened: "Bundle") -> list[tuple[str, str]]:
    from eyeground.bundle.description import describe_views

    description = opened.description
    facts = [
        ("model", opened.identity),
        ("made", f"{description.created} by eyeground {description.made_by}"),
        ("backbone", f"{description.architecture.backbone}, {_top(description)}"),
        ("input", f"{description.preprocessing.side} x {description.preprocessing.side} px"),
        ("outputs", ", ".join(description.outputs)),
    ]
    views = describe_views(description.architecture, description.preprocessing.side)
    facts += [("averages", views)] if views else []
    facts += [
        ("stacked", f"{one.output}: {one.share:.3f} of the logit of {one.added} added") for one in description.stacked
    ]
    facts += _rule_facts(description)
    training = description.training
    at = f", at {training.side} px" if training.side else ""
    seen = f"{training.photos:,} photos of {training.patients:,} patients, from {training.initialisation}{at}"
    facts.append(("trained on", seen))
    if description.headline:
        facts.append((_measure(description), f"{_headline(description)}, on its own test photos"))
    if description.storage:
        kinds = sorted(set(description.storage.values()))
        facts.append(("stored as", f"{', '.join(kinds)}; {opened.size / 1e6:.1f} MB in all"))
    return [*facts, ("licence", description.licence)]


def _rule_facts(description: "BundleDescription") -> list[tuple[str, str]]:
    """Which outputs decide, from which probability on, and why the others do not; of a segmenter its thresholds."""
    if not description.decisions:
        return [
            ("threshold", f"{point.output}: {point.threshold:.4f} ({point.rule} on {point.chosen_on})")
            for point in description.operating_points
        ]
    first = description.decisions[0]
    facts = [("decides", f"{output} from {limit:.4f} on") for output, limit in first.thresholds.items()]
    facts += [("decides not", f"{output}: {reason}") for output, reason in description.without_threshold.items()]
    chosen = f"{first.rule}, chosen together on {first.positives + first.negatives:,} {first.chosen_on} photos"
    if first.sensitivity and first.specificity:
        chosen += (
            f"; sensitivity {first.sensitivity.value:.3f}, specificity {first.specificity.value:.3f} on other photos"
        )
    facts.append(("rule", chosen))
    facts.append(("other rules", ", ".join(rule.rule for rule in description.decisions[1:]) or "none"))
    if description.site is not None:
        site = description.site
        facts.append(
            ("site", f"thresholds set by {site.photos:,} photos of {site.patients:,} patients; {site.source} before")
        )
    return facts


def _report_seen(opened: "Bundle", photos: list[Path], console: Console) -> None:
    from eyeground.bundle.training_photos import photo_hash
    from eyeground.screening.photos import list_photos

    hashes = {photo.name: photo_hash(photo.path) for photo in list_photos(photos, opened.folder).photos}
    seen = opened.trained_on(hashes.values())
    if seen is None:
        console.print("unknown: this bundle does not list the photos that it was trained on")
        return
    known = [name for name, one in hashes.items() if one in seen]
    console.print(f"trained on {len(known):,} of {len(hashes):,} photos")
    for name in known[:MOST_SEEN_SHOWN]:
        console.print(f"  {name}", markup=False, highlight=False)

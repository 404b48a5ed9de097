"""Sets how many views a segmenter's bundle averages, and chooses its thresholds and measures it again; the weights stay as they are.

.venv/bin/python scripts/set_views.py BUNDLE photos.csv work --views 1
"""

from functools import partial
from pathlib import Path

import typer

from eyeground.bundle.files import CARD, ONNX
from eyeground.bundle.open import open_segmenter
from eyeground.bundle.write import extend_bundle, now
from eyeground.config.segmentation_recipe import SegmentationRecipe
from eyeground.core.templates import open_template
from eyeground.data.manifest import read_manifest
from eyeground.models.export import example_photos, write_graph
from eyeground.models.export_segmenter import OneOutput
from eyeground.models.segmenter import SegmentationNetwork, start
from eyeground.screening.segmenter import SEGMENTED, load_segmenter
from eyeground.training.annotated_photos import prepare_annotated
from eyeground.workflows.build.segmenter import choose_thresholds, recorded_metrics
from eyeground.workflows.segment.measure import measured_against


def main(folder: Path, photos: Path, work: Path, views: int = typer.Option(1)) -> None:
    """Renew a bundle in its place, by a manifest of the photos that it was trained and tested on."""
    bundle, manifest = open_segmenter(folder), read_manifest(photos)
    known = bundle.description
    settings = {
        "structures": [{"name": name} for name in known.outputs],
        "architecture": known.architecture.model_copy(update={"views": views}),
        "decoder": known.decoder,
        "preprocessing": known.preprocessing,
    }
    recipe = SegmentationRecipe.model_validate(settings)
    network = SegmentationNetwork(recipe.architecture, recipe.decoder, recipe.preprocessing, known.outputs)
    start(network, str(folder))
    annotated = prepare_annotated(
        manifest, recipe.structures, recipe.preprocessing, work / "cache", work / "masks", jobs=1
    )
    thresholds = choose_thresholds(network.eval(), annotated, recipe)
    changes = {"architecture": recipe.architecture, "operating_points": thresholds, "created": now(), "metrics": ()}
    graph = partial(write_graph, OneOutput(network), example_photos(recipe.preprocessing.side), (SEGMENTED,))
    extend_bundle(bundle, known.model_copy(update=changes), {ONNX: graph})
    metrics = recorded_metrics(measured_against(manifest.in_split("test"), load_segmenter(folder), work, ()))
    bundle = open_segmenter(folder)
    card = open_template("eyeground.workflows", "segmenter_card.md.jinja").render(
        name=known.name,
        licence=known.licence,
        architecture=recipe.architecture,
        parameters=sum(parameter.numel() for parameter in network.parameters()) / 1e6,
        preprocessing=recipe.preprocessing,
        record=known.training,
        thresholds=thresholds,
        metrics=metrics,
    )
    description = bundle.description.model_copy(update={"metrics": metrics})
    extend_bundle(bundle, description, {CARD: lambda path: path.write_text(card, encoding="utf-8")})


if __name__ == "__main__":
    typer.run(main)

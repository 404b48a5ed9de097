"""Average a finished training with the weights that it started from, which keeps more of what these knew (arXiv 2109.01903).

python scripts/average_with_start.py runs/several-cameras runs/averaged --share 0.5
eyeground pretrain MANIFEST --recipe RECIPE -o runs/averaged --resume

The second command predicts, calibrates and exports again. Fine feature maps that the start did not have are kept as trained.
"""

import argparse
import shutil
from pathlib import Path

import torch

from eyeground.bundle.installed import DESCRIPTION
from eyeground.bundle.open import open_classifier
from eyeground.config.settings import read_recipe
from eyeground.config.training_recipe import TrainingRecipe
from eyeground.models.classifier import Classifier
from eyeground.models.initialise import initialise
from eyeground.training.checkpoints import BEST

PREFIX, FINE = "classifier.", "fine."
KEPT = ("checkpoints", "masks", "recipe.yaml", "manifest.parquet", "environment.json", "history.csv")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a finished `eyeground pretrain`")
    parser.add_argument("output", type=Path, help="folder of a new run")
    parser.add_argument("--share", type=float, default=0.5, help="of the trained weights; the rest is the start's")
    options = parser.parse_args()
    if not (options.run / "bundle" / DESCRIPTION).is_file():
        parser.error(f"{options.run}: is no finished run")
    recipe = read_recipe(TrainingRecipe, options.run / "recipe.yaml")
    theirs = open_classifier(recipe.initialisation).description.targets
    if [target.outputs for target in theirs] != [target.outputs for target in recipe.targets]:
        parser.error(f"{recipe.initialisation}: has other outputs, so its head is not the start of this one")
    classifier = Classifier(recipe.architecture, recipe.preprocessing, recipe.targets)
    initialise(classifier, recipe.initialisation)
    options.output.mkdir(parents=True)
    for name in KEPT:
        source = options.run / name
        if source.is_dir():
            shutil.copytree(source, options.output / name)
        elif source.is_file():
            shutil.copyfile(source, options.output / name)
    path = options.output / "checkpoints" / BEST
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    trained = checkpoint["state_dict"]
    for name, start in classifier.state_dict().items():
        if start.is_floating_point() and not name.startswith(FINE):
            trained[PREFIX + name] = torch.lerp(start, trained[PREFIX + name], options.share)
    torch.save(checkpoint, path)
    print(f"written: {options.output}; continue with `eyeground pretrain … -o {options.output} --resume`")


if __name__ == "__main__":
    main()

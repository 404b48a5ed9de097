"""The starts of a study: the name of each, its weights, and the network made from them.

A start is known by the hash of its weights before any network is made. An upstream model that the recipe asks for is
trained here first, once.
"""

import hashlib
import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from eyeground.bundle.files import WEIGHTS
from eyeground.bundle.installed import DESCRIPTION, converted_file, folder_of
from eyeground.bundle.open import Bundle, open_bundle
from eyeground.config.targets import Target
from eyeground.config.training_recipe import Architecture, Preprocessing
from eyeground.core.files import sha256_of
from eyeground.data.manifest import Manifest
from eyeground.errors import UserError
from eyeground.models import load
from eyeground.models.classifier import Classifier
from eyeground.models.external_checkpoints import FORMATS
from eyeground.models.initialise import initialise
from eyeground.workflows.build.run_folder import BUNDLE, RECIPE
from eyeground.workflows.build.train import train_and_validate
from eyeground.workflows.build.validated_build import Plan
from eyeground.workflows.study.data import Place
from eyeground.workflows.study.settings import Initialisation

UPSTREAM = "upstream"
NOT_TRAINED = "not trained yet"


@dataclass(frozen=True)
class Start:
    """An initialisation, found.

    Attributes:
        source: As `models.initialise.initialise` takes it: a name or a path.
        weights: A hash of the weights, or text for those that are random or downloaded.
        bundle: If the start is one.
    """

    name: str
    source: str
    weights: str
    architecture: Architecture
    preprocessing: Preprocessing
    bundle: Bundle | None = None

    @property
    def is_there(self) -> bool:
        """Whether there are weights; False for an upstream model that is still to be trained."""
        return self.weights != NOT_TRAINED

    @property
    def outputs(self) -> tuple[str, ...]:
        """Outputs of the bundle's head; none without a bundle."""
        return self.bundle.description.outputs if self.bundle else ()

    def identity(self) -> str:
        """A text that identifies the network, its weights and its preprocessing."""
        return json.dumps(self.address(), sort_keys=True)

    def address(self) -> dict[str, Any]:
        """All that a cell's predictions depend on, as JSON values, without defaults: new settings change no old address."""
        return {
            "weights": self.weights,
            "architecture": self.architecture.model_dump(mode="json", exclude_defaults=True),
            "preprocessing": self.preprocessing.model_dump(mode="json", exclude_defaults=True),
        }

    def classifier(self, targets: tuple[Target, ...], seed: int, console: Console) -> Classifier:
        """A network with these weights and a fresh head for `targets`; prints what was loaded."""
        torch.manual_seed(seed)
        classifier = Classifier(self.architecture, self.preprocessing, targets)
        fresh = deepcopy(classifier.head.state_dict())
        initialise(classifier, self.source).print(console)
        # A bundle may have a head for these very targets, which no other start has.
        classifier.head.load_state_dict(fresh)
        return classifier

    def with_own_head(self) -> Classifier:
        """The bundle's network as released.

        Raises:
            UserError: If the start is no bundle.
        """
        if self.bundle is None:
            raise UserError(f"initialisation '{self.name}' is no bundle, so it has no head")
        return load(self.bundle.folder)


def open_start(settings: Initialisation, place: Place, manifests: Mapping[str, Manifest], seed: int) -> Start:
    """Find a start's weights; they are `NOT_TRAINED` for an upstream model that is still to be trained.

    Raises:
        UserError: If the source does not exist.
    """
    source = settings.source
    if settings.pretrain is not None:
        source = str(upstream_run(settings, place, manifests) / BUNDLE)
        if not (Path(source) / DESCRIPTION).is_file():
            recipe = settings.pretrain
            return Start(settings.name, source, NOT_TRAINED, recipe.architecture, recipe.preprocessing)
    if source in ("scratch", "imagenet"):
        weights = f"scratch, seed {seed}" if source == "scratch" else f"imagenet, timm {version('timm')}"
        return Start(settings.name, source, weights, settings.architecture, settings.preprocessing)
    found = converted_file(source) if source in FORMATS else place.find(source)
    path = str(found) if found else source
    if (Path(path) / DESCRIPTION).is_file() or folder_of(source) is not None:
        bundle = open_bundle(path)
        described = bundle.description
        return Start(
            settings.name, path, described.files[WEIGHTS], described.architecture, described.preprocessing, bundle
        )
    if found is None or not found.is_file():
        raise UserError(
            f"initialisation '{settings.name}': '{source}' is neither scratch, imagenet, a converted format, a released "
            f"bundle, nor a file or bundle in {place.root} or here"
        )
    return Start(settings.name, path, sha256_of(found), settings.architecture, settings.preprocessing)


def train_upstream(settings: Initialisation, place: Place, manifests: Mapping[str, Manifest], console: Console) -> None:
    """Train the upstream model of a start, or resume an interrupted training; do nothing if it is done."""
    if settings.pretrain is None:
        return
    run = upstream_run(settings, place, manifests)
    if (run / BUNDLE / DESCRIPTION).is_file():
        return
    console.print(f"initialisation '{settings.name}': training upstream on '{settings.upstream}'")
    plan = Plan(run, place.cache, settings.name, "pretrain", jobs=place.jobs)
    manifest = manifests[settings.upstream]
    train_and_validate(manifest, settings.pretrain, plan, console, resume=(run / RECIPE).is_file())


def upstream_run(settings: Initialisation, place: Place, manifests: Mapping[str, Manifest]) -> Path:
    """The run folder of a start's upstream training; another recipe, or another manifest, is another folder."""
    assert settings.pretrain is not None
    recipe = settings.pretrain.model_dump_json(exclude={"machine"}) + manifests[settings.upstream].fingerprint()
    return place.folder / UPSTREAM / hashlib.sha256(recipe.encode()).hexdigest()[:16]

"""A segmenter starts from any encoder with a report of every tensor, and gives the same in ONNX Runtime as in torch."""

from pathlib import Path

import numpy as np
import pytest
import torch

from eyeground.bundle.description import AnswerRules, TrainingRecord
from eyeground.bundle.model_info import ModelInfo
from eyeground.bundle.open import Bundle, open_classifier, open_segmenter
from eyeground.config.operating_point import OperatingPoint
from eyeground.config.segmentation_recipe import Decoder
from eyeground.config.targets import Target
from eyeground.config.training_recipe import Architecture, Preprocessing
from eyeground.datasets.synthetic import render
from eyeground.errors import UserError
from eyeground.models.checkpoints import read_tensors
from eyeground.models.classifier import Classifier
from eyeground.models.export import export_bundle
from eyeground.models.export_segmenter import export_segmenter
from eyeground.models.segmenter import SegmentationNetwork, start
from eyeground.screening.segmenter import load_segmenter

SIDE = 64
SMALL = Decoder(channels=(16, 8, 8, 4, 4))
RECORD = TrainingRecord(
    manifest_fingerprint="0" * 64,
    photos=8,
    patients=4,
    initialisation="scratch",
    method="segmentation",
    epochs=1,
    seed=0,
)


def segmenter(
    backbone: str = "test_resnet",
    views: int = 1,
    structures: tuple[str, ...] = ("vessel", "optic_disc"),
    decoder: Decoder = SMALL,
    seed: int = 0,
) -> SegmentationNetwork:
    torch.manual_seed(seed)
    architecture = Architecture.model_validate({"backbone": backbone, "views": views})
    network = SegmentationNetwork(architecture, decoder, Preprocessing(side=SIDE), structures)
    return network.eval()


def exported(network: SegmentationNetwork, folder: Path) -> Bundle:
    points = tuple(
        OperatingPoint(output=name, threshold=0.5, rule="best Dice", chosen_on="train", positives=9, negatives=9)
        for name in network.structures
    )
    return export_segmenter(
        network,
        folder,
        ModelInfo(
            name="tiny",
            training=RECORD,
            answers=AnswerRules(operating_points=points),
            card="# tiny\n",
            licence="apache-2.0",
            training_photos=("0" * 64,),
        ),
    )


def classifier_bundle(folder: Path, backbone: str = "test_resnet") -> tuple[Classifier, Bundle]:
    torch.manual_seed(1)
    classifier = Classifier(Architecture(backbone=backbone), Preprocessing(side=SIDE), [Target(name="abnormal")])
    bundle = export_bundle(
        classifier, folder, ModelInfo(name="tiny", training=RECORD, card="# tiny\n", licence="apache-2.0")
    )
    return classifier, bundle


@pytest.mark.parametrize("backbone", ["test_resnet", "test_efficientnet", "test_convnext"])
def test_every_tensor_of_the_encoder_comes_from_the_bundle(tmp_path: Path, backbone: str) -> None:
    classifier, bundle = classifier_bundle(tmp_path / "bundle", backbone)
    network = segmenter(backbone)
    load_report = start(network, str(bundle.folder))
    given = {name.replace(".", "_"): tensor for name, tensor in classifier.backbone.state_dict().items()}
    state = network.backbone.state_dict()
    assert len(load_report.loaded) == len(state)
    for name, tensor in state.items():
        assert torch.equal(tensor, given[name.removeprefix("model.").replace(".", "_")]), name


def test_scratch_loads_nothing_and_an_unknown_start_is_an_error() -> None:
    network = segmenter()
    assert start(network, "scratch").loaded == ()
    with pytest.raises(UserError, match="neither scratch, imagenet"):
        start(network, "imagnet")


def test_a_segmenter_gives_encoder_decoder_and_the_structures_that_it_knows_by_name(tmp_path: Path) -> None:
    source = segmenter(seed=3)
    bundle = exported(source, tmp_path / "bundle")  # rounds the source, too
    network = segmenter(structures=("artery", "optic_disc", "vessel"))
    fresh = network.state_dict()["head.output.0.weight"][0].clone()
    load_report = start(network, str(bundle.folder))
    given, state = source.state_dict(), network.state_dict()
    assert set(load_report.loaded) == set(state)
    for name, tensor in state.items():
        if not name.startswith("head.output."):
            assert torch.equal(tensor, given[name]), name
    output, theirs = state["head.output.0.weight"], given["head.output.0.weight"]
    assert torch.equal(output[1], theirs[1]) and torch.equal(output[2], theirs[0])
    assert torch.equal(output[0], fresh)
    assert "artery" in " ".join(load_report.notes)


def test_a_segmenter_of_another_network_or_normalisation_is_refused(tmp_path: Path) -> None:
    bundle = exported(segmenter(), tmp_path / "bundle")
    with pytest.raises(UserError, match=r"gives no 'head\.decoder"):
        start(segmenter(decoder=Decoder(channels=(8, 8, 8, 4, 4))), str(bundle.folder))
    network = segmenter()
    network.preprocessing = Preprocessing(side=SIDE, mean=(0.1, 0.2, 0.3))
    with pytest.raises(UserError, match="was trained with mean"):
        start(network, str(bundle.folder))


def test_a_backbone_without_a_pyramid_is_refused() -> None:
    with pytest.raises(UserError, match="cannot be the encoder"):
        segmenter("no_such_backbone")


@pytest.mark.parametrize("views", [1, 2, 4])
def test_the_graph_gives_what_the_stored_weights_give(tmp_path: Path, views: int) -> None:
    network = segmenter(views=views)
    bundle = exported(network, tmp_path / "bundle")
    stored = segmenter(views=views)
    stored.load_state_dict({name: tensor.float() for name, tensor in read_tensors(bundle.weights_path).items()})
    segmented = load_segmenter(bundle.folder, threads=1)(render(seed=2, height=100, width=130).pixels)
    with torch.inference_mode():
        photo = torch.from_numpy(segmented.standard.pixels[np.newaxis])
        expected = stored.probabilities(photo)[0].numpy()
    inside = segmented.standard.field_of_view
    for name, values in zip(network.structures, expected, strict=True):
        assert np.allclose(segmented.maps[name][inside], values[inside], atol=1e-4)
        assert not segmented.maps[name][~inside].any()
        assert segmented.original(name).shape == segmented.mask(name).shape == (100, 130)


def test_a_segmenter_of_several_scales_is_refused() -> None:
    architecture = Architecture.model_validate({"backbone": "test_resnet", "scales": [1, 0.5]})
    with pytest.raises(UserError, match="works at one size"):
        SegmentationNetwork(architecture, Decoder(), Preprocessing(side=64), ("vessels",))


@pytest.mark.parametrize("views", [2, 4])
def test_views_are_flipped_back(views: int) -> None:
    network = segmenter(views=views)
    photos = torch.randint(0, 256, (1, SIDE, SIDE, 3), dtype=torch.uint8)
    with torch.inference_mode():
        assert torch.allclose(
            network.probabilities(photos.flip((1, 2))).flip((2, 3)), network.probabilities(photos), atol=1e-5
        )


def test_a_segmenter_is_not_taken_for_a_classifier_nor_the_other_way_round(tmp_path: Path) -> None:
    segmenting = exported(segmenter(), tmp_path / "segmenter")
    _, classified = classifier_bundle(tmp_path / "classified")
    with pytest.raises(UserError, match="a segmenter of vessel, optic_disc"):
        open_classifier(segmenting.folder)
    with pytest.raises(UserError, match=r"a classifier of photos \(abnormal\)"):
        open_segmenter(classified.folder)

"""The how-to pages work: their code is run as it stands there."""

import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from eyeground.config.operating_point import OperatingPoint
from eyeground.config.settings import read_recipe
from eyeground.config.training_recipe import TrainingRecipe
from eyeground.data.predictions import Predictions
from eyeground.datasets.dataset import Dataset
from eyeground.evaluation import evaluate, measures
from eyeground.evaluation.count_metrics import CountMetric
from eyeground.evaluation.metrics import TITLES

HOWTO = Path(__file__).parents[1] / "docs" / "howto"
MOST_LINES = 40


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (HOWTO / page).read_text(encoding="utf-8"), re.DOTALL)


def run(code: str, **names: object) -> dict[str, object]:
    module = ModuleType("from_the_page")
    module.__dict__.update(names)
    exec(compile(code, "from_the_page", "exec"), module.__dict__)
    return module.__dict__


@pytest.mark.parametrize("page", sorted(HOWTO.glob("*.md")), ids=lambda page: page.name)
def test_a_how_to_fits_on_a_screen(page: Path) -> None:
    assert len(page.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_the_dataset_of_the_page_reads_the_layout_it_describes(tmp_path: Path) -> None:
    (tmp_path / "grades.csv").write_text("image,subject,grade\n01,7,0\n02,7,3\n03,8,\n04,9,1\n", encoding="utf-8")
    (tmp_path / "images").mkdir()
    for name in ("01", "02", "03"):
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "images" / f"{name}.jpg")
    dataset = run(blocks("add-a-dataset.md", "python")[0])["DATASET"]
    assert isinstance(dataset, Dataset)
    reading = dataset.read(tmp_path)
    assert reading.table["patient"].tolist() == ["myset-7", "myset-7", "myset-8"]
    assert reading.table["diabetic_retinopathy_grade"].fillna(-1).tolist() == [0, 3, -1]
    assert reading.absent_photos == ("images/04.jpg",)


@pytest.mark.train
def test_the_backbone_of_the_page_is_a_recipe_and_its_check_holds(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(blocks("add-a-backbone.md", "yaml")[0], encoding="utf-8")
    assert read_recipe(TrainingRecipe, tmp_path / "recipe.yaml").architecture.backbone == "convnext_atto"
    run(blocks("add-a-backbone.md", "python")[0])


@pytest.mark.train
def test_weights_saved_as_the_page_says_initialise_the_backbone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from eyeground.config.targets import Target
    from eyeground.config.training_recipe import Architecture, Preprocessing
    from eyeground.models.classifier import Classifier
    from eyeground.models.initialise import initialise

    monkeypatch.chdir(tmp_path)
    run(blocks("add-a-backbone.md", "python")[1].replace("pretrained=True", "pretrained=False"))
    network = Classifier(Architecture(backbone="convnext_atto"), Preprocessing(side=96), [Target(name="abnormal")])
    load_report = initialise(network, "convnext_atto.safetensors")
    assert load_report.loaded
    assert set(load_report.left_out or {}) == {"head.fc.weight", "head.fc.bias"}


def test_the_metric_of_the_page_is_the_share_that_is_referred(monkeypatch: pytest.MonkeyPatch) -> None:
    metric, title = blocks("add-a-metric.md", "python")
    added = eval(metric, {"CountMetric": CountMetric})
    titles = dict(TITLES)
    run(title, TITLES=titles)
    assert titles[added.name]
    monkeypatch.setattr(measures, "COUNT_METRICS", (*measures.COUNT_METRICS, added))
    probability = [0.1, 0.6, 0.7, 0.9, 0.2]
    table = pd.DataFrame({"photo": list("abcde"), "patient": list("abcde"), "probability_dr": probability})
    point = OperatingPoint(output="dr", threshold=0.5, rule="given", chosen_on="validation", positives=1, negatives=1)
    found = evaluate(Predictions(table.assign(truth_dr=[0.0, 0, 1, 1, 0])), [point], resamples=50)
    assert found.outputs[0].estimate("referral_rate").value == pytest.approx(3 / 5)
    assert found.outputs[0].estimate("referral_rate").low is not None or found.outputs[0].estimate("referral_rate").note

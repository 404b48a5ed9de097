"""Supervised fundus foundation models: rebuild, adapt, validate, explain, release and run.

Written by scripts/document_api.py from the commands in `eyeground.cli`.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from eyeground.bundle.hub import Pushed
from eyeground.bundle.open import Bundle
from eyeground.data.manifest import Manifest, read_manifest
from eyeground.data.predictions import Predictions, read_predictions
from eyeground.errors import UserError
from eyeground.evaluation import Evaluation
from eyeground.evaluation.comparing.comparison import Comparison
from eyeground.evaluation.robustness.robustness import Robustness
from eyeground.scale.batch.screen import ScreenedAtScale
from eyeground.scale.shards import Standardised
from eyeground.screening.batch import Screened
from eyeground.screening.embedding import Embedded
from eyeground.screening.finding import Finding
from eyeground.screening.runtime import Screener, load
from eyeground.workflows.check import Checked

__all__ = [
    "Finding",
    "Manifest",
    "Predictions",
    "Screener",
    "UserError",
    "__version__",
    "adapt",
    "calibrate",
    "check",
    "compare",
    "convert",
    "embed",
    "evaluate",
    "explain",
    "import_csv",
    "import_dataset",
    "import_dicom",
    "import_folder",
    "join",
    "load",
    "predict",
    "pretrain",
    "pull",
    "push",
    "read_manifest",
    "read_predictions",
    "release",
    "robustness",
    "screen",
    "segment",
    "serve",
    "split",
    "standardise",
    "study",
]

StrPath = str | os.PathLike[str]

__version__: str

def adapt(
    *,
    manifest: StrPath,
    bundle: StrPath,
    targets: str | Sequence[str] = (),
    healthy: str | Sequence[str] = (),
    structures: str | Sequence[str] = (),
    output: StrPath,
    mask_values: str | Sequence[str] = (),
    probe: bool = True,
    recipe: StrPath | None = None,
    overrides: str | Sequence[str] = (),
    resume: bool = False,
    overwrite: bool = False,
    name: str | None = None,
    licence: str = "apache-2.0",
    allow_leakage: bool = False,
    cache: StrPath = ...,
    jobs: int | None = None,
) -> Bundle:
    """Adapt a bundle to labels of your own (diseases, grades, classes) or to masks of your own (vessels, optic disc, lesions).

    Args:
        manifest: Manifest with the labels to learn.
        bundle: Bundle to start from: its folder, or the name of a released one. With --structure also scratch, imagenet or a .safetensors file, on the recipe's network.
        targets: Label to learn; repeat for more. 'grade:ordinal' and 'class:multiclass' say how; 'DR:ordinal:none,NPDR,PDR' also says the order of grades whose words have no known one, from health to the worst.
        healthy: Class that means health, where its name does not say so (0, none, normal, no X, non-X … do); TARGET=CLASS where there are several targets; 'none' if no class does. Repeat for more.
        structures: Structure to segment, from the manifest's column mask_NAME; repeat for more. 'NAME:absent' says that a photo without a mask shows none. Trains a segmenter over the bundle's encoder; classifies nothing.
        output: Run folder: checkpoints, predictions, evaluation and the bundle.
        mask_values: Values of a mask column's pictures that mean the structure, where this is unclear: artery=1,3, a range disc=128-255, or a colour vein=0000ff. Repeat for more columns; a manifest's cell may give it for itself: map.png#1,3.
        probe: Probe: logistic regression on the frozen embedding. Fine-tune: train all layers.
        recipe: YAML file of settings; see docs/recipe.md. What it leaves out keeps its default.
        overrides: Override a setting, as key=value: --set optimisation.epochs=20. Repeat for more.
        resume: Continue a run that was interrupted; results are as if it had not been.
        overwrite: Replace the run in the folder, whatever its recipe; other files there are kept.
        name: Name of the model; the run folder's name if not given.
        licence: Licence of the weights, for the model card.
        allow_leakage: Train although the same photo is in two splits.
        cache: Folder of standard photos, shared by all runs.
        jobs: Processes that read photos; one per core if not given.
    """

def calibrate(
    *,
    bundle: StrPath,
    manifest: StrPath,
    output: StrPath,
    operating_point: str | None = None,
    expected_abnormal: float | None = None,
    truth: str | Sequence[str] = (),
    name: str | None = None,
    cache: StrPath = ...,
    jobs: int | None = None,
) -> Bundle:
    """Set a model's thresholds again by photos of your own site, since thresholds are not valid for every camera.

    Weights and evidence stay as they are. The new bundle says where its thresholds come from, and the results of the rule on photos
    that they were not chosen on.

    50 labelled photos: `eyeground calibrate eyeground-mobilenetv2-imagenet+fundus-512 clinic.csv -o clinic-model`

    Then: `eyeground screen photos/ --bundle clinic-model -o screened`

    Args:
        bundle: Bundle to calibrate: its folder, or a name that `models` lists.
        manifest: Manifest of photos of your own site, with labels the model knows, such as abnormal (0/1); 50 photos suffice. Photos of a split called test are used for results only.
        output: Folder of the new bundle, to screen with.
        operating_point: What the rule keeps at your site: youden, sensitivity=0.95, specificity=0.9. As before if not given.
        expected_abnormal: For photos without labels: the share of them that you know to be abnormal. Less reliable than labels.
        truth: Label column that is the truth of an output, as OUTPUT=COLUMN, such as 'diabetic_retinopathy_grade>=2=referable'; repeat for more. Columns called as a target need none.
        name: Name of the new model; the folder's name if not given.
        cache: Folder of standard photos, shared by all runs.
        jobs: Processes that read photos; one per core if not given.
    """

def check(
    *,
    manifest: StrPath,
    output: StrPath = ...,
    against: StrPath | None = None,
    clean: StrPath | None = None,
    mask_values: str | Sequence[str] = (),
    cache: StrPath = ...,
    jobs: int | None = None,
) -> Checked:
    """Read every photo and mask; find missing, unreadable, ungradable and duplicated ones; write a flow table.

    Args:
        manifest: Manifest to check.
        output: Folder for flow.csv, photos.csv, duplicates.csv and masks.csv.
        against: Another manifest, such as the upstream one: photos in both are contamination.
        clean: Manifest to write without unreadable photos and with one photo of each group of duplicates across patients.
        mask_values: Values of a mask column's pictures that mean the structure, where this is unclear: artery=1,3, a range disc=128-255, or a colour vein=0000ff. Repeat for more columns; a manifest's cell may give it for itself: map.png#1,3.
        cache: Folder of standard photos, shared by all runs.
        jobs: Processes that read photos; one per core if not given.
    """

def compare(
    *,
    predictions: StrPath | Sequence[StrPath],
    output: StrPath,
    names: str | Sequence[str] = (),
    reference: str | None = None,
    outputs: str | Sequence[str] = (),
    every_photo: bool = False,
    margin: float | None = None,
    rule: str = "youden",
    bundles: StrPath | Sequence[StrPath] = (),
    thresholds: str | Sequence[str] = (),
    resamples: int = 2000,
    seed: int = 0,
) -> Comparison:
    """Which of several models is better, by how much, and how certain this is: AUROC, sensitivity and specificity on the same photos.

    Photos that one model lacks are left out. Differences have 95 % intervals over patients, tests that treat the two
    eyes of a patient as one patient, and p-values adjusted for their number. With a margin, each is called superior, non-inferior,
    equivalent, inferior or inconclusive, from its interval.

    Example: eyeground compare imagenet.parquet fundus.parquet --reference imagenet --margin 0.02 -o comparison

    Args:
        predictions: Two or more predictions tables of the same photos; see docs/predictions.md.
        output: Folder for comparison.csv, comparison.md, forest.svg and forest.png.
        names: Name of each model, once per table and in their order; the files' names if not given.
        reference: Compare each model with this one; each with each if not given.
        outputs: Output of the models to compare; repeat for more. All that the models share if not given.
        every_photo: Compare on all photos, whatever their split: for models that have seen none of them.
        margin: Largest loss that would not matter, such as 0.02, chosen in advance: gives every difference a verdict.
        rule: How thresholds are chosen on validation photos: youden, sensitivity=0.95 or specificity=0.95.
        bundles: Use a bundle's thresholds for a model, as MODEL=BUNDLE; repeat for more.
        thresholds: Use this threshold for a model, as MODEL=0.42, where one output is compared.
        resamples: Bootstrap resamples of patients behind each 95 % interval.
        seed: Seed of the resamples.
    """

def convert(
    *,
    file: StrPath,
    source: str,
    output: StrPath | None = None,
) -> Path:
    """Convert a checkpoint of another group once and safely, for a recipe's `initialisation`.

    No code in the file is run. Every tensor is loaded, left out for a stated reason, or an error.

    Args:
        file: The publisher's checkpoint: .pth, .pt, .bin or .safetensors.
        source: What it is, one of: retfound-mae, retfound-dinov2, retfound-green, dinov2, dinov3, torchvision, jang2024.
        output: File to write, .safetensors. If not given, it is kept so that the format's name is an initialisation.
    """

def embed(
    *,
    photos: StrPath | Sequence[StrPath],
    output: StrPath,
    bundle: StrPath | None = None,
    jobs: int | None = None,
) -> Embedded:
    """Write the embedding of each photo (the features before the model's head), for a classifier, a search or a map of your own.

    One row each: `photo`, `patient` and `eye` where a manifest knows them, `reason` (empty, or why the photo could not be
    read), and `e0`, `e1`, … An interrupted run writes no table and starts again.

    Args:
        photos: Folders, photos (JPEG, PNG, TIFF, DICOM), zip and tar archives, manifests, quoted patterns, or - for a list on standard input. Any number, mixed.
        output: Table to write, .parquet or .csv.
        bundle: The model, a bundle: its folder, or a name that `models` lists; the default of this install if not given.
        jobs: Processes that read photos; one per core if not given.
    """

def evaluate(
    *,
    predictions: StrPath,
    output: StrPath,
    columns: str | Sequence[str] = (),
    targets: str | Sequence[str] = (),
    resamples: int = 2000,
    seed: int = 0,
    stratified: bool = False,
    every_photo: bool = False,
    rules: str | Sequence[str] = (),
    prevalences: float | Sequence[float] = (),
    subgroups: str | Sequence[str] = (),
    repeat: str = "",
    conformal: float | None = None,
    bundle: StrPath | None = None,
    run: StrPath | None = None,
    external: str | Sequence[str] = (),
    contamination: str | Sequence[str] = (),
    checked: StrPath | None = None,
    embeddings: StrPath | None = None,
    robustness: StrPath | None = None,
    title: str = "Validation report",
    photos: StrPath | None = None,
    names: bool = False,
    for_spreadsheets: bool = False,
) -> Evaluation:
    """Validate any model from its predictions: metrics with 95 % intervals over patients, and a report to print.

    A table alone gives discrimination, operating points, calibration, decision curves, subgroups, shortcuts and
    errors. Thresholds are a bundle's, or chosen on the table's validation photos; never silently on test photos.

    eyeground evaluate runs/odir/predictions.parquet --run runs/odir --external idrid=idrid.parquet -o report

    Args:
        predictions: Table with photo, patient, truth_<output> and probability_<output>; see docs/predictions.md.
        output: Folder for report.html, metrics.csv, metrics.md, figures and tables.
        columns: For a table that is not in our schema: which of its columns are ours, as 'ours=theirs', separated by commas, such as 'photo=Filename, patient=Filename, truth:dr=Label, probability:dr=Score'. Names with commas, '=' or brackets go in quotes. 'source=folder(Filename)' takes the first folder of a path, 'patient=match(Filename, "^[^_]+")' what a regular expression finds. May be repeated, and may name a .yaml file with the same pairs.
        targets: Output to evaluate; repeat for more. All that the table has if not given.
        resamples: Bootstrap resamples of patients behind each 95 % interval.
        seed: Seed of the resamples.
        stratified: Draw patients within strata of their rarest truth: for case-control collections.
        every_photo: Evaluate all photos, whatever their split: for a model that has seen none of them.
        rules: Operating point: youden, sensitivity=0.95, specificity=0.95, cost=10 (a miss costs ten false alarms), threshold=0.5. Chosen on validation photos; without any, on test photos, and then called optimistic. Repeat for more.
        prevalences: Predictive values at this prevalence too (0 to 1). Repeat for more.
        subgroups: Column whose groups are evaluated, besides eye, sex, age, device, source. Repeat for more.
        repeat: Photos of one patient with the same cell in this column repeat each other, such as two photos of an eye, or a photo and its copies: do decisions and probabilities agree?
        conformal: Prediction sets that hold the truth of this share of every class, such as 0.9, calibrated on validation photos: how often they do, and how many photos they leave ambiguous.
        bundle: Bundle whose thresholds are used, chosen when it was trained.
        run: Run folder that trained it: the source of the methods and of the bundle.
        external: The same model's predictions of a dataset it has never seen, as NAME=TABLE. Repeat for more.
        contamination: What `check MANIFEST --against UPSTREAM -o FOLDER` found in an external dataset, as NAME=FOLDER.
        checked: Folder that `check` wrote for these photos: the flow diagram.
        embeddings: Table that `predict --embeddings` wrote: does the model know the camera?
        robustness: Folder that `robustness` wrote: the effect of corruptions.
        title: Heading of the report.
        photos: Folder that the photos' paths start from: shows the most confident errors. Photos are then in the report.
        names: Name the photos of errors; file names can identify patients.
        for_spreadsheets: In CSV files, put an apostrophe before text that Excel would run as a formula (it begins with =, +, - or @).
    """

def explain(
    *,
    model: StrPath,
    manifest: StrPath,
    output: StrPath,
    explained: str | None = None,
    method: str | Sequence[str] | None = None,
    against: StrPath | Sequence[StrPath] | None = None,
    measure: bool = False,
    curves: bool = False,
    split: str | None = None,
    resamples: int = 2000,
    seed: int = 0,
    for_spreadsheets: bool = False,
    cache: StrPath = ...,
    jobs: int | None = None,
) -> pd.DataFrame:
    """Show where the evidence for an output is, photo by photo, by several methods and models, and measure it.

    The evidence map is the decision itself: its mean plus a constant is the logit; it shows how much, and roughly where.
    The traced map divides the same logit among finer cells and shows the place. Gradient maps and attention rollout are
    estimates, for comparison.

    `measure` needs masks of lesions (mask_microaneurysm, mask_haemorrhage, mask_hard_exudate, mask_soft_exudate) and
    gives, with 95 % intervals over patients and the values of chance: how often a map's highest point is on a lesion, how
    much of its evidence is, how much is where no disease is (the border of the field of view, the optic disc), and the
    time per map. mask_optic_disc is needed for the disc.

    Args:
        model: Bundle: its folder, or the name of a released one.
        manifest: Manifest of photos; with mask columns of lesions for --measure.
        output: Folder for photos, contact sheets, tables and report.
        explained: Which of the model's outputs is explained: 'abnormal' where it has one, or its only one, if not given.
        method: Kind of map; repeat for more: evidence (exact, one pass), traced (the same logit, split finer), gradcam, gradcam++, layercam, eigencam, rollout (transformers only). evidence if not given.
        against: Another bundle to compare maps with; repeat for more.
        measure: Compare maps with lesion masks; photos without an annotated lesion are left out.
        curves: With --measure: also the areas under deletion and insertion curves, which take twenty passes more for each map.
        split: Only photos of this split: train, validation or test.
        resamples: Bootstrap resamples of patients behind each 95 % interval.
        seed: Seed of the resamples.
        for_spreadsheets: In CSV files, put an apostrophe before text that Excel would run as a formula (it begins with =, +, - or @).
        cache: Folder of standard photos, shared by all runs.
        jobs: Processes that read photos; one per core if not given.
    """

def import_csv(
    *,
    table: StrPath,
    output: StrPath,
    columns: str | Sequence[str] = (),
    labels: str | Sequence[str] = (),
    notes: str | Sequence[str] = (),
    photo_folder: StrPath | None = None,
    photo_suffix: str = "",
    one_photo_per_patient: bool = False,
) -> Manifest:
    """A table of your own, whatever its columns are called.

    Args:
        table: A CSV, Excel or Parquet table with a row per photo.
        output: Manifest to write, .csv or .parquet.
        columns: What a column is, as ours=theirs: --column photo=filename --column patient=id; --column 'patient=folder(path)' and --column 'eye=match(path, "(OD|OS)")' take a part of one. Columns called photo, patient, eye and so on need none.
        labels: A column that is a label; repeat for more. 'dr=Referable DR?' renames it, and 'dr=Referable DR?:yes=1,no=0' its values too.
        notes: A column of free text to keep; repeat for more.
        photo_folder: Folder of the photos, if not that of the table.
        photo_suffix: Ending to add to each photo's name, such as .jpg.
        one_photo_per_patient: Every photo is of another patient, so that none need be named.
    """

def import_dataset(
    *,
    dataset: str,
    folder: StrPath,
    output: StrPath,
) -> Manifest:
    """Make a manifest from a public dataset's official folder.

    Args:
        dataset: Name of a public dataset, as `eyeground import` lists them.
        folder: Folder in which the publisher's archive was unpacked.
        output: Manifest to write, .csv or .parquet.
    """

def import_dicom(
    *,
    folder: StrPath,
    output: StrPath,
) -> Manifest:
    """DICOM objects: patient, eye, age, sex, camera, study date, accession number and UID come from each of them.

    Args:
        folder: Walked through; files need no ending.
        output: Manifest to write, .csv or .parquet.
    """

def import_folder(
    *,
    folder: StrPath,
    output: StrPath,
    patient_pattern: str | None = None,
    one_photo_per_patient: bool = False,
) -> Manifest:
    """Photos in a folder per class, with or without train/val/test folders above, or in one folder without labels.

    Args:
        folder: Holds <class>/<photo>, <train|val|test>/<class>/<photo>, or photos alone, which then have no labels.
        output: Manifest to write, .csv or .parquet.
        patient_pattern: Regular expression that finds the patient in a file name: '(?P<patient>\\d+)_(?P<eye>OD|OS)'.
        one_photo_per_patient: Every photo is of another patient, so that none need be named.
    """

def join(
    *,
    manifests: StrPath | Sequence[StrPath],
    output: StrPath,
    sources: str | Sequence[str] = (),
    licences: str | Sequence[str] = (),
    citations: str | Sequence[str] = (),
) -> Manifest:
    """Join manifests into one: labels of all, patients of different sources apart, licences and citations for the card.

    Args:
        manifests: Manifests to join; a photo that is in several becomes one row.
        output: Manifest to write, .csv or .parquet.
        sources: Where the photos of a manifest come from, as NAME=MANIFEST; repeat for more. Not needed where its column 'source' says so. Patients of different sources are different patients.
        licences: Licence of a source, as NAME=TEXT; repeat for more. Known for the datasets of `import`.
        citations: Citation of a source, as NAME=TEXT; repeat for more.
    """

def predict(
    *,
    manifest: StrPath,
    bundle: StrPath,
    output: StrPath,
    truth: str | Sequence[str] = (),
    embeddings: StrPath | None = None,
    for_spreadsheets: bool = False,
    cache: StrPath = ...,
    jobs: int | None = None,
) -> Predictions:
    """Write a bundle's probabilities of a manifest's photos with their truths, without torch: external validation.

    Each photo also has the status and unfamiliarity that screening gives it, and whether the bundle learned from this very
    file. Further columns of the manifest are copied, except masks and notes.

    Args:
        manifest: Manifest of photos, with the labels to compare the predictions with.
        bundle: Bundle: its folder, or the name of a released one.
        output: Predictions table to write, .csv or .parquet.
        truth: Label column that is the truth of an output, as OUTPUT=COLUMN, such as 'diabetic_retinopathy_grade>=2=referable'; repeat for more. Columns called as a target need none.
        embeddings: Also write the embedding of each photo, for `evaluate`.
        for_spreadsheets: In CSV files, put an apostrophe before text that Excel would run as a formula (it begins with =, +, - or @).
        cache: Folder of standard photos, shared by all runs.
        jobs: Processes that read photos; one per core if not given.
    """

def pretrain(
    *,
    manifest: StrPath,
    output: StrPath,
    recipe: StrPath | None = None,
    overrides: str | Sequence[str] = (),
    fold: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    name: str | None = None,
    licence: str = "apache-2.0",
    allow_leakage: bool = False,
    cache: StrPath = ...,
    jobs: int | None = None,
) -> Bundle:
    """Train a model with supervision, from scratch or from ImageNet weights; by default normal against abnormal.

    Patients are split 70/10/20 unless the manifest has splits. The epoch and the thresholds are chosen on
    validation photos; results are of test photos, with 95 % intervals over patients.

    Args:
        manifest: Manifest with the label 'abnormal' (or the recipe's targets).
        output: Run folder: checkpoints, predictions, evaluation and the bundle.
        recipe: YAML file of settings; see docs/recipe.md. What it leaves out keeps its default.
        overrides: Override a setting, as key=value: --set optimisation.epochs=20. Repeat for more.
        fold: Train without this fold of the training photos (column 'fold'), which become the test photos; the manifest's own test photos are left out. For models whose predictions become soft labels: see soft_labels.predictions in docs/recipe.md.
        resume: Continue a run that was interrupted; results are as if it had not been.
        overwrite: Replace the run in the folder, whatever its recipe; other files there are kept.
        name: Name of the model; the run folder's name if not given.
        licence: Licence of the weights, for the model card.
        allow_leakage: Train although the same photo is in two splits.
        cache: Folder of standard photos, shared by all runs.
        jobs: Processes that read photos; one per core if not given.
    """

def pull(
    *,
    repo: str,
    output: StrPath | None = None,
    revision: str | None = None,
) -> Bundle:
    """Download a bundle from the Hugging Face hub; it is verified before it is put in place.

    A repository with a file that no bundle has is refused. An interrupted download continues when repeated. Needs the
    extra `hub`.

    Args:
        repo: Repository on the hub, as OWNER/NAME.
        output: Folder to put it in; among your models, under its own name, if not given.
        revision: Branch, tag or commit; the newest if not given.
    """

def push(
    *,
    bundle: StrPath,
    repo: str,
    private: bool = False,
) -> Pushed:
    """Verify a bundle and upload it to the Hugging Face hub, as one commit.

    Log in first with `hf auth login`, or set HF_TOKEN. Needs the extra `hub`.

    Args:
        bundle: Bundle: its folder, or the name of one that `models` lists.
        repo: Repository on the hub, as OWNER/NAME.
        private: Make a new repository private.
    """

def release(
    *,
    run: StrPath,
    output: StrPath,
    name: str,
    external: str | Sequence[str] = (),
    report: StrPath | None = None,
    licence: str | None = None,
    views: str | None = None,
    side: int | None = None,
    scales: str | None = None,
    stack: str | None = None,
    int8: bool = True,
    resamples: int = 2000,
    cache: StrPath = ...,
    jobs: int | None = None,
) -> Bundle:
    """Make a bundle for others from a finished run: 16-bit weights, metrics measured again, and a model card.

    The released graph predicts validation and test photos again, so the run's photos must still be there. The loss by
    rounding and 8-bit arithmetic is measured and recorded. Hashes of the training photos are included, photos are not.

    Args:
        run: Folder of a finished run, which `pretrain` or `adapt` wrote.
        output: Folder for the released bundle; one there is replaced.
        name: Name of the model: letters, digits, '.', '_', '+' and '-'.
        external: A dataset that the model has never seen, as NAME=TABLE: a manifest, which the released graph predicts, or a predictions table of the run's model. Repeat for more.
        report: Folder that `evaluate` wrote, whose report.html goes into the bundle; not one that shows or names photos.
        licence: Licence of the weights; the run's if not given.
        views: Test-time augmentation, copies of a photo that the released model averages: 1, 2 (and upside down) or 4 (and mirrored). Calibration and thresholds are chosen again. The training's if not given.
        side: Side of the released model's standard photos, in pixels. The training's if not given.
        scales: Sizes of a photo, relative to the side, whose predictions are averaged: '1,0.75' is the photo and the photo reduced to three quarters.
        stack: Add a share of the logit of one output to another's, as OUTPUT=ADDED: 'abnormal=glaucoma' adds a share, fitted on validation photos, of the logit for glaucoma. Refused where that share is not above 0.
        int8: Try graphs in 8 bits, and release the first that is good enough on validation.
        resamples: Bootstrap resamples of patients behind each 95 % interval.
        cache: Folder of standard photos, shared by all runs.
        jobs: Processes that read photos; one per core if not given.
    """

def robustness(
    *,
    manifest: StrPath,
    bundle: StrPath,
    output: StrPath,
    corruptions: str | None = None,
    sample: int | None = None,
    every_photo: bool = False,
    resamples: int = 2000,
    seed: int = 0,
    cache: StrPath = ...,
    jobs: int | None = None,
) -> Robustness:
    """Corrupt photos as happens in clinics, at five severities, and measure a bundle's AUROC and decisions on them.

    Twelve corruptions (blur, compression, light, colour, noise, haze, cut and tilted photos) from severity 1, barely
    visible, to 5, which a grader would reject; severities.png shows them on a rendered photo. Corrupted and clean
    photos are compared in pairs: for each corruption and severity AUROC, its change, and the share of decisions that flip
    at the bundle's thresholds, each with a 95 % interval over patients.

    Test photos are taken, or all where the manifest has no splits. An interrupted run continues where it stopped.

    Args:
        manifest: Manifest of photos with labels that the bundle predicts.
        bundle: Bundle: its folder, or the name of a released one.
        output: Folder for robustness.csv, figure, severities.png and predictions.
        corruptions: Corruptions by name, separated by commas; all if not given: defocus, motion_blur, low_resolution, jpeg, too_dark, too_bright, uneven_illumination, colour_cast, sensor_noise, haze, crop, rotation.
        sample: Patients to sample at random. Every photo is predicted 61 times: 200 patients are usually enough.
        every_photo: Take all photos, whatever their split: for a model that has seen none of them.
        resamples: Bootstrap resamples of patients behind each 95 % interval.
        seed: Seed of the sample, the corruptions and the resamples.
        cache: Folder of standard photos, shared by all runs.
        jobs: Processes that read photos; one per core if not given.
    """

def screen(
    *,
    photos: StrPath | Sequence[StrPath],
    bundle: StrPath | None = None,
    output: StrPath,
    jobs: int | None = None,
    operating_point: str | None = None,
    prevalence: float = 0.1,
    identifiers: bool = False,
    report: bool = True,
    overlays: str | None = None,
    shards: int | None = None,
    columns: str | Sequence[str] = (),
    keep: str | Sequence[str] = (),
    for_spreadsheets: bool = False,
    anatomy: bool | None = None,
    dicom_out: StrPath | None = None,
    segmenters: str | Sequence[str] = (),
    fhir_out: StrPath | None = None,
    fhir_release: str = "R4",
    deidentify: StrPath | None = None,
    overwrite: bool = False,
    ray: str | None = None,
) -> Screened | ScreenedAtScale:
    """Screen photos: one row each with status, reason and probabilities, an evidence map, and a report for the browser.

    A photo that cannot be read has a row with its reason. An interrupted screening continues where it stopped.

    A folder, and all below it: `eyeground screen photos/ -o out`

    Photos by name: `eyeground screen left.jpg right.dcm -o out`

    A pattern, in quotes: `eyeground screen 'photos/**/*_left.jpg' -o out`

    A manifest, a table with the column photo and perhaps patient and eye: `eyeground screen clinic.csv -o out`

    A table of your own: `eyeground screen clinic.xlsx --column photo=File --column patient=MRN --keep Accession -o out`

    Archives, which stay packed: `eyeground screen export.zip older.tar.gz -o out`

    A list from another program: `find photos -newer yesterday -name '*.jpg' | eyeground screen - -o out`

    For an archive of a hospital: `eyeground screen export/ -o out --dicom-out results/`

    For research, without names: `eyeground screen export/ -o out --dicom-out shared/ --deidentify study.key`

    A million on many machines: `eyeground screen s3://bucket/photos -o s3://bucket/screened --ray auto`

    Very many, for a program to read: `eyeground screen archive/ -o out --no-report --overlays none --shards 16`

    Args:
        photos: Folders, photos (JPEG, PNG, TIFF, DICOM), zip and tar archives, manifests, quoted patterns, or - for a list on standard input. Any number, mixed.
        bundle: The model, a bundle: its folder, or a name that `models` lists; the default of this install if not given.
        output: Folder for results.csv, .parquet and .jsonl, overlays, report.html and, with patients, eyes.csv and patients.csv. With --ray it may be s3://bucket/folder.
        jobs: Processes that read photos; one per core if not given.
        operating_point: Which of the bundle's thresholds decides, by its rule: sensitivity=0.95, specificity=0.9, youden, or a threshold of your own, threshold=0.3. The bundle's first one if not given; a wrong one lists those there are.
        prevalence: Share of abnormal photos to expect, for the expected referrals.
        identifiers: Show file names and patient identifiers in the report next to its keys, and in tables those of DICOM.
        report: Write report.html, or only tables.
        overlays: Which photos get a picture with evidence, which the report shows too: all, abnormal or none. All if not given; with --ray none.
        shards: Also write the results in this number of Parquet files: shards/00001-of-00004.parquet, …
        columns: Which column of the manifests is photo, patient or eye, as ours=theirs; repeat for more: --column photo=filename --column 'patient=folder(filename)'.
        keep: Further column of the manifests to copy to the results, such as mrn or accession; repeat for more.
        for_spreadsheets: In CSV files, put an apostrophe before text that Excel would run as a formula (it begins with =, +, - or @).
        anatomy: Also find which eye it is, disc, cup with its vertical ratio, and fovea. On where a segmenter of them is installed and the model's photos are large enough for it.
        dicom_out: Folder for the results of DICOM photos as DICOM objects of the same study: structured report, evidence map, readable page. Other photos have none.
        segmenters: With --dicom-out or --fhir-out: also the structures that this segmenter finds, its folder or a name that `models` lists; repeat for more.
        fhir_out: Folder for the results as FHIR: one Bundle (JSON) per photo, checked before it is written.
        fhir_release: Release of FHIR: R4, as hospitals run it, or R5.
        deidentify: De-identify what is written as DICOM and FHIR (Basic Profile of PS3.15), and write the photo beside its results. The file holds the secret key of the pseudonyms, and is made if missing: with the same key a patient keeps the pseudonym. Tables and report of -o are not changed.
        overwrite: Replace what an earlier screening with another model or operating point left in the folder.
        ray: Screen on a Ray cluster: its HOST:PORT, auto for the one that this machine belongs to, or nothing for the cores of this machine. PHOTOS may then be s3:// folders or a table of them. Writes results/ (Parquet) and summary.html.
    """

def segment(
    *,
    photos: StrPath | Sequence[StrPath] | None = None,
    bundles: StrPath | Sequence[StrPath] = (),
    output: StrPath,
    masks: StrPath | None = None,
    measure: StrPath | None = None,
    absent: str | Sequence[str] = (),
    mask_values: str | Sequence[str] = (),
    biomarkers: bool = False,
    mm_per_pixel: float | None = None,
    camera_angle: float | None = None,
    axial_length: float | None = None,
    write: str | Sequence[str] = (),
    threads: int | None = None,
    overwrite: bool = False,
) -> list[dict[str, Any]]:
    """Segment vessels, optic disc, fovea and lesions: masks of the photos' own size, pictures, areas and biomarkers.

    With `measure`, compare with the masks of annotators, and with a second annotator where there is one.

    Args:
        photos: Folders (walked through) and photos: JPEG, PNG, TIFF, BMP, PPM, DICOM.
        bundles: Segmenter: its folder, or a name that `models` lists. Repeat for segmenters of other structures. Without it, every structure that an installed or pulled segmenter knows.
        output: Folder for masks/, overlays/, segments.csv.
        masks: Manifest with masks of your own (columns mask_NAME): measure them in place of segmenting.
        measure: Manifest with masks (columns mask_NAME) to compare the segmentation with: Dice, AUROC and more, with 95 % intervals over patients, in structures.csv. Only its `test` photos where it has splits.
        absent: Structure of which an empty mask cell of the manifest says that the photo shows none. Repeat for more.
        mask_values: Values of a mask column's pictures that mean the structure, where this is unclear: artery=1,3, a range disc=128-255, or a colour vein=0000ff. Repeat for more columns; a manifest's cell may give it for itself: map.png#1,3.
        biomarkers: Measure the masks: eye, fovea, disc, cup, calibre (CRAE, CRVE, AVR), tortuosity, fractal dimension and more, with a JSON file and figures for each photo.
        mm_per_pixel: Millimetres on the retina per pixel of the photos; else the disc counts as 1.8 mm high.
        camera_angle: Degrees of the field of view, for a scale from camera and --axial-length.
        axial_length: Of the eyes in mm, with --camera-angle.
        write: Write this, too: label-map, probabilities (16-bit PNG), original-overlay (outlines at the photo's size), coco (run lengths of all masks in one file). Repeat for more.
        threads: Cores to compute on; all if not given.
        overwrite: Replace the results of other segmenters in the folder.
    """

def serve(
    *,
    data: StrPath,
    port: int = 8000,
    browser: bool = True,
    bundle: StrPath | None = None,
    operating_point: str | None = None,
    database: str | None = None,
    jobs: int | None = None,
    keep_originals: bool = False,
    structures: bool = True,
    retention_days: int | None = None,
    host: str = "127.0.0.1",
    public_names: str | Sequence[str] = (),
    certificate: StrPath | None = None,
    key: StrPath | None = None,
    behind_proxy: bool = False,
) -> None:
    """Serve the page and the API of a clinic, until Ctrl-C; photos that were accepted are never lost.

    On this machine, for whoever sits at it: `eyeground serve --data clinic/`

    With accounts, behind a proxy: `eyeground serve --data clinic/ --behind-proxy --public-name eyes.example.org`

    Args:
        data: Folder for store, pictures and uploads; made if missing. Nothing is written elsewhere.
        port: Port to listen on.
        browser: Open the page in a browser.
        bundle: The model, a bundle: its folder, or a name that `models` lists; the default of this install if not given.
        operating_point: Which of the bundle's thresholds decides, as in `screen`.
        database: postgresql://user@host/name; a SQLite file in the data folder if not given.
        jobs: Photos screened at the same time; one per core if not given.
        keep_originals: Keep the files that were sent; else they are removed once they are screened.
        structures: Draw disc, vessels and lesions as layers for the finding page, in the background while nothing waits.
        retention_days: Delete photos and all about them after this many days.
        host: Address to listen on. Any but this machine's own needs an account or key, and --certificate or --behind-proxy.
        public_names: Host name under which browsers reach it; repeat for more.
        certificate: PEM file of a TLS certificate.
        key: PEM file of the certificate's key.
        behind_proxy: A proxy on this machine ends TLS and sets X-Forwarded-For and -Proto.
    """

def split(
    *,
    manifest: StrPath,
    output: StrPath,
    train: float = 0.7,
    validation: float = 0.1,
    test: float = 0.2,
    folds: int = 0,
    stratify: str | Sequence[str] = (),
    seed: int = 0,
    overwrite: bool = False,
) -> Manifest:
    """Give every patient to a split (and a fold), balanced by label; the same seed gives the same split.

    Splits and folds that the manifest has stay as they are: `folds` adds folds to them, and `overwrite` replaces both.

    Args:
        manifest: Manifest to split.
        output: Manifest to write, .csv or .parquet.
        train: Share of patients to train on.
        validation: Share of patients to choose epochs and thresholds on.
        test: Share of patients to test on.
        folds: Number of cross-validation folds to write as column 'fold'; 0 writes none.
        stratify: Label to balance; repeat for more. All labels if none is given.
        seed: Another seed, another split.
        overwrite: Replace the splits or folds that the manifest has, such as a publisher's.
    """

def standardise(
    *,
    manifest: StrPath,
    output: StrPath,
    side: int = 224,
    photos_per_shard: int = 1000,
    cache: StrPath = ...,
    jobs: int | None = None,
) -> Standardised:
    """Pack the standard photos of a manifest with their labels in tar shards, to train from instead of the photographs.

    Each sample is a PNG and a JSON, as WebDataset reads them; index.parquet says where each lies, with checksums. Photos
    that cannot be read are left out and listed in unreadable.csv. An interrupted run continues when it is repeated.

    Args:
        manifest: Manifest of the photographs.
        output: Folder of shards; `pretrain` and `adapt` take it as a manifest.
        side: Side of the standard photos in pixels: preprocessing.side of the recipe, or the side of the bundle.
        photos_per_shard: Rows of the manifest in one tar file; about 60 MB at 224 px.
        cache: Folder of standard photos, shared by all runs.
        jobs: Processes that read photos; one per core if not given.
    """

def study(
    *,
    recipe: StrPath,
    output: StrPath | None = None,
    root: StrPath | None = None,
    dry_run: bool = False,
    cells: int | None = None,
    shard: str = "1/1",
    jobs: int = 1,
    overrides: str | Sequence[str] = (),
    cache: StrPath = ...,
) -> None:
    """Compare initialisations on tasks at label fractions, cross-validated, with paired differences and a report.

    A study is resumed by repeating the command, even after a kill. When all cells of a comparison are done, its results
    are in the report. Without the photographs, `dry-run` still lists the cells.

    Example: eyeground study recipes/odir-cpu.yaml --root /path/to/datasets -o studies/odir

    Args:
        recipe: Study recipe, YAML; see docs/study.md and recipes/.
        output: Folder of the study; `studies/<name>` if not given. A finished cell in it is never computed again.
        root: Folder of the data; the recipe's `root` if not given.
        dry_run: List the cells, which are done, and how long the others may take.
        cells: Compute at most this many cells, then stop.
        shard: Compute every n-th cell only, from the i-th on, as i/n: a part for each machine.
        jobs: Processes that read photos, fit probes and compute results.
        overrides: Override a setting, as key=value: --set optimisation.epochs=20. Repeat for more.
        cache: Folder of standard photos, shared by all runs.
    """

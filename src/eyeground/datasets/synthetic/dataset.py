"""A folder of synthetic patients: photographs of both eyes, and the manifest that describes them.

The eyes of a patient share age, pigment, camera and, mostly, disease: that is why splits are by patient.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from eyeground.core.files import replacing
from eyeground.core.progress import track
from eyeground.core.words import EYES
from eyeground.data.manifest import Manifest, validated, write_manifest
from eyeground.datasets.synthetic.anatomy import Anatomy
from eyeground.datasets.synthetic.camera import DEVICES, CameraFaults, device_named
from eyeground.datasets.synthetic.presets import DISEASES, diseased, harmless, healthy_anatomy, labels_of
from eyeground.datasets.synthetic.rendering import FundusSpec, SyntheticFundus, render_spec
from eyeground.errors import UserError, unknown

# Share of patients with each disease, and of these the share who have it in both eyes.
_HOW_OFTEN = {
    "diabetic_retinopathy": (0.22, 0.92),
    "amd": (0.08, 0.8),
    "glaucoma": (0.07, 0.7),
    "glaucoma_suspect": (0.04, 0.75),
    "pathologic_myopia": (0.06, 0.85),
    "epiretinal_membrane": (0.04, 0.25),
    "retinal_vein_occlusion": (0.04, 0.06),
}
PREVALENCE = {disease: share for disease, (share, _) in _HOW_OFTEN.items()}
MASK_TERMS = (
    "vessel",
    "optic_disc",
    "optic_cup",
    "macula",
    "microaneurysm",
    "haemorrhage",
    "hard_exudate",
    "soft_exudate",
    "drusen",
    "macular_atrophy",
    "peripapillary_atrophy",
    "chorioretinal_atrophy",
    "epiretinal_membrane",
)


@dataclass(frozen=True)
class _Patient:
    name: str
    age: int
    sex: str
    device: str
    anatomy: Anatomy
    diseases: tuple[str, ...]
    grade: int


def render_dataset(
    folder: Path,
    patients: int,
    side: int = 256,
    seed: int = 0,
    *,
    prevalence: Mapping[str, float] | None = None,
    devices: Sequence[str] = tuple(DEVICES),
    faults: float = 0.15,
    masks: bool = False,
) -> Manifest:
    """Render both eyes of synthetic patients into a folder and write `manifest.csv` beside them.

    Args:
        folder: Where `photos/`, `masks/` and `manifest.csv` are written.
        patients: How many patients; there are twice as many photographs.
        side: Height of the photographs in pixels; the width follows from the device.
        seed: The same arguments give the same photographs.
        prevalence: Share of patients with each disease, 0 to 1; a disease left out does not occur. `PREVALENCE` by
            default.
        devices: The cameras, each patient being photographed with one of them.
        faults: Share of photographs that are blurred, dark, hazy or the like, 0 to 1.
        masks: Whether to write masks (PNG, 255 inside) and `mask_…` columns, empty where an eye lacks the lesion.

    Returns:
        `photo`, `patient`, `eye`, `device`, `age`, `sex`, `source` (always `synthetic`) and the labels of
        `presets.labels_of`.

    Raises:
        UserError: If there is no patient or no device, a name is unknown, a share is not between 0 and 1, or the folder
            cannot be written.
    """
    folder = Path(folder)
    shares = dict(PREVALENCE if prevalence is None else prevalence)
    _check(patients, shares, devices, faults)
    photographs = ((number, eye) for number in range(patients) for eye in EYES)
    rows = []
    for number, eye in track(photographs, "rendering photos", total=2 * patients):
        rng = np.random.default_rng([seed, number])
        patient = _draw_patient(rng, number, shares, devices)
        fundus = _photograph(patient, eye, faults, side, [seed, number, EYES.index(eye)])
        rows.append(_write(folder, patient, fundus, masks))
    manifest = validated(pd.DataFrame(rows), "synthetic manifest", folder)
    write_manifest(manifest, folder / "manifest.csv")
    return manifest


def _check(patients: int, shares: Mapping[str, float], devices: Sequence[str], faults: float) -> None:
    if patients < 1:
        raise UserError(f"cannot render {patients} patients; ask for at least 1")
    if not devices:
        raise UserError(f"no device to photograph with; name some of {', '.join(DEVICES)}")
    for device in devices:
        device_named(device)
    for disease, share in {**shares, "faults": faults}.items():
        if disease not in (*DISEASES, "faults"):
            raise unknown("synthetic disease", disease, DISEASES)
        if not 0 <= share <= 1:
            raise UserError(f"the share of '{disease}' is {share}; expected 0 to 1")


def _draw_patient(
    rng: np.random.Generator, number: int, shares: Mapping[str, float], devices: Sequence[str]
) -> _Patient:
    diseases = tuple(disease for disease in DISEASES if rng.random() < shares.get(disease, 0.0))
    # A suspect whose glaucoma is established is no longer a suspect.
    if "glaucoma" in diseases:
        diseases = tuple(disease for disease in diseases if disease != "glaucoma_suspect")
    age = int(np.clip(rng.normal(68 if "amd" in diseases else 56, 12), 20, 92))
    return _Patient(
        name=f"p{number:05d}",
        age=age,
        sex=str(rng.choice(["female", "male"])),
        device=str(rng.choice(list(devices))),
        anatomy=healthy_anatomy(rng, age),
        diseases=diseases,
        grade=int(rng.choice([1, 2, 3, 4], p=[0.2, 0.42, 0.22, 0.16])),
    )


def _photograph(patient: _Patient, eye: str, faults: float, side: int, key: list[int]) -> SyntheticFundus:
    """One eye of a patient: like the other, but with vessels, degree of disease and photograph of its own."""
    rng = np.random.default_rng(key)
    own = healthy_anatomy(rng, patient.age)
    shared = patient.anatomy
    anatomy = replace(
        own,
        pigmentation=shared.pigmentation,
        tessellation=float(np.clip(shared.tessellation + rng.normal(0, 0.04), 0, 1)),
        macular_pigment=shared.macular_pigment,
        sheen=shared.sheen,
        disc_radius=shared.disc_radius + float(rng.normal(0, 0.06)),
        cup_to_disc=float(np.clip(shared.cup_to_disc + rng.normal(0, 0.04), 0.12, 0.7)),
        tortuosity=shared.tortuosity,
        calibre=shared.calibre,
    )
    # The first eye has every disease of the patient; which eye is the first depends on the patient's anatomy.
    first = eye == EYES[patient.anatomy.seed % 2]
    diseases = [disease for disease in patient.diseases if first or rng.random() < _HOW_OFTEN[disease][1]]
    grade = patient.grade if first else int(np.clip(patient.grade + rng.integers(-1, 2), 1, 4))
    anatomy, lesions = diseased(rng, (anatomy, harmless(rng, patient.age)), diseases, grade)
    spec = FundusSpec(
        eye=eye,
        anatomy=anatomy,
        lesions=lesions,
        device=DEVICES[patient.device],
        faults=_draw_faults(rng, faults),
        gaze=(float(rng.normal(4.0, 1.5)), float(rng.normal(0.3, 1.0))),
        seed=int(rng.integers(2**31)),
    )
    return render_spec(spec, side, labels=labels_of(diseases, grade))


def _draw_faults(rng: np.random.Generator, share: float) -> CameraFaults:
    dust = int(rng.poisson(0.4))
    if rng.random() >= share:
        return CameraFaults(blur=float(rng.uniform(0, 0.08)), uneven=float(rng.uniform(0, 0.15)), dust=dust)
    kind = str(rng.choice(["blur", "darkness", "uneven", "haze", "glare"]))
    degree = float(rng.uniform(0.3, 1.0))
    fault: dict[str, Any] = {kind: degree}
    return replace(CameraFaults(dust=dust), **fault)


def _write(folder: Path, patient: _Patient, fundus: SyntheticFundus, masks: bool) -> dict[str, object]:
    stem = f"{patient.name}_{fundus.eye}"
    row: dict[str, object] = {"photo": f"photos/{stem}.jpg", "patient": patient.name, "eye": fundus.eye}
    row |= {"device": patient.device, "age": patient.age, "sex": patient.sex, "source": "synthetic"}
    row |= fundus.labels
    with replacing(folder / "photos" / f"{stem}.jpg") as partial:
        Image.fromarray(fundus.pixels).save(partial, format="JPEG", quality=fundus.spec.device.jpeg_quality)
    if masks:
        for term in MASK_TERMS:
            row[f"mask_{term}"] = None
            if term in fundus.masks:
                path = f"masks/{term}/{stem}.png"
                with replacing(folder / path) as partial:
                    Image.fromarray(fundus.masks[term].astype(np.uint8) * 255).save(partial, format="PNG")
                row[f"mask_{term}"] = path
    return row

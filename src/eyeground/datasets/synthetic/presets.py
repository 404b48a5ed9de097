"""Diseases as amounts of lesions, from barely visible to obvious.

Healthy eyes have the harmless things that are mistaken for disease: a large cup, a few small drusen, a tessellated fundus.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from eyeground.datasets.synthetic.anatomy import Anatomy
from eyeground.datasets.synthetic.lesions import Lesions
from eyeground.errors import UserError, unknown

Eye = tuple[Anatomy, Lesions]


def healthy_anatomy(rng: np.random.Generator, age: float = 50.0) -> Anatomy:
    """Sample a healthy eye of a person of this age (years)."""
    youth = float(np.clip((70 - age) / 60, 0, 1))
    return Anatomy(
        seed=int(rng.integers(2**31)),
        disc_x=float(rng.normal(15.5, 0.5)),
        disc_y=float(rng.normal(1.4, 0.5)),
        disc_radius=float(rng.normal(3.25, 0.2)),
        disc_aspect=float(rng.uniform(0.86, 0.97)),
        cup_to_disc=float(np.clip(rng.normal(0.38, 0.11), 0.15, 0.68)),
        pigmentation=float(rng.beta(2, 2.4)),
        tessellation=float(np.clip(rng.beta(1.3, 4.5) + 0.15 * (1 - youth) * rng.random(), 0, 1)),
        macular_pigment=float(rng.uniform(0.6, 1.35)),
        sheen=float(np.clip(0.15 + 0.75 * youth * rng.random(), 0, 1)),
        calibre=float(rng.normal(1.0, 0.08)),
        tortuosity=float(rng.lognormal(0, 0.3)),
    )


def harmless(rng: np.random.Generator, age: float = 50.0) -> Lesions:
    """Sample what a healthy eye may have: a few small drusen in the old, a narrow crescent."""
    few = rng.poisson(0.05 * max(0.0, age - 45)) if rng.random() < 0.5 else 0
    return Lesions(
        drusen=int(few),
        drusen_size=0.09,
        peripapillary_atrophy=float(rng.uniform(0.1, 0.35)) if rng.random() < 0.2 else 0.0,
    )


def _diabetic_retinopathy(rng: np.random.Generator, eye: Eye, grade: int) -> Eye:
    anatomy, lesions = eye
    amounts = {
        1: ((3, 10), (0, 0), (0, 0), (0, 0), (0, 0)),
        2: ((8, 30), (2, 12), (0, 3), (0, 3), (0, 2)),
        3: ((25, 70), (20, 45), (2, 10), (1, 6), (1, 5)),
        4: ((30, 80), (25, 60), (5, 20), (2, 8), (2, 7)),
    }[grade]
    dots, blots, flames, clusters, spots = (int(rng.integers(low, high + 1)) for low, high in amounts)
    return anatomy, replace(
        lesions,
        microaneurysms=dots,
        haemorrhages=blots,
        flame_haemorrhages=flames,
        hard_exudates=clusters,
        circinate=bool(grade >= 2 and rng.random() < 0.25),
        soft_exudates=spots,
    )


def _amd(rng: np.random.Generator, eye: Eye, grade: int) -> Eye:
    anatomy, lesions = eye
    late = rng.random() < 0.25
    return replace(anatomy, macular_pigment=0.7 * anatomy.macular_pigment), replace(
        lesions,
        drusen=int(rng.integers(25, 130)),
        drusen_size=float(rng.uniform(0.12, 0.28)),
        macular_atrophy=float(rng.uniform(0.8, 3.2)) if late else 0.0,
    )


def _glaucoma(rng: np.random.Generator, eye: Eye, grade: int) -> Eye:
    anatomy, lesions = eye
    atrophy = float(rng.uniform(0.2, 0.7)) if rng.random() < 0.5 else lesions.peripapillary_atrophy
    anatomy = replace(anatomy, cup_to_disc=float(rng.uniform(0.70, 0.93)), sheen=0.3 * anatomy.sheen)
    return anatomy, replace(lesions, peripapillary_atrophy=atrophy)


def _glaucoma_suspect(rng: np.random.Generator, eye: Eye, grade: int) -> Eye:
    anatomy, lesions = eye
    return replace(anatomy, cup_to_disc=float(rng.uniform(0.58, 0.74))), lesions


def _pathologic_myopia(rng: np.random.Generator, eye: Eye, grade: int) -> Eye:
    anatomy, lesions = eye
    anatomy = replace(
        anatomy,
        tessellation=float(rng.uniform(0.6, 1.0)),
        disc_aspect=float(rng.uniform(0.70, 0.86)),
        macular_pigment=0.5 * anatomy.macular_pigment,
        sheen=0.1,
        tortuosity=0.6 * anatomy.tortuosity,
    )
    patches = int(rng.integers(1, 6)) if rng.random() < 0.5 else 0
    return anatomy, replace(lesions, peripapillary_atrophy=float(rng.uniform(0.5, 2.0)), chorioretinal_atrophy=patches)


def _epiretinal_membrane(rng: np.random.Generator, eye: Eye, grade: int) -> Eye:
    return eye[0], replace(eye[1], epiretinal_membrane=float(rng.uniform(0.45, 1.0)))


def _retinal_vein_occlusion(rng: np.random.Generator, eye: Eye, grade: int) -> Eye:
    veins = str(rng.choice(["upper", "lower", "all"], p=[0.45, 0.3, 0.25]))
    return eye[0], replace(eye[1], occlusion=veins, soft_exudates=eye[1].soft_exudates + int(rng.integers(0, 6)))


_PRESETS: dict[str, Callable[[np.random.Generator, Eye, int], Eye]] = {
    "diabetic_retinopathy": _diabetic_retinopathy,
    "amd": _amd,
    "glaucoma": _glaucoma,
    "glaucoma_suspect": _glaucoma_suspect,
    "pathologic_myopia": _pathologic_myopia,
    "epiretinal_membrane": _epiretinal_membrane,
    "retinal_vein_occlusion": _retinal_vein_occlusion,
}
DISEASES = tuple(_PRESETS)


def diseased(rng: np.random.Generator, eye: Eye, diseases: Sequence[str], grade: int) -> Eye:
    """Add diseases to an eye; `grade` (1 to 4) is that of diabetic retinopathy, if it is among them.

    Raises:
        UserError: If a disease is unknown or the grade is out of range.
    """
    for disease in diseases:
        if disease not in _PRESETS:
            raise unknown("synthetic disease", disease, ("normal", *DISEASES))
        if disease == "diabetic_retinopathy" and grade not in range(1, 5):
            raise UserError(f"the grade of diabetic retinopathy is {grade}; expected 1 to 4 (0 is 'normal')")
        eye = _PRESETS[disease](rng, eye, grade)
    return eye


def labels_of(diseases: Sequence[str], grade: int) -> dict[str, int]:
    """Labels of an eye with these diseases: 0 or 1 each, `abnormal` if any, and the grade of retinopathy, 0 to 4."""
    labels = {"abnormal": int(bool(diseases))}
    labels |= {disease: int(disease in diseases) for disease in DISEASES}
    return labels | {"diabetic_retinopathy_grade": grade if "diabetic_retinopathy" in diseases else 0}

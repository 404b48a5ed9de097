"""What a classifier learns from beside the labels of its photos; see docs/recipe.md."""

from typing import Annotated

from pydantic import Field

from eyeground.config.settings import Settings


class SoftLabels(Settings):
    """Other models' predictions of the training photos as part of the truth, where labels are noisy or missing."""

    predictions: tuple[str, ...] = Field(
        (),
        description="Predictions tables whose photos are among the training photos, each predicted by a model that did not learn "
        "from it (`eyeground pretrain --fold`, or another's bundle by `eyeground predict`). Of a photo in several tables the "
        "mean is used. None: the labels alone.",
    )
    share: Annotated[float, Field(ge=0, le=1)] = Field(
        0.5, description="Share of the truth that the predictions give; where a label is unknown they give all of it."
    )


class EvidenceGuidance(Settings):
    """Lesions outlined on some training photos, on which the evidence map is to be highest."""

    masks: tuple[str, ...] = Field(
        (),
        description="Columns `mask_<name>` of the manifest, by the name: each a kind of lesion that speaks for the outputs below. Where a "
        "photo has no mask of a kind, nothing is asked of it. None: evidence is free.",
    )
    outputs: tuple[str, ...] = Field((), description="Outputs whose evidence is guided, such as abnormal.")
    weight: float = Field(0.1, gt=0, description="Weight of this loss beside that of the labels.")

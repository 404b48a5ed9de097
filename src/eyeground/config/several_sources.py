"""Settings of a training on several datasets together, whose cameras and sizes differ; see docs/recipe.md."""

from typing import Annotated

from pydantic import Field

from eyeground.config.settings import Settings


class SeveralSources(Settings):
    """What keeps a camera from being learnt as a diagnosis, and a small dataset from being outweighed."""

    camera_mixing: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of photos whose colours are moved, by a random amount, towards those of another training photo, "
        "which another camera may have taken.",
    )
    draws_of: dict[str, Annotated[int, Field(ge=1)]] = Field(
        {},
        description="Times that an epoch uses each training photo of a source (the manifest's column `source`), so that a small dataset "
        "is not outweighed by a large one.",
    )

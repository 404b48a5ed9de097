"""What `bundle.json` records of a model's measurements: metrics, and the cost of 16 and of 8 bits."""

from pydantic import Field

from eyeground.config.settings import Settings


class MeasuredMetric(Settings):
    """One measured metric of one output, with its 95 % interval over patients."""

    output: str = Field(description="Output it is of.")
    metric: str = Field(
        description="Such as auroc, sensitivity or specificity; the last two at the first operating point."
    )
    value: float = Field(description="The metric.")
    low: float | None = Field(None, description="Lower end of the interval; empty where there is none.")
    high: float | None = Field(None, description="Upper end of the interval; empty where there is none.")
    scope: str = Field(description="`test` for the run's own test photos, else the name of an external dataset.")
    photos: int = Field(ge=0, description="Photos it rests on: those whose truth is known.")
    patients: int = Field(ge=0, description="Patients it rests on.")


class Rounding(Settings):
    """What storing the weights in 16 bits changes, against the network as it was trained."""

    photos: int = Field(ge=1, description="Photos on which both were run: the run's validation and test photos.")
    largest_difference: float = Field(ge=0, description="Largest difference of any probability of any photo.")


class QuantisedOutput(Settings):
    """What 8-bit arithmetic does to one output."""

    output: str = Field(description="The output.")
    auroc: float | None = Field(None, description="Of the 32-bit graph; empty where a class has no photos.")
    auroc_int8: float | None = Field(None, description="Of the 8-bit graph, on the same photos.")
    flipped: int = Field(ge=0, description="Decisions at the operating point (else at 0.5) that differ.")


class Quantisation(Settings):
    """One way of making an 8-bit graph, what it cost, and whether the graph is in the bundle."""

    method: str = Field(description="Calibration of ranges, and what stays in 32 bits.")
    calibration_photos: int = Field(ge=1, description="Training photos by which ranges were set.")
    photos: int = Field(ge=1, description="Validation photos on which both graphs were run.")
    size: int = Field(ge=0, description="Bytes of the graph.")
    gated: tuple[str, ...] = Field(description="Outputs that decide whether it is released.")
    outputs: tuple[QuantisedOutput, ...] = Field(description="Each output, 32 bits against 8.")
    released: bool = Field(description="Whether it is the bundle's model.int8.onnx.")
    test_photos: int = Field(0, ge=0, description="Test photos on which a released one was run as well; 0 for others.")
    test_outputs: tuple[QuantisedOutput, ...] = Field(
        (), description="Each output on these, which neither the way nor the thresholds were chosen on."
    )


class Familiarity(Settings):
    """The distance beyond which a photo is unlike the training photos (`eyeground.bundle.familiarity`)."""

    limit: float = Field(gt=0, description="Distance of a photo's embedding, beyond which it is called unfamiliar.")
    flagged: float = Field(
        gt=0,
        lt=1,
        description="Share of the held-out photos that lie beyond it at most, by its choice: of the sick and of the healthy alike.",
    )
    photos: int = Field(ge=1, description="Gradable training photos whose embeddings the reference is made of.")
    held_out: int = Field(ge=1, description="Gradable validation photos by which the limit was chosen.")
    beyond: dict[str, float] = Field(
        {},
        description="Share of these beyond the limit, of the `sick` and of the `healthy`; a group with fewer than 20 photos has "
        "none. Empty in bundles whose limit was chosen on all together.",
    )

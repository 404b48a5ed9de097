"""The mean width of vessels."""

from eyeground.biomarkers.tracing import Tracing


def vessel_width(vessels: Tracing) -> float | None:
    """Mean width along all vessels, each weighing its length, in pixels; None where no vessel is longer than wide."""
    measured = vessels.stretches
    if not measured:
        return None
    area = sum(float(stretch.areas.sum()) for stretch in measured)
    return area / sum(float(stretch.lengths.sum()) for stretch in measured)

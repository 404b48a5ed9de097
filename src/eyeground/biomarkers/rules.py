"""What measurements say in words, each by a stated rule; none is a diagnosis."""

from eyeground.biomarkers.measurement import Biomarkers
from eyeground.biomarkers.optic_cup import QUADRANTS

# The 97.5th percentile of healthy populations, by which prevalence surveys define glaucoma (Foster et al., British Journal of
# Ophthalmology 86 (2002) 238).
LARGE_CUP = 0.7
EXUDATE_REACH = 1.0  # disc diameters from the fovea


def words(measured: Biomarkers) -> tuple[str, ...]:
    """Sentences that follow from the measurements of one photograph, each with its rule."""
    value = {name: quantity.value for name, quantity in measured.quantities.items()}
    found = []
    distance = value.get("hard_exudate_fovea_distance")
    if distance is not None and distance <= EXUDATE_REACH:
        found.append(
            f"hard exudate {distance:.1f} disc diameters from the fovea (rule: within one disc diameter, a sign of macular oedema)"
        )
    ratio = value.get("vertical_cup_to_disc_ratio")
    if ratio is not None and ratio >= LARGE_CUP:
        found.append(f"large cup: vertical cup-to-disc ratio {ratio:.2f} (rule: {LARGE_CUP} or more)")
    rims = [value.get(f"rim_{quadrant}") for quadrant in QUADRANTS]
    known = [rim for rim in rims if rim is not None]
    if len(known) == len(QUADRANTS) and known[0] < min(known[2:]):
        found.append("thin rim below (rule: the inferior rim is thinner than the nasal and the temporal one)")
    return tuple(found)


def contradiction(told: str | None, seen: str | None, seen_by: str) -> str:
    """What to say where the eye that somebody told is not the one seen; empty where they agree or one is unknown."""
    if told is None or seen is None or told == seen:
        return ""
    return f"told {told}, but {seen_by} {'show' if ' ' in seen_by else 'shows'} a {seen} eye"

"""Whether the photographs of the last weeks resemble those that the model in use was made on; see `eyeground.screening.drift`."""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from eyeground.errors import UserError
from eyeground.serving.model_choice import choice
from eyeground.serving.models_in_use import current_model
from eyeground.serving.service import Service
from eyeground.serving.store.tables import DONE, Finding, Photo, now

WEEKS = 4


def drift_warnings(
    session: Session, service: Service, space: str | None = None, camera: str | None = None
) -> list[str]:
    """How the photographs of the last four weeks differ from what the model expects, in sentences; none where they do not.

    Args:
        session: Reading.
        service: Whose settings name the model.
        space: Of the photographs; None for all.
        camera: Of the photographs; None for all.
    """
    # They need numpy, which a server that shows no monitor has no use for.
    from eyeground.bundle.installed import default_model
    from eyeground.bundle.open import open_classifier
    from eyeground.screening.decision import rule_of
    from eyeground.screening.drift import Tally, warnings

    model = current_model(session)
    if model is None:
        return []
    chosen = choice(session, service.folder, service.settings.bundle, service.settings.operating_point)
    try:
        bundle = open_classifier(chosen.bundle or default_model())
    except UserError:
        return []
    if bundle.identity != model.identity:  # another was put into use, and the worker has not started with it yet
        return []
    asked = (
        select(Finding.status, Finding.row)
        .join(Photo, Photo.finding_id == Finding.id)
        .where(Finding.model_id == model.id, Photo.state == DONE, Photo.created >= now() - timedelta(weeks=WEEKS))
    )
    if space is not None:
        asked = asked.where(Photo.space == space)
    if camera:
        asked = asked.where(Photo.camera == camera)
    tally = Tally(bundle.description.expected)
    for status, row in session.execute(asked):
        tally.add({**row, "status": status})
    return list(warnings(tally, rule_of(bundle.description, chosen.operating_point), bundle.description))

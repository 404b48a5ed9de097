"""The finding page: both eyes of a patient side by side, what was found and what is to be done, evidence, history, grades."""

from dataclasses import dataclass
from datetime import date

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy.orm import Session

from eyeground.core.words import EYES
from eyeground.screening.eye_results import eye_result, patient_result
from eyeground.screening.words import describe_quality, describe_strength
from eyeground.serving.findings import MEASURES, FindingView, finding_of
from eyeground.serving.grading import LONGEST_COMMENT, GradeView, grades_of, known_labels, save_grade
from eyeground.serving.models_in_use import current_model
from eyeground.serving.pages.layers import Layer, layers_of
from eyeground.serving.pages.list_query import Address
from eyeground.serving.pages.rendering import render
from eyeground.serving.pages.visitors import Form, Grader, Reader, Running, Sender, wants_fragment
from eyeground.serving.pages.words import GRADES
from eyeground.serving.patients import Visit, assign_patient, day_of, visits_of
from eyeground.serving.queue import has_job
from eyeground.serving.rescreening import rescreen
from eyeground.serving.worklist import WorklistRow, neighbours

pages = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

JUDGEABLE = ("abnormal", "normal", "ungradable", "unfamiliar", "unreadable")


@dataclass(frozen=True)
class Score:
    """An output's probability beside its threshold.

    Attributes:
        words: What it is the probability of.
        probability, threshold: 0-1; no threshold where it decides nothing.
        reached: Whether it makes the photograph abnormal.
        main: Whether the status rests on it.
    """

    words: str
    probability: float
    threshold: float | None
    reached: bool
    main: bool


@dataclass(frozen=True)
class EyePanel:
    """One eye on the page.

    Attributes:
        eye: `right`, `left`, or empty where it is not known.
        view: The photograph that is shown; None if there is none of this eye.
        others: Further photographs of this eye and day.
        scores: Of the outputs that decide, then of the others.
        quality: Name, word and number of each measure.
        strength: Of the evidence at the ends of the colours.
        layers: Pictures that can be laid over the photograph.
        grades: Of readers, the last of each first.
        own: The visitor's last grade.
    """

    eye: str
    view: FindingView | None
    others: tuple[WorklistRow, ...] = ()
    scores: tuple[Score, ...] = ()
    quality: tuple[tuple[str, str, float], ...] = ()
    strength: str = ""
    layers: tuple[Layer, ...] = ()
    grades: tuple[GradeView, ...] = ()
    own: GradeView | None = None


@pages.get("/findings/{photo_id}")
def get_finding(request: Request, service: Running, actor: Reader, photo_id: str, address: Address) -> Response:
    """A photograph's finding, beside that of the other eye."""
    with service.store.read() as session:
        view = finding_of(session, photo_id, actor.sees)
        if view is None:
            raise HTTPException(404)
        visits = visits_of(session, view.patient_id, actor.sees) if view.patient_id else []
        today = _visit_of(view, visits)
        panels = [
            _panel(session, service.folder, eye, shown, others, actor.name)
            for eye, shown, others in _eyes(session, view, today, actor.sees)
        ]
        labels = known_labels(session)
        model = current_model(session)
        is_waiting = has_job(session, photo_id)
        before, after = neighbours(session, address.worklist_query(actor.sees), photo_id)
    return render(
        request,
        actor,
        "finding.html",
        address=address,
        view=view,
        panels=panels,
        worst=_worst(today or (), view),
        visits=[visit for visit in visits if all(row.id != photo_id for row in visit.photos)],
        before=before,
        after=after,
        labels=labels,
        model_now=None if model is None else model.id,
        is_waiting=is_waiting,
        grade_words=GRADES,
        longest_comment=LONGEST_COMMENT,
    )


@pages.post("/findings/{photo_id}/grade")
def post_grade(request: Request, service: Running, actor: Grader, photo_id: str, form: Form) -> Response:
    """Store a reader's grade."""
    with service.store.write() as session:
        view = finding_of(session, photo_id, actor.sees)
        if view is None:
            raise HTTPException(404)
        save_grade(session, photo_id, actor.name, form.get("grade", ""), form.get("comment", ""), form.get("label", ""))
    if not wants_fragment(request):
        return RedirectResponse(f"/findings/{photo_id}", 303)
    with service.store.read() as session:
        panel = _panel(session, service.folder, view.eye or "", view, (), actor.name)
    return render(
        request, actor, "_grades.html", panel=panel, grade_words=GRADES, longest_comment=LONGEST_COMMENT, saved=True
    )


@pages.post("/findings/{photo_id}/rescreen")
def post_rescreen(service: Running, actor: Sender, photo_id: str, form: Form) -> Response:
    """Have a photograph screened by the model in use."""
    with service.store.write() as session:
        if finding_of(session, photo_id, actor.owns) is None:
            raise HTTPException(404)
        rescreen(session, actor.name, [photo_id])
    return RedirectResponse(f"/findings/{photo_id}", 303)


@pages.post("/findings/{photo_id}/assign")
def post_assign(service: Running, actor: Sender, photo_id: str, form: Form) -> Response:
    """Correct whose photograph it is, which eye, and of which day."""
    eye = form.get("eye") if form.get("eye") in EYES else None
    with service.store.write() as session:
        if finding_of(session, photo_id, actor.sees) is None:
            raise HTTPException(404)
        assign_patient(session, photo_id, actor.name, form.get("patient"), eye, day_of(form.get("visit")))
    return RedirectResponse(f"/findings/{photo_id}", 303)


def _day(view: FindingView) -> date:
    return view.visit or view.created.astimezone().date()


def _visit_of(view: FindingView, visits: list[Visit]) -> tuple[WorklistRow, ...] | None:
    return next((visit.photos for visit in visits if visit.day == _day(view)), None)


def _eyes(
    session: Session, view: FindingView, today: tuple[WorklistRow, ...] | None, space: str | None
) -> list[tuple[str, FindingView | None, tuple[WorklistRow, ...]]]:
    """What is shown of each eye: the right one first, as one faces the patient; one panel where eye or patient is not known."""
    if view.eye is None or today is None:
        return [(view.eye or "", view, tuple(row for row in today or () if row.id != view.id))]
    shown = []
    for eye in ("right", "left"):
        rows = [row for row in today if row.eye == eye]
        chosen = view.id if view.eye == eye else _deciding(rows)
        found = None if chosen is None else finding_of(session, chosen, space)
        shown.append((eye, found, tuple(row for row in rows if row.id != chosen)))
    return shown


def _deciding(rows: list[WorklistRow]) -> str | None:
    """Of an eye's photographs, the judged one highest above its threshold; else the last."""
    judged = [row for row in rows if row.height is not None and row.status in ("abnormal", "normal")]
    if judged:
        return max(judged, key=lambda row: row.height or 0.0).id
    return rows[-1].id if rows else None


def _panel(
    session: Session, folder: object, eye: str, view: FindingView | None, others: tuple[WorklistRow, ...], reader: str
) -> EyePanel:
    if view is None:
        return EyePanel(eye, None, others)
    grades = tuple(grades_of(session, view.id))
    return EyePanel(
        eye=eye,
        view=view,
        others=others,
        scores=_scores(view),
        quality=tuple(describe_quality({name: view.quality.get(name) for name in MEASURES})),
        strength="" if view.scale is None else describe_strength(view.scale),
        layers=layers_of(view),
        grades=grades,
        own=next((grade for grade in grades if grade.reader == reader), None),
    )


def _scores(view: FindingView) -> tuple[Score, ...]:
    outputs = view.model_details.get("outputs", {})
    decides = view.status in ("abnormal", "normal")
    scores = [
        Score(
            words=outputs.get(output, output),
            probability=probability,
            threshold=view.thresholds.get(output),
            reached=decides and output in view.reached,
            main=decides and output == view.output,
        )
        for output, probability in view.probabilities.items()
    ]
    return tuple(sorted(scores, key=lambda one: (not one.reached, not one.main, one.threshold is None)))


def _worst(today: tuple[WorklistRow, ...], view: FindingView) -> tuple[str, list[tuple[str, str]]] | None:
    """The patient's result and that of each eye, by all photographs of the day; None while one waits."""
    statuses: dict[str, list[str]] = {}
    for row in today:
        if row.status in JUDGEABLE:
            statuses.setdefault(row.eye or "unknown", []).append(row.status)
    if not today and view.status in JUDGEABLE:
        statuses = {view.eye or "unknown": [view.status]}
    shown = [eye for eye in ("right", "left", "unknown") if eye in statuses]
    eyes = [(eye, eye_result(eye, statuses[eye])) for eye in shown]  # type: ignore[arg-type]  # text, of the statuses in JUDGEABLE
    return (patient_result([result for _, result in eyes]), [(eye, result) for eye, result in eyes]) if eyes else None

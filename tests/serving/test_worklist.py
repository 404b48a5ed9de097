"""What pages ask of the store: worklist, visits, grades, agreement, weekly counts, labels, the audit trail."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from eyeground.errors import UserError
from eyeground.serving import audit
from eyeground.serving.findings import finding_of
from eyeground.serving.grading import agreement, grades_of, save_grade
from eyeground.serving.labels import labels_table
from eyeground.serving.monitoring import weekly_counts
from eyeground.serving.patients import assign_patient, patient_of, visits_of
from eyeground.serving.store.database import Store
from eyeground.serving.store.folder import DataFolder
from eyeground.serving.store.tables import DONE, Finding, Model, Photo, now
from eyeground.serving.worklist import WorklistQuery, cameras, neighbours, worklist

# name, status (None while it waits), height above the threshold, patient, eye, camera, days ago
PHOTOS = (
    ("normal low", "normal", -3.0, "P1", "right", "CR-2", 0),
    ("normal high", "normal", -0.5, "P1", "left", "CR-2", 0),
    ("abnormal low", "abnormal", 0.1, "P2", "right", "AFC", 3),
    ("abnormal high", "abnormal", 4.0, "P2", "right", "AFC", 40),
    ("ungradable", "ungradable", 1.0, None, None, None, 0),
    ("waiting", None, None, "P3", "left", "CR-2", 0),
)


def row_of(status: str) -> dict[str, object]:
    return {
        "status": status,
        "suspected": "glaucoma; amd" if status == "abnormal" else None,
        "grades": None,
        "reason": f"because {status}",
        "reached": "abnormal" if status == "abnormal" else None,
        "probability_abnormal": 0.9 if status == "abnormal" else 0.1,
        "probability_amd": 0.2,
        "threshold_abnormal": 0.5,
        "threshold_amd": None,
        "gradability": 0.9,
        "focus": 0.1,
        "illumination": 0.5,
        "contrast": 0.2,
        "completeness": None,
        "unfamiliarity": 0.4,
        "operating_point": "youden",
        "model": "tiny@0",
    }


@pytest.fixture
def session(store: Store) -> Iterator[Session]:
    """A session that writes, on each database, with the photographs above."""
    with store.write() as opened:
        opened.add(Model(id=1, identity="tiny@0", operating_point="youden", description={"origin": "chosen"}))
        opened.flush()
        for name, status, height, patient, eye, camera, days in PHOTOS:
            photo = Photo(
                space="clinic" if patient != "P3" else "key:1",
                content=name,
                name=name,
                size=1,
                eye=eye,
                camera=camera,
                patient_id=patient_of(opened, patient),
                created=now() - timedelta(days=days),
            )
            opened.add(photo)
            opened.flush()
            if status is not None:
                finding = Finding(photo_id=photo.id, model_id=1, status=status, height=height, row=row_of(status))
                finding.suspected, finding.output = str(row_of(status)["suspected"] or "") or None, "abnormal"
                opened.add(finding)
                opened.flush()
                photo.state, photo.finding_id = DONE, finding.id
        opened.flush()
        yield opened


def names(session: Session, **query: object) -> list[str]:
    return [row.name for row in worklist(session, WorklistQuery(**query)).rows]  # type: ignore[arg-type]


def named(session: Session, name: str) -> str:
    return session.query(Photo).filter(Photo.name == name).one().id


def test_what_needs_action_comes_first(session: Session) -> None:
    expected = ["abnormal high", "abnormal low", "ungradable", "waiting", "normal high", "normal low"]
    assert names(session) == expected
    page = worklist(session, WorklistQuery(limit=2, offset=1))
    assert [row.name for row in page.rows] == expected[1:3]
    assert (page.total, page.statuses["abnormal"], page.statuses["pending"]) == (6, 2, 1)
    assert neighbours(session, WorklistQuery(), named(session, "ungradable")) == (
        named(session, "abnormal low"),
        named(session, "waiting"),
    )
    assert neighbours(session, WorklistQuery(statuses=("normal",)), named(session, "waiting")) == (None, None)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"statuses": ("normal", "pending")}, ["waiting", "normal high", "normal low"]),
        ({"search": "p2"}, ["abnormal high", "abnormal low"]),
        ({"search": "high"}, ["abnormal high", "normal high"]),
        ({"search": "%"}, []),
        ({"camera": "AFC", "until": date.today() - timedelta(days=10)}, ["abnormal high"]),
        ({"since": date.today() - timedelta(days=10), "camera": "AFC"}, ["abnormal low"]),
        ({"eye": "left"}, ["waiting", "normal high"]),
        ({"space": "key:1"}, ["waiting"]),
        ({"graded": True}, []),
        ({"sort": "name", "limit": 2}, ["abnormal high", "abnormal low"]),
        ({"sort": "name", "descending": True, "limit": 2}, ["waiting", "ungradable"]),
        ({"sort": "patient", "descending": True, "limit": 1}, ["waiting"]),
        ({"sort": "created", "limit": 1}, ["abnormal high"]),
        ({"sort": "status", "statuses": ("abnormal",)}, ["abnormal high", "abnormal low"]),
        ({"sort": "camera", "limit": 2}, ["abnormal high", "abnormal low"]),
    ],
)
def test_a_worklist_is_filtered_and_sorted(session: Session, query: dict[str, object], expected: list[str]) -> None:
    assert names(session, **query) == expected


def test_a_finding_says_all_that_a_page_shows(session: Session) -> None:
    found = finding_of(session, named(session, "abnormal high"))
    assert found is not None
    assert (found.status, found.suspected, found.reached) == ("abnormal", ("glaucoma", "amd"), ("abnormal",))
    assert found.probabilities == {"abnormal": 0.9, "amd": 0.2}
    assert found.thresholds == {"abnormal": 0.5}
    assert found.quality == {"focus": 0.1, "illumination": 0.5, "contrast": 0.2}
    assert (found.patient, found.camera, found.model, found.model_details) == (
        "P2",
        "AFC",
        "tiny@0",
        {"origin": "chosen"},
    )
    waiting = finding_of(session, named(session, "waiting"))
    assert waiting is not None
    assert (waiting.status, waiting.is_done, waiting.has_picture, waiting.probabilities) == (
        "pending",
        False,
        False,
        {},
    )
    assert finding_of(session, named(session, "waiting"), space="clinic") is None
    assert finding_of(session, "0" * 32) is None


def test_visits_are_days_the_latest_first_with_the_right_eye_before_the_left(session: Session) -> None:
    one = session.query(Photo).filter(Photo.name == "abnormal low").one()
    visits = visits_of(session, str(one.patient_id))
    assert [[photo.name for photo in visit.photos] for visit in visits] == [["abnormal low"], ["abnormal high"]]
    other = session.query(Photo).filter(Photo.name == "normal low").one()
    assert [photo.eye for photo in visits_of(session, str(other.patient_id))[0].photos] == ["right", "left"]
    assign_patient(session, one.id, "person:ann", "P1", "left", date(2026, 1, 2))
    session.flush()
    assert [visit.day for visit in visits_of(session, str(other.patient_id))][-1] == date(2026, 1, 2)


def test_a_changed_grade_counts_and_the_earlier_one_stays(session: Session) -> None:
    photo_id = named(session, "abnormal low")
    save_grade(session, photo_id, "person:ann", "normal", comment="COMMENT")
    save_grade(session, photo_id, "person:bob", "abnormal", label="glaucoma")
    save_grade(session, photo_id, "person:ann", "abnormal", comment="a second look")
    save_grade(session, photo_id, "person:ann", "abnormal", comment="a second look")
    session.flush()
    assert [(one.reader, one.grade) for one in grades_of(session, photo_id)] == [
        ("person:ann", "abnormal"),
        ("person:bob", "abnormal"),
    ]
    earlier = [(one.grade, one.superseded) for one in grades_of(session, photo_id, earlier=True)]
    assert earlier == [("abnormal", False), ("abnormal", False), ("normal", True)]
    trail = audit.trail(session, photo_id)
    assert [(entry.actor, entry.details["before"], entry.details["grade"]) for entry in trail] == [
        ("person:ann", "normal", "abnormal"),
        ("person:bob", None, "abnormal"),
        ("person:ann", None, "normal"),
    ]
    assert trail[0].details["model"] == "tiny@0"
    assert trail[0].details["operating_point"] == "youden"
    assert "COMMENT" not in str(trail)
    assert names(session, graded=True) == ["abnormal low"]
    assert worklist(session, WorklistQuery(graded=True)).rows[0].grade == "abnormal"
    with pytest.raises(UserError, match="did you mean 'normal'"):
        save_grade(session, photo_id, "person:ann", "normall")


def test_agreement_counts_what_both_could_judge(session: Session) -> None:
    for name, grade in (
        ("normal low", "normal"),
        ("normal high", "abnormal"),
        ("abnormal low", "abnormal"),
        ("ungradable", "normal"),
        ("abnormal high", "ungradable"),
    ):
        save_grade(session, named(session, name), "person:ann", grade)
    session.flush()
    counted = agreement(session)
    assert (counted.judged, counted.agreed) == (3, 2)
    assert counted.counts["ungradable", "normal"] == 1
    assert agreement(session, since=now() - timedelta(days=1)).judged == 2


def test_weekly_counts_by_camera(session: Session) -> None:
    save_grade(session, named(session, "normal high"), "person:ann", "abnormal")
    session.flush()
    weeks = weekly_counts(session, weeks=4)
    assert sum(week.photos for week in weeks) == 4
    this_week = [week for week in weeks if week.camera == "CR-2"]
    assert [(week.statuses, week.graded, week.agreed) for week in this_week] == [({"normal": 2}, 1, 0)]
    assert this_week[0].share("normal") == 1
    assert this_week[0].monday.weekday() == 0
    assert len(weekly_counts(session)) == 4
    assert cameras(session) == ["AFC", "CR-2"]


def test_labels_are_last_grades_beside_probabilities(session: Session, tmp_path: Path) -> None:
    session.query(Photo).filter(Photo.name == "abnormal low").one().kept = True
    for name, grade, label in (
        ("abnormal low", "normal", ""),
        ("abnormal low", "abnormal", "amd"),
        ("ungradable", "ungradable", ""),
    ):
        save_grade(session, named(session, name), "person:ann", grade, label=label)
    session.flush()
    rows = {row["grade"]: row for row in labels_table(session, DataFolder(tmp_path))}
    assert rows["abnormal"]["abnormal"] == 1
    assert rows["abnormal"]["label"] == "amd"
    assert rows["abnormal"]["patient"] == "P2"
    assert str(rows["abnormal"]["photo"]).startswith(str(tmp_path))
    assert rows["abnormal"]["probability_abnormal"] == 0.9
    assert (rows["ungradable"]["abnormal"], rows["ungradable"]["photo"]) == (None, None)

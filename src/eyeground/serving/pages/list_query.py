"""The worklist's filter and order, as an address has them, so that a page, its neighbours and an export show the same."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, get_args

from fastapi import Depends, Query

from eyeground.serving.pages.rendering import query
from eyeground.serving.patients import day_of
from eyeground.serving.worklist import Sort, WorklistQuery

PAGE_ROWS = 100


@dataclass(frozen=True)
class ListAddress:
    """Which photographs, in which order, which page; what is not understood counts as not given.

    Attributes:
        statuses, search, batch, camera, eye, graded, since: As in `WorklistQuery`; `graded` is `yes`, `no` or empty.
        sort, descending: The order.
        page: From 1 on.
    """

    statuses: tuple[str, ...] = ()
    search: str = ""
    batch: str = ""
    camera: str = ""
    eye: str = ""
    graded: str = ""
    since: date | None = None
    sort: Sort = "urgency"
    descending: bool = False
    page: int = 1

    def worklist_query(self, space: str | None) -> WorklistQuery:
        """The same for the service layer."""
        return WorklistQuery(
            statuses=self.statuses,
            search=self.search,
            batch=self.batch or None,
            camera=self.camera or None,
            eye=self.eye or None,
            since=self.since,
            graded={"yes": True, "no": False}.get(self.graded),
            space=space,
            sort=self.sort,
            descending=self.descending,
            limit=PAGE_ROWS,
            offset=(self.page - 1) * PAGE_ROWS,
        )

    def text(self, **changes: object) -> str:
        """As the end of an address, some of it changed; without the page unless it is given."""
        changed = replace(self, **{"page": 1, **changes})  # type: ignore[arg-type]  # mypy checks one type for all fields
        return query(
            status=changed.statuses,
            q=changed.search,
            batch=changed.batch,
            camera=changed.camera,
            eye=changed.eye,
            graded=changed.graded,
            since=changed.since,
            sort=None if changed.sort == "urgency" else changed.sort,
            desc="1" if changed.descending else None,
            page=changed.page if changed.page > 1 else None,
        )

    def toggled(self, status: str) -> str:
        """The address with a status shown alone, or all again if it was."""
        return self.text(statuses=() if self.statuses == (status,) else (status,))

    def sorted_by(self, sort: Sort) -> str:
        """The address with an order, the other way round if it was in it."""
        return self.text(sort=sort, descending=self.sort == sort and not self.descending)


def _address(
    status: Annotated[list[str], Query(max_length=20)] = [],  # noqa: B006 - FastAPI copies it
    q: Annotated[str, Query(max_length=200)] = "",
    batch: Annotated[str, Query(max_length=32)] = "",
    camera: Annotated[str, Query(max_length=64)] = "",
    eye: Annotated[str, Query(max_length=32)] = "",
    graded: Annotated[str, Query(max_length=32)] = "",
    since: Annotated[str, Query(max_length=32)] = "",
    sort: Annotated[str, Query(max_length=32)] = "",
    desc: Annotated[str, Query(max_length=32)] = "",
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
) -> ListAddress:
    return ListAddress(
        statuses=tuple(one for one in status if one),
        search=q.strip(),
        batch=batch,
        camera=camera,
        eye=eye,
        graded=graded,
        since=day_of(since),
        sort=next((known for known in get_args(Sort) if known == sort), "urgency"),
        descending=bool(desc),
        page=page,
    )


Address = Annotated[ListAddress, Depends(_address)]

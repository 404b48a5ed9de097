"""Log-in and log-out, and the first page of a service that nobody has an account at yet."""

from urllib.parse import urlsplit

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from eyeground.errors import UserError
from eyeground.serving.access import SESSION, open_to_all
from eyeground.serving.pages.rendering import render
from eyeground.serving.pages.visitors import Admin, Form, Running
from eyeground.serving.people import FEWEST_CHARACTERS, LONGEST, LoginLockedError, add_person, is_open, log_in, log_out
from eyeground.serving.service import Service

pages = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@pages.get("/login")
def get_login(request: Request, service: Running, next: str = "/") -> Response:
    """Where people say who they are."""
    return _login_page(request, service, _inside(next))


@pages.post("/login")
def post_login(request: Request, service: Running, form: Form) -> Response:
    """Open a session; a wrong password and a wrong name are told alike."""
    target = _inside(form.get("next", "/"))
    try:
        cookie = log_in(service.store, form.get("name", ""), form.get("password", ""))
    except LoginLockedError as locked:
        minutes = max(1, locked.seconds // 60)
        return _login_page(
            request, service, target, f"Too many wrong passwords for this name. Try again in {minutes} minutes.", 429
        )
    if cookie is None:
        return _login_page(request, service, target, "Name or password is wrong.", 401)
    return _with_session(RedirectResponse(target, 303), cookie, service)


@pages.post("/logout")
def post_logout(request: Request, service: Running, form: Form) -> Response:
    """End the session."""
    cookie = request.cookies.get(SESSION)
    if cookie:
        with service.store.write() as session:
            log_out(session, cookie)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(SESSION, path="/", httponly=True, samesite="strict", secure=service.uses_tls)
    return answer


@pages.get("/welcome")
def get_welcome(request: Request, service: Running, actor: Admin) -> Response:
    """Work without accounts on this machine, or make the first one."""
    return _welcome_page(request, service, actor)


@pages.post("/welcome")
def post_welcome(request: Request, service: Running, actor: Admin, form: Form) -> Response:
    """Make the first account, an administrator's, and log in with it."""
    name, password = form.get("name", "").strip(), form.get("password", "")
    if password != form.get("again", ""):
        return _welcome_page(request, service, actor, "The two passwords differ.")
    try:
        with service.store.write() as session:
            if not is_open(session):
                raise HTTPException(403, "There is an account already. Log in, and add others on the page Admin.")
            add_person(session, name, password, "admin", actor.name)
    except UserError as error:
        return _welcome_page(request, service, actor, f"{str(error)[:1].upper()}{str(error)[1:]}.")
    cookie = log_in(service.store, name, password)
    return _with_session(RedirectResponse("/admin", 303), cookie or "", service)


def _login_page(request: Request, service: Service, target: str, problem: str = "", status: int = 200) -> Response:
    with service.store.read() as session:
        nobody, is_local = is_open(session), open_to_all(session, service)
    if is_local:
        return RedirectResponse("/", 303)
    return render(request, None, "login.html", status, next=target, problem=problem, nobody=nobody)


def _welcome_page(request: Request, service: Service, actor: Admin, problem: str = "") -> Response:
    with service.store.read() as session:
        nobody = is_open(session)
    status = 422 if problem else 200
    return render(
        request,
        actor,
        "welcome.html",
        status,
        problem=problem,
        nobody=nobody,
        fewest=FEWEST_CHARACTERS,
        data=service.folder.path,
    )


def _inside(target: str) -> str:
    """A path of this service; anything else, such as another site, becomes the first page."""
    parts = urlsplit(target)
    is_ours = (
        target.startswith("/") and not target.startswith(("//", "/\\")) and not parts.netloc and target.isprintable()
    )
    return target if is_ours else "/"


def _with_session(answer: Response, cookie: str, service: Service) -> Response:
    answer.set_cookie(
        SESSION,
        cookie,
        max_age=int(LONGEST.total_seconds()),
        path="/",
        httponly=True,
        samesite="strict",
        secure=service.uses_tls,
    )
    return answer

"""Check runs and suites."""

from __future__ import annotations

from datetime import UTC, datetime

from cli.sandbox import payloads
from cli.sandbox.answers import Answer, Fields, RefusedError, field_error, not_found, unprocessable
from cli.sandbox.checks import (
    CONCLUSIONS,
    STATUSES,
    CheckUpdate,
    create_run,
    latest,
    rerequest_run,
    rerequest_suite,
    update_run,
)
from cli.sandbox.rest.repositories import ROOT
from cli.sandbox.rest.routing import READ_CHECKS, WRITE_CHECKS, Call, Endpoint
from cli.sandbox.state import Action, Annotation, CheckRun, CheckSuite, node_id

# GitHub Docs, "Check runs" and "Using the REST API to interact with checks".
ANNOTATIONS = 50
ACTIONS = 3
OUTPUT_CHARACTERS = 65_535
MESSAGE_BYTES = 64 * 1024
TITLE_CHARACTERS = 255
LEVELS = ("notice", "warning", "failure")

_RUN_KEYS = (
    *("name", "head_sha", "details_url", "external_id", "status", "started_at", "conclusion"),
    *("completed_at", "output", "actions"),
)
_OUTPUT_KEYS = ("title", "summary", "text", "annotations_count", "annotations_url", "annotations", "images")
_ANNOTATION_KEYS = (
    *("path", "start_line", "end_line", "start_column", "end_column", "annotation_level", "message"),
    *("title", "raw_details"),
)


def _update(fields: Fields, *, creating: bool) -> CheckUpdate:
    status = fields.choice("status", STATUSES)
    conclusion = fields.choice("conclusion", CONCLUSIONS)
    if status == "completed" and conclusion is None:
        raise RefusedError(422, 'Invalid request.\n\n"conclusion" wasn\'t supplied.')
    output = fields.child("output", _OUTPUT_KEYS)
    title = summary = text = None
    annotations: tuple[Annotation, ...] = ()
    if output is not None:
        # github/docs: a title is required with a summary when creating, the summary always.
        title = output.required("title") if creating else output.text("title")
        summary = output.required("summary", OUTPUT_CHARACTERS)
        text = output.text("text", OUTPUT_CHARACTERS)
        annotations = _annotations(output)
    return CheckUpdate(
        fields.required("name") if creating else fields.text("name"),
        status,
        conclusion,
        fields.text("external_id"),
        fields.text("details_url"),
        _time(fields, "started_at"),
        _time(fields, "completed_at"),
        title,
        summary,
        text,
        annotations,
        _actions(fields),
    )


def _time(fields: Fields, name: str) -> datetime | None:
    text = fields.text(name)
    if text is None:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise unprocessable(field_error("CheckRun", name, "invalid")) from error
    return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)


def _annotations(output: Fields) -> tuple[Annotation, ...]:
    items = output.objects("annotations", _ANNOTATION_KEYS) or []
    if len(items) > ANNOTATIONS:
        message = f"Invalid request.\n\nNo more than {ANNOTATIONS} items are allowed; {len(items)} were supplied."
        raise RefusedError(422, message)
    return tuple(map(_annotation, items))


def _annotation(fields: Fields) -> Annotation:
    lines = [fields.number("start_line"), fields.number("end_line")]
    start, end = lines
    if start is None or end is None:
        raise RefusedError(422, 'Invalid request.\n\n"start_line" and "end_line" must be supplied.')
    columns = fields.number("start_column"), fields.number("end_column")
    level = fields.choice("annotation_level", LEVELS)
    if level is None:
        raise RefusedError(422, 'Invalid request.\n\n"annotation_level" wasn\'t supplied.')
    message = fields.required("message")
    if end < start or (start != end and columns != (None, None)):
        raise unprocessable(field_error("CheckAnnotation", "end_line", "invalid"))
    if len(message.encode()) > MESSAGE_BYTES:
        raise unprocessable(field_error("CheckAnnotation", "message", "too_long"))
    title, details = fields.text("title", TITLE_CHARACTERS), fields.text("raw_details")
    return Annotation(fields.required("path"), start, end, level, message, *columns, title, details)


def _actions(fields: Fields) -> tuple[Action, ...] | None:
    items = fields.objects("actions", ("label", "description", "identifier"))
    if items is None:
        return None
    if len(items) > ACTIONS:
        raise RefusedError(
            422, f"Invalid request.\n\nNo more than {ACTIONS} items are allowed; {len(items)} were supplied."
        )
    return tuple(
        Action(item.required("label", 20), item.required("description", 40), item.required("identifier", 20))
        for item in items
    )


def _run(call: Call) -> CheckRun:
    found = call.site.world.nodes.get(node_id("CR", call.integer("run")))
    if not isinstance(found, CheckRun) or found.suite.repository is not call.repository:
        raise not_found()
    return found


def _suite(call: Call) -> CheckSuite:
    found = call.site.world.nodes.get(node_id("CS", call.integer("suite")))
    if not isinstance(found, CheckSuite) or found.repository is not call.repository:
        raise not_found()
    return found


def post_run(call: Call) -> Answer:
    """POST .../check-runs."""
    fields = call.fields(*_RUN_KEYS)
    update = _update(fields, creating=True)
    run = create_run(call.site, call.repository, fields.required("head_sha"), update)
    return Answer(payloads.check_run(call.site.world, run), 201)


def get_run(call: Call) -> Answer:
    """GET .../check-runs/{run}."""
    return Answer(payloads.check_run(call.site.world, _run(call)))


def patch_run(call: Call) -> Answer:
    """PATCH .../check-runs/{run}."""
    run = _run(call)
    update_run(call.site, run, _update(call.fields(*_RUN_KEYS), creating=False))
    return Answer(payloads.check_run(call.site.world, run))


def list_annotations(call: Call) -> Answer:
    """GET .../check-runs/{run}/annotations."""
    run = _run(call)
    return call.page(run.annotations, lambda one: payloads.annotation(call.site.world, run, one))


def post_rerequest(call: Call) -> Answer:
    """POST .../check-runs/{run}/rerequest."""
    rerequest_run(call.site, _run(call), call.actor)
    return Answer({}, 201)


def runs_of_ref(call: Call) -> Answer:
    """GET .../commits/{ref}/check-runs."""
    suite = call.repository.suites.get(call.commit(call.parameters["ref"]).oid)
    return _listed(call, suite.runs if suite else [])


def runs_of_suite(call: Call) -> Answer:
    """GET .../check-suites/{suite}/check-runs."""
    return _listed(call, _suite(call).runs)


def _listed(call: Call, runs: list[CheckRun]) -> Answer:
    chosen = runs if call.query.get("filter") == "all" else latest(runs)
    name, status = call.query.get("check_name"), call.query.get("status")
    app = call.query.get("app_id")
    found = [
        run
        for run in reversed(chosen)
        if name in {None, run.name} and status in {None, run.status} and app in {None, str(call.site.world.app.id)}
    ]
    return call.page(found, lambda run: payloads.check_run(call.site.world, run), wrap="check_runs")


def suites_of_ref(call: Call) -> Answer:
    """GET .../commits/{ref}/check-suites."""
    suite = call.repository.suites.get(call.commit(call.parameters["ref"]).oid)
    found = [suite] if suite else []
    return call.page(found, lambda one: payloads.listed_check_suite(call.site.world, one), wrap="check_suites")


def get_suite(call: Call) -> Answer:
    """GET .../check-suites/{suite}."""
    return Answer(payloads.listed_check_suite(call.site.world, _suite(call)))


def post_suite_rerequest(call: Call) -> Answer:
    """POST .../check-suites/{suite}/rerequest."""
    rerequest_suite(call.site, _suite(call), call.actor)
    return Answer({}, 201)


ENDPOINTS = (
    Endpoint("POST", f"{ROOT}/check-runs", post_run, (WRITE_CHECKS,)),
    Endpoint("GET", f"{ROOT}/check-runs/{{run}}", get_run, (READ_CHECKS,)),
    Endpoint("PATCH", f"{ROOT}/check-runs/{{run}}", patch_run, (WRITE_CHECKS,)),
    Endpoint("GET", f"{ROOT}/check-runs/{{run}}/annotations", list_annotations, (READ_CHECKS,)),
    Endpoint("POST", f"{ROOT}/check-runs/{{run}}/rerequest", post_rerequest, (WRITE_CHECKS,)),
    Endpoint("GET", f"{ROOT}/check-suites/{{suite}}", get_suite, (READ_CHECKS,)),
    Endpoint("GET", f"{ROOT}/check-suites/{{suite}}/check-runs", runs_of_suite, (READ_CHECKS,)),
    Endpoint("POST", f"{ROOT}/check-suites/{{suite}}/rerequest", post_suite_rerequest, (WRITE_CHECKS,)),
    Endpoint("GET", f"{ROOT}/commits/{{ref*}}/check-runs", runs_of_ref, (READ_CHECKS,)),
    Endpoint("GET", f"{ROOT}/commits/{{ref*}}/check-suites", suites_of_ref, (READ_CHECKS,)),
)

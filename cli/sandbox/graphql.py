"""`POST /graphql`: queries and mutations, executed by graphql-core against GitHub's schema (in part)."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from importlib.resources import files
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    execute_sync,
    parse,
    validate,
)

from cli.sandbox.answers import Answer, RefusedError
from cli.sandbox.auth import AppCaller
from cli.sandbox.graph import RESOLVERS, GraphError, type_name
from cli.sandbox.rest.routing import Call
from cli.sandbox.state import Json

_NAME = re.compile(r"\b(?:query|mutation)\s+(\w+)")


@lru_cache(maxsize=1)
def schema() -> GraphQLSchema:
    """Build the schema and tie its fields to their resolvers."""
    built = build_schema(files("cli.sandbox").joinpath("schema.graphql").read_text())
    for type_label, fields in RESOLVERS.items():
        kind = built.type_map[type_label]
        if not isinstance(kind, GraphQLObjectType):
            raise TypeError(f"{type_label} has no fields to resolve")
        for name, resolver in fields.items():
            kind.fields[name].resolve = resolver
    return built


@lru_cache(maxsize=256)
def _document(query: str) -> DocumentNode | tuple[GraphQLError, ...]:
    try:
        document = parse(query)
    except GraphQLError as error:
        return (error,)
    return tuple(validate(schema(), document)) or document


def operation_name(raw: bytes) -> str | None:
    """Return the name of the operation in a request body, for the log and for faults."""
    try:
        body = json.loads(raw)
    except ValueError:
        return None
    if not isinstance(body, dict):
        return None
    if isinstance(body.get("operationName"), str):
        return str(body["operationName"])
    found = _NAME.search(str(body.get("query", "")))
    return found[1] if found else None


def answer(call: Call) -> Answer:
    """POST /graphql."""
    if isinstance(call.caller, AppCaller):
        raise RefusedError(401, "Bad credentials")
    fields = call.fields()
    document = _document(fields.required("query"))
    if isinstance(document, tuple):
        return Answer({"errors": [_error(error) for error in document]})
    variables = json.loads(call.raw).get("variables") or {}
    result = execute_sync(
        schema(),
        document,
        context_value=call,
        variable_values=variables,
        operation_name=fields.text("operationName") if "operationName" in fields else None,
        type_resolver=lambda value, _info, _abstract: type_name(value),
    )
    body: Json = {"data": result.data}
    if result.errors:
        body["errors"] = [_error(error) for error in result.errors]
    return Answer(body)


def _error(error: GraphQLError) -> Json:
    value: Json = {"message": error.message}
    if error.path is not None:
        value["path"] = error.path
    if error.locations:
        value["locations"] = [{"line": at.line, "column": at.column} for at in error.locations]
    original: Any = error.original_error
    if isinstance(original, GraphError):
        return {"type": original.kind, **value}
    if isinstance(original, RefusedError):
        details = "; ".join(str(one) for one in original.errors)
        return {"type": "UNPROCESSABLE", **value, "message": details or original.message}
    if original is not None:
        # Anything else is a defect of the sandbox: let it surface as one.
        raise original
    return value

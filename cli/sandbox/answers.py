"""What an endpoint gives back: an Answer, or a RefusedError in GitHub's words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cli.sandbox.state import Json

DOCUMENTATION = "https://docs.github.com/rest"


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful response: a JSON value, or raw bytes with their media type."""

    body: Any = None
    status: int = 200
    media_type: str = "application/json; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


class RefusedError(Exception):
    """An error response with GitHub's message and, at 422, its `errors`."""

    def __init__(
        self,
        status: int,
        message: str,
        errors: Sequence[Json | str] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = list(errors)
        self.headers = dict(headers or {})

    @property
    def body(self) -> Json:
        """The JSON that GitHub sends."""
        body: Json = {"message": self.message, "documentation_url": DOCUMENTATION, "status": str(self.status)}
        return {**body, "errors": self.errors} if self.errors else body


def not_found() -> RefusedError:
    """Refuse what does not exist or must not be known to exist."""
    return RefusedError(404, "Not Found")


def not_accessible() -> RefusedError:
    """Refuse for want of a permission."""
    return RefusedError(403, "Resource not accessible by integration")


def unprocessable(*errors: Json | str, message: str = "Validation Failed") -> RefusedError:
    """Refuse what is understood but not valid."""
    return RefusedError(422, message, errors)


def field_error(resource: str, name: str, code: str, message: str | None = None) -> Json:
    """Describe one invalid field."""
    error: Json = {"resource": resource, "field": name, "code": code}
    return {**error, "message": message} if message else error


class Fields:
    """The JSON body of a request, read as strictly as GitHub's published schema."""

    def __init__(self, values: Json, permitted: Sequence[str] = (), where: str = "") -> None:
        self._values = values
        self._where = where
        unknown = [name for name in values if permitted and name not in permitted]
        if unknown:
            raise _invalid(f'"{unknown[0]}" is not a permitted key.')

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def _refuse(self, name: str, wanted: str) -> RefusedError:
        return _invalid(f"For '{self._where}{name}', {_ruby(self._values[name])} is not {wanted}.")

    def text(self, name: str, longest: int | None = None) -> str | None:
        """Read an optional string."""
        if name not in self._values:
            return None
        value = self._values[name]
        if not isinstance(value, str):
            raise self._refuse(name, "a string")
        if longest is not None and len(value) > longest:
            raise _invalid(f"For '{self._where}{name}', must be at most {longest} characters.")
        return value

    def required(self, name: str, longest: int | None = None) -> str:
        """Read a string that must be there."""
        value = self.text(name, longest)
        if value is None:
            raise _invalid(f'"{name}" wasn\'t supplied.')
        return value

    def number(self, name: str) -> int | None:
        """Read an optional integer."""
        if name not in self._values:
            return None
        value = self._values[name]
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._refuse(name, "an integer")
        return value

    def flag(self, name: str) -> bool | None:
        """Read an optional boolean."""
        if name not in self._values:
            return None
        value = self._values[name]
        if not isinstance(value, bool):
            raise self._refuse(name, "a boolean")
        return value

    def choice(self, name: str, allowed: Sequence[str]) -> str | None:
        """Read an optional string out of a list."""
        value = self.text(name)
        if value is not None and value not in allowed:
            listed = ", ".join(allowed)
            raise _invalid(f"For '{self._where}{name}', {value} is not a member of [{listed}].")
        return value

    def items(self, name: str) -> list[Any] | None:
        """Read an optional list."""
        if name not in self._values:
            return None
        value = self._values[name]
        if not isinstance(value, list):
            raise self._refuse(name, "an array")
        return value

    def objects(self, name: str, permitted: Sequence[str] = ()) -> list[Fields] | None:
        """Read an optional list of objects."""
        items = self.items(name)
        if items is None:
            return None
        for item in items:
            if not isinstance(item, dict):
                raise _invalid(f"For '{self._where}{name}/items', {_ruby(item)} is not an object.")
        return [Fields(item, permitted, f"{self._where}{name}/items/") for item in items]

    def child(self, name: str, permitted: Sequence[str] = ()) -> Fields | None:
        """Read an optional object."""
        if name not in self._values:
            return None
        value = self._values[name]
        if not isinstance(value, dict):
            raise self._refuse(name, "an object")
        return Fields(value, permitted, f"{self._where}{name}/")


def _invalid(problem: str) -> RefusedError:
    return RefusedError(422, f"Invalid request.\n\n{problem}")


def _ruby(value: Any) -> str:
    return "nil" if value is None else repr(value)

"""Jobs: the messages between the web process and the workers. They carry names and numbers, never content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError


def _check_segment(value: str) -> str:
    if value in {".", ".."}:
        raise ValueError("is no name")
    return value


def _check_ref(value: str) -> str:
    # What `git check-ref-format` refuses of this would be a way out of a URL's path.
    if ".." in value or value.startswith(("/", "-")) or value.endswith("/") or "//" in value:
        raise ValueError("is no branch")
    return value


Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,100}\z"), AfterValidator(_check_segment)]
"""An owner or a repository."""
Sha = Annotated[str, StringConstraints(pattern=r"^(?:[0-9a-f]{40}|[0-9a-f]{64})\z")]
Branch = Annotated[
    str,
    StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00-\x20\x7f~^:?*\[\\]+\z"),
    AfterValidator(_check_ref),
]
Number = Annotated[int, Field(gt=0, lt=2**53)]
DeliveryId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\z")]
"""X-GitHub-Delivery: a GUID, which a redelivery keeps."""
NodeId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_=-]{1,200}\z")]
"""A global ID of GraphQL."""
Login = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,100}(?:\[bot\])?\z"), AfterValidator(_check_segment)
]


class JobError(Exception):
    """A message that is no job."""


@dataclass(frozen=True, slots=True)
class ReviewJob:
    """Review one pull request.

    `head_sha` and `base_branch` are the ends of its diff as the event knew them; None where the event did not say,
    as with a comment, and the worker looks them up. `moment` is when GitHub changed the pull request, in seconds since
    1970: a job stops where a later one is known. `sender` is who asked for it, where somebody did. `number` is 0 where
    the event names no pull request but a check suite, `suite`, whose runs lead there. `comment` is the one whose
    commands are to be obeyed: it is read again, what it says does not travel. `installation_id` is 0 for a job that
    comes from a workflow and not from the queue.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    delivery: DeliveryId
    installation_id: Number
    repository_id: Number
    owner: Name
    repository: Name
    number: Annotated[int, Field(ge=0, lt=2**53)]
    reason: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}\z")]
    head_sha: Sha | None = None
    base_branch: Branch | None = None
    moment: Number | None = None
    sender: Login | None = None
    suite: Number | None = None
    comment: NodeId | None = None

    @property
    def id(self) -> str:
        """The delivery: what one delivery asks for is one job, however often it arrives."""
        return self.delivery

    def to_message(self) -> dict[str, Any]:
        """Return the job as plain JSON values."""
        # What `asdict` copies cannot change.
        return {each: getattr(self, each) for each in self.__slots__}

    @classmethod
    def from_message(cls, message: object) -> ReviewJob:
        """Read a job, or raise JobError."""
        try:
            return _REVIEW_JOB.validate_python(message, strict=False)
        except ValidationError as error:
            places = ", ".join(".".join(map(str, each["loc"])) or "message" for each in error.errors())
            raise JobError(f"not a review job: {places}") from None


_REVIEW_JOB = TypeAdapter(ReviewJob)

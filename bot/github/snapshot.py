"""The snapshot: all that has to be read about a pull request besides its diff, in one GraphQL query.

Every query here is a read: the client asks it again when GitHub fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.configuration.model import FILE
from bot.github.client import Session
from bot.github.contents import read_text
from bot.github.failures import RefusedError
from bot.github.paths import PathError
from bot.github.pulls import PullState
from bot.review.fingerprint import SUMMARY_MARKER, read_fingerprints, read_ignored
from bot.review.model import Said, Standing, Sticky
from bot.webhooks.decide import read_check
from rules.dockerfile.parse import MAX_BYTES

CHECK_NAME = "dockslim"
FILES_IN_A_QUERY = 50
MAX_EXACT_READS = 20
"""Files read once more by REST because GraphQL does not give them byte for byte."""
_SYMBOLIC_LINK = 0o120000
_LFS_POINTER = "version https://git-lfs.github.com/spec/"


@dataclass(frozen=True, slots=True)
class Unread:
    """A file whose text cannot be had, and why, in words for people."""

    reason: str


_TOO_LARGE = Unread("it is larger than 1 MB")

Source = tuple[str, str]
"""A commit and a path in it."""


@dataclass(frozen=True, slots=True)
class CheckRun:
    """Our check run for a pull request on its head; annotations can only be added to those it has.

    `id` is 0 where it has to be made. Two pull requests may have one head: whoever comes second takes another name,
    since of runs with one name GitHub shows the newest alone.
    """

    name: str = CHECK_NAME
    id: int = 0
    annotations: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A pull request at one moment: its state, what we said on it, our check run, and the texts asked for."""

    id: str
    pull: PullState
    standing: Standing
    check_run: CheckRun
    configuration: str | Unread | None = None
    """The configuration file as the base branch has it."""
    texts: Mapping[Source, str | Unread | None] = field(default_factory=dict)
    """None where there is no such file."""


def read_snapshot(session: Session, number: int, head_sha: str, sources: Sequence[Source] = ()) -> Snapshot:
    """Read a pull request, what stands on it from us, and the texts of `sources`."""
    first, *rest = [sources[at : at + FILES_IN_A_QUERY] for at in range(0, max(len(sources), 1), FILES_IN_A_QUERY)]
    variables = {**_place(session), "number": number, "head": head_sha, "app": session.app_id}
    answer = session.query(_snapshot_query(first, session.permissions), {**variables, **_source_variables(first)})
    repository = answer.get("repository") or {}
    pull = repository.get("pullRequest")
    if pull is None:
        raise RefusedError(404, "Not Found")
    standing = _read_standing(session, number, pull, str(answer["viewer"]["login"]))
    texts = dict(_read_texts(first, repository))
    for part in rest:
        more = session.query(_texts_query(part), {**_place(session), **_source_variables(part)})
        texts.update(_read_texts(part, more.get("repository") or {}))
    base = (pull.get("baseRef") or {}).get("target") or {}
    configuration = (str(base.get("oid")), FILE)
    texts.setdefault(configuration, _read_entry(base.get("configuration")))
    read = dict(_complete(session, texts))
    return Snapshot(
        id=str(pull["id"]),
        pull=read_state(pull),
        standing=standing,
        check_run=_check_run(repository, number),
        configuration=read[configuration],
        texts=read,
    )


def read_state(pull: Mapping[str, Any]) -> PullState:
    """Return the state of a pull request from its fields STATE."""
    author = pull.get("author") or {}
    return PullState(
        is_open=pull["state"] == "OPEN",
        is_draft=bool(pull["isDraft"]),
        head_sha=str(pull["headRefOid"]),
        base_branch=str(pull["baseRefName"]),
        author=str(author.get("login", "")),
        is_by_bot=author.get("__typename") == "Bot",
        is_from_fork=bool(pull["isCrossRepository"]),
        changed_files=int(pull.get("changedFiles") or 0),
    )


def read_texts(session: Session, sha: str, paths: Sequence[str]) -> dict[str, str]:
    """Return the texts of files in one query, those left out that GraphQL does not give byte for byte."""
    sources = [(sha, path) for path in paths[:FILES_IN_A_QUERY]]
    answer = session.query(_texts_query(sources), {**_place(session), **_source_variables(sources)})
    read = _read_texts(sources, answer.get("repository") or {})
    return {path: text for (_, path), text in read if isinstance(text, str)}


def read_sources(session: Session, sources: Sequence[Source]) -> dict[Source, str | Unread | None]:
    """Return the texts of files, whatever it takes."""
    texts: dict[Source, str | Unread | _Inexact | None] = {}
    for at in range(0, len(sources), FILES_IN_A_QUERY):
        part = sources[at : at + FILES_IN_A_QUERY]
        answer = session.query(_texts_query(part), {**_place(session), **_source_variables(part)})
        texts.update(_read_texts(part, answer.get("repository") or {}))
    return dict(_complete(session, texts))


def read_default(session: Session, path: str) -> tuple[str | Unread | None, bool]:
    """Return the text of a file on the default branch, as GraphQL gives it, and whether everybody may read it."""
    document = f"""query DockslimDefault($owner: String!, $name: String!, $path: String!) {{
  repository(owner: $owner, name: $name) {{
    isPrivate
    defaultBranchRef {{ target {{ ... on Commit {{ file(path: $path) {{ ...Entry }} }} }} }}
  }}
}}
{_ENTRY}"""
    repository = session.query(document, {**_place(session), "path": path}).get("repository") or {}
    branch = repository.get("defaultBranchRef") or {}
    text = _read_entry((branch.get("target") or {}).get("file"))
    # GitHub calls a repository private that its enterprise alone may read as well.
    is_public = repository.get("isPrivate") is False
    return (Unread("it is not plain UTF-8 text") if isinstance(text, _Inexact) else text), is_public


def _place(session: Session) -> dict[str, Any]:
    return {"owner": session.repository.owner, "name": session.repository.name}


_ENTRY = """fragment Entry on TreeEntry {
  mode type object { ... on Blob { byteSize isBinary isTruncated text } }
}"""
_AUTHOR = "author { __typename login }"
STATE = f"state isDraft isCrossRepository headRefOid baseRefName {_AUTHOR}"
"""What tells the state of a pull request."""
_PAGE = "pageInfo { hasNextPage endCursor }"
_CONVERSATION = {
    "reviews": f"{_PAGE} nodes {{ {_AUTHOR} body }}",
    "comments": f"{_PAGE} nodes {{ id {_AUTHOR} body }}",
    # Ours are the first of their threads.
    "reviewThreads": f"""{_PAGE} nodes {{ id path isResolved comments(first: 1) {{
        totalCount nodes {{ id createdAt isMinimized {_AUTHOR} body }}
      }} }}""",
}
_CHECKS = """head: object(oid: $head) { ... on Commit {
      checkSuites(first: 1, filterBy: {appId: $app, checkName: "dockslim"}) { nodes {
        checkRuns(first: 50, filterBy: {checkType: LATEST}) { nodes {
          databaseId name externalId annotations(first: 1) { totalCount }
        } }
      } }
    } }"""


def _snapshot_query(sources: Sequence[Source], permissions: Mapping[str, str]) -> str:
    conversation = "\n".join(f"{name}(first: 100) {{ {fields} }}" for name, fields in _CONVERSATION.items())
    sees_checks = "checks" in permissions
    checked = ", $head: GitObjectID!, $app: Int!" if sees_checks else ""
    return f"""query DockslimSnapshot($owner: String!, $name: String!, $number: Int!{checked}{_declare(sources)}) {{
  viewer {{ login }}
  repository(owner: $owner, name: $name) {{
    pullRequest(number: $number) {{
      id {STATE} changedFiles
      baseRef {{ target {{ oid ... on Commit {{ configuration: file(path: "{FILE}") {{ ...Entry }} }} }} }}
      {conversation}
    }}
    {_CHECKS if sees_checks else ""}
    {_select(sources)}
  }}
}}
{_ENTRY}"""


def _texts_query(sources: Sequence[Source]) -> str:
    return f"""query DockslimTexts($owner: String!, $name: String!{_declare(sources)}) {{
  repository(owner: $owner, name: $name) {{ {_select(sources)} }}
}}
{_ENTRY}"""


def _page_query(name: str) -> str:
    return f"""query DockslimPage($owner: String!, $name: String!, $number: Int!, $after: String!) {{
  repository(owner: $owner, name: $name) {{
    pullRequest(number: $number) {{ {name}(first: 100, after: $after) {{ {_CONVERSATION[name]} }} }}
  }}
}}"""


def _declare(sources: Sequence[Source]) -> str:
    commits = "".join(f", $c{at}: GitObjectID!" for at, _ in enumerate(_commits(sources)))
    return commits + "".join(f", $p{at}: String!" for at, _ in enumerate(sources))


def _source_variables(sources: Sequence[Source]) -> dict[str, str]:
    commits = {f"c{at}": sha for at, sha in enumerate(_commits(sources))}
    return commits | {f"p{at}": path for at, (_, path) in enumerate(sources)}


def _select(sources: Sequence[Source]) -> str:
    parts = []
    for at, sha in enumerate(_commits(sources)):
        files = " ".join(f"f{n}: file(path: $p{n}) {{ ...Entry }}" for n, (own, _) in enumerate(sources) if own == sha)
        parts.append(f"c{at}: object(oid: $c{at}) {{ ... on Commit {{ {files} }} }}")
    return "\n    ".join(parts)


def _commits(sources: Sequence[Source]) -> list[str]:
    return list(dict.fromkeys(sha for sha, _ in sources))


def _read_standing(session: Session, number: int, pull: Mapping[str, Any], viewer: str) -> Standing:
    # GraphQL gives a bot's login without the "[bot]" that `viewer` has.
    login = viewer.removesuffix("[bot]")
    every = {name: list(_read_all(session, number, name, pull[name])) for name in _CONVERSATION}
    threads = ((thread, _first(thread)) for thread in every["reviewThreads"])
    ours = [(thread, comment) for thread, comment in threads if _is_ours(comment, login)]
    ours.sort(key=lambda each: str(each[1]["createdAt"]))
    said = tuple(_read_said(thread, comment) for thread, comment in ours)
    bodies = [str(each["body"]) for each in every["reviews"] if _is_ours(each, login)]
    plain = (Sticky(str(each["id"]), str(each["body"])) for each in every["comments"] if _is_ours(each, login))
    summaries = tuple(each for each in plain if each.body.rstrip().endswith(SUMMARY_MARKER))
    return Standing(
        fingerprints=frozenset().union(*map(read_fingerprints, bodies), *(each.fingerprints for each in said)),
        comments=said,
        summaries=summaries,
        # The oldest is the one that is kept.
        ignored=read_ignored(summaries[0].body) if summaries else frozenset(),
    )


def _read_all(session: Session, number: int, name: str, connection: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    while True:
        yield from (node for node in connection["nodes"] or () if node)
        if not connection["pageInfo"]["hasNextPage"]:
            return
        variables = {**_place(session), "number": number, "after": connection["pageInfo"]["endCursor"]}
        connection = session.query(_page_query(name), variables)["repository"]["pullRequest"][name]


def _first(thread: Mapping[str, Any]) -> Mapping[str, Any]:
    return next((node for node in thread["comments"]["nodes"] or () if node), {})


def _is_ours(comment: Mapping[str, Any], login: str) -> bool:
    """Tell whether we wrote a comment: a marker in somebody else's counts for nothing."""
    author = comment.get("author") or {}
    return author.get("__typename") == "Bot" and author["login"] == login


def _read_said(thread: Mapping[str, Any], comment: Mapping[str, Any]) -> Said:
    body = str(comment["body"])
    return Said(
        id=str(comment["id"]),
        thread=str(thread["id"]),
        path=str(thread["path"]),
        body=body,
        fingerprints=read_fingerprints(body),
        is_closed=bool(thread["isResolved"] or comment["isMinimized"]),
        is_answered=thread["comments"]["totalCount"] > 1,
    )


def _check_run(repository: Mapping[str, Any], number: int) -> CheckRun:
    suites = ((repository.get("head") or {}).get("checkSuites") or {}).get("nodes") or ()
    runs = [run for suite in suites if suite for run in (suite.get("checkRuns") or {}).get("nodes") or () if run]
    ours = [run for run in runs if read_check(run.get("externalId")) == number]
    if not ours:
        is_taken = any(run["name"] == CHECK_NAME for run in runs)
        return CheckRun(f"{CHECK_NAME} (#{number})" if is_taken else CHECK_NAME)
    newest = max(ours, key=lambda run: int(run["databaseId"]))
    annotations = int((newest.get("annotations") or {}).get("totalCount") or 0)
    return CheckRun(str(newest["name"]), int(newest["databaseId"]), annotations)


class _Inexact:
    """GraphQL has it, but not byte for byte."""


def _read_texts(
    sources: Sequence[Source], repository: Mapping[str, Any]
) -> Iterator[tuple[Source, str | Unread | _Inexact | None]]:
    commits = {sha: repository.get(f"c{at}") for at, sha in enumerate(_commits(sources))}
    for at, source in enumerate(sources):
        commit = commits[source[0]]
        # A commit that GraphQL does not show here may still be readable by REST.
        yield source, _read_entry(commit.get(f"f{at}")) if commit else _Inexact()


def _read_entry(entry: Mapping[str, Any] | None) -> str | Unread | _Inexact | None:
    if entry is None:
        return None
    if entry["type"] == "commit":
        return Unread("it is a submodule")
    if entry["mode"] == _SYMBOLIC_LINK:
        return Unread("it is a symbolic link")
    blob = entry.get("object")
    if entry["type"] != "blob" or not blob:
        return Unread("it is not a file")
    if blob["byteSize"] > MAX_BYTES:
        return _TOO_LARGE
    text = blob.get("text")
    # U+FFFD stands where bytes were no UTF-8, or where the file really has one.
    if blob.get("isBinary") or blob["isTruncated"] or text is None or "\ufffd" in text:
        return _Inexact()
    if text.startswith(_LFS_POINTER):
        return Unread("it is kept in Git LFS")
    # A byte order mark, say, is in the file and not in the text.
    return str(text) if len(text.encode(errors="surrogatepass")) == blob["byteSize"] else _Inexact()


def _complete(
    session: Session, texts: Mapping[Source, str | Unread | _Inexact | None]
) -> Iterator[tuple[Source, str | Unread | None]]:
    room = MAX_EXACT_READS
    for source, text in texts.items():
        if not isinstance(text, _Inexact):
            yield source, text
        elif room:
            room -= 1
            yield source, _read_exact(session, source)
        else:
            yield source, Unread("it is one of too many files that have to be read one by one")


def _read_exact(session: Session, source: Source) -> str | Unread | None:
    sha, path = source
    try:
        text = read_text(session, path, sha)
    except PathError:
        return Unread("its path cannot be asked for")
    except RefusedError as error:
        if error.status == 404:
            return None
        raise
    return text if len(text) <= MAX_BYTES else _TOO_LARGE

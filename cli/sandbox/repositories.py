"""Repositories and forks, and the App's installation on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from cli.sandbox import git, pushes
from cli.sandbox.answers import RefusedError
from cli.sandbox.git import Contents
from cli.sandbox.site import Site
from cli.sandbox.state import Account, Installation, Repository, Role, now


def create(
    site: Site,
    full_name: str,
    files: Mapping[str, Contents],
    *,
    private: bool = False,
    owner: Literal["Organization", "User"] = "Organization",
) -> Repository:
    """Create a repository with one commit on main."""
    login, _, name = full_name.partition("/")
    if site.world.repository(full_name) is not None:
        raise RefusedError(422, f"{full_name}: name already exists on this account")
    account = site.world.account(login, owner)
    bare = git.create(site.directory / account.login / f"{name}.git")
    repository = Repository(account, name, private, bare)
    _add(site, repository)
    creator = account if account.type == "User" else site.world.account(f"{login}-admin")
    repository.collaborators[creator.login] = "admin"
    pushes.commit(site, repository, "main", dict(files), "Initial commit", creator)
    return repository


def fork(site: Site, source: Repository, owner: Account, name: str | None = None) -> Repository:
    """Fork a repository: the new one shares its objects and starts with its branches."""
    called = name or source.name
    bare = git.create(site.directory / owner.login / f"{called}.git", source.git.store)
    made = Repository(owner, called, source.private, bare, source, default_branch=source.default_branch)
    made.branches = dict(source.branches)
    bare.set_refs({f"refs/heads/{branch}": oid for branch, oid in made.branches.items()})
    source.forks.append(made)
    _add(site, made)
    return made


def _add(site: Site, repository: Repository) -> None:
    site.world.repositories[repository.full_name.lower()] = repository
    site.world.remember(repository)


def forget_fork(site: Site, repository: Repository) -> None:
    """Delete a fork: its open pull requests stay open in their base, without a head repository."""
    site.world.repositories.pop(repository.full_name.lower())
    site.world.forget(repository)
    if repository.parent is not None:
        repository.parent.forks.remove(repository)
    for other in site.world.repositories.values():
        for pull in other.pulls:
            if pull.head_repository is repository:
                pull.head_repository = None


def set_role(site: Site, repository: Repository, login: str, role: Role) -> None:
    """Give someone a role; "none" takes them off."""
    site.world.account(login)
    if role == "none":
        repository.collaborators.pop(login, None)
    else:
        repository.collaborators[login] = role


def install(site: Site, repository: Repository, permissions: Mapping[str, str] | None = None) -> Installation:
    """Install the App on a repository, or add the repository to its owner's installation."""
    for known in site.world.installations.values():
        if known.account is repository.owner:
            known.repositories.append(repository)
            site.events.installation_repositories(known, [repository], [], repository.owner)
            return known
    accepted = dict(permissions or site.world.app.permissions)
    created = Installation(repository.owner, accepted, site.world.app.events, [repository])
    site.world.installations[created.id] = created
    site.events.installation(created, "created", repository.owner)
    return created


def uninstall(site: Site, repository: Repository) -> None:
    """Remove a repository from its owner's installation."""
    known = site.world.installation_for(repository)
    if known is not None:
        known.repositories.remove(repository)
        site.events.installation_repositories(known, [], [repository], repository.owner)


def accept_permissions(site: Site, installation: Installation, permissions: Mapping[str, str]) -> None:
    """Change what an installation may do; "none" takes a permission away."""
    for name, level in permissions.items():
        if level == "none":
            installation.permissions.pop(name, None)
        else:
            installation.permissions[name] = level
    installation.updated_at = now()
    site.events.installation(installation, "new_permissions_accepted", installation.account)


def suspend(site: Site, installation: Installation, *, suspended: bool) -> None:
    """Suspend an installation, or end that."""
    installation.suspended_at = now() if suspended else None
    site.events.installation(installation, "suspend" if suspended else "unsuspend", installation.account)

"""Tasks: what an owner has to do at GitHub so that the App works. The status page and `dockslim doctor` tell them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bot.github.apps import AppFacts
from bot.manifest import missing_events, missing_permissions

About = Literal["permissions", "events", "webhook", "installations"]


@dataclass(frozen=True, slots=True)
class Task:
    """What is amiss, and the page where it is put right."""

    about: About
    sentence: str
    address: str = ""
    label: str = ""


def find_tasks(app: AppFacts, public_url: str | None) -> list[Task]:
    """Return what has to be done, the App's own settings before those of its installations."""
    about_app = app.settings_url.removesuffix("/permissions")
    tasks = []
    permissions, events = missing_permissions(app.permissions), missing_events(app.events)
    if permissions:
        said = f"The App does not ask for {', '.join(permissions)}."
        tasks.append(Task("permissions", said, app.settings_url, "Permissions of the App"))
    if events:
        said = f"The App is not sent {', '.join(events)}."
        tasks.append(Task("events", said, app.settings_url, "Events of the App"))
    if public_url is not None and app.hook_url != f"{public_url}/webhooks":
        said = f"Webhooks go to {app.hook_url or 'nowhere'}, not to {public_url}/webhooks."
        tasks.append(Task("webhook", said, about_app, "Webhook of the App"))
    if app.hook_type not in {"json", ""}:
        said = "Webhooks come as a form; their content type has to be application/json."
        tasks.append(Task("webhook", said, about_app, "Webhook of the App"))
    if not app.installations:
        install = f"{app.url}/installations/new"
        tasks.append(Task("installations", "The App is installed nowhere.", install, "Install it"))
    for each in app.installations:
        if each.suspended:
            said = f"The installation of {each.account} is suspended."
            tasks.append(Task("installations", said, each.url, "Installation"))
        # What the App does not ask for, nobody can grant.
        lacks = [one for one in missing_permissions(each.permissions) if one not in permissions]
        if lacks:
            said = f"{each.account} has not granted {', '.join(lacks)}."
            tasks.append(Task("permissions", said, each.url, "Review the request"))
    return tasks

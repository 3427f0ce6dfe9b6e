"""The pull request that the demo opens: a small web service that is to send a report every morning."""

from __future__ import annotations

REPOSITORY = "acme/reports"
BRANCH = "morning-report"
AUTHOR = "alice"
DOCKERFILE = "Dockerfile"
TITLE = "Send the report every morning"
BODY = "cron mails the report at six, and the wheel sets it in type. curl is there to look at the service from inside."

BASE = {
    DOCKERFILE: """\
FROM python:3.12-slim-bookworm

WORKDIR /srv/reports

RUN pip install --no-cache-dir flask==3.1.0 gunicorn==23.0.0

COPY . .
EXPOSE 8000
CMD ["gunicorn", "--bind", "0.0.0.0:8000", "reports:app"]
""",
    "reports.py": """\
from flask import Flask

app = Flask(__name__)


@app.get("/report")
def report() -> str:
    return "Nothing happened."
""",
    "README.md": "# reports\n\nOne page that says what happened yesterday.\n",
}

CHANGE = {
    DOCKERFILE: """\
FROM python:3.12-slim-bookworm

WORKDIR /srv/reports

RUN apt-get update \\
    && apt-get install -y cron curl

COPY requirements.txt .
RUN pip install -r requirements.txt

RUN curl -fsSL https://wheels.example.com/typeset.whl -o /tmp/typeset-1.4-py3-none-any.whl \\
    && pip install --no-cache-dir /tmp/typeset-1.4-py3-none-any.whl
RUN rm /tmp/typeset-1.4-py3-none-any.whl

COPY crontab /etc/cron.d/reports
COPY . .
EXPOSE 8000
CMD ["gunicorn", "--bind", "0.0.0.0:8000", "reports:app"]
""",
    "requirements.txt": "flask==3.1.0\ngunicorn==23.0.0\nreportlab==4.2.5\n",
    "crontab": "0 6 * * * root cd /srv/reports && python mail.py\n",
    "mail.py": "from reports import report\n\nprint(report())\n",
}

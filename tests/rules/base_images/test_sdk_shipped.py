"""sdk-shipped."""

from __future__ import annotations

from rules.fix import Applicability
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS303"
SDK = "FROM mcr.microsoft.com/dotnet/sdk:8.0\n"
APP = 'COPY out /app\nENTRYPOINT ["dotnet", "/app/a.dll"]\n'
SILENT = {
    "runtime": "FROM mcr.microsoft.com/dotnet/aspnet:8.0\n" + APP,
    "run": SDK + "COPY . .\nCMD dotnet run\n",
    "watch": SDK + 'CMD ["dotnet", "watch", "run"]\n',
    "test": SDK + 'ENTRYPOINT ["dotnet", "test"]\n',
    "version-of-the-sdk": "FROM mcr.microsoft.com/dotnet/sdk:8.0.100\n" + APP,
    "not-shipped": SDK.strip() + " AS build\n" + APP + "FROM scratch\n",
    "vstest": SDK + 'ENTRYPOINT ["dotnet", "vstest", "a.dll"]\n',
    "script": SDK + 'ENTRYPOINT ["dotnet", "fsi", "a.fsx"]\n',
    "information": SDK + 'ENTRYPOINT ["dotnet", "--info"]\n',
    "powershell": SDK + 'SHELL ["pwsh", "-c"]\n' + APP,
    "windows": "# escape=`\n" + SDK + APP,
    "no-program": SDK + "COPY out /app\n",
    "stage-for-development": SDK.strip() + " AS dev\n" + APP,
    "pragma": "# dockslim ignore=DS303\n" + SDK + APP,
}
FIXED = {
    "plain": (SDK + APP, "FROM mcr.microsoft.com/dotnet/aspnet:8.0\n" + APP),
    "alpine": (
        "FROM mcr.microsoft.com/dotnet/sdk:8.0-alpine\r\n" + APP.replace("\n", "\r\n"),
        "FROM mcr.microsoft.com/dotnet/aspnet:8.0-alpine\r\n" + APP.replace("\n", "\r\n"),
    ),
    "shell-form": (
        SDK + "COPY out /app\nCMD dotnet /app/a.dll\n",
        "FROM mcr.microsoft.com/dotnet/aspnet:8.0\nCOPY out /app\nCMD dotnet /app/a.dll\n",
    ),
}

# The runtime's image has none of these.
CALLED = {
    "curl": "RUN curl -o /x https://e.org/x\n",
    "git": "RUN git clone https://e.org/x\n",
    "health": "HEALTHCHECK CMD curl -f http://localhost || exit 1\n",
    "powershell": "RUN pwsh /x.ps1\n",
    "tool": "RUN dotnet tool install x\n",
    "script": "RUN ./setup.sh\n",
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table(("text", "fixed"), FIXED)
def test_fixed(text: str, fixed: str) -> None:
    assert_fixed(CODE, text, fixed)


def test_one_click_where_nothing_is_built() -> None:
    (finding,) = findings(CODE, SDK + APP)
    assert finding.fix is not None
    assert finding.fix.applicability is Applicability.UNSAFE


def test_a_stage_that_builds_is_written_out_in_two() -> None:
    text = SDK + 'WORKDIR /src\nCOPY . .\nRUN dotnet publish -o /app\nENTRYPOINT ["dotnet", "/app/a.dll"]\n'
    (finding,) = findings(CODE, text)
    assert finding.fix is None
    assert finding.snippet is not None
    assert finding.snippet.text == (
        "FROM mcr.microsoft.com/dotnet/sdk:8.0 AS build\nWORKDIR /src\nCOPY . .\nRUN dotnet publish -o /app\n\n"
        "FROM mcr.microsoft.com/dotnet/aspnet:8.0\nWORKDIR /src\nCOPY --from=build /app /app\n"
        'ENTRYPOINT ["dotnet", "/app/a.dll"]\n'
    )
    assert_silent(CODE, finding.snippet.text)


def test_a_line_that_uses_the_sdk_keeps_it() -> None:
    (finding,) = findings(CODE, SDK + "RUN dotnet tool install x\n" + APP)
    assert finding.fix is None


@table("line", CALLED)
def test_no_click_where_a_line_calls_what_the_runtime_lacks(line: str) -> None:
    (finding,) = findings(CODE, SDK + line + APP)
    assert finding.fix is None
    assert "may lack what line 2 calls" in finding.reason


def test_alpine_is_shown_only_since_it_lacks_the_cultures() -> None:
    (finding,) = findings(CODE, SDK.replace(":8.0", ":8.0-alpine") + APP)
    assert finding.fix is not None
    assert finding.fix.applicability is Applicability.DISPLAY
    assert "icu-libs" in finding.fix.caution

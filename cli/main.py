"""`dockslim`: one typer command for each thing to do. What a command needs is imported when it runs.

Annotations are no text here, as they are elsewhere: typer would evaluate those of every command at every start.
"""

import gc
import os
import sys
from typing import Annotated, NoReturn

import typer

from cli.formats import Format, ImageFormat, ListFormat, Process

app = typer.Typer(
    name="dockslim",
    help="Find what makes an image larger than it has to be in its Dockerfile, and fix it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


config = typer.Typer(help="Check and show what .github/dockslim.yml says.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(config, name="config")

Paths = Annotated[
    list[str] | None,
    typer.Argument(metavar="[PATHS|-]", help="Files, directories, or - for standard input.", show_default=False),
]
Select = Annotated[
    list[str] | None,
    typer.Option("--select", metavar="RULES", help="Only these rules: codes, names or beginnings, with commas."),
]
Ignore = Annotated[list[str] | None, typer.Option("--ignore", metavar="RULES", help="All rules but these.")]
NoConfig = Annotated[bool, typer.Option("--no-config", help="Obey no .github/dockslim.yml.")]


def main() -> None:
    """Run the command line."""
    app(prog_name="dockslim")


def _print_version(wanted: bool) -> None:
    if wanted:
        from cli.version import say_version

        print(say_version())
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[  # noqa: ARG001 - its callback does the work
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and the commit."),
    ] = False,
) -> None:
    # A terminal that cannot show a character gets it spelt out.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


@app.command()
def check(
    paths: Paths = None,
    form: Annotated[Format, typer.Option("--format", help="How to write the findings.")] = Format.TEXT,
    select: Select = None,
    ignore: Ignore = None,
    no_config: NoConfig = False,
) -> None:
    """Say what makes images larger.

    Obeys the .github/dockslim.yml at the top of the git work tree that a file lies in.

    Exit code 0 for nothing, 1 for findings, 2 where a file could not be read.
    """
    # What is parsed holds no cycles: to look for them costs an eighth of the time on many files, and some at the start.
    gc.disable()
    from cli.check import check_paths
    from cli.trouble import TroubleError

    try:
        code = check_paths(paths or [], form, select or (), ignore or (), configured=not no_config)
    except TroubleError as trouble:
        _fail(trouble)
    raise typer.Exit(code)


@app.command()
def fix(
    paths: Paths = None,
    unsafe: Annotated[bool, typer.Option("--unsafe", help="Also fixes that may change what the image does.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Print a diff and write nothing.")] = False,
    select: Select = None,
    ignore: Ignore = None,
    no_config: NoConfig = False,
) -> None:
    """Apply fixes.

    Obeys the .github/dockslim.yml at the top of the git work tree that a file lies in.

    Exit code 0, or 2 where a file could not be read or written.
    """
    from cli.fix import fix_paths
    from cli.trouble import TroubleError

    try:
        code = fix_paths(
            paths or [],
            unsafe=unsafe,
            diff=diff,
            select=select or (),
            ignore=ignore or (),
            configured=not no_config,
        )
    except TroubleError as trouble:
        _fail(trouble)
    raise typer.Exit(code)


@app.command()
def rules(
    form: Annotated[ListFormat, typer.Option("--format", help="How to write the rules.")] = ListFormat.TEXT,
) -> None:
    """List the rules."""
    from cli.rules import render_json, render_text

    print(render_json() if form is ListFormat.JSON else "\n".join(render_text()))


@app.command()
def explain(
    name: Annotated[str, typer.Argument(metavar="RULE", help="A code, a name, or another linter's code.")],
) -> None:
    """Print the page of a rule."""
    from cli import explain as explaining
    from cli.trouble import TroubleError

    try:
        explaining.explain(name)
    except TroubleError as trouble:
        _fail(trouble)


@app.command()
def review(
    base: Annotated[
        str | None, typer.Option("--base", help="The revision that the change goes into.", show_default=False)
    ] = None,
    head: Annotated[str, typer.Option("--head", help="The revision with the change.")] = "HEAD",
    repo: Annotated[str, typer.Option("--repo", help="A local git repository.")] = ".",
    no_config: NoConfig = False,
    post: Annotated[
        bool,
        typer.Option("--post", help="Post the review of the pull request that a GitHub Actions workflow runs for."),
    ] = False,
) -> None:
    """Print the review of a local change.

    It is the one that a pull request would get, with the .github/dockslim.yml of the base; nothing is posted. With
    --post alone, the pull request of a workflow gets it.
    """
    from cli.trouble import TroubleError

    try:
        if post:
            from cli.post import post_review

            code = post_review(os.environ)
        elif base is None:
            raise typer.BadParameter("is missing", param_hint="--base")
        else:
            from cli import review as reviewing

            code = reviewing.review(repo, base, head, configured=not no_config)
    except TroubleError as trouble:
        _fail(trouble)
    raise typer.Exit(code)


Platform = Annotated[
    str | None, typer.Option("--platform", help="Such as linux/arm64, where an image is there for several.")
]
Target = Annotated[str | None, typer.Option("--target", help="The stage that was built; else the last one.")]
ImageForm = Annotated[ImageFormat, typer.Option("--format", help="How to write the sizes.")]


@app.command()
def size(
    image: Annotated[
        str, typer.Argument(metavar="IMAGE", help="An OCI layout, an archive, or an image of the local engine.")
    ],
    dockerfile: Annotated[
        str | None, typer.Option("--dockerfile", help="What it was built from, to name lines.")
    ] = None,
    target: Target = None,
    platform: Platform = None,
    form: ImageForm = ImageFormat.TEXT,
) -> None:
    """Say what each layer of an image costs, and what is lost.

    Nothing is extracted. Exit code 0, or 2 where the image could not be read.
    """
    from cli.size import Wanted
    from cli.size import size as measure_size
    from cli.trouble import TroubleError

    try:
        print(measure_size(Wanted(image, dockerfile, target, platform), form))
    except TroubleError as trouble:
        _fail(trouble)


@app.command()
def compare(
    before: Annotated[str, typer.Argument(metavar="BEFORE", help="An image, as for `dockslim size`.")],
    after: Annotated[str, typer.Argument(metavar="AFTER", help="The image to hold against it.")],
    dockerfile: Annotated[
        list[str] | None,
        typer.Option("--dockerfile", help="What they were built from: one for both, or given twice."),
    ] = None,
    target: Target = None,
    platform: Platform = None,
    form: ImageForm = ImageFormat.TEXT,
) -> None:
    """Say what an image costs more than another: by line, package and directory.

    Exit code 0, or 2 where an image could not be read.
    """
    from cli.size import compare_images, pair
    from cli.trouble import TroubleError

    try:
        print(compare_images(pair(before, after, dockerfile or [], target, platform), form))
    except TroubleError as trouble:
        _fail(trouble)


@config.command("check")
def check_config(
    file: Annotated[
        str | None, typer.Argument(metavar="[FILE|-]", help="Else that of the git work tree.", show_default=False)
    ] = None,
    form: Annotated[ListFormat, typer.Option("--format", help="How to write the problems.")] = ListFormat.TEXT,
) -> None:
    """Say what is wrong in a configuration file.

    Exit code 0 for nothing, 1 for problems, 2 where the file could not be read.
    """
    from cli.configuration import check_file
    from cli.trouble import TroubleError

    try:
        code = check_file(file, form)
    except TroubleError as trouble:
        _fail(trouble)
    raise typer.Exit(code)


@config.command("show")
def show_config() -> None:
    """Print the configuration that counts in the current directory.

    On GitHub, an organisation's default comes between the file and what is built in.
    """
    from cli.configuration import show

    raise typer.Exit(show())


@config.command("schema")
def print_config_schema() -> None:
    """Print the JSON Schema of configuration files."""
    from cli.configuration import print_schema

    print_schema()


@app.command()
def serve() -> None:
    """Run all of dockslim.

    That is the web process, a worker, with DOCKSLIM_BUILDER a builder, and, without DOCKSLIM_REDIS_URL, the queue.
    """
    from cli import serve as serving

    serving.serve()


@app.command()
def web() -> None:
    """Take webhooks only."""
    from cli import serve as serving

    serving.web()


@app.command()
def worker() -> None:
    """Perform jobs only."""
    from cli import serve as serving

    serving.worker()


@app.command()
def alive(
    process: Annotated[Process, typer.Argument(help="Which one on this machine.")] = Process.WEB,
) -> None:
    """Ask whether a process is up.

    For whatever restarts it when it stands still. Exit code 0 when it is, 1 when it is not.
    """
    from cli.alive import is_alive

    raise typer.Exit(not is_alive(process))


@app.command()
def builder() -> None:
    """Build images only: takes DOCKSLIM_BUILDER, and root."""
    from cli import serve as serving

    serving.builder()


jobs = typer.Typer(help="List the jobs that were given up.", invoke_without_command=True)
app.add_typer(jobs, name="jobs")


@jobs.callback()
def _jobs(context: typer.Context) -> None:
    if context.invoked_subcommand is not None:
        return
    from cli.jobs import list_jobs
    from cli.trouble import TroubleError

    try:
        list_jobs()
    except TroubleError as trouble:
        _fail(trouble)


@jobs.command()
def retry(
    delivery: Annotated[str, typer.Argument(metavar="ID", help="As the list shows it.")],
) -> None:
    """Run a job again that was given up."""
    from cli.jobs import retry_job
    from cli.trouble import TroubleError

    try:
        retry_job(delivery)
    except TroubleError as trouble:
        _fail(trouble)


@app.command()
def doctor(
    form: Annotated[ListFormat, typer.Option("--format", help="How to write what was found.")] = ListFormat.TEXT,
) -> None:
    """Check the installation and say what is to be done.

    Exit code 0 when everything is in order, 1 when something is not, 2 when dockslim would not start.
    """
    from cli import doctor as examining

    raise typer.Exit(examining.doctor(form))


@app.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave it running until Ctrl-C.")] = False,
) -> None:
    """Watch a review in a sandbox GitHub."""
    from cli import demo as showing

    showing.demo(keep)


def _fail(trouble: Exception) -> NoReturn:
    print(trouble, file=sys.stderr)
    raise typer.Exit(2)


if __name__ == "__main__":
    main()

"""rpm-weak-dependencies."""

from __future__ import annotations

from collections.abc import Iterator

from rules.dockerfile import Dockerfile, Instruction, Span
from rules.edits import insert_words, with_words
from rules.finding import Finding, Severity
from rules.fix import Applicability, Fix
from rules.patterns import regex
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.tools import rpm
from rules.tools.options import Call

OPTION = "--setopt=install_weak_deps=0"
# What people mean by these is in part what they merely recommend: npm comes with nodejs that way, pip with python3.
_LOAD_BEARING = regex(
    r"(?:@|python|nodejs|ruby|php|perl$|rust|golang|R$|R-|ghc|java-|maven|mariadb|mysql|postgresql|mongodb|podman|buildah"
    r"|skopeo|docker|containerd|moby|qemu|libvirt|virt-|systemd|NetworkManager|ansible|blivet|anaconda|rpm-build|rpmdevtools"
    r"|mock|fedpkg|dnf|yum|gcc|clang|llvm|texlive|libreoffice|wine|gnome|kde|plasma|xorg|mesa|firefox|chromium|google-chrome"
    r"|java$|jenkins|salt|supervisor|haskell|stack$|chrom|mingw|perl-|lua|mono|dotnet|snapd|flatpak|vim|emacs|openssh-server|httpd|nginx|kernel|nvidia|cuda|gstreamer|ffmpeg|ImageMagick|devtoolset|gcc-toolset|epel-)"
)


class RpmWeakDependencies(Rule):
    """Packages that dnf adds without being asked.

    ## What it does
    Finds `dnf install` and `microdnf install` (and `yum install` where yum is dnf under its old name) that also install
    what the named packages merely recommend.

    ## Why it costs
    Stated in ManageIQ/manageiq-pods#846: 18 packages fewer, 2,063 against 1,943 MB. In ceph/ceph-container#1890 it is
    30 MB. In secureblue/secureblue#712 next to nothing: it depends on the packages, so the finding is information.

    ## Fix safety
    Unsafe: a package may need in practice what it only recommends. `nodejs` recommends npm, `python3` pip, `httpd` its
    HTTP/2 module: with such names in the list the fix is shown, not offered.

    ## When it is silent
    `install_weak_deps` is set in the command or was written to a configuration before; the tool is the old yum, which
    knows no weak dependencies; only files or URLs are installed; the install goes into another root; the stage is not
    shipped.
    """

    code = "DS211"
    severity = Severity.INFO
    techniques = ("rpm-weak-dependencies",)
    triggers = rpm.HINTS
    good = (
        "FROM fedora:41\nRUN dnf install -y --setopt=install_weak_deps=0 jq && dnf clean all\n",
        "FROM centos:7\nRUN yum install -y jq && yum clean all\n",
    )
    bad = (
        Bad(
            "FROM fedora:41\nRUN dnf install -y jq && dnf clean all\n",
            "FROM fedora:41\nRUN dnf install --setopt=install_weak_deps=0 -y jq && dnf clean all\n",
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each install command."""
        for run in shipped_runs(dockerfile, surroundings, rpm.HINTS, deferred=True):
            if _configures(run.instruction) or run.is_preceded_by(_configures):
                continue
            for command in run.commands:
                call = rpm.read_rpm(command)
                if (
                    call is not None
                    and call.action is not None
                    and _installs_by_name(call)
                    and rpm.is_dnf(call, run.base)
                ):
                    yield self._report(run, call)

    def _report(self, run: Run, call: Call) -> Finding:
        command, action = call.command, call.action
        assert action is not None  # noqa: S101 - the caller looked at it
        risk = _risk(call)
        return self.finding(
            run.instruction,
            Span(command.words[0].span.start, action.span.end),
            f"{rpm.tool(call)} installs what is merely recommended, too",
            _reason(call),
            Fix(
                (insert_words(command, action, OPTION),),
                Applicability.DISPLAY if risk else Applicability.UNSAFE,
                removed=(command.texts,),
                added=(with_words(command, action, OPTION),),
                caution=risk or "Changes behaviour if something here relies on a package that another only recommends.",
            ),
        )


def _configures(each: Instruction) -> bool:
    if each.keyword in ("COPY", "ADD"):
        return "dnf.conf" in each.value or "/etc/dnf" in each.value or "yum.conf" in each.value
    return each.keyword == "RUN" and "install_weak_deps" in each.span.of(each.document)


def _installs_by_name(call: Call) -> bool:
    if call.verb not in ("install", "in") or call.has("--installroot", "--downloadonly", "--help"):
        return False
    return any(not _is_file(word.text) for word in call.operands)


def _is_file(text: str) -> bool:
    return text.endswith((".rpm", "-release")) or text.startswith(("/", "./", "http://", "https://"))


def _risk(call: Call) -> str:
    for word in call.operands:
        if not word.literal:
            return "The list of packages is not written out here; try this build before you keep it."
        if _LOAD_BEARING.match(word.text):
            return f"What {word.text} recommends may be needed to use it; try this build before you keep it."
    return ""


def _reason(call: Call) -> str:
    names = [f"`{word.text}`" for word in call.operands if word.literal and not _is_file(word.text)]
    some = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"Whatever {some or 'these packages'} only recommend{'s' if len(names) == 1 else ''} comes along."

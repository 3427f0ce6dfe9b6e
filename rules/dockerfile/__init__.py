"""The Dockerfile, understood: text -> a model in which every part knows its place in the source."""

from rules.dockerfile.model import (
    Comment,
    Dockerfile,
    DockerfileError,
    Flag,
    Heredoc,
    Instruction,
    Mount,
    Scope,
    Stage,
)
from rules.dockerfile.parse import parse
from rules.dockerfile.script import Redirect, Script, ShellCommand, Statement
from rules.dockerfile.source import SourceMap, Span
from rules.dockerfile.words import Word

__all__ = [
    "Comment",
    "Dockerfile",
    "DockerfileError",
    "Flag",
    "Heredoc",
    "Instruction",
    "Mount",
    "Redirect",
    "Scope",
    "Script",
    "ShellCommand",
    "SourceMap",
    "Span",
    "Stage",
    "Statement",
    "Word",
    "parse",
]

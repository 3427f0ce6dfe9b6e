"""RULES: every rule there is, in the order of their codes."""

from __future__ import annotations

from rules.base_images.compiler_base_shipped import CompilerBaseShipped
from rules.base_images.devel_base_shipped import DevelBaseShipped
from rules.base_images.full_base_image import FullBaseImage
from rules.base_images.jdk_shipped import JdkShipped
from rules.base_images.sdk_shipped import SdkShipped
from rules.cache_order.copy_before_install import CopyBeforeInstall
from rules.cache_order.early_build_metadata import EarlyBuildMetadata
from rules.cache_order.packages_below_copy import PackagesBelowCopy
from rules.context.copied_twice import CopiedTwice
from rules.context.ignored_but_copied import IgnoredButCopied
from rules.context.no_dockerignore import NoDockerignore
from rules.context.secrets_copied import SecretsCopied
from rules.context.unignored_files import UnignoredFiles
from rules.layers.archive_left_behind import ArchiveLeftBehind
from rules.layers.cache_mount_misses import CacheMountMisses
from rules.layers.copied_archive import CopiedArchive
from rules.layers.copy_then_chmod import CopyThenChmod
from rules.layers.copy_then_chown import CopyThenChown
from rules.layers.copy_then_move import CopyThenMove
from rules.layers.delete_in_later_layer import DeleteInLaterLayer
from rules.layers.git_history_left_behind import GitHistoryLeftBehind
from rules.layers.ineffective_cleanup import IneffectiveCleanup
from rules.layers.purge_in_later_layer import PurgeInLaterLayer
from rules.layers.sparse_lastlog import SparseLastlog
from rules.packages.apk_build_dependencies import ApkBuildDependencies
from rules.packages.apk_cache_left_behind import ApkCacheLeftBehind
from rules.packages.apt_in_script import AptInScript
from rules.packages.apt_lists_left_behind import AptListsLeftBehind
from rules.packages.apt_recommended_packages import AptRecommendedPackages
from rules.packages.browsers_not_used import BrowsersNotUsed
from rules.packages.bundler_cache_left_behind import BundlerCacheLeftBehind
from rules.packages.bundler_development_gems import BundlerDevelopmentGems
from rules.packages.bytecode_compiled import BytecodeCompiled
from rules.packages.cargo_registry_left_behind import CargoRegistryLeftBehind
from rules.packages.composer_cache_left_behind import ComposerCacheLeftBehind
from rules.packages.composer_development_packages import ComposerDevelopmentPackages
from rules.packages.conda_cache_left_behind import CondaCacheLeftBehind
from rules.packages.development_packages_shipped import DevelopmentPackagesShipped
from rules.packages.gem_documentation import GemDocumentation
from rules.packages.go_cache_left_behind import GoCacheLeftBehind
from rules.packages.gpu_wheels import GpuWheels
from rules.packages.node_development_dependencies import NodeDevelopmentDependencies
from rules.packages.npm_cache_left_behind import NpmCacheLeftBehind
from rules.packages.opencv_with_windows import OpencvWithWindows
from rules.packages.pip_cache_left_behind import PipCacheLeftBehind
from rules.packages.pipenv_cache_left_behind import PipenvCacheLeftBehind
from rules.packages.poetry_cache_left_behind import PoetryCacheLeftBehind
from rules.packages.psycopg_built_from_source import PsycopgBuiltFromSource
from rules.packages.purge_without_autoremove import PurgeWithoutAutoremove
from rules.packages.python_development_requirements import PythonDevelopmentRequirements
from rules.packages.repeated_apt_update import RepeatedAptUpdate
from rules.packages.rpm_cache_left_behind import RpmCacheLeftBehind
from rules.packages.rpm_weak_dependencies import RpmWeakDependencies
from rules.packages.second_runtime import SecondRuntime
from rules.packages.update_split_from_install import UpdateSplitFromInstall
from rules.packages.uv_cache_left_behind import UvCacheLeftBehind
from rules.packages.yarn_cache_left_behind import YarnCacheLeftBehind
from rules.packages.zypper_cache_left_behind import ZypperCacheLeftBehind
from rules.packages.zypper_recommended_packages import ZypperRecommendedPackages
from rules.rule import Rule
from rules.stages.build_tools_left_behind import BuildToolsLeftBehind
from rules.stages.debug_information_shipped import DebugInformationShipped
from rules.stages.single_stage_build import SingleStageBuild
from rules.stages.wide_copy_from_stage import WideCopyFromStage

FAMILIES = {
    "DS1": "Layers",
    "DS2": "Packages",
    "DS3": "Base images",
    "DS4": "Stages",
    "DS5": "Build context",
    "DS6": "Cache order",
}
"""The beginnings of codes, with the titles of what they have in common."""

RULES: tuple[Rule, ...] = (
    DeleteInLaterLayer(),
    PurgeInLaterLayer(),
    CopyThenChown(),
    CopyThenChmod(),
    CopyThenMove(),
    IneffectiveCleanup(),
    ArchiveLeftBehind(),
    CopiedArchive(),
    CacheMountMisses(),
    SparseLastlog(),
    GitHistoryLeftBehind(),
    AptRecommendedPackages(),
    AptListsLeftBehind(),
    ApkCacheLeftBehind(),
    PipCacheLeftBehind(),
    UpdateSplitFromInstall(),
    RepeatedAptUpdate(),
    AptInScript(),
    ApkBuildDependencies(),
    RpmCacheLeftBehind(),
    ZypperCacheLeftBehind(),
    RpmWeakDependencies(),
    ZypperRecommendedPackages(),
    DevelopmentPackagesShipped(),
    PurgeWithoutAutoremove(),
    CondaCacheLeftBehind(),
    UvCacheLeftBehind(),
    PoetryCacheLeftBehind(),
    PipenvCacheLeftBehind(),
    PythonDevelopmentRequirements(),
    OpencvWithWindows(),
    PsycopgBuiltFromSource(),
    BytecodeCompiled(),
    GpuWheels(),
    NpmCacheLeftBehind(),
    YarnCacheLeftBehind(),
    NodeDevelopmentDependencies(),
    GemDocumentation(),
    BundlerCacheLeftBehind(),
    BundlerDevelopmentGems(),
    ComposerDevelopmentPackages(),
    ComposerCacheLeftBehind(),
    GoCacheLeftBehind(),
    CargoRegistryLeftBehind(),
    SecondRuntime(),
    BrowsersNotUsed(),
    FullBaseImage(),
    JdkShipped(),
    SdkShipped(),
    DevelBaseShipped(),
    CompilerBaseShipped(),
    BuildToolsLeftBehind(),
    WideCopyFromStage(),
    DebugInformationShipped(),
    SingleStageBuild(),
    NoDockerignore(),
    UnignoredFiles(),
    SecretsCopied(),
    IgnoredButCopied(),
    CopiedTwice(),
    CopyBeforeInstall(),
    EarlyBuildMetadata(),
    PackagesBelowCopy(),
)


def find_rule(name: str) -> Rule | None:
    """Return the rule with this code, name or equivalent elsewhere, such as `DL3015` or `hadolint:DL3015`."""
    wanted = name.strip().lower()
    return next((rule for rule in RULES if wanted in _names_of(rule)), None)


def find_close_rules(name: str) -> tuple[Rule, ...]:
    """Return up to three rules whose name comes close to what somebody wrote; codes are all alike."""
    # Nobody else needs it, and a cold start is short.
    from difflib import get_close_matches  # noqa: PLC0415

    names = {rule.name: rule for rule in RULES}
    return tuple(names[each] for each in get_close_matches(name.strip().lower()[:100], names, n=3, cutoff=0.75))


def _names_of(rule: Rule) -> list[str]:
    aliases = [alias.lower() for alias in rule.aliases]
    return [rule.code.lower(), rule.name, *aliases, *(alias.rpartition(":")[2] for alias in aliases)]

"""How each package manager installs and prunes: its commands, its cache, and its messages about an outdated lock file."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fairway.drivers.builders.detection.node_managers import LOCKS

QUIET = ("--no-audit", "--no-fund", "--no-progress", "--no-update-notifier", "--prefer-offline")
_STALE = re.compile(
    r"EUSAGE|can only install packages when|OUTDATED_LOCKFILE|LOCKFILE_CONFIG_MISMATCH|BROKEN_LOCKFILE|NO_LOCKFILE"
    r"|LOCKFILE_BREAKING|lockfile needs to be updated|lockfile would have been (?:modified|created)|YN0028"
    r"|lockfile had changes|lockfile is frozen|pars(?:e|ing) .{0,40}lock ?file|not compatible with .{0,20}lockfile",
    re.I,
)
_CONFLICT = re.compile(r"ERESOLVE", re.I)


@dataclass(frozen=True)
class Installer:
    """One package manager in one version. `cache` is the application's own folder for its downloads."""

    name: str
    version: str
    cache: Path

    @property
    def is_classic_yarn(self) -> bool:
        """Whether it is Yarn 1, whose commands and lock file differ from those of later versions."""
        return self.name == "yarn" and self.version.startswith(("0.", "1."))

    @property
    def environment(self) -> dict[str, str]:
        """The variables that say where it keeps files and that turn off questions, updates and progress bars."""
        pnpm = {"store_dir": str(self.cache / "pnpm"), "package_import_method": "copy"}
        # Run the requested version and do not switch to another.
        pnpm |= {"manage_package_manager_versions": "false", "update_notifier": "false"}
        tools = ("npm", "pnpm") if self.name == "pnpm" else ()  # older versions of pnpm read npm's variables
        registry = next((value for name, value in os.environ.items() if name.lower() == "npm_config_registry"), "")
        return {
            "NPM_CONFIG_CACHE": str(self.cache),
            "YARN_CACHE_FOLDER": str(self.cache / "yarn"),
            "YARN_GLOBAL_FOLDER": str(self.cache / "yarn-global"),
            "YARN_NODE_LINKER": "node-modules",  # the other linker (Plug'n'Play) needs Yarn to start every program
            "YARN_ENABLE_TELEMETRY": "0",
            "YARN_ENABLE_PROGRESS_BARS": "0",
            "BUN_INSTALL_CACHE_DIR": str(self.cache / "bun"),
            "COREPACK_ENABLE_STRICT": "0",
            "COREPACK_ENABLE_DOWNLOAD_PROMPT": "0",
            **{f"{tool}_config_{name}": value for tool in tools for name, value in pnpm.items()},
            **({"YARN_NPM_REGISTRY_SERVER": registry} if registry else {}),
        }

    def install(self, folder: Path, *, development: bool) -> tuple[str, ...]:
        """The command that installs the dependencies: exactly those of the lock file, if there is one."""
        has_lock = any((folder / name).is_file() for name in LOCKS[self.name])
        match self.name:
            case "npm":
                return ("npm", *QUIET, "ci" if has_lock else "install", *(() if development else ("--omit=dev",)))
            case "pnpm":
                frozen = "--frozen-lockfile" if has_lock else "--no-frozen-lockfile"
                return ("pnpm", "install", frozen, *(() if development else ("--prod",)))
            case "yarn" if self.is_classic_yarn:
                exact = ("--frozen-lockfile",) if has_lock else ()
                only = f"--production={'false' if development else 'true'}"
                return ("yarn", "install", "--non-interactive", "--no-progress", "--ignore-engines", *exact, only)
            case "yarn":
                return ("yarn", "install", "--immutable" if has_lock else "--no-immutable")
            case _:
                exact = ("--frozen-lockfile",) if has_lock else ()
                return ("bun", "install", "--backend=copyfile", *exact, *(() if development else ("--production",)))

    def loosened(self, words: tuple[str, ...], output: str) -> tuple[tuple[str, ...], str] | None:
        """(a less strict command, the reason) after an installation failed with this output; None if a less strict
        command would not help."""
        if self.name == "npm" and _CONFLICT.search(output) and "--legacy-peer-deps" not in words:
            return (*words, "--legacy-peer-deps"), "packages disagree about their peers"
        if not _STALE.search(output):
            return None
        replaced = {"ci": "install", "--frozen-lockfile": "--no-frozen-lockfile", "--immutable": "--no-immutable"}
        if self.name in ("yarn", "bun") and not (self.name == "yarn" and not self.is_classic_yarn):
            replaced["--frozen-lockfile"] = ""
        other = tuple(word for word in (replaced.get(word, word) for word in words) if word)
        return (other, "the lock file does not fit package.json; update and commit it") if other != words else None

    def prune(self) -> tuple[str, ...] | None:
        """The command that removes development packages; None if the package manager has none that works for every
        project."""
        match self.name:
            case "npm":
                return ("npm", *QUIET, "prune", "--omit=dev", "--ignore-scripts")
            case "pnpm":
                return ("pnpm", "prune", "--prod", "--ignore-scripts")
            case _:
                return None


def build_variables(memory_bytes: int, packages: Mapping[str, object]) -> dict[str, str]:
    """Variables for build scripts: how much memory there is, that nobody answers questions, and that this is production."""
    quiet = {f"{name}_TELEMETRY_DISABLED": "1" for name in ("NEXT", "ASTRO", "NUXT", "GATSBY")}
    return {
        **quiet,
        "NG_CLI_ANALYTICS": "false",
        "NODE_ENV": "production",
        "NODE_OPTIONS": f"--max-old-space-size={memory_bytes * 3 // 4 // 1024**2}",
        "NO_COLOR": "1",
        # Build scripts that install the packages of a frontend need its development packages, too.
        "NPM_CONFIG_INCLUDE": "dev",
        "YARN_PRODUCTION": "false",
        "npm_config_yes": "true",
        # Create React App treats every warning as an error if CI is set.
        **({"CI": "false"} if "react-scripts" in packages else {}),
    }

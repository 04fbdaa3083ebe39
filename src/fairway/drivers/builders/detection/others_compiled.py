"""Languages that are compiled into one program: Go, Rust, C, Haskell, Crystal, Dart, Swift, Zig, Gleam, .NET."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from fairway.drivers.builders.detection.others_common import listening, program
from fairway.drivers.builders.detection.recipe import Recipe
from fairway.drivers.builders.detection.source_folder import SourceFolder

_GO_WEB = {"gin-gonic/gin": "Gin", "labstack/echo": "Echo", "gofiber/fiber": "Fiber", "go-chi/chi": "chi"}
_GO_PORT = r'(?:ListenAndServe|Listen|Run|Start)\(\s*"[\w.]*:(\d{2,5})"'
_RUST_WEB = {"actix-web": "Actix", "axum": "Axum", "rocket": "Rocket", "warp": "warp"}
_RUST_PORT = (
    r'(?:"(?:0\.0\.0\.0|127\.0\.0\.1|localhost):|(?:0, 0, 0, 0\]|127, 0, 0, 1\]|"0\.0\.0\.0"|"127\.0\.0\.1"),\s*)(\d{2,5})'
)
_MAIN = re.compile(r"^package\s+main\b", re.M)
SERVERS = ("server", "web", "api", "app", "main")


def detect_go(source: SourceFolder) -> Recipe | None:
    """Go: the package ``main`` in the folder itself, or the first one in ``cmd``."""
    file = source.first("go.mod", "main.go")
    if file is None:
        return None
    modules = source.text("go.mod")
    framework = next((f"Go ({word})" for name, word in _GO_WEB.items() if name in modules), "Go")
    own = [name for name in source.matching("*.go") if not name.endswith("_test.go") and _MAIN.search(source.text(name))]
    mains = [
        name for name in source.matching("cmd/*/main.go", "cmd/main.go", "*/main.go") if _MAIN.search(source.text(name))
    ]
    mains.sort(key=lambda name: (not name.startswith("cmd/"), PurePosixPath(name).parent.name not in SERVERS, name))
    entry = own[0] if own else mains[0] if mains else ""
    if not entry:
        return program(source, "go", framework, file).blocked(
            f"This is a Go library ({file}): no file says “package main”, so there is no program to start."
        )
    package = "." if own else f"./{PurePosixPath(entry).parent}"
    recipe = program(
        source, "go", framework, file, build=("go", "build", "-o", "bin/app", package), command=("bin/app",)
    ).noting(f"Built from {package}", entry)
    text = "\n".join(map(source.text, own)) if own else source.text(entry)
    return listening(recipe, text, entry, _GO_PORT, "let it read the environment's PORT (os.Getenv)")


def detect_rust(source: SourceFolder) -> Recipe | None:
    """Rust: the package in the folder, or the first member of a workspace that is a program."""
    if not source.has("Cargo.toml"):
        return None
    try:
        manifest = source.toml("Cargo.toml")
    except ValueError:
        manifest = {}
    folder, package = ".", manifest.get("package")
    if not isinstance(package, dict):
        found = source.matching("*/src/main.rs", "*/*/src/main.rs")
        folder = found[0].removesuffix("/src/main.rs") if found else "."
        package = {"name": folder.rpartition("/")[2]}
    entry = source.first(*(f"{folder}/{name}".removeprefix("./") for name in ("src/main.rs", "main.rs", "src/bin/main.rs")))
    entry = entry or next(iter(source.matching(f"{folder}/src/bin/*.rs".removeprefix("./"))), None)
    bins = [table.get("name") for table in manifest.get("bin") or () if isinstance(table, dict)]
    name = str(
        (bins[0] if bins else None) or (PurePosixPath(entry or "").stem if "bin/" in (entry or "") else package.get("name"))
    )
    text = source.text("Cargo.toml") if folder == "." else source.text(f"{folder}/Cargo.toml")
    framework = next(
        (f"Rust ({word})" for crate, word in _RUST_WEB.items() if re.search(rf"^{crate}\b", text, re.M)), "Rust"
    )
    if entry is None and not bins:
        return program(source, "rust", framework, "Cargo.toml").blocked(
            "This is a Rust library (Cargo.toml): there is no src/main.rs, so there is no program to start."
        )
    locked = ("--locked",) if source.has("Cargo.lock") else ()
    port = ("ROCKET_PORT={port}", "ROCKET_ADDRESS={host}") if "Rocket" in framework else ()
    version = package.get("version")
    recipe = program(
        source,
        "rust",
        framework,
        "Cargo.toml",
        build=("cargo", "install", "--path", folder, "--root", ".", "--no-track", *locked),
        command=(*port, f"bin/{name}"),
        version=version if isinstance(version, str) else "",
    )
    return (
        recipe
        if port
        else listening(recipe, source.text(entry or ""), entry or "", _RUST_PORT, "let it read PORT (std::env::var)")
    )


def detect_dotnet(source: SourceFolder) -> Recipe | None:
    """.NET: the web project, or the first project if none is one."""
    projects = source.matching("*.csproj", "*.fsproj", "*/*.csproj", "*/*.fsproj", "*/*/*.csproj")
    if not projects:
        return None
    web = [
        name for name in projects if "Microsoft.NET.Sdk.Web" in source.text(name) or "BlazorWebAssembly" in source.text(name)
    ]
    chosen = (web or list(projects))[0]
    named = re.search(r"<AssemblyName>\s*([\w.-]+)\s*</AssemblyName>", source.text(chosen))
    name = named[1] if named else PurePosixPath(chosen).stem
    return program(
        source,
        "dotnet",
        "ASP.NET" if web else ".NET",
        chosen,
        build=("dotnet", "publish", chosen, "-c", "Release", "-o", "out"),
        command=("dotnet", f"out/{name}.dll", "--urls", "http://{host}:{port}"),
    )


def detect_c(source: SourceFolder) -> Recipe | None:
    """C and C++. If CMake does not name the program, the recipe has a problem that asks how to start it."""
    sources = source.matching("*.c", "*.cpp", "*.cc", "src/*.c", "src/*.cpp", "src/*.cc")
    file = source.first("CMakeLists.txt", "Makefile", "makefile")
    if not sources or file is None:
        return None
    language = "C" if sources[0].endswith(".c") else "C++"
    build = ("cmake", "-S", ".", "-B", "build", "&&", "cmake", "--build", "build") if file == "CMakeLists.txt" else ("make",)
    target = re.search(r"add_executable\(\s*([\w.-]+)", source.text(file)) if file == "CMakeLists.txt" else None
    recipe = program(source, "c", language, file, build=build, command=(f"build/{target[1]}",) if target else None)
    if target:
        return recipe
    return recipe.blocked(
        f"This is {language} ({file}), which does not say which program it builds: say how to start it, e.g. “./server”."
    )


def detect_haskell(source: SourceFolder) -> Recipe | None:
    """Haskell: the first executable of a Cabal file."""
    files = source.matching("*.cabal", "package.yaml", "stack.yaml")
    if not files or not source.has_any("*.cabal", "stack.yaml"):
        return None
    named = re.search(r"^executable\s+([\w-]+)", source.text(files[0]), re.M)
    name = named[1] if named else PurePosixPath(files[0]).stem
    build = ("cabal", "update", "&&", "cabal", "install", f"exe:{name}", "--installdir=bin", "--install-method=copy")
    return program(source, "haskell", "Haskell", files[0], build=build, command=(f"bin/{name}",))


def detect_crystal(source: SourceFolder) -> Recipe | None:
    """Crystal: the first target in shard.yml."""
    if not source.has("shard.yml"):
        return None
    text = source.text("shard.yml")
    named = re.search(r"^targets:\s*\n\s+([\w-]+):", text, re.M) or re.search(r"^name:\s*([\w-]+)", text, re.M)
    name = named[1] if named else "app"
    build = ("shards", "build", "--release", "--production", name)
    return program(source, "crystal", "Crystal", "shard.yml", build=build, command=(f"bin/{name}", "--port", "{port}"))


def detect_dart(source: SourceFolder) -> Recipe | None:
    """Dart: the server in ``bin``. A Flutter application gets a problem that says what to do."""
    if not source.has("pubspec.yaml"):
        return None
    if re.search(r"^\s+sdk:\s*flutter\b", source.text("pubspec.yaml"), re.M):
        return program(source, "dart", "Flutter", "pubspec.yaml").blocked(
            "This is a Flutter application (pubspec.yaml): run “flutter build web” and deploy the folder build/web as files."
        )
    entry = source.first("bin/server.dart", "bin/main.dart") or next(iter(source.matching("bin/*.dart")), None)
    if entry is None:
        return None
    build = ("dart", "pub", "get", "&&", "dart", "compile", "exe", entry, "-o", "bin/app")
    return program(source, "dart", "Dart", "pubspec.yaml", build=build, command=("bin/app",))


def detect_swift(source: SourceFolder) -> Recipe | None:
    """Swift: the executable target in Package.swift; with Vapor, its command ``serve``."""
    if not source.has("Package.swift"):
        return None
    text = source.text("Package.swift")
    named = re.search(r'executableTarget\(\s*name:\s*"([\w-]+)"', text)
    if named is None:
        return None
    is_vapor = "vapor/vapor" in text
    serve = ("serve", "--env", "production", "--hostname", "{host}", "--port", "{port}") if is_vapor else ()
    build = ("swift", "build", "-c", "release")
    framework = "Vapor" if is_vapor else "Swift"
    return program(source, "swift", framework, "Package.swift", build=build, command=(f".build/release/{named[1]}", *serve))


def detect_zig(source: SourceFolder) -> Recipe | None:
    """Zig: the executable that build.zig names."""
    if not source.has("build.zig"):
        return None
    named = re.search(r'addExecutable\([^;]*?\.name\s*=\s*"([\w-]+)"', source.text("build.zig"), re.S)
    recipe = program(source, "zig", "Zig", "build.zig", build=("zig", "build", "-Doptimize=ReleaseSafe"))
    if named is None:
        return recipe.blocked(
            "This is Zig (build.zig), which names no program to start: say how to start it, e.g. “zig-out/bin/server”."
        )
    return recipe.changed(command=(f"zig-out/bin/{named[1]}",))


def detect_gleam(source: SourceFolder) -> Recipe | None:
    """Gleam: a shipment for Erlang."""
    if not source.has("gleam.toml"):
        return None
    build = ("gleam", "export", "erlang-shipment")
    return program(
        source, "gleam", "Gleam", "gleam.toml", build=build, command=("build/erlang-shipment/entrypoint.sh", "run")
    )


COMPILED = (
    *(detect_go, detect_rust, detect_dotnet, detect_c, detect_haskell, detect_crystal, detect_dart, detect_swift),
    *(detect_zig, detect_gleam),
)

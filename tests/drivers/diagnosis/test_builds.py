"""What is said of a build that failed, by what its tools printed."""

from __future__ import annotations

import pytest

from fairway.drivers.diagnosis.builds import build_reason

NEXT = """
> next build
There was an issue establishing a connection while requesting https://fonts.googleapis.com/css2?family=Geist
> Build error occurred
Error: Turbopack build failed with 2 errors:
[next]/internal/font/google/geist_a71539c9.module.css
Error: next/font: error:
Failed to fetch `Geist` from Google Fonts.
"""
NEXT_TYPES = """
  Running TypeScript ...
Failed to compile.

./app/page.tsx:3:9
Type error: Type 'string' is not assignable to type 'number'.

  1 |
"""
VITE = """
transforming...
✓ 2 modules transformed.
x Build failed in 60ms
error during build:
[vite]: Rollup failed to resolve import "left-pad" from "/app/src/main.js".
This is most likely unintended because it can break your application at runtime.
    at viteWarn (file:///app/node_modules/vite/dist/node/chunks/dep.js:65839:17)
"""
ESBUILD = """
\x1b[31m✘ \x1b[41;31m[\x1b[41;97mERROR\x1b[41;31m]\x1b[0m \x1b[1mCould not resolve "./missing.js"\x1b[0m

    src/main.js:1:7:
"""
TSC = """
src/server.ts(3,7): error TS2322: Type 'string' is not assignable to type 'number'.
src/server.ts(9,1): error TS2304: Cannot find name 'foo'.
"""
CARGO = """
   Compiling app v0.1.0 (/app)
error[E0425]: cannot find value `x` in this scope
 --> src/main.rs:2:20
error: could not compile `app` (bin "app") due to 1 previous error
"""
GCC = "main.c:3:10: error: expected ';' before 'return'\nmake: *** [Makefile:2: app] Error 1"
JAVA = "src/App.java:3: error: ';' expected\n    int x = 1\n             ^\n1 error"
UV = """
  × No solution found when resolving dependencies:
  ╰─▶ Because there is no version of flask==99.0 and you require flask==99.0, we can conclude that your requirements are
      unsatisfiable.
"""
NPM_MISSING = """
npm error code E404
npm error 404 Not Found - GET https://registry.npmjs.org/no-such-thing-here - Not found
npm error 404
npm error 404  'no-such-thing-here@1.0.0' is not in this registry.
"""
NPM_SCRIPT = 'npm error Missing script: "build"\nnpm error\nnpm error To see a list of scripts, run:\nnpm error   npm run'
NPM_OTHER = """
npm error code ELIFECYCLE
npm error errno 1
npm error path /app/node_modules/x
npm error command failed
npm error something only npm knows
"""
TRACEBACK = """
Collecting nothing
Traceback (most recent call last):
  File "setup.py", line 3, in <module>
    import numpy
ModuleNotFoundError: No module named 'numpy'
error: subprocess-exited-with-error
"""


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        (NEXT, "The build fetches the font “Geist” from Google Fonts, which this machine cannot reach: put the"),
        (NEXT_TYPES, "Its error: Type 'string' is not assignable to type 'number'."),
        (VITE, 'Its error: [vite]: Rollup failed to resolve import "left-pad" from "/app/src/main.js".'),
        (ESBUILD, 'Its error: Could not resolve "./missing.js".'),
        (TSC, "Its error: src/server.ts(3,7): Type 'string' is not assignable to type 'number'."),
        (CARGO, "Its error: cannot find value `x` in this scope."),
        (GCC, "Its error: main.c:3:10: expected ';' before 'return'."),
        (JAVA, "Its error: src/App.java:3: ';' expected."),
        (UV, "Its error: No solution found when resolving dependencies: Because there is no version of flask==99.0"),
        (NPM_MISSING, "The package “no-such-thing-here@1.0.0” is in no registry that is asked: check its name"),
        ("npm error code ERESOLVE\nnpm error ERESOLVE could not resolve", "Packages disagree about the versions they need"),
        (NPM_SCRIPT, "package.json has no script “build”: add it, or change the build command in the app"),
        (NPM_OTHER, "Its error: something only npm knows."),
        ("> nest build\n\nsh: 1: nest: not found", "The program “nest” was not found: add the package that has it to the"),
        ("[ERROR] COMPILATION ERROR : \n[ERROR] A.java:[3,5] ';' expected", "Its error: COMPILATION ERROR : A.java:[3,5]"),
        ("Error: > Couldn't find any `pages` directory.", "Its error: Couldn't find any `pages` directory."),
        ("> tsc\n\nVersion 5.9.3\ntsc: The TypeScript Compiler - Version 5.9.3\n", "tsc only printed its help: it"),
        (TRACEBACK, "Its error: ModuleNotFoundError: No module named 'numpy'."),
        ("Error: pg_config executable not found.", "psycopg2 is compiled here and misses PostgreSQL's headers: list"),
        ("x.c:1:10: fatal error: ffi.h: No such file or directory", "A package is compiled here and misses the C"),
        ("FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", "Node ran out of memory: let"),
    ],
)  # fmt: skip
def test_the_error_that_stopped_a_build_is_said(printed: str, said: str) -> None:
    assert build_reason(printed.splitlines()).startswith(said)


@pytest.mark.parametrize(
    "printed",
    [
        "",
        "error: " + "x" * 400,
        "npm error A complete log of this run is in x",
    ],
)
def test_what_tells_nothing_is_not_repeated(printed: str) -> None:
    assert build_reason(printed.splitlines()) == ""


def test_of_a_build_nobody_can_explain_the_last_line_is_said() -> None:
    printed = [
        "> ng build",
        "",
        "Workspace config file cannot be loaded: angular.json",
        "Unknown format.",
        "",
        "npm error x",
    ]
    assert build_reason(printed) == "It last printed “Unknown format”."
    assert build_reason(["0 errors"]) == "It last printed “0 errors”."

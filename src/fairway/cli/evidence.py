"""Commands ``evidence …`` and ``sbom``: signed evidence, its verification and public key; bills of materials."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from fairway.cli import audit_file
from fairway.cli.client import Client, part
from fairway.cli.failures import BadInput, Code, Stop
from fairway.cli.output import Json, answer, is_json, say
from fairway.cli.release_named import find_release

# An Ed25519 public key as X.509 has this before its 32 bytes (RFC 8410).
X509_PREFIX = bytes.fromhex("302a300506032b6570032100")


class OrRelease(TyperGroup):
    """``fairway evidence AUTUMN@1`` means ``fairway evidence of AUTUMN@1``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] != "--help":
            args = ["of", *args]
        return super().parse_args(ctx, args)


evidence = typer.Typer(
    cls=OrRelease,
    no_args_is_help=True,
    help="Signed evidence: fairway evidence RELEASE > FILE, or fairway evidence --deployment N > FILE.",
)


@evidence.command("of")
def print_evidence(
    release: Annotated[str, typer.Argument(metavar="[RELEASE]", help="NAME@VERSION, its number or its name.")] = "",
    deployment: Annotated[int | None, typer.Option("--deployment", "-d", metavar="N", min=1, help="Its number.")] = None,
    as_json: Json = False,
) -> None:
    """Print signed statements about a release, or about one deployment: one DSSE envelope per line."""
    if bool(release) == (deployment is not None):
        raise BadInput("Name either a release or a deployment.", advice="E.g. fairway evidence --deployment 12 > FILE")
    with Client() as client:
        place = (
            f"/deployments/{deployment}" if deployment is not None else f"/releases/{find_release(client, release)['id']}"
        )
        for line in client.lines(f"{place}/evidence"):
            print(line)


@evidence.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(help="What fairway evidence printed.")],
    events: Annotated[
        Path | None, typer.Option("--events", help="Exported events (fairway audit export) to compare with.")
    ] = None,
    key: Annotated[str, typer.Option("--key", help="The public key that it must be signed with.")] = "",
    as_json: Json = False,
) -> None:
    """Verify evidence without a server: is each statement as it was signed, and is none missing? Exit code 1 if not."""
    try:
        with file.open(encoding="utf-8") as lines:
            if events is None:
                proof = audit_file.verify_evidence(lines, key=key)
            else:
                with events.open(encoding="utf-8") as exported:
                    proof = audit_file.verify_evidence(lines, events=exported, key=key)
    except (OSError, UnicodeDecodeError) as problem:
        raise Stop(f"It cannot be read: {problem}", Code.FAILED) from None
    if is_json():
        answer({"is_intact": not proof.problem, **vars(proof)})
    else:
        say(proof.sentence, "failed" if proof.problem else "done")
    if proof.problem:
        raise typer.Exit(int(Code.FAILED))


@evidence.command("key")
def show_key(
    pem: Annotated[bool, typer.Option("--pem", help="In the form that most other programs read.")] = False,
    as_json: Json = False,
) -> None:
    """Print the installation's public key, which signs evidence and heads. Keep it elsewhere, to compare with."""
    with Client() as client:
        heads = client.get("/audit/heads", limit=1)
    if not heads:
        raise Stop("No head has been signed yet; the worker signs one within a minute of the first event.", Code.FAILED)
    key = heads[-1]["key"]
    raw = base64.urlsafe_b64decode(key + "=" * (-len(key) % 4))
    text = base64.b64encode(X509_PREFIX + raw).decode()
    print(f"-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----" if pem else key)


@evidence.command("script")
def show_script(as_json: Json = False) -> None:
    """Print the program that verifies evidence and exported events. It needs only Python 3.11, and no Fairway."""
    print(Path(audit_file.__file__).read_text(encoding="utf-8"), end="")


def sbom(
    what: Annotated[str, typer.Argument(metavar="DEPLOYMENT|APP:N", help="A deployment's number, or version N of APP.")],
    as_json: Json = False,
) -> None:
    """Print the software bill of materials (CycloneDX) of what a deployment brought, or of a version."""
    app, colon, number = what.rpartition(":")
    if not number.isascii() or not number.isdigit() or bool(app) != bool(colon):
        raise BadInput(f"“{what}” is neither a deployment's number nor APP:N.", advice="E.g. fairway sbom 12")
    place = f"/applications/{part(app)}/artifacts" if app else "/deployments"
    with Client() as client:
        for line in client.lines(f"{place}/{number}/sbom"):
            print(line)

"""Commands ``prices …``: what environments cost."""

from __future__ import annotations

from typing import Annotated

import typer

from fairway.cli.client import Client, part
from fairway.cli.output import Column, Json, answer, done, is_json, table

prices = typer.Typer(no_args_is_help=True, help="What environments cost: the prices that `fairway costs` is made of.")
Env = Annotated[str, typer.Argument(metavar="ENV", help="The environment.")]


@prices.command("list")
def list_prices(env: Env, as_json: Json = False) -> None:
    """The prices of an environment, the newest first."""
    with Client() as client:
        found = client.get(f"/environments/{part(env)}/prices")
    if is_json():
        answer(found)
        return
    numbers = [Column(name, is_number=True) for name in ("CPU-hour", "GB-hour", "Month")]
    rows = [[one["begins"], one["currency"], one["cpu_hour"], one["memory_gb_hour"], one["month"]] for one in found]
    empty = f"{env} has no price. Set one: fairway prices set {env} --currency EUR --cpu-hour 0.02"
    table([Column("From"), Column("Currency"), *numbers], rows, empty=empty)


@prices.command("set")
def set_price(
    env: Env,
    currency: Annotated[str, typer.Option(help="Its code, e.g. EUR.")],
    cpu_hour: Annotated[str, typer.Option(help="For a CPU and hour, used or reserved by limits.")] = "",
    memory_gb_hour: Annotated[str, typer.Option(help="For a GB of memory and hour, used or reserved by limits.")] = "",
    month: Annotated[str, typer.Option(help="For a month, whatever runs; it is shared by use.")] = "",
    begins: Annotated[str, typer.Option("--from", metavar="DATE", help="From this day (UTC) on; today if left out.")] = "",
    as_json: Json = False,
) -> None:
    """Say what an environment costs from a day on. What was paid until then stays as it was."""
    amounts = {"cpu_hour": cpu_hour, "memory_gb_hour": memory_gb_hour, "month": month, "begins": begins}
    wanted = {"currency": currency, **{name: value for name, value in amounts.items() if value}}
    with Client() as client:
        one = client.post(f"/environments/{part(env)}/prices", wanted)
    done(one, f"{env} has this price from {one['begins']} on.")

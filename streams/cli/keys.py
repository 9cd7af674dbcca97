"""`weir keys`: create, list and revoke API keys."""

import json
import os
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from infra.auth import KeyManager, get_key_manager
from infra.bootstrap import await_listener
from schemas.keys import PERMISSIONS, TIERS, ApiKey
from streams.bring_up import local_settings

COLUMNS = ("id", "name", "permissions", "limit", "created", "expires", "state")
FOLDED = ("name", "permissions")
WIDE = 100
"""Characters that a table with every column needs; a narrower one leaves the least important out."""


@click.group()
def keys() -> None:
    """Create, list and revoke API keys."""


@keys.command()
@click.option("--name", required=True, help="Who uses the key.")
@click.option("--permission", "permissions", multiple=True, help=f"One of {', '.join(PERMISSIONS)}; may be repeated.")
@click.option("--rate-limit", type=int, help="Requests per hour.")
@click.option("--burst", type=int, help="Requests at once; a tenth of the hourly limit unless given.")
@click.option("--tier", help=f"One of {', '.join(TIERS)}: sets the hourly limit unless given.")
@click.option("--expires-in-days", type=int, help="Days until the key expires; never unless given.")
@click.option("--test", is_flag=True, help="Make a test key, sk_test_...")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def create(permissions: tuple[str, ...], as_json: bool, **arguments: Any) -> None:
    """Create a key and print it: the only time that it is shown."""
    manager = _manager()
    api_key = manager.create_key(permissions=list(permissions) or None, **arguments)
    key = manager.validate_key(api_key)
    assert key is not None
    if as_json:
        click.echo(json.dumps({"key": api_key, **_described(key)}))
    else:
        click.echo(f"key  {api_key}\nid   {key.key_id}\nKeep the key now: it is not shown again.")


@keys.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """List the keys: who has which, never the keys themselves."""
    described = [_described(key) for key in _manager().list_keys()]
    if as_json:
        click.echo(json.dumps(described))
    else:
        _print_table(described)


# A key id may begin with a hyphen, which is no option here.
@keys.command(context_settings={"ignore_unknown_options": True})
@click.argument("key_id")
def revoke(key_id: str) -> None:
    """Revoke a key by its id: it stops working within two seconds, for good."""
    if not _manager().revoke_key(key_id):
        raise click.ClickException(f"{key_id} is not the id of a key in force: see `weir keys list`")
    click.echo(f"revoked {key_id}")


def _manager() -> KeyManager:
    settings = local_settings(os.environ)
    await_listener(settings.kafka_bootstrap_servers)
    return get_key_manager(settings)


def _described(key: ApiKey) -> dict[str, Any]:
    """A key as it is listed; times in ISO 8601."""
    return {
        "id": key.key_id,
        "name": key.name,
        "permissions": sorted(key.permissions),
        "limit": key.rate_limit,
        "burst": key.capacity,
        "tier": key.tier,
        "created": key.created_at.isoformat(),
        "expires": key.expires_at.isoformat() if key.expires_at else None,
        "state": _state(key),
    }


def _state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "valid" if key.is_valid_at(datetime.now(UTC)) else "expired"


def _print_table(described: list[dict[str, Any]]) -> None:
    console = Console()
    columns = [name for name in COLUMNS if name != "created" or console.width >= WIDE]
    table = Table(*(Column(name, overflow="fold", no_wrap=name not in FOLDED) for name in columns))
    for key in described:
        shown = {
            **key,
            "name": escape(key["name"]),
            "permissions": ", ".join(key["permissions"]),
            "limit": f"{key['limit']}/h",
            "created": key["created"][:10],
            "expires": (key["expires"] or "never")[:10],
        }
        table.add_row(*(shown[column] for column in columns))
    console.print(table)

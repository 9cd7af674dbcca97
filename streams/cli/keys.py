"""`weir keys`: create, show, rotate and revoke API keys, and rotate the secret that seals them."""

import json
from typing import Any

import click

from infra.key_arguments import NOW
from schemas.keys import PERMISSIONS, TIERS
from streams.cli.key_output import (
    ID_FIRST,
    RUN_AGAIN,
    changing,
    described,
    json_option,
    manager,
    print_key,
    print_keys,
    print_new,
    reason_option,
    unknown,
)
from streams.cli.key_secrets import bootstrap, reseal


@click.group()
def keys() -> None:
    """Create, show, rotate and revoke API keys. Each change is one event on the topic audit-events."""


@keys.command()
@click.option("--name", required=True, help="Who uses the key.")
@click.option("--permission", "permissions", multiple=True, help=f"One of {', '.join(PERMISSIONS)}; may be repeated.")
@click.option("--rate-limit", type=int, help="Requests per hour.")
@click.option("--burst", type=int, help="Requests at once; a tenth of the hourly limit unless given.")
@click.option("--tier", help=f"One of {', '.join(TIERS)}: sets the hourly limit unless given.")
@click.option("--expires-in-days", type=int, help="Days until the key expires; never unless given.")
@click.option("--owner", help="Whom the key belongs to.")
@click.option("--pooled", is_flag=True, help="Share one bucket, and its limits, with the owner's other pooled keys.")
@click.option("--test", is_flag=True, help="Make a test key, sk_test_...")
@reason_option
@json_option
def create(permissions: tuple[str, ...], as_json: bool, **arguments: Any) -> None:
    """Create a key and print it: the only time that it is shown."""
    with changing() as key_manager:
        made = key_manager.new_key(permissions=list(permissions) or None, **arguments)
    print_new(made, as_json=as_json)


@keys.command(name="list")
@json_option
def list_(as_json: bool) -> None:
    """List the keys: who has which, never the keys themselves."""
    print_keys(manager().list_keys(), as_json=as_json)


@keys.command(context_settings=ID_FIRST)
@click.argument("key_id")
@json_option
def show(key_id: str, as_json: bool) -> None:
    """Show everything about one key but the key itself."""
    print_key(manager().get(key_id) or unknown(key_id), as_json=as_json)


@keys.command(context_settings=ID_FIRST)
@click.argument("key_id")
@reason_option
@json_option
def revoke(key_id: str, reason: str | None, as_json: bool) -> None:
    """Revoke a key by its id: it stops working within two seconds, for good. Repeating it tells since when."""
    with changing() as key_manager:
        if key_manager.revoke_key(key_id, reason=reason):
            click.echo(json.dumps({"revoked": key_id}) if as_json else f"revoked {key_id}")
            return
        since = described(key_manager.get(key_id) or unknown(key_id))["revoked"]
    told = f"{key_id} has been revoked since {since}"
    click.echo(json.dumps({"revoked": key_id, "since": since}) if as_json else told)


@keys.command(context_settings=ID_FIRST)
@click.argument("key_id")
@click.option("--grace", default="24h", show_default=True, help=f"How long the old key lives on, or `{NOW}`.")
@reason_option
@json_option
def rotate(key_id: str, grace: str, reason: str | None, as_json: bool) -> None:
    """Put a new key in the place of one, with the same rights, limits and bucket; print it, the only time."""
    with changing() as key_manager:
        made = key_manager.rotate_key(key_id, grace, reason=reason) or unknown(key_id)
    print_new(made, as_json=as_json)
    if not as_json:
        click.echo(f"{key_id} stops working {NOW if grace == NOW else f'in {grace} at the latest'}.")


@keys.command(context_settings=ID_FIRST)
@click.argument("key_id")
@click.argument("tier", required=False)
@click.option("--rate-limit", type=int, help="Requests per hour in place of the tier's.")
@click.option("--burst", type=int, help="Requests at once; a tenth of the hourly limit unless given.")
@reason_option
@json_option
def tier(key_id: str, tier: str | None, as_json: bool, **arguments: Any) -> None:
    """Give a key, and all that share its bucket, another tier or limit."""
    with changing(RUN_AGAIN) as key_manager:
        changed = key_manager.set_tier(key_id, tier, **arguments) or unknown(key_id)
    if as_json:
        click.echo(json.dumps([described(key) for key in changed]))
        return
    for key in changed:
        click.echo(f"{key.key_id} {key.tier}: {key.rate_limit} an hour, {key.capacity} at once")


keys.add_command(bootstrap)
keys.add_command(reseal)

"""The description of the topics in AsyncAPI 3.0."""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from typing import Any

from schemas import headers as h
from schemas.headers import MAX_HEADER_BYTES, MAX_HEADERS
from schemas.signing import MAX_AGE_MS
from schemas.wire import MAX_BODY_BYTES
from streams.contract.channels import CHANNELS, Channel
from streams.contract.common import REQUEST_ID
from streams.contract.components import Components
from streams.topics import TOPICS, Topic
from streams.topology import READS

ABOUT = f"""\
The topics of Weir. A platform may put a prefix in front of their names (`TOPIC_PREFIX`), and take another number of \
partitions. A value has at most {MAX_BODY_BYTES} bytes where others write it, and a record at most {MAX_HEADERS} \
headers of {MAX_HEADER_BYTES} bytes. Readers pass over fields that they do not know, and may meet a record twice.

Records that others write are signed. `signature` is the lower-case hex HMAC-SHA256, under the signing key, of these \
six joined by newlines: `weir1`, the topic's name with its prefix, `request-id`, the record's key, `signed-at`, and \
the lower-case hex SHA-256 of the value. The signing key is HMAC-SHA256 of `weir/record-signing/v1` under the API key. \
`signed-at` is in epoch milliseconds and within {MAX_AGE_MS // 60_000} minutes of the broker's own time. What does not \
verify ends as `unauthorized`."""

NUMBER = {"type": "string", "pattern": "^[0-9]+$"}
HEADERS: Mapping[str, tuple[Mapping[str, Any], str]] = {
    h.REQUEST_ID: (REQUEST_ID, "The identity: the same twice is answered alike, stored once and charged once."),
    h.KEY_ID: ({"type": "string"}, "The id of the API key that signed it, not the key."),
    h.SIGNED_AT: (NUMBER, "When it was signed, in epoch milliseconds."),
    h.SIGNATURE: ({"type": "string", "pattern": "^[0-9a-f]{64}$"}, "See above."),
    h.DEADLINE: (NUMBER, "Epoch milliseconds after which it is not scored any more, and ends as `expired`."),
    h.REPLY_PARTITION: (NUMBER, "The partition of prediction-replies that the reply is to go to."),
    h.REPLY_INSTANCE: ({"type": "string"}, "Whose reply it is; comes back as it was given."),
    h.TRACEPARENT: ({"type": "string"}, "W3C trace context."),
    h.API_KEY: ({"type": "string"}, "A key in place of a signature, where AUTH_ALLOW_PLAINTEXT_KEYS is set."),
    h.SCHEMA_VERSION: ({"const": h.CURRENT_SCHEMA.decode()}, "The version of the message's form."),
    h.RATE_LIMIT: ({"type": "string"}, "The bucket as JSON: `limit`, `remaining`, `reset`, `retry_after`."),
    h.MIRRORED_TO: ({"type": "string"}, "The versions that are to answer too, separated by commas."),
}


@cache
def asyncapi() -> dict[str, Any]:
    """The description of every topic."""
    components = Components(channel.messages for channel in CHANNELS.values())
    schemas = {name: _as_draft_07(schema) for name, schema in components.by_name.items()}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Weir",
            "version": version("weir-ml"),
            "description": ABOUT,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic, CHANNELS[topic.name], components) for topic in TOPICS},
        "operations": {name: operation for topic in TOPICS for name, operation in _operations(topic).items()},
        "components": {"schemas": schemas},
    }


def writers(topic: Topic) -> tuple[str, ...]:
    """Who writes it: roles, commands, or others."""
    return CHANNELS[topic.name].writers


def readers(topic: Topic) -> tuple[str, ...]:
    """Who reads it: roles by their consumer group, or by a view of the whole topic, or others."""
    grouped = [role for role, read in READS.items() if topic in read]
    return tuple(dict.fromkeys([*grouped, *CHANNELS[topic.name].readers]))


def _channel(topic: Topic, channel: Channel, components: Components) -> dict[str, Any]:
    name = _message_name(topic)
    return {
        "address": topic.name,
        "description": channel.about,
        "messages": {name: _message(topic, channel, components)},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": _kept(topic),
                "bindingVersion": "0.5.0",
            }
        },
        "x-writers": list(writers(topic)),
        "x-readers": list(readers(topic)),
        "x-internal": channel.is_internal,
    }


def _kept(topic: Topic) -> dict[str, Any]:
    if topic.retention_ms is None:
        return {"cleanup.policy": ["compact"]}
    return {"cleanup.policy": ["delete"], "retention.ms": topic.retention_ms}


def _message(topic: Topic, channel: Channel, components: Components) -> dict[str, Any]:
    said = {name: {**HEADERS[name][0], "description": HEADERS[name][1]} for name in (*channel.headers, *channel.may)}
    return {
        "name": _message_name(topic),
        "contentType": channel.media,
        "headers": {"type": "object", "properties": said, "required": list(channel.headers)},
        "payload": _as_draft_07(components.schema(channel.messages)),
        "bindings": {"kafka": {"key": {"type": "string", "description": topic.key}, "bindingVersion": "0.5.0"}},
    }


def _operations(topic: Topic) -> dict[str, Any]:
    channel = {"$ref": f"#/channels/{topic.name}"}
    messages = [{"$ref": f"#/channels/{topic.name}/messages/{_message_name(topic)}"}]
    written = {
        f"{_word(who)}-writes-{topic.name}": {"action": "send", "channel": channel, "messages": messages}
        for who in writers(topic)
    }
    return written | {
        f"{_word(who)}-reads-{topic.name}": {"action": "receive", "channel": channel, "messages": messages}
        for who in readers(topic)
    }


def _word(who: str) -> str:
    return who.replace(" ", "-")


def _message_name(topic: Topic) -> str:
    return topic.name.removesuffix("s")


def _as_draft_07(schema: Any) -> Any:
    """The schema in the dialect that AsyncAPI has without further ado."""
    if isinstance(schema, list):
        return [_as_draft_07(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    said = {name: _as_draft_07(value) for name, value in schema.items()}
    if isinstance(said.get("discriminator"), dict):
        del said["discriminator"]
    if "prefixItems" in said:
        said["items"], said["additionalItems"] = said.pop("prefixItems"), said["items"]
    return said

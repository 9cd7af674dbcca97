"""The description of the routes as a page: plain HTML with one style of its own, nothing else to load."""

import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from hashlib import sha256
from html import escape
from typing import Any

from streams.contract.page_style import STYLE

POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Of Content-Security-Policy: the page's own style, by its digest, and nothing else."""

Facts = Mapping[str, Any]


def page(described: Facts) -> str:
    """The page of an OpenAPI document."""
    info = described["info"]
    groups = [_group(tag, described) for tag in described["tags"]]
    schemas = [_schema(name, schema) for name, schema in described["components"]["schemas"].items()]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><title>{escape(info["title"])} API</title>'
        f"<style>{STYLE}</style></head><body>"
        f'<a class="skip" href="#main">To the routes</a>{_contents(described)}<main id="main">'
        f"<h1>{escape(info['title'])} API <small>{escape(info['version'])}</small></h1>{_text(info['description'])}"
        '<p>As documents for programs: <a href="/openapi.json">openapi.json</a>, and of the topics '
        '<a href="/asyncapi.json">asyncapi.json</a>.</p>'
        f'{"".join(groups)}<section aria-labelledby="schemas"><h2 id="schemas">Schemas</h2>{"".join(schemas)}</section>'
        "</main></body></html>"
    )


def _contents(described: Facts) -> str:
    groups = []
    for tag in described["tags"]:
        links = "".join(
            f'<li><a href="#{operation["operationId"]}"><b class="{method}">{method.upper()}</b> {_code(path)}</a></li>'
            for path, method, operation in _operations(described, tag["name"])
        )
        groups.append(f"<h2>{escape(tag['name'])}</h2><ul>{links}</ul>")
    return f'<nav aria-label="Routes">{"".join(groups)}<h2><a href="#schemas">schemas</a></h2></nav>'


def _operations(described: Facts, group: str) -> Iterable[tuple[str, str, Facts]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            if group in operation["tags"]:
                yield path, method, operation


def _group(tag: Facts, described: Facts) -> str:
    name = escape(tag["name"])
    operations = "".join(
        _operation(path, method, operation, described)
        for path, method, operation in _operations(described, tag["name"])
    )
    title = f'<h2 id="group-{name}">{name}</h2>{_text(tag["description"])}'
    return f'<section aria-labelledby="group-{name}">{title}{operations}</section>'


def _operation(path: str, method: str, operation: Facts, described: Facts) -> str:
    return (
        f'<article id="{operation["operationId"]}"><h3><b class="{method}">{method.upper()}</b> {_code(path)}</h3>'
        f"<p><strong>{escape(operation['summary'])}.</strong></p>{_text(operation['description'])}"
        f"{_parameters(operation.get('parameters', []))}{_body(operation.get('requestBody'))}"
        f"{_answers(operation['responses'], described)}</article>"
    )


def _parameters(parameters: Iterable[Facts]) -> str:
    rows = [
        (_code(one["name"]), escape(one["in"]), _type(one["schema"]), _inline(one["description"])) for one in parameters
    ]
    return _table("Parameters", ("name", "in", "type", "meaning"), rows) if rows else ""


def _body(body: Facts | None) -> str:
    if body is None:
        return ""
    parts = [
        f"<p>{_code(media)}: {_type(said['schema'])}</p>{_example(said['example'])}"
        for media, said in _distinct(body["content"]).items()
    ]
    return f"<h4>Body{'' if body['required'] else ', which may be left out'}</h4>{''.join(parts)}"


def _distinct(content: Facts) -> Facts:
    """Media types of one form in one place."""
    names: dict[str, list[str]] = {}
    for media, said in content.items():
        names.setdefault(json.dumps(said), []).append(media)
    return {", ".join(media): json.loads(said) for said, media in names.items()}


def _answers(responses: Facts, described: Facts) -> str:
    rows, examples = [], []
    for status, found in responses.items():
        response = _resolved(found, described)
        [(media, said)] = response["content"].items()
        kind = _type(said["schema"]) if media == "application/json" else _code(media)
        headers = [
            _code(name) for name in response["headers"] if name not in ("Cache-Control", "X-Content-Type-Options")
        ]
        rows.append((_code(status), _inline(response["description"]), kind, ", ".join(headers)))
        if "example" in said:
            examples.append(f"<p>For example {_code(status)}:</p>{_example(said['example'])}")
    return _table("Answers", ("status", "means", "body", "headers"), rows) + "".join(examples)


def _resolved(said: Facts, described: Facts) -> Any:
    return described["components"]["responses"][said["$ref"].rpartition("/")[2]] if "$ref" in said else said


def _schema(name: str, schema: Facts) -> str:
    required = schema.get("required", ())
    rows = [
        (_code(field), _type(said), "always" if field in required else "", _inline(said.get("description", "")))
        for field, said in schema.get("properties", {}).items()
    ]
    fields = _table("Fields", ("field", "type", "there", "meaning"), rows) if rows else f"<p>{_type(schema)}</p>"
    return f'<article id="schema-{name}"><h3>{_code(name)}</h3>{_text(schema.get("description", ""))}{fields}</article>'


def _type(schema: Any) -> str:
    """A schema in few words, with links to those that have a name."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#schema-{name}">{escape(name)}</a>'
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return " or ".join(_type(each) for each in schema[choice])
    if "const" in schema or "enum" in schema:
        return " or ".join(_code(json.dumps(value)) for value in schema.get("enum", [schema.get("const")]))
    if schema.get("items"):
        return f"list of {_type(schema['items'])}"
    kind = escape(str(schema.get("type", "anything"))) + (f" ({schema['format']})" if "format" in schema else "")
    if isinstance(schema.get("additionalProperties"), dict):
        kind += f" of {_type(schema['additionalProperties'])}"
    return kind + _bounds(schema)


def _bounds(schema: Facts) -> str:
    names = {
        "minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<",
        "minLength": "characters ≥", "maxLength": "characters ≤", "pattern": "as",
    }  # fmt: skip
    said = [f"{sign} {_code(str(schema[name]))}" for name, sign in names.items() if name in schema]
    return f", {', '.join(said)}" if said else ""


def _table(title: str, heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f'<h4>{title}</h4><div class="wide" tabindex="0" role="region" aria-label="{title}"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _example(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    return f'<pre tabindex="0"><code>{escape(text)}</code></pre>'


def _text(text: str) -> str:
    return "".join(f"<p>{_inline(part)}</p>" for part in text.split("\n\n") if part)


def _inline(text: str) -> str:
    """A text whose backticks mark code."""
    pieces = escape(text).split("`")
    return "".join(f"<code>{piece}</code>" if number % 2 else piece for number, piece in enumerate(pieces))


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>"

"""The page of the routes: one document, nothing else to load, and safe to show."""

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

from streams.contract.openapi import openapi
from streams.contract.operations import OPERATIONS
from streams.contract.page import page
from tests.streams.gateway.fakes import Gateway


class Read(HTMLParser):
    """Ids and links of a page, and the elements that are still open."""

    VOID = ("meta", "br", "link", "img")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: set[str] = set()
        self.tags: set[str] = set()
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = dict(attrs)
        self.tags.add(tag)
        self.ids += [facts["id"] or ""] if "id" in facts else []
        self.links |= {facts["href"] or ""} if "href" in facts else set()
        self.open += [] if tag in self.VOID else [tag]
        assert "style" not in facts
        assert not any(name.startswith("on") for name in facts)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


async def test_it_may_load_its_own_style_and_nothing_else_and_needs_no_script() -> None:
    async with Gateway().client() as client:
        response = await client.get("/docs")
    [style] = re.findall("<style>(.*?)</style>", response.text, re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = response.headers["Content-Security-Policy"]
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert Read(response.text).tags & {"script", "img", "link", "iframe"} == set()
    assert "prefers-color-scheme:dark" in style
    assert 'name="viewport"' in response.text


def test_every_operation_and_every_schema_stands_there_once_and_every_link_leads_somewhere() -> None:
    read = Read(page(openapi()))
    assert read.open == []
    assert len(read.ids) == len(set(read.ids))
    wanted = {one.name for one in OPERATIONS} | {f"schema-{name}" for name in openapi()["components"]["schemas"]}
    assert wanted <= set(read.ids)
    assert {link.removeprefix("#") for link in read.links if link.startswith("#")} <= set(read.ids)
    assert {link for link in read.links if not link.startswith("#")} == {"/openapi.json", "/asyncapi.json"}


def test_texts_are_text() -> None:
    said = {**openapi(), "info": {"title": "<b>", "version": "1", "description": "a `<i>` & b"}}
    shown = page(said)
    assert "<b> API" not in shown
    assert "a <code>&lt;i&gt;</code> &amp; b" in shown

"""The champion route: one model, whoever asks."""

from collections.abc import Mapping

import pytest

from models.bundle import Bundle, read_bundle
from models.routing import ChampionRoutes
from schemas.errors import InvalidRequest


@pytest.fixture
def churn(files: Mapping[str, bytes]) -> Bundle:
    return read_bundle(files)


def test_everything_goes_to_the_champion(churn: Bundle) -> None:
    routes = ChampionRoutes({"churn": churn}, epoch=4)
    routed = {id(routes.route(model, entity)) for model in (None, "churn") for entity in ("a", "b")}
    assert len(routed) == 1
    assert routes.route(None, "a").epoch == 4


def test_the_model_must_be_named_where_there_are_several(churn: Bundle) -> None:
    routes = ChampionRoutes({"churn": churn, "fraud": churn})
    assert routes.route("fraud", "a").bundle is churn
    with pytest.raises(InvalidRequest, match="say which of churn, fraud"):
        routes.route(None, "a")


def test_an_unknown_model_is_answered_with_the_known_ones(churn: Bundle) -> None:
    with pytest.raises(InvalidRequest, match="known are churn"):
        ChampionRoutes({"churn": churn}).route("spam", "a")

"""The routes as the scorer asks them."""

import pytest

from models.bundle import Bundle
from models.routing import ModelRoute, Routes
from schemas.errors import InvalidRequest
from schemas.routes import RoutePlan
from tests.models.graphs import bundle_of
from tests.models.routing.plans import ENTITIES, plan, usual

BUNDLES: dict[str, Bundle] = {version: bundle_of("binary") for version in ("v1", "v2", "v3")}


def route(plan: RoutePlan, model: str = "churn", epoch: int = 4) -> ModelRoute:
    return ModelRoute(model, plan, epoch, BUNDLES)


def routes(*given: ModelRoute) -> Routes:
    return Routes({one.model: one for one in given})


def test_a_champion_answers_everyone_in_one_way() -> None:
    served = routes(route(usual("champion")))
    way, *others = [served.route(model, entity) for model in (None, "churn") for entity in ("a", "b")]
    assert all(other is way for other in others)
    assert (way.bundle, way.strategy, way.arm, way.epoch, way.mirrors) == (BUNDLES["v1"], "champion", "champion", 4, ())


@pytest.mark.contract("T1")
def test_a_canarys_arms_are_one_way_each_with_their_own_versions() -> None:
    served = routes(route(usual("canary", 0.1)))
    ways = {id(way): way for way in (served.route("churn", entity) for entity in ENTITIES[:300])}.values()
    assert {(way.arm, id(way.bundle), way.mirrors) for way in ways} == {
        ("champion", id(BUNDLES["v1"]), ()),
        ("canary", id(BUNDLES["v2"]), ()),
    }
    assert len(ways) == 2


@pytest.mark.contract("T2")
@pytest.mark.parametrize(
    ("share", "mirrors"), [(1.0, {("v2", "v3")}), (0.0, {()}), (0.5, {(), ("v2", "v3")})], ids=["all", "none", "half"]
)
def test_the_champion_answers_and_says_whom_else_to_ask(share: float, mirrors: set[tuple[str, ...]]) -> None:
    shadows = plan("shadow", ("champion", "v1", 1), ("new", "v2", 0), ("newer", "v3", 0), mirror=share)
    served = routes(ModelRoute("churn", shadows, 4, {"v1": BUNDLES["v1"]}))
    ways = {id(way): way for way in (served.route("churn", entity) for entity in ENTITIES[:300])}.values()
    assert {way.mirrors for way in ways} == mirrors
    assert len(ways) == len(mirrors)
    assert {(way.arm, id(way.bundle)) for way in ways} == {("champion", id(BUNDLES["v1"]))}


def test_a_route_in_force_goes_on_though_its_plan_would_be_refused_now() -> None:
    served = routes(route(plan("canary", ("champion", "v1", 0), ("canary", "v2", 0))))
    assert served.route("churn", "c-1").arm == "champion"


def test_a_route_takes_its_place_and_leaves_the_routes_before_as_they_were() -> None:
    before = routes(route(usual("champion")), route(usual("champion"), "fraud"))
    after = before.replaced(route(usual("champion"), epoch=5))
    assert [one.route("churn", "c-1").epoch for one in (before, after)] == [4, 5]
    assert after.route("fraud", "c-1") is before.route("fraud", "c-1")
    more = Routes({}).replaced(route(usual("champion"), "spam")).replaced(route(usual("champion")))
    assert more.models == ("churn", "spam")
    assert (more.without("churn").models, more.without("fraud").models) == (("spam",), ("churn", "spam"))
    assert more.without("churn").route(None, "c-1").epoch == 4


@pytest.mark.parametrize(
    ("models", "model", "says"),
    [
        (["churn", "fraud"], None, "model say which of churn, fraud"),
        (["fraud", "churn"], "spam", "model is not served; known are churn, fraud"),
        ([], "spam", "model is not served; known are none"),
    ],
)
def test_a_request_for_no_model_that_is_served_is_told_the_known_ones(
    models: list[str], model: str | None, says: str
) -> None:
    with pytest.raises(InvalidRequest, match=f"^{says}$") as refused:
        routes(*(route(usual("champion"), name) for name in models)).route(model, "c-1")
    assert [field.field for field in refused.value.fields] == ["model"]

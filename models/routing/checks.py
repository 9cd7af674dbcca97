"""What a plan may look like: each check tells the fields that are not so, with what is allowed."""

from collections.abc import Iterable, Iterator, Sequence

from schemas.errors import FieldError, InvalidRequest
from schemas.request import describe
from schemas.routes import RoutePlan

_TOLERANCE = 1e-9


def refuse(plan: RoutePlan, *wrong: Iterable[FieldError]) -> None:
    """Raises InvalidRequest where any check has found anything."""
    fields = [field for found in wrong for field in found]
    if fields:
        reasons = "; ".join(f"{field.field} {field.reason}" for field in fields)
        raise InvalidRequest(f"{plan.strategy} cannot have this plan: {reasons}", fields)


def named(plan: RoutePlan, *known: str) -> Iterator[FieldError]:
    """Exactly these arms, in this order."""
    listed = ", ".join(known)
    if len(plan.arms) != len(known):
        yield FieldError("arms", f"must be exactly {listed}", _arms(plan))
    yield from begins(plan, *known)


def begins(plan: RoutePlan, *known: str) -> Iterator[FieldError]:
    """These arms first, in this order."""
    for place, (arm, name) in enumerate(zip(plan.arms, known, strict=False)):
        if arm.name != name:
            others = f"; the arms of {plan.strategy} are {', '.join(known)}" if len(known) > 1 else ""
            yield FieldError(f"arms[{place}].name", f"must be {name}{others}", describe(arm.name))


def several(plan: RoutePlan) -> Iterator[FieldError]:
    """Two arms at least."""
    if len(plan.arms) < 2:
        yield FieldError("arms", "must be two or more", _arms(plan))


def distinct_names(plan: RoutePlan) -> Iterator[FieldError]:
    return _repeated("name", [arm.name for arm in plan.arms])


def distinct_versions(plan: RoutePlan) -> Iterator[FieldError]:
    return _repeated("version", [arm.version for arm in plan.arms])


def shared(plan: RoutePlan) -> Iterator[FieldError]:
    """Weights that sum to 1."""
    total = sum(arm.weight for arm in plan.arms)
    if abs(total - 1) > _TOLERANCE:
        yield FieldError("arms", "must have weights that sum to 1", f"a sum of {total:.12g}")


def first_answers(plan: RoutePlan) -> Iterator[FieldError]:
    """Weight 1 for the first arm, 0 for the others."""
    for place, arm in enumerate(plan.arms):
        weight, whose = (0, "another arm") if place else (1, "the first arm")
        if arm.weight != weight:
            reason = f"must be {weight}: under {plan.strategy} the weight of {whose} is no other"
            yield FieldError(f"arms[{place}].weight", reason, describe(arm.weight))


def unmirrored(plan: RoutePlan) -> Iterator[FieldError]:
    """No share of mirrored requests, which would mean nothing."""
    if plan.mirror != 1.0:
        yield FieldError("mirror", f"must be left out: {plan.strategy} mirrors nothing", describe(plan.mirror))


def _repeated(what: str, values: Sequence[str]) -> Iterator[FieldError]:
    for place, value in enumerate(values):
        if value in values[:place]:
            reason = f"must be another than that of arms[{values.index(value)}]"
            yield FieldError(f"arms[{place}].{what}", reason, describe(value))


def _arms(plan: RoutePlan) -> str:
    return ", ".join(arm.name for arm in plan.arms)

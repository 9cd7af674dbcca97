"""Which arm answers an entity, and who gets copies: the same each time, in every process, by a hash of salt and entity.

Arms are drawn by weighted rendezvous: each has a number u in 0..1 for an entity, and the one with the largest
u**(1/weight) answers. So its share is its weight, and a weight that is raised draws entities to its arm and moves no
others. An arm's numbers belong to its place in the plan: names may change, and arms be added at the end, without moving
anyone between those that stay.

Source: Schindelhauer and Schomaker, "Weighted distributed hash tables" (2005); in the form of Efraimidis and Spirakis,
"Weighted random sampling with a reservoir" (2006).
"""

from collections.abc import Callable, Sequence
from hashlib import blake2b
from struct import Struct

from schemas.routes import Arm

_SCALE = 2.0**-64


def answering(arms: Sequence[Arm]) -> Sequence[Arm]:
    """The arms that answer anybody; where no weight says so, the first: somebody has to."""
    return [arm for arm in arms if arm.weight > 0] or arms[:1]


def sticky_arm(salt: str, arms: Sequence[Arm]) -> Callable[[str], str]:
    """entity -> the name of the arm that answers it."""
    drawn = [(place, arm.weight, arm.name) for place, arm in enumerate(arms) if arm.weight > 0]
    if len(drawn) < 2:
        name = answering(arms)[0].name
        return lambda entity: name
    return _of_two(salt, *drawn) if len(drawn) == 2 else _of_many(salt, drawn)


def sticky_copies(salt: str, share: float, versions: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    """entity -> these versions for such a share of the entities, and none for the others."""
    if share in (0.0, 1.0) or not versions:
        always = versions if share == 1.0 else ()
        return lambda entity: always
    begun, number = _begun(salt, b"weir mirror").copy, Struct("<Q").unpack_from

    def copies(entity: str) -> tuple[str, ...]:
        state = begun()
        state.update(entity.encode())
        return versions if number(state.digest())[0] * _SCALE < share else ()

    return copies


def _begun(salt: str, purpose: bytes) -> "blake2b":
    """A hash that waits for the entity; two purposes are independent of each other."""
    return blake2b(salt=blake2b(salt.encode(), digest_size=16).digest(), person=purpose)


def _of_two(salt: str, first: tuple[int, float, str], second: tuple[int, float, str]) -> Callable[[str], str]:
    """As `_of_many`, with one power in place of two: this is asked for every record."""
    begun, numbers = _begun(salt, b"weir arm").copy, Struct("<8Q").unpack
    (place, weight, name), (other_place, other_weight, other_name) = first, second
    ratio = other_weight / weight

    def arm(entity: str) -> str:
        state = begun()
        state.update(entity.encode())
        u = numbers(state.digest())
        return name if (u[place] * _SCALE) ** ratio >= u[other_place] * _SCALE else other_name

    return arm


def _of_many(salt: str, drawn: Sequence[tuple[int, float, str]]) -> Callable[[str], str]:
    begun, numbers = _begun(salt, b"weir arm").copy, Struct("<8Q").unpack
    powers = [(place, 1.0 / weight, name) for place, weight, name in drawn]

    def arm(entity: str) -> str:
        state = begun()
        state.update(entity.encode())
        u = numbers(state.digest())
        best, chosen = -1.0, ""
        for place, power, name in powers:
            score = (u[place] * _SCALE) ** power
            if score > best:
                best, chosen = score, name
        return chosen

    return arm

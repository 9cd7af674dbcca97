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

from xxhash import xxh3_128_digest as digest

from schemas.routes import Arm

_SCALE = 2.0**-64
_numbers = Struct("<QQ").unpack
"""Two independent ones from a digest: those of the arms at places 2n and 2n + 1."""


def answering(arms: Sequence[Arm]) -> Sequence[Arm]:
    """The arms that answer anybody; where no weight says so, the first: somebody has to."""
    return [arm for arm in arms if arm.weight > 0] or arms[:1]


def sticky_arm(salt: str, arms: Sequence[Arm]) -> Callable[[str], str]:
    """entity -> the name of the arm that answers it."""
    drawn = [(place, arm.weight, arm.name) for place, arm in enumerate(arms) if arm.weight > 0]
    if len(drawn) < 2:
        name = answering(arms)[0].name
        return lambda entity: name
    is_pair = len(drawn) == 2 and drawn[0][0] // 2 == drawn[1][0] // 2
    return _of_pair(salt, *drawn) if is_pair else _of_many(salt, drawn)


def sticky_copies(salt: str, share: float, versions: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    """entity -> these versions for such a share of the entities, and none for the others."""
    if share in (0.0, 1.0) or not versions:
        always = versions if share == 1.0 else ()
        return lambda entity: always
    seed, limit = _seed(salt, b"weir mirror"), share / _SCALE

    def copies(entity: str) -> tuple[str, ...]:
        return versions if _numbers(digest(entity.encode(), seed))[0] < limit else ()

    return copies


def _seed(salt: str, purpose: bytes, number: int = 0) -> int:
    """Of the hash: two purposes, and two numbers, are independent of each other."""
    found = blake2b(salt.encode(), digest_size=8, person=purpose, salt=number.to_bytes(8, "little")).digest()
    return int.from_bytes(found, "little")


def _of_pair(salt: str, first: tuple[int, float, str], second: tuple[int, float, str]) -> Callable[[str], str]:
    """As `_of_many`, with one hash and one power: this is asked for every record."""
    (place, weight, name), (_, other_weight, other_name) = first, second
    seed, ratio = _seed(salt, b"weir arm", place // 2), other_weight / weight

    def arm(entity: str) -> str:
        u, other = _numbers(digest(entity.encode(), seed))
        return name if (u * _SCALE) ** ratio >= other * _SCALE else other_name

    return arm


_One = tuple[int, int, float, str]
_Two = tuple[int, float, str, float, str]


def _of_many(salt: str, drawn: Sequence[tuple[int, float, str]]) -> Callable[[str], str]:
    (pairs, lone), first = _by_hash(salt, drawn), drawn[0][2]

    def arm(entity: str) -> str:
        encoded, best, chosen = entity.encode(), 0.0, first
        for seed, exponent, name, other_exponent, other_name in pairs:
            u, other = _numbers(digest(encoded, seed))
            score = (u * _SCALE) ** exponent
            if score > best:
                best, chosen = score, name
            score = (other * _SCALE) ** other_exponent
            if score > best:
                best, chosen = score, other_name
        for seed, place, exponent, name in lone:
            score = (_numbers(digest(encoded, seed))[place] * _SCALE) ** exponent
            if score > best:
                best, chosen = score, name
        return chosen

    return arm


def _by_hash(salt: str, drawn: Sequence[tuple[int, float, str]]) -> tuple[list[_Two], list[_One]]:
    """Arms whose numbers one hash has: two of them, and one with the half that is its own."""
    exponents = {place: (1.0 / weight, name) for place, weight, name in drawn}
    pairs: list[_Two] = []
    lone: list[_One] = []
    for number in sorted({place // 2 for place in exponents}):
        seed, places = _seed(salt, b"weir arm", number), (2 * number, 2 * number + 1)
        if all(place in exponents for place in places):
            pairs.append((seed, *exponents[places[0]], *exponents[places[1]]))
        else:
            lone += [(seed, place % 2, *exponents[place]) for place in places if place in exponents]
    return pairs, lone

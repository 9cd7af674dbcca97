"""Latencies in buckets: the database's are the ones that are read, and a percentile is within one."""

import random
from collections import Counter

import pytest
from sqlalchemy import Engine

from infra.database.latencies import RATIO, Latencies
from tests.infra.database.rows import stored

BUCKETS = "SELECT latency_bucket(CAST(value AS double precision)) FROM json_array_elements_text(:values) AS value"


def buckets(engine: Engine, values: list[float]) -> list[int]:
    return stored(engine, BUCKETS.replace(":values", "CAST(:values AS json)"), values=str(values))


def test_a_latency_lies_within_the_edges_of_its_bucket(engine: Engine, seed: int) -> None:
    chance = random.Random(seed)
    values = [10 ** chance.uniform(-3, 6) for _ in range(2000)]
    for value, bucket in zip(values, buckets(engine, values), strict=True):
        assert RATIO**bucket * (1 - 1e-9) <= value <= RATIO ** (bucket + 1) * (1 + 1e-9)


def test_what_no_clock_measures_has_a_bucket_too(engine: Engine) -> None:
    assert buckets(engine, [-5.0, 0.0, 0.001, 0.99]) == [-349, -349, -349, -1]
    assert stored(engine, "SELECT latency_bucket('NaN') = latency_bucket('Infinity')") == [True]


def test_percentiles_are_within_one_percent_of_the_values_own(engine: Engine, seed: int) -> None:
    chance = random.Random(seed)
    values = [chance.lognormvariate(3, 1) for _ in range(chance.randint(1, 3000))]
    latencies = Latencies([Counter(map(str, buckets(engine, part))) for part in (values[:100], values[100:])])
    exact = "SELECT percentile_cont(:share) WITHIN GROUP (ORDER BY CAST(CAST(value AS text) AS float8)) FROM "
    for share in (0.0, 0.5, 0.99, 1.0):
        query = f"{exact} json_array_elements(CAST(:values AS json)) AS value"
        [found] = stored(engine, query, share=share, values=str(values))
        assert latencies.percentile(share) == pytest.approx(found, rel=0.01)


def test_between_two_values_a_percentile_is_as_near_to_each_as_it_lies() -> None:
    latencies = Latencies([{"0": 1, "100": 1}])
    low, high = RATIO**0.5, RATIO**100.5
    assert latencies.percentile(0.5) == pytest.approx((low + high) / 2)


def test_slower_are_those_that_surely_took_longer() -> None:
    latencies = Latencies([{"10": 2, "11": 3, "12": 4}, {"12": 1, "13": 0}])
    assert [latencies.slower(RATIO**power) for power in (9.5, 10.5, 11.5, 12.5)] == [10, 8, 5, 0]


def test_a_bucket_that_was_taken_back_is_none() -> None:
    latencies = Latencies([{"10": 2}, {"10": -2}])
    assert (latencies.percentile(0.5), latencies.slower(1)) == (None, 0)

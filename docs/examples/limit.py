"""Limit what your own code does, by buckets like those of the keys: python docs/examples/limit.py CLIENT [TIER]"""

import sys

from infra.rate_limit import AdaptiveRateLimiter

limiter = AdaptiveRateLimiter()  # Redis is where REDIS_URL says
client, tier = [*sys.argv[1:], "basic"][:2]

allowed, info = limiter.is_allowed(client, tier=tier)
if allowed:
    print(f"go on, {info['remaining']} left at once, {info['limit']} an hour")
else:
    print(f"come back in {info['retry_after']} s")

"""Ask straight over Kafka, then say what really happened."""

import asyncio
import json
import os
import sys
from pathlib import Path

from streams.client import Ask, WeirClient

CUSTOMER = json.loads(Path(__file__).with_name("customer.json").read_text())
NEEDED = {
    "KAFKA_BOOTSTRAP_SERVERS": "`weir status` shows the address of Kafka",
    "WEIR_API_KEY": "`weir keys create --name me` prints a key once",
    "WEIR_KEY_ID": "`weir keys create` prints the key's id beside it, `weir keys list` shows it later",
}


async def main() -> int:
    client = WeirClient(
        os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        api_key=os.environ["WEIR_API_KEY"],
        key_id=os.environ["WEIR_KEY_ID"],
    )
    async with client:
        result = await client.predict(CUSTOMER["features"], entity=CUSTOMER["entity"])
        if result.error is not None:
            print(f"{result.entity}: {result.status}, {result.error.message}")
            return 1
        print(f"{result.entity}: {result.status}, risk {result.risk_score:.0f} of 100")

        await client.feedback(result.request_id, label=1)  # the customer did leave

        asks = [Ask(CUSTOMER["features"], entity=f"c-{number}") for number in range(20)]
        answered = await client.predict_many(asks, timeout=30)
        print(f"{sum(one is not None and one.status == 'ok' for one in answered)} of {len(asks)} predicted")

        await client.submit_many(asks)  # nobody waits: the results lie on prediction-results
    return 0


if missing := [f"{name} ({how})" for name, how in NEEDED.items() if not os.environ.get(name)]:
    print(f"not set: {', '.join(missing)}", file=sys.stderr)
    sys.exit(2)
sys.exit(asyncio.run(main()))

"""Ask straight over Kafka, then say what really happened."""

import asyncio
import json
import os
from pathlib import Path

from streams.client import Ask, WeirClient

CUSTOMER = json.loads(Path(__file__).with_name("customer.json").read_text())


async def main() -> None:
    client = WeirClient(
        os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        api_key=os.environ["WEIR_API_KEY"],
        key_id=os.environ["WEIR_KEY_ID"],
    )
    async with client:
        result = await client.predict(CUSTOMER["features"], entity=CUSTOMER["entity"])
        print(f"{result.entity}: {result.status}, risk {result.risk_score:.0f} of 100")

        await client.feedback(result.request_id, label=1)  # the customer did leave

        asks = [Ask(CUSTOMER["features"], entity=f"c-{number}") for number in range(20)]
        answered = await client.predict_many(asks, timeout=30)
        print(f"{sum(one is not None and one.status == 'ok' for one in answered)} of {len(asks)} predicted")

        await client.submit_many(asks)  # nobody waits: the results lie on prediction-results


asyncio.run(main())

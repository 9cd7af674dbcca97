"""The stock Faust agent of the comparison: one record after the other, default settings, and nothing but scoring."""

import os
import sys
from typing import Any

import faust

from infra import artifacts
from models.bundle import read_bundle
from models.features import encode
from streams.settings import Settings


def make_worker(settings: Settings, source: str, target: str) -> faust.Worker:
    """A worker as `faust worker` runs it, without its web server."""
    store, name = settings.model_store, settings.model_name
    bundle = read_bundle(artifacts.fetch(store, name, artifacts.latest(store, name)))
    app = faust.App(
        target, broker=f"kafka://{settings.kafka_bootstrap_servers}", web_enabled=False, datadir=settings.data_dir
    )
    requests, results = app.topic(source), app.topic(target)

    async def consume(stream: Any) -> None:
        async for request in stream:
            encoded = encode(bundle.signature, [request["features"]])
            probability = float(bundle.score(encoded.matrix)[0])
            await results.send(key=request["entity"], value={"entity": request["entity"], "probability": probability})

    app.agent(requests)(consume)
    return faust.Worker(app, loglevel="WARNING", redirect_stdouts=False)


if __name__ == "__main__":
    make_worker(Settings.read(os.environ), *sys.argv[1:3]).execute_from_commandline()

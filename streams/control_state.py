"""Where routes and registry lie on the platform that the settings name."""

from infra.control_store import TopicControlStore
from infra.kafka import client_options
from streams.settings import Settings
from streams.topics import MODEL_REGISTRY, MODEL_ROUTES


def control_store(settings: Settings) -> TopicControlStore:
    """Reads both topics whole, each time anew."""
    topics = settings.topic(MODEL_ROUTES.name), settings.topic(MODEL_REGISTRY.name)
    return TopicControlStore(client_options(settings), *topics)

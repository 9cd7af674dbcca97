"""Routing strategies: which model answers a request."""

from models.routing.base import Routed
from models.routing.champion import ChampionRoutes

__all__ = ["ChampionRoutes", "Routed"]

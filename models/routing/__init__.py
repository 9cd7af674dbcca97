"""Routing strategies: which model answers a request. One file each; `STRATEGIES` names them all."""

from models.routing.base import Routed, Strategy
from models.routing.canary import RAMP, next_step
from models.routing.routes import ModelRoute, Routes
from models.routing.strategies import STRATEGIES

__all__ = ["RAMP", "STRATEGIES", "ModelRoute", "Routed", "Routes", "Strategy", "next_step"]

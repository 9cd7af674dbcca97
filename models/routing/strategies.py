"""Every strategy by the name that plans say."""

from collections.abc import Mapping

from models.routing.ab import AB
from models.routing.bandit import Bandit
from models.routing.base import Strategy
from models.routing.blue_green import BlueGreen
from models.routing.canary import Canary
from models.routing.champion import Champion
from models.routing.champion_challenger import ChampionChallenger
from models.routing.shadow import Shadow
from schemas.routes import StrategyName

STRATEGIES: Mapping[StrategyName, type[Strategy]] = {
    "champion": Champion,
    "canary": Canary,
    "blue_green": BlueGreen,
    "shadow": Shadow,
    "ab": AB,
    "champion_challenger": ChampionChallenger,
    "bandit": Bandit,
}

"""The monitor as it is put together."""

from collections.abc import Callable
from time import monotonic

import pytest

from schemas.errors import Unavailable
from streams.roles.monitor import _read_alerts, _read_states
from streams.settings import Settings


@pytest.mark.parametrize("read", [_read_alerts, lambda settings: _read_states(settings, "monitor-state")])
def test_states_that_are_not_to_be_had_are_given_up_within_a_batchs_time(read: Callable[[Settings], object]) -> None:
    """Beyond it the record at hand would count as one that crashes the monitor, and in the end be passed over."""
    settings = Settings(kafka_bootstrap_servers="127.0.0.1:1", batch_timeout_s=1)
    begun = monotonic()
    with pytest.raises(Unavailable):
        read(settings)
    assert monotonic() - begun < settings.batch_timeout_s

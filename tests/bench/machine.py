"""What it was measured on."""

import os
import platform
from importlib.metadata import version

from infra.local.stack import RunningStack

LIBRARIES = ("faust-streaming", "aiokafka", "confluent-kafka", "onnxruntime", "uvloop")


def machine(stack: RunningStack) -> dict[str, str]:
    """Name -> value, in the order to be shown."""
    services = {service.name: f"{service.version or '?'} ({service.how})" for service in stack.services}
    return {
        "cores": str(os.cpu_count()),
        "load": f"{os.getloadavg()[0]:.1f}",
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
        **services,
    }

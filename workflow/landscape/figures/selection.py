"""The figures that a configuration has."""

from landscape.config.network_study import NetworkStudy
from landscape.config.study import Study
from landscape.figures.registry import FIGURES, FigureSpec


def wanted(study: Study) -> list[str]:
    """The names of the figures that this study's settings ask for, in the registry's order.

    Without a `network` section there are none of the network's; a sweep's figure is drawn where its
    factor is configured, the insight figures where there is an `insight` section. The
    benchmark's is drawn by its own target.
    """
    return [
        name
        for name, spec in FIGURES.items()
        if spec.study != "bench"
        and (spec.study != "mechanism" or study.mechanism)
        and (spec.study != "network" or (study.network and _has(study.network, spec)))
    ]


def _has(network: NetworkStudy, spec: FigureSpec) -> bool:
    match spec.needs:
        case "sweep":
            return bool(network.sweeps.get(dict(spec.options)["factor"]))  # type: ignore[call-overload]
        case "ablations":
            return any(network.ablations.values())
        case "finals":
            return bool(network.finals)
        case "insight":
            return network.insight is not None
    return True

"""The figures that a configuration has."""

from landscape.config.network_study import NetworkStudy
from landscape.config.study import Study
from landscape.figures.registry import FIGURES, FigureSpec


def wanted(study: Study) -> list[str]:
    """The names of the figures that this study's settings select, in the registry's order.

    A figure is drawn if the configuration has every section of its tables; a sweep's figure if its
    factor is configured, the insight figures if there is an `insight` section, spectra if a
    network is inspected in depth. The benchmark's figure has its own target.
    """
    return [name for name, spec in FIGURES.items() if _is_wanted(spec, study)]


def _is_wanted(spec: FigureSpec, study: Study) -> bool:
    sections = {path.partition("/")[0] for path in spec.tables} - {"data"}
    if spec.study == "bench" or any(getattr(study, section) is None for section in sections):
        return False
    if spec.needs == "in_depth":
        return study.mechanism is not None and bool(study.mechanism.in_depth.networks)
    return spec.study != "network" or (study.network is not None and _has(study.network, spec))


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

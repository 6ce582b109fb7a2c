"""Networks of escape-noise neurons behind the finite-size population models, with published parameters.

Where all pairs are connected, neurons receive their own spikes too, as in the population models.

A mean input mu in mV is a drive of mu/tau in mV/s; the potentials are relative to the reset. The hazard is tested at
the end of every step, so that without a refractory period rates err in the second order of dt. The refractory period
begins with the step of its spike: at dt it is shorter by dt.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from types import MappingProxyType
from typing import Any

from ssnbrian.models.adaptation import SLOW_THRESHOLD_ADAPTATION, THRESHOLD_ADAPTATION
from ssnbrian.models.neurons.integrate_and_fire import ESCAPE_NOISE
from ssnbrian.models.synapses.current import EXPONENTIAL

from ssnbrian.circuit import (
    AllToAll,
    Circuit,
    Constant,
    FixedInDegree,
    InvalidInputError,
    NeuronModel,
    PiecewiseLinear,
    Population,
    Projection,
)
from ssnbrian.circuit.transforms import fully_connected

SOURCE = "Schwalger, Deger, Gerstner 2017, PLoS Comput Biol 13"
MICROCIRCUIT = "Potjans, Diesmann 2014, Cereb Cortex 24"
_TAU = 0.020  # s, of all networks but the column
_RECURRENT = {
    "tau": "20 ms",
    "rest": "0 mV",
    "reset": "0 mV",
    "threshold": "15 mV",
    "refractory_period": "4 ms",
    "escape_rate": "10 Hz",
    "escape_width": "2.5 mV",
}
#: Published step of the input of both populations of the E-I networks, by 20 mV after 1.5 s.
STEP = PiecewiseLinear([0, 1.5, 1.5, 3], [mu / _TAU for mu in (24, 24, 44, 44)])
_DECAY = {"excitatory": "3 ms", "inhibitory": "6 ms"}


def _synapses(decay: str, delay: str) -> dict[str, str]:
    return {"tau_synapse": decay, "delay_low": delay, "delay_high": delay}


def _projection(source: Population, target: str, weight: float, rule: FixedInDegree | AllToAll) -> Projection:
    """Exponential synapses of ``weight`` (mV) with the decay time of the source's kind and a delay of 1 ms."""
    return Projection(source.name, target, f"{weight!r} mV", rule, EXPONENTIAL, _synapses(_DECAY[source.kind], "1 ms"))


def escape_lif() -> Circuit:
    """200 uncoupled LIF neurons with escape noise at mu = 20 mV, which fire regularly at 46.57 Hz."""
    parameters = {**_RECURRENT, "threshold": "10 mV", "refractory_period": "0 ms", "escape_width": "1 mV"}
    return Circuit(
        "escape_lif",
        (Population("E", 200, ESCAPE_NOISE, "excitatory", parameters),),
        (),
        Constant(20 / _TAU, duration=5),
        1.0,
        "uncoupled LIF neurons with escape noise",
        "Schmutz, Löcherbach, Schwalger 2023, SIAM J Appl Dyn Syst 22",
    )


def _excitatory_inhibitory(name: str, neuron: NeuronModel, given: Mapping[str, Any], description: str) -> Circuit:
    """800 E and 200 I neurons connected with probability 0.2; E synapses of 0.3 mV, I synapses of -1.5 mV."""
    parameters = {**_RECURRENT, **given}
    populations = (
        Population("E", 800, neuron, "excitatory", parameters),
        Population("I", 200, neuron, "inhibitory", parameters),
    )
    weights = {"E": 0.3, "I": 1.5}
    projections = tuple(
        _projection(source, target, weights[source.name], FixedInDegree.from_probability(0.2, source.size))
        for target in ("E", "I")
        for source in populations
    )
    return Circuit(name, populations, projections, Constant(24 / _TAU, duration=5), 1.0, description, SOURCE)


def escape_ei() -> Circuit:
    """800 E and 200 I neurons with escape noise, all to all, at mu = 24 mV; see :data:`STEP`.

    The mean inputs are those of the published connections, :func:`escape_ei_sparse`; with every pair connected the
    population model leaves nothing out but the fluctuations of single ages.
    """
    text = "E-I network of LIF neurons with escape noise, all to all"
    return fully_connected(_excitatory_inhibitory("escape_ei", ESCAPE_NOISE, {}, text))


def escape_ei_sparse() -> Circuit:
    """The network of :func:`escape_ei` with connections of probability 0.2, as published.

    Neurons of one population then receive different spikes: they fire some 3 % more than in the population model.
    """
    text = "E-I network of LIF neurons with escape noise, connected with probability 0.2"
    return _excitatory_inhibitory("escape_ei_sparse", ESCAPE_NOISE, {}, text)


def escape_ei_adapting() -> Circuit:
    """The network of :func:`escape_ei` with a threshold that adapts with time constants of 100 ms and 1 s."""
    return fully_connected(
        _excitatory_inhibitory(
            "escape_ei_adapting",
            ESCAPE_NOISE + THRESHOLD_ADAPTATION + SLOW_THRESHOLD_ADAPTATION,
            {
                "tau_threshold": "100 ms",
                "threshold_area": "1000 mV*ms",
                "tau_slow_threshold": "1000 ms",
                "slow_threshold_area": "1000 mV*ms",
            },
            "E-I network of LIF neurons with escape noise and adapting thresholds, all to all",
        )
    )


def _competition(
    name: str, excitatory: NeuronModel, given: Mapping[str, Any], weights: Mapping[str, float], mu: float, text: str
) -> Circuit:
    """Two excitatory populations that excite themselves and inhibit each other through the inhibitory one.

    ``weights`` (mV) go by the kind of the source, ``mu`` (mV) is the excitatory mean input; the inhibitory is 36 mV.
    """
    first, second = (Population(one, 400, excitatory, "excitatory", {**_RECURRENT, **given}) for one in ("E1", "E2"))
    inhibitory = Population("I", 200, ESCAPE_NOISE, "inhibitory", _RECURRENT)
    pairs = [(one, one) for one in (first, second, inhibitory)]
    pairs += [pair for one in (first, second) for pair in ((one, inhibitory), (inhibitory, one))]
    projections = tuple(_projection(one, other.name, weights[one.kind], AllToAll(True)) for one, other in pairs)
    drive = Constant(mu / _TAU, duration=30)
    return Circuit(name, (first, second, inhibitory), projections, drive, 36 / mu, text, SOURCE)


def winner_take_all() -> Circuit:
    """E1 or E2 is active; the noise of finite numbers makes the activity hop between them at random times."""
    text = "two populations compete: finite-size noise makes the activity hop between them"
    weights = {"excitatory": 0.0624, "inhibitory": 0.2496}
    return _competition("winner_take_all", ESCAPE_NOISE, {}, weights, 36.0, text)


def winner_take_all_adapting() -> Circuit:
    """E1 and E2 are active in turns: adaptation of the excitatory neurons ends the activity of the winner."""
    text = "two adapting populations compete: the activity alternates"
    given = {"tau_slow_threshold": "1000 ms", "slow_threshold_area": "100 mV*ms"}
    weights = {"excitatory": 0.096, "inhibitory": 0.384}
    neuron = ESCAPE_NOISE + SLOW_THRESHOLD_ADAPTATION
    return _competition("winner_take_all_adapting", neuron, given, weights, 36.5, text)


def bistable_escape() -> Circuit:
    """80 E and 20 I neurons, all to all, with a silent and an active state between which the activity hops.

    The stationary theory has states at 2.9 (E) and 2.5 Hz (I) and at 32 and 21 Hz, and a saddle at 8.6 and 5.3 Hz.
    Excitation is slower than inhibition (10 against 5 ms), without which the active state is not stable.
    :func:`~ssnbrian.circuit.transforms.resized` keeps J, and so the states. Parameters of this package.
    """
    text = "a silent and an active state of an E-I network, between which finite-size noise makes the activity hop"
    populations = tuple(
        Population(name, size, ESCAPE_NOISE, kind, _RECURRENT)
        for name, size, kind in (("E", 80, "excitatory"), ("I", 20, "inhibitory"))
    )
    weights = {("E", "E"): 0.5925, ("I", "E"): 1.5, ("E", "I"): 0.375, ("I", "I"): 0.95}  # mV, source and target
    decays = {"E": "10 ms", "I": "5 ms"}
    projections = tuple(
        Projection(source, target, f"{weight!r} mV", AllToAll(True), EXPONENTIAL, _synapses(decays[source], "1 ms"))
        for (source, target), weight in weights.items()
    )
    drive = Constant(11 / _TAU, duration=30)
    return Circuit("bistable_escape", populations, projections, drive, 1.0, text)


#: Populations of the column: size, mean input (mV) and stationary rate (Hz), simulated at full size (1.5 s, dt 0.1 ms,
#: standard errors up to 1 %).
COLUMN: Mapping[str, tuple[int, float, float]] = MappingProxyType(
    {
        "L23E": (20683, 19.14942021, 1.027),
        "L23I": (5834, 20.36247192, 2.974),
        "L4E": (21915, 30.80455243, 4.686),
        "L4I": (5479, 28.06868188, 5.824),
        "L5E": (4850, 29.43680143, 8.214),
        "L5I": (1065, 29.32954448, 9.258),
        "L6E": (14395, 34.93225564, 1.016),
        "L6I": (2948, 32.08123423, 7.710),
    }
)
#: Connection probabilities: rows are targets, columns sources, in the order of ``COLUMN``.
PROBABILITIES = (
    (0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0, 0.0076, 0.0),
    (0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0, 0.0042, 0.0),
    (0.0077, 0.0059, 0.0497, 0.135, 0.0067, 0.0003, 0.0453, 0.0),
    (0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0, 0.1057, 0.0),
    (0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0),
    (0.0548, 0.0269, 0.0257, 0.0022, 0.06, 0.3158, 0.0086, 0.0),
    (0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252),
    (0.0364, 0.001, 0.0034, 0.0005, 0.0277, 0.008, 0.0658, 0.1443),
)
#: Thalamic relay neurons and the probabilities with which they connect to the layers that they reach.
THALAMIC_NEURONS, THALAMIC_PROBABILITIES = 902, {"L4E": 0.0983, "L4I": 0.0619, "L6E": 0.0512, "L6I": 0.0196}
_JUMP = 87.8 * 0.5 / 250  # mV: 87.8 pA for 0.5 ms on 250 pF
_COLUMN_TAU = 0.010  # s


def column_weight(source: str, target: str) -> float:
    """Signed jump of a spike in mV at full size: doubled from L4E to L23E, -4 times from inhibitory populations."""
    if source.endswith("I"):
        return -4 * _JUMP
    return 2 * _JUMP if (source, target) == ("L4E", "L23E") else _JUMP


def column(scale: float = 1.0) -> Circuit:
    """The microcircuit below 1 mm2 of cortex, with escape noise in place of the background's fluctuations.

    At a ``scale`` s in (0, 1] there are s N neurons with in-degrees s K, rounded, and weights J/sqrt(s): the variance
    of the input is kept. ``rest``, which holds the constant input, adds the mean that is missing at the rates r of
    ``COLUMN``, tau (1 - sqrt(s)) K J r: the rates stay (0.1: within 2 %), the recurrent loops weaken by sqrt(s).
    At full size there are 2.8e8 synapses, which take 6.2 GB; to connect them and simulate 1.8 s takes about 30 s.
    In-degrees are fixed at the probability times the size of the source, without multiple synapses.
    Raises :class:`InvalidInputError` for a scale outside of (0, 1].
    """
    if not 0 < scale <= 1:
        raise InvalidInputError(f"scale of the column: expected a number above 0 and up to 1, got {scale}")
    sizes = {name: round(scale * size) for name, (size, _, _) in COLUMN.items()}
    populations, projections = [], []
    for target, probabilities in zip(COLUMN, PROBABILITIES, strict=True):
        missing = 0.0
        for source, probability in zip(COLUMN, probabilities, strict=True):
            size, _, rate = COLUMN[source]
            jump, in_degree = column_weight(source, target), round(scale * probability * size)
            weight = jump / sqrt(scale)
            missing += _COLUMN_TAU * (round(probability * size) * jump - in_degree * weight) * rate
            if in_degree:
                rule, synapses = FixedInDegree(in_degree), _synapses("0.5 ms", "1.5 ms")
                projections.append(Projection(source, target, f"{abs(weight)!r} mV", rule, EXPONENTIAL, synapses))
        populations.append(_layer(target, sizes[target], COLUMN[target][1] + missing))
    description = "cortical column: four layers of excitatory and inhibitory neurons with escape noise"
    name = "column" if scale == 1 else f"column {scale:g}"
    drive = Constant(0, duration=2)
    return Circuit(name, tuple(populations), tuple(projections), drive, 1.0, description, f"{MICROCIRCUIT}; {SOURCE}")


def thalamic_input(rate: float) -> dict[str, float]:
    """Mean input (mV/s) of the populations of :func:`column` from thalamic neurons that fire at ``rate`` (Hz).

    Probability times 902 neurons times the excitatory jump times the rate; 0 for the layers that they do not reach. A
    mean needs no scaling of the column.
    """
    reached = {name: one * THALAMIC_NEURONS * _JUMP * rate for name, one in THALAMIC_PROBABILITIES.items()}
    return {name: reached.get(name, 0.0) for name in COLUMN}


def _layer(name: str, size: int, rest: float) -> Population:
    parameters = {
        "tau": "10 ms",
        "rest": f"{rest!r} mV",
        "reset": "0 mV",
        "threshold": "15 mV",
        "refractory_period": "2 ms",
        "escape_rate": "10 Hz",
        "escape_width": "5 mV",
    }
    return Population(name, size, ESCAPE_NOISE, "excitatory" if name.endswith("E") else "inhibitory", parameters)

"""Parameters of the benchmark circuits as plain numbers, shared by the Brian2, NEST and hand-written versions.

Units: mV, s, Hz. A pair is written target first: 'EI' is the projection from I to E. ``totals`` are J = K j, so that
the mean input does not depend on the connection probability and all sizes and probabilities have nearly the same
rates. There are no autapses and no repeated synapses.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ssnbrian.models.papers import ekelmans2023

PAIRS = ("EE", "EI", "IE", "II")
PAPER_DRIVES = {
    # Mean external inputs to E and I (mV/s) at which the circuits are compared.
    "supersaturating": (19.0, 19.0),
    "mouse_v1": (100.0, 100.0),
    "mouse_v1_isn": (100.0, 50.0),
    "bistable": (10.0, 10.0),
}
DESCRIPTIONS = {
    "delta": "LIF, white noise, delta synapses; Euler step, threshold on the grid",
    "exponential": "LIF, white noise, exponential synapses (5 ms), one delay (1.5 ms); Euler step, grid",
    "escape": "LIF with exponential escape rate and no other noise, delta synapses",
    "conductance": "LIF, white noise, exponential conductances (5 and 10 ms), refractory 5 ms",
    "supersaturating": "Fig 2A of Ekelmans et al. 2023, exact step, Brownian bridge",
    "mouse_v1": "Fig 3A of Ekelmans et al. 2023, exact step, Brownian bridge",
    "mouse_v1_isn": "Fig 3B of Ekelmans et al. 2023, exact step, Brownian bridge",
    "bistable": "Fig 4 of Ekelmans et al. 2023, top of its ramp: E->E, I->I exponential, delays of 0-100 ms; bridge",
    "hodgkin_huxley": "Traub-Miles neurons, exponential conductances, white-noise current",
    "adex": "adaptive exponential integrate-and-fire, exponential conductances, white noise",
}


@dataclass(frozen=True)
class Numbers:
    """Numbers of one circuit at one size and connection probability.

    ``mu`` is the mean external input (mV/s), ``sigma`` its white noise (mV/sqrt(s)); ``filtered`` names the pairs
    with exponential synapses of time constant ``tau_s``, delayed by ``delay`` or, with ``spread_delay``, by a
    uniform time between 0 and it.
    """

    name: str
    sizes: dict[str, int]
    in_degrees: dict[str, int]
    totals: dict[str, float]
    tau: dict[str, float]
    mu: dict[str, float]
    sigma: float
    threshold: float = 1.0
    reset: float = 0.0
    exact: bool = False
    bridge: bool = False
    filtered: tuple[str, ...] = ()
    tau_s: float = 0.005
    delay: float = 0.0
    spread_delay: bool = False
    extra: dict[str, float] = field(default_factory=dict)

    def weight(self, pair: str) -> float:
        """Signed weight of one synapse."""
        sign = 1 if pair[1] == "E" else -1
        return sign * self.totals[pair] / max(1, self.in_degrees[pair])

    @property
    def synapses(self) -> int:
        """Number of synapses."""
        return sum(self.in_degrees[pair] * self.sizes[pair[0]] for pair in PAIRS)


def out_degrees(numbers: Numbers) -> dict[str, float]:
    """Mean number of targets of a neuron of each population."""
    synapses = {pair: numbers.in_degrees[pair] * numbers.sizes[pair[0]] for pair in PAIRS}
    return {y: sum(synapses[x + y] for x in "EI") / numbers.sizes[y] for y in "EI"}


def _paper(name: str, n: int, p: float | None) -> Numbers:
    circuit = getattr(ekelmans2023, name)()
    published = {pair: circuit.projection(pair[1], pair[0]) for pair in PAIRS}
    sizes = {x: round(ekelmans2023.SIZES[x] * n / 4000) for x in "EI"}
    fractions = {pair: p if p else published[pair].rule.in_degree / ekelmans2023.SIZES[pair[1]] for pair in PAIRS}
    return Numbers(
        name=name,
        sizes=sizes,
        in_degrees={pair: int(fractions[pair] * sizes[pair[1]] + 1e-9) for pair in PAIRS},
        totals={pair: published[pair].weight.si * 1000 * published[pair].rule.in_degree for pair in PAIRS},
        tau={"E": 0.020, "I": 0.010},
        mu=dict(zip("EI", PAPER_DRIVES[name], strict=True)),
        sigma=3.0,
        exact=True,
        bridge=True,
        filtered=("EE", "II") if name == "bistable" else (),
        tau_s=0.010,
        delay=0.100,
        spread_delay=True,
    )


def numbers(name: str, n: int = 4000, p: float | None = None) -> Numbers:
    """Numbers of a circuit.

    Parameters
    ----------
    name : one of ``DESCRIPTIONS``.
    n : number of neurons, four fifths excitatory (three quarters in the paper's circuits).
    p : connection probability; None: .1, in the paper's circuits the four published ones.
    """
    if name in PAPER_DRIVES:
        return _paper(name, n, p)
    p = 0.1 if p is None else p
    sizes = {"E": n * 4 // 5, "I": n - n * 4 // 5}
    in_degrees = {pair: int(p * sizes[pair[1]] + 1e-9) for pair in PAIRS}
    common = {"name": name, "sizes": sizes, "in_degrees": in_degrees}
    threshold_one = {"EE": 1.0, "EI": 2.0, "IE": 2.0, "II": 1.5}
    if name == "delta":
        tau, mu = {"E": 0.020, "I": 0.010}, {"E": 43.5, "I": 66.0}
        return Numbers(**common, totals=threshold_one, tau=tau, mu=mu, sigma=3.0)
    if name == "exponential":
        tau, mu = {"E": 0.020, "I": 0.010}, {"E": 43.5, "I": 66.0}
        return Numbers(
            **common, totals=threshold_one, tau=tau, mu=mu, sigma=3.0, filtered=PAIRS, tau_s=0.005, delay=0.0015
        )
    if name == "escape":
        tau = {"E": 0.020, "I": 0.020}
        totals = {"EE": 20.0, "EI": 40.0, "IE": 40.0, "II": 30.0}
        extra, mu = {"rate": 10.0, "width": 2.5}, {"E": 900.0, "I": 750.0}
        return Numbers(**common, totals=totals, tau=tau, mu=mu, sigma=0, threshold=15, extra=extra)
    if name == "conductance":
        # Conductances in units of the leak; the totals are K times the jump at a spike.
        tau = {"E": 0.020, "I": 0.020}
        totals = {"EE": 3.0, "EI": 8.0, "IE": 3.0, "II": 8.0}
        extra = {"rest": -60.0, "E_e": 0.0, "E_i": -80.0, "tau_e": 0.005, "tau_i": 0.010, "refractory": 0.005}
        mu = {"E": 850.0, "I": 850.0}
        return Numbers(
            **common, totals=totals, tau=tau, mu=mu, sigma=30.0, threshold=-50, reset=-60, filtered=PAIRS, extra=extra
        )
    if name in ("hodgkin_huxley", "adex"):
        # The totals are K times the jump of a conductance (nS); mu is a current (pA), sigma its noise (pA sqrt(s)).
        totals = {"EE": 100.0, "EI": 300.0, "IE": 100.0, "II": 300.0}
        current = {"hodgkin_huxley": (190.0, 5.0), "adex": (800.0, 15.0)}[name]
        mu = dict.fromkeys("EI", current[0])
        return Numbers(**common, totals=totals, tau={}, mu=mu, sigma=current[1], filtered=PAIRS)
    raise ValueError(f"no circuit {name!r}; there are {', '.join(DESCRIPTIONS)}")

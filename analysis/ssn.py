"""The stabilized supralinear network of a circuit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, final

import numpy as np

from ssnbrian.circuit import Circuit, InvalidInputError, Population
from ssnbrian.circuit.units import floats_of

from .balanced import balanced_limit
from .box_search import BoxRoots
from .characteristic import TwoPopulationSSN
from .conditions import condition
from .conductance_transfer import fitted_law
from .efficacy import Efficacy, efficacies_of
from .folds import Folds, folds
from .linear_response import excitation_falls, excitation_unstable, input_direction, linear_spectrum
from .many_populations import ManyPopulationSSN, states_of_many_populations
from .mean_field import has_conductances, input_refusal, lif_numbers, recognise_lif, sorted_by_kind
from .plastic_network import PlasticSSN, states_of_plastic_network
from .poisson_inputs import PoissonInputs
from .power_law import PowerLaw
from .projection_efficacies import NOT_CONSTANT
from .reduction import NotApplicableError, Reduction
from .states import SteadyState, SteadyStates
from .steady_state_search import Roots, steady_state_roots

_PAIR = ("excitatory", "inhibitory")


def _network(
    laws: tuple[PowerLaw, ...],
    weights: np.ndarray,
    kinds: tuple[str, ...],
    efficacies: tuple[tuple[Efficacy | None, ...], ...],
) -> TwoPopulationSSN | ManyPopulationSSN | PlasticSSN:
    plastic = any(one is not None for row in efficacies for one in row)
    if kinds == _PAIR and not plastic:
        E, I = laws
        return TwoPopulationSSN(E.a, E.b, E.n, I.a, I.b, I.n, *weights.ravel().tolist())
    signs = np.array([1.0 if kind == "excitatory" else -1.0 for kind in kinds])
    a, b, n = (np.array([getattr(law, name) for law in laws]) for name in "abn")
    static = ManyPopulationSSN(a, b, n, weights * signs)
    return PlasticSSN(static, efficacies) if plastic else static


def _law_of(circuit: Circuit, population: Population, given: Mapping[str, PowerLaw]) -> PowerLaw:
    if population.name in given:
        return given[population.name]
    if recognise_lif(population.neuron) is not None:
        return fitted_law(circuit, population)
    raise InvalidInputError(
        f"the SSN of '{circuit.name}' needs the transfer function of {population.name} "
        f"({population.neuron.name}): give transfer={{'{population.name}': PowerLaw(a, b, n)}}, or measure it with "
        f"transfer=ssnbrian.workflow.measured_laws.measured_laws(circuit)"
    )


def _time_constant(population: Population, given: Mapping[str, Any]) -> float:
    if given.get(population.name) is not None:
        value = float(floats_of(given[population.name], "s", f"population time constant of {population.name}"))
        if value <= 0:
            raise InvalidInputError(f"tau_population of {population.name} must be positive, got {value:g} s")
        return value
    if recognise_lif(population.neuron) is not None:
        return lif_numbers(population)["tau"]
    raise InvalidInputError(
        f"give tau_population={{'{population.name}': …}}: the membrane of {population.name} ({population.neuron.name}) "
        f"has no single time constant"
    )


def _shunts(circuit: Circuit, laws: Mapping[str, PowerLaw]) -> dict[str, float]:
    """The shunt of every population, 0 where no conductances end."""
    for name, law in laws.items():
        if law.shunt is None and has_conductances(circuit, name):
            raise InvalidInputError(
                f"{name} in '{circuit.name}' receives conductances: its power law must say how they shift it; "
                f"give PowerLaw(…, shunt=…)"
            )
    return {name: law.shunt or 0.0 for name, law in laws.items()}


def _check_signs(circuit: Circuit, weights: np.ndarray) -> None:
    """Refuse conductances whose reversal potential is on the wrong side of where the target fires."""
    if (weights < 0).any():
        raise InvalidInputError(
            f"in '{circuit.name}' a conductance acts against the kind of its source where its target fires: an "
            f"excitatory reversal potential must lie above the threshold, an inhibitory one below it"
        )


@final
@dataclass(frozen=True)
class SSN(Reduction):
    """Eq 2 of Ekelmans et al. 2023, for any number of populations of either kind.

    For one excitatory and one inhibitory population (an E-I pair) ``network`` is a `TwoPopulationSSN`, all states are
    found through the characteristic function, and conditions and folds exist. For any other circuit it is a
    `ManyPopulationSSN`, and all states are found by branch and prune. With short-term plasticity it is a `PlasticSSN`,
    whose weights depend on the rate of their source; states are found in the same way, the eigenvalues are those of the
    rates and the variables of the synapses together, and the conditions that need constant weights do not apply.

    A conductance g (1/s) lowers the rate like a mean input -shunt g (Holt & Koch 1997, Neural Computation 9), with the
    shunt of the power law. So conductance synapses, whose spikes bring the input area minus conductance times membrane,
    have the constant weights J = K j (area - conductance shunt), and everything here applies to them.

    Attributes
    ----------
    populations : names, excitatory first.
    transfer : power law of each population (a in Hz/(mV/s)^n, b in mV/s, shunt in mV), excitatory first.
    network : the coefficients.
    tau_population : population time constants, s. The paper looks at equilibria only and gives none; by default
        they are the membrane time constants, an assumption on which stability, eigenvalues and Hopf points depend.
    kinds : kind of each population.
    maximum_rate : Hz, up to which states are searched where no bound on the rates of all states can be proven; not
        needed for an E-I pair.
    poisson_inputs : what the circuit's input populations add to the mean inputs; the noise that they bring is not part
        of the power laws, which are those of the populations' own noise.
    """

    name: ClassVar[str] = "ssn"
    populations: tuple[str, ...]
    transfer: tuple[PowerLaw, ...]
    network: TwoPopulationSSN | ManyPopulationSSN | PlasticSSN
    tau_population: tuple[float, ...]
    kinds: tuple[str, ...] = _PAIR
    maximum_rate: float = 1000.0
    poisson_inputs: PoissonInputs = field(default_factory=PoissonInputs, compare=False)

    @classmethod
    def refusal(cls, circuit: Circuit) -> str | None:
        """Why the rates do not fix the mean inputs (spike-timing plasticity, NMDA's block), or None otherwise."""
        return input_refusal(circuit)

    @classmethod
    def from_circuit(
        cls,
        circuit: Circuit,
        transfer: Mapping[str, PowerLaw] | None = None,
        tau_population: Any = None,
        maximum_rate: Any = 1000.0,
        **_: Any,
    ) -> SSN:
        """The SSN of a circuit.

        Parameters
        ----------
        transfer : power law of each population by name; default: fitted to the Ricciardi function at the external
            noise of each population, for leaky integrate-and-fire neurons.
        tau_population : mapping name -> population time constant (quantity, or s); default: the membrane's.
        maximum_rate : Hz or quantity, see the attribute.

        Raises
        ------
        InvalidInputError : a transfer function is missing for a neuron that is not a leaky integrate-and-fire one.
        NotApplicableError : with :meth:`refusal`.
        """
        cls.require(circuit)
        laws = {one.name: _law_of(circuit, one, transfer or {}) for one in circuit.populations}
        shunts = _shunts(circuit, laws)
        ordered, weights = sorted_by_kind(circuit, shunts)
        _check_signs(circuit, weights)
        names, kinds = tuple(one.name for one in ordered), tuple(one.kind for one in ordered)
        taus = tuple(_time_constant(one, tau_population or {}) for one in ordered)
        limit = float(floats_of(maximum_rate, "Hz", "maximum_rate"))
        if limit <= 0:
            raise InvalidInputError(f"maximum_rate must be positive, got {limit:g} Hz")
        transfers = tuple(laws[name] for name in names)
        network = _network(transfers, weights, kinds, efficacies_of(circuit, names))
        inputs = PoissonInputs.of_circuit(circuit, names, shunts)
        return cls(names, transfers, network, taus, kinds, limit, inputs)

    @property
    def pair(self) -> TwoPopulationSSN:
        """The network of one excitatory and one inhibitory population.

        Raises :class:`NotApplicableError` for any other circuit: conditions, characteristic function and folds are
        derived for an E-I pair of constant weights.
        """
        if isinstance(self.network, PlasticSSN):
            raise NotApplicableError(NOT_CONSTANT)
        if not isinstance(self.network, TwoPopulationSSN):
            raise NotApplicableError(
                f"this is derived for one excitatory and one inhibitory population; the SSN has "
                f"{', '.join(f'{name} ({kind})' for name, kind in zip(self.populations, self.kinds, strict=True))}"
            )
        return self.network

    @property
    def pair_driven_by_mu_ext(self) -> TwoPopulationSSN:
        """:attr:`pair`, for what is done in the plane of mu_ext and ratio.

        Raises :class:`NotApplicableError` also where input populations fire, whose mean does not scale with mu_ext.
        """
        if np.any(self.poisson_inputs.mean(self.poisson_inputs.rates)):
            raise NotApplicableError(
                f"mu_ext and its ratio are not all that drives the circuit: set the rates of its input populations "
                f"({', '.join(self.poisson_inputs.names)}) to 0"
            )
        return self.pair

    def values(self, **more: Any) -> dict[str, Any]:
        """The coefficients of an E-I pair by the names that the conditions use, with ``more`` added."""
        names = ("a_E", "b_E", "n_E", "a_I", "b_I", "n_I", "J_EE", "J_EI", "J_IE", "J_II")
        taus = {"tau_E": self.tau_population[0], "tau_I": self.tau_population[1]}
        return {name: getattr(self.pair, name) for name in names} | taus | more

    def steady_states(self, mu_ext: Any, ratio: float = 1.0) -> SteadyStates:
        """All steady states, silent and unstable ones included.

        An E-I pair is searched through the characteristic function (S10), any other circuit by branch and prune.
        """
        external = self.external_inputs(mu_ext, ratio)
        found: Roots | BoxRoots
        if isinstance(self.network, TwoPopulationSSN):
            found = steady_state_roots(self.network, *external)
            inputs = found.inputs
        elif isinstance(self.network, PlasticSSN):
            found = states_of_plastic_network(self.network, external, self.maximum_rate)
            inputs = self.network.recurrent(found.rates) + external
        else:
            found = states_of_many_populations(self.network, external, self.maximum_rate)
            inputs = found.rates @ self.network.weights.T + external
        direction = input_direction(self.kinds, external if isinstance(mu_ext, Mapping) else None, ratio)
        states = tuple(self._state(*point, direction) for point in zip(found.rates, inputs, strict=True))
        return SteadyStates(states, found.complete, found.reason, self.by_population(external))

    def _state(self, rates: np.ndarray, inputs: np.ndarray, direction: np.ndarray) -> SteadyState:
        gains = self.network.gains(rates)
        if isinstance(self.network, PlasticSSN):
            slopes = self.network.slopes(rates)
            spectrum = np.linalg.eigvals(self.network.linearisation(rates, self.tau_population)).astype(complex)
        else:
            slopes = gains[:, None] * self.network.weights
            spectrum = linear_spectrum(slopes, self.tau_population)
        isn, supersaturating = self._regime(rates, direction, slopes, gains)
        return SteadyState(
            rates=self.by_population(rates),
            inputs=self.by_population(inputs),
            stable=bool(np.all(spectrum.real < 0)),
            eigenvalues=tuple(complex(value) for value in spectrum),
            residual=float(np.max(np.abs(self.network.rates(inputs) - rates))),
            inhibition_stabilized=isn,
            supersaturating=supersaturating,
            extrapolated=bool(np.any(rates > np.array([law.rate_range[1] for law in self.transfer]))),
        )

    def _regime(
        self, rates: np.ndarray, direction: np.ndarray, slopes: np.ndarray, gains: np.ndarray
    ) -> tuple[bool, bool]:
        """Whether the state is inhibition-stabilized, and whether it supersaturates."""
        if isinstance(self.network, TwoPopulationSSN):
            values = self.values(rate_E=rates[0], rate_I=rates[1], r=max(direction[1], 0.0))
            falls = rates[0] > 0 and condition("supersaturation").evaluate(values)
            saddle = condition("saddle").evaluate(values)
            return bool(condition("inhibition_stabilized").evaluate(values)), bool(falls and not saddle)
        falls = excitation_falls(slopes, gains * direction, self.kinds)
        if isinstance(self.network, PlasticSSN):
            return self.network.excitation_unstable(rates, self.tau_population, self.kinds), falls
        return excitation_unstable(slopes, self.kinds), falls

    def folds(self, ratio: float = 1.0, mu_ext: tuple[float, float] | None = None) -> Folds:
        """All folds in mu_ext at this ratio (F = F' = 0).

        With plastic synapses they are traced, see `plastic_folds`. :class:`NotApplicableError` unless an E-I pair, or
        plastic, whose input populations, if any, are silent by default.
        """
        if isinstance(self.network, PlasticSSN):
            from .plastic_folds import plastic_folds

            return plastic_folds(self, ratio, mu_ext)
        return folds(self.pair_driven_by_mu_ext, ratio, mu_ext)

    def required_inputs(self, rates: Mapping[str, float]) -> dict[str, float]:
        """External inputs, mV/s, that make ``rates`` (Hz) a steady state (Eq 5/6).

        For a silent population, which has a half-line of inputs, the largest of them. Raises ValueError for a
        negative or infinite rate.
        """
        wanted = np.array([float(rates[name]) for name in self.populations])
        return self.by_population(self.required_mu_ext(wanted))

    def required_mu_ext(self, rates: np.ndarray) -> np.ndarray:
        """:meth:`required_inputs` for arrays of rates (..., populations), Hz; mV/s."""
        return self.total_external_inputs(rates) - self.poisson_inputs.mean(self.poisson_inputs.rates)

    def total_external_inputs(self, rates: np.ndarray) -> np.ndarray:
        """Eq 5/6 at rates (..., populations), Hz: mu_ext with the part of input populations, mV/s."""
        rates = np.asarray(rates, dtype=float)
        if isinstance(self.network, TwoPopulationSSN):
            values = self.values(rate_E=rates[..., 0], rate_I=rates[..., 1])
            return np.stack([condition(f"required_mu_ext_{one}").evaluate(values) for one in "EI"], axis=-1)
        totals = [law.inverse(rates[..., index]) for index, law in enumerate(self.transfer)]
        if isinstance(self.network, PlasticSSN):
            return np.stack(totals, axis=-1) - self.network.recurrent(rates)
        return np.stack(totals, axis=-1) - rates @ self.network.weights.T

    def conditions(self, ratio: float = 1.0) -> dict[str, dict[str, Any]]:
        """Which regimes are possible at this ratio and from which rate on, from the SymPy derivations.

        Returns ``supersaturation`` {possible, threshold_rate_I (Hz or None)}, ``isn`` {threshold_rate_E} and
        ``balanced`` {exists, stable} for an E-I pair. Of these, a circuit with one excitatory and other than one
        inhibitory population has ``isn``, and a circuit with several or no excitatory populations, or with plastic
        synapses, none: their states say whether they are inhibition-stabilized or supersaturate.
        """
        if ratio < 0:
            raise InvalidInputError(f"ratio must not be negative, got {ratio:g}")

        def finite(number: float) -> float | None:
            return float(number) if np.isfinite(number) else None

        if not isinstance(self.network, TwoPopulationSSN):
            if isinstance(self.network, PlasticSSN) or self.kinds.count("excitatory") != 1:
                return {}
            law = self.transfer[0]
            only = {"a_E": law.a, "b_E": law.b, "n_E": law.n, "J_EE": self.network.weights[0, 0]}
            return {"isn": {"threshold_rate_E": finite(condition("inhibition_stabilized").evaluate_threshold(only))}}
        values = self.values(r=ratio)
        limit = balanced_limit(self, ratio)
        return {
            "supersaturation": {
                "possible": bool(condition("supersaturation_possible").evaluate(values)),
                "threshold_rate_I": finite(condition("supersaturation").evaluate_threshold(values)),
            },
            "isn": {"threshold_rate_E": finite(condition("inhibition_stabilized").evaluate_threshold(values))},
            "balanced": {"exists": bool(limit != "none"), "stable": bool(limit == "stable")},
        }

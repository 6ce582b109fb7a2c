"""The population equations as a theory of a circuit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, final

import numpy as np
from scipy.optimize import root
from scipy.stats import qmc

from ssnbrian.circuit import Circuit, InvalidInputError
from ssnbrian.circuit.units import floats_of

from ..linear_response import input_direction
from ..reduction import Reduction
from ..states import SteadyState, SteadyStates
from .circuits import mesoscopic_refusal, network_of
from .discretisation import StepConstants, step_constants
from .network_response import NetworkResponse
from .parameters import MesoscopicNetwork
from .stationary import held_inputs, survival_in_steps

# Starts of the search, spread evenly over the logarithms of rates between these (Hz).
_STARTS_LOG2, _LOWEST, _HIGHEST = 5, 0.01, 500.0
_ACCURACY = 1e-7


@final
@dataclass(frozen=True, eq=False)
class Mesoscopic(Reduction):
    """The population equations of Schwalger, Deger & Gerstner 2017 for networks of escape-noise neurons.

    Steady states are those of the infinitely large network in steps of ``dt`` (s), as it is simulated; stability is
    that of the full dynamics of ages, synapses and delays, by the argument principle, without a time constant to
    assume. :meth:`response` gives spectra and susceptibilities of finite populations.
    """

    name: ClassVar[str] = "mesoscopic"
    network: MesoscopicNetwork
    kinds: tuple[str, ...]
    dt: float

    @property
    def populations(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of the populations."""
        return self.network.names

    @classmethod
    def refusal(cls, circuit: Circuit) -> str | None:
        """Leaky integrate-and-fire neurons with an exponential escape rate are needed."""
        return mesoscopic_refusal(circuit)

    @classmethod
    def from_circuit(cls, circuit: Circuit, dt: Any = 1e-4, **_: Any) -> Mesoscopic:
        """The theory of a circuit in steps of ``dt`` (s or a quantity)."""
        cls.require(circuit)
        step = floats_of(dt, "s", "dt")
        if not isinstance(step, float) or not 0 < step < 0.01:
            unit = " s" if isinstance(dt, int | float) else ""
            raise InvalidInputError(f"dt must be one time above 0 and below 10 ms, got {dt}{unit}")
        return cls(network_of(circuit), tuple(one.kind for one in circuit.populations), step)

    @cached_property
    def _constants(self) -> StepConstants:
        return step_constants(self.network, self.dt)

    @cached_property
    def _known(self) -> dict[tuple[bytes, bytes], tuple[SteadyState, ...]]:
        return {}

    def steady_states(self, mu_ext: Any, ratio: float = 1.0) -> SteadyStates:
        """The states found from many starts; that they are all is not proven."""
        drive = self.external_inputs(mu_ext, ratio)
        direction = input_direction(self.kinds, drive if isinstance(mu_ext, Mapping) else None, ratio)
        key = (drive.tobytes(), direction.tobytes())
        if key not in self._known:
            self._known[key] = tuple(self._state(rates, drive, direction) for rates in self._search(drive))
        states = self._known[key]
        reason = f"found from {2**_STARTS_LOG2} starts up to {_HIGHEST:g} Hz; that these are all is not proven"
        return SteadyStates(states, False, reason, self.by_population(drive))

    def response(self, state: SteadyState, mu_ext: Any, ratio: float = 1.0) -> NetworkResponse:
        """Spectra, susceptibilities and stability around one of :meth:`steady_states` at the same inputs."""
        rates = np.array([state.rates[name] for name in self.populations])
        return NetworkResponse(self.network, self.dt, self.external_inputs(mu_ext, ratio), rates)

    def _excess(self, rates: np.ndarray, drive: np.ndarray) -> np.ndarray:
        """What each population fires at the inputs of all, minus its rate, Hz."""
        rates = np.maximum(rates, 0.0)
        inputs = held_inputs(self._constants, drive, rates)
        each = enumerate(zip(self.network.neurons, inputs, rates, strict=True))
        fired = [survival_in_steps(neuron, held, self._constants, x, rate).rate for x, (neuron, held, rate) in each]
        return np.array(fired) - rates

    def _search(self, drive: np.ndarray) -> list[np.ndarray]:
        """Rates (n,) of the states, Hz, the lowest first."""
        n = len(drive)
        spread = qmc.Sobol(n, scramble=False).random_base2(_STARTS_LOG2)
        starts = _LOWEST * (_HIGHEST / _LOWEST) ** spread
        found: list[np.ndarray] = []
        for start in [self._excess(np.zeros(n), drive), *starts]:
            with np.errstate(all="ignore"):
                solved = root(self._excess, start, args=(drive,), tol=1e-12)
            rates = np.maximum(solved.x, 0.0)
            if not np.max(np.abs(self._excess(rates, drive))) < _ACCURACY * (1 + np.max(rates)):
                continue
            if not any(np.allclose(rates, one, rtol=1e-5, atol=1e-6) for one in found):
                found.append(rates)
        return sorted(found, key=tuple)

    def _state(self, rates: np.ndarray, drive: np.ndarray, direction: np.ndarray) -> SteadyState:
        around = NetworkResponse(self.network, self.dt, drive, rates)
        excitatory = [x for x, kind in enumerate(self.kinds) if kind == "excitatory"]
        unstable = around.unstable_modes()
        slopes = around.susceptibility(np.zeros(1))[0].real @ direction
        falls = bool(excitatory) and unstable == 0 and bool(np.all(slopes[excitatory] < 0))
        inputs = drive + self.network.weights @ (self.network.sizes * rates)
        return SteadyState(
            rates=self.by_population(rates),
            inputs=self.by_population(inputs),
            stable=unstable == 0,
            eigenvalues=around.eigenvalues(),
            residual=around.residual,
            inhibition_stabilized=bool(excitatory) and around.unstable_modes(excitatory) > 0,
            supersaturating=falls,
        )

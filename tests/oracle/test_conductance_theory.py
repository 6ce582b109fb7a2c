"""Conductances in theory, against finite differences, root finding and the limit of currents."""

import dataclasses

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import root
from scipy.special import erfcx
from ssnbrian.analysis import SSN, PowerLaw, SelfConsistent
from ssnbrian.analysis.conductance_transfer import fit_conductance_law, fit_conductance_transfer
from ssnbrian.analysis.mean_field import lif_numbers, recognise_lif
from ssnbrian.analysis.power_law import fit_transfer
from ssnbrian.analysis.synaptic_input import synaptic_input, synaptic_input_refusal
from ssnbrian.models.neurons.integrate_and_fire import ADEX, LEAKY
from ssnbrian.models.neurons.lif import LIF
from ssnbrian.models.noise import WHITE_NOISE
from ssnbrian.models.plasticity.short_term import DEPRESSION, TSODYKS_MARKRAM
from ssnbrian.models.synapses.conductance import CONDUCTANCE_EXCITATORY, CONDUCTANCE_INHIBITORY, NMDA
from ssnbrian.models.synapses.current import EXPONENTIAL

from ssnbrian.circuit import (
    Circuit,
    FixedInDegree,
    InputPopulation,
    InvalidInputError,
    NeuronModel,
    Parameter,
    Population,
    Projection,
    SynapseModel,
)

NOISY = LEAKY + WHITE_NOISE
SIGMA = {"sigma": "50 mV/sqrt(s)"}


def circuit(excitatory=CONDUCTANCE_EXCITATORY, inhibitory=CONDUCTANCE_INHIBITORY, inputs=False, **parameters):
    """An E-I pair of leaky neurons with resting potential -65 mV and threshold -50 mV."""
    populations = (
        Population("E", 800, NOISY, "excitatory", parameters=SIGMA),
        Population("I", 200, NOISY, "inhibitory", parameters=SIGMA | {"tau": "10 ms"}),
    )
    sources = {"E": ("0.15 mV", 50, excitatory), "I": ("1.2 mV", 12, inhibitory)}
    projections = [
        Projection(source, target, weight, FixedInDegree(degree), synapse, parameters.get(source, {}))
        for source, (weight, degree, synapse) in sources.items()
        for target in "EI"
    ]
    outside = (InputPopulation("X", 400, "5 Hz"),) if inputs else ()
    if inputs:
        projections += [Projection("X", "E", "0.2 mV", FixedInDegree(40), CONDUCTANCE_EXCITATORY)]
    return Circuit("conductances", populations, tuple(projections), inputs=outside)


def ricciardi(mu, sigma, tau, threshold, reset, refractory):
    """Independent of the package: the integral of Ricciardi 1977 by adaptive quadrature."""
    low, high = ((end - mu * tau) / (sigma * np.sqrt(tau)) for end in (reset, threshold))
    return 1 / (refractory + tau * np.sqrt(np.pi) * quad(lambda z: erfcx(-z), low, high, epsabs=1e-13, epsrel=1e-13)[0])


def own_rates(rates, mu):
    """Phi of the pair without input populations, written out with the numbers of the circuit: E, then I."""
    found = []
    for tau, own in ((0.02, rates[0]), (0.01, rates[1])):
        excitation, inhibition = 50 * 0.15 * rates[0], 12 * 1.2 * rates[1]  # mV/s at the reference potentials
        conductance = excitation / 65 + inhibition / 10
        effective = 1 / (1 / tau + conductance)
        # Reversal potentials 0 and -70 mV are 65 and -5 mV above rest.
        mean = mu + excitation / 65 * 65 + inhibition / 10 * -5
        potential = effective * (mean - own / (1 - 0.002 * own) * 15)
        jumps = 0.15 * (65 - potential) / 65, 1.2 * (-5 - potential) / 10
        sigma = np.sqrt(50**2 + 50 * jumps[0] ** 2 * rates[0] + 12 * jumps[1] ** 2 * rates[1])
        found.append(ricciardi(mean, sigma, effective, 15.0, 0.0, 0.002))
    return np.array(found)


@pytest.mark.parametrize("mu", [200.0, 400.0])
def test_the_self_consistent_state_is_that_of_the_equations_written_out(mu):
    theory = SelfConsistent.from_circuit(circuit())
    found = theory.steady_states(mu)
    starts = np.random.default_rng(1).uniform(0.1, 40, (12, 2))
    solutions = [root(lambda x: own_rates(x, mu) - x, start, tol=1e-12) for start in starts]
    expected = {tuple(np.round(one.x, 7)) for one in solutions if one.success and (one.x > 0).all() and max(one.x) < 99}
    assert {tuple(round(rate, 7) for rate in one.rates.values()) for one in found.states} == expected
    assert not found.complete
    assert "not proven" in found.reason


@pytest.mark.parametrize("synapse", [CONDUCTANCE_EXCITATORY, CONDUCTANCE_EXCITATORY + TSODYKS_MARKRAM])
@pytest.mark.parametrize("inputs", [False, True])
def test_slopes_are_the_differences(synapse, inputs):
    theory = SelfConsistent.from_circuit(circuit(synapse, inputs=inputs))
    coupling = theory.with_input_noise(np.array([5.0] * inputs)).coupling
    rates, external, step = np.array([6.0, 3.0]), np.array([300.0, 250.0]), 1e-5
    columns = [
        (coupling.rates_of(rates + step * one, external) - coupling.rates_of(rates - step * one, external)) / (2 * step)
        for one in np.eye(2)
    ]
    assert coupling.jacobian(rates, external) == pytest.approx(np.array(columns).T, rel=1e-6)
    gains = (coupling.rates_of(rates, external + 1e-3) - coupling.rates_of(rates, external - 1e-3)) / 2e-3
    assert coupling.gains(rates, external) == pytest.approx(gains, rel=1e-6)
    matrix = coupling.linearisation(rates, external)
    # With the synapses at their means the slow part must give the same slopes: Schur's complement.
    tau = coupling.time_constants(rates)
    fast, slow = matrix[:2, :2], matrix[2:, 2:]
    reduced = fast - matrix[:2, 2:] @ np.linalg.solve(slow, matrix[2:, :2]) if len(slow) else fast
    assert (reduced * tau[:, None]) + np.eye(2) == pytest.approx(coupling.jacobian(rates, external), rel=1e-9)


def test_required_inputs_invert_the_theory():
    theory = SelfConsistent.from_circuit(circuit(inputs=True))
    wanted = {"E": 7.0, "I": 4.0}
    given = theory.required_inputs(wanted)
    states = theory.steady_states(given).states
    assert min(max(abs(one.rates[name] - rate) for name, rate in wanted.items()) for one in states) < 1e-8


def test_far_reversal_potentials_make_currents():
    far = {"E": {"reversal": "1e9 mV"}, "I": {"reversal": "-1e9 mV"}}
    conductances, currents = circuit(**far), circuit(EXPONENTIAL, EXPONENTIAL)
    one, other = (SelfConsistent.from_circuit(each).steady_states(300.0).states for each in (conductances, currents))
    assert len(one) == len(other) == 1
    assert one[0].rates == pytest.approx(other[0].rates, rel=1e-6)
    assert pytest.approx(SSN.from_circuit(currents).network.J_EI) == SSN.from_circuit(conductances).network.J_EI


def test_a_steady_conductance_shifts_the_curve():
    neuron = lif_numbers(Population("E", 1, NOISY, parameters=SIGMA))
    low, high = 0.0, 25.0
    law = fit_conductance_transfer(**neuron, conductances=(low, high))
    inputs = np.linspace(100, 900, 60)
    for conductance in (low, 10.0, high):
        tau = 1 / (1 / neuron["tau"] + conductance)
        exact = [ricciardi(mu, 50.0, tau, 15.0, 0.0, 0.002) for mu in inputs]
        fitted = law(inputs - law.shunt * conductance)
        inside = np.array(exact) < 10
        assert np.sqrt(np.mean((fitted - exact)[inside] ** 2)) < 2 * law.rmse
    assert law.rmse < 0.1
    # The input that holds the membrane at the threshold grows by the threshold per conductance; noise lowers that.
    assert 0.4 * 15 < law.shunt < 15
    assert fit_conductance_transfer(**neuron) == fit_transfer(**neuron)


def test_a_law_with_a_shunt_is_recovered():
    a, b, n, shunt = 2e-4, -8.0, 2.5, 1.7
    mu, levels = np.tile(np.linspace(-20, 60, 60), (3, 1)), np.array([0.0, 5.0, 12.0])
    rates = a * np.maximum(mu - b - shunt * levels[:, None], 0) ** n
    law = fit_conductance_law(mu, levels, rates)
    assert (law.a, law.b, law.n, law.shunt) == pytest.approx((a, b, n, shunt), rel=1e-3)
    with pytest.raises(ValueError, match="at least two different"):
        fit_conductance_law(mu, np.zeros(3), rates)


def test_weights_of_the_ssn():
    ssn = SSN.from_circuit(circuit())
    E, I = ssn.transfer
    # J = K j (1 - x/(reversal - reference)), x being the shunt from the reference: inhibition's is 5 mV above rest.
    assert pytest.approx(50 * 0.15 * (1 - E.shunt / 65), rel=1e-12) == ssn.network.J_EE
    assert pytest.approx(12 * 1.2 * (5 + E.shunt) / 10, rel=1e-12) == ssn.network.J_EI
    assert pytest.approx(50 * 0.15 * (1 - I.shunt / 65), rel=1e-12) == ssn.network.J_IE
    assert ssn.steady_states(300.0).complete


def test_the_ssn_takes_laws_that_say_how_conductances_shift_them():
    law = PowerLaw(1e-6, 0.0, 2.0)
    with pytest.raises(InvalidInputError, match=r"E in 'conductances' receives conductances.*shunt="):
        SSN.from_circuit(circuit(), transfer={"E": law, "I": law})
    ssn = SSN.from_circuit(circuit(), transfer=dict.fromkeys("EI", dataclasses.replace(law, shunt=6.5)))
    assert pytest.approx(7.5 * 0.9, rel=1e-12) == ssn.network.J_EE
    with pytest.raises(InvalidInputError, match="acts against the kind of its source"):
        SSN.from_circuit(circuit(), transfer=dict.fromkeys("EI", dataclasses.replace(law, shunt=70.0)))


def test_what_is_refused():
    with pytest.raises(InvalidInputError, match=r"E->E \(nmda\).*not linear"):
        SSN.from_circuit(circuit(NMDA))
    with pytest.raises(InvalidInputError, match=r"conductances I->E would be negative"):
        SelfConsistent.from_circuit(circuit(inhibitory=CONDUCTANCE_EXCITATORY))


def projection(synapse, **parameters):
    populations = (Population("E", 10, NOISY, parameters=SIGMA),)
    one = Projection("E", "E", "1 mV", FixedInDegree(1), synapse, parameters)
    return Circuit("one", populations, (one,)).projections[0]


def test_the_input_of_a_spike_is_read_from_the_text():
    own = SynapseModel(
        name="double_exponential",
        target_equations="""dg/dt = (h - g)/tau_decay : hertz
dh/dt = -h/tau_rise : hertz
mu_g = 2*g*(reversal - v) : volt/second""",
        current="mu_g",
        on_pre="h_post += 3*weight/(20*mV)/tau_rise",
        parameters=(
            Parameter("tau_rise", "ms", "2 ms", ""),
            Parameter("tau_decay", "ms", "7 ms", ""),
            Parameter("reversal", "mV", "-10 mV", ""),
        ),
    )
    one = synaptic_input(projection(own), -60.0)
    # g has the area of h, 3 weight/(20 mV), and the input twice as much per mV.
    assert one.conductance == pytest.approx(2 * 3 / 20, rel=1e-12)
    assert one.area == pytest.approx(one.conductance * 50, rel=1e-12)
    scaled = SynapseModel(
        name="half",
        target_equations="ds/dt = -s/tau_s : volt/second",
        current="s",
        on_pre="s_post += 0.5*weight/tau_s",
        parameters=(Parameter("tau_s", "ms", "5 ms", ""),),
    )
    assert synaptic_input(projection(scaled)).area == 0.5
    for plain in (EXPONENTIAL, CONDUCTANCE_EXCITATORY):
        assert synaptic_input(projection(plain)).area == 1.0
        assert synaptic_input(projection(plain + DEPRESSION)) == synaptic_input(projection(plain))
    assert "block" not in (synaptic_input_refusal(projection(EXPONENTIAL)) or "")


LEAKY_TEXTS = [
    "dv/dt = (rest - v)/tau + mu_ext + mu_synaptic + sigma*xi : volt",
    "dv/dt = mu_synaptic - (v - rest)/tau + xi*sigma + mu_ext : volt",
    "dv/dt = (rest - v + tau*(mu_ext + mu_synaptic))/tau + sigma*xi : volt",
]


@pytest.mark.parametrize("text", LEAKY_TEXTS)
def test_a_leaky_neuron_is_recognised_however_it_is_written(text):
    model = dataclasses.replace(LEAKY + WHITE_NOISE, equations=text, refractory=None, noise="sigma")
    parameters = tuple(one for one in model.parameters if one.name != "refractory_period")
    model = dataclasses.replace(model, parameters=parameters)
    numbers = lif_numbers(Population("E", 1, model, parameters=SIGMA))
    assert numbers == {"tau": 0.02, "sigma": 50.0, "threshold": 15.0, "reset": 0.0, "refractory": 0.0}


@pytest.mark.parametrize(
    "change",
    [
        {"equations": "dv/dt = 2*(rest - v)/tau + 2*mu_ext + mu_synaptic + sigma*xi : volt"},
        {"equations": "dv/dt = (rest - v)**2/tau/mV + mu_ext + mu_synaptic + sigma*xi : volt"},
        {"threshold": "v > threshold + 0.1*v"},
        {"reset": "v = reset + 0.5*v"},
        {"reset": "v -= 15*mV"},
    ],
)
def test_what_is_no_leaky_neuron(change):
    model = dataclasses.replace(LEAKY + WHITE_NOISE, refractory=None, equations=LEAKY_TEXTS[0])
    assert recognise_lif(model) is not None
    assert recognise_lif(dataclasses.replace(model, **change)) is None


def test_the_plain_neuron_keeps_its_numbers():
    numbers = lif_numbers(Population("E", 1, LIF, parameters={"sigma": "3.2 mV/sqrt(s)", "tau": "7.3 ms"}))
    assert numbers == {"tau": 0.0073, "sigma": 3.2, "threshold": 1.0, "reset": 0.0, "refractory": 0.0}
    assert recognise_lif(ADEX) is None
    assert isinstance(LIF, NeuronModel)

"""The time step: exact theory of the stepped neuron, and 100 000 simulated ones.

Seeds are fixed; standard errors come from the spread of the spike counts of independent neurons.
"""

import numpy as np
import pytest
from ssnbrian.analysis import transfer
from ssnbrian.analysis.discretisation import discrete_rate

from ssnbrian.workflow.time_step import measure_bias

SIGMA = 3.0
POINTS = ((10.0, "20 ms"), (20.0, "10 ms"))


@pytest.mark.parametrize(
    ("mu", "tau", "dt", "percent"),
    [(10, 0.02, 0.05e-3, -9), (10, 0.02, 0.1e-3, -12.5), (10, 0.02, 1e-3, -35), (20, 0.01, 0.1e-3, -24.5)],
)
def test_stepped_neuron_on_the_grid_has_the_known_bias(mu, tau, dt, percent):
    """The measured biases of the literature, given to a percent."""
    bias = 100 * (discrete_rate(mu, SIGMA, tau, dt, bridge=False) / transfer.rate(mu, SIGMA, tau) - 1)
    assert abs(bias - percent) < 0.6


@pytest.mark.parametrize(("mu", "tau"), [(10, 0.02), (20, 0.02), (30, 0.02), (20, 0.01), (30, 0.01)])
def test_bridge_converges_to_ricciardi(mu, tau):
    """Below 0.1 % at dt = 0.1 ms, and shrinking at least linearly with dt."""
    exact = transfer.rate(mu, SIGMA, tau)
    coarse, fine = (discrete_rate(mu, SIGMA, tau, dt) / exact - 1 for dt in (0.2e-3, 0.05e-3))
    assert abs(discrete_rate(mu, SIGMA, tau, 0.1e-3) / exact - 1) < 1e-3
    assert abs(fine) < abs(coarse) / 2 or abs(fine) < 3e-5


def test_grid_bias_follows_the_square_root_of_dt():
    """Halving dt twice halves the bias, up to the next order."""
    exact = transfer.rate(10, SIGMA, 0.02)
    coarse, fine = (1 - discrete_rate(10, SIGMA, 0.02, dt, bridge=False) / exact for dt in (0.1e-3, 0.025e-3))
    assert coarse / fine == pytest.approx(2, rel=0.05)


def test_discrete_rate_does_not_depend_on_the_quadrature(monkeypatch):
    """Half the panel width changes nothing at the level of rounding."""
    from ssnbrian.analysis import discretisation

    for bridge in (True, False):
        wide = discrete_rate(10, SIGMA, 0.02, 0.2e-3, bridge=bridge)
        with monkeypatch.context() as patch:
            patch.setattr(discretisation, "PANEL_STEPS", 1.0)
            assert discrete_rate(10, SIGMA, 0.02, 0.2e-3, bridge=bridge) == pytest.approx(wide, rel=1e-7)


@pytest.mark.parametrize("bad", [{"sigma": 0}, {"tau": 0}, {"dt": 0}, {"mu": np.nan}, {"reset": 1.0}])
def test_discrete_rate_refuses_bad_arguments(bad):
    arguments = {"mu": 10, "sigma": 3, "tau": 0.02, "dt": 1e-4} | bad
    with pytest.raises(ValueError, match="needs sigma, tau and dt"):
        discrete_rate(**arguments)


@pytest.mark.xdist_group("heavy-1")
def test_simulated_bridge_is_unbiased():
    """Seed 11; 1e5 neurons each. Standard error <= 0.1 % for the first point; within 0.5 % of the Ricciardi rate.

    The second neuron, four standard deviations below threshold, fires at 0.11 Hz; its standard error is 0.35 %,
    and the tolerance is three of them.
    """
    first, second = measure_bias(POINTS, [0.1], duration=9.0, seed=11)
    assert first.bias_error <= 0.001
    assert abs(first.bias) < 0.005
    assert second.bias_error < 0.004
    assert abs(second.bias) < 3 * second.bias_error


@pytest.mark.xdist_group("heavy-2")
def test_simulated_grid_has_the_predicted_bias():
    """Seed 12; within four standard errors of the exact theory of the stepped neuron, -12.3 % and -25.0 %."""
    first, second = measure_bias(POINTS, [0.1], duration=9.0, seed=12, grid_threshold=True)
    for one in (first, second):
        assert abs(one.bias - one.predicted_bias) < 4 * one.bias_error
    assert -0.14 < first.bias < -0.11
    assert -0.27 < second.bias < -0.22


def test_refractory_neurons_keep_their_rate():
    """Seed 4, dt 0.3 ms: the dead time is rounded to 5.1 ms, which the error budget must know.

    2000 independent neurons for 12 s; the simulated rate agrees with the rounded period within four standard errors,
    and differs from the exact one by more than four.
    """
    from ssnbrian.analysis.error_budget import dt_shift
    from ssnbrian.analysis.self_consistent import SelfConsistent
    from ssnbrian.models.neurons.lif import LIF_REFRACTORY

    from ssnbrian.circuit import Circuit, Constant, Population
    from ssnbrian.engine.simulate import simulate
    from ssnbrian.workflow.time_step import rate_of_independent_neurons

    neurons = Population("E", 2000, LIF_REFRACTORY, parameters={"refractory_period": "5 ms"})
    circuit = Circuit("refractory", (neurons,))
    recording = simulate(circuit, Constant(60), duration=12, dt=0.3, seed=4, bin_width=30)
    rate, error = rate_of_independent_neurons(recording, "E", 1.0)
    theory = SelfConsistent.from_circuit(circuit)
    exact = transfer.rate(60, SIGMA, 0.02, 1.0, 0.0, 0.005)
    shift = dt_shift(theory, np.array([exact]), np.array([60.0]), 0.3e-3, [True])[0]
    assert abs(rate - (exact + shift)) < 4 * error
    assert abs(shift) > 4 * error

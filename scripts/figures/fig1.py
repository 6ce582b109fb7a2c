"""Fig 1: the F–I curve of a neuron simulated, the Ricciardi function, the power law, and how it depends on σ and τ.

Usage: python scripts/figures/fig1.py [--quick] [--out FOLDER]
"""

from __future__ import annotations

import sys

import numpy as np
from matplotlib.figure import Figure
from paper_figure import STANDARD_ERRORS, Numbers, Settings, run_figure
from ssnbrian.analysis import PowerLaw, fit_transfer, transfer

from ssnbrian.workflow.transfer_curve import measured_transfer

# (sigma in mV/sqrt(s), tau in ms) of the curves, with the published fit (a, b, n).
CURVES = {
    (1.0, 20.0): (0.039147, 31.630, 2.1534),
    (3.0, 20.0): (1.0792e-4, -11.1425, 3.0814),
    (3.0, 15.0): (3.234e-5, -6.3806, 3.3066),
    (3.0, 10.0): (2.2099e-6, 4.7670, 3.8150),
}
CURVE_DIGITS = 0.002  # Hz; the published coefficients have five digits
DISCRETISATION = 0.005  # relative; the bridge's own bias at dt 0.1 ms, see time_step_bias.py
GRID_SIGMA, GRID_TAU = np.arange(1, 5.01, 0.05), np.arange(7, 23.01, 0.2)


def curves_panel(axis, numbers: Numbers, settings: Settings) -> None:
    """F–I curves: simulation (dots), Ricciardi function (lines), power law (dashed)."""
    mu = np.arange(0, 91, 10.0 if settings.quick else 5.0)
    parameters = [{"sigma": f"{sigma} mV/sqrt(s)", "tau": f"{tau} ms"} for sigma, tau in CURVES]
    size = {"neurons": 1000, "duration": 1.0} if settings.quick else {"neurons": 4000, "duration": 5.0}
    measured = measured_transfer(parameters, mu, seed=settings.seed, progress=settings.progress, **size)
    fine = np.linspace(-20, 100, 481)
    for number, (((sigma, tau), published), curve) in enumerate(zip(CURVES.items(), measured, strict=True)):
        law, seconds, color = fit_transfer(sigma=sigma, tau=tau / 1000), tau / 1000, f"C{number}"
        exact = transfer.rate(mu, sigma, seconds)
        label = f"σ = {sigma:g} mV/√s, τ = {tau:g} ms"
        axis.plot(fine, transfer.rate(fine, sigma, seconds), color=color, label=label)
        axis.plot(fine, law(fine), color=color, ls="--", lw=1)
        axis.errorbar(mu, curve.rates, curve.standard_errors, fmt="o", ms=3, color=color)
        if law.b > 0:
            axis.axvline(law.b, ymax=0.06, color=color, lw=2)
        for name, value, here in zip("abn", published, (law.a, law.b, law.n), strict=True):
            unit = {"a": "Hz/(mV/s)^n", "b": "mV/s", "n": "1"}[name]
            numbers.shown(f"{name}, {label}", unit, here, value)
        low = exact < 10
        distance = np.abs(law(mu) - PowerLaw(*published)(mu))[low].max()
        valley = "a, b and n lie in a flat valley: the curves are compared"
        numbers.holds(f"published power law against this one, {label}", "Hz", distance, high=CURVE_DIGITS, note=valley)
        numbers.shown(f"largest |power law - Φ| below 10 Hz, {label}", "Hz", np.abs(law(mu) - exact)[low].max())
        counted = exact * size["neurons"] * size["duration"] > 100
        error = np.hypot(curve.standard_errors, DISCRETISATION * exact)[counted]
        deviation = np.sqrt(np.mean(((curve.rates - exact)[counted] / error) ** 2))
        numbers.holds(
            f"rms of (simulation - Φ)/error, {label}",
            "1",
            deviation,
            high=1 + STANDARD_ERRORS / np.sqrt(2 * counted.sum()),
            note="error: sampling, and 0.5 % of discretisation at dt 0.1 ms; at most: 1 + 4 standard errors of an rms",
        )
    axis.set(xlim=(-20, 95), ylim=(0, 15), xlabel="mean input μ (mV/s)", ylabel="firing rate (Hz)")
    axis.plot([], [], "k-", label="Φ (Ricciardi)")
    axis.plot([], [], "k--", lw=1, label="power law, fitted below 10 Hz")
    axis.plot([], [], "ko", ms=3, label="simulation ± s.e.")
    axis.legend(frameon=False, fontsize=7)


def map_panels(figure, axes, numbers: Numbers, settings: Settings) -> None:
    """a, b and n over (σ, τ)."""
    step = 4 if settings.quick else 1
    sigmas, taus = GRID_SIGMA[::step], GRID_TAU[::step]
    laws = [[fit_transfer(sigma=sigma, tau=tau / 1000) for sigma in sigmas] for tau in taus]
    fields = {
        "log10 a, a in Hz/(mV/s)^n": np.log10([[law.a for law in row] for row in laws]),
        "b (mV/s)": np.array([[law.b for law in row] for row in laws]),
        "n": np.array([[law.n for law in row] for row in laws]),
    }
    for axis, (title, values) in zip(axes, fields.items(), strict=True):
        image = axis.pcolormesh(sigmas, taus, values, shading="nearest", cmap="viridis")
        figure.colorbar(image, ax=axis)
        for tau, color in ((20, "white"), (10, "red")):
            axis.plot(3, tau, "x", color=color, mew=2)
        axis.set(title=title, xlabel="noise σ (mV/√s)", ylabel="membrane time constant τ (ms)")
    numbers.computed("smallest n of the map", "1", fields["n"].min(), 1.96, 0.005 if step == 1 else 0.05)
    edge = "the paper's inputs end at 150 mV/s, where some of these neurons fire below 10 Hz; here they are extended"
    numbers.shown("largest n of the map", "1", fields["n"].max(), 4.61, note=edge)


def draw(settings: Settings):
    """The figure and its numbers."""
    numbers = Numbers()
    figure = Figure(figsize=(12, 7), layout="constrained")
    top, bottom = figure.subfigures(2, 1)
    curves_panel(top.subplots(), numbers, settings)
    map_panels(bottom, bottom.subplots(1, 3), numbers, settings)
    return figure, numbers


if __name__ == "__main__":
    sys.exit(run_figure("fig1", "Fig 1: F–I curves and their power laws", draw))

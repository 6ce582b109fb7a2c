"""The column of eight populations: rates, spectra and the response to a thalamic step, by neurons and populations.

Usage: python scripts/figures/column.py [--quick] [--out FOLDER]
Every neuron of a column of a tenth of the size in Brian2, the population model of the same column, and that of the
full one; bands and bars are standard errors. The full version takes two to three minutes.

Inputs that differ between neurons raise their rates above the theory. The small column keeps the variance of its
input and the rates of the neurons, so that there the theory, which has no such variance, lies lower still.
"""

from __future__ import annotations

import sys

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from paper_figure import Numbers, Settings, run_figure
from ssnbrian.analysis.renewal import EstimatedSpectrum, estimated_spectrum
from ssnbrian.analysis.statistics import batch_means
from ssnbrian.models.circuits.finite_size import COLUMN, column, thalamic_input

from ssnbrian import PiecewiseLinear
from ssnbrian.workflow.finite_size import Activity, mesoscopic_activity, microscopic_activity

SCALE, QUICK_SCALE = 0.1, 0.03
DT, BIN = 0.1, 1.0  # ms
# Hz, of the population model at full size, from the published simulation.
PUBLISHED = dict(zip(COLUMN, (0.971, 2.858, 4.680, 5.658, 8.147, 9.038, 0.991, 7.542), strict=True))
THALAMIC_RATE = 30.0  # Hz, during a step
STEP, PERIOD = 0.1, 0.5  # s: length of a step, and from one to the next
DRAWN_BIN = 0.005  # s, of the responses
SEGMENT, HIGHEST = 0.25, 250.0  # s and Hz, of the spectra
BANDS = ((4.0, 20.0), (20.0, 60.0), (60.0, 120.0), (120.0, 250.0))
# Of a rate: the published one's own sampling and step; the small column's whole in-degrees and the full one's sampling.
PUBLISHED_ERROR, SCALE_ERROR = 0.01, 0.02
# Of the response, which grows with the rate: neurons fire some 10 % more than in the theory at the smaller size.
THEORY_ERROR = 0.1
KINDS = (
    ("micro", "neurons, scale {scale:g}", "C0", 1.6),
    ("meso", "populations, scale {scale:g}", "C1", 1.2),
    ("full", "populations, full size", "k", 0.9),
)


def steps(rest: float, number: int) -> dict[str, PiecewiseLinear]:
    """Per population: nothing for ``rest`` (s), then ``number`` steps of the thalamic input, in mV/s."""
    times, on = [0.0], [0.0]
    for k in range(number):
        start = rest + k * PERIOD
        times += [start, start, start + STEP, start + STEP]
        on += [0.0, 1.0, 1.0, 0.0]
    times, on = [*times, rest + number * PERIOD], np.array([*on, 0.0])
    return {name: PiecewiseLinear(times, list(level * on)) for name, level in thalamic_input(THALAMIC_RATE).items()}


def runs(settings: Settings, scale: float) -> tuple[dict[str, Activity], float, int]:
    """All three activities, the time without steps after settling, and the number of steps."""
    settle, still, number = (0.2, 2.0, 10) if settings.quick else (1.0, 15.0, 40)
    small, seconds = column(scale), still + number * PERIOD
    given = {"dt": DT, "bin_width": BIN, "settle": settle, "seed": settings.seed}
    given["drive"] = steps(settle + still, number)
    found = {
        "micro": microscopic_activity(small, seconds, progress=settings.progress, **given),
        "meso": mesoscopic_activity(small, seconds, **given),
        "full": mesoscopic_activity(column(), seconds, **given),
    }
    return found, still, number


def undisturbed(activity: Activity, still: float) -> np.ndarray:
    """(populations, bins) before the first step."""
    return activity.rates[:, : round(still / activity.bin_width)]


def rates_panel(axis, found: dict[str, Activity], still: float, scale: float, numbers: Numbers) -> None:
    """Rates of all populations, and the published ones."""
    places = np.arange(len(COLUMN))
    values = {kind: batch_means(undisturbed(one, still)) for kind, one in found.items()}
    for offset, (kind, label, color, _) in zip((-0.27, 0.0, 0.27), KINDS, strict=True):
        mean, error = values[kind]
        axis.barh(places + offset, mean, 0.25, xerr=error, color=color, label=label.format(scale=scale), alpha=0.8)
    axis.plot(list(PUBLISHED.values()), places + 0.27, "r|", ms=8, mew=1.5, label="published, full size")
    axis.set_yticks(places, list(COLUMN))
    axis.invert_yaxis()
    axis.set(xlabel="firing rate (Hz)", title="rates without thalamic input")
    axis.legend(frameon=False, fontsize=7)
    for k, name in enumerate(COLUMN):
        (micro, micro_error), (meso, meso_error), (full, full_error) = (
            (values[kind][0][k], values[kind][1][k]) for kind in ("micro", "meso", "full")
        )
        numbers.measured(f"rate of {name}, populations, full size", "Hz", full, full_error, PUBLISHED[name],
                         PUBLISHED_ERROR * PUBLISHED[name], paper=PUBLISHED[name],
                         note="published rate; 4 s.e. and 1 %")  # fmt: skip
        expected = COLUMN[name][2]
        numbers.measured(f"rate of {name}, neurons, scale {scale:g}", "Hz", micro, micro_error, expected,
                         SCALE_ERROR * expected, note="neurons, full size; 4 s.e. and 2 %")  # fmt: skip
        numbers.shown(f"rate of {name}, populations, scale {scale:g}", "Hz", meso, error=meso_error,
                      note=f"neurons fire {100 * (micro / meso - 1):+.1f} % more at this scale, "
                           f"{100 * (expected / full - 1):+.1f} % at full size")  # fmt: skip


def spectra_panels(axes, found: dict[str, Activity], still: float, scale: float, numbers: Numbers) -> None:
    """N times the power spectrum of the activity, one panel per population."""
    spectra = {
        kind: [estimated_spectrum(one, 1e-3 * BIN, SEGMENT) for one in undisturbed(activity, still)]
        for kind, activity in found.items()
    }
    for k, (name, axis) in enumerate(zip(COLUMN, axes, strict=True)):
        for kind, label, color, width in reversed(KINDS):
            one, size = spectra[kind][k], found[kind].sizes[k]
            shown = one.frequencies <= HIGHEST
            low, high = (size * (one.spectrum + sign * one.standard_errors)[shown] for sign in (-1, 1))
            axis.fill_between(one.frequencies[shown], low, high, color=color, alpha=0.25, lw=0)
            axis.plot(one.frequencies[shown], size * one.spectrum[shown], color=color, lw=width,
                      label=label.format(scale=scale))  # fmt: skip
        axis.set(yscale="log", xlabel="frequency (Hz)", ylabel="N × power (Hz)", title=name)
        axis.yaxis.set_minor_formatter(NullFormatter())
        for band in BANDS:
            ratio, error = band_ratio(spectra["micro"][k], spectra["meso"][k], band)
            numbers.shown(f"power of {name}, neurons/populations, {band[0]:g} to {band[1]:g} Hz", "1", ratio,
                          error=error)  # fmt: skip
    axes[0].legend(frameon=False, fontsize=6.5)


def band_ratio(one: EstimatedSpectrum, other: EstimatedSpectrum, band: tuple[float, float]) -> tuple[float, float]:
    """Of the power in a band; the standard error takes every third frequency as independent (a Hann window)."""
    inside = (one.frequencies >= band[0]) & (one.frequencies < band[1])
    powers, errors = [], []
    for spectrum in (one, other):
        powers.append(spectrum.spectrum[inside].sum())
        errors.append(np.sqrt(3 * np.sum(spectrum.standard_errors[inside] ** 2)) / powers[-1])
    ratio = powers[0] / powers[1]
    return float(ratio), float(ratio * np.hypot(*errors))


def response(activity: Activity, still: float, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times from the onset of a step (s), mean rate over the steps and its standard error, (populations, bins), Hz."""
    per_bin = round(DRAWN_BIN / activity.bin_width)
    per_period, lead = round(PERIOD / DRAWN_BIN), round(0.05 / DRAWN_BIN)
    first = round(still / activity.bin_width) - lead * per_bin
    pieces = activity.rates[:, first : first + number * per_period * per_bin]
    pieces = pieces.reshape(len(COLUMN), number, per_period, per_bin).mean(axis=3)
    times = (np.arange(per_period) - lead + 0.5) * DRAWN_BIN
    return times, pieces.mean(axis=1), pieces.std(axis=1, ddof=1) / np.sqrt(number)


def response_panels(axes, found, still: float, number: int, scale: float, numbers: Numbers) -> None:
    """Rates after the onset of a step, one panel per layer, excitatory solid and inhibitory dashed."""
    reached = {name for name, level in thalamic_input(THALAMIC_RATE).items() if level}
    answers = {kind: response(activity, still, number) for kind, activity in found.items()}
    for panel, (layer, axis) in enumerate(zip(("L2/3", "L4", "L5", "L6"), axes, strict=True)):
        axis.axvspan(0, 1e3 * STEP, color="0.93", zorder=0)
        for kind, label, color, width in KINDS:
            times, mean, error = answers[kind]
            shown = times < 0.2
            for k, style in ((2 * panel, "-"), (2 * panel + 1, ":")):
                text = f"{'EI'[k % 2]}, {label.format(scale=scale)}"
                axis.errorbar(1e3 * times[shown], mean[k][shown], error[k][shown], ls=style, color=color, lw=width,
                              elinewidth=0.5, label=text)  # fmt: skip
        axis.set(xlabel="time from onset of the step (ms)", ylabel="firing rate (Hz)",
                 title=f"{layer}, thalamus at {THALAMIC_RATE:g} Hz")  # fmt: skip
    axes[0].set_ylim(top=1.7 * axes[0].get_ylim()[1])
    axes[0].legend(frameon=False, fontsize=6)
    windows = (("first 15 ms", 0.0, 0.015), ("15 to 100 ms", 0.015, STEP), ("50 ms after", STEP, STEP + 0.05))
    for k, name in enumerate(COLUMN):
        for word, start, stop in windows:
            (micro, micro_error), (meso, meso_error) = (
                change(found[kind], still, number, k, start, stop) for kind in ("micro", "meso")
            )
            what = f"change of {name}, {word} of a step, neurons - populations"
            error = np.hypot(micro_error, meso_error)
            note = f"{micro:+.3f} +- {micro_error:.3f} and {meso:+.3f} +- {meso_error:.3f}"
            if name in reached and stop <= STEP:
                numbers.measured(what, "Hz", micro - meso, float(error), 0.0, THEORY_ERROR * abs(meso),
                                 note=f"{note}; 4 s.e. and {THEORY_ERROR:.0%}")  # fmt: skip
            else:
                numbers.shown(what, "Hz", micro - meso, error=float(error), note=note)


def change(activity: Activity, still: float, number: int, k: int, start: float, stop: float) -> tuple[float, float]:
    """Rate (Hz) of population k in a window from the onset (s) minus that of 100 ms before; s.e. over the steps."""

    def means(first: float, last: float) -> np.ndarray:
        onsets = still + PERIOD * np.arange(number)
        edges = [[round((onset + one) / activity.bin_width) for one in (first, last)] for onset in onsets]
        return np.array([activity.rates[k, low:high].mean() for low, high in edges])

    changes = means(start, stop) - means(-0.1, 0.0)
    return float(changes.mean()), float(changes.std(ddof=1) / np.sqrt(number))


def draw(settings: Settings) -> tuple[Figure, Numbers]:
    """The figure and its numbers."""
    numbers, scale = Numbers(), QUICK_SCALE if settings.quick else SCALE
    found, still, number = runs(settings, scale)
    figure = Figure(figsize=(16, 12), layout="constrained")
    grid = figure.add_gridspec(3, 5, width_ratios=(1.15, 1, 1, 1, 1))
    rates_panel(figure.add_subplot(grid[:, 0]), found, still, scale, numbers)
    # Layers side by side, excitatory above inhibitory.
    order = [(k % 2, 1 + k // 2) for k in range(8)]
    spectra_panels([figure.add_subplot(grid[place]) for place in order], found, still, scale, numbers)
    lower = [figure.add_subplot(grid[2, 1 + k]) for k in range(4)]
    response_panels(lower, found, still, number, scale, numbers)
    return figure, numbers


if __name__ == "__main__":
    sys.exit(run_figure("column", "The cortical column: neurons and populations", draw))

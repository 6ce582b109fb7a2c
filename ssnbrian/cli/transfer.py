"""``ssnbrian transfer``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ssnbrian.circuit import InvalidInputError, Population
from ssnbrian.circuit.errors import nearest
from ssnbrian.cli.parsing import add_json, number, whole_number

if TYPE_CHECKING:
    from ssnbrian.workflow.transfer_curve import TransferCurve
    from ssnbrian.workflow.transfer_fit import MeasuredLaw

EXAMPLE = "ssnbrian transfer --mu 10 --sigma 3 --tau 20 --threshold 1 --reset 0"

_CLOSED_FORM = {"mu": None, "tau": None, "threshold": 1.0, "reset": 0.0, "refractory": 0.0}
_MEASURED = {"maximum_rate": 10.0, "neurons": 500, "duration": 2.0, "seed": 1, "dt": 0.1}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "model",
        metavar="MODEL",
        nargs="?",
        help="measure this neuron by simulation: a name from 'ssnbrian list', or FILE.toml:POPULATION; "
        "without it, the closed form of the leaky integrate-and-fire neuron",
    )
    parser.add_argument("--sigma", type=number, help="noise amplitude, mV/sqrt(s)")
    closed = parser.add_argument_group("without MODEL (--mu, --sigma and --tau are required)")
    closed.add_argument("--mu", type=number, help="mean input, mV/s")
    closed.add_argument("--tau", type=number, help="membrane time constant, ms")
    closed.add_argument("--threshold", type=number, help="mV (default 1)")
    closed.add_argument("--reset", type=number, help="mV (default 0)")
    closed.add_argument("--refractory", type=number, help="refractory period, ms (default 0)")
    measured = parser.add_argument_group("with MODEL, e.g. 'ssnbrian transfer lif_white_noise --set tau=10ms'")
    measured.add_argument(
        "--set", action="append", metavar="NAME=VALUE", help="change a parameter, e.g. --set 'tau=10 ms'"
    )
    measured.add_argument("--maximum-rate", type=number, metavar="HZ", help="upper end of the fit (default 10)")
    measured.add_argument("--neurons", type=whole_number, help="simulated at once (default 500)")
    measured.add_argument("--duration", type=number, help="s at each of the inputs (default 2)")
    measured.add_argument("--seed", type=whole_number, help="default 1")
    measured.add_argument("--dt", type=number, help="ms (default 0.1)")
    measured.add_argument("--figure", metavar="FILE", help="rates with error bars and the fit")
    add_json(parser)


def execute(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """The closed form of one neuron, or the measured curve and power law of any model."""
    others = {**_CLOSED_FORM, "model": None} if arguments.model is not None else {**_MEASURED, "set": 0, "figure": 0}
    given = [name for name in others if name != "model" and getattr(arguments, name) is not None]
    if given:
        option = f"--{given[0].replace('_', '-')}"
        if arguments.model is None:
            raise InvalidInputError(f"{option} goes with a MODEL to measure, e.g. ssnbrian transfer lif_white_noise")
        raise InvalidInputError(f"{option} goes without MODEL; change parameters with --set, e.g. --set 'tau=10 ms'")
    for name, value in (_CLOSED_FORM if arguments.model is None else _MEASURED).items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, value)
    return _closed_form(arguments) if arguments.model is None else _measured(arguments)


def _closed_form(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Ricciardi rate, its derivatives, and the power law fitted below 10 Hz."""
    from ssnbrian.analysis import transfer
    from ssnbrian.analysis.power_law import fit_transfer

    missing = [f"--{name}" for name in ("mu", "sigma", "tau") if getattr(arguments, name) is None]
    if missing:
        raise InvalidInputError(
            f"{', '.join(missing)} missing; --mu, --sigma and --tau are required, or the MODEL of a neuron to measure"
        )
    neuron = (arguments.tau / 1000, arguments.threshold, arguments.reset, arguments.refractory / 1000)
    try:
        rate = float(transfer.rate(arguments.mu, arguments.sigma, *neuron))
        slope_mu, slope_sigma = (
            float(one) for one in transfer.rate_derivatives(arguments.mu, arguments.sigma, *neuron)
        )
    except ValueError as error:
        raise InvalidInputError(str(error)) from None
    data: dict[str, Any] = {"rate": rate, "derivative_mu": slope_mu, "derivative_sigma": slope_sigma}
    lines = [
        f"rate {rate:.6g} Hz",
        f"derivatives {slope_mu:.6g} Hz/(mV/s) in mu, {slope_sigma:.6g} Hz/(mV/sqrt(s)) in sigma",
    ]
    try:
        law = fit_transfer(arguments.sigma, *neuron)
        data["fit"] = {"a": law.a, "b": law.b, "n": law.n, "rmse": law.rmse}
        lines.append(
            f"power law a (mu - b)^n below {law.rate_range[1]:g} Hz: a {law.a:.5g} Hz/(mV/s)^n, b {law.b:.6g} mV/s, "
            f"n {law.n:.5g}, rmse {law.rmse:.3g} Hz"
        )
    except ValueError as error:
        data["fit"] = None
        lines.append(f"no power-law fit: {error}")
    return "\n".join(lines), data


def _named_population(name: str) -> Population:
    """The neurons called MODEL, as a population of them."""
    from ssnbrian.analysis.conductance_transfer import NAMELESS
    from ssnbrian.models.library import TEMPLATES, find_circuit

    path, colon, inside = name.rpartition(":")
    if colon:
        circuit = find_circuit(path)
        found = [one for one in circuit.populations if one.name == inside]
        found = found or [one for one in circuit.populations if one.neuron.name == inside]
        if not found:
            known = dict.fromkeys(name for one in circuit.populations for name in (one.name, one.neuron.name))
            raise InvalidInputError(f"'{path}' has no population or neuron '{inside}'. {nearest(inside, known)}")
        if any(one.parameters != found[0].parameters for one in found):
            names = ", ".join(one.name for one in found)
            raise InvalidInputError(f"neuron '{inside}' has different parameters in {names}; name one of these instead")
        return found[0]
    if name not in TEMPLATES.neurons:
        raise InvalidInputError(f"there is no neuron '{name}'. {nearest(name, TEMPLATES.neurons)}")
    return Population(NAMELESS, 1, TEMPLATES.neurons[name])


def _changed(population: Population, settings: list[str], sigma: float | None) -> Population:
    """With white noise, where the model has no noise of its own, and the parameters of --set and --sigma."""
    from ssnbrian.models.noise import WHITE_NOISE
    from ssnbrian.workflow.transfer_fit import is_noisy

    neuron = population.neuron
    if neuron.noise is None and (sigma is not None or not is_noisy(population)):
        neuron = neuron + WHITE_NOISE
    parameters: dict[str, Any] = dict(population.parameters)
    for setting in settings:
        name, equals, text = (part.strip() for part in setting.partition("="))
        if not equals or not text:
            raise InvalidInputError(f"--set expects NAME=VALUE, e.g. 'tau=10 ms', got '{setting}'")
        parameters[name] = text
    if sigma is not None and neuron.noise is not None:
        parameters[neuron.noise] = f"{sigma!r} mV/sqrt(s)"
    return Population(population.name, 1, neuron, parameters=parameters)


def _measured(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """The measured F–I curve and its power law."""
    from ssnbrian.circuit.paths import require_writable
    from ssnbrian.cli.progress import TerminalProgress
    from ssnbrian.workflow.transfer_fit import law_of_curve, measured_curve

    population = _changed(_named_population(arguments.model), arguments.set or [], arguments.sigma)
    if arguments.figure is not None:
        require_writable(arguments.figure)
    progress = TerminalProgress()
    curve = measured_curve(population, **{name: getattr(arguments, name) for name in _MEASURED}, progress=progress)
    progress.finish()
    model, top = population.neuron, arguments.maximum_rate
    data: dict[str, Any] = {
        "model": model.name,
        "parameters": {one.name: population.parameters[one.name].text(one.unit) for one in model.parameters},
        "mu": curve.mu.tolist(),
        "rates": curve.rates.tolist(),
        "standard_errors": curve.standard_errors.tolist(),
        "fit": None,
        "fit_reason": None,
        "seed": curve.seed,
        "dt": curve.dt,
        "build": dict(curve.build),
    }
    lines = [f"{model.name}: {arguments.neurons} neurons, {arguments.duration:g} s at each input, dt {curve.dt:g} ms"]
    lines += ["     mu (mV/s)   rate (Hz)     +- se"]
    lines += [
        f"  {mu:12.6g}  {rate:10.4f}  {error:8.4f}"
        for mu, rate, error in zip(curve.mu, curve.rates, curve.standard_errors, strict=True)
    ]
    measured = None
    try:
        measured = law_of_curve(curve, top, curve.seed)
        law, errors = measured.law, dict(measured.standard_errors)
        data["fit"] = {"a": law.a, "b": law.b, "n": law.n, "rmse": law.rmse, "standard_errors": errors}
        lines.append(
            f"power law a (mu - b)^n below {top:g} Hz: a {law.a:.5g} +- {errors['a']:.2g} Hz/(mV/s)^n, "
            f"b {law.b:.6g} +- {errors['b']:.2g} mV/s, n {law.n:.5g} +- {errors['n']:.2g}, rmse {law.rmse:.3g} Hz"
        )
    except ValueError as error:
        data["fit_reason"] = str(error)
        lines.append(f"no power-law fit: {error}")
    if arguments.figure is not None:
        _draw(arguments.figure, model.name, curve, measured)
        data["figure"] = arguments.figure
        lines.append(f"figure: {arguments.figure}")
    return "\n".join(lines), data


def _draw(path: str, name: str, curve: TransferCurve, measured: MeasuredLaw | None) -> None:
    import numpy as np
    from matplotlib.figure import Figure

    from ssnbrian.analysis.comparison_report import save_figure

    figure = Figure(figsize=(5.2, 4.0), layout="constrained")
    axis = figure.subplots()
    axis.errorbar(
        curve.mu, curve.rates, curve.standard_errors, fmt="o", ms=3, color="0.35", ecolor="0.6", label="measured ± s.e."
    )
    if measured is not None:
        law, mu = measured.law, np.linspace(curve.mu[0], curve.mu[-1], 400)
        label = f"a (μ − b)ⁿ below {law.rate_range[1]:g} Hz:\na {law.a:.3g} Hz/(mV/s)ⁿ,\n"
        label += f"b {law.b:.4g} mV/s, n {law.n:.3g}"
        axis.plot(mu, law(mu), color="C0", label=label)
        axis.axhline(law.rate_range[1], color="0.7", lw=0.8, ls=":")
    axis.set_xlabel("mean input μ (mV/s)")
    axis.set_ylabel("firing rate (Hz)")
    axis.set_ylim(bottom=0)
    axis.legend(frameon=False, fontsize=8)
    axis.set_title(f"{name}, dt {curve.dt:g} ms, seed {curve.seed}", fontsize=10)
    save_figure(figure, path)

"""``ssnbrian transfer``."""

from __future__ import annotations

import argparse
from typing import Any

from ssnbrian.circuit import InvalidInputError
from ssnbrian.cli.parsing import add_json, number

EXAMPLE = "ssnbrian transfer --mu 10 --sigma 3 --tau 20 --threshold 1 --reset 0"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--mu", type=number, required=True, help="mean input, mV/s")
    parser.add_argument("--sigma", type=number, required=True, help="noise amplitude, mV/sqrt(s)")
    parser.add_argument("--tau", type=number, required=True, help="membrane time constant, ms")
    parser.add_argument("--threshold", type=number, default=1.0, help="mV (default 1)")
    parser.add_argument("--reset", type=number, default=0.0, help="mV (default 0)")
    parser.add_argument("--refractory", type=number, default=0.0, help="refractory period, ms (default 0)")
    add_json(parser)


def execute(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Ricciardi rate, its derivatives, and the power law fitted below 10 Hz."""
    from ssnbrian.analysis import transfer
    from ssnbrian.analysis.power_law import fit_transfer

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

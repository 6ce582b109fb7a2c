"""Random design requests for every regime, feasible and infeasible ones mixed, verified by theory and by simulation.

A request comes from a random network within the bounds that has the regime, so it is feasible; every fourth request
is spoiled so that no network within narrowed bounds meets it. Finished trials are kept in a file and not repeated:

    python scripts/design_trials.py --out trials.jsonl [--regime persistence] [--seed 1] [--count 20] [--no-simulation]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from ssnbrian.analysis.design import (
    Bistability,
    Candidate,
    DesignBounds,
    InfeasibleDesignError,
    InhibitionStabilized,
    NoSteadyState,
    Persistence,
    Regime,
    Setting,
    Supersaturation,
    Verification,
)
from ssnbrian.analysis.design.ramp import ramp_branch

from ssnbrian.circuit import InvalidInputError
from ssnbrian.workflow.verify_design import designed, verify_by_simulation

PAIRS = ("EE", "EI", "IE", "II")
Draw = Callable[[Setting, dict[str, float], float], Regime | None]


def random_network(rng: np.random.Generator) -> tuple[dict[str, float], float]:
    """J in mV by pair and the ratio, log-uniform in the default bounds."""
    values = np.exp(rng.uniform(np.log(0.5), np.log(25.0), 4))
    return dict(zip(PAIRS, map(float, values), strict=True)), float(np.exp(rng.uniform(np.log(0.2), np.log(5.0))))


def rounded(value: float) -> float:
    return float(f"{value:.3g}")


def within_fit(found: Verification) -> bool:
    """Whether the regime is there at rates at which the power laws describe the neurons."""
    return found.satisfied and not found.found["extrapolated"]


def peak_of(setting: Setting, weights: dict[str, float], ratio: float) -> Regime | None:
    branch = ramp_branch(setting, weights, ratio, 60.0, points=121)
    if branch.obstacles:
        return None
    top = int(branch.rates[:, 0].argmax())
    at, peak = branch.mu_ext[top], branch.rates[top, 0]
    if not (4 < at < 40 and 0.8 < peak < 9 and branch.rates[-1, 0] < 0.85 * peak):
        return None
    return Supersaturation(rounded(peak), rounded(at))


def threshold_of(setting: Setting, weights: dict[str, float], ratio: float) -> Regime | None:
    threshold = setting.ssn(weights).conditions()["isn"]["threshold_rate_E"]
    if threshold is None or not 0.7 < threshold < 5:
        return None
    regime = InhibitionStabilized(threshold)
    found = regime.verify(Candidate(weights, ratio), setting)
    return InhibitionStabilized(rounded(threshold)) if within_fit(found) else None


def persistent_rate_of(setting: Setting, weights: dict[str, float], ratio: float) -> Regime | None:
    states = setting.ssn(weights).steady_states(0.0)
    if [state.stable for state in states] != [True, False, True]:
        return None
    quiet, _, active = (state.rates["E"] for state in states)
    return Persistence(rounded(active)) if quiet < 0.8 and 2 < active < 9 else None


def window_of(setting: Setting, weights: dict[str, float], ratio: float) -> Regime | None:
    folds = setting.ssn(weights).folds(1.0)
    if len(folds) != 2 or np.ptp(folds.mu_ext) < 0.3 or not 0 < folds.mu_ext[0] < folds.mu_ext[1] < 30:
        return None
    regime = Bistability(tuple(map(rounded, folds.mu_ext)))
    exact = Bistability(tuple(map(float, folds.mu_ext)))
    return regime if within_fit(exact.verify(Candidate(weights, 1.0), setting)) else None


def last_fold_of(setting: Setting, weights: dict[str, float], ratio: float) -> Regime | None:
    if setting.network(weights).det_J >= 0:
        return None
    folds = setting.ssn(weights).folds(1.0)
    if len(folds) != 1 or not 2 < folds.mu_ext[-1] < 30:
        return None
    exact = NoSteadyState(float(folds.mu_ext[-1]))
    found = exact.verify(Candidate(weights, 1.0), setting)
    return NoSteadyState(rounded(exact.above)) if within_fit(found) else None


DRAWS: dict[str, Draw] = {
    "supersaturation": peak_of,
    "inhibition_stabilized": threshold_of,
    "persistence": persistent_rate_of,
    "bistability": window_of,
    "no_steady_state": last_fold_of,
}
# Bounds within which no network has the regime, whatever its numbers: Eq 4, Eq 7, Eq 5, no positive feedback, det J.
IMPOSSIBLE = {
    "supersaturation": DesignBounds(weights={"EI": (0.5, 1.0), "II": (6.0, 10.0)}),
    "inhibition_stabilized": DesignBounds(weights={"EE": (0.1, 0.5)}),
    "persistence": DesignBounds(weights={"EE": (0.1, 0.6)}),
    "bistability": DesignBounds(weights={"EE": (0.01, 0.05)}),
    "no_steady_state": DesignBounds(weights={"EE": (0.5, 1.0), "II": (0.5, 1.0), "EI": (2.0, 9.0), "IE": (2.0, 9.0)}),
}


def request(name: str, seed: int, setting: Setting) -> Regime:
    """The regime of the first random network that has it."""
    rng = np.random.default_rng([seed, list(DRAWS).index(name)])
    while True:
        found = DRAWS[name](setting, *random_network(rng))
        if found is not None:
            return found


def trial(name: str, seed: int, setting: Setting, simulated: bool) -> dict[str, Any]:
    """One request: what was asked, what came of it."""
    feasible = seed % 4 != 0
    regime = request(name, seed, setting)
    row: dict[str, Any] = {"regime": name, "seed": seed, "request": str(regime), "feasible": feasible}
    started = time.monotonic()
    try:
        result = designed(regime, None if feasible else IMPOSSIBLE[name], seed=seed)
    except InfeasibleDesignError as error:
        refused = {"refused": True, "proven": error.proven, "message": error.inequality}
        return row | refused | {"seconds": time.monotonic() - started}
    row |= {"refused": False, "verified": result.verification.satisfied, "weights": dict(result.weights)}
    row |= {"ratio": result.ratio, "robustness": result.robustness, "seconds": time.monotonic() - started}
    if simulated:
        try:
            shown = verify_by_simulation(result, seed=seed)
            row |= {"shown": shown.shown, "simulation": shown.satisfied, "reasons": list(shown.reasons)}
            row["quantities"] = [str(one) for one in shown.quantities if one.agrees is not None]
            row["reasons"] += [text for text in row["quantities"] if "DIFFERS" in text]
        except InvalidInputError as error:
            row |= {"shown": False, "simulation": False, "reasons": [str(error)]}
    return row


def described(row: dict[str, Any]) -> str:
    """One line of the table."""
    if row["refused"]:
        right = "refused, rightly" if not row["feasible"] else "REFUSED, though feasible"
        return f"{row['request']:70} {right} ({'proven' if row['proven'] else 'not proven'})"
    right = "met" if row["feasible"] else "MET, though infeasible"
    simulation = {True: "as asked", False: "not as asked", None: "not simulated"}[row.get("simulation")]
    if row.get("shown") is False:
        simulation = "WITHOUT the regime"
    theory = "verified" if row["verified"] else "NOT verified"
    text = f"{row['request']:70} {right}, theory {theory}, spikes {simulation}"
    return f"{text}, robustness {row['robustness']:.2g}, {row['seconds']:.1f} s" + "".join(
        f"\n{'':10}{reason}" for reason in row.get("reasons", [])
    )


def main() -> int:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--regime", choices=list(DRAWS), action="append", help="only this one (default: all)")
    parser.add_argument("--seed", type=int, default=1, help="first seed (default 1)")
    parser.add_argument("--count", type=int, default=20, help="requests per regime (default 20)")
    parser.add_argument("--no-simulation", action="store_true", help="verify by theory only")
    parser.add_argument("--out", type=Path, default=Path("design_trials.jsonl"), help="finished trials")
    arguments = parser.parse_args()
    lines = arguments.out.read_text(encoding="utf-8").splitlines() if arguments.out.exists() else []
    done = {(row["regime"], row["seed"]): row for row in map(json.loads, lines)}
    setting = Setting.default()
    rows = []
    for name in arguments.regime or DRAWS:
        for seed in range(arguments.seed, arguments.seed + arguments.count):
            row = done.get((name, seed))
            if row is None:
                row = trial(name, seed, setting, not arguments.no_simulation)
                with arguments.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
            rows.append(row)
            print(f"{name} {seed}: {described(row)}", flush=True)
    feasible = [row for row in rows if row["feasible"]]
    met = [row for row in feasible if not row["refused"] and row["verified"]]
    simulated = [row for row in met if row.get("simulation") is not None]
    refused = [row for row in rows if not row["feasible"] and row["refused"]]
    print(f"feasible requests met: {len(met)} of {len(feasible)}")
    print(f"regime shown by the spiking network: {sum(row['shown'] for row in simulated)} of {len(simulated)}")
    print(f"  with the numbers asked for: {sum(row['simulation'] for row in simulated)} of {len(simulated)}")
    print(f"infeasible requests refused: {len(refused)} of {len(rows) - len(feasible)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Short-term depression and facilitation.

The weight is that of the full resource: a spike transmits weight*U*R, weight*u or weight*u*R. Two conventions for u
are consistent, and their templates are not to be mixed: in ``FACILITATION`` u decays to U, a spike transmits u before
it jumps; in ``TSODYKS_MARKRAM`` u decays to 0, jumps first, and transmits the new value. Both transmit the same at
every spike: the transmitted u follows from that of the spike before by the same map.
"""

from ssnbrian.circuit import Parameter, Plasticity

_U = Parameter("U", "1", "0.5", "share of the resources that a spike takes")
_TAU_DEPRESSION = Parameter("tau_depression", "ms", "800 ms", "time in which the resources recover")
_DEPRESSING = "dR/dt = (1 - R)/tau_depression : 1 (event-driven)"

DEPRESSION = Plasticity(
    name="depression",
    efficacy="U*R",
    equations=_DEPRESSING,
    after="R -= U*R",
    parameters=(_U, _TAU_DEPRESSION),
    initial=(("R", "1"),),
    explanation="short-term depression: every spike uses up a share of the resources",
    source="Tsodyks, Markram 1997, Proc Natl Acad Sci USA 94",
)

FACILITATION = Plasticity(
    name="facilitation",
    efficacy="u",
    equations="du/dt = (U - u)/tau_facilitation : 1 (event-driven)",
    after="u += U*(1 - u)",
    parameters=(
        Parameter("U", "1", "0.15", "efficacy at rest, and share of the rest by which a spike raises it"),
        Parameter("tau_facilitation", "ms", "1000 ms", "time in which facilitation fades"),
    ),
    initial=(("u", "U"),),
    explanation="short-term facilitation: a spike transmits u, which then jumps towards 1 and decays to U",
    source="Mongillo, Barak, Tsodyks 2008, Science 319",
)

FACILITATION_DEPRESSION = Plasticity(
    name="facilitation_depression",
    efficacy="u*R",
    equations=f"{FACILITATION.equations}\n{_DEPRESSING}",
    after="R -= u*R\nu += U*(1 - u)",
    parameters=(*FACILITATION.parameters, Parameter("tau_depression", "ms", "200 ms", _TAU_DEPRESSION.explanation)),
    initial=(("u", "U"), ("R", "1")),
    explanation="facilitation and depression: a spike transmits u R, uses up u R, and then raises u",
    source="Mongillo, Barak, Tsodyks 2008, Science 319",
)

TSODYKS_MARKRAM = Plasticity(
    name="tsodyks_markram",
    efficacy="u*R",
    equations=f"du/dt = -u/tau_facilitation : 1 (event-driven)\n{_DEPRESSING}",
    before="u += U*(1 - u)",
    after="R -= u*R",
    parameters=FACILITATION_DEPRESSION.parameters,
    initial=(("u", "0"), ("R", "1")),
    explanation="facilitation and depression: u, which decays to 0, jumps first, and a spike transmits the new u R",
    source="Markram, Wang, Tsodyks 1998, Proc Natl Acad Sci USA 95",
)

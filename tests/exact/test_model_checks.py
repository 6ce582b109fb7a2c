"""The checks of models against Brian2's own verdict: never refused what Brian2 accepts."""

import contextlib
import dataclasses
import logging
import random

import brian2
import pytest
from brian2.core.functions import DEFAULT_FUNCTIONS
from brian2.core.namespace import DEFAULT_CONSTANTS, DEFAULT_UNITS
from brian2.core.variables import Constant, Variable
from brian2.equations.equations import Equations, dimensions_and_type_from_string
from brian2.parsing.expressions import parse_expression_dimensions
from ssnbrian.models.library import TEMPLATES

from ssnbrian.circuit import InvalidInputError, NeuronModel, Parameter, SynapseModel, UnitError
from ssnbrian.circuit.brian_units import brian_units, equation_dimension
from ssnbrian.circuit.equations import parse_equations
from ssnbrian.circuit.expressions import Expression, Scope, Symbol, UnplacedError
from ssnbrian.circuit.model_checks import check_fit, check_neuron, check_synapse
from ssnbrian.circuit.units import DIMENSIONLESS, parse_unit
from ssnbrian.engine.names import rename

NEURON = NeuronModel(
    name="probe",
    equations="dv/dt = -v/tau + mu_ext + mu_synaptic + sigma*xi : volt\ndw/dt = -w/tau : 1\nn : 1\nflag : boolean",
    threshold="v > theta",
    reset="v = 0*mV",
    parameters=(
        Parameter("tau", "ms", "20 ms", "membrane time constant"),
        Parameter("sigma", "mV/sqrt(s)", "3 mV/sqrt(s)", "noise"),
        Parameter("theta", "mV", "1 mV", "threshold"),
    ),
    noise="sigma",
)
SYNAPSE = SynapseModel(
    name="link",
    target_equations="dg/dt = -g/tau_g : volt/second",
    current="g",
    on_pre="g_post += weight/tau_g",
    parameters=(Parameter("tau_g", "ms", "5 ms", "decay time"),),
    equations="dx/dt = (1 - x)/tau_g : 1 (event-driven)",
)


@pytest.fixture(autouse=True)
def quiet_brian2():
    previous = logging.root.manager.disable
    brian2.prefs.codegen.target = "numpy"
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(previous)
    brian2.prefs.codegen.target = "auto"


def base_unit(unit):
    _, dimension = parse_unit(unit)
    names = ("metre", "kilogram", "second", "amp", "kelvin", "mole", "candle")
    return "*".join(f"{name}**{float(e):g}" for name, e in zip(names, dimension, strict=True) if e) or "1"


def neuron_group(model, extra=(), current="0*volt/second"):
    lines = [model.equations, "mu_ext = 0*volt/second : volt/second", f"mu_synaptic = {current} : volt/second"]
    lines += [f"{one.name} : {base_unit(one.unit)} (shared, constant)" for one in model.parameters]
    return brian2.NeuronGroup(
        2,
        "\n".join([*lines, *extra]),
        threshold=model.threshold,
        reset=model.reset,
        refractory=model.refractory or False,
        method="euler",
    )


def brian2_runs(*objects, initial=()):
    network = brian2.Network(*objects)
    for owner, pairs in initial:
        for variable, text in pairs:
            setattr(owner, variable, text)
    network.run(0 * brian2.ms, namespace={})


def brian2_accepts_neuron(model):
    try:
        group = neuron_group(model)
        brian2_runs(group, initial=[(group, model.initial)])
    except Exception:
        return False
    return True


def brian2_accepts_fit(neuron, synapse):
    extra = [synapse.target_equations] if synapse.target_equations else []
    lines = [f"{one.name} : {base_unit(one.unit)} (shared, constant)" for one in synapse.parameters]
    used = [line for line in lines if line.split()[0] in synapse.target_equations]
    # As the engine does, the target's copies of names get an ending of their own.
    declared = [one.name for one in parse_equations(synapse.target_equations, "")]
    in_target = {name: f"{name}_from_A" for name in declared}
    new = in_target | {name: f"{name}_from_A" for name in (line.split()[0] for line in used)}
    try:
        group = neuron_group(
            neuron, [rename(text, new) for text in (*extra, *used)], new.get(synapse.current, "0*volt/second")
        )
        texts = {"on_pre": rename(synapse.on_pre, in_target)}
        if synapse.on_post:
            texts["on_post"] = rename(synapse.on_post, in_target)
        equations = "\n".join(["weight : volt (shared, constant)", *lines, synapse.equations])
        link = brian2.Synapses(group, group, equations, method="exponential_euler", **texts)
        link.connect()
        if synapse.delay:
            link.delay = synapse.delay
        brian2_runs(group, link, initial=[(link, synapse.initial)])
    except Exception:
        return False
    return True


def message_of(check, *models):
    with pytest.raises(InvalidInputError) as caught:
        check(*models)
    message = str(caught.value)
    assert "\n" not in message and message.count("; ") == 1 and not message.endswith(".")
    return message, type(caught.value)


E = NEURON.equations
VALID_NEURONS = [
    {},
    {"equations": E + "\nI = n*(v - theta) +  # goes on\n    w*v : volt  # the last"},
    {"equations": E + "\ny = v :\nvolt\n(constant over dt)"},
    {"equations": E + "\ny : 1 (constant) z : 1 (shared, constant)"},
    {"equations": E + "\nd y / dt = -y/ms + 1*Hz : 1 (unless refractory)"},
    {"equations": E + "\ny = int(v > theta and not flag) + i % 3 + i // 2 : 1"},
    {"equations": E + "\ny = v > theta or flag : boolean\nk = 3 : integer"},
    {"equations": E + "\ny = sqrt(v**2) + (v*v)**0.5 + v**3/volt**2 + (v**4)**(1/4) : volt"},
    {"equations": E + "\ny = exp((v - theta)/(2*mV)) + exprel(w) + clip(w, -1, 1) + sign(v) : 1"},
    {"equations": E + "\ny = 0*v + inf*volt*0 + abs(v) + floor(v/mV)*mV : volt"},
    {"equations": E + "\ny = 3*nS*(v - 20*mV)/(200*pF) : volt/second"},
    {"equations": E + "\ny = rand() + randn() : 1 (constant over dt)"},
    {"equations": E + "\ny = t/second + timestep(t, dt) + t_in_timesteps + N + i : 1"},
    {"equations": E + "\ndy/dt = -y/ms + xi_1/sqrt(ms) : 1\ndz/dt = -z/ms + xi_1/sqrt(ms) : 1"},
    {"equations": E + "\ny : siemens/metre**2\nz : second**-.5\nq : 1/second\nk : metre**1.5"},
    {"equations": E + "\ny = 2**n + w**w + pi**2 : 1"},
    {"equations": E + "\ny = 2e-3*v + 1E2*mvolt : volt"},
    {"reset": "v = 0*mV; w += 1\nw *= 0.5  # less"},
    {"reset": "jump = 2*mV\nv -= jump"},
    {"reset": "v /= 2; w %= 2"},
    {"reset": "v = v*(1 + rand())"},
    {"threshold": "v > theta or (w < 3 and rand() < 3*Hz*dt)"},
    {"threshold": "v > theta and t > lastspike", "refractory": "2*ms"},
    {"threshold": "not_refractory and v >= 1*mV", "refractory": "v > 0*mV"},
    {"threshold": "flag"},
    {"refractory": "tau/2"},
    {"initial": (("v", "theta*rand()"), ("w", "0.5"), ("n", "i"), ("flag", "i > 0"))},
]
UNITS = UnitError
INVALID_NEURONS = [
    ({"equations": E.replace("-v/tau", "-v")}, UNITS, "line 'dv/dt = -v + mu_ext", "it adds"),
    ({"equations": E.replace("dw/dt = -w/tau", "dw/dt = -w")}, UNITS, "line 'dw/dt = -w : 1'", "has the unit 1"),
    ({"equations": E + "\ny = exp(v) : 1"}, UNITS, "line 'y = exp(v) : 1'", "the argument 'v' of exp() is in mV"),
    ({"equations": E + "\ny = clip(v, 0, theta) : volt"}, UNITS, "clip", "a zero needs its unit too"),
    ({"equations": E + "\ny = v + 0 : volt"}, UNITS, "a zero needs its unit too"),
    ({"equations": E + "\ny = 0 : volt"}, UNITS, "a zero needs its unit too"),
    ({"equations": E + "\ny = timestep(v, dt) : 1"}, UNITS, "timestep"),
    ({"equations": E + "\ny = v//mV : 1"}, UNITS, "//"),
    ({"equations": E + "\ny = v**n : 1"}, UNITS, "'n' is no constant"),
    ({"equations": E + "\ny = v**2 : volt"}, UNITS, "line 'y = v**2 : volt'", "in mV**2"),
    ({"equations": E + "\ny : mV"}, UNITS, "'mV' cannot be the unit of a variable"),
    ({"equations": E + "\ny : volts"}, UNITS, "'volts' is not the name of a unit"),
    ({"equations": E + "\ny : volt second"}, UNITS, "cannot be read"),
    ({"equations": E + "\ny = vv : volt"}, None, "'vv' is not known; did you mean 'v'?"),
    ({"equations": E + "\ny = expp(w) : 1"}, None, "'expp' is not a function of Brian2; did you mean 'exp'?"),
    ({"equations": E + "\ny = tau(v) : 1"}, None, "'tau' is not a function; an operator may be missing"),
    ({"equations": E + "\ny = rand*w : 1"}, None, "'rand' is a function; call it"),
    ({"equations": E + "\ny = exp(w, 2) : 1"}, None, "'exp' has 2 arguments; it takes 1"),
    ({"equations": E + "\ny = 3*(v : volt"}, None, "is not an expression"),
    ({"equations": E + "\ny = 5 mV : volt"}, None, "is not an expression"),
    ({"equations": E + "\ny = v if flag else theta : volt"}, None, "Brian2 has no"),
    ({"equations": E + "\ny = ~i : 1"}, None, "Brian2 has no"),
    ({"equations": E + "\ny = rand() : 1"}, None, "constant over dt"),
    ({"equations": E + "\ny = sigma*xi : volt/second"}, None, "outside a differential equation"),
    ({"equations": E + "\ndy/dt = xi*Hz**0.5 : 1"}, None, "'xi' stands in the equation of 'v' too"),
    ({"equations": E + "\ny = z : 1\nz = y : 1"}, None, "depends on itself"),
    ({"equations": E + "\ny = 2*v\nz : 1"}, None, "is not an expression"),
    ({"equations": "dv/dt = mu_ext - v/tau\n" + E.replace("v", "u")}, None, "there is no unit at its end"),
    ({"equations": E + "\nnonsense"}, None, "line 'nonsense'", "this is no equation"),
    ({"equations": E + "\ndy/dx = 3 : 1"}, None, "this is no equation"),
    ({"equations": E + "\nw : 1"}, None, "line 'w : 1'", "declared a second time"),
    ({"equations": E + "\ntau : second"}, None, "declared already"),
    ({"equations": E + "\nmu_ext : volt/second"}, None, "declared already"),
    ({"equations": E + "\ny : 1 (konstant)"}, None, "flag '(konstant)' does not exist"),
    ({"equations": E + "\nN : 1"}, None, "reserved by Brian2"),
    ({"equations": E + "\nxi_2 : 1"}, None, "reserved by Brian2"),
    ({"equations": E + "\nrefractory : second"}, None, "reserved by Brian2"),
    ({"equations": E + "\ny_post : 1"}, None, "'_post' marks the end of a synapse"),
    ({"equations": E + "\n_y : 1"}, None, "begins with '_'"),
    ({"equations": E + "\nmV : 1"}, None, "the name of a unit"),
    ({"equations": E + "\nexp : 1"}, None, "the name of a function"),
    ({"equations": E + "\ne : 1"}, None, "the name of a constant"),
    ({"equations": E + "\nlambda : 1"}, None, "a word of Python"),
    ({"threshold": "v > 1"}, UNITS, "threshold, line 'v > 1'", "it compares 'v' (in mV)"),
    ({"threshold": "v > 0"}, UNITS, "a zero needs its unit too"),
    ({"threshold": "v"}, None, "the threshold is no condition"),
    ({"threshold": "0*mV < v < theta"}, None, "a < b and b < c"),
    ({"threshold": "v > theta and 3"}, None, "'3' beside 'and' is no condition"),
    ({"threshold": "v > thetta"}, None, "did you mean 'theta'?"),
    ({"threshold": "t > lastspike"}, None, "'lastspike' is not known"),
    ({"threshold": "v > theta &"}, None, "is not an expression"),
    ({"reset": "v = 0"}, UNITS, "reset, line 'v = 0'", "a zero needs its unit too, e.g. 0*volt"),
    ({"reset": "v = w"}, UNITS, "'v' is in mV"),
    ({"reset": "v += 1"}, UNITS, "line 'v += 1'"),
    ({"reset": "v *= mV"}, UNITS, "in mV**2"),
    ({"reset": "v *= 1 + w"}, None, "write 'v *= (1 + w)'"),
    ({"reset": "v = resett"}, None, "'resett' is not known"),
    ({"reset": "y += 1"}, None, "'y' is not known"),
    ({"reset": "v == 0*mV"}, None, "this is no statement"),
    ({"reset": "v = 0*mV\n# nothing"}, None, "this is no statement"),
    ({"reset": "v //= 2"}, None, "this is no statement"),
    ({"reset": "t = 0*ms"}, None, "'t' cannot be changed"),
    ({"reset": "mu_ext = 0*volt/second"}, None, "'mu_ext' cannot be changed"),
    ({"reset": "v = xi*mV"}, None, "white noise"),
    ({"refractory": "3"}, UNITS, "neither a time nor a condition"),
    ({"refractory": "v"}, UNITS, "neither a time nor a condition"),
    ({"refractory": "tua"}, None, "did you mean 'tau'?"),
    ({"initial": (("y", "0"),)}, None, "initial state, line 'y = 0'", "'y' is not known"),
    ({"initial": (("v", "0"),)}, UNITS, "'v' is in mV"),
    ({"initial": (("mu_ext", "0*mV/ms"),)}, None, "has no initial state"),
]


@pytest.mark.parametrize("change", VALID_NEURONS)
def test_neurons_that_brian2_accepts_pass(change):
    model = dataclasses.replace(NEURON, **change)
    assert brian2_accepts_neuron(model)
    check_neuron(model)


@pytest.mark.parametrize(("change", "error", "words"), [(one[0], one[1], one[2:]) for one in INVALID_NEURONS])
def test_neurons_that_brian2_refuses_are_refused_in_one_sentence(change, error, words):
    model = dataclasses.replace(NEURON, **change)
    assert not brian2_accepts_neuron(model)
    message, kind = message_of(check_neuron, model)
    assert message.startswith("neuron model probe, ") and all(word in message for word in words), message
    assert kind is (error or InvalidInputError), message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"equations": "dv/dt = -v/tau + sigma*xi : volt"}, "no input reaches the neuron; add mu_ext"),
        ({"noise": None}, "the model names no noise; set noise"),
        ({"equations": "dv/dt = mu_ext - v/tau : volt"}, "no equation has the white noise xi; add 'sigma*xi'"),
        ({"reset": ";"}, "the threshold has no reset"),
        ({"membrane": "u"}, "the membrane 'u' has no differential equation; write 'du/dt = … : volt'"),
        ({"membrane": "n"}, "the membrane 'n' has no differential equation"),
        ({"equations": E + "\nj : 1"}, "reserved by Brian2"),
        ({"equations": E + "\ntally : 1"}, "declared already"),
    ],
)
def test_rules_of_the_project_that_brian2_does_not_know(change, words):
    model = dataclasses.replace(NEURON, **change)
    message, _ = message_of(check_neuron, model)
    assert words in message


def test_noise_outside_the_membrane_needs_no_name():
    equations = "dv/dt = mu_ext + mu_synaptic + y - v/tau : volt\ndy/dt = -y/tau + sigma*xi/tau : volt/second"
    check_neuron(dataclasses.replace(NEURON, equations=equations, noise=None))


VALID_SYNAPSES = [
    {},
    {"on_pre": "v_post += weight"},
    {"on_pre": "v += weight*x; x *= 0.5"},
    {"on_pre": "g += weight*x/tau_g\nx = clip(x + 0.1, 0, 1)"},
    {"on_pre": "g_post += (v_pre/mV)*weight/tau_g*rand()"},
    {"on_pre": "g_post += weight/tau_g/N_incoming", "on_post": "x = exp(-(t - y)/tau_g)", "equations": "x:1\ny:second"},
    {"delay": "1*ms + rand()*tau_g", "initial": (("x", "1"),)},
    {"delay": "abs(i - j)*ms"},
    {"target_equations": "dh/dt = -h/tau_g : 1\ng = h*(10*mV - v)/tau : volt/second", "on_pre": "h += weight/mV"},
    {"equations": "x : 1 (shared)\ny = x*n_post : 1\nz = v_pre - v_post : volt"},
]
INVALID_SYNAPSES = [
    ({"on_pre": "g_post += weight"}, UNITS, check_synapse, "on_pre, line 'g_post += weight'"),
    ({"on_pre": "x += weight"}, UNITS, check_synapse, "line 'x += weight'"),
    ({"on_pre": "g_post += expp(x)*weight/tau_g"}, None, check_synapse, "did you mean 'exp'?"),
    ({"on_post": "x += y_pst"}, None, check_fit, "on_post, line 'x += y_pst'"),
    ({"on_pre": "u_post += weight"}, None, check_fit, "'u_post' is not known"),
    ({"on_pre": "w_post += weight"}, UNITS, check_fit, "'w_post'"),
    ({"on_pre": "v_post += wieght"}, None, check_fit, "did you mean 'weight'?"),
    ({"equations": "dx/dt = -x : 1"}, UNITS, check_synapse, "equations, line 'dx/dt = -x : 1'"),
    ({"equations": "weight : 1"}, None, check_synapse, "declared already"),
    ({"equations": "x : 1\ntau : second"}, None, check_fit, "both declare 'tau'"),
    ({"equations": "x : 1 (unless refractory)"}, None, check_synapse, "flag"),
    ({"delay": "3"}, UNITS, check_synapse, "a delay must be in ms"),
    ({"initial": (("z", "1"),)}, None, check_fit, "'z' is not known"),
    ({"initial": (("x", "weight"),)}, UNITS, check_synapse, "initial state"),
    ({"target_equations": "dg/dt = -g : volt/second"}, UNITS, check_synapse, "target_equations, line 'dg/dt = -g"),
    (
        {"target_equations": "g = w*(10*mV - u)/tau : volt/second", "on_pre": "x *= 2"},
        None,
        check_fit,
        "'u' is not known",
    ),
    ({"target_equations": "dg/dt = -g/tau_g : volt"}, UNITS, check_synapse, "declare it in volt/second"),
]


@pytest.mark.parametrize("change", VALID_SYNAPSES)
def test_synapses_that_brian2_accepts_pass(change):
    model = dataclasses.replace(SYNAPSE, **change)
    assert brian2_accepts_fit(NEURON, model)
    check_synapse(model)
    check_fit(NEURON, model)


@pytest.mark.parametrize(("change", "error", "check", "words"), INVALID_SYNAPSES)
def test_synapses_that_brian2_refuses_are_refused(change, error, check, words):
    model = dataclasses.replace(SYNAPSE, **change)
    assert not brian2_accepts_fit(NEURON, model)
    if check is check_fit:
        check_synapse(model)
    message, kind = message_of(check, *((NEURON, model) if check is check_fit else (model,)))
    assert message.startswith("synapse model link") and words in message, message
    assert kind is (error or InvalidInputError), message


def test_a_current_needs_its_place_in_the_neuron():
    neuron = dataclasses.replace(NEURON, equations=E.replace(" + mu_synaptic", ""))
    check_neuron(neuron)
    check_fit(neuron, dataclasses.replace(SYNAPSE, target_equations="", current=None, on_pre="v_post += weight"))
    message, _ = message_of(check_fit, neuron, SYNAPSE)
    assert "no mu_synaptic in the neuron" in message


def test_a_current_must_be_declared():
    message, _ = message_of(check_synapse, dataclasses.replace(SYNAPSE, current="gg"))
    assert "did you mean 'g'?" in message


@pytest.mark.parametrize(
    ("membrane", "error", "words"),
    [("u", None, "'v_post' is not known"), ("v", UNITS, "it adds 'v_post' (without unit) and 'weight' (in mV)")],
)
def test_a_delta_synapse_needs_a_membrane_v_in_volt(membrane, error, words):
    unit = "volt" if membrane == "u" else "1"
    right = "mu_ext - u/tau" if membrane == "u" else "(mu_ext + mu_synaptic)/mV - v/tau"
    neuron = dataclasses.replace(
        NEURON,
        equations=f"d{membrane}/dt = {right} : {unit}",
        membrane=membrane,
        noise=None,
        threshold=f"{membrane} > 1*{unit}",
        reset=f"{membrane} = 0*{unit}",
    )
    check_neuron(neuron)
    delta = dataclasses.replace(SYNAPSE, target_equations="", current=None, on_pre="v_post += weight", equations="")
    assert not brian2_accepts_fit(neuron, delta)
    message, kind = message_of(check_fit, neuron, delta)
    assert words in message and kind is (error or InvalidInputError)


@pytest.mark.parametrize("neuron", TEMPLATES.neurons.values(), ids=lambda model: model.name)
def test_neurons_of_the_library_pass(neuron):
    assert brian2_accepts_neuron(neuron)
    check_neuron(neuron)


@pytest.mark.parametrize("synapse", TEMPLATES.synapses.values(), ids=lambda model: model.name)
def test_synapses_of_the_library_pass_and_fit(synapse):
    check_synapse(synapse)
    for neuron in TEMPLATES.neurons.values():
        check_fit(neuron, synapse)


def test_units_are_those_of_brian2():
    own = brian_units()
    # Brian2 exports mS but does not resolve it in expressions by itself.
    assert set(own) - {"mS"} == set(DEFAULT_UNITS)
    names = ("length", "mass", "time", "current", "temperature", "substance", "luminosity")
    for name, unit in DEFAULT_UNITS.items():
        assert [float(e) for e in own[name]] == [unit.dim.get_dimension(one) for one in names], name


def test_unit_names_of_equations():
    accepted = {False: 0, True: 0}
    for name in DEFAULT_UNITS:
        try:
            dimensions_and_type_from_string(name)
            expected = True
        except ValueError:
            expected = False
        try:
            equation_dimension(name)
            assert expected, name
        except ValueError:
            assert not expected, name
        accepted[expected] += 1
    assert accepted[True] > 30 and accepted[False] > 1000


def random_expression(source, depth):
    if depth == 0 or source.random() < 0.15:
        names = ("v", "u", "w", "n", "tau", "t", "dt", "3*mV", "2", "0", "0.5", "ms", "pi", "i", "g", "flag", "inf")
        return source.choice(names)
    first, second = random_expression(source, depth - 1), random_expression(source, depth - 1)
    form = source.choice(
        [
            "({0} + {1})",
            "({0} - {1})",
            "({0}*{1})",
            "({0}*{1})",
            "({0}/{1})",
            "({0}/{1})",
            "({0} % {1})",
            "({0}//{1})",
            "{0}**2",
            "({0})**0.5",
            "({0})**(-1/2)",
            "({0})**(n)",
            "exp({0})",
            "sqrt({0})",
            "abs({0})",
            "clip({0}, {1}, {0})",
            "sign({0})",
            "-({0})",
            "int({0} > {1})",
            "timestep({0}, {1})",
            "({0} < {1} and {1} > {0})",
            "(not {0})",
            "floor({0})",
            "rand()*({0})",
            "({0} == {1})",
        ]
    )
    return form.format(first, second)


def test_dimensions_of_random_expressions_are_those_of_brian2():
    units = {**dict.fromkeys("vu", "volt"), **dict.fromkeys("wn", "1"), "g": "siemens"}
    units |= dict.fromkeys(("tau", "t", "dt"), "second")
    theirs = dict(DEFAULT_FUNCTIONS)
    theirs |= {name: Constant(name, value=float(one), dimensions=one.dim) for name, one in DEFAULT_UNITS.items()}
    theirs |= {name: DEFAULT_CONSTANTS[name] for name in ("pi", "e", "inf")}
    theirs |= {n: Variable(n, dimensions=dimensions_and_type_from_string(unit)[0]) for n, unit in units.items()}
    theirs |= {"i": Variable("i", dtype=int), "flag": Variable("flag", dtype=bool)}
    ours = {name: Symbol(equation_dimension(unit)) for name, unit in units.items()}
    ours |= {"i": Symbol(DIMENSIONLESS), "flag": Symbol(DIMENSIONLESS, boolean=True)}
    names = ("length", "mass", "time", "current", "temperature", "substance", "luminosity")
    source, verdicts = random.Random(20231), {True: 0, False: 0}
    for _ in range(6000):
        text = random_expression(source, source.randint(1, 3))
        try:
            found = parse_expression_dimensions(text, theirs)
            expected = [pytest.approx(found.get_dimension(name)) for name in names]
        except (brian2.DimensionMismatchError, SyntaxError, TypeError, ValueError):
            expected = None
        try:
            got = Expression(text, Scope(ours)).dimension()
        except UnplacedError:
            got = "refused"
        if expected is None:
            assert got == "refused", text
        elif got is not None:
            assert got != "refused" and [float(e) for e in got] == expected, text
        verdicts[expected is not None] += 1
    assert min(verdicts.values()) > 1000


def test_equations_are_read_as_brian2_reads_them():
    text = """
    dv/dt = -v/tau +  # leak
            mu_ext    # input
          : volt (unless refractory)
    y = v**2 :
      volt**2
      (constant over dt, shared)
    z : 1 (constant) q : boolean"""
    kinds = {"differential equation": "differential", "subexpression": "subexpression", "parameter": "parameter"}
    ours = {one.name: one for one in parse_equations(text, "here")}
    theirs = Equations(text)
    assert set(ours) == set(theirs)
    for name, equation in theirs.items():
        assert ours[name].kind == kinds[equation.type] and ours[name].flags == frozenset(equation.flags)
        expression = None if equation.expr is None else equation.expr.code
        assert (ours[name].expression or "").split() == (expression or "").split()


@pytest.mark.parametrize("text", ["(" * 5000, "1" + "+1" * 5000, "9**9**9**9**9", "v**(1/1e-320)", "\0", "v" * 100_000])
def test_hostile_text_ends_soon_and_without_another_error(text):
    with contextlib.suppress(InvalidInputError):
        check_neuron(dataclasses.replace(NEURON, equations=f"{E}\ny = {text} : 1"))

"""LaTeX of Brian2 text: read back by a reader of its own, it is the expression that was written."""

import ast
import json
import random
import re

import pytest
import sympy
from matplotlib.mathtext import MathTextParser
from ssnbrian.analysis.symbolic import to_sympy
from ssnbrian.models.library import CIRCUITS, TEMPLATES
from ssnbrian.models.rate.library import RATE_MODELS

from ssnbrian.circuit import InvalidInputError, circuit_to_toml
from ssnbrian.circuit.brian_units import brian_units
from ssnbrian.circuit.equations import parse_equations, parse_statements
from ssnbrian.circuit.latex import LatexWriter
from ssnbrian.circuit.latex_models import circuit_latex, model_latex
from ssnbrian.circuit.latex_names import symbol_of, unit_symbol
from ssnbrian.cli.main import main

MODELS = [*TEMPLATES.neurons.values(), *TEMPLATES.synapses.values(), *TEMPLATES.parts.values(), *RATE_MODELS.values()]
KINDS = ("neurons", "synapses", "plasticity", "adaptation", "noise", "rate_models", "circuits")
TEXTS = ("equations", "target_equations")
STATEMENTS = ("reset", "on_pre", "on_post", "on_spike", "before", "after")
_FUNCTIONS = {r"\exp": sympy.exp, r"\ln": sympy.log, r"\tanh": sympy.tanh, r"\min": sympy.Min, r"\max": sympy.Max}


#: Brian2's functions that SymPy's reader refuses, as the LaTeX has them, and what stands for them in both texts.
_STAND_INS = {
    "floor": (r"\left\lfloor", r"\right\rfloor", "tanh"),
    "poisson": (r"\mathrm{poisson}\left(", r"\right)", "exp"),
}
_KNOWN = {"exp", "exprel", "clip", "inf", "int", "log", "sqrt", "tanh", *_STAND_INS}


def number_like(name):
    return sympy.Symbol(name, positive=True)


def is_condition(text):
    return re.search(r"[<>]", text) is not None


class Reader:
    """Recursive descent over LaTeX; ``names`` are the symbols that may occur, as LaTeX, with their meaning."""

    def __init__(self, text, names):
        self.text, self.names = text, sorted(names.items(), key=lambda pair: -len(pair[0]))

    def read(self):
        found = self.sum()
        for sign, relation in ((">", sympy.Gt), ("<", sympy.Lt), (r"\geq", sympy.Ge), (r"\leq", sympy.Le)):
            if self.take(sign):
                found = relation(found, self.sum())
        assert not self.text.strip(), f"left over: {self.text}"
        return found

    def take(self, word):
        self.text = self.text.lstrip()
        if self.text.startswith(word):
            self.text = self.text[len(word) :]
            return True
        return False

    def sum(self):
        found = -self.product() if self.take("-") else self.product()
        while True:
            if self.take("+"):
                found = found + self.product()
            elif self.take("-"):
                found = found - self.product()
            else:
                return found

    def product(self):
        found = self.power()
        while self.take(r"\,") or self.take(r"\cdot"):
            found = found * self.power()
        return found

    def power(self):
        base = self.atom()
        return base ** self.group() if self.take("^") else base

    def group(self):
        assert self.take("{"), self.text
        found = self.sum()
        assert self.take("}"), self.text
        return found

    def inside(self, end=r"\right)"):
        found = [self.sum()]
        while self.take(","):
            found.append(self.sum())
        for sign, relation in ((">", sympy.Gt), ("<", sympy.Lt)):
            if self.take(sign):
                found = [relation(found[0], self.sum())]
        assert self.take(end), self.text
        return found

    def atom(self):
        if self.take(r"\frac"):
            above = self.group()
            return above / self.group()
        if self.take(r"\sqrt"):
            return sympy.sqrt(self.group())
        for start, end, name in _STAND_INS.values():
            if self.take(start):
                return getattr(sympy, name)(self.inside(end)[0])
        if self.take(r"\left("):
            return self.inside()[0]
        if self.take(r"\left["):
            found = self.inside(r"\right]_{+}")[0]
            return sympy.Max(found, 0)
        if self.take(r"\mathbf{1}\left("):
            return sympy.Piecewise((1, self.inside()[0]), (0, True))
        if self.take(r"\mathrm{exprel}\left("):
            found = self.inside()[0]
            return (sympy.exp(found) - 1) / found
        for name, function in _FUNCTIONS.items():
            if self.take(name + r"\left("):
                return function(*self.inside())
        for name, meaning in self.names:
            if self.take(name):
                return meaning
        digits = re.match(r"\d+(\.\d+)?", self.text)
        assert digits, f"cannot read {self.text}"
        self.text = self.text[digits.end() :]
        return sympy.Float(digits[0]) if "." in digits[0] else sympy.Integer(digits[0])


def meaning(writer, text):
    """Symbols of an expression's names, and the LaTeX of each."""
    names = {node.id for node in ast.walk(ast.parse(text, mode="eval")) if isinstance(node, ast.Name)}
    known = {name: number_like(name) for name in names - _KNOWN}
    latex = {}
    for name, symbol in known.items():
        unit = name in brian_units() and name not in writer.symbols
        latex[unit_symbol(name) if unit else writer.symbols.get(name, symbol_of(name))] = symbol
    special = {"xi": r"\xi(t)", "dt": r"\Delta t"}
    return known, latex | {special[name]: known[name] for name in special if name in known}


def assert_same(first, second, seed=1):
    draw = random.Random(seed)
    for _ in range(3):
        values = {one: sympy.Float(draw.uniform(0.2, 3), 40) for one in first.free_symbols | second.free_symbols}
        a, b = (one.subs(values) for one in (first, second))
        if a in (sympy.true, sympy.false):
            assert a == b
        else:
            a, b = complex(a.evalf(30)), complex(b.evalf(30))
            assert a == pytest.approx(b, rel=1e-11, abs=1e-300), (first, second)


def check(writer, text, where):
    for drawn, name in (("rand()", "random_number"), ("randn()", "random_normal")):
        text = text.replace(drawn, name)
        writer.symbol(name) if name in text else None
    latex = writer.expression(text)
    known, names = meaning(writer, text)
    for function, (_, _, stand_in) in _STAND_INS.items():
        text = re.sub(rf"\b{function}\(", f"{stand_in}(", text)
    assert_same(Reader(latex, names).read(), to_sympy(text, known, where))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_the_latex_of_every_expression_of_the_library_means_the_same(model):
    writer = LatexWriter(model_latex(model).symbols)
    expressions = [one.expression for text in TEXTS for one in parse_equations(getattr(model, text, ""), model.name)]
    expressions += [one.expression for text in STATEMENTS for one in parse_statements(getattr(model, text, ""), "x")]
    expressions += [getattr(model, name, "") for name in ("threshold", "delay", "term", "efficacy")]
    expressions = [one for one in expressions if one]
    assert expressions or not hasattr(model, "equations")
    for text in expressions:
        check(writer, text, model.name)


def random_expression(draw, depth):
    if depth == 0 or draw.random() < 0.15:
        return draw.choice(["a", "b", "tau_E", "w_EE", "2", "0.5", "10", "mV"])
    kind = draw.choice(["+", "-", "*", "/", "*", "/", "**", "minus", "exp", "clip"])
    left, right = (random_expression(draw, depth - 1) for _ in range(2))
    if kind == "minus":
        return f"-({left})" if draw.random() < 0.5 else f"-{draw.choice('ab')}"
    if kind == "exp":
        return f"exp(-({left})**2/({right})**2)"
    if kind == "clip":
        return f"clip({left}, -({right})**2, inf)"
    if kind == "**":
        return f"({left})**{draw.choice(['2', '3', '-1', '(-2)'])}"
    bracketed = draw.random() < 0.7
    return f"({left}){kind}({right})" if bracketed else f"{left}{kind}{right}"


def test_random_expressions_mean_the_same():
    draw, tried = random.Random(20), 0
    for _ in range(200):
        text = random_expression(draw, 3)
        writer = LatexWriter(["a", "b", "tau_E", "w_EE"])
        known, names = meaning(writer, text)
        try:
            expected = to_sympy(text, known)
        except ValueError:  # a division by zero within clip
            continue
        if expected.has(sympy.zoo, sympy.nan, sympy.oo):
            continue
        tried += 1
        assert_same(Reader(writer.expression(text), names).read(), expected)
    assert tried > 150


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_every_line_can_be_set(model):
    found = model_latex(model)
    assert found.lines
    assert len(set(found.symbols.values())) == len(found.symbols)
    assert {one.name for one in model.parameters} <= set(found.symbols)
    parser = MathTextParser("path")
    for line in (*found.lines, *found.symbols.values()):
        assert parser.parse(f"${line}$")[0] > 0


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("tau_E", r"\tau_{E}"),
        ("mu_ext", r"\mu_{\mathrm{ext}}"),
        ("w_EE", "w_{EE}"),
        ("g_Na", r"g_{\mathrm{Na}}"),
        ("A2_minus", "A_{2,-}"),
        ("reset", r"v_{\mathrm{reset}}"),
        ("v_post", r"v_{\mathrm{post}}"),
        ("conductance_post", r"g_{\mathrm{post}}"),
        ("hazard", r"\mathrm{hazard}"),
    ],
)
def test_names(name, symbol):
    assert symbol_of(name) == symbol


def test_units():
    written = [unit_symbol(name) for name in ("mV", "ms", "volt", "uA", "usiemens", "metre2", "ohm")]
    assert written == [
        *(r"\mathrm{mV}", r"\mathrm{ms}", r"\mathrm{V}", r"\mathrm{\mu A}", r"\mathrm{\mu S}", r"\mathrm{m}^{2}"),
        r"\mathrm{\Omega}",
    ]


def test_a_textbook_symbol_that_is_taken_gives_way():
    writer = LatexWriter(["C", "capacitance", "w", "relative_weight"])
    assert list(writer.symbols.values()) == ["C", r"\mathrm{capacitance}", "w", r"\mathrm{relative}_{\mathrm{weight}}"]


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("a - (b - 1)", r"a - \left(b - 1\right)"),
        ("a + (-b)", "a - b"),
        ("a*(-b)", r"a\,\left(-b\right)"),
        ("-a/b", r"-\frac{a}{b}"),
        ("-(a + b)/2", r"-\frac{a + b}{2}"),
        ("a/b/c*d", r"\frac{a}{b\,c}\,d"),
        ("(a**2)**3", r"\left(a^{2}\right)^{3}"),
        ("1e-7*a", r"10^{-7}\,a"),
        ("2*3", r"2 \cdot 3"),
        ("a > 1 and not b", r"a > 1 \wedge \neg b"),
        ("sqrt(a)*abs(b)", r"\sqrt{a}\,\left| b \right|"),
        ("a // 2 + a % b", r"\left\lfloor \frac{a}{2} \right\rfloor + a\ \mathrm{mod}\ b"),
        ("ceil(a)", r"\left\lceil a \right\rceil"),
    ],
)
def test_the_order_of_the_author_is_kept(text, latex):
    assert LatexWriter(["a", "b", "c", "d"]).expression(text) == latex


def test_statements():
    statements = parse_statements("R -= u*R - 1; v = -65*mV; w *= a + b", "x")
    written = [LatexWriter().statement(one) for one in statements]
    assert written == [
        r"R \leftarrow R - \left(u\,R - 1\right)",
        r"v \leftarrow -65\,\mathrm{mV}",
        r"w \leftarrow w\,\left(a + b\right)",
    ]


@pytest.mark.parametrize("text", ["v +", "v.t", "a if b else c", "lambda: 1", "a < b < c", "f('os')", "'text'"])
def test_what_is_no_expression_is_refused(text):
    with pytest.raises(InvalidInputError):
        LatexWriter().expression(text)


def run(capsys, *words):
    try:
        code = main(list(words))
    except SystemExit as end:
        code = end.code
    out, err = capsys.readouterr()
    return code, out, err


def test_show_prints_brian2_text_first_and_latex_last(capsys):
    code, out, err = run(capsys, "show", "adex")
    assert code == 0, err
    assert 0 < out.index("dw/dt = (a*(v - rest) - w)/tau_w : amp") < out.index(r"\frac{\mathrm{d}w}{\mathrm{d}t}")


@pytest.mark.parametrize("kind", KINDS)
def test_json_has_the_lines(capsys, kind):
    offered = json.loads(run(capsys, "list", "--json")[1])
    assert set(offered) == set(KINDS)
    assert offered[kind]
    for name in offered[kind]:
        code, out, err = run(capsys, "show", name, "--json")
        assert code == 0, err
        data = json.loads(out)
        assert {"name", "latex"} <= set(data)
        assert all(isinstance(line, str) and line for line in data["latex"])
        models = circuit_latex(CIRCUITS[name]()) if kind == "circuits" else {}
        assert [line[2:] for line in data["latex"] if line.startswith("% ")] == list(models)


def test_a_circuit_whose_equations_are_wrong_is_still_shown(capsys, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(circuit_to_toml(CIRCUITS["supersaturating"]()).replace("dv/dt = -v/tau", "dv/dt = -v/tau +* 1"))
    code, out, err = run(capsys, "show", str(path))
    assert code == 0, err
    assert "% '-v/tau +* 1 + mu_ext + mu_synaptic + sigma*xi' is not an expression" in out


def test_a_figure_needs_a_known_ending_and_a_folder(capsys, tmp_path):
    for name, reason in (("plot.xyz", "must end in one of"), ("none/plot.png", "there is no folder")):
        code, _, err = run(capsys, "show", "wilson_cowan", "--figure", str(tmp_path / name))
        assert code == 2
        assert reason in err
    assert not list(tmp_path.iterdir())


def test_a_figure_of_a_rate_model(capsys, tmp_path):
    path = tmp_path / "plane.png"
    code, out, err = run(capsys, "show", "wilson_cowan", "--figure", str(path))
    assert code == 0, err
    assert out.endswith(f"figure: {path}\n")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert [one.name for one in tmp_path.iterdir()] == ["plane.png"]

"""Each layer imports only what stands above it, and each module has one name."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from ssnbrian.engine.build import child_environment

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {
    "circuit": ROOT / "ssnbrian" / "circuit",
    "device": ROOT / "ssnbrian" / "device",
    "models": ROOT / "models",
    "engine": ROOT / "ssnbrian" / "engine",
    "analysis": ROOT / "analysis",
    "workflow": ROOT / "ssnbrian" / "workflow",
    "cli": ROOT / "ssnbrian" / "cli",
}
# "" is the package itself, whose names are taken from circuit and engine.
ALLOWED = {
    "circuit": {"circuit"},
    "device": {"device"},
    "models": {"circuit", "models"},
    "engine": {"", "circuit", "device", "models", "engine"},
    "analysis": {"circuit", "analysis"},
    "workflow": {"", "circuit", "device", "models", "engine", "analysis", "workflow"},
    "cli": {"", "circuit", "device", "models", "engine", "analysis", "workflow", "cli"},
}
FILES = [(layer, path) for layer, folder in FOLDERS.items() for path in sorted(folder.rglob("*.py"))]


def module_name(layer, path):
    parts = path.relative_to(FOLDERS[layer]).with_suffix("").parts
    return ".".join(["ssnbrian", layer, *parts])


def imports(layer, path):
    """(line, module, whether at the module's top level) of everything that a file imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, id(node) not in inside
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module_name(layer, path).split(".")[: -node.level]
                base = ".".join([*package, base] if base else package)
            # ``from ssnbrian import engine`` imports a layer, too.
            names = [f"{base}.{alias.name}" for alias in node.names] if base == "ssnbrian" else [base]
            for name in names:
                yield node.lineno, name, id(node) not in inside


def layer_of(module):
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in FOLDERS else ""


@pytest.mark.parametrize("layer", FOLDERS)
def test_a_layer_imports_only_what_stands_above_it(layer):
    found, wrong = 0, []
    for owner, path in FILES:
        if owner != layer:
            continue
        for line, module, _ in imports(layer, path):
            if module.split(".")[0] == "ssnbrian":
                found += 1
                if layer_of(module) not in ALLOWED[layer]:
                    wrong.append(f"{path.relative_to(ROOT)}:{line} imports {module}")
    assert not wrong, "\n".join(wrong)
    assert [path for owner, path in FILES if owner == layer]
    assert found or layer in ("device", "workflow", "cli", "analysis")


def test_brian2_is_imported_where_a_simulation_is_made_and_nowhere_else():
    wrong = []
    for layer, path in FILES:
        for line, module, top in imports(layer, path):
            if module.split(".")[0] == "brian2" and (layer in ("analysis", "models") or (layer == "circuit" and top)):
                wrong.append(f"{path.relative_to(ROOT)}:{line}")
    assert not wrong, "\n".join(wrong)


def test_every_module_is_used_under_one_name():
    wrong = []
    files = [
        path
        for folder in ("ssnbrian", "models", "analysis", "tests", "scripts")
        for path in (ROOT / folder).rglob("*.py")
    ]
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                modules = [node.module]
            wrong += [f"{path.relative_to(ROOT)}:{node.lineno}" for m in modules if m.split(".")[0] in FOLDERS]
    assert len(files) > 40
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "statement",
    [
        "import ssnbrian.circuit, ssnbrian.models.library",
        "import ssnbrian.analysis",
        "from ssnbrian import Circuit, Ramp, load_circuit",
        "from ssnbrian.models.library import CIRCUITS; print([str(make()) for make in CIRCUITS.values()])",
    ],
)
def test_describing_a_circuit_does_not_import_brian2(statement, tmp_path):
    code = f"{statement}\nimport sys\nassert 'brian2' not in sys.modules\nassert 'models' not in sys.modules"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=child_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr

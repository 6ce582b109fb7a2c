"""``ssnbrian_standalone``: Brian2's C++ standalone device with a faster simulation loop and a shorter build."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from brian2 import BrianPreference, Function, Synapses, prefs
from brian2.core.variables import AuxiliaryVariable, Subexpression
from brian2.devices.cpp_standalone.codeobject import CPPStandaloneCodeObject
from brian2.devices.cpp_standalone.device import CPPStandaloneDevice, RunFunctionContext
from brian2.devices.device import all_devices
from brian2.utils.stringtools import get_identifiers, word_substitute

from ssnbrian.device import INCLUDE_DIR
from ssnbrian.device.additive import EVENTS, NotAdditiveError, additive_code
from ssnbrian.device.choices import choices_header, why_not_compact
from ssnbrian.device.code_object import Draw, SsnbrianCodeObject
from ssnbrian.device.firing_test import BOUND, LOG, firing_test
from ssnbrian.device.fusion import Fusion, find_fusions, fused_schedule, fused_source, scheduled
from ssnbrian.device.report import PATHS_FILE, Choice, chosen_in_run, code_object_choices, synapse_choices
from ssnbrian.device.units_of_translation import write_units

NAME = "ssnbrian_standalone"

prefs.register_preferences(
    "devices.ssnbrian_standalone",
    "Preferences of the ssnbrian_standalone device",
    synapses_in_results=BrianPreference(
        default=True,
        docs="Whether a run writes the source and target of every synapse, so that S.i and S.j can be read.",
    ),
)


def _bound_function() -> Function:
    function = Function(lambda x: x, arg_units=[1], return_unit=1, stateless=True)
    function.implementations.add_implementation(
        "cpp", f"inline double {BOUND}(double x) {{ return ssnbrian::at_least_exp(x); }}", name=BOUND
    )
    return function


def _inlined(condition: str, variables: Any) -> str:
    """A condition in which subexpressions are written out."""
    names = {name for name in get_identifiers(condition) if isinstance(variables.get(name), Subexpression)}
    while names:
        condition = word_substitute(condition, {name: f"({variables[name].expr})" for name in names})
        names = {name for name in get_identifiers(condition) if isinstance(variables.get(name), Subexpression)}
    return condition


class SsnbrianStandaloneDevice(CPPStandaloneDevice):
    """Brian2's device with own templates; whatever they cannot do takes Brian2's."""

    def __init__(self) -> None:
        super().__init__()
        #: For every pathway, why it is not additive; None where it is.
        self.not_additive: dict[str, str | None] = {}
        #: For every Synapses object, why rows of targets cannot stand for it; None where they do.
        self.not_compact: dict[str, str | None] = {}
        self.fusions: list[Fusion] = []
        self._dropped: set[Any] = set()
        self._shared_delays: dict[Any, Any] = {}

    def code_object_class(self, codeobj_class: Any = None, fallback_pref: Any = None) -> Any:
        """OpenMP needs Brian2's own templates and generators."""
        if codeobj_class is not None:
            return codeobj_class
        if prefs.devices.cpp_standalone.openmp_threads:
            return CPPStandaloneCodeObject
        return SsnbrianCodeObject

    def code_object(
        self,
        owner: Any,
        name: str,
        abstract_code: Any,
        variables: Any,
        template_name: str,
        variable_indices: Any,
        codeobj_class: Any = None,
        template_kwds: Any = None,
        **more: Any,
    ) -> Any:
        if self.code_object_class(codeobj_class) is SsnbrianCodeObject:
            prepare = {"threshold": self._threshold, "synapses": self._synapses}.get(template_name)
            if prepare is not None:
                template_kwds = dict(template_kwds or {})
                variables, variable_indices = dict(variables), variable_indices.copy()
                abstract_code = prepare(owner, name, abstract_code, variables, variable_indices, template_kwds)
        return super().code_object(
            owner,
            name,
            abstract_code,
            variables,
            template_name,
            variable_indices,
            codeobj_class=codeobj_class,
            template_kwds=template_kwds,
            **more,
        )

    def _threshold(
        self, owner: Any, name: str, code: Any, variables: Any, variable_indices: Any, template_kwds: Any
    ) -> Any:
        test = firing_test(_inlined(code[None].strip().removeprefix("_cond ="), variables))
        for uniform, kind in test.draws:
            for auxiliary in (uniform, uniform + LOG) if kind == "least" else (uniform,):
                variables[auxiliary] = AuxiliaryVariable(auxiliary)
                variable_indices[auxiliary] = "_idx"
        template_kwds["draws"] = [Draw(uniform, kind) for uniform, kind in test.draws]
        if test.first is None:
            return {None: f"_cond = {test.exact}"}
        if BOUND in test.first:
            variables[BOUND] = _bound_function()
            variable_indices[BOUND] = "_idx"
        return {None: f"_cond = {test.exact}", "first": f"_cond = {test.first}"}

    def _synapses(
        self, owner: Any, name: str, code: Any, variables: Any, variable_indices: Any, template_kwds: Any
    ) -> Any:
        pathway = template_kwds["pathway"]
        try:
            events = additive_code(code[None], pathway.prepost, variables, variable_indices)
        except NotAdditiveError as refusal:
            self.not_additive[pathway.name] = str(refusal)
            return code
        # A pathway has one code object per run; each of them must be additive.
        self.not_additive.setdefault(pathway.name, None)
        variables[EVENTS] = AuxiliaryVariable(EVENTS)
        variable_indices[EVENTS] = "_idx"
        return {None: code[None], "events": events}

    def seed(self, seed: int | None = None) -> None:
        """Seed both generators: ours takes a new seed from Brian2's at its next draw."""
        super().seed(seed)
        self.insert_code("main", "ssnbrian::generator().unseed();")

    def seed_at_start(self, expression: str) -> None:
        """Seed all random numbers when the program starts, before anything is drawn: seeds per run without a build.

        ``expression`` is C++ of an integer, e.g. ``'std::strtoull(std::getenv("SEED"), nullptr, 10)'``; all 64 bits
        count. A ``brian2.seed(n)`` in the script is compiled in and overrides it from there on.
        """
        self.insert_code("after_start", f"ssnbrian::generator().seed(static_cast<std::uint64_t>({expression}));")
        self.insert_code("after_start", f"brian::_random_generators[0].seed({expression});")

    def read_at_run_time(self, duration: str) -> None:
        """Let the one network run last as long as a C++ expression says, and take the command line's values last.

        Call it after the run statement and before `build`. Values given as arguments of the program are then set
        once more just before the network runs, so that they win over initial values computed in the program.

        Raises
        ------
        RuntimeError
            When there is not exactly one network run.
        """
        runs = [position for position, (kind, _) in enumerate(self.main_queue) if kind == "run_network"]
        if len(runs) != 1:
            raise RuntimeError(f"a duration that is read at run time needs one network run, there are {len(runs)}")
        network, lines = self.main_queue[runs[0]][1]
        changed = []
        for line in lines:
            if line.startswith(f"{network.name}.run("):
                changed.append("set_from_command_line(args);")
                line = f"{network.name}.run({duration},{line.split(',', 1)[1]}"
            changed.append(line)
        self.main_queue[runs[0]] = ("run_network", (network, changed))

    def run_function(self, name: str, include_in_parent: bool = True) -> Any:
        return _RunFunction(self, name, include_in_parent)

    @property
    def _fast(self) -> bool:
        return self.code_object_class() is SsnbrianCodeObject

    def build(self, directory: str | None = "output", **options: Any) -> None:
        if self._fast:
            self.headers += [header for header in ('"draws.h"', '"choices.h"') if header not in self.headers]
            if INCLUDE_DIR not in self.include_dirs:
                self.include_dirs.append(INCLUDE_DIR)
        super().build(directory=directory, **options)

    def generate_objects_source(
        self, writer: Any, arange_arrays: Any, synapses: Any, *arguments: Any, **more: Any
    ) -> None:
        if self._fast:
            known = self._all_synapses()
            names = {**self.arrays, **self.dynamic_arrays}
            self.not_compact = why_not_compact(
                known, self.code_objects.values(), self.main_queue, names, self._additive
            )
            self._write_or_drop_synapses(known)
            if any(synapses._pathways for synapses in known):
                self.code_lines["after_end"].insert(0, "ssnbrian_choices::write_paths(brian::results_dir);")
            self._fuse()
            functions = [f"void _run_{fusion.name}();" for fusion in self.fusions]
            writer.write("choices.h", choices_header(known, self.not_compact, self._additive, functions))
        super().generate_objects_source(writer, arange_arrays, synapses, *arguments, **more)

    def _fuse(self) -> None:
        self.fusions = []
        if self.enable_profiling:
            return
        for position, (kind, arguments) in enumerate(self.main_queue):
            if kind == "run_network":
                network, lines = arguments
                fusions = find_fusions(lines, self.code_objects)
                self.main_queue[position] = (kind, (network, fused_schedule(lines, fusions)))
                self.fusions += [fusion for fusion in fusions if fusion not in self.fusions]

    def generate_codeobj_source(self, writer: Any) -> None:
        super().generate_codeobj_source(writer)
        for fusion in self.fusions:
            paths = {name: Path(self.project_dir) / "code_objects" / f"{name}.cpp" for name in fusion.members}
            sources = {name: path.read_text() for name, path in paths.items()}
            writer.write(f"code_objects/{fusion.name}.cpp", fused_source(fusion, sources))

    def _all_synapses(self) -> list[Synapses]:
        known = {}
        for code_object in self.code_objects.values():
            owner = getattr(code_object.owner, "synapses", code_object.owner)
            if isinstance(owner, Synapses):
                known[owner.name] = owner
        for synapses in self.synapses:
            known[synapses.name] = synapses
        return list(known.values())

    @property
    def _additive(self) -> set[str]:
        return {name for name, why in self.not_additive.items() if why is None}

    def _write_or_drop_synapses(self, known: list[Synapses]) -> None:
        keep = prefs.devices.ssnbrian_standalone.synapses_in_results
        for synapses in known:
            pair = [synapses.variables["_synaptic_pre"], synapses.variables["_synaptic_post"]]
            compact = self.not_compact[synapses.name] is None
            if compact:
                self._shared_delays |= {one.variables["delay"]: synapses for one in synapses._pathways}
            if compact and keep:
                first, second = (self.get_array_filename(variable) for variable in pair)
                offset = getattr(synapses.source, "start", 0)
                self.code_lines["after_end"].insert(
                    0,
                    f'ssnbrian_choices::rows_{synapses.name}().write(brian::results_dir + "{first}", '
                    f'brian::results_dir + "{second}", {offset});',
                )
            elif not keep:
                self._dropped |= set(pair) if compact else set(_ordered(synapses))
                for variable in _ordered(synapses):
                    name = self.get_array_name(variable, access_data=False)
                    self.code_lines["before_end"].append(f"decltype(brian::{name})().swap(brian::{name});")

    def generate_makefile(self, writer: Any, *arguments: Any, **more: Any) -> None:
        if self._fast:
            replaced = {f"code_objects/{name}.cpp" for fusion in self.fusions for name in fusion.members}
            runs = [arguments[1] for kind, arguments in self.main_queue if kind == "run_network"]
            looped = {name for lines in runs for name in scheduled(lines)}
            layouts = write_units(writer, Path(self.project_dir), replaced, looped)
            self.code_object_class().templater.env.globals["layouts"] = layouts
        super().generate_makefile(writer, *arguments, **more)

    def compile_source(self, directory: str, compiler: str, debug: bool, clean: bool) -> None:
        given = prefs.devices.cpp_standalone.extra_make_args_unix
        bounded = [f"-j{os.cpu_count() or 1}" if argument == "-j" else argument for argument in given]
        try:
            prefs.devices.cpp_standalone.extra_make_args_unix = bounded
            super().compile_source(directory, compiler, debug, clean)
        except RuntimeError:
            if not self._fast:
                raise
            # Code of the user that does not bear company: every code object for itself.
            prefs.devices.cpp_standalone.extra_make_args_unix = [*bounded, "LAYOUT=separate"]
            super().compile_source(directory, compiler, debug, clean)
        finally:
            prefs.devices.cpp_standalone.extra_make_args_unix = given

    def delete(self, code: bool = True, data: bool = True, **options: Any) -> None:
        if data and self.results_dir is not None:
            Path(self.results_dir, PATHS_FILE).unlink(missing_ok=True)
        if self._fast and code and self.project_dir is not None and self.writer is not None:
            # What follows expects the files of Brian2's makefile.
            folder = Path(self.project_dir)
            for path in folder.rglob("*.d"):
                path.unlink()
            for name in ["make.deps", *self.writer.source_files]:
                path = folder / name
                if path.parent.is_dir():
                    (path if path.suffix == ".deps" else path.with_suffix(".o")).touch()
        super().delete(code=code, data=data, **options)

    def get_value(self, var: Any, access_data: bool = True) -> Any:
        if var in self._dropped:
            raise NotImplementedError(
                f"'{var.name}' of {var.owner.name} was not written: build with "
                f"prefs.devices.ssnbrian_standalone.synapses_in_results = True to read synapses after a run"
            )
        value = super().get_value(var, access_data)
        if var in self._shared_delays and self.has_been_run and not var.scalar:
            # One number stands for the delays of all synapses.
            value = np.broadcast_to(value, (len(self._shared_delays[var]),))
            var.size = len(value)
        return value

    def _prepare_variableview_run_arg(self, key: Any, value: Any) -> Any:
        if key.variable in self._shared_delays and np.size(value) > 1:
            raise NotImplementedError(
                f"the synapses of {key.group_name} were built with one delay for all of them, got {np.size(value)}; "
                f"set a delay per synapse before the build, e.g. {key.group_name}.{key.name} = 'rand()*ms'"
            )
        return super()._prepare_variableview_run_arg(key, value)

    def report(self) -> list[Choice]:
        """Which path each object of the network takes, and why no faster one; after a run also what it chose."""
        if not self._fast:
            return [Choice("all objects", "Brian2's templates", "OpenMP")]
        choices = synapse_choices(self.not_compact, self.not_additive)
        choices += code_object_choices(self.code_objects, self.fusions, SsnbrianCodeObject)
        if self.has_been_run:
            choices += chosen_in_run(Path(self.results_dir))
        return choices


def _ordered(synapses: Synapses) -> list[Any]:
    pair = {synapses.variables["_synaptic_pre"], synapses.variables["_synaptic_post"]}
    return sorted({*synapses._registered_variables, *pair}, key=lambda variable: variable.name)


class _RunFunction(RunFunctionContext):
    def __init__(self, device: SsnbrianStandaloneDevice, name: str, include_in_parent: bool) -> None:
        super().__init__(name, include_in_parent)
        self.device = device

    def __enter__(self) -> None:
        self.device.main_queue.append(("start_run_func", (self.name, self.include_in_parent)))

    def __exit__(self, *exception: Any) -> None:
        self.device.main_queue.append(("end_run_func", (self.name, self.include_in_parent)))


if NAME not in all_devices:
    all_devices[NAME] = SsnbrianStandaloneDevice()

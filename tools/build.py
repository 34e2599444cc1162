# SPDX-License-Identifier: Apache-2.0
"""Builds the C++ core: writes one ninja file from one glob, then lets ninja do what is needed.

    python tools/build.py [target ...]

Targets: `extension` (penstock._core, into server/penstock/, and what Cython makes of each
monitoring/**/*.pyx, beside it), `tests` (the C++ tests' runner),
`core` (penstock-core, the engine as a program without Python, where cpp/engine/main.cc exists) and
`fuzzers` (a program per tests/fuzz/fuzz_*.cc, into build/cpp/fuzz/, by clang++-16).
Without a target: extension and tests. The last lines of standard output are the files built.

PENSTOCK_SANITIZE=address,undefined or =thread builds `tests` and `core` with those sanitizers;
each variant has object files of its own, so changing over compiles nothing twice. The fuzzers are
made of those of address,undefined, which are clang's where it is there. CXX names the compiler of
all others, CC that of what Cython writes. Which file goes where is decided by its place:
cpp/bindings/ only into the extension, cpp/engine/main*.cc only into penstock-core, tests/cpp/ only
into the runner, all else into each.
The fuzzers take what they use of the rooms in FUZZED_ROOMS, whose archive is libfuzzed.a.
"""

import fcntl
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OBJECTS = Path("build/cpp")
SOABI = sysconfig.get_config_var("SOABI")
EXT_SUFFIX: str = sysconfig.get_config_var("EXT_SUFFIX")
EXTENSION = Path(f"server/penstock/_core{EXT_SUFFIX}")
COMPILER = os.environ.get("CXX", "g++")
C_COMPILER = os.environ.get("CC", "gcc")

#: The compiler that the checks run on: there, a warning is an error. Newer ones know more warnings,
#: and nobody's installation should fail over one of those. Sanitized variants do not warn at all:
#: the release variant has done it, and the checks they weave in make the compiler see ghosts.
STRICT_COMPILER_MAJOR = 12

COMPILE = shlex.split(
    "-std=c++23 -Icpp -pthread -fPIC -fvisibility=hidden -fno-semantic-interposition -fno-plt "
    "-fstack-protector-strong"
)
WARNINGS = shlex.split("-Wall -Wextra -Wpedantic -Wconversion -Wshadow")
LINK = shlex.split("-pthread -Wl,--as-needed -Wl,-z,relro,-z,now")
LIBRARIES = shlex.split("-lcrypto -lnghttp2 -lre2 -lsimdjson -lz -ldl")
RELEASE = shlex.split("-O2 -g1 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2")
#: Behind a variant's flags: what tests the core need not be fast, and compiles in two thirds of
#: the time.
UNOPTIMISED = "-O0 -U_FORTIFY_SOURCE"
WATCHED = shlex.split("-g1 -fno-omit-frame-pointer -D_GLIBCXX_ASSERTIONS")

#: The rooms that have no socket and no thread of their own.
FUZZED_ROOMS = (
    "base", "memory", "wire", "http", "http1", "http2", "grpc", "rest", "batching", "drift",
    "kernels", "judging", "model", "routing", "serving", "telemetry",
)  # fmt: skip
#: libFuzzer's compiler, and what Debian 12 calls it and its runtime.
FUZZ_COMPILER = "clang++-16"
FUZZ_PACKAGES = "clang-16 libclang-rt-16-dev"

#: Header that the build needs -> the Debian package that has it.
DEBIAN_PACKAGE = {
    "boost/beast/http/basic_parser.hpp": "libboost-dev",
    "nghttp2/nghttp2.h": "libnghttp2-dev",
    "protozero/pbf_reader.hpp": "libprotozero-dev",
    "re2/re2.h": "libre2-dev",
    "simdjson.h": "libsimdjson-dev",
    "openssl/sha.h": "libssl-dev",
    "xxhash.h": "libxxhash-dev",
    "zlib.h": "zlib1g-dev",
    "Python.h": "python3-dev",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One set of flags, with object files of its own under build/cpp/<name>/."""

    name: str
    compile: Sequence[str]
    link: Sequence[str] = ()
    compiler: str = COMPILER
    is_release: bool = False

    @property
    def folder(self) -> Path:
        """Where the variant's objects and programs lie, relative to the checkout."""
        return OBJECTS / self.name


def sanitized(kinds: str, optimisation: str) -> Variant:
    """The variant for PENSTOCK_SANITIZE=`kinds`."""
    flag = f"-fsanitize={kinds}"
    return Variant(
        name=kinds.replace(",", "-"),
        compile=[*WATCHED, optimisation, flag, "-fno-sanitize-recover=all"],
        link=[flag],
    )


def fuzzed() -> Variant:
    """What the fuzzers are linked from, and with them all else under these two sanitizers: every
    change waits for both, so nothing of the core is compiled for each of them.
    """
    return Variant(
        name="address-undefined",
        # libstdc++ 12 has std::expected where concepts are as of 2020, which clang 16 does not
        # claim; C++23 has no number there yet; and g++'s name for this sanitizer is unknown to it.
        compile=shlex.split(
            "-std=c++2b -O1 -g1 -fno-omit-frame-pointer -D_GLIBCXX_ASSERTIONS "
            "-D__cpp_concepts=202002L -Wno-macro-redefined -D__SANITIZE_ADDRESS__=1 "
            "-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all"
        ),
        link=["-fsanitize=address,undefined"],
        compiler=FUZZ_COMPILER,
    )


HAS_FUZZ_COMPILER = shutil.which(FUZZ_COMPILER) is not None
VARIANTS = {
    "": Variant(name="release", compile=RELEASE, is_release=True),
    "address,undefined": (
        # Every change waits for this one to compile, and optimising would double that.
        fuzzed() if HAS_FUZZ_COMPILER else sanitized("address,undefined", "-O0")
    ),
    "thread": sanitized("thread", "-O1"),
}
FUZZED = VARIANTS["address,undefined"]
FUZZERS = OBJECTS / "fuzz"


class BuildError(Exception):
    """The build cannot go on; the message is one sentence that says what to do."""


@dataclass(slots=True)
class NinjaFile:
    """The text of a ninja file, edge by edge."""

    lines: list[str] = field(default_factory=list)

    def rule(self, name: str, command: str, **settings: str) -> None:
        """Adds a rule; `settings` are ninja's own (`depfile`, `deps`, `description`)."""
        self.lines += [f"rule {name}", f"  command = {command}"]
        self.lines += [f"  {key} = {value}" for key, value in settings.items()] + [""]

    def edge(self, output: object, rule: str, inputs: Iterable[object], **variables: str) -> None:
        """Adds a build edge."""
        self.lines.append(f"build {escape(output)}: {rule} {' '.join(map(escape, inputs))}")
        self.lines += [f"  {key} = {value}" for key, value in variables.items()]

    def text(self) -> str:
        """The whole file."""
        return "\n".join(self.lines) + "\n"


def escape(path: object) -> str:
    """`path` as ninja wants it in a build line."""
    return re.sub(r"([$: ])", r"$\1", str(path))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The one glob, sorted by what each file is linked into. Paths are relative to the checkout."""

    core: tuple[Path, ...]
    bindings: tuple[Path, ...]
    mains: tuple[Path, ...]
    tests: tuple[Path, ...]
    fuzzers: tuple[Path, ...]
    cython: tuple[Path, ...]

    @property
    def fuzzed(self) -> tuple[Path, ...]:
        """What of the core the fuzzers may use."""
        return tuple(path for path in self.core if path.parts[1] in FUZZED_ROOMS)

    @classmethod
    def find(cls, root: Path) -> "Sources":
        """Reads the tree."""
        found = sorted(path.relative_to(root) for path in root.glob("cpp/**/*.cc"))
        bindings = [path for path in found if path.parts[1] == "bindings"]
        mains = [path for path in found if path.match("cpp/engine/main*.cc")]
        return cls(
            core=tuple(path for path in found if path not in bindings and path not in mains),
            bindings=tuple(bindings),
            mains=tuple(mains),
            tests=tuple(sorted(path.relative_to(root) for path in root.glob("tests/cpp/*.cc"))),
            fuzzers=tuple(
                sorted(path.relative_to(root) for path in root.glob("tests/fuzz/fuzz_*.cc"))
            ),
            cython=tuple(
                sorted(path.relative_to(root) for path in root.glob("monitoring/**/*.pyx"))
            ),
        )


def python_includes() -> list[str]:
    """Include flags for Python and pybind11, as system folders: their warnings are not ours."""
    try:
        import pybind11
    except ImportError:
        raise BuildError("pybind11 is missing: pip install cython ninja pybind11.") from None
    if importlib.util.find_spec("Cython") is None:
        raise BuildError("Cython is missing: pip install cython ninja pybind11.")
    folders = [pybind11.get_include(), sysconfig.get_path("include")]
    return [argument for folder in folders for argument in ("-isystem", folder)]


def ninja_file(sources: Sources, *, strict: bool, includes: Sequence[str]) -> str:
    """The ninja file for all variants. Only cpp/bindings/ is compiled with `includes`."""
    ninja = NinjaFile()
    ninja.lines += ["ninja_required_version = 1.8", f"builddir = {OBJECTS}", ""]
    warnings = [*WARNINGS, "-Werror"] if strict else WARNINGS
    for variant in VARIANTS.values():
        compiler = variant.compiler
        flags = [compiler, *COMPILE, *variant.compile, *(warnings if variant.is_release else [])]
        ninja.rule(
            f"compile_{variant.name}",
            f"{shlex.join(flags)} $more -MMD -MF $out.d -c $in -o $out",
            depfile="$out.d",
            deps="gcc",
            description=f"{variant.name}: $in",
        )
        ninja.rule(
            f"link_{variant.name}",
            f"{shlex.join([compiler, *LINK, *variant.link])} $kind -o $out $in "
            + shlex.join(LIBRARIES),
            description=f"{variant.name}: $out",
        )
    ninja.rule("archive", "rm -f $out && ar rcs $out $in", description="$out")
    for variant in VARIANTS.values():
        add_variant(ninja, variant, sources, includes)
    add_fuzzers(ninja, sources)
    add_cython(ninja, sources)
    return ninja.text()


def add_objects(
    ninja: NinjaFile,
    variant: Variant,
    paths: Iterable[Path],
    suffix: str = ".o",
    **variables: str,
) -> list[Path]:
    """Adds an edge for the object of each of `paths`. Returns the objects."""
    outputs = []
    for source in paths:
        output = variant.folder / source.with_suffix(suffix)
        ninja.edge(output, f"compile_{variant.name}", [source], **variables)
        outputs.append(output)
    return outputs


def add_variant(
    ninja: NinjaFile, variant: Variant, sources: Sources, includes: Sequence[str]
) -> None:
    """Adds the edges of one variant: its objects, and the files linked from them."""

    def objects(paths: Iterable[Path], suffix: str = ".o", **variables: str) -> list[Path]:
        return add_objects(ninja, variant, paths, suffix, **variables)

    def link(output: Path, inputs: Iterable[Path], **variables: str) -> None:
        ninja.edge(output, f"link_{variant.name}", inputs, **variables)

    core = objects(sources.core)
    tests = objects(sources.tests, more=UNOPTIMISED)
    link(variant.folder / "penstock-tests", core + tests)
    link(variant.folder / "penstock-core", core + objects(sources.mains))
    if variant.is_release:
        # An object compiled against one Python's headers must not meet another Python.
        bindings = objects(sources.bindings, f".{SOABI}.o", more=shlex.join(includes))
        link(EXTENSION, core + bindings, kind="-shared")


def add_fuzzers(ninja: NinjaFile, sources: Sources) -> None:
    """Adds a program for each fuzzer; the archive lends it the objects that it refers to.

    Goes behind the variant that they are linked from, which has the objects of the core.
    """
    archive = FUZZERS / "libfuzzed.a"
    ninja.edge(
        archive, "archive", [FUZZED.folder / path.with_suffix(".o") for path in sources.fuzzed]
    )
    for source in sources.fuzzers:
        inputs = [*add_objects(ninja, FUZZED, [source]), archive]
        ninja.edge(FUZZERS / source.stem, f"link_{FUZZED.name}", inputs, kind="-fsanitize=fuzzer")


def add_cython(ninja: NinjaFile, sources: Sources) -> None:
    """Adds a module for each of Cython's sources, next to it."""
    include = sysconfig.get_path("include")
    ninja.rule("cython", f"{shlex.quote(sys.executable)} -m cython -3 $in -o $out")
    flags = [C_COMPILER, *RELEASE, "-fPIC", "-shared", *LINK, "-isystem", include]
    ninja.rule("module", f"{shlex.join(flags)} -o $out $in -lm", description="$out")
    for source in sources.cython:
        written = OBJECTS / "cython" / source.with_suffix(f".{SOABI}.c")
        ninja.edge(written, "cython", [source])
        ninja.edge(module_of(source), "module", [written])


def module_of(source: Path) -> Path:
    """The module that a source of Cython's becomes."""
    return source.with_suffix(EXT_SUFFIX)


def compiler_major() -> int:
    """The compiler's major version. Raises BuildError where there is no compiler."""
    try:
        answer = subprocess.run([COMPILER, "-dumpversion"], capture_output=True, text=True)
    except FileNotFoundError:
        raise BuildError(f"No C++ compiler {COMPILER!r}: apt-get install g++.") from None
    return int(answer.stdout.partition(".")[0] or 0)


def missing_packages(includes: Sequence[str]) -> list[str]:
    """Debian packages whose headers the compiler does not find."""
    questions = "".join(
        f"#if !__has_include(<{header}>)\n{package}\n#endif\n"
        for header, package in DEBIAN_PACKAGE.items()
    )
    answer = subprocess.run(
        [COMPILER, "-E", "-P", "-x", "c++", *includes, "-"],
        input=questions,
        capture_output=True,
        text=True,
    )
    return answer.stdout.split()


def outputs_of(target: str, variant: Variant, sources: Sources) -> list[Path]:
    """The files that `target` makes in `variant`, relative to the checkout."""
    match target:
        case "extension" if variant.is_release:
            return [EXTENSION, *map(module_of, sources.cython)]
        case "extension":
            raise BuildError(f"The extension has no {variant.name} variant; try tests or core.")
        case "tests":
            return [variant.folder / "penstock-tests"]
        case "core":
            return [variant.folder / "penstock-core"]
        case "fuzzers" if HAS_FUZZ_COMPILER:
            return [FUZZERS / source.stem for source in sources.fuzzers]
        case "fuzzers":
            raise BuildError(f"The fuzzers need {FUZZ_COMPILER}: apt-get install {FUZZ_PACKAGES}.")
        case _:
            raise BuildError(
                f"Unknown target {target!r}: wanted extension, tests, core or fuzzers."
            )


def build(targets: Sequence[str], sanitize: str = "") -> list[Path]:
    """Brings `targets` up to date and returns their absolute paths.

    Two builds at once wait for each other. Raises BuildError where the compiler, a header or ninja
    is missing, and where compiling fails (ninja has then shown why).
    """
    if sanitize not in VARIANTS:
        known = ", ".join(repr(kinds) for kinds in VARIANTS if kinds)
        raise BuildError(f"PENSTOCK_SANITIZE is {sanitize!r}: wanted {known} or nothing.")
    sources = Sources.find(ROOT)
    variant = VARIANTS[sanitize]
    outputs = [output for target in targets for output in outputs_of(target, variant, sources)]
    try:
        import ninja
    except ImportError:
        raise BuildError("ninja is missing: pip install cython ninja pybind11.") from None

    includes = python_includes()
    strict = compiler_major() == STRICT_COMPILER_MAJOR
    plan = ninja_file(sources, strict=strict, includes=includes)
    folder = ROOT / OBJECTS
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        written = folder / "build.ninja"
        if not written.exists() or written.read_text() != plan:
            if packages := missing_packages(includes):
                raise BuildError(f"Headers are missing: apt-get install {' '.join(packages)}.")
            written.write_text(plan)
        command = [str(path) for path in (Path(ninja.BIN_DIR) / "ninja", "-f", written, *outputs)]
        if subprocess.run(command, cwd=ROOT, stdout=sys.stderr).returncode != 0:
            raise BuildError("The C++ build failed.")
    return [ROOT / output for output in outputs]


def main(arguments: Sequence[str]) -> int:
    """The command line. Returns the exit status."""
    try:
        sanitize = os.environ.get("PENSTOCK_SANITIZE", "")
        outputs = build(arguments or ["extension", "tests"], sanitize)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    print(*outputs, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

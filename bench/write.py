"""Runs benchmarks and writes what they print into docs/benchmarks.md.

    python -m bench.write startup memory

Each benchmark is a module with ``report() -> str``, Markdown, whose docstring says what is measured against what.
"""

from __future__ import annotations

import datetime
import importlib
import platform
import re
import sys
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

Every section is what `python -m bench.write NAME` printed, on the machine and day it names.
Runs that are compared were made in turn in one session (A B A B ...); figures are medians.
"""


def machine() -> str:
    """One line about this machine."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        told = cpuinfo.read_text()
        found = re.search(r"model name\s*:\s*(.+)", told)
        name = found.group(1) if found else name
        name += " with AVX-512" if " avx512f " in told else ""
    from unbraid.engine.cores import cores

    return f"{name}, {cores()} cores, Python {platform.python_version()}, {platform.system()}"


def splice(page: str, name: str, section: str) -> str:
    """``page`` with the section called ``name`` replaced, or added at the end."""
    opening, closing = f"<!-- {name} -->", f"<!-- end of {name} -->"
    whole = f"{opening}\n{section.strip()}\n{closing}"
    pattern = re.compile(re.escape(opening) + ".*?" + re.escape(closing), re.DOTALL)
    return pattern.sub(lambda _: whole, page) if pattern.search(page) else f"{page.rstrip()}\n\n{whole}\n"


def main(names: list[str]) -> None:
    for name in names:
        module = importlib.import_module(f"bench.{name}")
        title = (module.__doc__ or name).strip().splitlines()[0].rstrip(".")
        text = (
            f"## {title}\n\n`python -m bench.write {name}`, {datetime.date.today()}, {machine()}\n\n{module.report()}"
        )
        print(text)
        page = PAGE.read_text("utf-8") if PAGE.exists() else HEAD
        PAGE.write_text(splice(page, name, text), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

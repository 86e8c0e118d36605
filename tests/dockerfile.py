"""Reads a Dockerfile: those instructions that ours uses, and no others.

In: its text. Out: stages with their instructions in order. An instruction that is not known here
is an error, so that a test never passes over one.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

KNOWN = frozenset(
    {"COPY", "RUN", "ENV", "USER", "WORKDIR", "VOLUME", "EXPOSE", "HEALTHCHECK", "STOPSIGNAL"}
    | {"ENTRYPOINT", "CMD"}
)


@dataclass(frozen=True)
class Instruction:
    """One of them: `options` are its "--name=value" words, `rest` what stands behind."""

    word: str
    options: dict[str, str]
    rest: str

    @property
    def exec_form(self) -> list[str]:
        """The words of ["a", "b"]; a shell form is an error: it would hide signals."""
        words: list[str] = json.loads(self.rest.removeprefix("CMD "))
        return words


@dataclass
class Stage:
    """One image: what it starts from, and what is done to it."""

    base: str
    name: str
    steps: list[Instruction] = field(default_factory=list)

    def last(self, word: str) -> Instruction:
        """The instruction that counts."""
        return [step for step in self.steps if step.word == word][-1]


def parse(text: str) -> list[Stage]:
    """Its stages."""
    joined = re.sub(r"\\\n", " ", re.sub(r"(?m)^\s*#.*\n", "", text))
    stages: list[Stage] = []
    for line in filter(None, map(str.strip, joined.splitlines())):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            base, *name = re.split(r"\s+AS\s+", rest)
            stages.append(Stage(base, *(name or [""])))
            continue
        assert word in KNOWN, line
        stages[-1].steps.append(_instruction(word, rest.strip()))
    return stages


def _instruction(word: str, rest: str) -> Instruction:
    options: dict[str, str] = {}
    while match := re.match(r"--([a-z-]+)=(\S+)\s+", rest):
        options[match[1]] = match[2]
        rest = rest[match.end() :]
    return Instruction(word, options, rest)


def environment(stage: Stage, before: Mapping[str, str]) -> dict[str, str]:
    """The variables that hold when all is done."""
    values = dict(before)
    for step in stage.steps:
        if step.word == "ENV":
            for pair in shlex.split(step.rest):
                name, _, value = pair.partition("=")
                values[name] = re.sub(r"\$(\w+)", lambda m: values.get(m[1], ""), value)
    return values

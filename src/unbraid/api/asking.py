"""What was asked, as files to be made and questions to be put: the plan between words and separators.

An asked sound is a sum: of the separator's own stems, and of answers to questions. A question is a text (or a clip)
and the stem that it is asked of. So an asked file is an ``Output`` like any other, and what the mix leaves of it is
exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from unbraid.api.slug import slug, unused
from unbraid.engine.finish import Output
from unbraid.errors import UsageError
from unbraid.query.route import Route, Term, route, route_without
from unbraid.signal import Stems


@dataclass(frozen=True)
class Question:
    """One question. key: the name of its answer. stem: which it is asked of, None for the mix. clip: or a sound like
    it."""

    key: str
    text: str
    stem: str | None = None
    clip: Path | None = None


@dataclass(frozen=True)
class Asked:
    """One asked file. questions: the keys of those whose answers are in it; fixed: whether a stem is in it too."""

    text: str
    route: Route
    output: Output
    questions: tuple[str, ...]
    fixed: bool

    @property
    def name(self) -> str:
        return self.output.name


@dataclass(frozen=True)
class Asking:
    """All that is asked of a song. rest: the file with what is left of the mix, if it is wanted."""

    asked: tuple[Asked, ...] = ()
    questions: tuple[Question, ...] = ()
    rest: Output | None = None

    @property
    def outputs(self) -> list[Output]:
        return [each.output for each in self.asked] + ([self.rest] if self.rest else [])

    def stems(self, known: Iterable[str]) -> set[str]:
        """Those of the ``known`` stems that the files are made of."""
        used = {name for output in self.outputs for name in output.stems}
        return used & set(known)

    @property
    def notes(self) -> list[str]:
        return list(dict.fromkeys(note for each in self.asked for note in each.route.notes))


@dataclass(frozen=True)
class Answered(Stems):
    """Stems, and what was asked of them.

    routes: for each asked name, how it was answered. presence: how likely the sound is in the song, 0 to 1.
    """

    routes: Mapping[str, Route] = field(default_factory=dict)
    presence: Mapping[str, float] = field(default_factory=dict)


def plan_asking(
    stems: Sequence[str],
    taken: Iterable[str] = (),
    *,
    ask: Sequence[str] = (),
    without: Sequence[str] = (),
    like: Sequence[str] = (),
    rest: bool = False,
) -> Asking:
    """The plan for a separator with ``stems``; ``taken`` are the names of other files. Raises UsageError."""
    routes = [(text, slug(text), route(text, stems)) for text in dict.fromkeys(ask)]
    clips = [Path(clip) for clip in dict.fromkeys(like)]
    routes += [(str(clip), f"like_{slug(clip.stem)}", _route_of_clip(clip)) for clip in clips]
    sounds = len(routes)
    routes += [(text, f"no_{slug(text)}", route_without(text, stems)) for text in dict.fromkeys(without)]
    questions: dict[tuple[str, str | None], Question] = {}
    names, asked = set(taken), []
    for text, name, found in routes:
        name = unused(name, names)
        names.add(name)
        asked.append(_asked(text, name, found, questions, set(clips)))
    left = _rest(asked[:sounds], unused("rest", names)) if rest else None
    return Asking(tuple(asked), tuple(questions.values()), left)


def _route_of_clip(clip: Path) -> Route:
    return Route(str(clip), (Term(str(clip), "mix"),))


def _asked(
    text: str, name: str, found: Route, questions: dict[tuple[str, str | None], Question], clips: set[Path]
) -> Asked:
    sign = -1 if found.without else 1
    shares, keys = {}, []
    for term in found.terms:
        if term.kind == "stem":
            assert term.stem is not None
            shares[term.stem] = sign
            continue
        place = (term.text, term.stem)
        clip = Path(term.text) if Path(term.text) in clips and found.text == term.text else None
        question = questions.setdefault(place, Question(f"query-{len(questions)}", term.text, term.stem, clip))
        shares[question.key] = sign
        keys.append(question.key)
    return Asked(text, found, Output(name, 1 if found.without else 0, shares), tuple(keys), len(keys) < len(shares))


def _rest(asked: Sequence[Asked], name: str) -> Output:
    """The mix without what the asked sounds hold, nothing taken out twice: no part beside the stem that holds it."""
    taken = [each.text for each in asked if each.route.without]
    if taken:
        raise UsageError(
            f"--rest is the mix without what is asked, and {taken[0]!r} is most of the mix; leave one of the two out"
        )
    if not asked:
        raise UsageError("--rest is the mix without the asked sounds; give --ask with the sounds to take out")
    whole = {term.stem for each in asked for term in each.route.terms if term.kind == "stem"}
    shares: dict[str, int] = {}
    for each in asked:
        questions = iter(each.questions)
        for term in each.route.terms:
            key = term.stem if term.kind == "stem" else next(questions)
            if key is not None and (term.kind == "stem" or term.stem not in whole):
                shares[key] = -1
    return Output(name, 1, shares)

"""The compact net and its head for words as one net, for training both at once.

A trunk that has only ever told four stems apart knows little of what tells a piano from a guitar: both are "other". So
it learns together with the head, whose questions are about single sounds, and then both stand still. In use
the two are two graphs (:mod:`unbraid.train.query_export`): the trunk's runs once, whatever is asked.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from unbraid.nets.compact import Compact, CompactConfig
from unbraid.nets.query_head import QueryConfig, QueryHead


@dataclass(frozen=True)
class CompactWordsConfig(CompactConfig):
    """As its base; words: the config of the head."""

    words: QueryConfig = field(default_factory=QueryConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.words, dict):  # as JSON has it
            object.__setattr__(self, "words", QueryConfig(**self.words))


class CompactWords(Compact):
    """``words`` is the head; all else, ``forward`` too, is the compact net's and knows of no words."""

    config: CompactWordsConfig
    words: QueryHead

    def __init__(self, config: CompactWordsConfig) -> None:
        super().__init__(config)
        self.words = QueryHead(config.words, config)

    def without_words(self) -> Compact:
        """The same trunk, four stems alone."""
        net = Compact(CompactConfig(**{each.name: getattr(self.config, each.name) for each in fields(CompactConfig)}))
        state = self.state_dict()
        net.load_state_dict({name: state[name] for name in net.state_dict()})
        return net

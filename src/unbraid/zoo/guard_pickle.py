"""A pickle read as data: a machine of our own for its instructions, on which nothing can be run.

The standard library's disassembler (:mod:`pickletools`) turns bytes into instructions without acting on them. Those
that build plain values are carried out here; a name is looked up in a table (guard_names), a call is answered by our
own function of that name; every other instruction is refused. All protocols, 0 to 5, are the same to it.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from typing import IO, Any

from unbraid.errors import ModelError
from unbraid.zoo.guard_names import apply, check_key, has_no_state, lookup, persistent, reason, shown

_MARK = object()
_MOST_INSTRUCTIONS = 20_000_000


def read_pickle(stream: IO[bytes]) -> Any:
    """The value that one pickle in ``stream`` describes; ``stream`` is left behind its end.

    Plain Python values; tensors as :class:`TensorRef`, classes as :class:`Name`. Raises ModelError, whose message
    continues a sentence that begins with the file's name.
    """
    machine = _Machine()
    try:
        for count, (instruction, argument, _) in enumerate(pickletools.genops(stream)):
            if count > _MOST_INSTRUCTIONS:
                raise ModelError("is a pickle of too many instructions")
            machine.step(instruction.name, argument)
    except (ValueError, EOFError, UnicodeDecodeError, OverflowError, MemoryError) as error:
        raise ModelError(f"is not a pickle that can be read ({reason(error)})") from error
    except (IndexError, KeyError) as error:
        raise ModelError("is a pickle that takes what it did not put") from error
    return machine.answer()


class _Machine:
    """A stack and a memo, as in the pickle's own definition."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        """Carry out one instruction."""
        if name in _VALUES:
            self._stack.append(argument)
        elif name in _CONSTANTS:
            self._stack.append(_CONSTANTS[name]())
        elif name in _ACTIONS:
            _ACTIONS[name](self, argument)
        else:
            raise ModelError(f"contains the pickle instruction {name}, which no checkpoint needs")

    def answer(self) -> Any:
        if len(self._stack) != 1 or self._stack[0] is _MARK:
            raise ModelError("is a pickle without an answer")
        return self._stack[0]

    def _pop(self) -> Any:
        value = self._stack.pop()
        if value is _MARK:
            raise IndexError
        return value

    def _pop_to_mark(self) -> list[Any]:
        items: list[Any] = []
        while (value := self._stack.pop()) is not _MARK:
            items.append(value)
        return items[::-1]

    def _top(self, kind: type[Any]) -> Any:
        if not isinstance(self._stack[-1], kind):
            raise ModelError(f"is a pickle that fills a {type(self._stack[-1]).__name__} like a {kind.__name__}")
        return self._stack[-1]

    def mark(self, _: Any) -> None:
        self._stack.append(_MARK)

    def tuple_of(self, count: int) -> None:
        items = [self._pop() for _ in range(count)]
        self._stack.append(tuple(items[::-1]))

    def tuple_to_mark(self, _: Any) -> None:
        self._stack.append(tuple(self._pop_to_mark()))

    def list_to_mark(self, _: Any) -> None:
        self._stack.append(self._pop_to_mark())

    def dict_to_mark(self, _: Any) -> None:
        items = self._pop_to_mark()
        self._stack.append({})
        self._fill(items)

    def append(self, _: Any) -> None:
        value = self._pop()
        self._top(list).append(value)

    def appends(self, _: Any) -> None:
        items = self._pop_to_mark()
        self._top(list).extend(items)

    def set_item(self, _: Any) -> None:
        value, key = self._pop(), self._pop()
        self._fill([key, value])

    def set_items(self, _: Any) -> None:
        self._fill(self._pop_to_mark())

    def _fill(self, items: list[Any]) -> None:
        target = self._top(dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[check_key(key)] = value

    def pop(self, _: Any) -> None:
        self._stack.pop()

    def pop_to_mark(self, _: Any) -> None:
        self._pop_to_mark()

    def duplicate(self, _: Any) -> None:
        self._stack.append(self._stack[-1])

    def put(self, index: Any) -> None:
        self._memo[int(index)] = self._stack[-1]

    def memoize(self, _: Any) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def get(self, index: Any) -> None:
        self._stack.append(self._memo[int(index)])

    def name(self, argument: Any) -> None:
        module, _, name = argument.partition(" ")
        self._stack.append(lookup(module, name))

    def name_from_stack(self, _: Any) -> None:
        name, module = self._pop(), self._pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise ModelError(f"names {shown(name)} as an object")
        self._stack.append(lookup(module, name))

    def call(self, _: Any) -> None:
        arguments, function = self._pop(), self._pop()
        self._stack.append(apply(function, arguments))

    def set_state(self, _: Any) -> None:
        self._pop()
        if not has_no_state(self._stack[-1]):
            raise ModelError(f"sets the state of a {type(self._stack[-1]).__name__}")

    def data(self, _: Any) -> None:
        self._stack.append(persistent(self._pop()))

    def nothing(self, _: Any) -> None:
        """Frames, the protocol's number and the end mean nothing to a machine that reads them all."""


_VALUES = frozenset(
    [
        *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
        *("STRING", "BINSTRING", "SHORT_BINSTRING"),
        *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
        *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    ]
)
"""Instructions that push their argument."""

_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_DICT": dict,
}

_ACTIONS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine.mark,
    "TUPLE": _Machine.tuple_to_mark,
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "LIST": _Machine.list_to_mark,
    "DICT": _Machine.dict_to_mark,
    "APPEND": _Machine.append,
    "APPENDS": _Machine.appends,
    "SETITEM": _Machine.set_item,
    "SETITEMS": _Machine.set_items,
    "POP": _Machine.pop,
    "POP_MARK": _Machine.pop_to_mark,
    "DUP": _Machine.duplicate,
    "PUT": _Machine.put,
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "MEMOIZE": _Machine.memoize,
    "GET": _Machine.get,
    "BINGET": _Machine.get,
    "LONG_BINGET": _Machine.get,
    "GLOBAL": _Machine.name,
    "STACK_GLOBAL": _Machine.name_from_stack,
    "REDUCE": _Machine.call,
    "BUILD": _Machine.set_state,
    "BINPERSID": _Machine.data,
    "PROTO": _Machine.nothing,
    "FRAME": _Machine.nothing,
    "STOP": _Machine.nothing,
}

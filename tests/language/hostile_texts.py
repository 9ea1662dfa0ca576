"""Values that are harmless in a text and not in a program: readers refuse each, with file and line."""

from __future__ import annotations

#: JSON in place of one value, by what is wrong with it
JSON_VALUES = {
    "NaN": "NaN",
    "infinite": "-Infinity",
    "infinite once read": "1e400",
    "a long integer": "1" + "0" * 320,
    "an integer that Python does not read": "9" * 5000,
    "half of a pair": r'"\ud83d"',
    "half of a pair as key": r'{"\udc00": 1}',
    "a key twice": '{"a": 1, "a": 1}',
    "nested": "[" * 2000 + "]" * 2000,
    "nested further than Python reads": '{"a":' * 100_000,
}
#: YAML in place of one value
YAML_VALUES = {
    "no bool": "!!bool x",
    "no date": "!!timestamp x",
    "no number": "!!int ''",
    "no float": "!!float x",
    "no such day": "2026-02-31",
    "no base64": "!!binary '~'",
    "not finite": ".nan",
    "infinite": "-.inf",
    "a long integer": "1" + "0" * 400,
    "an integer that Python does not read": "9" * 5000,
    "a long integer in 16s": "0x" + "f" * 90,
    "60s of 60s": "1" + ":59" * 50_000,
    "half of a pair": r'"\uD83D"',
    "a key twice": "{a: 1, a: 1}",
    "a key that is a list": "{[a]: 1}",
    "another's tag": "!!python/name:os.system",
    "a tag of one's own": "!x y",
    "an alias": "[&a x, *a]",
    "nested": "[" * 200 + "]" * 200,
    "nested in lines": "\n" + "".join(f"{'  ' * level}-\n" for level in range(5, 300)),
    "a merge": "{<<: {a: 1}}",
}

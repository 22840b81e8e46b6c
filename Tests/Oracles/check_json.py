"""Checks a JSON document: check_json.py DOCUMENT NAMES_AS_HEX_LIST: it parses, is ASCII, and holds each name exactly in some string."""

import json
import sys

with open(sys.argv[1], "rb") as f:
    content = f.read()
content.decode("ascii")
document = json.loads(content)
strings = set()


def walk(item):
    if isinstance(item, dict):
        for key, value in item.items():
            strings.add(key)
            walk(value)
    elif isinstance(item, list):
        for value in item:
            walk(value)
    elif isinstance(item, str):
        strings.add(item)


walk(document)
missing = []
for name in (bytes.fromhex(text) for text in json.loads(sys.argv[2])):
    if name.decode() not in strings:
        missing.append(name)
if missing:
    sys.exit(f"{len(missing)} names are missing, the first: {missing[0]!r}")
print(len(strings))

#!/usr/bin/env python3
"""Every option of every layer can be written as text. Usage: check_attrs.py [root]

Each field but `name` of each options struct of include/tenon/layers.h and graph.h is in a table of attributes of src/layers, by its own
name and with the type that the field has: {"filters", ..., TN_ATTR_INT, offsetof(tn_conv2d_opts, filters)}. What is said
of a parameter, tn_param_opts, is in src/graph/text_attrs.c.
"""
import re

import tree

TYPES = {"bool": "BOOL", "int": "INT", "int[2]": "INT2", "float": "FLOAT", "float[4]": "FLOAT4", "tn_dtype": "DTYPE",
         "tn_shape": "LIST", "tn_param_opts": "PARAM", "tn_init": "INIT", "tn_value": "VALUE"}
STRUCT = re.compile(r"typedef struct (tn_\w+_opts) \{(.*?)\} \1;", re.S)
ENTRY = re.compile(r'\{\s*"(\w+)",\s*[^{}]*?\bTN_ATTR_(\w+),\s*offsetof\(\s*(\w+),\s*(\w+)\s*\)', re.S)
MOST_FIELDS = 64  # src/graph/text_attrs.c


def fields(body):
    """Name and type of each field; `int kernel[2], stride[2];` is two of int[2]."""
    body = re.sub(r"/\*.*?\*/", "", body, flags=re.S)
    for declaration in filter(None, (d.strip() for d in body.split(";"))):
        kind, names = re.fullmatch(r"((?:const )?\w+)\s*(.*)", declaration, re.S).groups()
        for name in names.split(","):
            name, size = re.fullmatch(r"\**\s*(\w+)\s*(\[\d\])?", name.strip()).groups()
            yield name, kind + (size or "")


def main():
    top = tree.root()
    header = "".join((top / f"include/tenon/{h}.h").read_text() for h in ("layers", "graph"))
    enums = set(re.findall(r"^\} (tn_\w+);", "\n".join(re.findall(r"typedef enum.*?^\} \w+;", header, re.S | re.M)), re.M))
    sources = tree.files(top, "src/layers", suffixes=(".c", ".h")) + ["src/graph/text_attrs.c"]
    tables = {}
    for source in sources:
        for name, kind, struct, field in ENTRY.findall((top / source).read_text()):
            tables.setdefault(struct, {})[field] = (name, kind)
    found, seen = [], 0
    for struct, body in STRUCT.findall(header):
        table, count = tables.get(struct, {}), 0
        for field, kind in fields(body):
            if field == "name":
                continue
            seen += 1
            wanted = "ENUM" if kind in enums else TYPES.get(kind)
            count += 6 if wanted == "PARAM" else 1
            if not wanted:
                found.append(f"{struct}.{field}: no attribute can be a {kind}; see src/graph/op.h")
            elif table.get(field) != (field, wanted):
                found.append(f"{struct}.{field}: its op's table has {table.get(field)}, not {(field, wanted)}")
        if count > MOST_FIELDS:
            found.append(f"{struct}: has {count} options, more than {MOST_FIELDS}")
    tree.end("attributes", found, seen)


main()

#!/usr/bin/env python3
"""Writes stubs.c: every entry point of the toolkit's stub driver that driver.c does not define.

Each one returns CUDA_ERROR_STUB_LIBRARY. Usage: make_stubs.py lib64/stubs/libcuda.so stubs.c
"""
import pathlib
import re
import subprocess
import sys

listing = subprocess.run(["nm", "-D", "--defined-only", sys.argv[1]], capture_output=True, text=True, check=True).stdout
source = pathlib.Path(__file__).with_name("driver.c").read_text()
done = set(re.findall(r"^CUresult (\w+)\(", source, re.M))
names = sorted({line.split()[2].split("@")[0] for line in listing.splitlines()})
stubs = [f"int {name}(void);\nint {name}(void)\n{{\n    return 34;\n}}\n"
         for name in names if name.startswith("cu") and name not in done]
pathlib.Path(sys.argv[2]).write_text("/* Written by make_stubs.py. */\n" + "".join(stubs))

"""Takes the program out of README.md: readme_program.py README.md OUT.c"""
import re
import sys

text = open(sys.argv[1], encoding="utf-8").read()
programs = [block for block in re.findall(r"^```c\n(.*?)^```$", text, re.M | re.S) if "int main(" in block]
if len(programs) != 1:
    sys.exit(f"{sys.argv[1]} holds {len(programs)} programs, not one")
with open(sys.argv[2], "w", encoding="utf-8") as out:
    out.write(programs[0])

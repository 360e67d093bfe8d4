"""Adds up test runs: _count.py JUNIT_XML...

A ctest test that is a cmocka program counts as the cases it ran, any other as one. Says which failed and
which were skipped and why; the last line is "N passed, M failed, K skipped", and the exit status 1 if any
failed or none ran. Before it, for which sets of instructions the CPU's code was tested: the processor's own, and those
that some tests were held to.
"""
import os
import re
import sys
import xml.etree.ElementTree


def cases(test):
    """(passed, failed, skipped) of one ctest test."""
    output = test.findtext("system-out") or ""
    status = test.get("status")
    if status in ("notrun", "disabled"):
        return 0, 0, 1
    found = {kind: sum(map(int, re.findall(rf"\[  {kind} *\] (\d+) test\(s\)", output)))
             for kind in ("PASSED", "FAILED", "SKIPPED")}
    # A program that crashed or leaked after (or before) its last case failed in one thing more.
    if status == "fail" and not found["FAILED"]:
        found["FAILED"] = 1
    if not any(found.values()):
        found["PASSED"] = 1
    return found["PASSED"], found["FAILED"], found["SKIPPED"]


def reasons(output):
    """Lines that say why something was skipped."""
    return [line.strip() for line in (output or "").splitlines() if "skipped:" in line]


SETS = {"avx512": ("AVX-512", "avx512dq"), "avx2": ("AVX2", "avx2"), "portable": ("SSE4.1", "sse4_1")}


def sets_tested(ran):
    """One line of what this processor has, and how many of the tests named in `ran` were held to less."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as f:
            flags = re.search(r"^flags\s*:(.*)$", f.read(), re.M)
    except OSError:
        flags = None
    have = flags[1].split() if flags else []
    own = next((name for name, flag in SETS.values() if flag in have), "none of x86-64")
    held = [f"{count} held to {name}" for suffix, (name, flag) in SETS.items()
            if flag in have and (count := sum(test.endswith("_" + suffix) for test in ran))]
    return f"instruction sets: tests ran with this CPU's, {own}; " + (", ".join(held) or "none held to less")


def main():
    passed = failed = skipped = 0
    ran = []
    for path in sys.argv[1:]:
        build = os.path.basename(os.path.dirname(path))
        for test in xml.etree.ElementTree.parse(path).getroot().iter("testcase"):
            good, bad, left_out = cases(test)
            passed, failed, skipped = passed + good, failed + bad, skipped + left_out
            if good:
                ran.append(test.get("name"))
            if bad:
                print(f"FAILED  {build}: {test.get('name')}")
            if left_out:
                why = sorted(set(reasons(test.findtext("system-out"))))
                print(f"skipped {build}: {test.get('name')} ({left_out})", *why[:4], sep="\n          ")
    print(sets_tested(ran))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(failed > 0 or passed == 0)


main()

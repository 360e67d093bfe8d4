#!/bin/sh
# The public headers as Doxygen reads them: not one warning. Usage: doxygen.sh ROOT WORK_FOLDER
set -eu
command -v doxygen >/dev/null || { echo "skipped: doxygen is not installed"; exit 77; }
rm -rf "$2"
mkdir -p "$2"
cd "$1"
{ cat Doxyfile; echo "OUTPUT_DIRECTORY = $2"; echo "GENERATE_HTML = NO"; echo "GENERATE_XML = YES"; } | doxygen - 2>&1 | tee "$2/said"
[ ! -s "$2/said" ]

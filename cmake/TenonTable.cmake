# tenon_table(<name> FOLDER dir HEADER header TYPE type SYMBOL prefix ARRAY array)
#
# Writes <name>_table.c: one extern and one array entry for each dir/<stem>.c, which must define
# `const <type> <prefix><stem>`. A file that does not is a link error that names the missing symbol.
# Files that start with '_' are helpers, and backend_*.c is the backend itself: both stay out.
# Sets <name>_TABLE to the written file.
function(tenon_table name)
  cmake_parse_arguments(A "" "FOLDER;HEADER;TYPE;SYMBOL;ARRAY" "" ${ARGN})
  file(GLOB files CONFIGURE_DEPENDS ${A_FOLDER}/[a-z]*.c)
  list(FILTER files EXCLUDE REGEX "/backend_[a-z]*\\.c$")
  list(SORT files)
  set(externs "")
  set(entries "")
  foreach(f IN LISTS files)
    get_filename_component(stem ${f} NAME_WE)
    string(APPEND externs "extern const ${A_TYPE} ${A_SYMBOL}${stem};\n")
    string(APPEND entries "    &${A_SYMBOL}${stem},\n")
  endforeach()
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${name}_table.c)
  file(CONFIGURE OUTPUT ${out} CONTENT
"/* Written by cmake/TenonTable.cmake from the files of one folder. */
#include \"${A_HEADER}\"

${externs}
extern const ${A_TYPE} *const ${A_ARRAY}[];
const ${A_TYPE} *const ${A_ARRAY}[] = {
${entries}    NULL,
};
")
  set(${name}_TABLE ${out} PARENT_SCOPE)
endfunction()

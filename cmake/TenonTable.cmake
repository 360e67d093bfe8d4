# tenon_table(<name> FOLDER dir HEADER header TYPE type SYMBOL prefix ARRAY array
#             [FILES pattern] [EXCEPT file...] [LAST_FOLDER dir LAST_SYMBOL prefix])
#
# Writes <name>_table.c: one extern and one array entry for each dir/<stem>.c (of that pattern), which must define
# `const <type> <prefix><stem>`; behind them those of another folder. A file that does not is a link error that
# names the missing symbol. Files that start with '_' are helpers, and backend_*.c is the backend itself: both stay
# out. Sets <name>_TABLE to the written file.
function(tenon_table name)
  cmake_parse_arguments(A "" "FOLDER;FILES;HEADER;TYPE;SYMBOL;ARRAY;LAST_FOLDER;LAST_SYMBOL" "EXCEPT" ${ARGN})
  set(externs "")
  set(entries "")
  if(NOT A_FILES)
    set(A_FILES "[a-z]*.c")
  endif()
  foreach(which IN ITEMS "" LAST_)
    set(files "")
    if(A_${which}FOLDER)
      file(GLOB files CONFIGURE_DEPENDS ${A_${which}FOLDER}/${A_FILES})
    endif()
    list(FILTER files EXCLUDE REGEX "/backend_[a-z]*\\.c$")
    if(A_EXCEPT)
      list(REMOVE_ITEM files ${A_EXCEPT})
    endif()
    list(SORT files)
    foreach(f IN LISTS files)
      get_filename_component(stem ${f} NAME_WE)
      string(APPEND externs "extern const ${A_TYPE} ${A_${which}SYMBOL}${stem};\n")
      string(APPEND entries "    &${A_${which}SYMBOL}${stem},\n")
    endforeach()
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

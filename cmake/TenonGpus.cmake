# Writes gpus_table.c: the device properties of GPUs that one may plan for without having one, from
# src/backends/cuda/gpus/*.json. Sets gpus_TABLE.
file(GLOB gpu_files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/backends/cuda/gpus/*.json)
set(entries "")
foreach(f IN LISTS gpu_files)
  get_filename_component(stem ${f} NAME_WE)
  file(READ ${f} text)
  string(STRIP "${text}" text)
  string(REPLACE "\"" "\\\"" text "${text}")
  string(APPEND entries "    {\"${stem}\", \"${text}\"},\n")
endforeach()
set(gpus_TABLE ${CMAKE_CURRENT_BINARY_DIR}/gpus_table.c)
file(CONFIGURE OUTPUT ${gpus_TABLE} CONTENT
"/* Written by cmake/TenonGpus.cmake from the files of one folder. */
#include \"backends/cuda/device/gpus.h\"

const tn_gpu_file tn_gpu_files[] = {
${entries}    {NULL, NULL},
};
" @ONLY)

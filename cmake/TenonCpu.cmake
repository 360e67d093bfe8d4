# The CPU backend: its kernels' tables, and its code for each set of instructions.
#
# Sets TENON_CPU_SOURCES, for the library as they are, and TENON_CPU_OBJECTS, what was compiled of the others.
set(folder ${PROJECT_SOURCE_DIR}/src/backends/cpu)

# tenon_see(<out> <folder> <header>): the files below the folder that include one of its headers, or one that does.
function(tenon_see out folder header)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS ${folder}/*.[ch])
  set(found "")
  set(headers ${header})
  while(headers)
    list(POP_FRONT headers h)
    foreach(f IN LISTS files)
      file(STRINGS ${f} line REGEX "^#include \".*/${h}\"" LIMIT_COUNT 1)
      if(line AND NOT f IN_LIST found)
        list(APPEND found ${f})
        set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${f})
        file(RELATIVE_PATH name ${folder} ${f})
        list(APPEND headers ${name})
      endif()
    endforeach()
  endwhile()
  set(${out} ${found} PARENT_SCOPE)
endfunction()

# One file an op and kernel lies in the folder itself; what these are made of in one folder a family.
file(GLOB TENON_CPU_SOURCES CONFIGURE_DEPENDS ${folder}/*.c ${folder}/*/*.c)
if(TENON_DNNL_FOUND)
  tenon_table(cpu      FOLDER ${folder} HEADER backends/backend.h
              TYPE tn_kernel SYMBOL tn_cpu_ ARRAY tn_cpu_kernels)
  list(REMOVE_ITEM TENON_CPU_SOURCES ${folder}/onednn/none.c)
else()
  tenon_see(TENON_CPU_DNNL ${folder} onednn/onednn.h)
  tenon_table(cpu      FOLDER ${folder} EXCEPT ${TENON_CPU_DNNL} HEADER backends/backend.h
              TYPE tn_kernel SYMBOL tn_cpu_ ARRAY tn_cpu_kernels
              LAST_FOLDER ${folder}/reference LAST_SYMBOL tn_reference_)
  list(REMOVE_ITEM TENON_CPU_SOURCES ${TENON_CPU_DNNL})
  # What only those are made of.
  list(FILTER TENON_CPU_SOURCES EXCLUDE REGEX "/cpu/(first|pool|winograd)/|/tiles_code[.]c$")
endif()
tenon_table(reference  FOLDER ${folder}/reference HEADER backends/backend.h
            TYPE tn_kernel SYMBOL tn_reference_ ARRAY tn_reference_kernels)
tenon_table(cpu_optim  FOLDER ${folder}/optim HEADER backends/backend.h
            TYPE tn_optim_kernel SYMBOL tn_cpu_optim_ ARRAY tn_cpu_optims)

set(code ${TENON_CPU_SOURCES})
list(FILTER code INCLUDE REGEX "[/_]code[.]c$")
list(REMOVE_ITEM TENON_CPU_SOURCES ${code})
list(APPEND TENON_CPU_SOURCES ${cpu_TABLE} ${reference_TABLE} ${cpu_optim_TABLE})

# src/backends/cpu/vector/isa.h: which of these runs is decided when it does. Vectors wider than the processor's,
# which only functions that are always inlined take, are no matter of an ABI.
set(sets portable)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  list(APPEND sets avx2 avx512)
endif()
set(avx2 -mavx2 -mfma -mf16c)
set(avx512 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma)
set(TENON_CPU_ISAS ${sets})
set(TENON_CPU_CODE ${code})
set(TENON_CPU_OBJECTS "")

# tenon_cpu_code(<target> <isa>): the code that is compiled for each set, compiled for this one.
function(tenon_cpu_code name isa)
  string(TOUPPER ${isa} upper)
  add_library(${name} OBJECT ${TENON_CPU_CODE})
  target_include_directories(${name} PRIVATE src include)
  target_link_libraries(${name} PRIVATE tenon_depends)
  target_compile_definitions(${name} PRIVATE TN_ISA=${isa} TN_ISA_${upper})
  target_compile_options(${name} PRIVATE -ffp-contract=fast -fno-signed-zeros -fno-trapping-math
                                         -Wno-psabi ${${isa}})
  if(TENON_SANITIZE) # What is unrolled so far takes minutes to compile with all its checks.
    target_compile_options(${name} PRIVATE -O1)
  endif()
endfunction()

foreach(isa IN LISTS sets)
  tenon_cpu_code(tenon_cpu_${isa} ${isa})
  list(APPEND TENON_CPU_OBJECTS $<TARGET_OBJECTS:tenon_cpu_${isa}>)
endforeach()
